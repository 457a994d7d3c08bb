//! The loop of encoding, decoding, scoring and deciding (Gao et al., MM'25, §3.2).
//!
//! A gate is handed a feature, and nothing else of its frame: a decision rests on scores, bytes and
//! times, because there is nothing else that it could rest on.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use bytes::Bytes;
use splitsim_cfqa::{Direction, Metric, Reference, Scores};
use splitsim_codec::{FeatureCodec, Level};
use splitsim_feature::{Feature, units};
use splitsim_model::Digest;
use splitsim_policy::{
    Bound, Coded, Conditions, DecidedFrame, Decision, LadderLen, Outcome, Policy, PolicyConfig,
    PredictedScore, ResolvedPolicy, Rung, Scale, Verdict, decide_frame,
};
use splitsim_proto::{Attempt, Name, Score};
use splitsim_trial::{Trial, TrialError};

use crate::EdgeError;

/// A codec, a policy and the metrics: what decides how a feature is shipped.
pub(crate) struct Gate {
    codec: Box<dyn FeatureCodec>,
    policy: ResolvedPolicy,
    /// All to be recorded, the policy's own first.
    metrics: Vec<Metric>,
    /// The policy's own.
    decisive: Option<Metric>,
}

/// The encoding that is shipped of a feature, and the attempts that led to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    /// Every attempt, also those thrown away and those that failed.
    pub(crate) attempts: Vec<Attempt>,
    /// The one that is shipped.
    pub(crate) shipped: usize,
    /// The reason for that choice.
    pub(crate) verdict: Verdict,
    /// Its bytes: those that were decoded and scored.
    pub(crate) container: Bytes,
    /// From the feature to the choice.
    pub(crate) took: Duration,
}

/// The outcome of a feature at the gate.
#[derive(Debug)]
pub(crate) enum Gated {
    /// One of its encodings is shipped.
    Shipped(Box<Choice>),
    /// Nothing is shipped: the policy prefers that.
    Dropped {
        /// Attempts made.
        attempts: usize,
    },
    /// Nothing can be shipped.
    Failed(GateError),
}

/// The reason why nothing of a feature can be shipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GateError {
    /// The policy is through, and there is nothing to ship.
    #[error("no attempt of {attempts} gave anything to ship: {last}")]
    NothingToShip {
        /// Attempts made.
        attempts: usize,
        /// The error of the last attempt.
        last: String,
    },
    /// The policy asks for what there is not.
    #[error("policy '{policy}' asks to {request}, after {attempts} attempts")]
    Policy {
        /// The policy.
        policy: String,
        /// The request of the policy.
        request: String,
        /// Attempts made.
        attempts: usize,
    },
}

/// The metric that decides, if the policy has one, of which the policy's criterion makes sense.
///
/// # Errors
/// When there is no such metric, or its scale does not suit the criterion.
pub fn decisive_metric(policy: &PolicyConfig) -> Result<Option<Metric>, EdgeError> {
    let Some(criterion) = policy.criterion() else {
        return Ok(None);
    };
    let metric: Metric = criterion.metric().parse()?;
    criterion.check(&scale(metric))?;
    Ok(Some(metric))
}

/// Returns the range of a metric, and the side of a threshold that passes.
#[must_use]
pub const fn scale(metric: Metric) -> Scale {
    Scale {
        range: metric.range(),
        better: match metric.direction() {
            Direction::HigherIsBetter => Bound::AtLeast,
            Direction::LowerIsBetter => Bound::AtMost,
        },
    }
}

/// An attempt with what can be shipped of it.
struct Candidate {
    /// For the record.
    attempt: Attempt,
    /// For the policy.
    seen: splitsim_policy::Attempt,
    /// The bytes that could be shipped; `None` if the attempt failed.
    container: Option<Bytes>,
}

