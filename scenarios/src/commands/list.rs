//! `splitsim list`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::scenario::{self, Plan};
use crate::{Failure, Output};
use splitsim_cli::OrRefuse;
use splitsim_display::printable;

/// List scenario files: what each is about and how many runs it asks for.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct List {
    /// Folder of the scenario files
    #[arg(value_name = "DIR", default_value = "scenarios")]
    folder: PathBuf,
}

impl List {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        let files = files(&self.folder).or_refuse()?;
        let found: Vec<Value> = files.iter().map(|path| describe(path)).collect();
        let lines = found.iter().map(|scenario| {
            let text = |key: &str| scenario[key].as_str().unwrap_or_default();
            let runs = match scenario["runs"].as_u64() {
                Some(1) => "1 run".to_owned(),
                Some(runs) => format!("{runs} runs"),
                None => "invalid".to_owned(),
            };
            // Further lines of an error draw the place in the file.
            let error = text("error").lines().next().unwrap_or_default();
            let about = format!("{}{error}", text("description"));
            printable(format!("{:<40} {runs:>10}  {about}", text("path"))).to_string()
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        Ok(Output::new(text, &Value::from(found))?)
    }
}

/// The TOML files of a folder by name; those in folders below belong to others.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let named = || format!("folder {}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(named)? {
        let path = entry.with_context(named)?.path();
        let is_scenario = path.extension().is_some_and(|ending| ending == "toml")
            && path.file_name().is_some_and(|name| name != "Cargo.toml");
        if is_scenario && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        bail!("{}: no scenario files (*.toml)", folder.display());
    }
    Ok(files)
}

fn describe(path: &Path) -> Value {
    let shown = path.display().to_string();
    match scenario::plan(path, &[]) {
        Ok(Plan::Single(draft)) => json!({
            "path": shown, "name": draft.name(), "description": draft.description(), "runs": 1,
        }),
        Ok(Plan::Sweep(sweep)) => json!({
            "path": shown, "name": sweep.name, "description": sweep.description,
            "runs": sweep.points.len(),
        }),
        Err(error) => json!({ "path": shown, "error": error.to_string() }),
    }
}

const EXAMPLES: &str = "\
Examples:
  splitsim list
  splitsim list scenarios --json";
