use splitsim_cfqa::Direction;
use splitsim_feature::Task;

use crate::{LabError, ScoreSet, direction};

/// The features of a codec and task as a gate meets them: level after level, cheapest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Ladders {
    direction: Direction,
    ladders: Vec<Ladder>,
}

/// One feature at every level.
#[derive(Debug, Clone, PartialEq)]
pub struct Ladder {
    /// The feature.
    pub feature: String,
    /// Cheapest first.
    pub points: Vec<LadderPoint>,
}

/// One compressed feature: what the gate sees and what is true.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LadderPoint {
    /// The score; `None` where it is undefined, which no gate accepts.
    pub score: Option<f64>,
    /// The true semantic distortion.
    pub distortion: f64,
}

impl Ladders {
    /// Ladders of features scored by a metric of that direction.
    #[must_use]
    pub const fn new(direction: Direction, ladders: Vec<Ladder>) -> Self {
        Self { direction, ladders }
    }

    /// The ladders of a codec and task, scored by a metric. Level numbers ascend from the cheapest, as
    /// `cfqa build` writes them.
    ///
    /// # Errors
    /// When there are none, a distortion is undefined, or it is not known which scores are the better ones.
    pub fn of(set: &ScoreSet, codec: &str, task: Task, metric: &str) -> Result<Self, LabError> {
        let index = set.metric_index(metric)?;
        let features = set.features(codec, task);
        if features.is_empty() {
            return Err(LabError::NoRecords {
                codec: codec.to_owned(),
                task: task.to_string(),
            });
        }
        let ladders = features.into_iter().map(|(feature, records)| {
            let points = records.iter().map(|record| {
                let distortion = record.distortion.ok_or_else(|| LabError::Undefined {
                    feature: record.feature.clone(),
                    level: record.level,
                    what: "the true distortion".to_owned(),
                })?;
                let score = record.scores[index];
                Ok(LadderPoint { score, distortion })
            });
            let points = points.collect::<Result<_, LabError>>()?;
            let feature = feature.to_owned();
            Ok(Ladder { feature, points })
        });
        let ladders = ladders.collect::<Result<_, LabError>>()?;
        let direction = direction(metric).ok_or_else(|| LabError::NoDirection {
            metric: metric.to_owned(),
        })?;
        Ok(Self::new(direction, ladders))
    }

    /// The direction in which scores get better.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// Every feature's ladder.
    #[must_use]
    pub fn ladders(&self) -> &[Ladder] {
        &self.ladders
    }

    /// Every compressed feature.
    pub fn points(&self) -> impl Iterator<Item = &LadderPoint> {
        self.ladders.iter().flat_map(|ladder| &ladder.points)
    }

    /// The ladders of some features.
    #[must_use]
    pub fn take(&self, features: &[usize]) -> Self {
        let taken = features.iter().filter_map(|&index| self.ladders.get(index));
        Self::new(self.direction, taken.cloned().collect())
    }

    /// The distinct scores, strictest threshold first.
    pub(crate) fn thresholds(&self) -> Vec<f64> {
        let mut scores: Vec<f64> = self.points().filter_map(|point| point.score).collect();
        scores.sort_by(f64::total_cmp);
        scores.dedup();
        if self.direction == Direction::HigherIsBetter {
            scores.reverse();
        }
        scores
    }
}