impl Gate {
    /// A policy on a codec's ladder; `recorded` are metrics beside the policy's own.
    pub(crate) fn new(
        codec: Box<dyn FeatureCodec>,
        policy: &PolicyConfig,
        recorded: &[Metric],
    ) -> Result<Self, EdgeError> {
        let ladder = LadderLen::new(codec.ladder().len())?;
        let decisive = decisive_metric(policy)?;
        let policy = policy.resolve(ladder)?;
        let mut metrics: Vec<Metric> = decisive.into_iter().collect();
        for &metric in recorded {
            if !metrics.contains(&metric) {
                metrics.push(metric);
            }
        }
        Ok(Self {
            codec,
            policy,
            metrics,
            decisive,
        })
    }

    /// The policy with its settings.
    pub(crate) fn label(&self) -> String {
        self.policy.config().to_string()
    }

    /// The metric that decides.
    pub(crate) const fn decisive(&self) -> Option<Metric> {
        self.decisive
    }

    /// The digest of what the codec's decoder must have.
    pub(crate) fn tables_digest(&self) -> Digest {
        self.codec.tables_digest()
    }

    /// Brings the policy to where it was after these frames.
    pub(crate) fn resume(&mut self, past: &[DecidedFrame]) {
        past.iter().for_each(|decided| self.observe(decided));
    }

    /// Encodes, decodes and scores a feature until the policy ships an attempt or nothing; `heard` is
    /// called for each. The decision's inputs are returned with the outcome, for [`observe`](Self::observe).
    pub(crate) fn choose(
        &self,
        frame: u64,
        feature: &Feature,
        conditions: Conditions,
        heard: impl FnMut(usize, &Attempt),
    ) -> (DecidedFrame, Gated) {
        let start = Instant::now();
        let (candidates, attempts, end) = self.try_levels(feature, &conditions, heard);
        let decided = DecidedFrame {
            frame,
            conditions,
            attempts,
            end,
        };
        (decided, self.outcome(candidates, end, start.elapsed()))
    }

    /// Makes the attempts of a decision that stands once more, and does with them what was decided. The
    /// policy is not asked again: it knows of the frame already.
    pub(crate) fn repeat(
        &self,
        decided: &DecidedFrame,
        feature: &Feature,
        mut heard: impl FnMut(usize, &Attempt),
    ) -> Gated {
        let start = Instant::now();
        let reference = Reference::new(feature.clone());
        let repeated = decided.attempts.iter().enumerate().map(|(index, seen)| {
            let candidate = self.attempt(&reference, seen.rung);
            heard(index, &candidate.attempt);
            candidate
        });
        let candidates = repeated.collect();
        self.outcome(candidates, decided.end, start.elapsed())
    }

    /// Shows the policy the outcome of a frame, once that is written down.
    pub(crate) fn observe(&mut self, decided: &DecidedFrame) {
        let DecidedFrame {
            conditions,
            attempts,
            end,
            ..
        } = decided;
        self.policy.observe(conditions, attempts, *end);
    }

    fn outcome(&self, candidates: Vec<Candidate>, end: Decision, took: Duration) -> Gated {
        match end {
            Decision::Ship { attempt, verdict } => self
                .ship(candidates, attempt, verdict, took)
                .map_or_else(Gated::Failed, |choice| Gated::Shipped(Box::new(choice))),
            Decision::Drop => Gated::Dropped {
                attempts: candidates.len(),
            },
            Decision::GiveUp => Gated::Failed(nothing_to_ship(&candidates)),
            Decision::Encode(_) => {
                Gated::Failed(self.unreasonable("encode once more", candidates.len()))
            }
        }
    }

    /// Makes the attempts that the policy asks for, up to its last decision.
    fn try_levels(
        &self,
        feature: &Feature,
        conditions: &Conditions,
        mut heard: impl FnMut(usize, &Attempt),
    ) -> (Vec<Candidate>, Vec<splitsim_policy::Attempt>, Decision) {
        let reference = Reference::new(feature.clone());
        let mut candidates = Vec::new();
        let Ok((seen, end)) = decide_frame(&self.policy, conditions, |rung| {
            let candidate = self.attempt(&reference, rung);
            heard(candidates.len(), &candidate.attempt);
            let seen = candidate.seen;
            candidates.push(candidate);
            Ok::<_, Infallible>(seen)
        });
        (candidates, seen, end)
    }

