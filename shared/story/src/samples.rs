//! A run for the tests of this crate.

use splitsim_feature::Task;
use splitsim_feature::units::{BitRate, Bytes};
use splitsim_policy::Bound;
use splitsim_results::{
    AttemptRecord, CloudStages, DistortionRecord, FrameKey, FrameRecord, LinkSampleRecord,
    RunRecord, Score, SettlementRecord, Store, Verdict,
};
use tempfile::TempDir;

use crate::RecordedRun;

const SCENARIO: &str = "\
name = 'sample'
description = 'two policies <on> one task'
frames = FRAMES
edges-per-task = 1
tasks = ['seg']
[[policies]]
name = 'gate'
[[policies]]
name = 'always'
[provenance]
splitsim = '0.1.0'
[provenance.host]
cores = 2
";

/// A folder with `frames` frames of a gate and of always-richest on seg, all settled. The gate's
/// scores rise with the frame from 0.90 in steps of 0.01 and its distortions fall from 10 points in
/// steps of 1, but for frame 5: a score of 0.999 and 30 points.
pub(crate) fn run(frames: u64) -> (TempDir, RecordedRun) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), frames, frames);
    let run = RecordedRun::read(dir.path()).unwrap();
    (dir, run)
}

/// The same, of which only `done` frames a policy are recorded.
pub(crate) fn write(folder: &std::path::Path, frames: u64, done: u64) {
    let scenario = SCENARIO.replace("FRAMES", &frames.to_string());
    std::fs::write(folder.join("scenario.resolved.toml"), &scenario).unwrap();
    let mut store = Store::create(&folder.join(Store::FILE_NAME)).unwrap();
    for (policy, gated) in [("gate", true), ("always", false)] {
        let run = run_record(policy, gated);
        let _ = store.register_run(&run).unwrap();
        for frame in 0..done {
            record(&mut store, &run, frame, gated);
        }
        store.record_link_samples(&link(&run)).unwrap();
    }
    store.close().unwrap();
}

pub(crate) fn run_record(policy: &str, gated: bool) -> RunRecord {
    RunRecord {
        run_id: format!("sample-{policy}"),
        edge_id: "seg".to_owned(),
        policy: policy.to_owned(),
        task: Some(Task::Seg),
        model: "tiny-scenes".to_owned(),
        model_digest: "c0ffee".to_owned(),
        codec: "hevc".to_owned(),
        metric: gated.then(|| "cosine".to_owned()),
        threshold: gated.then_some(0.93),
        bound: gated.then_some(Bound::AtLeast),
        source: None,
        settings_digest: None,
        seed: 4,
        started_at: "2026-11-21T09:00:00Z".to_owned(),
        software_version: "0.1.0".to_owned(),
        host: serde_json::json!({ "cores": 2 }),
        scenario: String::new(),
    }
}

/// A link of 2 Mbit/s over 0.3 s: 10 kB, 20 kB and 30 kB delivered, 4 kB waiting at most.
fn link(run: &RunRecord) -> Vec<LinkSampleRecord> {
    let sample = |number: u64| LinkSampleRecord {
        run_id: run.run_id.clone(),
        link: "uplink".to_owned(),
        direction: "up".to_owned(),
        sampled_at: format!("2026-11-21T09:00:00.{}00Z", 5 + number),
        at_ms: 100.0 * number as f64,
        rate: Some(BitRate(2_000_000)),
        queued_packets: number % 3,
        queued: Bytes(2000 * (number % 3)),
        in_flight: Bytes(0),
        arrived: 10 * number + 1,
        delivered: 10 * number,
        delivered_bytes: Bytes(10_000 * number),
        dropped_full: number / 2,
        dropped_codel: 0,
        dropped_down: 0,
        lost: 0,
    };
    (0..4).map(sample).collect()
}

fn record(store: &mut Store, run: &RunRecord, frame: u64, gated: bool) {
    let (score, distortion) = match (gated, frame) {
        (false, _) => (0.9995, 0.25),
        (true, 5) => (0.999, 30.0),
        (true, _) => (
            0.90 + 0.01 * (frame % 10) as f64,
            10.0 - (frame % 10) as f64,
        ),
    };
    let scores = vec![Score {
        metric: "cosine".to_owned(),
        value: score,
    }];
    let bytes = Bytes(if gated { 1000 + frame } else { 8000 + frame });
    let key = FrameKey {
        run_id: run.run_id.clone(),
        edge_id: run.edge_id.clone(),
        frame,
        task: Task::Seg,
    };
    let record = FrameRecord {
        key: key.clone(),
        source: format!("4-{frame}"),
        picture_digest: None,
        container_digest: None,
        verdict: if gated {
            Verdict::Passed
        } else {
            Verdict::Ungated
        },
        shipped_attempt: 0,
        shipped_level: 3,
        feature_points: 49_344,
        payload_bytes: bytes,
        container_bytes: bytes,
        score: gated.then(|| scores[0].clone()),
        cloud_outcome: serde_json::json!({}),
        received_at: format!("2026-11-21T09:{:02}:{:02}.500Z", frame / 60, frame % 60),
    };
    let attempt = AttemptRecord {
        attempt: 0,
        level: 3,
        label: "qp 37".to_owned(),
        payload_bytes: Some(bytes),
        container_bytes: Some(bytes),
        encode_ms: Some(12.5),
        decode_ms: Some(2.25),
        score_ms: Some(0.5),
        scores,
        failed: None,
    };
    let truth = DistortionRecord {
        original: Some(60.0),
        received: Some(60.0 - distortion),
        distortion: Some(distortion),
        feature_mse: Some(0.1),
        agreement: None,
    };
    let stages = CloudStages {
        preprocess_ms: 1.0,
        extract_ms: 20.0,
        attempts_ms: 16.0,
        queue_ms: 0.25,
        cloud_queue_ms: 0.5,
        decode_ms: 2.0,
        head_ms: 3.0,
        experiment_ms: 7.0,
    };
    let settlement = SettlementRecord {
        key,
        transfer_ms: 10.0 + frame as f64,
        end_to_end_ms: 52.75 + frame as f64,
        experiment_ms: None,
        stream_bytes: bytes,
        udp_bytes: bytes,
        udp_datagrams: 2,
        link_bytes: Bytes(bytes.0 + 56),
        sends: 1,
    };
    let _ = store
        .record_frame(&record, &[attempt], Some(&truth), &stages)
        .unwrap();
    let _ = store.settle(&settlement).unwrap();
}
