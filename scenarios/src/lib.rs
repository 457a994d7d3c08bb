//! The splitsim command: experiments, laboratory and model tools.
//!
//! - [`Cli`]: what can be typed, and what is done then, one module per command;
//! - [`scenario`]: scenario files, from text to a fully explicit [`Scenario`](scenario::Scenario);
//! - [`run`]: one cloud, an edge per task and policy after policy, over loopback QUIC;
//! - [`sweep`]: a run per point of a grid, in processes of their own;
//! - [`ladder`]: recorded ladders, and policies compared over them;
//! - [`calibration`]: value ranges, ladders and gate thresholds, found on scenes;
//! - [`Output`]: what a command has to say on stdout.
//!
//! Streams, signals and exit codes are those of `splitsim-cli`.

mod benchmark;
pub mod calibration;
mod cli;
mod commands;
mod evaluation;
#[doc(hidden)]
pub mod fuzzing;
mod gallery;
pub mod ladder;
mod output;
mod outputs;
pub mod run;
pub mod scenario;
pub mod sweep;

pub use cli::Cli;
pub use output::Output;
pub use splitsim_cli::{Failure, Screen, Signals};
