//! The cloud: decodes what edges ship, runs the task heads, and logs the true semantic distortion.
//!
//! Open in this order:
//!
//! - [`CloudConfig`] and [`CloudLimits`]: the models and tasks served, and the limits on edges;
//! - [`Cloud`]: start it, serve until it is stopped, read the [`CloudReport`];
//! - [`CloudError`]: the errors of all three steps.
//!
//! A frame passes through these modules: `connection` negotiates and reads it, `admission` checks it
//! against the negotiated parameters, `frame` decodes it, runs the head and records it, `experiment` measures
//! the effect of compression on the task, given an original from `references`.
//!
//! Edges and this crate share only the messages of `splitsim-proto` and the bitstream. Blocking
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
