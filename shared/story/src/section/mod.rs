//! The parts of the page, one module each.

pub(crate) mod data;
pub(crate) mod frames;
pub(crate) mod gate;
pub(crate) mod latency;
mod link;
pub(crate) mod overview;
pub(crate) mod pictures;
pub(crate) mod rate;
pub(crate) mod timeline;

use splitsim_report::Hue;

use crate::RecordedRun;
use crate::plot::Player;

/// A policy of the run.
fn player(run: &RecordedRun, policy: usize) -> Player {
    Player::new(&run.policies[policy], policy)
}

/// One policy, one colour, on the whole page.
fn hue(policy: usize) -> Hue {
    Hue(policy)
}
