//! The report of a run or a replay: what a folder of results says, told to someone who was not there.
//!
//! - [`RecordedRun`]: the folder as it was read, finished or not;
//! - [`Limits`]: from which true distortion on a frame counts as broken;
//! - [`RecordedRun::misjudged`]: frames whose prediction was most wrong;
//! - [`RecordedRun::page`]: the page;
//! - [`RecordedRun::operating_points`]: means of every policy, as sweeps compare them;
//! - [`RecordedRun::frames_table`] and [`RecordedRun::attempts_table`]: all numbers, flat;
//! - [`RecordedReplay`]: the same of policies replayed over recorded ladders.
//!
//! Pictures come from the caller, who can run the model again. Columns: `docs/metrics.md`. This
//! crate has no clock and knows neither libtorch nor the network.

mod cohort;
mod columns;
mod error;
mod flat;
mod limits;
mod misjudged;
mod operating_point;
mod page;
mod plot;
mod recorded;
mod replay;
#[cfg(test)]
mod samples;
mod scenario;
mod section;
mod shipment;
mod statistics;
mod trade;

pub use error::StoryError;
pub use limits::{Limits, title, unit};
pub use misjudged::{Misjudged, Surprise};
pub use operating_point::OperatingPoint;
pub use page::Pictures;
pub use recorded::RecordedRun;
pub use replay::RecordedReplay;
