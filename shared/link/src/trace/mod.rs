//! Traces of links: [`read()`] reads the common formats, [`generate`] makes synthetic ones, [`write`](mod@write) and
//! [`statistics`] handle both.
//!
//! A trace of rates has one row per change; a trace of opportunities is Mahimahi's. The first lines of a text
//! determine its format:
//!
//! | first lines | format |
//! |---|---|
//! | one whole number | Mahimahi: milliseconds, one opportunity each |
//! | `seconds,Mbit/s`, or two numbers | seconds and Mbit/s; so Pensieve's cooked traces and the collections of that form |
//! | a header with `DL_bitrate` | UCC's 4G and 5G sets (G-NetTrack Pro): `Timestamp`, kbit/s |
//! | a header with `Throughput` and `seq_num` | Lumos5G: seconds, Mbit/s |
//! | six numbers | Ghent's 4G set: bytes and ms since the row before in the last two columns |
//!
//! The public sets of rates were measured downlink. UCC's `UL_bitrate` is the traffic of requests, not a
//! capacity, and is not read. Times count from the first row; of rows with equal times the last
//! holds; a missing rate (`-`) keeps the one before. In UCC's sets a phone's clock may step back by
//! up to ten seconds: times count as the latest before them until the clock has caught up.
//!
//! Blank lines and lines that begin with `#` are skipped. A file whose numbers are implausible in the
//! units of its format is refused with the probable units ([`TraceError::Units`]);
//! [`read_in`] reads them in stated units.

mod error;
mod formats;
pub mod generate;
mod plausible;
pub mod read;
pub mod statistics;
mod units;
pub mod write;

pub use error::TraceError;
pub use plausible::{Doubt, Doubts};
pub use read::{MAX_BYTES, Trace, from_bytes, read, read_in};
pub use statistics::Statistics;
pub use units::{RateUnit, Stated, TimeUnit};
