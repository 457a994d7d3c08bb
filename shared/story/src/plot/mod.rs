//! Figures that the reports of runs and of replays share.

pub(crate) mod latency;
pub(crate) mod points;
pub(crate) mod verdicts;

use splitsim_report::{Hue, Series};

/// A policy as figures show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Player {
    /// The policy's name in the legend.
    pub(crate) name: String,
    /// The policy's colour, the same on the whole page.
    pub(crate) hue: Hue,
    /// `true` for the oracle, which bounds the others and cannot be deployed.
    pub(crate) bound: bool,
}

impl Player {
    /// A policy that edges can run, by its number among the run's.
    pub(crate) fn new(name: impl Into<String>, number: usize) -> Self {
        Self {
            name: name.into(),
            hue: Hue(number),
            bound: false,
        }
    }

    /// The series in the looks of the policy.
    pub(crate) fn dress(&self, series: Series) -> Series {
        let series = series.hue(self.hue);
        if self.bound { series.bound() } else { series }
    }
}
