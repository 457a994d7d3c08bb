//! The parts of the page, one module each.

pub(crate) mod data;
pub(crate) mod failed;
pub(crate) mod frames;
pub(crate) mod gate;
pub(crate) mod latency;
mod link;
pub(crate) mod overview;
pub(crate) mod pictures;
pub(crate) mod rate;
pub(crate) mod timeline;

use std::time::SystemTime;

use splitsim_report::Hue;

use crate::RecordedRun;
use crate::plot::Player;

/// A policy of the run.
fn player(run: &RecordedRun, policy: usize) -> Player {
    Player::new(&run.policies[policy], policy)
}

/// Seconds from `first` on, negative before.
fn seconds(at: SystemTime, first: SystemTime) -> f64 {
    match at.duration_since(first) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

/// One policy, one colour, on the whole page.
fn hue(policy: usize) -> Hue {
    Hue(policy)
}
