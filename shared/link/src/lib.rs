//! An emulated network link between any two programs.
//!
//! - [`LinkConfig`] and [`PipeConfig`]: the link's parameters, for each direction;
//! - [`Pipe`]: one direction, pure: packets and times come in, packets and times go out;
//! - [`RateSteps`] and [`Opportunities`]: the service rate, constant or from a trace;
//! - [`Loss`], [`QueueConfig`] with [`codel`]: packet loss and queue management;
//! - [`trace`]: traces from files, from public data sets, and generated ones;
//! - [`Relay`]: the pipe between real UDP sockets, on a thread of its own.
//!
//! ```text
//! packet ─► down? ─► queue ─► rate ─► loss ─► propagation and jitter ─► delivery
//! ```
//!
//! Loss occurs after the rate, as on a radio link: a lost packet has used the link. A packet's size is that
//! of its IP packet. All randomness descends from one seed; each cause has a stream of its own, drawn
//! once per packet in the order of service.

pub mod codel;
mod config;
mod counters;
mod delay;
#[doc(hidden)]
pub mod fuzzing;
mod loss;
mod opportunities;
mod pipe;
mod queue;
mod relay;
mod server;
mod steps;
pub mod trace;

pub use config::{ConfigError, Direction, Event, LinkConfig, PipeConfig, Service};
pub use counters::{Counters, DropCause};
pub use loss::{Loss, LossError};
pub use opportunities::{Opportunities, OpportunitySize};
pub use pipe::{Delivery, Happening, Pipe, What};
pub use queue::{Limit, QueueConfig};
pub use relay::{LinkSample, Relay, RelayConfig, RelayError, RelayReport, UDP_IPV4_HEADER_BYTES};
pub use steps::{AtEnd, RateSteps};
