//! The two programs by hand, as the README shows them.

use rusqlite::Connection;
use serde_json::Value;
use splitsim_feature::Task;
use splitsim_results::LoggedFrame;
use splitsim_tests::{EdgeRun, Lab, results};

const FRAMES: usize = 3;

#[test]
fn edges_of_all_tasks_and_a_cloud_agree_on_every_frame() {
    let lab = Lab::new();
    let made = lab.splitsim(&["certs", "--out", "by-hand", "--name", "cloud.example"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let mut cloud = lab.cloud();
    cloud.identity = lab.path("by-hand/cloud");
    let cloud = cloud.start();
    let edges = Task::ALL.map(|task| EdgeRun {
        identity: lab.path("by-hand/edge"),
        task,
        frames: FRAMES,
        // The cheap rung of a random model may or may not pass: both are fine.
        policy: "threshold:cosine>=0.99".to_owned(),
        edge_id: task.name().to_owned(),
        ..lab.edge(cloud.address())
    });
    let ends = edges.map(|edge| edge.start()).map(|edge| edge.end());

    let (code, report) = cloud.stop();
    assert_eq!(code, Some(0));
    let all = 3 * FRAMES;
    for (count, expected) in [
        ("frames", all),
        ("duplicates", 0),
        ("errors", 0),
        ("references", all),
        ("settlements", all),
        ("edges", 3),
    ] {
        assert_eq!(report[count], expected, "{count} of {report}");
    }
    let logged = lab.logged();
    assert_eq!(logged.len(), all);
    results::are_settled(&logged);
    for (task, end) in Task::ALL.iter().zip(&ends) {
        end.is_complete();
        results::are_whole(&logged, task.name(), FRAMES);
        assert_eq!(end.frames.len(), FRAMES);
        for record in &end.frames {
            let same = |logged: &&LoggedFrame| {
                logged.frame.key.task == *task && record["frame"] == logged.frame.key.frame
            };
            agree(record, logged.iter().find(same).unwrap());
        }
    }
    counts_are_consistent(&lab);
}

/// The edge's record of a frame and the cloud's.
fn agree(edge: &Value, cloud: &LoggedFrame) {
    let (frame, stages) = (&cloud.frame, &cloud.stages);
    for (column, there) in [
        ("task", Value::from(frame.key.task.name())),
        ("source", frame.source.clone().into()),
        ("level", frame.shipped_level.into()),
        ("attempts", cloud.attempts.len().into()),
        ("verdict", frame.verdict.name().into()),
        ("payload_bytes", frame.payload_bytes.0.into()),
        ("container_bytes", frame.container_bytes.0.into()),
        (
            "stream_bytes",
            stages.stream_bytes.map(|bytes| bytes.0).into(),
        ),
        ("udp_bytes", stages.udp_bytes.map(|bytes| bytes.0).into()),
        ("udp_datagrams", stages.udp_datagrams.into()),
        ("sends", stages.sends.into()),
        ("duplicate", false.into()),
        ("stored", true.into()),
    ] {
        assert_eq!(edge[column], there, "{column} of {}", frame.key);
    }
    let score = frame.score.as_ref().unwrap();
    assert_eq!(edge["scores"][&score.metric], score.value);
    let shipped = &cloud.attempts[frame.shipped_attempt as usize];
    assert_eq!(shipped.scores.len(), 2, "cosine, and mse beside it");
    for (column, there) in [
        ("bpfp", Some(frame.bpfp().0)),
        ("preprocess_ms", Some(stages.preprocess_ms)),
        ("extract_ms", Some(stages.extract_ms)),
        ("attempts_ms", Some(stages.attempts_ms)),
        ("queue_ms", Some(stages.queue_ms)),
        ("transfer_ms", stages.transfer_ms),
        ("cloud_queue_ms", Some(stages.cloud_queue_ms)),
        ("decode_ms", Some(stages.decode_ms)),
        ("head_ms", Some(stages.head_ms)),
        ("end_to_end_ms", stages.end_to_end_ms),
    ] {
        let here = edge[column].as_f64().unwrap();
        let there = there.unwrap();
        // The wire carries whole microseconds.
        assert!((here - there).abs() < 2e-3, "{column}: {here} and {there}");
    }
    latency_adds_up(cloud);
}

/// docs/metrics.md: the stages are the whole.
fn latency_adds_up(cloud: &LoggedFrame) {
    let stages = &cloud.stages;
    let sum = stages.preprocess_ms
        + stages.extract_ms
        + stages.attempts_ms
        + stages.queue_ms
        + stages.transfer_ms.unwrap()
        + stages.cloud_queue_ms
        + stages.decode_ms
        + stages.head_ms;
    let whole = stages.end_to_end_ms.unwrap();
    assert!(
        (sum - whole).abs() < 0.02,
        "{}: the stages are {sum} ms, end to end {whole} ms",
        cloud.frame.key
    );
}

/// Checks with SQLite itself the relations between columns that docs/metrics.md states.
fn counts_are_consistent(lab: &Lab) {
    let results = Connection::open(results::file(&lab.path("cloud-out"))).unwrap();
    let count = |condition: &str| -> i64 {
        let query = format!(
            "SELECT count(*) FROM frames JOIN stages USING (frame_key)
             JOIN attempts ON attempts.frame_key = frames.frame_key
                 AND attempts.attempt = frames.shipped_attempt
             WHERE {condition}"
        );
        results.query_row(&query, [], |row| row.get(0)).unwrap()
    };
    for condition in [
        "0 < frames.payload_bytes AND frames.payload_bytes < frames.container_bytes",
        "frames.container_bytes < stream_bytes AND stream_bytes < udp_bytes",
        "link_bytes = udp_bytes + 28 * udp_datagrams AND udp_datagrams > 0",
        "bpfp = 8.0 * frames.container_bytes / feature_points",
        "attempts.container_bytes = frames.container_bytes",
        "attempts.level = frames.shipped_level AND attempts.failed IS NULL",
        "sends >= 1",
    ] {
        assert_eq!(count(condition), 3 * FRAMES as i64, "{condition}");
    }
}
