//! The loop of encoding, decoding, scoring and deciding (Gao et al., MM'25, §3.2).
//!
//! A gate is handed a feature, and nothing else of its frame: a decision rests on scores, bytes and
//! times, because there is nothing else that it could rest on.

use std::time::{Duration, Instant};

use bytes::Bytes;
use splitsim_cfqa::{Direction, Metric, Reference, Scores};
use splitsim_codec::{Encoded, FeatureCodec, Level};
use splitsim_feature::{Feature, units};
use splitsim_model::Digest;
use splitsim_policy::{
    Bound, Coded, Conditions, DecidedFrame, Decision, LadderLen, Outcome, Policy, PolicyConfig,
    PredictedScore, Rung, Scale,
};
use splitsim_proto::{Attempt, FrameHeader, Name, Score, Verdict};

use crate::EdgeError;

/// A codec, a policy and the metrics: what decides how a feature is shipped.
pub(crate) struct Gate {
    codec: Box<dyn FeatureCodec>,
    policy: Box<dyn Policy>,
    /// All to be recorded, the policy's own first.
    metrics: Vec<Metric>,
    /// The policy's own.
    decisive: Option<Metric>,
}

/// What is shipped of a feature, and how that came about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    /// Every attempt, also those thrown away and those that failed.
    pub(crate) attempts: Vec<Attempt>,
    /// The one that is shipped.
    pub(crate) shipped: usize,
    /// Why that one.
    pub(crate) verdict: Verdict,
    /// Its bytes: those that were decoded and scored.
    pub(crate) container: Bytes,
    /// From the feature to the choice.
    pub(crate) took: Duration,
}

/// What comes of a feature.
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

