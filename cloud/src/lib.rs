//! The cloud: decodes what edges ship, runs the task heads, and logs the true semantic distortion.
//!
//! Open in this order:
//!
//! - [`CloudConfig`] and [`CloudLimits`]: what a cloud serves, and how much it takes;
//! - [`Cloud`]: start it, serve until told to stop, read the [`CloudReport`];
//! - [`CloudError`]: why it could not.
//!
//! One frame's way through the modules: `connection` negotiates and reads it, `admission` holds it
//! against what was agreed, `frame` decodes it, runs the head and records it, `experiment` measures
//! what compression did to the task, given an original from `references`.
//!
//! Edges and this crate meet in the messages of `splitsim-proto` and in the bitstream only. Blocking
//! work runs on a bounded number of threads of its own, never on a thread that serves the network.

mod admission;
mod cloud;
mod config;
mod connection;
mod decoders;
mod error;
mod experiment;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod journal;
mod outcome;
mod peers;
mod records;
mod references;
mod runs;
mod seldom;
mod shared;
mod shelf;
mod tally;

pub use cloud::Cloud;
pub use config::{CloudConfig, CloudLimits};
pub use error::CloudError;
pub use tally::CloudReport;
