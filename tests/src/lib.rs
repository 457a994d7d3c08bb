//! Building blocks of the end-to-end tests: the real programs as processes, and an edge made of library
//! parts that can misbehave.
//!
//! - [`Lab`]: a folder with a small random model and identities;
//! - [`Program`]: a process whose output is captured and that never outlives its test;
//! - [`CloudRun`] and [`Cloud`], [`EdgeRun`] and [`EdgeEnd`]: `cloud serve` and `edge run`;
//! - [`Ffmpeg`]: stands between a program and ffmpeg;
//! - [`Mangler`]: a link that loses, repeats, damages and reorders datagrams, by [`Chance`];
//! - [`Peer`] and [`raw`]: an edge within the test, down to bare QUIC;
//! - [`results`]: the results that the cloud recorded;
//! - [`Chromium`] and [`View`]: a browser that opens a page;
//! - [`fuzzing`]: the targets of the fuzzers.
//!
//! Every failure here panics with all output of the program in question. Each wait is for
//! an event and has a limit, [`LIMIT`].
#![expect(
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test ends where its setup fails, and has files of its own"
)]

mod browser;
mod chance;
mod cloud;
mod edge;
mod ffmpeg;
pub mod fuzzing;
mod lab;
mod mangler;
mod peer;
mod program;
pub mod raw;
pub mod results;

use std::time::Duration;

pub use browser::{Chromium, Device, View};
pub use chance::Chance;
pub use cloud::{Cloud, CloudRun};
pub use edge::{Edge, EdgeEnd, EdgeRun};
pub use ffmpeg::Ffmpeg;
pub use lab::{Lab, random_package_with_ladder};
pub use mangler::{Mangler, Treatment};
pub use peer::{Peer, Shipment};
pub use program::{Ended, Program, Says, eventually, executable};
pub use rustix::process::Signal;

/// The longest wait for an event. Generous: the machine may be busy.
pub const LIMIT: Duration = Duration::from_secs(90);
