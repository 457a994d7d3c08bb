//! Decision policies: which rung of a codec's ladder to encode at next, and what to ship.
//!
//! The re-encode loop of the CFQA paper's second application scenario (Gao et al., MM'25, §3.2) is a
//! conversation: the edge encodes, decodes and scores, the policy answers with the next [`Decision`].
//!
//! ```
//! use splitsim_policy::{Decision, LadderLen, PolicyConfig, Rung};
//!
//! let config: PolicyConfig = "threshold:cosine>=0.98".parse()?;
//! let policy = config.resolve(LadderLen::new(10)?)?;
//! assert_eq!(policy.decide(&[]), Decision::Encode(Rung(0)));
//! # Ok::<(), splitsim_policy::PolicyError>(())
//! ```
//!
//! - [`Policy`]: the trait, with the order of calls; [`Always`] and [`Threshold`] implement it;
//! - [`PolicyConfig`]: a policy as a scenario file or a command line names it;
//! - [`Attempt`]: what an edge knows of one encoding; [`PredictedScore`], [`Criterion`]: what passes.
//!
//! Policies are pure: no clock, no randomness, no I/O. They cannot reach labels, task heads or the
//! true distortion, because neither this crate's types nor its dependencies have any.

mod always;
mod attempt;
mod config;
mod criterion;
mod error;
mod ladder;
mod policy;
mod threshold;

pub use always::Always;
pub use attempt::{Attempt, Coded, Outcome};
pub use config::PolicyConfig;
pub use criterion::{Bound, Criterion, PredictedScore};
pub use error::PolicyError;
pub use ladder::{LadderLen, Rung, RungChoice};
pub use policy::{Decision, Policy, Verdict};
pub use threshold::{MaxAttempts, Threshold};
