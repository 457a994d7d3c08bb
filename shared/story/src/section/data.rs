//! What to take along, and what the results were made with.

use splitsim_report::{Cell, Column, DataFile, Download, Section, Table};

use crate::RecordedRun;

pub(crate) fn section(run: &RecordedRun) -> Section {
    let mut made_with = Table::new("Made with", [Column::text("what"), Column::text("value")]);
    for (name, value) in &run.provenance {
        made_with.push([Cell::text(name.replace('-', " ")), Cell::text(value)]);
    }
    let downloads = [
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
        Download::new(
            DataFile::Toml,
            "scenario.resolved.toml",
            "The scenario with every default spelt out; splitsim run takes it.",
            run.scenario(),
        ),
    ];
    let mut section = Section::new("Data and provenance").downloads(downloads);
    if !run.provenance.is_empty() {
        section = section.table(made_with);
    }
    section
}
