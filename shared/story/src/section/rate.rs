//! What is paid for what: rate against distortion, bytes against broken frames.

use splitsim_feature::Task;
use splitsim_report::{Axis, Figure, Hue, Mark, Section, Series};

use super::hue;
use crate::limits::{title, unit};
use crate::shipment::Shipment;
use crate::statistics::{Estimate, estimate, mean};
use crate::{Limits, RecordedRun};

pub(crate) fn section(run: &RecordedRun, limits: &Limits) -> Option<Section> {
    let tasks: Vec<Task> = run
        .tasks
        .iter()
        .copied()
        .filter(|&task| {
            run.shipments(task)
                .iter()
                .any(|one| one.distortion().is_some())
        })
        .collect();
    if tasks.is_empty() {
        return None;
    }
    let rates = tasks
        .iter()
        .map(|&task| operating_points(run, task, limits));
    let fronts = tasks.iter().map(|&task| front(run, task, limits));
    let section = Section::new("Rate and distortion")
        .text(
            "A large mark is a policy's operating point, the mean over its frames; the bar is the 95 % \
             bootstrap interval of the mean distortion. Small marks are frames. Down and to the left is \
             better.",
        )
        .figures(rates)
        .text(
            "A policy is on the Pareto front when no other is cheaper and breaks no more. Bytes are those \
             on the link, all headers included; a frame is broken when its true distortion exceeds the \
             limit.",
        )
        .figures(fronts);
    Some(section)
}

/// A policy's means for a task.
struct Point {
    policy: usize,
    bpfp: f64,
    distortion: Estimate,
    link_kb: Option<f64>,
    broken_percent: Estimate,
}

fn points(run: &RecordedRun, task: Task, limits: &Limits) -> Vec<Point> {
    let shipments = run.shipments(task);
    let of = |policy: usize| {
        let of: Vec<&Shipment<'_>> = shipments
            .iter()
            .filter(|one| one.policy == policy)
            .collect();
        let rates: Vec<f64> = of.iter().map(|one| one.bpfp()).collect();
        let distortions: Vec<f64> = of.iter().filter_map(|one| one.distortion()).collect();
        let broken = |&one: &f64| if one > limits.of(task) { 100.0 } else { 0.0 };
        let broken: Vec<f64> = distortions.iter().map(broken).collect();
        let link: Vec<f64> = of
            .iter()
            .filter_map(|one| Some(one.logged.stages.link_bytes?.0 as f64 / 1000.0))
            .collect();
        Some(Point {
            policy,
            bpfp: mean(&rates)?,
            distortion: estimate(&distortions)?,
            link_kb: mean(&link),
            broken_percent: estimate(&broken)?,
        })
    };
    (0..run.policies.len()).filter_map(of).collect()
}

fn operating_points(run: &RecordedRun, task: Task, limits: &Limits) -> Figure {
    let shipments = run.shipments(task);
    let points = points(run, task, limits);
    let means = points.iter().map(|point| {
        let Estimate { mean, low, high } = point.distortion;
        Series::spots(&run.policies[point.policy], [(point.bpfp, mean)])
            .hue(hue(point.policy))
            .intervals([(low, high)])
    });
    let frames = points.iter().map(|point| {
        let of = shipments.iter().filter(|one| one.policy == point.policy);
        let of: Vec<_> = of
            .filter_map(|one| Some((one, one.distortion()?)))
            .collect();
        let name = format!("{}, frames", run.policies[point.policy]);
        Series::scatter(
            &name,
            of.iter().map(|(one, distortion)| (one.bpfp(), *distortion)),
        )
        .hue(hue(point.policy))
        .companion_of(&run.policies[point.policy])
        .labels(of.iter().map(|(one, _)| one.label()))
    });
    let words: Vec<String> = points
        .iter()
        .map(|point| {
            let name = &run.policies[point.policy];
            format!(
                "{name}: {:.3} BPFP, {:.3} {}",
                point.bpfp,
                point.distortion.mean,
                unit(task)
            )
        })
        .collect();
    Figure::new(
        title(task),
        format!("Operating points. {}.", words.join("; ")),
    )
    .note(format!("limit {} {}", limits.of(task), unit(task)))
    .x(Axis::new("rate", "bits per feature point").log())
    .y(Axis::new("true distortion", unit(task)))
    .all_series(frames)
    .all_series(means)
    .mark(Mark::horizontal(limits.of(task), "limit"))
}

fn front(run: &RecordedRun, task: Task, limits: &Limits) -> Figure {
    let points = points(run, task, limits);
    let placed: Vec<(usize, f64, Estimate)> = points
        .iter()
        .filter_map(|point| Some((point.policy, point.link_kb?, point.broken_percent)))
        .collect();
    let pairs: Vec<(f64, f64)> = placed
        .iter()
        .map(|(_, kb, broken)| (*kb, broken.mean))
        .collect();
    let best = pareto(&pairs);
    let on_front: Vec<&str> = placed
        .iter()
        .filter(|(_, kb, broken)| best.contains(&(*kb, broken.mean)))
        .map(|(policy, ..)| run.policies[*policy].as_str())
        .collect();
    let marks = placed.iter().map(|(policy, kb, broken)| {
        Series::spots(&run.policies[*policy], [(*kb, broken.mean)])
            .hue(hue(*policy))
            .intervals([(broken.low, broken.high)])
    });
    Figure::new(
        format!("{}: Pareto front", title(task)),
        format!("On the front: {}.", on_front.join(", ")),
    )
    .note(format!("on the front: {}", on_front.join(", ")))
    .x(Axis::new("on the link per frame", "kB").log())
    .y(Axis::new("frames over the limit", "%").from_zero())
    .series(Series::steps("Pareto front", best).hue(Hue(5)))
    .all_series(marks)
}

/// The points that no other point beats in one coordinate without losing in the other, by the first.
fn pareto(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut front: Vec<(f64, f64)> = Vec::new();
    for point in sorted {
        if front.last().is_none_or(|last| point.1 < last.1) {
            front.push(point);
        }
    }
    front
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_has_what_nothing_else_beats() {
        let points = [
            (3.0, 1.0),
            (1.0, 5.0),
            (2.0, 5.0),
            (2.0, 2.0),
            (4.0, 1.0),
            (1.0, 6.0),
        ];
        assert_eq!(pareto(&points), [(1.0, 5.0), (2.0, 2.0), (3.0, 1.0)]);
        assert_eq!(pareto(&[]), []);
    }
}
