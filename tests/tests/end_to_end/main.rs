//! The real programs together: their output for a user, and the results afterwards.

#![expect(clippy::unwrap_used, reason = "a test ends where its setup fails")]

mod absence;
mod acknowledged;
mod admission;
mod by_hand;
mod disk_full;
mod experiment;
mod hostile;
mod interruption;
#[cfg(feature = "netns")]
mod namespaces;
mod pages;
mod report;
mod subprocesses;
mod truth;
