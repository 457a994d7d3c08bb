//! `splitsim model`, one file per subcommand.

mod calibrate;
mod eval;
mod import;
mod info;
mod opened;
mod train_default;

use clap::Subcommand;

use crate::{Failure, Output, Screen};

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Say what a model package is
    Info(info::Info),
    /// Make a model package of released weights
    Import(import::Import),
    /// Measure the tasks on pictures with ground truth
    Eval(eval::Eval),
    /// Find value ranges, HEVC ladders and gate thresholds
    Calibrate(calibrate::Calibrate),
    /// Train a small model on rendered scenes and write its package
    TrainDefault(train_default::TrainDefault),
}

impl ModelCommand {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        match self {
            Self::Info(info) => info.run(),
            Self::Import(import) => import.run(screen),
            Self::Eval(eval) => eval.run(screen),
            Self::Calibrate(calibrate) => calibrate.run(screen),
            Self::TrainDefault(train) => train.run(screen),
        }
    }
}
