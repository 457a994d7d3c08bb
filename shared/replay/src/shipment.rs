//! Shipped frames: their distortion, the bytes that they save, and their regret.

use std::time::Duration;

use serde::Serialize;
use splitsim_feature::units::Bytes;
use splitsim_policy::{Attempt, Decision, Verdict};

use crate::oracle::{Floor, fewest_bytes};
use crate::statistics::mean;
use crate::{Cost, Costs, Interval, Quantiles, RecordedFrame, Recording, ReplayError, Replayed};

/// The true distortion of shipped frames, in the task's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Distortions {
    /// The arithmetic mean.
    pub mean: f64,
    /// The 95 % confidence interval of the mean.
    pub mean_interval: Interval,
    /// The 95th percentile, nearest rank: a value that occurred.
    pub p95: f64,
    /// The greatest.
    pub worst: f64,
}

/// Bytes saved; negative when more were spent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Saving {
    /// The saving in percent of the bytes that it is compared with.
    pub percent: f64,
    /// The 95 % confidence interval of the percentage.
    pub interval: Interval,
}

/// Bytes beyond what is needed for as many violations on the same frames.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Regret {
    /// Excess bytes per shipped frame.
    pub bytes_mean: f64,
    /// Excess bytes in percent of the oracle's bytes.
    pub percent: f64,
    /// The oracle's bytes per frame.
    pub oracle_bytes_mean: f64,
}

/// A shipped frame with all that it is judged by.
pub(crate) struct Shipment<'a> {
    pub(crate) recorded: &'a RecordedFrame,
    pub(crate) replayed: &'a Replayed,
    pub(crate) verdict: Verdict,
    pub(crate) bytes: Bytes,
    pub(crate) distortion: f64,
    pub(crate) floor: Floor,
}

pub(crate) fn shipments<'a>(
    recording: &'a Recording,
    replayed: &'a [Replayed],
    limit: f64,
) -> Result<Vec<Shipment<'a>>, ReplayError> {
    let frames = recording.frames().iter().zip(replayed);
    frames
        .filter_map(|(recorded, replayed)| {
            let Decision::Ship { verdict, .. } = replayed.decided.end else {
                return None;
            };
            let attempt = replayed.shipped()?;
            Some((
                recorded,
                replayed,
                verdict,
                attempt.rung,
                attempt.coded()?.container,
            ))
        })
        .map(|(recorded, replayed, verdict, rung, bytes)| {
            let judged = || {
                let distortion = recorded.level(rung)?.distortion()?;
                Some((distortion, Floor::of(recorded, limit)?))
            };
            let frame = recorded.frame;
            let (distortion, floor) = judged().ok_or(ReplayError::NoTruth { frame })?;
            Ok(Shipment {
                recorded,
                replayed,
                verdict,
                bytes,
                distortion,
                floor,
            })
        })
        .collect()
}

pub(crate) fn distortions(shipments: &[Shipment<'_>]) -> Option<Distortions> {
    let values: Vec<f64> = shipments
        .iter()
        .map(|shipment| shipment.distortion)
        .collect();
    let mean = mean(values.iter().copied())?;
    let mean_interval = Interval::of_mean(&values)?;
    let quantiles = Quantiles::of(values)?;
    Some(Distortions {
        mean,
        mean_interval,
        p95: quantiles.p95,
        worst: quantiles.max,
    })
}

pub(crate) fn regret(shipments: &[Shipment<'_>], violations: usize) -> Option<Regret> {
    let floors: Vec<Floor> = shipments.iter().map(|shipment| shipment.floor).collect();
    let Bytes(least) = fewest_bytes(&floors, violations);
    let Bytes(bytes) = shipments.iter().map(|shipment| shipment.bytes).sum();
    let count = shipments.len() as f64;
    let beyond = bytes as f64 - least as f64;
    (!shipments.is_empty()).then(|| Regret {
        bytes_mean: beyond / count,
        percent: 100.0 * beyond / (least as f64).max(1.0),
        oracle_bytes_mean: least as f64 / count,
    })
}

/// Against the richest level, on the frames that it can ship too.
pub(crate) fn saving(shipments: &[Shipment<'_>], recording: &Recording) -> Option<Saving> {
    let richest = recording.ladder().richest();
    let pairs: Vec<(f64, f64)> = shipments
        .iter()
        .filter_map(|shipment| {
            let alone = shipment.recorded.attempt(richest, None)?.coded()?;
            Some((shipment.bytes.0 as f64, alone.container.0 as f64))
        })
        .collect();
    let spent: f64 = pairs.iter().map(|pair| pair.0).sum();
    let richest: f64 = pairs.iter().map(|pair| pair.1).sum();
    let ratios = Interval::of_ratio(&pairs)?;
    let percent = |ratio: f64| 100.0 * (1.0 - ratio);
    Some(Saving {
        percent: percent(spent / richest),
        interval: Interval {
            low: percent(ratios.high),
            high: percent(ratios.low),
        },
    })
}

/// Against one encoding at the richest level, on the frames that both can ship.
pub(crate) fn costs(shipments: &[Shipment<'_>], recording: &Recording) -> Option<Costs> {
    let richest = recording.ladder().richest();
    let pairs: Vec<(Cost, Cost)> = shipments
        .iter()
        .filter_map(|shipment| {
            let alone = shipment.recorded.attempt(richest, None)?;
            let cost = |bytes: Bytes, time| Cost {
                bytes: bytes.0 as f64,
                compute_ms: millis(time),
            };
            let own = cost(
                shipment.bytes,
                computed(&shipment.replayed.decided.attempts),
            );
            Some((own, cost(alone.coded()?.container, alone.took())))
        })
        .collect();
    let mean_cost = |which: fn(&(Cost, Cost)) -> Cost| {
        Some(Cost {
            bytes: mean(pairs.iter().map(|pair| which(pair).bytes))?,
            compute_ms: mean(pairs.iter().map(|pair| which(pair).compute_ms))?,
        })
    };
    Some(Costs {
        own: mean_cost(|pair| pair.0)?,
        richest: mean_cost(|pair| pair.1)?,
    })
}

pub(crate) fn computed(attempts: &[Attempt]) -> Duration {
    attempts.iter().map(Attempt::took).sum()
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
