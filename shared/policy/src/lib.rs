//! Decision policies: which rung of a codec's ladder to encode at next, and what to ship.
//!
//! The re-encode loop of the CFQA paper's second application scenario (Gao et al., MM'25, §3.2) is a
//! conversation: the edge encodes, decodes and scores, the policy answers with the next [`Decision`].
//!
//! ```
//! use splitsim_policy::{Conditions, Decision, LadderLen, Policy, PolicyConfig, Rung};
//!
//! let config: PolicyConfig = "threshold:cosine>=0.98".parse()?;
//! let policy = config.resolve(LadderLen::new(10)?)?;
//! assert_eq!(policy.decide(&Conditions::default(), &[]), Decision::Encode(Rung(0)));
//! # Ok::<(), splitsim_policy::PolicyError>(())
//! ```
//!
//! - [`Policy`]: the trait, with the order of calls; [`Always`], [`Threshold`], [`Bisect`],
//!   [`Predictive`], [`Deadline`] and [`Budget`] implement it;
//! - [`decide_frame`]: the loop of decisions on one frame;
//! - [`PolicyConfig`]: a policy as a command line names it; [`PolicyKind`]: a kind of policy with its settings;
//! - [`POLICIES`]: all kinds, to which a program can add its own;
//! - [`Attempt`]: what an edge knows of one encoding; [`PredictedScore`], [`Criterion`]: what passes;
//! - [`Conditions`]: what an edge knows of time and link, [`LinkEstimator`] makes an estimate of it;
//! - [`DecidedFrame`]: a frame's inputs and decision, from which [`replay`] repeats a run.
//!
//! Policies are pure: no clock, no randomness, no I/O. They cannot reach labels, task heads or the
//! true distortion, because neither this crate's types nor its dependencies have any.

mod always;
mod attempt;
mod bisect;
mod budget;
mod conditions;
mod config;
mod criterion;
mod deadline;
mod decide;
mod error;
mod gated;
mod kind;
mod ladder;
mod learned;
mod limits;
mod policy;
mod predictive;
mod record;
pub mod setting;
mod threshold;

pub use always::Always;
pub use attempt::{Attempt, Coded, Outcome};
pub use bisect::Bisect;
pub use budget::Budget;
pub use conditions::{Company, Conditions, LinkEstimate, LinkEstimator, Transfer};
pub use config::{PolicyConfig, ResolvedPolicy};
pub use criterion::{Bound, Criterion, PredictedScore, Scale, UnknownBound};
pub use deadline::Deadline;
pub use decide::{MAX_ATTEMPTS, decide_frame};
pub use error::PolicyError;
pub use kind::{Build, PolicyKind};
pub use ladder::{LadderLen, Rung, RungChoice};
pub use limits::{Fallback, MaxAttempts};
pub use policy::{Decision, Policy, UnknownVerdict, Verdict};
pub use predictive::Predictive;
pub use record::{DecidedFrame, Divergence, replay};
pub use threshold::{Start, Threshold};

use splitsim_registry::Registry;

/// Every kind of policy. A program adds its own before it reads a command line or a scenario.
pub static POLICIES: Registry<PolicyKind> = Registry::new(&[
    &always::KIND,
    &threshold::KIND,
    &bisect::KIND,
    &predictive::KIND,
    &deadline::KIND,
    &budget::KIND,
]);
