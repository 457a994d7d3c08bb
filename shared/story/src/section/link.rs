//! The rates, queues and packets of the emulated links.

use std::collections::BTreeMap;
use std::time::SystemTime;

use splitsim_report::{Axis, Cell, Column, Figure, Hue, Series, Table};
use splitsim_results::LinkSampleRecord;

use super::{hue, seconds};
use crate::RecordedRun;

/// Steps of the figures over the whole run.
const STEPS: f64 = 300.0;

/// The shortest step in seconds: links are not sampled more finely.
const LEAST_STEP_S: f64 = 0.2;

/// The uplinks of a policy's edges in one step of time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Step {
    /// The combined capacity of the links; `None` if one of them has no limit.
    capacity_mbit: Option<f64>,
    delivered_bytes: u64,
    /// The longest queue seen.
    queued_bytes: u64,
}

/// Rate and queue of the uplinks, on the clock that has its zero at `first`.
pub(super) fn figures(run: &RecordedRun, first: SystemTime) -> Vec<Figure> {
    let uplinks = || run.links.iter().filter(|sample| sample.direction == "up");
    let last_s = uplinks().filter_map(|sample| sampled(sample, first));
    let Some(last_s) = last_s.max_by(f64::total_cmp) else {
        return Vec::new();
    };
    let step_s = (last_s / STEPS).max(LEAST_STEP_S);
    let policies: Vec<(usize, BTreeMap<i64, Step>)> = (0..run.policies.len())
        .map(|policy| (policy, steps(run, policy, first, step_s)))
        .filter(|(_, steps)| !steps.is_empty())
        .collect();
    vec![rate(run, &policies, step_s), queue(run, &policies, step_s)]
}

fn sampled(sample: &LinkSampleRecord, first: SystemTime) -> Option<f64> {
    let at = humantime::parse_rfc3339_weak(&sample.sampled_at).ok()?;
    Some(seconds(at, first))
}

fn steps(run: &RecordedRun, policy: usize, first: SystemTime, step_s: f64) -> BTreeMap<i64, Step> {
    let mut steps: BTreeMap<i64, Step> = BTreeMap::new();
    let mut delivered: BTreeMap<&str, u64> = BTreeMap::new();
    let mut capacities: BTreeMap<i64, BTreeMap<&str, Option<f64>>> = BTreeMap::new();
    for sample in samples(run, policy, "up") {
        let Some(at) = sampled(sample, first) else {
            continue;
        };
        let number = (at / step_s).floor() as i64;
        let step = steps.entry(number).or_default();
        step.queued_bytes = step.queued_bytes.max(sample.queued.0);
        let before = delivered.insert(&sample.link, sample.delivered_bytes.0);
        let before = before.unwrap_or_default();
        // Links that were started again count from 0 again.
        let more = sample.delivered_bytes.0.checked_sub(before);
        step.delivered_bytes += more.unwrap_or(sample.delivered_bytes.0);
        let rate = sample.rate.map(|rate| rate.0 as f64 / 1e6);
        let of_step = capacities.entry(number).or_default();
        let _ = of_step.insert(&sample.link, rate);
    }
    for (number, step) in &mut steps {
        step.capacity_mbit = capacities[number].values().copied().sum();
    }
    steps
}

fn samples<'a>(
    run: &'a RecordedRun,
    policy: usize,
    direction: &'a str,
) -> impl Iterator<Item = &'a LinkSampleRecord> {
    let name = &run.policies[policy];
    let of_policy = move |sample: &&LinkSampleRecord| {
        sample.direction == direction && run.policy_of(&sample.run_id) == name
    };
    run.links.iter().filter(of_policy)
}

type Policies = [(usize, BTreeMap<i64, Step>)];

/// A value per step, and a gap wherever there is none.
fn line(
    steps: &BTreeMap<i64, Step>,
    step_s: f64,
    value: impl Fn(&Step) -> Option<f64>,
) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    for (&number, step) in steps {
        let at = number as f64 * step_s;
        points.push((at, value(step).unwrap_or(f64::NAN)));
        if !steps.contains_key(&(number + 1)) {
            points.push((at + step_s, f64::NAN));
        }
    }
    points
}

fn rate(run: &RecordedRun, policies: &Policies, step_s: f64) -> Figure {
    let capacity = policies
        .iter()
        .flat_map(|(_, steps)| line(steps, step_s, |step| step.capacity_mbit));
    let delivered = policies.iter().map(|(policy, steps)| {
        let mbit = |step: &Step| Some(step.delivered_bytes as f64 * 8.0 / step_s / 1e6);
        Series::steps(&run.policies[*policy], line(steps, step_s, mbit)).hue(hue(*policy))
    });
    Figure::new(
        "Uplink: rate",
        "What the emulated uplinks could carry, and what they delivered, in each step of time.",
    )
    .note(format!(
        "all uplinks of a policy together, headers and retransmissions included; steps of {step_s:.1} s"
    ))
    .x(Axis::new("since the first arrival", "s"))
    .y(Axis::new("rate", "Mbit/s").from_zero())
    .height(280)
    .series(Series::steps("link rate", capacity).hue(Hue(Hue::COUNT + 5)))
    .all_series(delivered)
}

