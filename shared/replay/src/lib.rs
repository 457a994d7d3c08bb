//! Recorded ladders, policies replayed over them, and what they are worth.
//!
//! Coding is slow and decisions are quick: where every frame has once been coded at every level, any
//! number of policies can be compared in the time that their decisions take.
//!
//! - [`Recording`]: all levels of all frames, with bytes, times, scores and the true distortion; kept
//!   as Parquet, [`Recording::read`] and [`Recording::write`];
//! - [`replay`]: a policy decides over a recording, on a modelled link; its decisions are those of a
//!   live edge that is told the same;
//! - [`Contender`]: a policy, or the oracle, which is told the truth and bounds them all;
//! - [`Evaluation`]: bytes, attempts, errors of the gate, distortion, latency, regret;
//! - [`compare`]: all contenders on all tasks, ranked; as text, table and JSON;
//! - [`Terms`]: what was compared, read from that JSON: enough to compare again;
//! - [`BreakEven`]: the rate below which re-encoding saves time.
//!
//! Everything is a function of its arguments. Policies see attempts and conditions, never a recording:
//! the true distortion reaches [`oracle`] and [`Evaluation`] only.

mod break_even;
mod compare;
mod error;
mod evaluate;
#[doc(hidden)]
pub mod fuzzing;
pub mod oracle;
mod outcome;
mod pareto;
mod recording;
mod replay;
mod shipment;
mod show;
mod statistics;
mod store;
mod terms;

pub use break_even::{BreakEven, Cost, Costs};
pub use compare::{Comparison, Contender, LevelPoint, Rules, TaskComparison, compare};
pub use error::ReplayError;
pub use evaluate::Evaluation;
pub use outcome::{FrameEnd, FrameOutcome, ShippedFrame};
pub use pareto::pareto_front;
pub use recording::{Identity, Level, RecordedFrame, Recording};
pub use replay::{Replayed, Timing, Uplink, at_rungs, replay};
pub use shipment::{Distortions, Regret, Saving};
pub use statistics::{Interval, Quantiles, Share};
pub use terms::{TaskTerms, Terms};
