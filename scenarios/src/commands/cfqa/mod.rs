//! `splitsim cfqa`.

mod build;
mod calibrate;
mod import;
mod merge;
mod score;
mod table;

use clap::Subcommand;

use crate::{Failure, Output, Screen};

#[derive(Debug, Subcommand)]
pub(crate) enum CfqaCommand {
    /// Score a distorted feature against its original
    Score(score::Score),
    /// Build a benchmark set: features, bitstreams, scores and true distortions
    Build(Box<build::Build>),
    /// Join the shards of a benchmark set
    Merge(merge::Merge),
    /// Read a published data set's features and logs
    Import(import::Import),
    /// Say how well metrics predict true distortion: correlations with intervals
    Table(table::Table),
    /// Find a gate's threshold, with a guarantee, and try it on held-out features
    Calibrate(calibrate::Calibrate),
}

impl CfqaCommand {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        match self {
            Self::Score(score) => score.run(),
            Self::Build(build) => build.run(screen),
            Self::Merge(merge) => merge.run(),
            Self::Import(import) => import.run(screen),
            Self::Table(table) => table.run(),
            Self::Calibrate(calibrate) => calibrate.run(),
        }
    }
}
