//! Recordings made up for tests.

#![allow(dead_code, reason = "every test file uses its part of this")]

use std::collections::BTreeMap;
use std::time::Duration;

use splitsim_feature::Task;
use splitsim_feature::units::{BitRate, Bytes};
use splitsim_replay::{Identity, Level, RecordedFrame, Recording, Uplink};

pub(crate) const UPLINK: Uplink = Uplink {
    rate: BitRate(8_000_000),
    rtt: Duration::from_millis(40),
    interval: None,
};

pub(crate) fn identity(levels: usize) -> Identity {
    Identity {
        model: "m".to_owned(),
        model_digest: "digest-of-m".to_owned(),
        codec: "hevc".to_owned(),
        tables_digest: "tables".to_owned(),
        range: "package".to_owned(),
        task: Task::Seg,
        source: "scenes:4:2".to_owned(),
        software: "0.1.0".to_owned(),
        levels: (0..levels)
            .map(|level| format!("qp {}", 50 - level))
            .collect(),
    }
}

/// A level of these bytes, cosine and distortion that takes 30 ms at the edge and 15 ms in the cloud.
pub(crate) fn level(bytes: u64, cosine: f64, distortion: f64) -> Level {
    Level::Coded {
        container: Bytes(bytes),
        encode: Duration::from_millis(20),
        decode: Duration::from_millis(8),
        score: Duration::from_millis(2),
        cloud: Duration::from_millis(15),
        scores: BTreeMap::from([("cosine".to_owned(), cosine)]),
        distortion: Some(distortion),
    }
}

pub(crate) fn frame(frame: u64, levels: Vec<Level>) -> RecordedFrame {
    RecordedFrame {
        frame,
        name: format!("scene {frame}"),
        points: 8000,
        extract: Duration::from_millis(50),
        levels,
    }
}

pub(crate) fn recording(frames: Vec<Vec<Level>>) -> Recording {
    let levels = frames[0].len();
    let frames = (0..)
        .zip(frames)
        .map(|(number, levels)| frame(number, levels));
    Recording::new(identity(levels), frames.collect()).unwrap()
}

/// Two frames of three levels; the second needs more.
pub(crate) fn small() -> Recording {
    recording(vec![
        vec![
            level(1000, 0.90, 9.0),
            level(2000, 0.96, 1.0),
            level(4000, 0.99, 0.0),
        ],
        vec![
            level(1500, 0.80, 20.0),
            level(3000, 0.95, 5.0),
            level(6000, 0.98, 0.5),
        ],
    ])
}
