use std::time::Duration;

use serde::Serialize;
use splitsim_feature::units::Bytes;
use splitsim_policy::{Attempt, Criterion, Decision, PredictedScore, Verdict};

use crate::compare::Rules;
use crate::shipment::{
    Distortions, Regret, Saving, Shipment, computed, costs, distortions, millis, regret, saving,
    shipments,
};
use crate::statistics::mean;
use crate::{
    BreakEven, Costs, FrameEnd, FrameOutcome, Quantiles, Recording, ReplayError, Replayed, Share,
    ShippedFrame,
};

/// The results of one contender on one recording.
///
/// Frames that reached the cloud are called "shipped". Means are over shipped frames unless said otherwise. A
/// value is `None` if there is no frame to compute it from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Its name in the scenario.
    pub name: String,
    /// The policy with all its settings.
    pub label: String,
    /// `true` if an edge could run it; `false` for an oracle.
    pub deployable: bool,
    /// Frames of the recording.
    pub frames: usize,
    /// Frames that were shipped.
    pub shipped: usize,
    /// Frames not shipped on purpose.
    pub dropped: usize,
    /// Frames not shipped because nothing could be.
    pub given_up: usize,
    /// Frames shipped although no attempt passed.
    pub best_effort: usize,
    /// Total size of all containers.
    pub bytes: Bytes,
    /// Bytes of a container.
    pub bytes_mean: Option<f64>,
    /// Bytes saved compared with one encoding of the same frames at the richest level.
    pub saved: Option<Saving>,
    /// Bits per feature point.
    pub bpfp_mean: Option<f64>,
    /// Encodings per frame, of all frames.
    pub attempts_mean: Option<f64>,
    /// Re-encodings that scored no better than the best attempt before them.
    pub unhelpful_reencodes: Share,
    /// Milliseconds of coding and scoring per frame, of all frames.
    pub compute_ms_mean: Option<f64>,
    /// Milliseconds of coding and scoring per frame spent on discarded attempts, of all frames.
    pub wasted_ms_mean: Option<f64>,
    /// Frames shipped as passed whose true distortion exceeds the limit.
    pub false_accepts: Share,
    /// Attempts that did not pass although their true distortion is within the limit.
    pub false_reencodes: Share,
    /// Shipped frames whose true distortion exceeds the limit.
    pub violations: Share,
    /// Violations on frames that have no level within the limit.
    pub unavoidable_violations: usize,
    /// The true distortion of the shipped frames.
    pub distortion: Option<Distortions>,
    /// Bytes beyond those of the oracle that is permitted as many violations.
    pub regret: Option<Regret>,
    /// From capture to answer, in milliseconds.
    pub latency_ms: Option<Quantiles>,
    /// Shipped frames that arrived later than the deadline; `None` without a deadline.
    pub deadline_misses: Option<Share>,
    /// The rates at which it is quicker than shipping the richest level at once.
    pub break_even: Option<BreakEven>,
    /// The costs from which [`Self::break_even`] follows. Not in the JSON.
    #[serde(skip)]
    pub costs: Option<Costs>,
    /// `true` if avoidable violations and frames not shipped are no more than permitted.
    pub admissible: bool,
    /// `true` if no other contender has both fewer bytes and less distortion.
    pub pareto: bool,
    /// One per frame of the recording, in its order. Not in the JSON, but in
    /// [`Comparison::to_frames_table`](crate::Comparison::to_frames_table).
    #[serde(skip)]
    pub outcomes: Vec<FrameOutcome>,
}

/// The contender whose replay is evaluated.
pub(crate) struct Case<'a> {
    pub(crate) name: &'a str,
    pub(crate) label: String,
    pub(crate) deployable: bool,
    /// The criterion for its attempts, if it looks at a score.
    pub(crate) criterion: Option<&'a Criterion>,
}

