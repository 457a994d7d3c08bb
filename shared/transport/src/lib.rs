//! QUIC between edge and cloud: identities, endpoints, and messages on streams.
//!
//! Open in this order:
//!
//! - [`identity`]: the certificates of a private authority, made once and loaded at start, and the list of
//!   admitted edges;
//! - [`EdgeEndpoint`] and [`CloudEndpoint`]: sockets with mutual TLS 1.3, set up by
//!   [`TransportOptions`]; one port serves both [`Channel`]s;
//! - [`Destination`] and [`Dialer`]: a cloud with several addresses;
//! - [`FrameSession`] and [`ReferenceSession`]: an edge's view of a connection after the hello;
//! - [`CloudSession`] and [`Exchange`]: the cloud's view;
//! - [`HandshakeLimits`], [`Allowance`] and [`BodyBudget`]: limits on the resources that peers use;
//! - [`retry`]: retries until a cloud is reachable;
//! - [`LinkCounter`]: a connection's traffic on the link;
//! - [`TransportError`]: all errors, with the peer's address.
//!
//! The messages are `splitsim-proto`'s. This crate depends on neither libtorch nor codecs nor policies.

mod arrivals;
mod budget;
mod channel;
mod close;
mod cloud;
mod connection;
mod destination;
mod door;
mod edge;
mod endpoint;
mod error;
#[doc(hidden)]
pub mod fuzzing;
pub mod identity;
mod link;
mod options;
mod pace;
mod priority;
mod qlog;
pub mod retry;
mod socket;
mod stream;
mod throttle;
mod tls;

pub use budget::{BodyBudget, BodyShare};
pub use channel::Channel;
pub use close::CloseCode;
pub use cloud::{Allowance, CloudSession, Exchange, ReceivedFrame, ReceivedRequest};
pub use connection::{Connection, PathSnapshot};
pub use destination::{Destination, Dialer, InvalidDestination};
pub use door::HandshakeLimits;
pub use edge::{FrameSession, ReferenceSession, SentFrame};
pub use endpoint::{CloudEndpoint, EdgeEndpoint, Incoming, Target};
pub use error::TransportError;
pub use identity::{Certified, Identity};
pub use link::{IpVersion, LinkCounter, LinkUsage};
pub use options::{Congestion, InvalidOptions, Reuse, TransportOptions, UnknownCongestion};
pub use priority::{Priority, UnknownPriority};
pub use retry::{Backoff, Retry, with_backoff};
pub use throttle::Throttle;
