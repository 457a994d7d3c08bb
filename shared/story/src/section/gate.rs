//! The section on the gate's scores against the truth.

use splitsim_feature::Task;
use splitsim_report::Section;

use super::player;
use crate::plot::verdicts::{self, Group, Judged, Verdicts};
use crate::{Limits, RecordedRun};

pub(crate) fn section(run: &RecordedRun, limits: &Limits) -> Option<Section> {
    let tasks = run.tasks.iter();
    let judged: Vec<Verdicts> = tasks
        .filter_map(|&task| verdicts_of(run, task, limits))
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
        .figures(judged.iter().map(Verdicts::figure))
        .table(verdicts::table(&judged, "policy"));
    Some(section)
}

/// The frames of a task that have score and truth, by policy.
fn verdicts_of(run: &RecordedRun, task: Task, limits: &Limits) -> Option<Verdicts> {
    let (_, gate) = run.first_gate(task)?;
    let shipments = run.shipments(task);
    let of_policy = |policy: usize| {
        let of_policy = shipments.iter().filter(|one| one.policy == policy);
        let judged = of_policy.filter_map(|one| {
            Some(Judged {
                score: one.score(&gate.metric)?,
                distortion: one.distortion()?,
                label: one.label(),
            })
        });
        let player = player(run, policy);
        Group {
            judged: judged.collect(),
            name: player.name,
            hue: player.hue,
        }
    };
    let groups: Vec<Group> = (0..run.policies.len()).map(of_policy).collect();
    let any = groups.iter().any(|group| !group.judged.is_empty());
    any.then_some(Verdicts {
        task,
        gate,
        limit: limits.of(task),
        things: "frames",
        groups,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::verdicts::Counts;
    use crate::samples;

    #[test]
    fn frames_are_counted_in_their_quadrants() {
        let (_dir, run) = samples::run(10);
        let limits = Limits {
            seg: 8.5,
            ..Limits::default()
        };
        let judged = verdicts_of(&run, Task::Seg, &limits).unwrap();
        // Threshold 0.93, distortion 10 - frame: frames 0 to 2 are refused, 0 and 1 of them over;
        // frame 5 is accepted with 30 points.
        let expected = Counts {
            accepted_within: 6,
            accepted_over: 1,
            refused_within: 1,
            refused_over: 2,
        };
        assert_eq!(judged.counts(&judged.groups[0]), expected);
        let always = judged.counts(&judged.groups[1]);
        assert_eq!((always.accepted_within, always.accepted_over), (10, 0));
    }
}
