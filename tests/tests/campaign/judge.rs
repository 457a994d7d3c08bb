//! Checks the store and the journal after a run, without knowledge of the run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;
use splitsim_feature::Task;
use splitsim_model::Digest;
use splitsim_tests::{EdgeRun, Lab, Peer, results};

use crate::plan::Plan;

/// The expected record of every frame, made by library parts in this process.
pub(crate) struct Expected(BTreeMap<u64, (String, String)>);

impl Expected {
    pub(crate) fn of(lab: &Lab) -> Self {
        let peer = Peer::new(lab);
        let frame = |frame| {
            let shipment = peer.shipment(frame, Task::Cls);
            let container = Digest::of(&shipment.container).to_string();
            (frame, (shipment.header.source.to_string(), container))
        };
        Self((0..Plan::MAX_FRAMES).map(frame).collect())
    }

    /// No frame is lost, doubled or mislabelled, but for those that somebody `removed` with the results.
    pub(crate) fn judge(&self, lab: &Lab, frames: usize, removed: &BTreeSet<u64>) {
        let stored = stored(&lab.path("cloud-out"));
        let numbers: Vec<u64> = stored.iter().map(|row| row.0).collect();
        // A removed frame is there again where its edge had not heard of the answer.
        let due = |frame: &u64| !removed.contains(frame) || numbers.contains(frame);
        let all: Vec<u64> = (0..frames as u64).filter(due).collect();
        assert_eq!(numbers, all, "frames in the store");
        for (frame, source, container, measured) in &stored {
            let expected = &self.0[frame];
            assert_eq!((source, container), (&expected.0, &expected.1), "{frame}");
            assert!(measured, "frame {frame} has no distortion");
        }
        let journal = journal(&lab.path("edge-out/edge/journal.jsonl"));
        assert_eq!(journal.len(), frames, "frames in the journal");
        for (frame, source) in journal {
            assert_eq!(source, self.0[&frame].0, "frame {frame} of the journal");
        }
        let spool = lab.path("edge-out/edge/spool");
        assert_eq!(std::fs::read_dir(spool).map_or(0, Iterator::count), 0);
    }
}

/// Number, picture, container and whether the distortion is known, by number.
fn stored(out: &Path) -> Vec<(u64, String, String, bool)> {
    let store = Connection::open(results::file(out)).unwrap();
    let whole: String = store
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(whole, "ok");
    let mut statement = store
        .prepare(
            "SELECT frame, frames.source, container_digest, distortion IS NOT NULL
             FROM frames LEFT JOIN distortions USING (frame_key) ORDER BY frame",
        )
        .unwrap();
    let rows = statement.query_map([], |row| {
        let frame: i64 = row.get(0)?;
        Ok((frame as u64, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// Answered frames and their pictures, in the journal's own words.
fn journal(path: &Path) -> BTreeMap<u64, String> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut answered = BTreeMap::new();
    for line in text.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        if entry["record"] == "answered" {
            let frame = entry["frame"].as_u64().unwrap();
            let source = entry["source"].as_str().unwrap().to_owned();
            assert!(answered.insert(frame, source).is_none(), "{frame} twice");
        }
    }
    assert!(text.contains(&format!("scenes:{}:", EdgeRun::SEED)));
    answered
}
