//! The section on scores against the truth, over all recorded encodings.

use splitsim_policy::PolicyConfig;
use splitsim_replay::{Level, Recording, TaskComparison};
use splitsim_report::{Hue, Section};

use crate::plot::verdicts::{self, Group, Judged, Verdicts};
use crate::replay::RecordedReplay;
use crate::shipment::Gate;

pub(crate) fn section(replay: &RecordedReplay) -> Option<Section> {
    let judged: Vec<Verdicts> = replay
        .tasks()
        .filter_map(|(task, recording)| {
            let gate = gate(replay, task, recording)?;
            Some(verdicts_of(task, recording, gate))
        })
        .collect();
    if judged.is_empty() {
        return None;
    }
    let section = Section::new("Score against true distortion")
        .text(
            "What an edge would have predicted against what the cloud found, for every frame at every \
             level, whether a policy ships it or not. The upright line is the threshold of the \
             scenario's first policy with a gate, the level line the limit. Accepted over the limit, the \
             tinted corner, is a false accept; refused within the limit a false re-encode.",
        )
        .figures(judged.iter().map(Verdicts::figure))
        .table(verdicts::table(&judged, "level"));
    Some(section)
}

/// The gate of the first policy that has one, in the scenario's order, by a metric that was recorded.
fn gate(replay: &RecordedReplay, task: &TaskComparison, recording: &Recording) -> Option<Gate> {
    let metrics = recording.metrics();
    let mut policies = replay.policies.iter();
    policies.find_map(|policy| {
        let mut contenders = task.contenders.iter();
        let contender = contenders.find(|one| one.name == *policy && one.deployable)?;
        let config: PolicyConfig = contender.label.parse().ok()?;
        let gate = Gate::from(config.criterion()?);
        metrics.contains(gate.metric.as_str()).then_some(gate)
    })
}

fn verdicts_of(task: &TaskComparison, recording: &Recording, gate: Gate) -> Verdicts {
    let group = |(number, level): (usize, &String)| Group {
        name: level.clone(),
        hue: Hue(number),
        judged: judged(recording, number, &gate.metric).collect(),
    };
    let levels = recording.identity().levels.iter().enumerate();
    Verdicts {
        task: task.task,
        limit: task.limit,
        things: "encodings",
        groups: levels.map(group).collect(),
        gate,
    }
}

fn judged(recording: &Recording, level: usize, metric: &str) -> impl Iterator<Item = Judged> {
    let frames = recording.frames().iter();
    frames.filter_map(move |frame| match frame.levels.get(level)? {
        Level::Coded {
            scores, distortion, ..
        } => Some(Judged {
            score: *scores.get(metric)?,
            distortion: (*distortion)?,
            label: format!("frame {} · {}", frame.frame, frame.name),
        }),
        Level::Failed { .. } => None,
    })
}
