//! The section with the data to download.

use splitsim_replay::ReplayError;
use splitsim_report::{DataFile, Download, Section};

use crate::replay::RecordedReplay;
use crate::section::data;

pub(crate) fn section(replay: &RecordedReplay) -> Result<Section, ReplayError> {
    let downloads = replay.tables()?.into_iter().map(|(name, table)| {
        let about = match name.as_str() {
            "policies" => "One row per task and policy: everything in the tables above.",
            "frames" => {
                "One row per task, policy and frame: what was shipped, what it cost, what it broke."
            }
            _ => "The recording: one row per frame and level.",
        };
        Download::new(DataFile::Csv, format!("{name}.csv"), about, &table.to_csv())
    });
    Ok(data::of(downloads, Some(&replay.scenario)))
}
