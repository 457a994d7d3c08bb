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

/// One policy, one colour, on the whole page.
fn hue(policy: usize) -> Hue {
    Hue(policy)
}
