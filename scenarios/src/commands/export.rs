//! `splitsim export`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use serde_json::json;
use splitsim_durable::encode_name;
use splitsim_results::{Cell, ColumnType, Rows, Store, TableName};
use splitsim_story::{Limits, RecordedReplay, RecordedRun};
use splitsim_table::{Column, Table, Values, to_parquet};

use crate::outputs::Force;
use crate::sweep::RecordedSweep;
use crate::{Failure, Output};
use splitsim_cli::OrRefuse;
use splitsim_display::printable;

/// Write the results of a run, a replay or a sweep as Parquet or CSV.
///
/// Of a run, one file per table of the results (runs, frames, attempts, distortions, stages, joined by
/// run_key and frame_key), and flat.EXT with a row per frame that has everything. Of a replay, policies.EXT,
/// frames.EXT with a row per policy and frame, and the recorded ladders. Of a sweep, sweep.EXT with a row per
/// point, task and policy, the swept values as numbers. Columns: docs/metrics.md.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Export {
    /// The folder that splitsim run, policies compare or cloud serve wrote
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The format
    #[arg(long, value_enum)]
    format: Format,
    /// The folder that the files go to, made if it is missing
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    #[command(flatten)]
    force: Force,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Apache Parquet, read by pandas, Polars and DuckDB
    Parquet,
    /// Comma-separated values, RFC 4180; unknown values are empty
    Csv,
}

impl Export {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        let tables = self.tables()?;
        ensure_folder(&self.out).or_refuse()?;
        let files = tables.iter().map(|(name, table)| self.file(name, table));
        let files = files.collect::<Result<Vec<_>>>()?;
        for file in &files {
            let check = self.force.check_content("--out", &file.path, &file.bytes);
            check.or_refuse()?;
        }
        Ok(execute(&files)?)
    }

    /// The tables of whatever the folder has, by their names.
    fn tables(&self) -> Result<Vec<(String, Table)>, Failure> {
        if RecordedSweep::is_in(&self.folder) {
            let sweep = RecordedSweep::read(&self.folder).or_refuse()?;
            let table = sweep.table(&Limits::default());
            let table = table.context("cannot make a table of the sweep")?;
            return Ok(vec![("sweep".to_owned(), table)]);
        }
        if RecordedReplay::is_in(&self.folder) {
            let replay = RecordedReplay::read(&self.folder, &[]).or_refuse()?;
            return Ok(replay
                .tables()
                .context("cannot make tables of the replay")?);
        }
        let run = RecordedRun::read(&self.folder).or_refuse()?;
        let store = Store::open(&self.folder.join(Store::FILE_NAME)).or_refuse()?;
        Ok(tables_of(&run, &store)?)
    }

    fn file(&self, name: &str, table: &Table) -> Result<File> {
        let (extension, bytes) = match self.format {
            Format::Parquet => ("parquet", to_parquet(table)?),
            Format::Csv => ("csv", table.to_csv().into_bytes()),
        };
        let name = encode_name(name);
        Ok(File {
            path: self.out.join(format!("{name}.{extension}")),
            bytes,
            rows: table.rows(),
        })
    }
}

/// A file to be written.
struct File {
    path: PathBuf,
    bytes: Vec<u8>,
    rows: usize,
}

fn execute(files: &[File]) -> Result<Output> {
    let (mut text, mut json) = (Vec::new(), Vec::new());
    for File { path, bytes, rows } in files {
        splitsim_durable::replace(path, bytes)?;
        text.push(format!("{}: {rows} rows", printable(path.display())));
        json.push(json!({ "file": path, "rows": rows }));
    }
    Output::new(text.join("\n"), &json!({ "files": json }))
}

/// `flat`, and the tables of the store.
fn tables_of(run: &RecordedRun, store: &Store) -> Result<Vec<(String, Table)>> {
    let mut tables = vec![("flat".to_owned(), run.frames_table())];
    for table in TableName::ALL {
        tables.push((table.name().to_owned(), typed(store.rows(table)?)?));
    }
    Ok(tables)
}

fn ensure_folder(path: &Path) -> Result<()> {
    ensure!(
        !path.is_file(),
        "--out {} is a file; name a folder",
        path.display()
    );
    std::fs::create_dir_all(path).with_context(|| format!("folder {}", path.display()))
}

/// A table with the types that its columns are declared with, also where every value is unknown.
fn typed(rows: Rows) -> Result<Table> {
    let Rows {
        columns,
        types,
        rows,
    } = rows;
    let columns = columns.into_iter().zip(types).enumerate();
    let columns = columns.map(|(index, (name, of))| {
        let cells = rows.iter().map(|row| &row[index]);
        Column::new(name, values(of, cells))
    });
    Ok(Table::new(columns.collect())?)
}

fn values<'a>(of: ColumnType, cells: impl Iterator<Item = &'a Cell>) -> Values {
    match of {
        ColumnType::Integer => Values::Int(cells.map(integer).collect()),
        ColumnType::Real => Values::Float(cells.map(real).collect()),
        ColumnType::Text => Values::Text(cells.map(text).collect()),
    }
}

const fn integer(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Integer(value) => Some(*value),
        Cell::Null | Cell::Real(_) | Cell::Text(_) => None,
    }
}

const fn real(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Real(value) => Some(*value),
        Cell::Null | Cell::Integer(_) | Cell::Text(_) => None,
    }
}

fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(value) => Some(value.clone()),
        Cell::Null | Cell::Integer(_) | Cell::Real(_) => None,
    }
}

const EXAMPLES: &str = "\
Examples:
  splitsim export out/demo --format parquet --out out/demo/tables
  splitsim export out/demo --format csv --out /tmp/demo-csv
  splitsim export out/policy-comparison --format parquet --out tables";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_keep_their_declared_types() {
        let rows = Rows {
            columns: ["frame_key", "score", "failed"].map(str::to_owned).to_vec(),
            types: vec![ColumnType::Integer, ColumnType::Real, ColumnType::Text],
            rows: vec![vec![Cell::Integer(1), Cell::Null, Cell::Null]],
        };
        let table = typed(rows).unwrap();
        assert_eq!(table.ints("frame_key").unwrap(), [Some(1)]);
        assert_eq!(table.floats("score").unwrap(), [None]);
        assert_eq!(table.texts("failed").unwrap(), [None]);
    }
}
