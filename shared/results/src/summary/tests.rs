use splitsim_feature::units::Bytes;

use super::*;
use crate::samples::{attempts, distortion, frame, run, score, settlement, stages, store};
use crate::{AttemptRecord, DistortionRecord, FrameRecord};

fn record(
    store: &mut Store,
    frame: &FrameRecord,
    attempts: &[AttemptRecord],
    distortion: Option<DistortionRecord>,
) {
    let _ = store
        .record_frame(frame, attempts, distortion.as_ref(), &stages())
        .unwrap();
}

fn only_group(store: &Store) -> GroupSummary {
    let mut groups = Summary::compute(store).unwrap().groups;
    assert_eq!(groups.len(), 1);
    groups.remove(0)
}

/// 250 B, 1 try, passed, rank 1 → 1; 750 B, 3 tries, best effort, rank 1 → 5.
#[test]
fn two_frames_by_hand() {
    let (_dir, mut store) = store();
    let run = run("gate", Task::Cls);
    let _ = store.register_run(&run).unwrap();
    let first = frame(&run, 0);
    record(
        &mut store,
        &first,
        &attempts(1),
        Some(distortion(1.0, 1.0, 0.0)),
    );
    let mut second = frame(&run, 1);
    second.container_bytes = Bytes(750);
    second.verdict = Verdict::BestEffort;
    second.shipped_attempt = 2;
    second.score = Some(score("cosine", 0.97));
    let mut tries = attempts(3);
    tries[0].scores = vec![score("cosine", 0.1)];
    tries[2].scores = vec![score("cosine", 0.97), score("mse", 0.3)];
    record(&mut store, &second, &tries, Some(distortion(1.0, 5.0, 4.0)));
    let _ = store.settle(&settlement(&first, 10.0)).unwrap();
    let _ = store.settle(&settlement(&second, 30.0)).unwrap();

    let group = only_group(&store);
    assert_eq!((group.edges, group.frames), (1, 2));
    assert_eq!((group.frames_with_distortion, group.frames_settled), (2, 2));
    assert_eq!(group.bpfp_mean, Some(4.0));
    assert_eq!(group.payload_bytes_mean, Some(220.0));
    assert_eq!(group.container_bytes_mean, Some(500.0));
    assert_eq!(group.stream_bytes_mean, Some(300.0));
    assert_eq!(group.udp_bytes_mean, Some(400.0));
    assert_eq!(group.link_bytes_mean, Some(456.0));
    assert_eq!(group.attempts_mean, Some(2.0));
    assert_eq!(group.reencoded_percent, Some(50.0));
    assert_eq!(group.best_effort_percent, Some(50.0));
    let scores = [("cosine", 0.98, 2), ("mse", 0.2, 2)].map(|(metric, mean, frames)| MeanScore {
        metric: metric.to_owned(),
        mean,
        frames,
    });
    assert_eq!(group.shipped_scores, scores);
    let (top1_percent, rank_mean) = (100.0, 1.0);
    let original = TaskPerformance::Cls {
        top1_percent,
        rank_mean,
    };
    assert_eq!(group.performance_original, Some(original));
    let (top1_percent, rank_mean) = (50.0, 3.0);
    let received = TaskPerformance::Cls {
        top1_percent,
        rank_mean,
    };
    assert_eq!(group.performance_received, Some(received));
    let expected = DistortionSummary {
        unit: DistortionUnit::Ranks,
        mean: 2.0,
        p95: 4.0,
        worst: 4.0,
    };
    assert_eq!(group.distortion, Some(expected));
    assert_eq!(group.feature_mse_mean, None);

    let transfer = group.latency.transfer.unwrap();
    assert_eq!((transfer.samples, transfer.max_ms), (2, 30.0));
    assert!((transfer.p50_ms - 10.0).abs() <= 0.010, "{transfer:?}");
    assert_eq!(transfer.p95_ms, 30.0);
    let end_to_end = group.latency.end_to_end.unwrap();
    assert_eq!((end_to_end.p99_ms, end_to_end.max_ms), (72.75, 72.75));
}

