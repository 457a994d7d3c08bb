//! Training of a small default model on procedural scenes.
//!
//! Backbone and heads are trained together on [`splitsim_scenes`], from random weights to a model
//! package. One seed decides everything: initial weights, the scenes, their order and their
//! augmentation. An interrupted run resumes from its last checkpoint with the same batches.
//!
//! - [`TrainConfig`]: the model, data and schedule;
//! - [`dataset`]: scenes rendered once and kept in a file;
//! - [`run`]: the loop, reporting to a callback;
//! - [`export`]: the resulting package.

mod batch;
pub mod dataset;
mod export;
mod init;
mod manifest;
mod model;
mod optimiser;
mod session;

use serde::{Deserialize, Serialize};
use splitsim_model::Architecture;

use crate::VisionError;

pub use export::{PackageNote, export, random_package};
pub use session::{Held, Progress, run};

/// The model, data and schedule of a training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrainConfig {
    /// Decides initial weights, order and augmentation.
    pub seed: u64,
    /// The backbone.
    pub architecture: Architecture,
    /// Depth bins of the depth head.
    pub depth_bins: usize,
    /// Nearest and farthest bin centre, metres.
    pub depth_range_m: [f32; 2],
    /// The scenes to train on.
    pub scenes: SceneSet,
    /// The scenes that held-out figures are taken on.
    pub held_out: SceneSet,
    /// Resolutions, in order.
    pub stages: Vec<Stage>,
    /// Decoupled weight decay of the matrices.
    pub weight_decay: f64,
    /// Largest norm of the whole gradient.
    pub clip_norm: f64,
    /// Steps between checkpoints.
    pub checkpoint_every: usize,
    /// Steps between held-out figures.
    pub evaluate_every: usize,
    /// Matrix products in `bf16` instead of `f32`.
    pub bf16: bool,
}

/// Steps of a training, and scenes of a set.
const MOST: usize = 1_000_000_000;
const MOST_BINS: usize = 1 << 16;
/// Images per step.
const MOST_IMAGES: usize = 1 << 16;

impl Stage {
    /// Returns the first invalid setting, if any, by the names of its keys.
    fn complaint(&self, config: &TrainConfig) -> Option<String> {
        let [smallest, largest] = self.crop;
        let fault = if self.side == 0 || !self.side.is_multiple_of(config.architecture.patch) {
            "side: expected a multiple of the patch"
        } else if self.side > dataset::SIDE {
            "side: a scene is not as large"
        } else if !(1..=MOST_IMAGES).contains(&self.batch) || !(1..=MOST).contains(&self.steps) {
            "batch, steps: expected 1 to 65536 images and 1 to 1,000,000,000 steps"
        } else if self.horizon > MOST || self.warmup_steps > self.horizon {
            "horizon, warmup-steps: expected a warm-up within the horizon"
        } else if !(self.peak_learning_rate.is_finite() && self.peak_learning_rate > 0.0) {
            "peak-learning-rate: expected a positive rate"
        } else if !(0.0 < smallest && smallest <= largest && largest <= 1.0) {
            "crop: expected two ascending shares above 0, at most 1"
        } else if !(0.0..=1.0).contains(&self.soft_iou) {
            "soft-iou: expected a weight from 0 to 1"
        } else {
            return None;
        };
        Some(format!("stages.{fault}"))
    }

    /// Linear warm-up, then half a cosine to zero (Loshchilov & Hutter 2017, without restarts).
    fn learning_rate(&self, step: usize) -> f64 {
        let (step, warmup) = (step as f64, self.warmup_steps as f64);
        if step < warmup {
            return self.peak_learning_rate * (step + 1.0) / warmup;
        }
        let progress = (step - warmup) / (self.horizon as f64 - warmup).max(1.0);
        self.peak_learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos())
    }
}

/// Scenes `0..count` of one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SceneSet {
    /// The scenes' seed.
    pub seed: u64,
    /// The number of scenes.
    pub count: usize,
}

/// A stretch of training at one resolution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Stage {
    /// Side of the input, pixels; a multiple of the patch.
    pub side: usize,
    /// Images per step.
    pub batch: usize,
    /// Optimiser steps.
    pub steps: usize,
    /// Highest learning rate of the stage.
    pub peak_learning_rate: f64,
    /// Steps of linear warm-up to it.
    pub warmup_steps: usize,
    /// Steps in which half a cosine takes it to zero, warm-up included; more than `steps` leave the
    /// stage before that.
    pub horizon: usize,
    /// Smallest and largest side of the random crop, as shares of the scene's. A crop always shows
    /// the whole main object, and grows where it must.
    pub crop: [f32; 2],
    /// Weight of one minus the soft IoU in the mask loss, beside cross entropy.
    pub soft_iou: f64,
}

