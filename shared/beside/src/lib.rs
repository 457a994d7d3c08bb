//! Another program measured beside ours.
//!
//! A ratio of two times says something on a noisy machine only if both were taken at the same time, as
//! nearly as can be. A [`Peer`] is a process that waits for requests, so that both sides are loaded and
//! warm and take turns; [`Turns`] has the median of the turns' ratios.

mod peer;
mod turns;

pub use peer::{Peer, PeerError};
pub use turns::{Turns, median};
