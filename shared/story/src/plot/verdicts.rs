//! A gate's verdicts against the true distortion.

use splitsim_feature::Task;
use splitsim_report::{Axis, Cell, Column, Corner, Figure, Hue, Quadrants, Series, Table};

use crate::limits::{title, unit};
use crate::shipment::Gate;

/// Everything of a task that has both a score and a true distortion.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdicts {
    pub(crate) task: Task,
    pub(crate) gate: Gate,
    /// The true distortion from which on a frame is broken.
    pub(crate) limit: f64,
    /// The things that are judged, in the plural: frames or encodings.
    pub(crate) things: &'static str,
    pub(crate) groups: Vec<Group>,
}

/// The judged scores that are shown under one name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) hue: Hue,
    pub(crate) judged: Vec<Judged>,
}

/// A score and the true distortion that it should have predicted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judged {
    pub(crate) score: f64,
    pub(crate) distortion: f64,
    /// The frame or encoding, named for people.
    pub(crate) label: String,
}

/// The numbers of things accepted or refused, within the limit or over it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) accepted_within: u64,
    pub(crate) accepted_over: u64,
    pub(crate) refused_within: u64,
    pub(crate) refused_over: u64,
}

impl Verdicts {
    pub(crate) fn counts(&self, group: &Group) -> Counts {
        self.count(&group.judged)
    }

    fn count<'a>(&self, judged: impl IntoIterator<Item = &'a Judged>) -> Counts {
        let mut counts = Counts::default();
        for one in judged {
            *match (self.gate.accepts(one.score), one.distortion > self.limit) {
                (true, false) => &mut counts.accepted_within,
                (true, true) => &mut counts.accepted_over,
                (false, false) => &mut counts.refused_within,
                (false, true) => &mut counts.refused_over,
            } += 1;
        }
        counts
    }

    fn all(&self) -> impl Iterator<Item = &Judged> {
        self.groups.iter().flat_map(|group| &group.judged)
    }

    /// Score against truth, cut in four by threshold and limit.
    pub(crate) fn figure(&self) -> Figure {
        let groups = self.groups.iter().filter(|group| !group.judged.is_empty());
        let series = groups.map(|group| {
            let points = group.judged.iter().map(|one| (one.score, one.distortion));
            let labels = group.judged.iter().map(|one| one.label.clone());
            Series::scatter(&group.name, points)
                .hue(group.hue)
                .labels(labels)
        });
        let counts = self.count(self.all());
        let Gate {
            metric, threshold, ..
        } = &self.gate;
        let description = format!(
            "Of {} {} {} are accepted within the limit, {} accepted over the limit, {} refused \
             within the limit and {} refused over the limit.",
            self.all().count(),
            self.things,
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

    /// The corners' names, with the accepted ones where the better scores are.
    fn names(&self, counts: Counts) -> [String; 4] {
        let accepted = [
            format!("accepted, over\n{}", counts.accepted_over),
            format!("accepted, within\n{}", counts.accepted_within),
        ];
        let refused = [
            format!("refused, over\n{}", counts.refused_over),
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

/// A row for each group of each task; `kind` is what a group is.
pub(crate) fn table(tasks: &[Verdicts], kind: &str) -> Table {
    let columns = [
        Column::text("task"),
        Column::text(kind),
        Column::number("accepted", "within"),
        Column::number("accepted", "over").about("false accepts"),
        Column::number("refused", "within").about("false re-encodes"),
        Column::number("refused", "over"),
        Column::number("false accept", "% of accepted"),
        Column::number("false re-encode", "% of refused"),
    ];
    let mut table = Table::new("Accepted and refused, within the limit and over", columns);
    for task in tasks {
        for group in task.groups.iter().filter(|group| !group.judged.is_empty()) {
            table.push(row(task.task, &group.name, task.counts(group)));
        }
    }
    table
}

fn row(task: Task, group: &str, counts: Counts) -> [Cell; 8] {
    let share = |part: u64, other: u64| {
        let all = part + other;
        Cell::known((all > 0).then(|| part as f64 / all as f64 * 100.0), 1)
    };
    [
        Cell::text(task.name()),
        Cell::text(group),
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
    use splitsim_policy::Bound;

    use super::*;

    fn verdicts(metric: &str, points: &[(f64, f64)]) -> Verdicts {
        let judged = points.iter().map(|&(score, distortion)| Judged {
            score,
            distortion,
            label: String::new(),
        });
        Verdicts {
            task: Task::Seg,
            gate: Gate {
                metric: metric.to_owned(),
                bound: match metric {
                    "mse" => Bound::AtMost,
                    _ => Bound::AtLeast,
                },
                threshold: 0.5,
            },
            limit: 1.0,
            things: "frames",
            groups: vec![Group {
                name: "g".to_owned(),
                hue: Hue(0),
                judged: judged.collect(),
            }],
        }
    }

    const POINTS: [(f64, f64); 6] = [
        (0.5, 1.0),
        (0.9, -2.0),
        (0.6, 1.5),
        (0.4, 0.0),
        (0.3, 2.0),
        (0.2, 3.0),
    ];

    #[test]
    fn what_meets_threshold_and_limit_is_accepted_and_within() {
        let cosine = verdicts("cosine", &POINTS);
        let expected = Counts {
            accepted_within: 2,
            accepted_over: 1,
            refused_within: 1,
            refused_over: 2,
        };
        assert_eq!(cosine.counts(&cosine.groups[0]), expected);
        assert!(cosine.names(expected)[1].starts_with("accepted, over"));
    }

    #[test]
    fn less_may_be_better() {
        let mse = verdicts("mse", &POINTS);
        let expected = Counts {
            accepted_within: 2,
            accepted_over: 2,
            refused_within: 1,
            refused_over: 1,
        };
        assert_eq!(mse.counts(&mse.groups[0]), expected);
        assert!(mse.names(expected)[0].starts_with("accepted, over"));
    }
}
