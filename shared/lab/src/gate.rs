use serde::Serialize;
use splitsim_cfqa::Direction;

use crate::{Ladder, Ladders};

/// A threshold, and the side of it that passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    /// The direction in which scores get better.
    pub direction: Direction,
    /// The worst score that passes.
    pub threshold: f64,
}

/// The result of a climbing gate. For every feature it starts at the cheapest level, goes one step
/// richer while the score does not pass, and accepts the first level that does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GateOutcome {
    /// Features.
    pub features: usize,
    /// Features accepted at some level.
    pub accepted: usize,
    /// Accepted features whose accepted level exceeds the distortion limit.
    pub broken: usize,
    /// Encodings tried.
    pub attempts: usize,
}

/// The verdicts of a threshold on single compressed features, independent of their level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RowOutcome {
    /// Passed.
    pub accepted: usize,
    /// Passed though the distortion exceeds the limit.
    pub false_accepts: usize,
    /// Did not pass.
    pub refused: usize,
    /// Did not pass though the distortion is within the limit: encoded again for nothing.
    pub false_reencodes: usize,
}

impl Gate {
    /// Returns `true` if the score passes; an undefined score does not.
    #[must_use]
    pub fn accepts(self, score: Option<f64>) -> bool {
        score.is_some_and(|score| match self.direction {
            Direction::HigherIsBetter => score >= self.threshold,
            Direction::LowerIsBetter => score <= self.threshold,
        })
    }

    /// The level that a climbing gate accepts.
    #[must_use]
    pub fn climb(self, ladder: &Ladder) -> Option<usize> {
        let points = &ladder.points;
        points.iter().position(|point| self.accepts(point.score))
    }

    /// A climbing gate on some features, with a distortion limit.
    #[must_use]
    pub fn outcome(self, ladders: &Ladders, limit: f64) -> GateOutcome {
        let mut outcome = GateOutcome {
            features: ladders.ladders().len(),
            accepted: 0,
            broken: 0,
            attempts: 0,
        };
        for ladder in ladders.ladders() {
            let level = self.climb(ladder);
            outcome.attempts += level.map_or(ladder.points.len(), |level| level + 1);
            if let Some(level) = level {
                outcome.accepted += 1;
                outcome.broken += usize::from(ladder.points[level].distortion > limit);
            }
        }
        outcome
    }

    /// The threshold on compressed features one by one, with a distortion limit.
    #[must_use]
    pub fn rows(self, ladders: &Ladders, limit: f64) -> RowOutcome {
        let mut outcome = RowOutcome {
            accepted: 0,
            false_accepts: 0,
            refused: 0,
            false_reencodes: 0,
        };
        for point in ladders.points() {
            let exceeds = point.distortion > limit;
            if self.accepts(point.score) {
                outcome.accepted += 1;
                outcome.false_accepts += usize::from(exceeds);
            } else {
                outcome.refused += 1;
                outcome.false_reencodes += usize::from(!exceeds);
            }
        }
        outcome
    }
}

impl GateOutcome {
    /// The share of accepted features that exceed the limit; `None` where nothing is accepted.
    #[must_use]
    pub fn risk(&self) -> Option<f64> {
        (self.accepted > 0).then(|| self.broken as f64 / self.accepted as f64)
    }
}

impl RowOutcome {
    /// The share of passing compressed features that exceed the limit.
    #[must_use]
    pub fn false_accept_rate(&self) -> Option<f64> {
        (self.accepted > 0).then(|| self.false_accepts as f64 / self.accepted as f64)
    }

    /// The share of refused compressed features that are within the limit.
    #[must_use]
    pub fn false_reencode_rate(&self) -> Option<f64> {
        (self.refused > 0).then(|| self.false_reencodes as f64 / self.refused as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LadderPoint;

    fn ladder(trials: &[(f64, f64)]) -> Ladder {
        let point = |&(score, distortion): &(f64, f64)| LadderPoint {
            score: (!score.is_nan()).then_some(score),
            distortion,
        };
        Ladder {
            feature: String::new(),
            points: trials.iter().map(point).collect(),
        }
    }

    #[test]
    fn a_gate_climbs_to_the_first_level_that_passes() {
        let ladders = Ladders::new(
            Direction::HigherIsBetter,
            vec![
                ladder(&[(0.2, 5.0), (0.6, 3.0), (0.9, 0.0)]),
                ladder(&[(0.7, 1.0), (0.8, 0.0), (0.9, 0.0)]),
                ladder(&[(0.1, 9.0), (f64::NAN, 1.0), (0.4, 0.5)]),
            ],
        );
        let gate = Gate {
            direction: Direction::HigherIsBetter,
            threshold: 0.6,
        };
        let outcome = gate.outcome(&ladders, 2.0);
        let expected = GateOutcome {
            features: 3,
            accepted: 2,
            broken: 1,
            attempts: 2 + 1 + 3,
        };
        assert_eq!(outcome, expected);
        assert_eq!(outcome.risk(), Some(0.5));
        let expected = RowOutcome {
            accepted: 5,
            false_accepts: 1,
            refused: 4,
            false_reencodes: 2,
        };
        assert_eq!(gate.rows(&ladders, 2.0), expected);
    }

    #[test]
    fn lower_scores_pass_where_they_are_better() {
        let direction = Direction::LowerIsBetter;
        let gate = Gate {
            direction,
            threshold: 0.6,
        };
        assert!(gate.accepts(Some(0.6)) && gate.accepts(Some(0.1)));
        assert!(!gate.accepts(Some(0.7)) && !gate.accepts(None));
    }
}
