use std::fmt;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;
use splitsim_codec::bd_rate::Better;
use splitsim_feature::Task;
use splitsim_model::Package;
use splitsim_source::Source;
use splitsim_specimen::{Expectation, Specimen};
use splitsim_truth::GroundTruth;

use super::{mean, on_scale};

/// The standard by which a reconstruction is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// Ground truth: how much of the task's performance is lost
    Truth,
    /// The answer that the head gives to the original feature: how much of it changes
    Agreement,
    /// The feature alone: its mean cosine to the original
    Cosine,
}

/// The scale on which a criterion measures a task's loss on some pictures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Yardstick {
    /// The originals' performance.
    pub(super) original: f64,
    /// The drop in performance that counts as a total loss; negative where a greater performance is worse.
    pub(super) all: f64,
}

impl Criterion {
    /// The best one that pictures and package allow.
    #[must_use]
    pub fn of(package: &Package, source: &Source, task: Task) -> Self {
        match (package.manifest().has_head(task), source.has_truth(task)) {
            (true, true) => Self::Truth,
            (true, false) => Self::Agreement,
            (false, _) => Self::Cosine,
        }
    }

    /// The share that the richest level may lose.
    #[must_use]
    pub const fn richest_loss(self) -> f64 {
        match self {
            Self::Truth => 0.005,
            Self::Agreement | Self::Cosine => 0.02,
        }
    }

    /// The share that the cheapest level must lose.
    #[must_use]
    pub const fn cheapest_loss(self) -> f64 {
        match self {
            Self::Truth | Self::Agreement => 0.6,
            Self::Cosine => 0.2,
        }
    }

    /// Returns the name of the performance figure with its unit, such as `top-1, %`.
    #[must_use]
    pub const fn performance_is(self, task: Task) -> &'static str {
        match (self, task) {
            (Self::Truth, Task::Cls) => "top-1, %",
            (Self::Truth, Task::Seg) => "mIoU, %",
            (Self::Truth, Task::Dpt) => "RMSE, m",
            (Self::Agreement, Task::Cls) => "same label as of the original, %",
            (Self::Agreement, Task::Seg) => "mIoU with the original's mask, %",
            (Self::Agreement, Task::Dpt) => "RMSE to the original's depth, m",
            (Self::Cosine, _) => "mean cosine",
        }
    }

    /// Returns the direction in which performance improves.
    #[must_use]
    pub const fn better(self, task: Task) -> Better {
        match (self, task) {
            (Self::Truth | Self::Agreement, Task::Dpt) => Better::Smaller,
            (Self::Truth | Self::Agreement, Task::Cls | Task::Seg) | (Self::Cosine, _) => {
                Better::Greater
            }
        }
    }

    /// The answer that heads should give.
    #[must_use]
    pub const fn expectation(self) -> Expectation {
        match self {
            Self::Truth => Expectation::Truth,
            Self::Agreement => Expectation::Agreement,
            Self::Cosine => Expectation::Nothing,
        }
    }

    /// Measures the originals on these pictures. Losses of the task are relative to the result.
    pub(super) fn yardstick(self, task: Task, specimens: &[Specimen<'_>]) -> Result<Yardstick> {
        if self == Self::Cosine {
            return Ok(Yardstick {
                original: 1.0,
                all: 1.0,
            });
        }
        let originals = specimens.iter().filter_map(Specimen::original);
        let performances = originals.filter_map(|original| original.performance);
        let performances: Vec<f64> = performances.map(on_scale).collect();
        let original = mean(performances.into_iter());
        let all = match (self, task) {
            (Self::Agreement, Task::Dpt) => {
                let expected = specimens.iter().filter_map(Specimen::expected);
                let spreads: Vec<f64> = expected.map(spread).collect();
                -mean(spreads.into_iter())
            }
            (_, Task::Dpt) => -original,
            (_, Task::Cls | Task::Seg) => original,
        };
        (all != 0.0)
            .then_some(Yardstick { original, all })
            .with_context(|| {
                format!(
                    "{task}: the originals have nothing to lose, their {} is {original}",
                    self.performance_is(task)
                )
            })
    }
}

impl Yardstick {
    /// The share that a performance has lost.
    pub(super) fn loss(self, performance: f64) -> f64 {
        (self.original - performance) / self.all
    }
}

/// The standard deviation of a depth map's metres: an error of that size leaves nothing of the shape of
/// a room.
fn spread(truth: &GroundTruth) -> f64 {
    let GroundTruth::Dpt { depth } = truth else {
        return 0.0;
    };
    let metres = depth.view();
    let mean = metres.iter().map(|&m| f64::from(m)).sum::<f64>() / metres.len() as f64;
    let squares = metres.iter().map(|&m| (f64::from(m) - mean).powi(2));
    (squares.sum::<f64>() / metres.len() as f64).sqrt()
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Truth => "truth",
            Self::Agreement => "agreement",
            Self::Cosine => "cosine",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_shares_of_what_there_is_to_lose() {
        let loss = |original, all, performance| Yardstick { original, all }.loss(performance);
        assert_eq!(loss(80.0, 80.0, 60.0), 0.25);
        // Depth: half again the error, and an error of half the spread.
        assert_eq!(loss(0.5, -0.5, 0.75), 0.5);
        assert_eq!(loss(0.0, -1.5, 0.75), 0.5);
        assert_eq!(loss(1.0, 1.0, 0.75), 0.25);
    }
}