    fn ship(
        &self,
        candidates: Vec<Candidate>,
        shipped: usize,
        verdict: Verdict,
        took: Duration,
    ) -> Result<Choice, GateError> {
        let container = candidates
            .get(shipped)
            .and_then(|candidate| candidate.container.clone())
            .ok_or_else(|| {
                self.unreasonable(&format!("ship attempt {shipped}"), candidates.len())
            })?;
        let attempts = candidates.into_iter().map(|candidate| candidate.attempt);
        Ok(Choice {
            attempts: attempts.collect(),
            shipped,
            verdict,
            container,
            took,
        })
    }

    /// One attempt. A codec that fails makes it a failed one; what follows is the policy's business.
    fn attempt(&self, reference: &Reference, rung: Rung) -> Candidate {
        match Trial::run(self.codec.as_ref(), reference, Level(rung.0), &self.metrics) {
            Ok(trial) => self.coded(rung, &trial),
            Err(error) => self.failed(rung, &error),
        }
    }

    fn coded(&self, rung: Rung, trial: &Trial) -> Candidate {
        let encoded = &trial.encoded;
        let container = encoded.container.to_bytes();
        let coded = Coded {
            container: units::Bytes::of(&container),
            encode_time: encoded.encode,
            decode_time: encoded.decode,
        };
        let attempt = Attempt {
            level: rung.0.into(),
            label: self.level_label(rung),
            payload_bytes: encoded.container.payload_bytes(),
            container_bytes: coded.container,
            encode: encoded.encode,
            decode: encoded.decode,
            score: trial.score,
            scores: defined(&trial.scores),
            failed: None,
        };
        let outcome = match self.predicted(&trial.scores) {
            Some(score) => Outcome::Scored {
                coded,
                score,
                score_time: trial.score,
            },
            None => Outcome::Unscored(coded),
        };
        Candidate {
            attempt,
            seen: splitsim_policy::Attempt { rung, outcome },
            container: Some(container),
        }
    }

    fn failed(&self, rung: Rung, error: &TrialError) -> Candidate {
        tracing::warn!("level {rung}: {error}");
        let took = error.took;
        let attempt = Attempt {
            level: rung.0.into(),
            label: self.level_label(rung),
            payload_bytes: units::Bytes(0),
            container_bytes: units::Bytes(0),
            encode: took,
            decode: Duration::ZERO,
            score: Duration::ZERO,
            scores: Vec::new(),
            failed: Some(error.to_string().into()),
        };
        let outcome = Outcome::Failed { took };
        Candidate {
            attempt,
            seen: splitsim_policy::Attempt { rung, outcome },
            container: None,
        }
    }

    /// The decisive score, where it is defined.
    fn predicted(&self, scores: &Scores) -> Option<PredictedScore> {
        let score = scores.get(self.decisive?)?.as_ref().ok()?;
        PredictedScore::new(score.value()).ok()
    }

    fn level_label(&self, rung: Rung) -> Name {
        let level = Level(rung.0);
        let label = self
            .codec
            .ladder()
            .rung(level)
            .map(|rung| rung.label.clone());
        Name::new(label.unwrap_or_default())
            .or_else(|_| Name::new(format!("level {level}")))
            .expect("a word and a number are a name")
    }

    fn unreasonable(&self, request: &str, attempts: usize) -> GateError {
        GateError::Policy {
            policy: self.label(),
            request: request.to_owned(),
            attempts,
        }
    }
}

fn nothing_to_ship(candidates: &[Candidate]) -> GateError {
    let last = candidates
        .last()
        .and_then(|candidate| candidate.attempt.failed.as_ref());
    GateError::NothingToShip {
        attempts: candidates.len(),
        last: last.map_or_else(
            || "the metric is not defined for it".to_owned(),
            ToString::to_string,
        ),
    }
}

/// The scores that there are: a metric may be undefined for a reconstruction.
fn defined(scores: &Scores) -> Vec<Score> {
    scores
        .iter()
        .filter_map(|(metric, score)| {
            let score = score
                .as_ref()
                .inspect_err(|error| tracing::debug!("{error}"));
            Score::new(Name::new(metric.name()).ok()?, score.ok()?.value()).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests;
