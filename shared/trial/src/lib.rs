//! One feature coded at one level, decoded from the container's bytes, and scored against the original
//! (Gao et al., MM'25, §3.2).
//!
//! A gate, a recording, a calibration, a benchmark set and a comparison of codecs all make [`Trial`]s. None of them
//! codes a feature in another way, so their bytes, scores and times mean the same.

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use splitsim_cfqa::{CfqaError, Metric, Reference, Scores};
use splitsim_codec::{CodecError, Encoded, FeatureCodec, Level};

/// A feature coded at one level.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The container, the feature that every decoder gets from it, and the time that coding took.
    pub encoded: Encoded,
    /// The reconstruction's scores, in the order in which the metrics were given.
    pub scores: Scores,
    /// Wall-clock time of scoring.
    pub score: Duration,
}

impl Trial {
    /// Codes the original of `reference` at `level`, and scores the reconstruction by `metrics`.
    ///
    /// # Errors
    /// When the codec fails, or the reconstruction has another shape than the original. A metric that is undefined for
    /// the pair has an error of its own in [`Self::scores`].
    pub fn run(
        codec: &dyn FeatureCodec,
        reference: &Reference,
        level: Level,
        metrics: &[Metric],
    ) -> Result<Self, TrialError> {
        let start = Instant::now();
        let failed = |reason| TrialError {
            took: start.elapsed(),
            reason,
        };
        let encoded = codec
            .encode_and_decode(reference.feature(), level)
            .map_err(|error| failed(Reason::Codec(error)))?;
        let scoring = Instant::now();
        let scores = reference
            .score_all(metrics, &encoded.reconstruction)
            .map_err(|error| failed(Reason::Metric(error)))?;
        Ok(Self {
            encoded,
            scores,
            score: scoring.elapsed(),
        })
    }

    /// The reconstruction's score by one metric.
    ///
    /// # Errors
    /// When the metric is undefined for the pair, or its value was not asked for.
    pub fn score_by(&self, metric: Metric) -> Result<f64, ScoreError> {
        let score = self
            .scores
            .get(metric)
            .ok_or(ScoreError::NotAsked { metric })?;
        Ok(score.as_ref().map_err(Clone::clone)?.value())
    }
}

/// The reason why a trial has no score by a metric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScoreError {
    /// The metric is undefined for the pair.
    #[error(transparent)]
    Undefined(#[from] CfqaError),
    /// The trial was not scored by this metric.
    #[error("the trial was not scored by {metric}")]
    NotAsked {
        /// The metric.
        metric: Metric,
    },
}

/// The reason why a [`Trial`] failed, and the time until then.
#[derive(Debug)]
pub struct TrialError {
    /// Wall-clock time from the start of coding to the failure.
    pub took: Duration,
    /// The step that failed, with its error.
    pub reason: Reason,
}

/// The step of a trial that failed.
#[derive(Debug)]
pub enum Reason {
    /// Coding or decoding.
    Codec(CodecError),
    /// Scoring.
    Metric(CfqaError),
}

impl TrialError {
    fn error(&self) -> &(dyn Error + 'static) {
        match &self.reason {
            Reason::Codec(error) => error,
            Reason::Metric(error) => error,
        }
    }
}

impl fmt::Display for TrialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.error(), f)
    }
}

impl Error for TrialError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error().source()
    }
}

#[cfg(test)]
mod tests {
    use splitsim_codec::container::{Header, Ranges, SymbolDigest};
    use splitsim_codec::quantise::BitDepth;
    use splitsim_codec::{CodecId, Container, Ladder, Rung};
    use splitsim_feature::{Feature, FeatureShape, Task};
    use splitsim_model::Digest;

    use super::*;

    /// A codec that reconstructs everything as one feature, and has no other level than 0.
    struct Constant {
        ladder: Ladder,
        reconstruction: Feature,
    }

    impl Constant {
        fn new(reconstruction: Feature) -> Self {
            let rung = Rung {
                parameter: 0.0,
                label: "only".to_owned(),
            };
            Self {
                ladder: Ladder::new(vec![rung]).unwrap(),
                reconstruction,
            }
        }
    }

    impl FeatureCodec for Constant {
        fn id(&self) -> CodecId {
            CodecId::Hevc
        }

        fn ladder(&self) -> &Ladder {
            &self.ladder
        }

        fn tables_digest(&self) -> Digest {
            Digest::of(b"constant")
        }

        fn encode_and_decode(&self, _: &Feature, level: Level) -> Result<Encoded, CodecError> {
            self.ladder.rung(level)?;
            let header = Header {
                codec: self.id(),
                task: Task::Cls,
                level,
                shape: self.reconstruction.shape(),
                depth: BitDepth::TEN,
                ranges: Ranges::Package([0; 8]),
                symbols: SymbolDigest([0; 8]),
            };
            Ok(Encoded {
                container: Container::new(header, vec![7; 9].into())?,
                reconstruction: self.reconstruction.clone(),
                clamped_points: 0,
                encode: Duration::from_millis(3),
                decode: Duration::from_millis(2),
            })
        }

        fn decode(&self, _: &Container) -> Result<Feature, CodecError> {
            Ok(self.reconstruction.clone())
        }
    }

    fn feature(tokens: usize, values: &[f32]) -> Feature {
        let shape = FeatureShape::new(1, 1, tokens, 2).unwrap();
        Feature::new(shape, values.to_vec()).unwrap()
    }

    fn run(reconstruction: Feature, level: u8) -> Result<Trial, TrialError> {
        let reference = Reference::new(feature(2, &[1.0, 2.0, 3.0, 4.0]));
        let metrics = [Metric::Mse, Metric::Cka];
        Trial::run(
            &Constant::new(reconstruction),
            &reference,
            Level(level),
            &metrics,
        )
    }

    #[test]
    fn what_is_scored_is_the_reconstruction() {
        let trial = run(feature(2, &[1.0, 2.0, 3.0, 6.0]), 0).unwrap();
        assert_eq!(trial.score_by(Metric::Mse), Ok(1.0));
        let metric = Metric::Cosine;
        assert_eq!(trial.score_by(metric), Err(ScoreError::NotAsked { metric }));
        assert_eq!(trial.encoded.container.payload_bytes().0, 9);
    }

    #[test]
    fn an_undefined_metric_leaves_the_others() {
        let trial = run(feature(2, &[5.0, 5.0, 5.0, 5.0]), 0).unwrap();
        assert!(trial.score_by(Metric::Mse).is_ok());
        let undefined = trial.score_by(Metric::Cka).unwrap_err();
        assert!(matches!(undefined, ScoreError::Undefined(_)));
        let defined: Vec<_> = trial.scores.defined().map(|score| score.metric()).collect();
        assert_eq!(defined, [Metric::Mse]);
    }

    #[test]
    fn a_failure_names_the_step_as_its_own_error_does() {
        let codec = run(feature(2, &[0.0; 4]), 1).unwrap_err();
        assert!(matches!(codec.reason, Reason::Codec(_)));
        let Reason::Codec(inner) = &codec.reason else {
            unreachable!()
        };
        assert_eq!(codec.to_string(), inner.to_string());
        let metric = run(feature(1, &[0.0; 2]), 0).unwrap_err();
        assert!(matches!(metric.reason, Reason::Metric(_)));
    }
}