/// Why nothing of a feature can be shipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GateError {
    /// The policy is through, and there is nothing to ship.
    #[error("no attempt of {attempts} gave anything to ship: {last}")]
    NothingToShip {
        /// Attempts made.
        attempts: usize,
        /// What the last one failed with.
        last: String,
    },
    /// The policy asks for what there is not.
    #[error("policy '{policy}' asks to {request}, after {attempts} attempts")]
    Policy {
        /// The policy.
        policy: String,
        /// What it asked for.
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

/// What policies must know of a metric.
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

/// One pass through codec and metrics.
struct Trial {
    /// For the record.
    attempt: Attempt,
    /// For the policy.
    seen: splitsim_policy::Attempt,
    /// What could be shipped.
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
    pub(crate) fn label(&self) -> &str {
        self.policy.label()
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
    /// told of each. The decision's inputs come with what comes of it, for [`observe`](Self::observe).
    pub(crate) fn choose(
        &self,
        frame: u64,
        feature: &Feature,
        conditions: Conditions,
        heard: impl FnMut(usize, &Attempt),
    ) -> (DecidedFrame, Gated) {
        let start = Instant::now();
        let (trials, end) = self.try_levels(feature, &conditions, heard);
        let decided = DecidedFrame {
            frame,
            conditions,
            attempts: trials.iter().map(|trial| trial.seen).collect(),
            end,
        };
        (decided, self.outcome(trials, end, start.elapsed()))
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
            let trial = self.attempt(&reference, seen.rung);
            heard(index, &trial.attempt);
            trial
        });
        let trials = repeated.collect();
        self.outcome(trials, decided.end, start.elapsed())
    }

    /// Lets the policy learn what came of a frame, once that is written down.
    pub(crate) fn observe(&mut self, decided: &DecidedFrame) {
        let DecidedFrame {
            conditions,
            attempts,
            end,
            ..
        } = decided;
        self.policy.observe(conditions, attempts, *end);
    }

    fn outcome(&self, trials: Vec<Trial>, end: Decision, took: Duration) -> Gated {
        match end {
            Decision::Ship { attempt, verdict } => self
                .ship(trials, attempt, verdict, took)
                .map_or_else(Gated::Failed, |choice| Gated::Shipped(Box::new(choice))),
            Decision::Drop => Gated::Dropped {
                attempts: trials.len(),
            },
            Decision::GiveUp => Gated::Failed(nothing_to_ship(&trials)),
            Decision::Encode(_) => {
                Gated::Failed(self.unreasonable("encode once more", trials.len()))
            }
        }
    }

    /// Makes the attempts that the policy asks for. It ends with another decision than to encode,
    /// unless the policy asks for more than a frame's header can tell of.
    fn try_levels(
        &self,
        feature: &Feature,
        conditions: &Conditions,
        mut heard: impl FnMut(usize, &Attempt),
    ) -> (Vec<Trial>, Decision) {
        let reference = Reference::new(feature.clone());
        let mut trials: Vec<Trial> = Vec::new();
        loop {
            let seen: Vec<_> = trials.iter().map(|trial| trial.seen).collect();
            match self.policy.decide(conditions, &seen) {
                Decision::Encode(rung) if trials.len() < FrameHeader::MAX_ATTEMPTS => {
                    let trial = self.attempt(&reference, rung);
                    heard(trials.len(), &trial.attempt);
                    trials.push(trial);
                }
                end => return (trials, end),
            }
        }
    }

    fn ship(
        &self,
        trials: Vec<Trial>,
        shipped: usize,
        verdict: splitsim_policy::Verdict,
        took: Duration,
    ) -> Result<Choice, GateError> {
        let container = trials
            .get(shipped)
            .and_then(|trial| trial.container.clone())
            .ok_or_else(|| self.unreasonable(&format!("ship attempt {shipped}"), trials.len()))?;
        Ok(Choice {
            attempts: trials.into_iter().map(|trial| trial.attempt).collect(),
            shipped,
            verdict: match verdict {
                splitsim_policy::Verdict::Ungated => Verdict::Ungated,
                splitsim_policy::Verdict::Passed => Verdict::Passed,
                splitsim_policy::Verdict::BestEffort => Verdict::BestEffort,
            },
            container,
            took,
        })
    }

    /// One attempt. A codec that fails makes it a failed one; what follows is the policy's business.
    fn attempt(&self, reference: &Reference, rung: Rung) -> Trial {
        let level = Level(rung.0);
        let start = Instant::now();
        match self.codec.encode_and_decode(reference.feature(), level) {
            Ok(encoded) => self.scored(reference, rung, encoded),
            Err(error) => self.failed(rung, &error, start.elapsed()),
        }
    }

    fn scored(&self, reference: &Reference, rung: Rung, encoded: Encoded) -> Trial {
        let start = Instant::now();
        let scores = reference.score_all(&self.metrics, &encoded.reconstruction);
        let score_time = start.elapsed();
        let scores = match scores {
            Ok(scores) => scores,
            Err(error) => {
                return self.failed(rung, &error, encoded.encode + encoded.decode + score_time);
            }
        };
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
            score: score_time,
            scores: defined(&scores),
            failed: None,
        };
        let outcome = match self.predicted(&scores) {
            Some(score) => Outcome::Scored {
                coded,
                score,
                score_time,
            },
            None => Outcome::Unscored(coded),
        };
        Trial {
            attempt,
            seen: splitsim_policy::Attempt { rung, outcome },
            container: Some(container),
        }
    }

    fn failed(&self, rung: Rung, error: &dyn std::error::Error, took: Duration) -> Trial {
        tracing::warn!("level {rung}: {error}");
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
        Trial {
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
            policy: self.policy.label().to_owned(),
            request: request.to_owned(),
            attempts,
        }
    }
}

