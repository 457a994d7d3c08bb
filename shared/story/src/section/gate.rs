//! Whether the score tells the truth.

use splitsim_feature::Task;
use splitsim_report::{Axis, Cell, Column, Corner, Figure, Quadrants, Section, Series, Table};

use super::hue;
use crate::limits::{title, unit};
use crate::shipment::{Gate, Shipment};
use crate::{Limits, RecordedRun};

pub(crate) fn section(run: &RecordedRun, limits: &Limits) -> Option<Section> {
    let judged: Vec<Judged<'_>> = run
        .tasks
        .iter()
        .filter_map(|&task| Judged::of(run, task, limits))
        .collect();
    if judged.is_empty() {
        return None;
    }
    let section = Section::new("Score against true distortion")
        .text(
            "What the edge predicted against what the cloud found, for everything that was shipped, \
             under whatever policy. The upright line is the gate's threshold, the level line the limit. \
             Accepted over the limit, the tinted corner, is a false accept; refused within the limit a \
             false re-encode. Encodings that were thrown away have no truth and are not here.",
        )
        .figures(judged.iter().map(Judged::figure))
        .table(table(&judged));
    Some(section)
}

/// The frames of a task that have score and truth.
struct Judged<'a> {
    run: &'a RecordedRun,
    task: Task,
    gate: Gate,
    limit: f64,
    frames: Vec<(Shipment<'a>, f64, f64)>,
}

/// How many frames are accepted or refused, within the limit or over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    accepted_within: u64,
    accepted_over: u64,
    refused_within: u64,
    refused_over: u64,
}

impl<'a> Judged<'a> {
    fn of(run: &'a RecordedRun, task: Task, limits: &Limits) -> Option<Self> {
        let (_, gate) = run.first_gate(task)?;
        let shipments = run.shipments(task).into_iter();
        let frames: Vec<_> = shipments
            .filter_map(|one| Some((one, one.score(&gate.metric)?, one.distortion()?)))
            .collect();
        (!frames.is_empty()).then(|| Self {
            run,
            task,
            gate,
            limit: limits.of(task),
            frames,
        })
    }

    fn of_policy(&self, policy: usize) -> impl Iterator<Item = &(Shipment<'a>, f64, f64)> {
        let frames = self.frames.iter();
        frames.filter(move |(shipment, ..)| shipment.policy == policy)
    }

    fn counts<'b>(&self, frames: impl Iterator<Item = &'b (Shipment<'a>, f64, f64)>) -> Counts
    where
        'a: 'b,
    {
        let mut counts = Counts::default();
        for (_, score, distortion) in frames {
            *match (self.gate.accepts(*score), *distortion > self.limit) {
                (true, false) => &mut counts.accepted_within,
                (true, true) => &mut counts.accepted_over,
                (false, false) => &mut counts.refused_within,
                (false, true) => &mut counts.refused_over,
            } += 1;
        }
        counts
    }

    fn figure(&self) -> Figure {
        let series = (0..self.run.policies.len()).filter_map(|policy| {
            let frames: Vec<_> = self.of_policy(policy).collect();
            let points = frames
                .iter()
                .map(|(_, score, distortion)| (*score, *distortion));
            let labels = frames.iter().map(|(one, ..)| one.label());
            let series = Series::scatter(&self.run.policies[policy], points);
            (!frames.is_empty()).then(|| series.hue(hue(policy)).labels(labels))
        });
        let counts = self.counts(self.frames.iter());
        let Gate { metric, threshold } = &self.gate;
        let description = format!(
            "Of {} frames {} are accepted within the limit, {} accepted over the limit, {} refused \
             within the limit and {} refused over the limit.",
            self.frames.len(),
            counts.accepted_within,
            counts.accepted_over,
            counts.refused_within,
            counts.refused_over,
        );
        Figure::new(title(self.task), description)
            .note(format!(
                "threshold {metric} {threshold}; limit {} {}",
                self.limit,
                unit(self.task)
            ))
            .x(Axis::new(format!("predicted score: {metric}"), ""))
            .y(Axis::new("true distortion", unit(self.task)))
            .all_series(series)
            .quadrants(Quadrants {
                x: *threshold,
                y: self.limit,
                names: self.names(counts),
                alarming: Some(match self.gate.higher_is_better() {
                    true => Corner::TopRight,
                    false => Corner::TopLeft,
                }),
            })
    }

    /// The corners' names, with the accepted frames where the better scores are.
    fn names(&self, counts: Counts) -> [String; 4] {
        let accepted = [
            format!("accepted, over the limit\n{}", counts.accepted_over),
            format!("accepted, within\n{}", counts.accepted_within),
        ];
        let refused = [
            format!("refused, over the limit\n{}", counts.refused_over),
            format!("refused, within\n{}", counts.refused_within),
        ];
        let [[left_over, left_within], [right_over, right_within]] =
            match self.gate.higher_is_better() {
                true => [refused, accepted],
                false => [accepted, refused],
            };
        [left_over, right_over, left_within, right_within]
    }
}

fn table(judged: &[Judged<'_>]) -> Table {
    let columns = [
        Column::text("task"),
        Column::text("policy"),
        Column::number("accepted", "within"),
        Column::number("accepted", "over").about("false accepts"),
        Column::number("refused", "within").about("false re-encodes"),
        Column::number("refused", "over"),
        Column::number("false accept", "% of accepted"),
        Column::number("false re-encode", "% of refused"),
    ];
    let mut table = Table::new("Accepted and refused, within the limit and over", columns);
    for task in judged {
        for (policy, name) in task.run.policies.iter().enumerate() {
            let counts = task.counts(task.of_policy(policy));
            if counts != Counts::default() {
                table.push(row(task.task, name, counts));
            }
        }
    }
    table
}

fn row(task: Task, policy: &str, counts: Counts) -> [Cell; 8] {
    let share = |part: u64, other: u64| {
        let all = part + other;
        Cell::known((all > 0).then(|| part as f64 / all as f64 * 100.0), 1)
    };
    [
        Cell::text(task.name()),
        Cell::text(policy),
        Cell::count(counts.accepted_within),
        Cell::count(counts.accepted_over),
        Cell::count(counts.refused_within),
        Cell::count(counts.refused_over),
        share(counts.accepted_over, counts.accepted_within),
        share(counts.refused_within, counts.refused_over),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn frames_are_counted_in_their_quadrants() {
        let (_dir, run) = samples::run(10);
        let limits = Limits {
            seg: 8.5,
            ..Limits::default()
        };
        let judged = Judged::of(&run, Task::Seg, &limits).unwrap();
        // Threshold 0.93, distortion 10 - frame: frames 0 to 2 are refused, 0 and 1 of them over;
        // frame 5 is accepted with 30 points.
        let gate = judged.counts(judged.of_policy(0));
        let expected = Counts {
            accepted_within: 6,
            accepted_over: 1,
            refused_within: 1,
            refused_over: 2,
        };
        assert_eq!(gate, expected);
        let always = judged.counts(judged.of_policy(1));
        assert_eq!((always.accepted_within, always.accepted_over), (10, 0));
        assert!(judged.names(gate)[1].starts_with("accepted, over"));
    }
}
