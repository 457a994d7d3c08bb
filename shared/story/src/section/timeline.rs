//! What happened when.

use std::time::{Duration, SystemTime};

use splitsim_report::{Axis, Figure, Section, Series};

use super::{hue, link};
use crate::RecordedRun;
use crate::shipment::Shipment;

pub(crate) fn section(run: &RecordedRun) -> Option<Section> {
    let arrivals = arrivals(run);
    let first = arrivals.iter().map(|one| one.at).min()?;
    let last = arrivals.iter().map(|one| one.at).max()?;
    let span_s = last
        .duration_since(first)
        .unwrap_or(Duration::ZERO)
        .as_secs_f64();
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
    /// When the cloud had received it.
    at: SystemTime,
    bytes: u64,
    /// From capture to reply, where both are known, in seconds after `at`.
    way: Option<(f64, f64)>,
}

fn arrivals(run: &RecordedRun) -> Vec<Arrival> {
    let tasks = run.tasks.iter();
    tasks
        .flat_map(|&task| run.shipments(task))
        .filter_map(|shipment| arrival(&shipment))
        .collect()
}

fn arrival(shipment: &Shipment<'_>) -> Option<Arrival> {
    let frame = &shipment.logged.frame;
    let at = humantime::parse_rfc3339_weak(&frame.received_at).ok()?;
    let stages = &shipment.logged.stages;
    // The reply leaves the cloud when its stages and the experiment's are over.
    let after_ms = stages.cloud_queue_ms + stages.decode_ms + stages.head_ms + stages.experiment_ms;
    let way = stages.end_to_end_ms.map(|total_ms| {
        let captured_ms = after_ms - stages.experiment_ms - total_ms;
        (captured_ms / 1000.0, after_ms / 1000.0)
    });
    Some(Arrival {
        policy: shipment.policy,
        at,
        bytes: frame.container_bytes.0,
        way,
    })
}

fn seconds(at: SystemTime, first: SystemTime) -> f64 {
    at.duration_since(first)
        .unwrap_or(Duration::ZERO)
        .as_secs_f64()
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
                    let at = seconds(one.at, first);
                    one.way
                        .map(|(captured, replied)| (at + captured, at + replied))
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

/// How many intervals are open, wherever that changes.
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
        let (captured, replied) = one.way.unwrap();
        // End to end and the experiment's time, which the reply waits for.
        assert!(
            (replied - captured - 0.05975).abs() < 1e-9,
            "{captured} {replied}"
        );
        assert!((replied - 0.0125).abs() < 1e-9);
    }
}
