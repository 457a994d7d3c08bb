//! The section on latency and its stages.

use splitsim_feature::Task;
use splitsim_report::{Axis, Figure, Hue, Section, Series, Span};
use splitsim_results::{LoggedFrame, StageRecord};

use super::player;
use crate::RecordedRun;
use crate::limits::title;
use crate::plot::Player;
use crate::plot::latency::distribution;
use crate::shipment::Shipment;
use crate::statistics::mean;

pub(crate) fn section(run: &RecordedRun) -> Option<Section> {
    let tasks: Vec<Task> = run
        .tasks
        .iter()
        .copied()
        .filter(|&task| {
            run.shipments(task)
                .iter()
                .any(|one| end_to_end(one).is_some())
        })
        .collect();
    if tasks.is_empty() {
        return None;
    }
    let section = Section::new("Latency")
        .text("From capture at the edge to the reply, without what only the experiment needs.")
        .figures(tasks.iter().map(|&task| distribution(task, &times(run, task))))
        .text(
            "Mean time in each stage. At the edge a frame also waits for the frames before it, which is \
             counted as edge queue: an edge takes its next picture as soon as there is room for it.",
        )
        .figures(tasks.iter().map(|&task| stages(run, task)))
        .text("One frame on its way: that of median latency under the policy named. How long it waited at \
             the edge is known in all only; it is drawn before the attempts, where most of it happens.")
        .figures(tasks.iter().filter_map(|&task| waterfall(run, task)));
    Some(section)
}

fn end_to_end(shipment: &Shipment<'_>) -> Option<f64> {
    shipment.logged.stages.end_to_end_ms
}

/// Policies with the end-to-end times of their frames.
fn times(run: &RecordedRun, task: Task) -> Vec<(Player, Vec<f64>)> {
    let shipments = run.shipments(task);
    let of = |policy: usize| {
        let of = shipments.iter().filter(|one| one.policy == policy);
        let times: Vec<f64> = of.filter_map(end_to_end).collect();
        (!times.is_empty()).then(|| (player(run, policy), times))
    };
    (0..run.policies.len()).filter_map(of).collect()
}

