use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::criterion::Yardstick;
use super::{Criterion, LEVELS, Point, mean};

/// One QP and what it costs.
#[derive(Debug, Clone, Serialize)]
pub struct Rung {
    /// The QP.
    pub qp: f64,
    /// Mean bits per feature point of the container.
    pub bpfp: f64,
    /// Mean cosine similarity.
    pub cosine: f64,
    /// Mean performance, as of the originals.
    pub performance: f64,
    /// Share of the original performance that is lost.
    pub loss: f64,
}

impl Rung {
    pub(super) fn of(qp: f64, points: &[Point], yardstick: Yardstick) -> Self {
        let performance = mean(points.iter().map(|point| point.performance));
        Self {
            qp,
            bpfp: mean(points.iter().map(|point| point.bpfp)),
            cosine: mean(points.iter().map(|point| point.cosine)),
            performance,
            loss: yardstick.loss(performance),
        }
    }
}

/// A ladder's QPs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    /// Cheapest first.
    pub(super) qps: Vec<f64>,
    /// The reason why they differ from the QPs asked for; `None` if they do not.
    pub(super) note: Option<String>,
}

/// [`LEVELS`] whole QPs from the cheapest to the richest, evenly spaced.
///
/// Ground truth is what a task is for: a codec that loses too much of it at any QP has no ladder. Without it
/// the ladder then ends at the finest QP, and says so.
pub(super) fn choose(sweep: &[Rung], criterion: Criterion) -> Result<Choice> {
    let kept = sweep
        .iter()
        .rev()
        .take_while(|rung| rung.loss < criterion.richest_loss())
        .last();
    let finest = sweep.last().context("the sweep is empty")?;
    ensure!(
        kept.is_some() || criterion != Criterion::Truth,
        "even the finest QP loses too much; widen the range or the sweep"
    );
    let note = kept.is_none().then(|| {
        let (qp, lost) = (finest.qp, 100.0 * finest.loss);
        format!("even QP {qp} loses {lost:.1} %: the ladder ends there")
    });
    let richest = kept.unwrap_or(finest).qp;
    let ruined = |rung: &&Rung| rung.loss >= criterion.cheapest_loss();
    let cheapest = sweep.iter().rev().find(ruined).unwrap_or(&sweep[0]).qp;
    let steps = (LEVELS - 1) as f64;
    ensure!(
        cheapest >= steps || criterion != Criterion::Truth,
        "QP {cheapest} already loses too much for {LEVELS} levels"
    );
    let cheapest = cheapest.max(steps);
    // Where quality falls off a cliff, whole QPs for all levels need room on the rich side.
    let richest = richest.min(cheapest - steps);
    let level = |level: usize| cheapest + (richest - cheapest) * level as f64 / steps;
    Ok(Choice {
        qps: (0..LEVELS).map(|index| level(index).round()).collect(),
        note,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung_at(qp: f64, loss: f64) -> Rung {
        Rung {
            qp,
            bpfp: 1.0,
            cosine: 1.0,
            performance: 1.0,
            loss,
        }
    }

    #[test]
    fn a_ladder_spans_from_mostly_lost_to_nearly_lossless() {
        let sweep = [
            (51.0, 0.9),
            (45.0, 0.7),
            (39.0, 0.3),
            (30.0, 0.004),
            (21.0, 0.0),
            (12.0, -0.001),
        ];
        let sweep: Vec<Rung> = sweep.map(|(qp, loss)| rung_at(qp, loss)).into();
        let qps = choose(&sweep, Criterion::Truth).unwrap().qps;
        assert_eq!(
            qps,
            [45.0, 43.0, 42.0, 40.0, 38.0, 37.0, 35.0, 33.0, 32.0, 30.0]
        );
    }

    #[test]
    fn a_cliff_leaves_one_level_per_qp() {
        let sweep = [(51.0, 0.98), (39.0, 0.7), (36.0, 0.002), (33.0, 0.0)];
        let sweep: Vec<Rung> = sweep.map(|(qp, loss)| rung_at(qp, loss)).into();
        let qps = choose(&sweep, Criterion::Truth).unwrap().qps;
        assert_eq!((qps[0], qps[1], qps[9]), (39.0, 38.0, 30.0));
    }

    #[test]
    fn a_lucky_coarse_level_does_not_end_the_ladder() {
        // QP 39 loses nothing by chance, 30 does lose: the richest must be finer than 30.
        let sweep = [(51.0, 0.9), (39.0, 0.0), (30.0, 0.02), (12.0, 0.0)];
        let sweep: Vec<Rung> = sweep.map(|(qp, loss)| rung_at(qp, loss)).into();
        let qps = choose(&sweep, Criterion::Truth).unwrap().qps;
        assert_eq!(qps.last(), Some(&12.0));
    }

    /// Features that no QP keeps, such as those of random weights, have no ladder by ground truth, and the
    /// finest levels otherwise.
    #[test]
    fn what_no_qp_keeps_is_said() {
        let sweep = [(51.0, 0.99), (24.0, 0.9), (0.0, 0.7)];
        let sweep: Vec<Rung> = sweep.map(|(qp, loss)| rung_at(qp, loss)).into();
        assert!(choose(&sweep, Criterion::Truth).is_err());
        let Choice { qps, note } = choose(&sweep, Criterion::Agreement).unwrap();
        assert_eq!(qps, [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]);
        let note = note.unwrap();
        assert_eq!(note, "even QP 0 loses 70.0 %: the ladder ends there");
    }
}
