//! From messages to the records of the results file.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use serde_json::json;
use splitsim_feature::units::Bytes;
use splitsim_feature::{FeatureShape, Task};
use splitsim_model::Digest;
use splitsim_policy::{Criterion, PolicyConfig};
use splitsim_proto::{self as proto, FrameHeader, Hello, Outcome, PathSample, Settlement};
use splitsim_results::{
    AttemptRecord, CloudStages, ConnectionSampleRecord, EdgeSettings, FrameIdentity, FrameKey,
    FrameRecord, RunRecord, Score, SettlementRecord,
};
use splitsim_transport::{IpVersion, LinkUsage, ReceivedFrame};

use crate::outcome;

/// The run record as far as an edge's hello states it: seed and scenario stay empty, and so do metric and threshold
/// if the policy has no criterion or is unknown to this version.
pub(crate) fn run(hello: &Hello, now: SystemTime) -> RunRecord {
    let policy: Option<PolicyConfig> = hello.policy.as_str().parse().ok();
    let criterion = policy.as_ref().and_then(PolicyConfig::criterion);
    RunRecord {
        run_id: hello.run_id.to_string(),
        edge_id: hello.edge_id.to_string(),
        policy: hello.policy.to_string(),
        task: match hello.tasks[..] {
            [task] => Some(task),
            _ => None,
        },
        model: hello.model.name.to_string(),
        model_digest: hello.model.digest.to_string(),
        codec: codec_label(hello),
        metric: criterion.map(|criterion| criterion.metric().to_owned()),
        threshold: criterion.map(Criterion::threshold),
        bound: criterion.map(Criterion::bound),
        source: hello.source.as_ref().map(ToString::to_string),
        settings_digest: hello.settings_digest.map(|digest| digest.to_string()),
        seed: 0,
        started_at: rfc3339(now),
        software_version: hello.software_version.to_string(),
        host: json!({
            "cloud": {
                "system": std::env::consts::OS,
                "architecture": std::env::consts::ARCH,
                "cores": std::thread::available_parallelism().map_or(1, usize::from),
                "software_version": env!("CARGO_PKG_VERSION"),
            }
        }),
        scenario: String::new(),
    }
}

/// The settings in a hello.
pub(crate) fn settings(hello: &Hello) -> EdgeSettings {
    EdgeSettings {
        source: hello.source.as_ref().map(ToString::to_string),
        digest: hello.settings_digest.map(|digest| digest.to_string()),
    }
}

