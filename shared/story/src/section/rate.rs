//! The section on costs and harm: rate against distortion, bytes against broken frames.

use splitsim_feature::Task;
use splitsim_report::{Axis, Figure, Mark, Section, Series};

use super::player;
use crate::cohort::Cohort;
use crate::limits::{title, unit};
use crate::plot::Player;
use crate::plot::points::{Front, Point, marks};
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
    let rates = tasks.iter().flat_map(|&task| {
        let cohorts = run.cohorts(task);
        let figure = |cohort| operating_points(run, task, cohort, limits);
        cohorts.iter().map(figure).collect::<Vec<_>>()
    });
    let fronts = tasks.iter().flat_map(|&task| {
        let cohorts = run.cohorts(task);
        let figure = |cohort| front(run, task, cohort, limits);
        cohorts.iter().map(figure).collect::<Vec<_>>()
    });
    let section = Section::new("Rate and distortion")
        .text(
            "A large mark is a policy's operating point, the mean over its frames; the bar is the 95 % \
             bootstrap interval of the mean distortion. Small marks are frames. Down and to the left is \
             better.",
        )
        .figures(rates)
        .text(
            "A policy is on the Pareto front when no other is cheaper and breaks no more, over the pictures \
             that all have. Bytes are those on the link, all headers included; a frame is broken when its \
             true distortion exceeds the limit.",
        )
        .figures(fronts);
    Some(section)
}

/// A policy's means for a task.
struct Means {
    policy: usize,
    bpfp: f64,
    distortion: Estimate,
    link_kb: Option<f64>,
    broken_percent: Estimate,
}

fn means<'a, Frames>(
    task: Task,
    cohort: &Cohort<'_>,
    limits: &Limits,
    frames: impl Fn(usize) -> Frames,
) -> Vec<Means>
where
    Frames: Iterator<Item = &'a Shipment<'a>>,
{
    let of = |&policy: &usize| {
        let of: Vec<&Shipment<'_>> = frames(policy).collect();
        let rates: Vec<f64> = of.iter().map(|one| one.bpfp()).collect();
        let distortions: Vec<f64> = of.iter().filter_map(|one| one.distortion()).collect();
        let broken = |&one: &f64| if one > limits.of(task) { 100.0 } else { 0.0 };
        let broken: Vec<f64> = distortions.iter().map(broken).collect();
        let link: Vec<f64> = of
            .iter()
            .filter_map(|one| Some(one.logged.stages.link_bytes?.0 as f64 / 1000.0))
            .collect();
        Some(Means {
            policy,
            bpfp: mean(&rates)?,
            distortion: estimate(&distortions)?,
            link_kb: mean(&link),
            broken_percent: estimate(&broken)?,
        })
    };
    cohort.policies.iter().filter_map(of).collect()
}

/// The task and, if not all of its policies can be compared with each other, the policies of this group.
fn heading(run: &RecordedRun, task: Task, cohort: &Cohort<'_>) -> String {
    match run.cohorts(task).len() {
        0 | 1 => title(task).to_owned(),
        _ => format!("{}: {}", title(task), cohort.names(run)),
    }
}

fn operating_points(run: &RecordedRun, task: Task, cohort: &Cohort<'_>, limits: &Limits) -> Figure {
    let shipments = run.shipments(task);
    let own = |policy| shipments.iter().filter(move |one| one.policy == policy);
    let means = means(task, cohort, limits, own);
    let points: Vec<Point> = means
        .iter()
        .map(|mean| Point {
            player: player(run, mean.policy),
            cost: mean.bpfp,
            harm: mean.distortion,
        })
        .collect();
    let frames = means.iter().map(|mean| {
        let of = shipments.iter().filter(|one| one.policy == mean.policy);
        let of: Vec<_> = of
            .filter_map(|one| Some((one, one.distortion()?)))
            .collect();
        let Player { name, hue, .. } = player(run, mean.policy);
        Series::scatter(
            &format!("{name}, frames"),
            of.iter().map(|(one, distortion)| (one.bpfp(), *distortion)),
        )
        .hue(hue)
        .companion_of(&name)
        .labels(of.iter().map(|(one, _)| one.label()))
    });
    let words: Vec<String> = points
        .iter()
        .map(|point| {
            let (name, rate, harm) = (&point.player.name, point.cost, point.harm.mean);
            format!("{name}: {rate:.3} BPFP, {harm:.3} {}", unit(task))
        })
        .collect();
    Figure::new(
        heading(run, task, cohort),
        format!("Operating points. {}.", words.join("; ")),
    )
    .note(format!("limit {} {}", limits.of(task), unit(task)))
    .x(Axis::new("rate", "bits per feature point").log())
    .y(Axis::new("true distortion", unit(task)))
    .all_series(frames)
    .all_series(marks(&points))
    .mark(Mark::horizontal(limits.of(task), "limit"))
}

fn front(run: &RecordedRun, task: Task, cohort: &Cohort<'_>, limits: &Limits) -> Figure {
    let shipments = run.shipments(task);
    let shared = |policy| cohort.shipments(policy, &shipments);
    let points: Vec<Point> = means(task, cohort, limits, shared)
        .iter()
        .filter_map(|mean| {
            Some(Point {
                player: player(run, mean.policy),
                cost: mean.link_kb?,
                harm: mean.broken_percent,
            })
        })
        .collect();
    let front = Front::of(&points);
    let names = front.names.join(", ");
    Figure::new(
        format!("{}: Pareto front", heading(run, task, cohort)),
        format!("On the front: {names}."),
    )
    .note(format!("on the front: {names}"))
    .x(Axis::new("on the link per frame", "kB").log())
    .y(Axis::new("frames over the limit", "%").from_zero())
    .series(front.series())
    .all_series(marks(&points))
}
