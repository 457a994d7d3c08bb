//! Recordings as files.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::time::Duration;

use splitsim_replay::{Level, Recording, ReplayError};
use splitsim_table::{Column, Table, Values};
use support::{frame, identity, level, recording, small};

#[test]
fn a_recording_is_read_back_from_its_file() {
    let failed = Level::Failed {
        took: Duration::from_millis(7),
        reason: "ffmpeg: exit 1".to_owned(),
    };
    let mut without = level(10, 0.5, 1.0);
    if let Level::Coded {
        scores, distortion, ..
    } = &mut without
    {
        scores.clear();
        *distortion = None;
    }
    let written = recording(vec![
        vec![level(1000, 0.9, -0.1), failed.clone()],
        vec![without, failed],
    ]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("seg.parquet");
    written.write(&path).unwrap();
    assert_eq!(Recording::read(&path).unwrap(), written);
    let missing = Recording::read(&dir.path().join("none.parquet")).unwrap_err();
    assert!(missing.is_missing_file(), "{missing}");
}

#[test]
fn recordings_of_the_same_are_joined_and_of_others_refused() {
    let mut both = small();
    both.append(small()).unwrap();
    assert_eq!(both.frames().len(), 4);
    let refused = |change: fn(&mut splitsim_replay::Identity), expected: &str| {
        let mut other = identity(3);
        change(&mut other);
        let other = Recording::new(other, small().frames().to_vec()).unwrap();
        assert_eq!(small().append(other).unwrap_err().to_string(), expected);
    };
    refused(
        |other| other.model_digest = "digest-of-n".to_owned(),
        "the recording is of another model ('digest-of-n', expected 'digest-of-m'): record again",
    );
    refused(
        |other| other.codec = "vvc".to_owned(),
        "the recording is of another codec ('vvc', expected 'hevc'): record again",
    );
    refused(
        |other| other.levels[1] = "qp 12".to_owned(),
        "the recording is of another ladder ('qp 50, qp 12, qp 48', expected 'qp 50, qp 49, qp 48'): \
         record again",
    );
    refused(
        |other| other.tables_digest = "others".to_owned(),
        "the recording is of another decoder table ('others', expected 'tables'): record again",
    );
}

#[test]
fn what_is_no_recording_is_told_by_row() {
    let none = Recording::new(identity(3), Vec::new());
    assert!(matches!(none, Err(ReplayError::Empty)));
    let short = Recording::new(identity(3), vec![frame(0, vec![level(1, 0.5, 0.0)])]);
    let message = short.unwrap_err().to_string();
    assert!(
        message.starts_with("row 0: frame 0 has 1 levels, expected 3"),
        "{message}"
    );
    let infinite = vec![
        level(1, 0.5, 0.0),
        level(1, f64::INFINITY, 0.0),
        level(1, 0.5, 0.0),
    ];
    assert!(Recording::new(identity(3), vec![frame(0, infinite)]).is_err());

    let table = small().to_table().unwrap();
    let message = Recording::from_table(&table.take(&[0, 1, 2, 3, 5, 4]))
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("row 4: level 2, expected level 1 of frame 1"),
        "{message}"
    );
    let cut = Recording::from_table(&table.take(&[0, 1, 2, 3])).unwrap_err();
    assert!(matches!(cut, ReplayError::Row { .. }), "{cut}");
    let column = |name: &str, values: Values| {
        let columns = table.columns().iter();
        let columns = columns.map(|old| match old.name() == name {
            true => Column::new(name, values.clone()),
            false => old.clone(),
        });
        Recording::from_table(&Table::new(columns.collect()).unwrap())
            .unwrap_err()
            .to_string()
    };
    let negative = column("encode_us", Values::Int(vec![Some(-1); 6]));
    assert!(
        negative.starts_with("row 0: 'encode_us' is no number from 0"),
        "{negative}"
    );
    let ages = column("encode_us", Values::Int(vec![Some(i64::MAX); 6]));
    assert!(ages.contains("longer than a day"), "{ages}");
    let mixed = vec!["a", "a", "a", "b", "b", "b"]
        .into_iter()
        .map(|text| Some(text.to_owned()));
    let mixed = column("model_digest", Values::Text(mixed.collect()));
    assert!(
        mixed.starts_with("row 3: 'model_digest' is not that of the first row"),
        "{mixed}"
    );
    let task = column("task", Values::Text(vec![Some("pose".to_owned()); 6]));
    assert!(task.contains("expected cls, seg or dpt"), "{task}");
}
