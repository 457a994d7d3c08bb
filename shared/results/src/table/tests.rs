use super::*;
use crate::{DistortionSummary, DistortionUnit, Latency};

fn quantiles(p50_ms: f64) -> Quantiles {
    Quantiles {
        samples: 200,
        p50_ms,
        p95_ms: 1.5 * p50_ms,
        p99_ms: 2.0 * p50_ms,
        max_ms: 3.0 * p50_ms,
    }
}

/// `rank_mean` is what arrived on average from an original of rank 1.
fn group(policy: &str, attempts_mean: f64, bytes: f64, rank_mean: f64) -> GroupSummary {
    let stage = |ms| Some(quantiles(ms));
    GroupSummary {
        key: GroupKey {
            task: Task::Cls,
            run_id: "run".to_owned(),
            policy: policy.to_owned(),
            model: "tiny-scenes".to_owned(),
            model_digest: "c0ffee".to_owned(),
            codec: "hevc".to_owned(),
            metric: (attempts_mean > 1.0).then(|| "cosine".to_owned()),
            threshold: None,
        },
        edges: 1,
        frames: 200,
        frames_with_distortion: 200,
        frames_settled: 200,
        bpfp_mean: Some(8.0 * bytes / 49_344.0),
        payload_bytes_mean: Some(bytes - 48.0),
        container_bytes_mean: Some(bytes),
        stream_bytes_mean: Some(bytes + 300.0),
        udp_bytes_mean: Some(bytes + 500.0),
        link_bytes_mean: Some(1.1 * bytes + 500.0),
        attempts_mean: Some(attempts_mean),
        reencoded_percent: Some(50.0 * (attempts_mean - 1.0)),
        best_effort_percent: Some(attempts_mean - 1.0),
        shipped_scores: vec![MeanScore {
            metric: "cosine".to_owned(),
            mean: 1.0 - 0.01 * rank_mean,
            frames: 200,
        }],
        performance_original: Some(TaskPerformance::Cls {
            top1_percent: 100.0,
            rank_mean: 1.0,
        }),
        performance_received: Some(TaskPerformance::Cls {
            top1_percent: 100.0 / rank_mean,
            rank_mean,
        }),
        distortion: Some(DistortionSummary {
            unit: DistortionUnit::Ranks,
            mean: rank_mean - 1.0,
            p95: 2.0 * rank_mean,
            worst: 9.0 * rank_mean,
        }),
        feature_mse_mean: None,
        agreement_mean: None,
        latency: Latency {
            end_to_end: stage(50.0 + 40.0 * attempts_mean + bytes / 100.0),
            preprocess: stage(2.0),
            extract: stage(41.5),
            attempts: stage(40.0 * attempts_mean),
            queue: stage(0.1),
            transfer: stage(bytes / 100.0),
            cloud_queue: stage(0.3),
            decode: stage(4.4),
            head: stage(2.1),
            experiment: stage(35.0),
        },
    }
}

fn unknown(mut group: GroupSummary) -> GroupSummary {
    group.key.task = Task::Seg;
    group.frames_with_distortion = 0;
    group.frames_settled = 150;
    group.performance_original = None;
    group.performance_received = None;
    group.distortion = None;
    group
}

#[test]
fn the_table_shows_what_the_gate_buys() {
    let summary = Summary {
        groups: vec![
            group("fixed level 2", 1.0, 612.0, 2.5),
            group("fixed level 8", 1.0, 6120.0, 1.05),
            group("gate cosine >= 0.98", 1.62, 1734.0, 1.1),
            unknown(group("gate cosine >= 0.98", 1.62, 20_000.0, 1.1)),
        ],
    };
    insta::assert_snapshot!(render(&summary), @r"
    cls · classification, distortion in ranks

                                          kB link kB  tries re-enc  best-  score top-1 % top-1 % dist. dist. dist. e2e ms e2e ms
    policy              frames   BPFP /frame  /frame /frame      % eff. % cosine   orig. arrived  mean   p95 worst    p50    p95
    ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    fixed level 2          200 0.0992   0.61    1.17   1.00    0.0    0.0 0.9750  100.00   40.00  1.50  5.00 22.50   96.1  144.2
    fixed level 8          200 0.9922   6.12    7.23   1.00    0.0    0.0 0.9895  100.00   95.24  0.05  2.10  9.45  151.2  226.8
    gate cosine >= 0.98    200 0.2811   1.73    2.41   1.62   31.0    0.6 0.9890  100.00   90.91  0.10  2.20  9.90  132.1  198.2

    Median ms by stage

    policy              preprocess extract attempts queue transfer cloud queue decode head end to end (experiment)
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
    fixed level 2              2.0    41.5     40.0   0.1      6.1         0.3    4.4  2.1       96.1         35.0
    fixed level 8              2.0    41.5     40.0   0.1     61.2         0.3    4.4  2.1      151.2         35.0
    gate cosine >= 0.98        2.0    41.5     64.8   0.1     17.3         0.3    4.4  2.1      132.1         35.0

    seg · segmentation, distortion in mIoU points

                                          kB link kB  tries re-enc  best-  score mIoU %  mIoU % dist. dist. dist. e2e ms e2e ms
    policy              frames   BPFP /frame  /frame /frame      % eff. % cosine  orig. arrived  mean   p95 worst    p50    p95
    ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    gate cosine >= 0.98    200 3.2425  20.00   22.50   1.62   31.0    0.6 0.9890      –       –     –     –     –  314.8  472.2

    Median ms by stage

    policy              preprocess extract attempts queue transfer cloud queue decode head end to end (experiment)
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
    gate cosine >= 0.98        2.0    41.5     64.8   0.1    200.0         0.3    4.4  2.1      314.8         35.0

    gate cosine >= 0.98: link bytes and latency of 150 of 200 frames
    ");
}

#[test]
fn the_table_fits_its_width_with_large_depth_features() {
    let mut wide = group("threshold cka-cfqa2025 ≥ 0.999", 1.99, 2_475_000.0, 1.1);
    wide.key.task = Task::Dpt;
    wide.bpfp_mean = Some(12.3456);
    wide.performance_original = Some(TaskPerformance::Dpt { rmse_m_mean: 0.372 });
    wide.performance_received = wide.performance_original;
    let text = render(&Summary { groups: vec![wide] });
    let width = text.lines().map(|line| line.chars().count()).max();
    assert!(width.is_some_and(|width| width <= 140), "{width:?}\n{text}");
}

#[test]
fn rows_of_one_policy_are_told_apart_by_what_differs() {
    let mut other = group("gate", 1.5, 100.0, 1.0);
    other.key.codec = "hyperprior".to_owned();
    let first = group("gate", 1.5, 100.0, 1.0);
    assert_eq!(
        labels(&[&first, &other]),
        ["gate · hevc", "gate · hyperprior"]
    );
    assert_eq!(labels(&[&first]), ["gate"]);
}

#[test]
fn scores_of_different_metrics_name_theirs() {
    let first = group("gate", 1.5, 100.0, 1.0);
    let mut other = first.clone();
    other.key.metric = Some("mse".to_owned());
    other.shipped_scores[0].metric = "mse".to_owned();
    other.shipped_scores[0].mean = 0.000_12;
    assert_eq!(common_metric(&[&first, &other]), None);
    assert_eq!(score(&first, None), "cosine 0.9900");
    assert_eq!(score(&other, None), "mse 1.20e-4");
    assert_eq!(score(&other, Some("cosine")), UNKNOWN);
}

#[test]
fn nothing_recorded_says_so() {
    assert_eq!(
        render(&Summary { groups: Vec::new() }),
        "no frames recorded\n"
    );
}
