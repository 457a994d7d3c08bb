use std::fmt;

use crate::{CfqaError, Metric};

/// The score of a distorted feature by a metric; finite.
///
/// Scores have no order of their own: [`Metric::direction`] says which of two is better. Scores of different
/// metrics do not compare at all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    metric: Metric,
    value: f64,
}

impl Score {
    pub(crate) const fn new(metric: Metric, value: f64) -> Self {
        Self { metric, value }
    }

    /// The metric.
    #[must_use]
    pub const fn metric(self) -> Metric {
        self.metric
    }

    /// The score's value.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.value
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.metric, self.value)
    }
}

/// The scores of one distorted feature by several metrics.
///
/// One metric may be undefined where others are not, so each has its own result.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    entries: Vec<(Metric, Result<Score, CfqaError>)>,
}

impl Scores {
    pub(crate) const fn new(entries: Vec<(Metric, Result<Score, CfqaError>)>) -> Self {
        Self { entries }
    }

    /// The score by `metric`, if it was asked for.
    #[must_use]
    pub fn get(&self, metric: Metric) -> Option<&Result<Score, CfqaError>> {
        self.iter()
            .find(|&(asked, _)| asked == metric)
            .map(|(_, result)| result)
    }

    /// All scores, in the order in which they were asked for.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Metric, &Result<Score, CfqaError>)> {
        self.entries
            .iter()
            .map(|(metric, result)| (*metric, result))
    }

    /// The scores that are defined, in the order in which they were asked for.
    pub fn defined(&self) -> impl Iterator<Item = Score> {
        let results = self.entries.iter().map(|(_, result)| result);
        results.filter_map(|result| result.as_ref().ok().copied())
    }
}
