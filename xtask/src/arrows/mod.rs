//! Which crate may know which, checked on what cargo resolves.
//!
//! [`rules`] is the table, [`graph`] the engine, [`metadata`] the reading of `cargo metadata`.

mod graph;
mod metadata;
mod rules;

use anyhow::{Result, bail};

use self::rules::RULES;
use crate::workspace::Workspace;

/// Checks every rule and shows, for each broken one, a path that breaks it.
///
/// # Errors
/// When a rule is broken or names a crate that the workspace does not have.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let graph = metadata::read(workspace)?;
    let faults = graph.faults(RULES);
    for fault in &faults {
        eprintln!("arrows: {fault}");
    }
    if !faults.is_empty() {
        bail!(
            "the rules between crates are broken in {} ways",
            faults.len()
        );
    }
    eprintln!("arrows: {} rules hold", RULES.len());
    Ok(())
}

/// The rules, for a reader.
pub(crate) fn explain() -> String {
    RULES.iter().map(|rule| format!("{rule}\n")).collect()
}
