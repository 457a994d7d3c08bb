//! The store's tables, read back as plain columns for exporters.

use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::Serialize;

use crate::{ResultsError, Store};

/// A table of the results file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableName {
    /// Registered runs.
    Runs,
    /// Shipped frames.
    Frames,
    /// Every encoding, shipped or not.
    Attempts,
    /// True task performance and distortion.
    Distortions,
    /// Time and traffic.
    Stages,
    /// Emulated links, sampled in time.
    LinkSamples,
    /// Connections, sampled in time.
    ConnectionSamples,
}

/// A table's columns and rows, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Column names.
    pub columns: Vec<String>,
    /// The declared type of each column.
    pub types: Vec<ColumnType>,
    /// One cell per column in each row.
    pub rows: Vec<Vec<Cell>>,
}

/// The type of a column's values, each of which may also be unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Counts and keys.
    Integer,
    /// Measurements.
    Real,
    /// Names, times, JSON.
    Text,
}

/// A value of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// An unknown value.
    Null,
    /// A count or key.
    Integer(i64),
    /// A measurement.
    Real(f64),
    /// A name, a time, or JSON.
    Text(String),
}

impl TableName {
    /// Every table.
    pub const ALL: [Self; 7] = [
        Self::Runs,
        Self::Frames,
        Self::Attempts,
        Self::Distortions,
        Self::Stages,
        Self::LinkSamples,
        Self::ConnectionSamples,
    ];

    /// The table's name in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Frames => "frames",
            Self::Attempts => "attempts",
            Self::Distortions => "distortions",
            Self::Stages => "stages",
            Self::LinkSamples => "link_samples",
            Self::ConnectionSamples => "connection_samples",
        }
    }
}

impl Store {
    /// A whole table. `run_key` and `frame_key` join the tables.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn rows(&self, table: TableName) -> Result<Rows, ResultsError> {
        let read = || -> rusqlite::Result<Rows> {
            // The first column is the key in every table; `attempts` has two.
            let query = format!("SELECT * FROM {} ORDER BY 1, 2", table.name());
            let mut statement = self.connection().prepare(&query)?;
            let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let mut types = self.connection().prepare(TYPES)?;
            let types = types
                .query_map([table.name()], |row| column_type(&row.get::<_, String>(0)?))?
                .collect::<Result<_, _>>()?;
            let width = columns.len();
            let rows = statement
                .query_map([], |row| {
                    (0..width).map(|column| cell(row, column)).collect()
                })?
                .collect::<Result<_, _>>()?;
            Ok(Rows {
                columns,
                types,
                rows,
            })
        };
        read().map_err(self.error("read a table"))
    }
}

/// Declared types in the order of the columns, computed columns included.
const TYPES: &str = "SELECT type FROM pragma_table_xinfo(?1) ORDER BY cid";

/// Strict tables declare every column, and ours none as BLOB or ANY.
fn column_type(declared: &str) -> rusqlite::Result<ColumnType> {
    match declared {
        "INTEGER" | "INT" => Ok(ColumnType::Integer),
        "REAL" => Ok(ColumnType::Real),
        "TEXT" => Ok(ColumnType::Text),
        _ => Err(rusqlite::Error::InvalidColumnType(
            0,
            declared.to_owned(),
            rusqlite::types::Type::Text,
        )),
    }
}

fn cell(row: &Row<'_>, column: usize) -> rusqlite::Result<Cell> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Integer(value),
        ValueRef::Real(value) => Cell::Real(value),
        // Strict tables without BLOB columns hold no blobs.
        ValueRef::Text(text) | ValueRef::Blob(text) => {
            Cell::Text(String::from_utf8_lossy(text).into_owned())
        }
    })
}
