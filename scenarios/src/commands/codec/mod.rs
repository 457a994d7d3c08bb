//! `splitsim codec`.

pub(super) mod args;
mod bench;
mod decode;
mod feature_cache;
mod fit_codebook;
mod import;
mod roundtrip;
mod train;

use std::time::Duration;

use clap::Subcommand;

use crate::{Failure, Output, Screen};

#[derive(Debug, Subcommand)]
pub(crate) enum CodecCommand {
    /// Code a feature, decode the very bytes, and say what it cost
    Roundtrip(roundtrip::Roundtrip),
    /// Decode a bitstream
    Decode(decode::Decode),
    /// Measure codecs level by level: rate, error, task performance, time
    Bench(bench::Bench),
    /// Fit the codebook of a task and write it into a model's package
    FitCodebook(fit_codebook::FitCodebook),
    /// Train a ladder of hyperpriors and write it into a model's package
    Train(train::Train),
    /// Put hyperprior checkpoints of CompressAI into a model's package
    Import(import::Import),
}

impl CodecCommand {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        match self {
            Self::Roundtrip(roundtrip) => roundtrip.run(),
            Self::Decode(decode) => decode.run(),
            Self::Bench(bench) => bench.run(screen),
            Self::FitCodebook(fit) => fit.run(screen),
            Self::Train(train) => train.run(screen),
            Self::Import(import) => import.run(),
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
