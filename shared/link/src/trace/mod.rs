//! Traces of links: [`read()`] takes the field's formats, [`generate`] makes ours, [`write`](mod@write) and
//! [`statistics`] are for both.
//!
//! A trace of rates has one row per change; a trace of opportunities is Mahimahi's. Which format a text
//! has is told by its first lines:
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
//! capacity, and is not read. Times count from the first row; where a time stands twice, its last row
//! holds; a missing rate (`-`) lets the one before hold on. In UCC's sets a phone's clock may step back by
//! up to ten seconds: times count as the latest before them until the clock has caught up.
//!
//! Blank lines and lines that begin with `#` are passed over. A file whose numbers no link has in the
//! units of its format is refused with the units that they are probably in ([`TraceError::Units`]);
//! [`read_in`] takes them in stated units.

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
