//! The section on the course of the run over time.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use splitsim_feature::Task;
use splitsim_report::{Axis, Figure, Section, Series};

use super::{hue, link, seconds};
use crate::RecordedRun;
use crate::shipment::Shipment;

pub(crate) fn section(run: &RecordedRun) -> Option<Section> {
    let arrivals = arrivals(run);
    let first = arrivals.iter().map(|one| one.at).min()?;
    let last = arrivals.iter().map(|one| one.at).max()?;
    let span_s = seconds(last, first);
    let section = Section::new("Timeline of the link")
        .text(
            "Frames under way are those captured and not yet answered, at all edges. Goodput is what the \
             containers that arrived add up to, averaged over each step. Policies run one after another.",
        )
        .figure(goodput(run, &arrivals, first, span_s))
        .figure(under_way(run, &arrivals, first));
    let links = link::figures(run, first).into_iter();
    let section = links.fold(section, Section::figure);
    Some(match link::packets(run) {
        Some(packets) => section.table(packets),
        None => section,
    })
}

struct Arrival {
    policy: usize,
    /// The time when the cloud had received it.
    at: SystemTime,
    bytes: u64,
    /// The times of capture and reply, if both are known.
    way: Option<Way>,
}

#[derive(Debug, Clone, Copy)]
struct Way {
    captured: SystemTime,
    replied: SystemTime,
}

fn arrivals(run: &RecordedRun) -> Vec<Arrival> {
    let tasks = run.tasks.iter();
    let mut shipments: Vec<Shipment<'_>> = tasks.flat_map(|&task| run.shipments(task)).collect();
    shipments.sort_by_key(|one| in_order_of_capture(one));
    // An edge captures a frame after those before it.
    let mut latest = BTreeMap::new();
    shipments
        .iter()
        .filter_map(|shipment| {
            let (run, edge, task, _) = in_order_of_capture(shipment);
            let latest = latest.entry((run, edge, task)).or_insert(UNIX_EPOCH);
            arrival(shipment, latest)
        })
        .collect()
}

fn in_order_of_capture<'a>(shipment: &Shipment<'a>) -> (&'a str, &'a str, Task, u64) {
    let key = &shipment.logged.frame.key;
    (&key.run_id, &key.edge_id, key.task, key.frame)
}

/// `latest` is a lower bound on the capture time: on entry that of the edge's previous frame, on return that of
/// this one.
fn arrival(shipment: &Shipment<'_>, latest: &mut SystemTime) -> Option<Arrival> {
    let frame = &shipment.logged.frame;
    let at = humantime::parse_rfc3339_weak(&frame.received_at).ok()?;
    let stages = &shipment.logged.stages;
    // The reply leaves the cloud when its stages are over, and those of the experiment, which do not count.
    let cloud_ms = stages.cloud_queue_ms + stages.decode_ms + stages.head_ms;
    let way = stages.end_to_end_ms.and_then(|total_ms| {
        // A reply that was long on its way makes the capture seem as much too early.
        let seeming = at.checked_sub(milliseconds(total_ms - cloud_ms)?)?;
        *latest = seeming.max(*latest);
        Some(Way {
            captured: *latest,
            replied: latest.checked_add(milliseconds(total_ms + stages.experiment_ms)?)?,
        })
    });
    Some(Arrival {
        policy: shipment.policy,
        at,
        bytes: frame.container_bytes.0,
        way,
    })
}

fn milliseconds(milliseconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(milliseconds / 1000.0).ok()
}

/// Steps of the goodput figure.
const STEPS: usize = 120;

