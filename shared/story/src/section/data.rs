//! The section with the data to download and the provenance of the results.

use splitsim_report::{Cell, Column, DataFile, Download, Section, Table};

use crate::RecordedRun;
use crate::scenario::ResolvedScenario;

pub(crate) fn section(run: &RecordedRun) -> Section {
    let tables = [
        Download::new(
            DataFile::Csv,
            "frames.csv",
            "One row per frame: what was shipped, what it cost, what it broke.",
            &run.frames_table().to_csv(),
        ),
        Download::new(
            DataFile::Csv,
            "attempts.csv",
            "One row per encoding, shipped or thrown away.",
            &run.attempts_table().to_csv(),
        ),
    ];
    of(tables, run.scenario.as_ref())
}

/// The tables and, where there is one, the scenario and its provenance.
pub(crate) fn of(
    tables: impl IntoIterator<Item = Download>,
    scenario: Option<&ResolvedScenario>,
) -> Section {
    let resolved = scenario.map(|scenario| {
        Download::new(
            DataFile::Toml,
            ResolvedScenario::FILE_NAME,
            "The scenario with every default spelt out; splitsim run takes it.",
            &scenario.text,
        )
    });
    let downloads = tables.into_iter().chain(resolved);
    let section = Section::new("Data and provenance").downloads(downloads);
    let Some(scenario) = scenario.filter(|scenario| !scenario.provenance.is_empty()) else {
        return section;
    };
    let mut made_with = Table::new("Made with", [Column::text("what"), Column::text("value")]);
    for (name, value) in &scenario.provenance {
        made_with.push([Cell::text(name.replace('-', " ")), Cell::text(value)]);
    }
    section.table(made_with)
}
