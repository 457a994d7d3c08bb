//! Frames whose prediction was most wrong.

use splitsim_feature::Task;

use crate::RecordedRun;
use crate::statistics::ranks;

/// A frame whose score contradicts its true distortion.
#[derive(Debug, Clone, PartialEq)]
pub struct Misjudged {
    /// The task.
    pub task: Task,
    /// The direction of the error.
    pub surprise: Surprise,
    /// The policy that shipped it, under the scenario's name.
    pub policy: String,
    /// The frame's number, which is its index in the source.
    pub frame: u64,
    /// The picture's name.
    pub source: String,
    /// The level that was shipped.
    pub level: u32,
    /// The codec's label for that level.
    pub label: String,
    /// Bytes of the container that was shipped.
    pub container_bytes: u64,
    /// The metric that predicted.
    pub metric: String,
    /// Its score.
    pub score: f64,
    /// `true` if the gate accepts such a score.
    pub accepted: bool,
    /// The true distortion in the task's unit.
    pub distortion: f64,
}

/// The direction in which a prediction was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Surprise {
    /// The score was good and the task suffered.
    WorseThanPredicted,
    /// The score was bad and the task did not suffer.
    BetterThanPredicted,
}

impl RecordedRun {
    /// Returns up to `each` frames per task and [`Surprise`], the most surprising first.
    ///
    /// Frames of a task are ranked by the metric of its first gate and by their true distortion. The distance
    /// of the two ranks measures how wrong the prediction was. That needs no unit, and only assumes that a
    /// worse score should mean a larger distortion. A picture is named once.
    #[must_use]
    pub fn misjudged(&self, each: usize) -> Vec<Misjudged> {
        let tasks = self.tasks.iter();
        tasks
            .flat_map(|&task| self.misjudged_of(task, each))
            .collect()
    }

    fn misjudged_of(&self, task: Task, each: usize) -> Vec<Misjudged> {
        let Some((_, gate)) = self.first_gate(task) else {
            return Vec::new();
        };
        let sign = if gate.higher_is_better() { -1.0 } else { 1.0 };
        let judged: Vec<_> = self
            .shipments(task)
            .into_iter()
            .filter_map(|shipment| {
                let score = shipment.score(&gate.metric)?;
                Some((shipment, score, shipment.distortion()?))
            })
            .collect();
        let predicted: Vec<f64> = judged.iter().map(|(_, score, _)| sign * score).collect();
        let truth: Vec<f64> = judged
            .iter()
            .map(|(_, _, distortion)| *distortion)
            .collect();
        let (predicted, truth) = (ranks(&predicted), ranks(&truth));
        let mut wrong: Vec<(f64, Misjudged)> = judged
            .iter()
            .zip(truth.iter().zip(&predicted))
            // What lost nothing is not worse than predicted, however good its score was; what passed
            // and gained nothing is not better.
            .filter(|((_, score, distortion), (truth, predicted))| {
                let worse = truth > predicted && *distortion > 0.0;
                let better = truth < predicted && (!gate.accepts(*score) || *distortion < 0.0);
                worse || better
            })
            .map(|((shipment, score, distortion), (truth, predicted))| {
                let frame = &shipment.logged.frame;
                let surprise = match truth > predicted {
                    true => Surprise::WorseThanPredicted,
                    false => Surprise::BetterThanPredicted,
                };
                let label = shipment.attempt().map(|attempt| attempt.label.clone());
                let misjudged = Misjudged {
                    task,
                    surprise,
                    policy: self.policies[shipment.policy].clone(),
                    frame: frame.key.frame,
                    source: frame.source.clone(),
                    level: frame.shipped_level,
                    label: label.unwrap_or_default(),
                    container_bytes: frame.container_bytes.0,
                    metric: gate.metric.clone(),
                    score: *score,
                    accepted: gate.accepts(*score),
                    distortion: *distortion,
                };
                ((truth - predicted).abs(), misjudged)
            })
            .collect();
        wrong.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let side = |surprise| {
            let mut named = std::collections::BTreeSet::new();
            let of_side = wrong
                .iter()
                .filter(move |(_, one)| one.surprise == surprise);
            let once = of_side.filter(move |(_, one)| named.insert(one.source.as_str()));
            once.take(each).map(|(_, one)| one.clone())
        };
        let worse = side(Surprise::WorseThanPredicted);
        worse.chain(side(Surprise::BetterThanPredicted)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn the_frame_that_breaks_the_order_is_named_first() {
        let (_dir, run) = samples::run(8);
        let wrong = run.misjudged(1);
        // Frame 5 has the best score of the gate and the largest distortion.
        assert_eq!(wrong[0].surprise, Surprise::WorseThanPredicted);
        assert_eq!((wrong[0].frame, wrong[0].policy.as_str()), (5, "gate"));
        assert!(wrong[0].accepted && wrong[0].distortion == 30.0);
        assert_eq!(wrong.len(), 2);
        assert_eq!(wrong[1].surprise, Surprise::BetterThanPredicted);
        assert!(run.misjudged(0).is_empty());
    }
}
