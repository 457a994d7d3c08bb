use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use splitsim_feature::Task;
use splitsim_feature::units::Bytes;
use splitsim_policy::{Attempt, Coded, LadderLen, Outcome, PredictedScore, Rung};

use crate::ReplayError;

/// Every frame of a source coded at every level of one codec's ladder, for one task.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    identity: Identity,
    frames: Vec<RecordedFrame>,
}

/// The origin of a recording: model, codec, task and source. Two recordings that differ in anything but the
/// source do not mix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The model package's name.
    pub model: String,
    /// Digest of its manifest, ranges and ladders included, and its weights.
    pub model_digest: String,
    /// The codec.
    pub codec: String,
    /// Digest of everything that its decoder needs.
    pub tables_digest: String,
    /// The source of the value ranges.
    pub range: String,
    /// The task that the features are for.
    pub task: Task,
    /// The pictures.
    pub source: String,
    /// The version of the software that recorded it.
    pub software: String,
    /// The codec's labels for the levels, cheapest first; 1 to 255 of them.
    pub levels: Vec<String>,
}

/// One frame at every level.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedFrame {
    /// Its number.
    pub frame: u64,
    /// Its picture's name.
    pub name: String,
    /// Values of the feature, at least 1.
    pub points: u64,
    /// Time from the picture to the feature.
    pub extract: Duration,
    /// One per level of the ladder, cheapest first.
    pub levels: Vec<Level>,
}

/// The result of coding a frame at one level.
#[derive(Debug, Clone, PartialEq)]
pub enum Level {
    /// The codec or the metric failed.
    Failed {
        /// Time until it failed.
        took: Duration,
        /// The reason for the failure.
        reason: String,
    },
    /// The codec and the metrics gave a result that can be shipped.
    Coded {
        /// The container's size.
        container: Bytes,
        /// Time to encode.
        encode: Duration,
        /// Time to decode at the edge.
        decode: Duration,
        /// Time to score by all recorded metrics.
        score: Duration,
        /// Time of the cloud: its decoding and its task head.
        cloud: Duration,
        /// Scores by metric, all finite; a metric may be undefined for a reconstruction.
        scores: BTreeMap<String, f64>,
        /// The true semantic distortion in the task's unit, where there is ground truth.
        distortion: Option<f64>,
    },
}

impl Level {
    /// The cloud's time; none for what cannot be shipped.
    pub(crate) const fn cloud(&self) -> Duration {
        match self {
            Self::Coded { cloud, .. } => *cloud,
            Self::Failed { .. } => Duration::ZERO,
        }
    }

    /// The true distortion, where it is known.
    pub(crate) const fn distortion(&self) -> Option<f64> {
        match self {
            Self::Coded { distortion, .. } => *distortion,
            Self::Failed { .. } => None,
        }
    }
}

impl Recording {
    /// A recording of `frames`, in their order.
    ///
    /// # Errors
    /// When there is none, a frame has no values or not one level per level of the ladder, or a number
    /// is not finite.
    pub fn new(identity: Identity, frames: Vec<RecordedFrame>) -> Result<Self, ReplayError> {
        LadderLen::new(identity.levels.len())?;
        if frames.is_empty() {
            return Err(ReplayError::Empty);
        }
        let mut row = 0;
        for frame in &frames {
            frame
                .check(identity.levels.len())
                .map_err(|reason| ReplayError::Row { row, reason })?;
            row += frame.levels.len();
        }
        Ok(Self { identity, frames })
    }

    /// The folder of recordings in a folder of results.
    pub const FOLDER: &str = "ladders";

    /// The file name of a task's recording in a folder of recordings.
    #[must_use]
    pub fn file_name(task: Task) -> String {
        format!("{task}.parquet")
    }

    /// The recording's origin.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The frames, at least one.
    #[must_use]
    pub fn frames(&self) -> &[RecordedFrame] {
        &self.frames
    }

    /// The number of levels.
    ///
    /// # Panics
    /// Never: a recording has a ladder, by construction.
    #[must_use]
    pub fn ladder(&self) -> LadderLen {
        LadderLen::new(self.identity.levels.len()).expect("checked when it was made")
    }

    /// The metrics that any level has a score by.
    #[must_use]
    pub fn metrics(&self) -> BTreeSet<&str> {
        let levels = self.frames.iter().flat_map(|frame| &frame.levels);
        let scores = levels.filter_map(|level| match level {
            Level::Coded { scores, .. } => Some(scores.keys().map(String::as_str)),
            Level::Failed { .. } => None,
        });
        scores.flatten().collect()
    }

