//! Wire messages and framing between edge and cloud.
//!
//! Open in this order:
//!
//! - [`framing`]: the format of a message on a stream, without any I/O;
//! - [`Hello`], [`HelloReply`] and [`negotiate`]: the negotiation at the start of every connection;
//! - [`FrameHeader`] and [`FrameReply`]: one frame to the cloud and back;
//! - [`Reference`], [`Settlement`] and [`ReferenceReply`]: the messages of experiments, outside the measured link.
//!
//! Everything here is a domain type, checked when it is read and again when it is written: outside this
//! crate no protobuf types exist. The messages are defined in `proto/splitsim.proto`; the code
//! generated from it is committed, and a test regenerates it.
//!
//! Times are sent as whole microseconds: finer parts of a `Duration` are truncated.
//!
//! This crate knows neither sockets nor clocks nor libtorch.

mod check;
mod digest;
mod failure;
mod frame;
pub mod framing;
#[doc(hidden)]
pub mod fuzzing;
mod hello;
mod message;
mod names;
mod printable;
mod reference;
mod reply;
mod wire;

pub use digest::Digest;
pub use failure::{Prospect, RequestError, RequestErrorKind};
pub use frame::{Attempt, EdgeStages, FrameHeader, ImageSize, Score};
pub use hello::{
    CloudSide, CodecTables, Hello, HelloReply, Limits, ModelIdentity, PROTOCOL_VERSION, Refusal,
    RefusalKind, Welcome, negotiate,
};
pub use message::{InvalidMessage, Message};
pub use names::{Explanation, Id, Name};
pub use reference::{
    Ack, PathSample, Reference, ReferenceHeader, ReferenceReply, ReferenceRequest, ReferenceTruth,
    Settlement, TruthKind,
};
pub use reply::{ClassPixels, ClassScore, CloudStages, FrameReply, FrameResult, Outcome};
pub use splitsim_policy::Verdict;