type Stage = (&'static str, fn(&StageRecord) -> Option<f64>);

/// In the order in which a frame goes through them.
const STAGES: [Stage; 8] = [
    ("preprocess", |stages| Some(stages.preprocess_ms)),
    ("extract", |stages| Some(stages.extract_ms)),
    ("attempts", |stages| Some(stages.attempts_ms)),
    ("edge queue", |stages| Some(stages.queue_ms)),
    ("transfer", |stages| stages.transfer_ms),
    ("cloud queue", |stages| Some(stages.cloud_queue_ms)),
    ("decode", |stages| Some(stages.decode_ms)),
    ("head", |stages| Some(stages.head_ms)),
];

fn stages(run: &RecordedRun, task: Task) -> Figure {
    let shipments = run.shipments(task);
    let mean_of = |policy: usize, stage: fn(&StageRecord) -> Option<f64>| {
        let of = shipments.iter().filter(|one| one.policy == policy);
        let settled = of.filter(|one| end_to_end(one).is_some());
        let times: Vec<f64> = settled
            .filter_map(|one| stage(&one.logged.stages))
            .collect();
        mean(&times)
    };
    let names = || run.policies.iter().map(String::as_str);
    let series = STAGES.iter().map(|(name, stage)| {
        let bars = names().enumerate();
        Series::bars(
            name,
            bars.filter_map(|(policy, row)| Some((row, mean_of(policy, *stage)?))),
        )
    });
    Figure::new(
        title(task),
        "Mean milliseconds in each stage, one row per policy.",
    )
    .note("mean by stage")
    .x(Axis::new("mean time", "ms").from_zero())
    .y(Axis::new("", "").rows(names()))
    .height(130 + 60 * u32::try_from(run.policies.len()).unwrap_or(8).min(12))
    .all_series(series)
}

/// A frame's stages one after another, with its attempts listed separately.
fn waterfall(run: &RecordedRun, task: Task) -> Option<Figure> {
    let policy = run.first_gate(task).map_or(0, |(policy, _)| policy);
    let shipments = run.shipments(task);
    let of = shipments.iter().filter(|one| one.policy == policy);
    let mut settled: Vec<_> = of.filter_map(|one| Some((end_to_end(one)?, one))).collect();
    settled.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (total, median) = settled.get(settled.len().checked_sub(1)? / 2)?;
    let steps = steps(median.logged);
    let mut rows: Vec<String> = Vec::new();
    for step in &steps {
        if !rows.contains(&step.row) {
            rows.push(step.row.clone());
        }
    }
    let places = [("edge", 0), ("link", 1), ("cloud", 2)];
    let series = places.map(|(place, number)| {
        let at = steps.iter().filter(|step| step.place == place);
        let spans = at.map(|step| Span {
            row: step.row.clone(),
            from: step.from,
            to: step.from + step.ms,
        });
        Series::spans(place, spans).hue(Hue(number))
    });
    let words: Vec<String> = steps
        .iter()
        .map(|step| format!("{} {:.1} ms", step.row, step.ms))
        .collect();
    let figure = Figure::new(
        format!("{}: {}", title(task), median.label()),
        format!("{total:.0} ms in all. {}.", words.join(", ")),
    )
    .note(format!(
        "policy {}, {total:.0} ms in all",
        run.policies[policy]
    ))
    .x(Axis::new("since capture", "ms").from_zero())
    .y(Axis::new("", "").rows(rows.iter().map(String::as_str)))
    .height(110 + 24 * u32::try_from(rows.len()).unwrap_or(20).min(40))
    .all_series(series);
    Some(figure)
}

struct Step {
    row: String,
    place: &'static str,
    from: f64,
    ms: f64,
}

/// The stages laid end to end. Only the total of waiting at the edge is known; it is drawn before the attempts,
/// where most of it happens.
fn steps(logged: &LoggedFrame) -> Vec<Step> {
    let stages = &logged.stages;
    let mut steps: Vec<Step> = Vec::new();
    let mut now = 0.0;
    let mut step = |row: String, place: &'static str, ms: f64| {
        steps.push(Step {
            row,
            place,
            from: now,
            ms,
        });
        now += ms;
    };
    step("preprocess".to_owned(), "edge", stages.preprocess_ms);
    step("extract".to_owned(), "edge", stages.extract_ms);
    step("edge queue".to_owned(), "edge", stages.queue_ms);
    let mut of_attempts = 0.0;
    for attempt in &logged.attempts {
        let parts = [attempt.encode_ms, attempt.decode_ms, attempt.score_ms];
        let ms = parts.into_iter().flatten().sum();
        of_attempts += ms;
        step(
            format!("attempt {}: {}", attempt.attempt + 1, attempt.label),
            "edge",
            ms,
        );
    }
    let rest = (stages.attempts_ms - of_attempts).max(0.0);
    step("decide".to_owned(), "edge", rest);
    step(
        "transfer".to_owned(),
        "link",
        stages.transfer_ms.unwrap_or_default(),
    );
    step("cloud queue".to_owned(), "cloud", stages.cloud_queue_ms);
    step("decode".to_owned(), "cloud", stages.decode_ms);
    step("head".to_owned(), "cloud", stages.head_ms);
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn steps_add_up_to_the_end_to_end_time() {
        let (_dir, run) = samples::run(3);
        let logged = &run.frames[2];
        let steps = steps(logged);
        let last = steps.last().unwrap();
        let total = logged.stages.end_to_end_ms.unwrap();
        assert!((last.from + last.ms - total).abs() < 1e-9);
        let attempt = steps
            .iter()
            .find(|step| step.row == "attempt 1: qp 37")
            .unwrap();
        assert!((attempt.ms - 15.25).abs() < 1e-9);
    }
}
