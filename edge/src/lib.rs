//! The edge: extract, encode, score, decide, ship.
//!
//! [`run`] takes an [`EdgeConfig`] and a loaded model through a whole source. Open in this order:
//!
//! - [`EdgeConfig`], [`EdgeEvent`], [`EdgeReport`], [`EdgeError`]: what goes in and what comes out;
//! - `capture`: pictures to features, on a thread of its own, ahead of the rest;
//! - `gate`: the loop of encoding, decoding, scoring and deciding, on another. It is handed features
//!   and nothing else: ground truth cannot reach a decision;
//! - `courier`: reference, frame, settlement, and what to do when the cloud is away; a `lane` for each
//!   frame that may be under way at once;
//! - `decisions`: what the policy was told, from which its decisions can be repeated;
//! - `outbox`: the journal of answered frames and the spool of frames that wait;
//! - `timeline`: what the latency columns hold, and what is left out of them.
//!
//! Two bounded channels lie between the three stages, so the next feature is extracted while this
//! one is coded and sent. This crate never sees task heads or the true distortion.

mod capture;
mod config;
mod courier;
mod decisions;
mod error;
mod event;
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod journal;
mod lane;
mod link_meter;
mod link_shares;
mod lock;
mod outage;
mod outbox;
mod parcel;
mod plan;
mod record;
mod report;
mod run;
mod spool;
mod stages;
mod stop;
mod timeline;
mod uplink;

pub use config::EdgeConfig;
pub use decisions::read_decisions;
pub use error::EdgeError;
pub use event::EdgeEvent;
pub use gate::{decisive_metric, scale};
pub use outbox::{OutboxError, read_settings};
pub use record::{Answer, FailedFrame, FrameRecord};
pub use report::{EdgeReport, EdgeSummary, LatencyMs};
pub use run::run;
