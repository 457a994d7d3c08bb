use serde::Serialize;

use super::{Point, mean};

/// A threshold on the cosine and what a gate with it ships.
#[derive(Debug, Clone, Serialize)]
pub struct GateThreshold {
    /// The lowest cosine that passes.
    pub cosine: f64,
    /// The limit on the mean distortion that it was chosen for, in the task's unit.
    pub distortion_limit: f64,
    /// Mean distortion of what the gate ships on the calibration scenes.
    pub mean_distortion: f64,
    /// Mean attempts per feature, starting at the cheapest level.
    pub mean_attempts: f64,
}

/// The lowest cosine at which a gate from the cheapest level keeps the mean distortion within the
/// limit; the highest that was seen when none does. `None` where no distortion is known.
pub(super) fn threshold(ladder: &[Vec<Point>], distortion_limit: f64) -> Option<GateThreshold> {
    let scored = |point: &Point| Some((point.cosine, point.distortion?));
    let scored: Option<Vec<Vec<(f64, f64)>>> = ladder
        .iter()
        .map(|level| level.iter().map(scored).collect())
        .collect();
    Some(lowest(&scored?, distortion_limit))
}

/// Finds the lowest cosine threshold that keeps the limit. `ladder` holds one list per level, and a list holds
/// the cosine and the distortion of every subject.
fn lowest(ladder: &[Vec<(f64, f64)>], distortion_limit: f64) -> GateThreshold {
    let mut candidates: Vec<f64> = ladder.iter().flatten().map(|point| point.0).collect();
    candidates.sort_by(f64::total_cmp);
    let gates = candidates
        .iter()
        .map(|&cosine| gate(ladder, cosine, distortion_limit));
    let strictest = gate(
        ladder,
        candidates.last().copied().unwrap_or(1.0),
        distortion_limit,
    );
    // A stricter gate may ship a worse feature by chance: all stricter ones must hold as well.
    let holding: Vec<GateThreshold> = gates
        .rev()
        .take_while(|gate| gate.mean_distortion <= distortion_limit)
        .collect();
    holding.into_iter().last().unwrap_or(strictest)
}

/// Measures a gate that starts at the cheapest level and takes single steps: the mean distortion that it lets
/// through and its mean number of attempts.
fn gate(ladder: &[Vec<(f64, f64)>], cosine: f64, distortion_limit: f64) -> GateThreshold {
    let subjects = ladder.first().map_or(0, Vec::len);
    let shipped = (0..subjects).map(|subject| {
        let passing = ladder.iter().position(|level| level[subject].0 >= cosine);
        let level = passing.unwrap_or_else(|| best_level(ladder, subject));
        let attempts = passing.map_or(ladder.len(), |level| level + 1);
        (ladder[level][subject].1, attempts as f64)
    });
    let (distortions, attempts): (Vec<f64>, Vec<f64>) = shipped.unzip();
    GateThreshold {
        cosine,
        distortion_limit,
        mean_distortion: mean(distortions.into_iter()),
        mean_attempts: mean(attempts.into_iter()),
    }
}

fn best_level(ladder: &[Vec<(f64, f64)>], subject: usize) -> usize {
    let score = |level: &usize| ladder[*level][subject].0;
    (0..ladder.len())
        .max_by(|a, b| score(a).total_cmp(&score(b)))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_the_lowest_that_keeps_the_limit() {
        let at = |cosine, distortion| Point {
            bpfp: 1.0,
            cosine,
            performance: 1.0,
            distortion: Some(distortion),
        };
        let ladder = [
            vec![at(0.5, 9.0), at(0.6, 4.0)],
            vec![at(0.8, 1.0), at(0.9, 0.0)],
        ];
        let chosen = threshold(&ladder, 1.0).unwrap();
        // At 0.8 the first subject ships its second level; the second passes at neither 0.6 nor
        // below, and ships its second level too.
        assert_eq!(chosen.cosine, 0.8);
        assert_eq!((chosen.mean_distortion, chosen.mean_attempts), (0.5, 2.0));
    }

    #[test]
    fn features_alone_have_no_threshold() {
        let point = Point {
            bpfp: 1.0,
            cosine: 0.9,
            performance: 0.9,
            distortion: None,
        };
        assert!(threshold(&[vec![point]], 1.0).is_none());
    }
}
