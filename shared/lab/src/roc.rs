use serde::Serialize;
#[cfg(test)]
use splitsim_cfqa::Direction;

use crate::{Gate, Ladders};

/// The ROC curve of scores, over all thresholds, as a test of whether a compressed feature is within
/// a distortion limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Roc {
    /// One point per threshold, strictest first.
    pub points: Vec<RocPoint>,
    /// The area under the curve: the probability that a random feature within the limit scores better
    /// than a random one beyond it, ties counting half.
    pub auc: f64,
}

/// The shares of compressed features that a threshold accepts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RocPoint {
    /// The worst score that passes.
    pub threshold: f64,
    /// Share accepted of those beyond the limit.
    pub false_accept: f64,
    /// Share accepted of those within the limit.
    pub true_accept: f64,
}

impl Roc {
    /// The curve of some features; `None` where all are within the limit or all beyond it.
    #[must_use]
    pub fn of(ladders: &Ladders, limit: f64) -> Option<Self> {
        let beyond = ladders
            .points()
            .filter(|point| point.distortion > limit)
            .count();
        let within = ladders.points().count() - beyond;
        if beyond == 0 || within == 0 {
            return None;
        }
        let direction = ladders.direction();
        let thresholds = ladders.thresholds().into_iter();
        let points: Vec<RocPoint> = thresholds
            .map(|threshold| {
                let rows = Gate {
                    direction,
                    threshold,
                }
                .rows(ladders, limit);
                RocPoint {
                    threshold,
                    false_accept: rows.false_accepts as f64 / beyond as f64,
                    true_accept: (rows.accepted - rows.false_accepts) as f64 / within as f64,
                }
            })
            .collect();
        let auc = area(&points);
        Some(Self { points, auc })
    }
}

/// The area under the curve by trapezoids from nothing accepted to everything accepted, which
/// counts ties half.
fn area(points: &[RocPoint]) -> f64 {
    let corners = std::iter::once((0.0, 0.0))
        .chain(
            points
                .iter()
                .map(|point| (point.false_accept, point.true_accept)),
        )
        .chain([(1.0, 1.0)]);
    let corners: Vec<(f64, f64)> = corners.collect();
    let strips = corners.windows(2).map(|pair| {
        let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
        (x1 - x0) * (y0 + y1) / 2.0
    });
    strips.sum()
}

/// Better scores compare as greater.
#[cfg(test)]
fn quality(direction: Direction, score: f64) -> f64 {
    match direction {
        Direction::HigherIsBetter => score,
        Direction::LowerIsBetter => -score,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Ladder, LadderPoint};

    fn ladders(direction: Direction, trials: &[(f64, f64)]) -> Ladders {
        let point = |&(score, distortion): &(f64, f64)| LadderPoint {
            score: Some(score),
            distortion,
        };
        let ladder = Ladder {
            feature: "a".to_owned(),
            points: trials.iter().map(point).collect(),
        };
        Ladders::new(direction, vec![ladder])
    }

    #[test]
    fn one_side_only_has_no_curve() {
        let all_good = ladders(Direction::HigherIsBetter, &[(0.1, 0.0), (0.2, 0.0)]);
        assert_eq!(Roc::of(&all_good, 1.0), None);
    }

    proptest! {
        /// The area is Mann and Whitney's statistic, counted pair by pair.
        #[test]
        fn the_area_counts_pairs(
            trials in prop::collection::vec((0u8..6, any::<bool>()), 2..30),
            higher in any::<bool>(),
        ) {
            let direction = match higher {
                true => Direction::HigherIsBetter,
                false => Direction::LowerIsBetter,
            };
            let trials: Vec<(f64, f64)> = trials
                .into_iter()
                .map(|(score, bad)| (f64::from(score), f64::from(u8::from(bad))))
                .collect();
            let side = |bad: f64| -> Vec<f64> {
                let scores = trials.iter().filter(|point| point.1 == bad);
                scores.map(|point| quality(direction, point.0)).collect()
            };
            let (good, bad) = (side(0.0), side(1.0));
            let roc = Roc::of(&ladders(direction, &trials), 0.5);
            prop_assert_eq!(roc.is_some(), !good.is_empty() && !bad.is_empty());
            if let Some(roc) = roc {
                let pairs = good.iter().flat_map(|g| bad.iter().map(move |b| match g.total_cmp(b) {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                }));
                let expected = pairs.sum::<f64>() / (good.len() * bad.len()) as f64;
                prop_assert!((roc.auc - expected).abs() < 1e-12);
            }
        }
    }
}
