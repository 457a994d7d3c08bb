//! Records for the tests of this crate.

use serde_json::json;
use splitsim_feature::Task;
use splitsim_feature::units::Bytes;
use splitsim_policy::Bound;
use tempfile::TempDir;

use crate::{
    AttemptRecord, CloudStages, DistortionRecord, FrameKey, FrameRecord, RunRecord, Score,
    SettlementRecord, Store, Verdict,
};

/// A new store and the directory that it lives in.
pub(crate) fn store() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(&dir.path().join(Store::FILE_NAME)).unwrap();
    (dir, store)
}

/// A run of `edge-0`, named after its policy.
pub(crate) fn run(policy: &str, task: Task) -> RunRecord {
    RunRecord {
        run_id: format!("run-{policy}"),
        edge_id: "edge-0".to_owned(),
        policy: policy.to_owned(),
        task: Some(task),
        model: "tiny-scenes".to_owned(),
        model_digest: "c0ffee".to_owned(),
        codec: "hevc".to_owned(),
        source: Some("scenes:7:9".to_owned()),
        settings_digest: Some("5e771465".to_owned()),
        metric: Some("cosine".to_owned()),
        threshold: Some(0.98),
        bound: Some(Bound::AtLeast),
        seed: u64::MAX,
        started_at: "2026-11-21T09:00:00Z".to_owned(),
        software_version: "0.1.0".to_owned(),
        host: json!({ "cores": 2 }),
        scenario: "name = 'sample'".to_owned(),
    }
}

/// Frame number `frame` of a run: 1000 points in 250 bytes, so 2 BPFP.
pub(crate) fn frame(run: &RunRecord, frame: u64) -> FrameRecord {
    FrameRecord {
        key: FrameKey {
            run_id: run.run_id.clone(),
            edge_id: run.edge_id.clone(),
            frame,
            task: run.task.unwrap_or(Task::Cls),
        },
        source: format!("scene-{frame}"),
        picture_digest: Some(format!("picture-{frame}")),
        container_digest: Some(format!("container-{frame}")),
        verdict: Verdict::Passed,
        shipped_attempt: 0,
        shipped_level: 3,
        feature_points: 1000,
        payload_bytes: Bytes(220),
        container_bytes: Bytes(250),
        score: Some(score("cosine", 0.99)),
        cloud_outcome: json!({ "top": [4, 1], "label": "cube" }),
        received_at: "2026-11-21T09:00:01.5Z".to_owned(),
    }
}

/// `count` attempts, each one level richer.
pub(crate) fn attempts(count: u32) -> Vec<AttemptRecord> {
    (0..count)
        .map(|attempt| AttemptRecord {
            attempt,
            level: attempt + 3,
            label: format!("qp {}", 40 - 2 * attempt),
            payload_bytes: Some(Bytes(220)),
            container_bytes: Some(Bytes(250)),
            encode_ms: Some(12.5),
            decode_ms: Some(2.25),
            score_ms: Some(0.5),
            scores: vec![score("cosine", 0.99), score("mse", 0.1)],
            failed: None,
        })
        .collect()
}

pub(crate) fn score(metric: &str, value: f64) -> Score {
    Score {
        metric: metric.to_owned(),
        value,
    }
}

pub(crate) const fn distortion(original: f64, received: f64, distortion: f64) -> DistortionRecord {
    DistortionRecord {
        original: Some(original),
        received: Some(received),
        distortion: Some(distortion),
        feature_mse: None,
        agreement: None,
    }
}

pub(crate) const fn stages() -> CloudStages {
    CloudStages {
        preprocess_ms: 1.0,
        extract_ms: 20.0,
        attempts_ms: 16.0,
        queue_ms: 0.25,
        cloud_queue_ms: 0.5,
        decode_ms: 2.0,
        head_ms: 3.0,
        experiment_ms: 7.0,
    }
}

/// The settlement of a frame over IPv4, in two datagrams.
pub(crate) fn settlement(frame: &FrameRecord, transfer_ms: f64) -> SettlementRecord {
    SettlementRecord {
        key: frame.key.clone(),
        transfer_ms,
        end_to_end_ms: 42.75 + transfer_ms,
        experiment_ms: Some(8.0),
        stream_bytes: Bytes(300),
        udp_bytes: Bytes(400),
        udp_datagrams: 2,
        link_bytes: Bytes(456),
        sends: 1,
    }
}
