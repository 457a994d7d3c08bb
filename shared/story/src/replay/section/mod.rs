//! The parts of the page, one module each.

pub(crate) mod break_even;
pub(crate) mod data;
pub(crate) mod ladder;
pub(crate) mod latency;
pub(crate) mod overview;
pub(crate) mod points;
pub(crate) mod policies;
pub(crate) mod regret;
pub(crate) mod score;

use splitsim_replay::{Evaluation, FrameOutcome, Level, Recording, ShippedFrame, TaskComparison};

use crate::limits::unit;
use crate::statistics::{Estimate, estimate};

fn shipped(contender: &Evaluation) -> impl Iterator<Item = &ShippedFrame> {
    contender.outcomes.iter().filter_map(FrameOutcome::shipped)
}

/// `limit 1 mIoU points`.
fn limit(task: &TaskComparison) -> String {
    format!("limit {} {}", task.limit, unit(task.task))
}

/// The share of these distortions over the limit, in %.
fn over(distortions: impl Iterator<Item = f64>, limit: f64) -> Option<Estimate> {
    let flags: Vec<f64> = distortions
        .map(|distortion| if distortion > limit { 100.0 } else { 0.0 })
        .collect();
    estimate(&flags)
}

/// True distortions of all frames at a level, where they are known.
fn distortions(recording: &Recording, level: usize) -> impl Iterator<Item = f64> {
    let frames = recording.frames().iter();
    frames.filter_map(move |frame| match frame.levels.get(level)? {
        Level::Coded { distortion, .. } => *distortion,
        Level::Failed { .. } => None,
    })
}

fn kilobytes(bytes: f64) -> String {
    format!("{:.2} kB", bytes / 1000.0)
}

/// To a tenth, where there is one.
fn percent(value: f64) -> String {
    let tenths = format!("{value:.1}");
    format!("{} %", tenths.trim_end_matches(".0"))
}

/// Height of a figure with so many rows of bars.
fn rows_px(rows: usize) -> u32 {
    120 + 28 * u32::try_from(rows).unwrap_or(40).min(40)
}
