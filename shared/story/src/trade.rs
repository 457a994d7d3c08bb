//! The costs and benefits of a policy in a sentence.

use splitsim_feature::Task;
use splitsim_report::Fact;

use crate::cohort::Cohort;
use crate::limits::{decimals, title, unit};
use crate::shipment::Shipment;
use crate::statistics::{mean, percentile};
use crate::{Limits, RecordedRun};

/// Means of a policy over some of its frames.
#[derive(Debug, Clone, PartialEq)]
struct Means {
    policy: String,
    frames: usize,
    container_bytes: f64,
    /// Bytes on the link per frame, with all headers and retransmissions; `None` until every frame is settled.
    link_bytes: Option<f64>,
    latency_ms: Option<f64>,
    /// True distortions of the frames that have a ground truth.
    distortions: Vec<f64>,
    /// Agreement with the original's answer, on the frames where it was determined.
    agreements: Vec<f64>,
}

impl Means {
    fn of<'a>(policy: &str, shipments: impl Iterator<Item = &'a Shipment<'a>>) -> Option<Self> {
        let all: Vec<&Shipment<'_>> = shipments.collect();
        let each = |of: fn(&Shipment<'_>) -> Option<f64>| -> Vec<f64> {
            all.iter().filter_map(|one| of(one)).collect()
        };
        let containers = each(|one| Some(one.logged.frame.container_bytes.0 as f64));
        let links = each(|one| Some(one.logged.stages.link_bytes?.0 as f64));
        let whole = links.len() == all.len();
        Some(Self {
            policy: policy.to_owned(),
            frames: all.len(),
            container_bytes: mean(&containers)?,
            link_bytes: mean(&links).filter(|_| whole),
            latency_ms: percentile(&each(|one| one.logged.stages.end_to_end_ms), 50),
            distortions: each(|one| one.distortion()),
            agreements: each(|one| one.agreement()),
        })
    }

    /// Bytes per frame: on the link if they are known, else of the container.
    fn cost(&self) -> f64 {
        self.link_bytes.unwrap_or(self.container_bytes)
    }

    fn over(&self, limit: f64) -> usize {
        self.distortions.iter().filter(|&&one| one > limit).count()
    }

    /// `3 of 24`, or that it is unknown.
    fn broken(&self, limit: f64) -> String {
        match self.distortions.len() {
            0 => "unknown".to_owned(),
            judged => format!("{} of {judged}", self.over(limit)),
        }
    }

    fn agreement(&self, task: Task) -> Option<String> {
        let found = mean(&self.agreements)?;
        let judged = self.agreements.len();
        Some(match task {
            Task::Cls => {
                let same = self.agreements.iter().filter(|&&one| one >= 100.0).count();
                format!("{same} of {judged} with the same top class")
            }
            Task::Seg => format!("mean IoU of the two masks {found:.1} %"),
            Task::Dpt => format!("RMSE between the two depth maps {found:.4} m"),
        })
    }
}

/// A card for each group of policies that can be compared.
pub(crate) fn cards(run: &RecordedRun, task: Task, limits: &Limits) -> Vec<Fact> {
    let shipments = run.shipments(task);
    let cohorts = run.cohorts(task);
    let card = |cohort: &Cohort<'_>| {
        let means = |&policy: &usize| {
            let of = cohort.shipments(policy, &shipments);
            Some((policy, Means::of(&run.policies[policy], of)?))
        };
        let means: Vec<(usize, Means)> = cohort.policies.iter().filter_map(means).collect();
        let gated = means
            .iter()
            .find(|(policy, _)| run.gate(*policy, task).is_some());
        let cheapest = means
            .iter()
            .min_by(|(_, a), (_, b)| a.cost().total_cmp(&b.cost()));
        let (subject, of_subject) = gated.or(cheapest)?;
        let others = means.iter().filter(|(policy, _)| policy != subject);
        let dearest = others.max_by(|(_, a), (_, b)| a.cost().total_cmp(&b.cost()));
        let limit = limits.of(task);
        Some(match dearest {
            Some((_, other)) => comparison(task, limit, of_subject, other),
            None => alone(task, limit, of_subject),
        })
    };
    cohorts.iter().filter_map(card).collect()
}

/// Two policies over the same pictures.
fn comparison(task: Task, limit: f64, one: &Means, other: &Means) -> Fact {
    let (place, cost) = match (one.link_bytes, other.link_bytes) {
        (Some(one), Some(other)) => ("on the link", (one, other)),
        _ => (
            "in containers",
            (one.container_bytes, other.container_bytes),
        ),
    };
    let pictures = match one.frames == other.frames {
        true => format!("Over the same {} frames: ", one.frames),
        false => format!(
            "Over the pictures that both have, {} and {} frames: ",
            one.frames, other.frames
        ),
    };
    let mut told = format!(
        "{pictures}{} kB a frame {place} against {} kB",
        kilobytes(cost.0),
        kilobytes(cost.1)
    );
    if place == "on the link" {
        let containers = more((one.container_bytes, other.container_bytes));
        told += &format!(" (containers alone: {containers} bytes)");
    } else {
        told += " (what the link carried is not known of all)";
    }
    if let (Some(ours), Some(theirs)) = (one.latency_ms, other.latency_ms) {
        told += &format!("; median latency {ours:.0} ms against {theirs:.0} ms");
    }
    told += &format!(
        "; frames over the limit of {limit} {}: {} against {}",
        unit(task),
        one.broken(limit),
        other.broken(limit)
    );
    let value = format!("{} bytes {place}", more(cost));
    let label = format!("{}: {} against {}", title(task), one.policy, other.policy);
    Fact::new(value, label).detail(ended(told, task, one))
}