fn queue(run: &RecordedRun, policies: &Policies, step_s: f64) -> Figure {
    let queues = policies.iter().map(|(policy, steps)| {
        let kilobytes = |step: &Step| Some(step.queued_bytes as f64 / 1000.0);
        Series::steps(&run.policies[*policy], line(steps, step_s, kilobytes)).hue(hue(*policy))
    });
    Figure::new(
        "Uplink: queue",
        "Bytes waiting at the emulated uplink, the most in each step of time.",
    )
    .note("the longest queue of any uplink in each step")
    .x(Axis::new("since the first arrival", "s"))
    .y(Axis::new("waiting", "kB").from_zero())
    .height(240)
    .all_series(queues)
}

/// A table of the packets delivered, dropped and lost; `None` without emulated links.
pub(super) fn packets(run: &RecordedRun) -> Option<Table> {
    let columns = [
        Column::text("policy"),
        Column::text("direction"),
        Column::number("delivered", "packets"),
        Column::number("delivered", "kB").about("IP packets, headers included"),
        Column::number("dropped", "queue full"),
        Column::number("dropped", "by CoDel"),
        Column::number("dropped", "link down"),
        Column::number("lost", "on the way"),
    ];
    let mut table = Table::new("Packets on the emulated links", columns);
    let mut any = false;
    for policy in 0..run.policies.len() {
        for direction in ["up", "down"] {
            let Some(totals) = totals(samples(run, policy, direction)) else {
                continue;
            };
            any = true;
            let [packets, bytes, full, codel, down, lost] = totals;
            table.push([
                Cell::text(&run.policies[policy]),
                Cell::text(direction),
                Cell::count(packets),
                Cell::number(bytes as f64 / 1000.0, 1),
                Cell::count(full),
                Cell::count(codel),
                Cell::count(down),
                Cell::count(lost),
            ]);
        }
    }
    any.then_some(table)
}

/// Adds up the counters. They are totals since the start of a link, so the last sample of each start counts.
fn totals<'a>(samples: impl Iterator<Item = &'a LinkSampleRecord>) -> Option<[u64; 6]> {
    let mut ended = [0; 6];
    let mut open: BTreeMap<&str, (f64, [u64; 6])> = BTreeMap::new();
    for sample in samples {
        let counters = [
            sample.delivered,
            sample.delivered_bytes.0,
            sample.dropped_full,
            sample.dropped_codel,
            sample.dropped_down,
            sample.lost,
        ];
        let before = open.insert(&sample.link, (sample.at_ms, counters));
        if let Some((at_ms, last)) = before
            && sample.at_ms < at_ms
        {
            add(&mut ended, last);
        }
    }
    let any = !open.is_empty();
    open.into_values()
        .for_each(|(_, last)| add(&mut ended, last));
    any.then_some(ended)
}

fn add(sum: &mut [u64; 6], more: [u64; 6]) {
    sum.iter_mut()
        .zip(more)
        .for_each(|(sum, more)| *sum += more);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_step_has_what_was_delivered_in_it() {
        let (_dir, run) = samples::run(1);
        // The samples are taken at 0.5, 0.6, 0.7 and 0.8 s of this clock.
        let first = humantime::parse_rfc3339_weak("2026-11-21T09:00:00Z").unwrap();
        let steps = steps(&run, 0, first, 0.25);
        let found: Vec<(i64, u64, u64)> = steps
            .iter()
            .map(|(number, step)| (*number, step.delivered_bytes, step.queued_bytes))
            .collect();
        assert_eq!(found, [(2, 20_000, 4000), (3, 10_000, 0)]);
        assert_eq!(steps[&2].capacity_mbit, Some(2.0));
        let points = line(&steps, 0.25, |step| step.capacity_mbit);
        assert_eq!(points[..2], [(0.5, 2.0), (0.75, 2.0)]);
        assert!(points[2].0 == 1.0 && points[2].1.is_nan());
    }

    #[test]
    fn a_link_that_began_again_counts_both_times() {
        let (_dir, run) = samples::run(1);
        let once: Vec<LinkSampleRecord> = samples(&run, 0, "up").cloned().collect();
        assert_eq!(totals(once.iter()), Some([30, 30_000, 1, 0, 0, 0]));
        let twice = once.iter().chain(&once);
        assert_eq!(totals(twice), Some([60, 60_000, 2, 0, 0, 0]));
        assert_eq!(totals(samples(&run, 0, "down")), None);
    }
}