/// The codecs of a hello, each once, in alphabetical order.
pub(crate) fn codec_label(hello: &Hello) -> String {
    let names: BTreeSet<&str> = hello
        .codecs
        .iter()
        .map(|codec| codec.name.as_str())
        .collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

pub(crate) fn key(hello: &Hello, frame: u64, task: Task) -> FrameKey {
    FrameKey {
        run_id: hello.run_id.to_string(),
        edge_id: hello.edge_id.to_string(),
        frame,
        task,
    }
}

/// The properties that distinguish a frame from another one of the same number.
pub(crate) fn identity(frame: &ReceivedFrame) -> FrameIdentity {
    FrameIdentity {
        source: frame.header.source.to_string(),
        picture_digest: frame.header.picture_digest.map(|digest| digest.to_string()),
        container_digest: Some(Digest::of(&frame.container).to_string()),
    }
}

/// A frame whose shipped attempt has been checked against its container; `None` when the header ships
/// no attempt of its own.
pub(crate) fn frame(
    (key, identity): (FrameKey, FrameIdentity),
    header: &FrameHeader,
    shape: FeatureShape,
    result: &Outcome,
    received_at: SystemTime,
) -> Option<FrameRecord> {
    let shipped = header.shipped()?;
    let score = header.metric.as_ref().and_then(|metric| {
        let of_metric = |score: &&proto::Score| score.metric() == metric;
        shipped.scores.iter().find(of_metric).map(score)
    });
    Some(FrameRecord {
        key,
        source: identity.source,
        picture_digest: identity.picture_digest,
        container_digest: identity.container_digest,
        verdict: header.verdict,
        shipped_attempt: u32::try_from(header.shipped_attempt).ok()?,
        shipped_level: shipped.level,
        feature_points: shape.points() as u64,
        payload_bytes: shipped.payload_bytes,
        container_bytes: shipped.container_bytes,
        score,
        cloud_outcome: outcome::json(result),
        received_at: rfc3339(received_at),
    })
}

pub(crate) fn attempts(header: &FrameHeader) -> Vec<AttemptRecord> {
    (0..).zip(&header.attempts).map(attempt).collect()
}

fn attempt((number, attempt): (u32, &proto::Attempt)) -> AttemptRecord {
    // Sizes and times of an attempt that failed mean nothing.
    let succeeded = attempt.failed.is_none();
    AttemptRecord {
        attempt: number,
        level: attempt.level,
        label: attempt.label.to_string(),
        payload_bytes: succeeded.then_some(attempt.payload_bytes),
        container_bytes: succeeded.then_some(attempt.container_bytes),
        encode_ms: succeeded.then(|| ms(attempt.encode)),
        decode_ms: succeeded.then(|| ms(attempt.decode)),
        score_ms: succeeded.then(|| ms(attempt.score)),
        scores: attempt.scores.iter().map(score).collect(),
        failed: attempt.failed.as_ref().map(ToString::to_string),
    }
}

fn score(score: &proto::Score) -> Score {
    Score {
        metric: score.metric().to_string(),
        value: score.value(),
    }
}

pub(crate) fn stages(edge: proto::EdgeStages, cloud: proto::CloudStages) -> CloudStages {
    CloudStages {
        preprocess_ms: ms(edge.preprocess),
        extract_ms: ms(edge.extract),
        attempts_ms: ms(edge.attempts),
        queue_ms: ms(edge.queue),
        cloud_queue_ms: ms(cloud.queue),
        decode_ms: ms(cloud.decode),
        head_ms: ms(cloud.head),
        experiment_ms: ms(cloud.experiment),
    }
}

/// `None` when the byte counts are beyond what any link carries.
pub(crate) fn settlement(
    key: FrameKey,
    settlement: &Settlement,
    version: IpVersion,
    experiment: Option<Duration>,
) -> Option<SettlementRecord> {
    /// 256 TiB: far above any frame, far below where sums with headers overflow.
    const MAX_COUNT: u64 = 1 << 48;
    let usage = LinkUsage {
        datagrams: settlement.udp_tx_datagrams,
        udp_bytes: settlement.udp_tx_bytes,
    };
    let plausible = usage.datagrams <= MAX_COUNT && usage.udp_bytes.0 <= MAX_COUNT;
    plausible.then(|| SettlementRecord {
        key,
        transfer_ms: ms(settlement.transfer),
        end_to_end_ms: ms(settlement.end_to_end),
        experiment_ms: experiment.map(ms),
        stream_bytes: settlement.stream_bytes,
        udp_bytes: usage.udp_bytes,
        udp_datagrams: usage.datagrams,
        link_bytes: usage.link_bytes(version),
        sends: settlement.sends,
    })
}

/// The sample of the edge's connection in a settlement that arrived at `now`.
pub(crate) fn connection(
    key: &FrameKey,
    sample: PathSample,
    now: SystemTime,
) -> ConnectionSampleRecord {
    let at = now.checked_sub(sample.age).unwrap_or(now);
    ConnectionSampleRecord {
        run_id: key.run_id.clone(),
        edge_id: key.edge_id.clone(),
        sampled_at: humantime::format_rfc3339_micros(at).to_string(),
        rtt_ms: ms(sample.rtt),
        min_rtt_ms: ms(sample.min_rtt),
        window: sample.window,
        mtu: Bytes(sample.mtu_bytes.into()),
        sent_packets: sample.sent_packets,
        sent: sample.sent,
        lost_packets: sample.lost_packets,
        lost: sample.lost,
        congestion_events: sample.congestion_events,
    }
}

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}