impl TrainConfig {
    /// A model of four narrow blocks that nobody trains: with [`random_package`], for tests.
    #[must_use]
    pub fn miniature() -> Self {
        let architecture = Architecture {
            embed_dim: 48,
            depth: 4,
            heads: 3,
            patch: 14,
            feed_forward: splitsim_model::FeedForward::Mlp,
            registers: 0,
            position_grid: 16,
            position_interpolation: splitsim_model::PositionInterpolation::ScaleOffset,
        };
        Self {
            seed: 1,
            architecture,
            depth_bins: 16,
            depth_range_m: [0.001, 10.0],
            scenes: SceneSet { seed: 1, count: 16 },
            held_out: SceneSet { seed: 2, count: 8 },
            stages: vec![Stage {
                side: 56,
                batch: 4,
                steps: 4,
                peak_learning_rate: 1e-3,
                warmup_steps: 1,
                horizon: 40,
                crop: [0.5, 1.0],
                soft_iou: 0.5,
            }],
            weight_decay: 0.05,
            clip_norm: 1.0,
            checkpoint_every: 2,
            evaluate_every: 4,
            bf16: false,
        }
    }

    /// Reads a configuration in TOML.
    ///
    /// # Errors
    /// When the text is none, or nothing can be trained with it.
    pub fn parse(text: &str) -> Result<Self, VisionError> {
        let config: Self =
            toml::from_str(text).map_err(|error| VisionError::Training(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// Refuses what nothing can be trained with.
    pub(crate) fn check(&self) -> Result<(), VisionError> {
        let complaint = self.architecture.inconsistency().or_else(|| {
            let of_stages = self.stages.iter().find_map(|stage| stage.complaint(self));
            of_stages.or_else(|| self.complaint().map(str::to_owned))
        });
        complaint.map_or(Ok(()), |reason| Err(VisionError::Training(reason)))
    }

    fn complaint(&self) -> Option<&'static str> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let [nearest, farthest] = self.depth_range_m;
        let counts = [self.checkpoint_every, self.evaluate_every];
        let scenes = [self.scenes.count, self.held_out.count];
        if self.stages.is_empty() || self.total_steps() > MOST {
            Some("stages: expected at least one, and at most 1,000,000,000 steps in all")
        } else if counts.contains(&0) {
            Some("checkpoint-every, evaluate-every: expected at least 1")
        } else if !scenes.iter().all(|count| (1..=MOST).contains(count)) {
            Some("scenes, held-out: expected a count from 1 to 1,000,000,000")
        } else if !(2..=MOST_BINS).contains(&self.depth_bins) {
            Some("depth-bins: expected 2 to 65536")
        } else if !(0.0 < nearest && nearest < farthest && farthest.is_finite()) {
            Some("depth-range-m: expected a nearest depth above zero and a farther one")
        } else if !positive(self.clip_norm) || !(0.0..=1.0).contains(&self.weight_decay) {
            Some("clip-norm, weight-decay: expected a positive norm and a decay from 0 to 1")
        } else {
            None
        }
    }

    /// All steps of all stages.
    #[must_use]
    pub fn total_steps(&self) -> usize {
        let steps = self.stages.iter().map(|stage| stage.steps);
        steps.fold(0, usize::saturating_add)
    }

    /// The stage that step `step` (from 0) belongs to, and the step's place in it.
    fn stage(&self, step: usize) -> Option<(Stage, usize)> {
        let mut first = 0;
        self.stages.iter().copied().find_map(|stage| {
            let place = (first..first + stage.steps)
                .contains(&step)
                .then(|| step - first);
            first += stage.steps;
            place.map(|place| (stage, place))
        })
    }

    /// Zero beyond the last step.
    pub(crate) fn learning_rate(&self, step: usize) -> f64 {
        self.stage(step)
            .map_or(0.0, |(stage, place)| stage.learning_rate(place))
    }

    /// The four blocks that feed the depth head; the last feeds the others.
    #[must_use]
    pub fn taps(&self) -> Vec<usize> {
        (1..=4)
            .map(|quarter| quarter * self.architecture.depth / 4)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_training_can_begin() {
        let text = include_str!("../../../../models/tiny-scenes/train.toml");
        assert_eq!(TrainConfig::parse(text).unwrap().total_steps(), 6700);
        TrainConfig::miniature().check().unwrap();
    }

    #[test]
    fn what_cannot_be_trained_with_is_refused() {
        let refused = |change: fn(&mut TrainConfig), expected: &str| {
            let mut config = TrainConfig::miniature();
            change(&mut config);
            let message = config.check().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        refused(|config| config.stages.clear(), "stages: ");
        refused(|config| config.checkpoint_every = 0, "checkpoint-every");
        refused(|config| config.held_out.count = 0, "held-out");
        refused(|config| config.depth_range_m[1] = 0.0, "depth-range-m");
        refused(|config| config.clip_norm = f64::NAN, "clip-norm");
        refused(|config| config.architecture.heads = 0, "architecture.heads");
        refused(|config| config.stages[0].side = 57, "stages.side");
        refused(
            |config| config.stages[0].steps = usize::MAX,
            "stages.batch, steps",
        );
        refused(|config| config.stages[0].crop = [0.9, 0.5], "stages.crop");
        refused(
            |config| config.stages[0].warmup_steps = 99,
            "stages.horizon",
        );
    }
}