    /// Appends the frames of a recording of other pictures.
    ///
    /// # Errors
    /// When it is of another model, codec, ladder, range, task or software; nothing is appended then.
    pub fn append(&mut self, other: Self) -> Result<(), ReplayError> {
        other.identity.require(&self.identity)?;
        if other.identity.source != self.identity.source {
            self.identity.source = format!("{}, {}", self.identity.source, other.identity.source);
        }
        self.frames.extend(other.frames);
        Ok(())
    }
}

impl Identity {
    /// Refuses a recording of anything else; the source may differ.
    ///
    /// # Errors
    /// Names the first difference.
    pub fn require(&self, expected: &Self) -> Result<(), ReplayError> {
        self.require_model(&expected.model_digest, &expected.codec, &expected.range)?;
        let same = |what, actual: &str, expected: &str| differing(what, actual, expected);
        same("task", self.task.name(), expected.task.name())?;
        same(
            "decoder table",
            &self.tables_digest,
            &expected.tables_digest,
        )?;
        same(
            "ladder",
            &self.levels.join(", "),
            &expected.levels.join(", "),
        )?;
        same("version of splitsim", &self.software, &expected.software)
    }

    /// Refuses a recording of another model or codec. It is a part of [`Self::require`] for callers that have
    /// not opened the codec. A model's digest covers its ladders.
    ///
    /// # Errors
    /// Names the first difference.
    pub fn require_model(
        &self,
        model_digest: &str,
        codec: &str,
        range: &str,
    ) -> Result<(), ReplayError> {
        differing("model", &self.model_digest, model_digest)?;
        differing("codec", &self.codec, codec)?;
        differing("value range", &self.range, range)
    }
}

fn differing(what: &'static str, actual: &str, expected: &str) -> Result<(), ReplayError> {
    match actual == expected {
        true => Ok(()),
        false => Err(ReplayError::Other {
            what,
            actual: actual.to_owned(),
            expected: expected.to_owned(),
        }),
    }
}

impl RecordedFrame {
    fn check(&self, levels: usize) -> Result<(), String> {
        if self.points == 0 {
            return Err(format!("frame {} has no values", self.frame));
        }
        if self.levels.len() != levels {
            let (frame, actual) = (self.frame, self.levels.len());
            return Err(format!(
                "frame {frame} has {actual} levels, expected {levels}"
            ));
        }
        let finite = self.levels.iter().all(|level| match level {
            Level::Failed { .. } => true,
            Level::Coded {
                scores, distortion, ..
            } => scores
                .values()
                .chain(distortion)
                .all(|number| number.is_finite()),
        });
        match finite {
            true => Ok(()),
            false => Err(format!(
                "frame {} has a number that is not finite",
                self.frame
            )),
        }
    }

    /// The attempt that an edge would have seen at a rung, scored by `metric`; `None` beyond the ladder.
    #[must_use]
    pub fn attempt(&self, rung: Rung, metric: Option<&str>) -> Option<Attempt> {
        let outcome = match self.levels.get(usize::from(rung.0))? {
            Level::Failed { took, .. } => Outcome::Failed { took: *took },
            Level::Coded {
                container,
                encode,
                decode,
                score,
                scores,
                ..
            } => {
                let coded = Coded {
                    container: *container,
                    encode_time: *encode,
                    decode_time: *decode,
                };
                let predicted = metric.and_then(|metric| scores.get(metric));
                match predicted.and_then(|&value| PredictedScore::new(value).ok()) {
                    None => Outcome::Unscored(coded),
                    Some(predicted) => Outcome::Scored {
                        coded,
                        score: predicted,
                        score_time: *score,
                    },
                }
            }
        };
        Some(Attempt { rung, outcome })
    }

    /// Bytes and true distortion of every level that has both, cheapest level first.
    pub(crate) fn operating_points(&self) -> impl Iterator<Item = (Rung, Bytes, f64)> {
        (0..=u8::MAX)
            .map(Rung)
            .zip(&self.levels)
            .filter_map(|(rung, level)| match level {
                Level::Coded {
                    container,
                    distortion: Some(distortion),
                    ..
                } => Some((rung, *container, *distortion)),
                Level::Coded { .. } | Level::Failed { .. } => None,
            })
    }

    pub(crate) fn level(&self, rung: Rung) -> Option<&Level> {
        self.levels.get(usize::from(rung.0))
    }
}