fn goodput(run: &RecordedRun, arrivals: &[Arrival], first: SystemTime, span_s: f64) -> Figure {
    let step_s = (span_s / STEPS as f64).max(0.1);
    let steps = (span_s / step_s) as usize + 1;
    let series = run
        .policies
        .iter()
        .enumerate()
        .filter_map(|(policy, name)| {
            let mut bits = vec![0.0; steps];
            for one in arrivals.iter().filter(|one| one.policy == policy) {
                let step = (seconds(one.at, first) / step_s) as usize;
                bits[step.min(steps - 1)] += one.bytes as f64 * 8.0;
            }
            let from = bits.iter().position(|&bits| bits > 0.0)?;
            let to = bits.iter().rposition(|&bits| bits > 0.0)?;
            let points = (from..=to + 1).map(|step| {
                let rate = bits
                    .get(step)
                    .copied()
                    .filter(|_| step <= to)
                    .unwrap_or(0.0);
                (step as f64 * step_s, rate / step_s / 1e6)
            });
            Some(Series::steps(name, points).hue(hue(policy)))
        });
    Figure::new(
        "Goodput",
        "Megabits of containers per second arriving at the cloud.",
    )
    .note(format!("steps of {step_s:.1} s"))
    .x(Axis::new("since the first arrival", "s"))
    .y(Axis::new("goodput", "Mbit/s").from_zero())
    .height(280)
    .all_series(series)
}

fn under_way(run: &RecordedRun, arrivals: &[Arrival], first: SystemTime) -> Figure {
    let series = run
        .policies
        .iter()
        .enumerate()
        .filter_map(|(policy, name)| {
            let of = arrivals.iter().filter(|one| one.policy == policy);
            let ways: Vec<(f64, f64)> = of
                .filter_map(|one| {
                    let Way { captured, replied } = one.way?;
                    Some((seconds(captured, first), seconds(replied, first)))
                })
                .collect();
            (!ways.is_empty()).then(|| Series::steps(name, counted(&ways)).hue(hue(policy)))
        });
    Figure::new("Frames under way", "Frames captured and not yet answered.")
        .x(Axis::new("since the first arrival", "s"))
        .y(Axis::new("frames", "").from_zero())
        .height(280)
        .all_series(series)
}

/// The number of open intervals, at each time when it changes.
fn counted(ways: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let begins = ways.iter().map(|(begin, _)| (*begin, 1.0));
    let ends = ways.iter().map(|(_, end)| (*end, -1.0));
    let mut changes: Vec<(f64, f64)> = begins.chain(ends).collect();
    changes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut open = 0.0;
    changes
        .into_iter()
        .map(|(at, change)| {
            open += change;
            (at, open)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use splitsim_results::LoggedFrame;

    use super::*;
    use crate::samples;

    #[test]
    fn open_intervals_are_counted() {
        let steps = counted(&[(0.0, 2.0), (1.0, 3.0), (2.0, 4.0)]);
        let expected = [
            (0.0, 1.0),
            (1.0, 2.0),
            (2.0, 1.0),
            (2.0, 2.0),
            (3.0, 1.0),
            (4.0, 0.0),
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    fn a_frame_is_under_way_as_long_as_it_took() {
        let (_dir, run) = samples::run(2);
        let one = &arrivals(&run)[0];
        let Way { captured, replied } = one.way.unwrap();
        // End to end and the experiment's time, which the reply waits for.
        let took = seconds(replied, captured);
        assert!((took - 0.05975).abs() < 1e-8, "{took}");
        assert!((seconds(replied, one.at) - 0.0125).abs() < 1e-8);
    }

    #[test]
    fn a_reply_that_is_late_does_not_make_the_capture_earlier() {
        let (_dir, mut run) = samples::run(3);
        // Received after a second as the others, answered after a minute.
        let late = |one: &&mut LoggedFrame| one.frame.key.frame == 1;
        for logged in run.frames.iter_mut().filter(late) {
            logged.stages.end_to_end_ms = Some(60_000.0);
        }
        let arrivals = arrivals(&run);
        let [before, late, after] = &arrivals[..3] else {
            panic!("three frames of the first edge");
        };
        let (before, way) = (before.way.unwrap(), late.way.unwrap());
        assert_eq!(way.captured, before.captured);
        let took = seconds(way.replied, way.captured);
        assert!((took - 60.007).abs() < 1e-8, "{took}");
        assert!(after.way.unwrap().captured > way.captured);
    }
}