/// A policy that cannot be compared with any other.
fn alone(task: Task, limit: f64, one: &Means) -> Fact {
    let place = match one.link_bytes {
        Some(_) => "on the link",
        None => "in containers",
    };
    let mut told = format!("Mean of {} frames", one.frames);
    if let Some(latency) = one.latency_ms {
        told += &format!("; median latency {latency:.0} ms");
    }
    told += &format!(
        "; frames over the limit of {limit} {}: {}",
        unit(task),
        one.broken(limit)
    );
    let value = format!("{} kB a frame {place}", kilobytes(one.cost()));
    let label = format!("{}: {}", title(task), one.policy);
    Fact::new(value, label).detail(ended(told, task, one))
}

/// The sentence with what distortion or agreement there is.
fn ended(mut told: String, task: Task, one: &Means) -> String {
    if let Some(distortion) = mean(&one.distortions) {
        let digits = decimals(task);
        told += &format!("; mean distortion {distortion:.digits$} {}", unit(task));
    } else if let Some(agreement) = one.agreement(task) {
        told += &format!(
            "; there is no ground truth, but agreement with the answer on the original: {agreement}"
        );
    }
    told + "."
}

/// The difference of two numbers in words: `4 % more`, `7 % fewer` or `equally many`.
fn more((one, other): (f64, f64)) -> String {
    let change = (one / other - 1.0) * 100.0;
    match change {
        change if change.abs() < 0.05 => "equally many".to_owned(),
        change if change >= 0.0 => format!("{} % more", percent(change)),
        change => format!("{} % fewer", percent(-change)),
    }
}

/// The number without decimals, or with one if it would otherwise be zero.
fn percent(share: f64) -> String {
    match share < 1.0 {
        true => format!("{share:.1}"),
        false => format!("{share:.0}"),
    }
}

fn kilobytes(bytes: f64) -> String {
    format!("{:.2}", bytes / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn told(run: &RecordedRun) -> String {
        let cards = cards(run, Task::Seg, &Limits::default());
        cards.iter().map(|card| format!("{card:?}\n")).collect()
    }

    #[test]
    fn the_trade_is_told_from_what_the_link_carried() {
        let (_dir, mut run) = samples::run(10);
        // The gate's containers are smaller, but each was sent many times.
        for one in &mut run.frames {
            let gated = one.frame.key.run_id.ends_with("gate");
            one.stages.link_bytes = Some(splitsim_feature::units::Bytes(if gated {
                10_400
            } else {
                10_000
            }));
        }
        let told = told(&run);
        for part in [
            "\"4 % more bytes on the link\"",
            "Segmentation: gate against always",
            "10.40 kB a frame on the link against 10.00 kB",
            "containers alone: 87 % fewer bytes",
            "median latency 57 ms against 57 ms",
            "frames over the limit of 1 mIoU points: 9 of 10 against 0 of 10",
        ] {
            assert!(told.contains(part), "no '{part}' in {told}");
        }
    }

    #[test]
    fn runs_over_other_pictures_are_told_one_by_one() {
        let (_dir, mut run) = samples::run(10);
        let frames = run.frames.iter_mut();
        let always = frames.filter(|one| one.frame.key.run_id.ends_with("always"));
        always.for_each(|one| one.frame.source.insert(0, 'x'));
        let told = told(&run);
        assert!(
            !told.contains("against") && !told.contains("more"),
            "{told}"
        );
        assert!(told.contains("\"Segmentation: gate\""), "{told}");
        assert!(told.contains("\"Segmentation: always\""), "{told}");
        assert!(told.contains("8.06 kB a frame on the link"), "{told}");
    }

    #[test]
    fn without_ground_truth_agreement_is_told() {
        let (_dir, mut run) = samples::run(4);
        for one in &mut run.frames {
            let truth = one.distortion.as_mut().unwrap();
            *truth = splitsim_results::DistortionRecord {
                agreement: Some(90.0),
                feature_mse: truth.feature_mse,
                ..splitsim_results::DistortionRecord::default()
            };
        }
        let told = told(&run);
        assert!(
            told.contains("limit of 1 mIoU points: unknown against unknown"),
            "{told}"
        );
        assert!(told.contains("no ground truth, but agreement"), "{told}");
        assert!(told.contains("mean IoU of the two masks 90.0 %"), "{told}");
    }

    #[test]
    fn changes_are_rounded_to_what_is_seen() {
        assert_eq!(more((104.0, 100.0)), "4 % more");
        assert_eq!(more((99.5, 100.0)), "0.5 % fewer");
        assert_eq!(more((100.01, 100.0)), "equally many");
    }
}
