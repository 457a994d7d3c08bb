//! What to take along.

use splitsim_replay::ReplayError;
use splitsim_report::{DataFile, Download, Section};
use splitsim_table::Table;

use crate::replay::RecordedReplay;
use crate::section::data;

pub(crate) fn section(replay: &RecordedReplay) -> Result<Section, ReplayError> {
    let comparison = &replay.comparison;
    let mut tables = vec![
        csv(
            "policies.csv",
            "One row per task and policy: everything in the tables above.",
            &comparison.to_table()?,
        ),
        csv(
            "frames.csv",
            "One row per task, policy and frame: what was shipped, what it cost, what it broke.",
            &comparison.to_frames_table()?,
        ),
    ];
    for recording in &replay.recordings {
        tables.push(csv(
            &format!("ladder-{}.csv", recording.identity().task),
            "The recording: one row per frame and level.",
            &recording.to_table()?,
        ));
    }
    Ok(data::of(tables, Some(&replay.scenario)))
}

fn csv(name: &str, about: &str, table: &Table) -> Download {
    Download::new(DataFile::Csv, name, about, &table.to_csv())
}
