//! Frames and edges that come again, and others in their place.

use rusqlite::Connection;
use splitsim_feature::Task;
use splitsim_policy::Bound;

use super::*;
use crate::samples::{attempts, frame, run, stages, store};

/// A change, and what the refusal says of it.
type Change<T> = (fn(&mut T), &'static str);

fn record(store: &mut Store, frame: &FrameRecord) -> Result<Recorded, ResultsError> {
    store.record_frame(frame, &attempts(1), None, &stages())
}

#[test]
fn another_frame_under_a_recorded_number_is_refused_by_name() {
    let (_dir, mut store) = store();
    let run = run("gate", Task::Cls);
    let original = frame(&run, 3);
    let _ = store.register_run(&run).unwrap();
    let _ = record(&mut store, &original).unwrap();
    let before = store.frames().unwrap();
    let changes: [Change<FrameRecord>; 3] = [
        (
            |frame| frame.source = "kitchen.png".to_owned(),
            "picture 'scene-3', the one that came has 'kitchen.png'",
        ),
        (
            |frame| frame.picture_digest = Some("other".to_owned()),
            "picture digest 'picture-3', the one that came has 'other'",
        ),
        (
            |frame| frame.container_digest = Some("other".to_owned()),
            "container digest 'container-3', the one that came has 'other'",
        ),
    ];
    for (change, says) in changes {
        let mut other = original.clone();
        change(&mut other);
        for error in [
            record(&mut store, &other).map(|_| ()).unwrap_err(),
            store
                .contains_same(&other.key, &other.identity())
                .map(|_| ())
                .unwrap_err(),
        ] {
            assert!(matches!(error, ResultsError::FrameConflict(_)), "{error}");
            let message = error.to_string();
            assert!(
                message.starts_with("frame 3 (cls) of run 'run-gate', edge 'edge-0' is recorded"),
                "{message}"
            );
            assert!(message.contains(says), "{message}");
        }
    }
    assert_eq!(store.frames().unwrap(), before);
    assert!(
        store
            .contains_same(&original.key, &original.identity())
            .unwrap()
    );
    assert_eq!(record(&mut store, &original).unwrap(), Recorded::Duplicate);
}

/// Schema 2 had no digests: its frames are repeated by edges that know them.
#[test]
fn what_is_not_known_is_no_difference() {
    let (_dir, mut store) = store();
    let run = run("gate", Task::Cls);
    let _ = store.register_run(&run).unwrap();
    let mut old = frame(&run, 3);
    (old.picture_digest, old.container_digest) = (None, None);
    let _ = record(&mut store, &old).unwrap();
    let again = record(&mut store, &frame(&run, 3));
    assert_eq!(again.unwrap(), Recorded::Duplicate);
}

#[test]
fn a_run_of_other_settings_is_refused() {
    let (_dir, mut store) = store();
    let registered = run("gate", Task::Cls);
    let _ = store.register_run(&registered).unwrap();
    let changes: [Change<RunRecord>; 3] = [
        (
            |run| run.source = Some("photos/".to_owned()),
            "source 'scenes:7:9', not 'photos/'",
        ),
        (
            |run| run.settings_digest = Some("0ther".to_owned()),
            "settings digest '5e771465', not '0ther'",
        ),
        (
            |run| run.bound = Some(Bound::AtMost),
            "bound '>=', not '<='",
        ),
    ];
    for (change, says) in changes {
        let mut other = registered.clone();
        change(&mut other);
        let message = store.register_run(&other).unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn settings_are_added_to_a_run_that_was_registered_without() {
    let (_dir, mut store) = store();
    let mut planned = run("gate", Task::Cls);
    (planned.source, planned.settings_digest) = (None, None);
    let _ = store.register_run(&planned).unwrap();
    let settings = |source: &str| EdgeSettings {
        source: Some(source.to_owned()),
        digest: Some("5e771465".to_owned()),
    };
    let (run_id, edge_id) = (&planned.run_id, &planned.edge_id);
    store
        .tell_settings(run_id, edge_id, &settings("scenes:7:9"))
        .unwrap();
    // The first ones stay.
    store
        .tell_settings(run_id, edge_id, &settings("photos/"))
        .unwrap();
    assert_eq!(store.runs().unwrap(), [run("gate", Task::Cls)]);
}

/// The tables of schema 2, as that version made them.
#[test]
fn results_of_schema_2_are_read_and_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(Store::FILE_NAME);
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../schema.sql")).unwrap();
    old.execute_batch(include_str!("../schema-2.sql")).unwrap();
    old.execute_batch(
        "PRAGMA application_id = 1936749426; PRAGMA user_version = 2;
         INSERT INTO runs VALUES (1, 'run-gate', 'edge-0', 'gate', 'cls', 'tiny-scenes', 'c0ffee',
             'hevc', 'cosine', 0.98, '18446744073709551615', '2026-11-21T09:00:00Z', '0.1.0',
             '{\"cores\":2}', '');
         INSERT INTO frames (run_key, frame, task, source, verdict, shipped_attempt, shipped_level,
             feature_points, payload_bytes, container_bytes, cloud_outcome, received_at)
         VALUES (1, 0, 'cls', 'scene-0', 'passed', 0, 3, 1000, 220, 250, '{}', '2026-11-21T09:00:01Z');
         INSERT INTO stages (frame_key, preprocess_ms, extract_ms, attempts_ms, queue_ms,
             cloud_queue_ms, decode_ms, head_ms, experiment_ms)
         VALUES (1, 1, 2, 3, 4, 5, 6, 7, 8);",
    )
    .unwrap();
    drop(old);
    let mut store = Store::open(&path).unwrap();
    let [stored] = &store.runs().unwrap()[..] else {
        panic!("one run");
    };
    assert_eq!(
        (stored.bound, &stored.source, &stored.settings_digest),
        (None, &None, &None)
    );
    let frames = store.frames().unwrap();
    assert_eq!(frames[0].frame.picture_digest, None);
    let run = run("gate", Task::Cls);
    assert_eq!(store.register_run(&run).unwrap(), Recorded::Duplicate);
    let again = record(&mut store, &frame(&run, 0));
    assert_eq!(again.unwrap(), Recorded::Duplicate);
    assert_eq!(record(&mut store, &frame(&run, 1)).unwrap(), Recorded::New);
}
