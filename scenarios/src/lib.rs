//! The splitsim command: experiments, laboratory and model tools.
//!
//! - [`Cli`]: what can be typed, and what is done then, one module per command;
//! - [`scenario`]: scenario files, from text to a fully explicit [`Scenario`](scenario::Scenario);
//! - [`run`]: one cloud, an edge per task and policy after policy, over loopback QUIC;
//! - [`sweep`]: a run per point of a grid, in processes of their own;
//! - [`ladder`]: recorded ladders, and policies compared over them;
//! - [`calibration`]: value ranges, ladders and gate thresholds, found on scenes;
//! - [`Failure`] and [`Output`]: what comes of a command; [`Screen`]: its progress.
//!
//! Nothing here prints to stdout: the program `splitsim` does.

mod benchmark;
pub mod calibration;
mod cli;
mod commands;
mod evaluation;
mod failure;
mod gallery;
pub mod ladder;
pub mod logging;
mod output;
mod outputs;
pub mod run;
pub mod scenario;
mod screen;
pub mod sweep;

pub use cli::Cli;
pub use failure::Failure;
pub use output::Output;
pub use screen::{LogWriter, Screen};
