//! Checks the allowed dependencies between crates against cargo's resolved graph.
//!
//! [`charter`] holds the rules, as manifests state them; [`graph`] is the engine; [`metadata`] reads `cargo metadata`.
//! The table of crates in ARCHITECTURE.md is generated from the same manifests.

mod charter;
mod graph;
mod metadata;

use std::fs;

use anyhow::{Context, Result, bail};

use self::charter::Rule;
use self::metadata::{Architecture, Member};
use crate::workspace::Workspace;

/// The page with the table.
const PAGE: &str = "ARCHITECTURE.md";
/// The lines around the table.
const BEGIN: &str = "<!-- Made by `cargo xtask arrows --write` from the crates' manifests. -->\n";
const END: &str = "<!-- End of the table of crates. -->\n";

/// Checks every rule and the table in ARCHITECTURE.md. For each broken rule it shows a path that breaks it.
///
/// # Errors
/// If a rule is broken or names something unknown, a crate has no charter, or the page has another table.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let architecture = metadata::read(workspace)?;
    let rules = architecture.rules()?;
    let faults = architecture.graph.faults(&rules);
    for fault in &faults {
        eprintln!("arrows: {fault}");
    }
    if !faults.is_empty() {
        bail!(
            "the rules between crates are broken in {} ways",
            faults.len()
        );
    }
    let page = read_page(workspace)?;
    if page != with_table(&page, &architecture.table())? {
        bail!("the table of crates in {PAGE} is out of date: run `cargo xtask arrows --write`");
    }
    eprintln!("arrows: {} rules hold", rules.len());
    Ok(())
}

/// Writes the table of crates into ARCHITECTURE.md.
///
/// # Errors
/// If a crate has no charter, or the page cannot be read or written or has no place for the table.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    let architecture = metadata::read(workspace)?;
    architecture.rules()?;
    let page = with_table(&read_page(workspace)?, &architecture.table())?;
    fs::write(workspace.root().join(PAGE), page).context(PAGE)
}

/// The rules, for a reader.
///
/// # Errors
/// As [`run`], but for broken rules.
pub(crate) fn explain(workspace: &Workspace) -> Result<String> {
    let rules = metadata::read(workspace)?.rules()?;
    Ok(rules.iter().map(|rule| format!("{rule}\n")).collect())
}

impl Architecture {
    fn rules(&self) -> Result<Vec<Rule>> {
        let mut rules = Vec::new();
        for Member {
            name,
            folder,
            charter,
            ..
        } in &self.members
        {
            let charter = charter.as_ref().with_context(|| {
                format!("{folder}/Cargo.toml has no [package.metadata.architecture]")
            })?;
            match charter.rules(name, &self.groups) {
                Ok(of_crate) => rules.extend(of_crate),
                Err(unknown) => bail!(
                    "{folder}/Cargo.toml names groups that [workspace.metadata.architecture] does not define: {}",
                    unknown.join(", ")
                ),
            }
        }
        Ok(rules)
    }

    /// The table of crates in Markdown, dependencies first.
    fn table(&self) -> String {
        let mut members: Vec<&Member> = self.members.iter().collect();
        members.sort_by_key(|member| (self.graph.reach(&member.id), &member.folder));
        let mut table = "| crate | owns | must not reach |\n|---|---|---|\n".to_owned();
        for Member {
            folder, charter, ..
        } in members
        {
            let charter = charter.clone().unwrap_or_default();
            let (owns, forbidden) = (&charter.owns, charter.must_not_reach());
            table.push_str(&format!("| `{folder}` | {owns} | {forbidden} |\n"));
        }
        table
    }
}

fn read_page(workspace: &Workspace) -> Result<String> {
    fs::read_to_string(workspace.root().join(PAGE)).context(PAGE)
}

/// The page with `table` in the place of the one that it has.
fn with_table(page: &str, table: &str) -> Result<String> {
    let place = || {
        let (before, rest) = page.split_once(BEGIN)?;
        let (_, after) = rest.split_once(END)?;
        Some(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
    };
    place().with_context(|| format!("{PAGE} has no place for the table: {BEGIN}{END}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_takes_the_place_of_the_old_one() {
        let page = |table: &str| format!("# Page\n{BEGIN}{table}{END}rest\n");
        let made = with_table(&page("\nold\n"), "new\n").unwrap();
        assert_eq!(made, page("\nnew\n\n"));
        assert_eq!(with_table(&made, "new\n").unwrap(), made);
        assert!(with_table("# Page\n", "new\n").is_err());
    }
}