impl Evaluation {
    pub(crate) fn of(
        case: Case<'_>,
        recording: &Recording,
        replayed: &[Replayed],
        rules: &Rules,
        limit: f64,
    ) -> Result<Self, ReplayError> {
        let shipments = shipments(recording, replayed, limit)?;
        let ended = |end: Decision| replayed.iter().filter(|f| f.decided.end == end).count();
        let (dropped, given_up) = (ended(Decision::Drop), ended(Decision::GiveUp));
        let exceeds = |shipment: &&Shipment<'_>| shipment.distortion > limit;
        let violations = Share::of(&shipments, exceeds);
        let unavoidable = shipments
            .iter()
            .filter(|s| s.floor.within.is_none())
            .count();
        let missed = violations.count - unavoidable + dropped + given_up;
        let passed = shipments.iter().filter(|s| s.verdict == Verdict::Passed);
        let of_shipped = |value: fn(&Shipment<'_>) -> f64| mean(shipments.iter().map(value));
        let of_all = |value: fn(&Replayed) -> f64| mean(replayed.iter().map(value));
        let frames = replayed.len();
        let costs = costs(&shipments, recording);
        Ok(Self {
            name: case.name.to_owned(),
            label: case.label,
            deployable: case.deployable,
            frames,
            shipped: shipments.len(),
            dropped,
            given_up,
            best_effort: shipments
                .iter()
                .filter(|s| s.verdict == Verdict::BestEffort)
                .count(),
            bytes: shipments.iter().map(|shipment| shipment.bytes).sum(),
            bytes_mean: of_shipped(|shipment| shipment.bytes.0 as f64),
            saved: saving(&shipments, recording),
            bpfp_mean: of_shipped(|s| 8.0 * s.bytes.0 as f64 / s.recorded.points as f64),
            attempts_mean: of_all(|frame| frame.decided.attempts.len() as f64),
            unhelpful_reencodes: unhelpful(replayed, case.criterion),
            compute_ms_mean: of_all(|frame| millis(computed(&frame.decided.attempts))),
            wasted_ms_mean: of_all(|frame| millis(wasted(frame))),
            false_accepts: Share::of(passed, exceeds),
            false_reencodes: false_reencodes(recording, replayed, case.criterion, limit),
            violations,
            unavoidable_violations: unavoidable,
            distortion: distortions(&shipments),
            regret: regret(&shipments, violations.count),
            latency_ms: Quantiles::of(
                shipments
                    .iter()
                    .filter_map(|s| latency(s.replayed))
                    .collect(),
            ),
            deadline_misses: rules
                .deadline
                .map(|deadline| Share::of(&shipments, |s| is_late(s.replayed, deadline))),
            break_even: costs.map(Costs::break_even),
            costs,
            admissible: missed as f64 <= rules.permitted_violations * frames as f64,
            // Known when all contenders are.
            pareto: false,
            outcomes: outcomes(recording, replayed, &shipments, rules.deadline),
        })
    }
}

/// Every frame, with what was shipped of it: `shipments` has those that were, in the same order.
fn outcomes(
    recording: &Recording,
    replayed: &[Replayed],
    shipments: &[Shipment<'_>],
    deadline: Option<Duration>,
) -> Vec<FrameOutcome> {
    let mut shipments = shipments.iter();
    let frames = recording.frames().iter().zip(replayed);
    frames
        .map(|(recorded, replayed)| FrameOutcome {
            frame: recorded.frame,
            name: recorded.name.clone(),
            attempts: replayed.decided.attempts.len(),
            compute_ms: millis(computed(&replayed.decided.attempts)),
            end: match (replayed.decided.end, replayed.shipped()) {
                (Decision::Drop, _) => FrameEnd::Dropped,
                (_, None) => FrameEnd::GivenUp,
                (_, Some(attempt)) => shipments.next().map_or(FrameEnd::GivenUp, |shipment| {
                    FrameEnd::Shipped(ShippedFrame {
                        rung: attempt.rung,
                        verdict: shipment.verdict,
                        container: shipment.bytes,
                        score: attempt.score().map(PredictedScore::value),
                        distortion: shipment.distortion,
                        latency_ms: latency(replayed),
                        late: deadline.map(|deadline| is_late(replayed, deadline)),
                    })
                }),
            },
        })
        .collect()
}

fn wasted(frame: &Replayed) -> Duration {
    let useful = frame.shipped().map_or(Duration::ZERO, Attempt::took);
    computed(&frame.decided.attempts).saturating_sub(useful)
}

fn latency(frame: &Replayed) -> Option<f64> {
    let took = frame.timing.answered?.saturating_sub(frame.timing.captured);
    Some(millis(took))
}

fn arrival(frame: &Replayed) -> Option<Duration> {
    Some(frame.timing.arrived?.saturating_sub(frame.timing.captured))
}

fn is_late(frame: &Replayed, deadline: Duration) -> bool {
    arrival(frame).is_none_or(|took| took > deadline)
}

/// Re-encodings that did not help, by the policy's own score.
fn unhelpful(replayed: &[Replayed], criterion: Option<&Criterion>) -> Share {
    let Some(criterion) = criterion else {
        return Share::default();
    };
    let mut share = Share::default();
    for frame in replayed {
        let mut best = None;
        for attempt in &frame.decided.attempts {
            let helped = match (attempt.score(), best) {
                (Some(score), Some(best)) => criterion.bound().prefers(score, best),
                (Some(_), None) => true,
                (None, _) => false,
            };
            if helped {
                best = attempt.score();
            }
            share.count += usize::from(!helped);
        }
        // The first attempt is no re-encoding; one without a score helped no more than it did.
        let unscored_first = frame
            .decided
            .attempts
            .first()
            .is_some_and(|a| a.score().is_none());
        share.count -= usize::from(unscored_first);
        share.of += frame.decided.attempts.len().saturating_sub(1);
    }
    share
}

/// Attempts that the gate turned down, and need not have.
fn false_reencodes(
    recording: &Recording,
    replayed: &[Replayed],
    criterion: Option<&Criterion>,
    limit: f64,
) -> Share {
    let Some(criterion) = criterion else {
        return Share::default();
    };
    let frames = recording.frames().iter().zip(replayed);
    let rejected = frames.flat_map(|(recorded, replayed)| {
        let attempts = replayed.decided.attempts.iter();
        let rejected = attempts.filter(|attempt| {
            attempt
                .score()
                .is_some_and(|score| !criterion.passes(score))
        });
        rejected.filter_map(|attempt| recorded.level(attempt.rung)?.distortion())
    });
    Share::of(rejected, |distortion| *distortion <= limit)
}
