//! Training of a small default model on procedural scenes.
//!
//! Backbone and heads are trained together on [`splitsim_scenes`], from random weights to a model
//! package. One seed decides everything: initial weights, the scenes, their order and their
//! augmentation. A run that was cut off goes on from its last checkpoint with the same batches.
//!
//! - [`TrainConfig`]: what is trained, for how long;
//! - [`dataset`]: scenes rendered once and kept in a file;
//! - [`run`]: the loop, reporting to a callback;
//! - [`export`]: the package that comes of it.

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

pub use export::{PackageNote, export, random_package};
pub use session::{Held, Progress, run};

/// What is trained, on what, for how long.
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

impl Stage {
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
    /// How many.
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

    /// All steps of all stages.
    #[must_use]
    pub fn total_steps(&self) -> usize {
        self.stages.iter().map(|stage| stage.steps).sum()
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
    fn learning_rate(&self, step: usize) -> f64 {
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
