//! Policies as points of cost and harm.

use splitsim_replay::pareto_front;
use splitsim_report::Series;

use super::Player;
use crate::statistics::Estimate;

/// A policy's means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    pub(crate) player: Player,
    /// The mean cost, in the unit of the figure's axis.
    pub(crate) cost: f64,
    /// The mean harm, in the unit of the figure's axis, and its interval.
    pub(crate) harm: Estimate,
}

/// A large mark for each policy, with the interval of its harm.
pub(crate) fn marks(points: &[Point]) -> impl Iterator<Item = Series> {
    points.iter().map(|point| {
        let Estimate { mean, low, high } = point.harm;
        let mark = Series::spots(&point.player.name, [(point.cost, mean)]);
        point.player.dress(mark).intervals([(low, high)])
    })
}

/// The deployable points that no other point beats: none is cheaper and breaks no more.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Front {
    /// The policies, cheapest first.
    pub(crate) names: Vec<String>,
    steps: Vec<(f64, f64)>,
}

impl Front {
    pub(crate) fn of(points: &[Point]) -> Self {
        let deployable: Vec<&Point> = points.iter().filter(|one| !one.player.bound).collect();
        let places: Vec<(f64, f64)> = deployable
            .iter()
            .map(|point| (point.cost, point.harm.mean))
            .collect();
        let flags = pareto_front(&places);
        let mut best: Vec<&Point> = deployable
            .into_iter()
            .zip(flags)
            .filter_map(|(point, best)| best.then_some(point))
            .collect();
        best.sort_by(|a, b| a.cost.total_cmp(&b.cost));
        let names = best.iter().map(|point| point.player.name.clone());
        let steps = best.iter().map(|point| (point.cost, point.harm.mean));
        Self {
            names: names.collect(),
            steps: steps.collect(),
        }
    }

    pub(crate) fn series(&self) -> Series {
        Series::steps("Pareto front", self.steps.iter().copied()).guide()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_has_what_nothing_deployable_beats() {
        let point = |name: &str, cost, mean, bound| Point {
            player: Player {
                bound,
                ..Player::new(name, 0)
            },
            cost,
            harm: Estimate {
                mean,
                low: mean,
                high: mean,
            },
        };
        let points = [
            point("rich", 3.0, 1.0, false),
            point("cheap", 1.0, 5.0, false),
            point("beaten", 2.5, 2.0, false),
            point("middle", 2.0, 2.0, false),
            point("oracle", 1.5, 0.0, true),
            point("as rich", 4.0, 1.0, false),
        ];
        let front = Front::of(&points);
        assert_eq!(front.names, ["cheap", "middle", "rich"]);
        assert_eq!(front.steps, [(1.0, 5.0), (2.0, 2.0), (3.0, 1.0)]);
        assert!(Front::of(&[]).names.is_empty());
    }
}