fn nothing_to_ship(trials: &[Trial]) -> GateError {
    let last = trials
        .last()
        .and_then(|trial| trial.attempt.failed.as_ref());
    GateError::NothingToShip {
        attempts: trials.len(),
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
mod tests {
    use splitsim_codec::container::{Header, Ranges, SymbolDigest};
    use splitsim_codec::quantise::BitDepth;
    use splitsim_codec::{CodecError, CodecId, Container, Ladder};
    use splitsim_feature::{FeatureShape, Task, TokenLayout};

    use super::*;

    /// A codec whose level L adds an error of `errors[L]` to every value, or fails where there is
    /// none.
    struct FakeCodec {
        ladder: Ladder,
        errors: Vec<Option<f32>>,
    }

    impl FeatureCodec for FakeCodec {
        fn id(&self) -> CodecId {
            CodecId::Hevc
        }

        fn ladder(&self) -> &Ladder {
            &self.ladder
        }

        fn tables_digest(&self) -> Digest {
            Digest::of(b"fake")
        }

        fn encode_and_decode(
            &self,
            feature: &Feature,
            level: Level,
        ) -> Result<Encoded, CodecError> {
            let error = self.errors[level.index()].ok_or(CodecError::NoSuchLevel {
                level: level.index(),
                levels: 0,
            })?;
            let values = feature.values().iter().map(|value| value + error).collect();
            let header = Header {
                codec: CodecId::Hevc,
                task: Task::Cls,
                level,
                shape: feature.shape(),
                depth: BitDepth::TEN,
                ranges: Ranges::Package([0; 8]),
                symbols: SymbolDigest([0; 8]),
            };
            Ok(Encoded {
                container: Container::new(header, vec![level.0; 9].into())?,
                reconstruction: Feature::new(feature.shape(), values)?,
                clamped_points: 0,
                encode: Duration::from_millis(3),
                decode: Duration::from_millis(2),
            })
        }

        fn decode(&self, _: &Container) -> Result<Feature, CodecError> {
            unreachable!("an edge decodes as part of an attempt")
        }
    }

    fn choose(policy: &str, errors: &[Option<f32>]) -> (Gated, usize) {
        let rung = |level: usize| splitsim_codec::Rung {
            parameter: level as f64,
            label: format!("step {level}"),
        };
        let codec = FakeCodec {
            ladder: Ladder::new((0..errors.len()).map(rung).collect()).unwrap(),
            errors: errors.to_vec(),
        };
        let policy: PolicyConfig = policy.parse().unwrap();
        let recorded = [Metric::Cosine, Metric::Mse];
        let gate = Gate::new(Box::new(codec), &policy, &recorded).unwrap();
        let shape = FeatureShape::new(1, 1, 2, 2).unwrap();
        let feature = Feature::new(shape, vec![1.0, 2.0, 3.0, -4.0]).unwrap();
        let mut heard = 0;
        let conditions = Conditions::default();
        let (decided, gated) = gate.choose(7, &feature, conditions, |index, _| {
            assert_eq!(index, heard);
            heard += 1;
        });
        assert_eq!((decided.frame, decided.attempts.len()), (7, heard));
        let ladder = LadderLen::new(errors.len()).unwrap();
        let mut fresh = policy.resolve(ladder).unwrap();
        assert_eq!(splitsim_policy::replay(fresh.as_mut(), &[decided]), Ok(()));
        (gated, heard)
    }

    fn shipped(policy: &str, errors: &[Option<f32>]) -> (Choice, usize) {
        match choose(policy, errors) {
            (Gated::Shipped(choice), heard) => (*choice, heard),
            (other, _) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_bytes_that_passed_are_shipped_and_every_attempt_is_recorded() {
        let errors = [Some(3.0), None, Some(0.5), Some(0.0)];
        let (choice, heard) = shipped("threshold:mse<=1", &errors);
        assert_eq!((heard, choice.shipped), (3, 2));
        assert_eq!(choice.verdict, Verdict::Passed);
        let levels: Vec<u32> = choice
            .attempts
            .iter()
            .map(|attempt| attempt.level)
            .collect();
        assert_eq!(levels, [0, 1, 2]);
        assert!(choice.attempts[1].failed.is_some() && choice.attempts[1].scores.is_empty());
        let shipped = &choice.attempts[2];
        assert_eq!(shipped.label.as_str(), "step 2");
        assert_eq!(shipped.container_bytes, units::Bytes::of(&choice.container));
        let score = |index: usize| {
            (
                shipped.scores[index].metric().as_str(),
                shipped.scores[index].value(),
            )
        };
        assert_eq!(score(0), ("mse", 0.25));
        assert_eq!(score(1).0, "cosine");
        let container = Container::parse(&choice.container, &Default::default()).unwrap();
        assert_eq!(container.header().level, Level(2));
    }

    #[test]
    fn the_best_of_all_is_shipped_when_none_passes() {
        let errors = [Some(3.0), Some(0.5), Some(0.7)];
        let (choice, heard) = shipped("threshold:mse<=0.001", &errors);
        assert_eq!((heard, choice.shipped), (3, 1));
        assert_eq!(choice.verdict, Verdict::BestEffort);
    }

    #[test]
    fn nothing_is_shipped_when_every_attempt_fails() {
        let (Gated::Failed(error), 2) = choose("threshold:mse<=1", &[None, None]) else {
            panic!("two attempts and no result expected");
        };
        let message = error.to_string();
        assert!(
            message.starts_with("no attempt of 2 gave anything to ship: no level 1"),
            "{message}"
        );
    }

    #[test]
    fn without_a_gate_one_attempt_is_made() {
        let (choice, heard) = shipped("always:richest", &[Some(3.0), Some(9.0)]);
        assert_eq!(
            (heard, choice.shipped, choice.verdict),
            (1, 0, Verdict::Ungated)
        );
        assert_eq!(choice.attempts[0].level, 1);
    }

    /// A gate under a budget that pays for two frames, of 55 bytes each.
    fn budgeted() -> Gate {
        let rung = splitsim_codec::Rung {
            parameter: 0.0,
            label: "step 0".to_owned(),
        };
        let codec = FakeCodec {
            ladder: Ladder::new(vec![rung]).unwrap(),
            errors: vec![Some(0.5)],
        };
        let policy: PolicyConfig = "budget:mse<=1,rate=1B/s,burst=130B".parse().unwrap();
        Gate::new(Box::new(codec), &policy, &[]).unwrap()
    }

    #[test]
    fn a_frame_whose_decision_stands_is_paid_for_once() {
        let shape = FeatureShape::new(1, 1, 2, 2).unwrap();
        let feature = Feature::new(shape, vec![1.0, 2.0, 3.0, -4.0]).unwrap();
        let decide = |gate: &mut Gate, frame| {
            let (decided, gated) = gate.choose(frame, &feature, Conditions::default(), |_, _| {});
            gate.observe(&decided);
            (decided, gated)
        };
        let mut live = budgeted();
        let (first, Gated::Shipped(choice)) = decide(&mut live, 0) else {
            panic!("the budget pays for the first");
        };

        // A kill came between the decision and the sending: the frame is made again.
        let mut continued = budgeted();
        continued.resume(std::slice::from_ref(&first));
        let Gated::Shipped(again) = continued.repeat(&first, &feature, |_, _| {}) else {
            panic!("what was decided stands");
        };
        assert_eq!(
            (again.shipped, &again.container),
            (choice.shipped, &choice.container)
        );
        for frame in 1..3 {
            let (of_live, of_continued) = (decide(&mut live, frame), decide(&mut continued, frame));
            assert_eq!(of_live.0.end, of_continued.0.end, "frame {frame}");
            let shipped = matches!(of_continued.1, Gated::Shipped(_));
            assert_eq!(shipped, frame == 1, "the budget pays for two frames");
        }
    }

    #[test]
    fn what_a_policy_drops_is_no_failure() {
        let dropped = choose("bisect:mse<=0.001,fallback=drop", &[Some(3.0), Some(0.5)]);
        assert!(matches!(dropped, (Gated::Dropped { attempts: 1 }, 1)));
    }

    /// Class token, a register and two patches; the codec adds one to every value.
    #[test]
    fn registers_are_no_patches_to_the_gate() {
        let rung = splitsim_codec::Rung {
            parameter: 0.0,
            label: "step 0".to_owned(),
        };
        let codec = FakeCodec {
            ladder: Ladder::new(vec![rung]).unwrap(),
            errors: vec![Some(1.0)],
        };
        let policy: PolicyConfig = "threshold:cosine-patch-mean>=0.5".parse().unwrap();
        let gate = Gate::new(Box::new(codec), &policy, &[]).unwrap();
        let shape = FeatureShape::new(1, 1, 4, 2).unwrap();
        let values = vec![5.0, 5.0, 90.0, -90.0, 1.0, 0.0, 3.0, 0.0];
        let feature = Feature::new(shape, values).unwrap();
        let score = |registers| {
            let feature = feature.clone().with_layout(TokenLayout { registers });
            let (_, gated) = gate.choose(0, &feature, Conditions::default(), |_, _| ());
            let Gated::Shipped(choice) = gated else {
                panic!("{gated:?}");
            };
            choice.attempts[0].scores[0].value()
        };
        // Sums of the patches: (4, 0), and (6, 2) once coded.
        let expected = 24.0 / (4.0 * 40.0f64.sqrt());
        assert!((score(1) - expected).abs() < 1e-12);
        // With the register as a patch: (94, -90) and (97, -87).
        let wrong = (94.0 * 97.0 + 90.0 * 87.0) / (16936.0f64.sqrt() * 16978.0f64.sqrt());
        assert!((score(0) - wrong).abs() < 1e-12);
    }
}