#[test]
fn a_constant_is_its_own_mean_and_every_quantile() {
    let (_dir, mut store) = store();
    let run = run("fixed", Task::Dpt);
    let _ = store.register_run(&run).unwrap();
    for number in 0..50 {
        let frame = frame(&run, number);
        record(
            &mut store,
            &frame,
            &attempts(1),
            Some(distortion(0.5, 0.75, 0.25)),
        );
        let _ = store.settle(&settlement(&frame, 10.0)).unwrap();
    }
    let group = only_group(&store);
    assert_eq!(group.bpfp_mean, Some(2.0));
    assert_eq!(group.reencoded_percent, Some(0.0));
    let received = TaskPerformance::Dpt { rmse_m_mean: 0.75 };
    assert_eq!(group.performance_received, Some(received));
    let expected = DistortionSummary {
        unit: DistortionUnit::Metres,
        mean: 0.25,
        p95: 0.25,
        worst: 0.25,
    };
    assert_eq!(group.distortion, Some(expected));
    let all = |ms| {
        Some(Quantiles {
            samples: 50,
            p50_ms: ms,
            p95_ms: ms,
            p99_ms: ms,
            max_ms: ms,
        })
    };
    let expected = Latency {
        end_to_end: all(52.75),
        preprocess: all(1.0),
        extract: all(20.0),
        attempts: all(16.0),
        queue: all(0.25),
        transfer: all(10.0),
        cloud_queue: all(0.5),
        decode: all(2.0),
        head: all(3.0),
        experiment: all(8.0),
    };
    assert_eq!(group.latency, expected);
}

#[test]
fn one_frame_without_reference_or_settlement_has_empty_columns() {
    let (_dir, mut store) = store();
    let run = run("gate", Task::Seg);
    let _ = store.register_run(&run).unwrap();
    record(&mut store, &frame(&run, 0), &attempts(1), None);
    let group = only_group(&store);
    assert_eq!((group.frames, group.frames_with_distortion), (1, 0));
    assert_eq!(group.frames_settled, 0);
    assert_eq!(group.link_bytes_mean, None);
    assert_eq!(group.performance_original, None);
    assert_eq!(group.performance_received, None);
    assert_eq!(group.distortion, None);
    assert_eq!(group.latency.end_to_end, None);
    assert_eq!(group.latency.transfer, None);
    assert!(group.latency.head.is_some());
    let json = serde_json::to_value(&group).unwrap();
    assert!(json["distortion"].is_null() && json["link_bytes_mean"].is_null());
    assert_eq!(json["policy"], "gate");
    assert_eq!(json["latency"]["head"]["p95_ms"], 3.0);
}

#[test]
fn frames_without_reference_do_not_dilute_the_others() {
    let (_dir, mut store) = store();
    let run = run("gate", Task::Seg);
    let _ = store.register_run(&run).unwrap();
    record(
        &mut store,
        &frame(&run, 0),
        &attempts(1),
        Some(distortion(80.0, 78.5, 1.5)),
    );
    record(&mut store, &frame(&run, 1), &attempts(1), None);
    let truth_only = DistortionRecord {
        received: Some(70.5),
        ..DistortionRecord::default()
    };
    record(&mut store, &frame(&run, 2), &attempts(1), Some(truth_only));
    let group = only_group(&store);
    assert_eq!((group.frames, group.frames_with_distortion), (3, 1));
    let miou = |miou_percent_mean| Some(TaskPerformance::Seg { miou_percent_mean });
    assert_eq!(group.performance_original, miou(80.0));
    assert_eq!(group.performance_received, miou(74.5));
    assert_eq!(group.distortion.unwrap().mean, 1.5);
}

#[test]
fn groups_follow_task_then_registration_and_join_edges() {
    let (_dir, mut store) = store();
    let gate = run("gate", Task::Cls);
    let mut gate_edge_1 = gate.clone();
    gate_edge_1.edge_id = "edge-1".to_owned();
    let mut mixed = run("fixed", Task::Cls);
    mixed.task = None;
    let idle = run("idle", Task::Cls);
    let depth = run("gate-depth", Task::Dpt);
    for run in [&depth, &gate, &mixed, &gate_edge_1, &idle] {
        let _ = store.register_run(run).unwrap();
    }
    let mut seg = frame(&mixed, 0);
    seg.key.task = Task::Seg;
    for frame in [
        frame(&gate, 0),
        frame(&gate_edge_1, 0),
        frame(&mixed, 0),
        seg,
    ] {
        record(&mut store, &frame, &attempts(1), None);
    }
    let groups = Summary::of_file(store.path()).unwrap().groups;
    let seen: Vec<_> = groups
        .iter()
        .map(|group| {
            (
                group.key.task,
                group.key.policy.as_str(),
                group.edges,
                group.frames,
            )
        })
        .collect();
    let expected = [
        (Task::Cls, "gate", 2, 2),
        (Task::Cls, "idle", 1, 0),
        (Task::Cls, "fixed", 1, 1),
        (Task::Seg, "fixed", 1, 1),
        (Task::Dpt, "gate-depth", 1, 0),
    ];
    assert_eq!(seen, expected);
    assert_eq!(groups[1].bpfp_mean, None);
    assert_eq!(groups[1].best_effort_percent, None);
}
