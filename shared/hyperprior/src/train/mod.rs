//! Training of a ladder of hyperpriors.
//!
//! One network per λ, richest first; each starts from the one before it where that has as many channels,
//! which is much cheaper than starting anew and keeps the ladder's levels alike. Others start from the
//! principal components of the pictures (`components.rs`). A ladder may also start level by level from
//! another one of the same widths, as a task-specific ladder does from the multi-task one.
//!
//! Per step: random crops of pictures of codebook indexes divided by `2^bits`, padded as the codec pads
//! them and cut on the grid of its latents, of all tasks alike; loss `λ · 255² · MSE + bits / points`
//! (CompressAI's `RateDistortionLoss`) with uniform noise in place of rounding; Adam, gradients clipped
//! by norm; a second Adam for the quantiles of `z`; the learning rate is cut when the validation loss, with rounding, has not fallen for a while, and the level ends
//! when it has become small or the steps are spent. The parameters of the best validation are kept.

mod adam;
mod chance;
mod checkpoint;
mod components;
mod config;
mod crops;
mod forward;
mod init;
mod level;
mod plateau;

pub use config::{LevelConfig, TrainConfig};
pub use crops::{TrainingPicture, TrainingSet};

use std::path::Path;

use serde::Serialize;
use tch::Tensor;

use self::checkpoint::Ladder;
use self::level::LevelSession;
use crate::{HyperpriorError, Parameters};

/// A report of a training run's progress.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Progress {
    /// Steps were taken.
    Step {
        /// The level, 0 cheapest.
        level: usize,
        /// Its λ.
        lambda: f64,
        /// Steps taken on this level.
        step: usize,
        /// Steps at most.
        total: usize,
        /// Learning rate of the step.
        learning_rate: f64,
        /// The step's figures, with noise in place of rounding.
        figures: Figures,
        /// The auxiliary loss of the quantiles.
        auxiliary: f64,
    },
    /// Figures on the validation pictures, with rounding.
    Validation {
        /// The level, 0 cheapest.
        level: usize,
        /// Its λ.
        lambda: f64,
        /// Steps taken on this level.
        step: usize,
        /// The figures.
        figures: Figures,
        /// `true` if no earlier validation of the level was better.
        best: bool,
    },
    /// A level is trained.
    Level {
        /// The level, 0 cheapest.
        level: usize,
        /// Its λ.
        lambda: f64,
        /// Steps taken.
        steps: usize,
        /// The best validation.
        figures: Figures,
    },
}

/// The rate and distortion of a network on a set of crops.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, serde::Deserialize)]
pub struct Figures {
    /// `λ · 255² · MSE + bits_per_point`.
    pub loss: f64,
    /// Estimated bits per point.
    pub bits_per_point: f64,
    /// Mean squared error, pictures scaled to [0, 1).
    pub mse: f64,
}

/// Trains every level that `work` does not hold yet, and returns all, cheapest first.
///
/// `work` keeps finished levels and a checkpoint; a training of the same configuration and pictures found
/// there is continued. `start` is the `work` of a ladder with as many levels to start each level from.
///
/// # Errors
/// When files cannot be read or written, belong to another configuration or other pictures, the loss stops
/// being finite, or libtorch fails.
pub fn run(
    config: &TrainConfig,
    set: &TrainingSet,
    work: &Path,
    start: Option<&Path>,
    report: &mut dyn FnMut(&Progress),
) -> Result<Vec<Parameters>, HyperpriorError> {
    config.check()?;
    set.check()?;
    let ladder = Ladder::open(work, config)?;
    ladder.require(set)?;
    let mut trained: Vec<Parameters> = Vec::new();
    for level in (0..config.levels.len()).rev() {
        let parameters = match ladder.finished(level)? {
            Some(parameters) => parameters,
            None => {
                let (from, steps) = start_of(config, level, set, start, trained.last())?;
                let session = LevelSession::start(config, level, from, steps, &ladder)?;
                session.run(set, &ladder, report)?
            }
        };
        trained.push(parameters);
    }
    trained.reverse();
    Ok(trained)
}

/// Returns the initial parameters of a level and its most steps. The level starts from the same
/// level of another ladder, from the next richer level of the same widths, or from the principal
/// components of the training pictures.
fn start_of(
    config: &TrainConfig,
    level: usize,
    set: &TrainingSet,
    start: Option<&Path>,
    richer: Option<&Parameters>,
) -> Result<(Parameters, usize), HyperpriorError> {
    let widths = config.levels[level].widths();
    let alike = richer.filter(|richer| richer.widths() == widths);
    match (start, alike) {
        (None, None) => Ok((first_weights(config, level, set)?, config.first_steps)),
        (None, Some(richer)) => Ok((richer.copy()?, config.steps)),
        (Some(start), _) => {
            let parameters = checkpoint::read_level(start, level)?;
            if parameters.widths() == widths {
                return Ok((parameters, config.steps));
            }
            Err(HyperpriorError::Training(format!(
                "level {level} would start from {:?}, the configuration has {widths:?}",
                parameters.widths(),
            )))
        }
    }
}

/// Crops' worth of steps that principal components are taken of.
const COMPONENT_STEPS: usize = 32;

/// Returns the initial parameters of a level that starts from no trained one.
fn first_weights(
    config: &TrainConfig,
    level: usize,
    set: &TrainingSet,
) -> Result<Parameters, HyperpriorError> {
    let LevelConfig { lambda, .. } = config.levels[level];
    let size = set.crop_size(config.patch);
    let crops = (0..COMPONENT_STEPS)
        .map(|step| set.batch(config, size, level, step))
        .collect::<Result<Vec<_>, _>>()?;
    let mut parameters = init::parameters(config.seed, config.levels[level].widths())?;
    components::begin(&mut parameters, &Tensor::f_cat(&crops, 0)?, lambda)?;
    Ok(parameters)
}
