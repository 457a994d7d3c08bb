//! A replay frame by frame.

use splitsim_feature::units::Bytes;
use splitsim_policy::{Rung, Verdict};
use splitsim_table::{Column, Table, TableError};

use crate::{Comparison, Evaluation, TaskComparison};

/// The outcome of one frame under one contender.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameOutcome {
    /// The frame's number.
    pub frame: u64,
    /// The picture's name.
    pub name: String,
    /// Encodings made.
    pub attempts: usize,
    /// Milliseconds of coding and scoring at the edge.
    pub compute_ms: f64,
    /// The end of the frame.
    pub end: FrameEnd,
}

/// The end of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FrameEnd {
    /// It reached the cloud.
    Shipped(ShippedFrame),
    /// It was not shipped on purpose.
    Dropped,
    /// Nothing could be shipped.
    GivenUp,
}

/// A frame as it reached the cloud.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShippedFrame {
    /// The level.
    pub rung: Rung,
    /// The verdict on it.
    pub verdict: Verdict,
    /// The container's size.
    pub container: Bytes,
    /// The score by the contender's own metric, if it looks at one.
    pub score: Option<f64>,
    /// The true distortion, in the task's unit.
    pub distortion: f64,
    /// Milliseconds from capture to answer.
    pub latency_ms: Option<f64>,
    /// `true` if it arrived after the deadline; `None` without a deadline.
    pub late: Option<bool>,
}

impl FrameOutcome {
    /// The frame as it reached the cloud; `None` if it was not shipped.
    #[must_use]
    pub const fn shipped(&self) -> Option<&ShippedFrame> {
        match &self.end {
            FrameEnd::Shipped(shipped) => Some(shipped),
            FrameEnd::Dropped | FrameEnd::GivenUp => None,
        }
    }
}

impl FrameEnd {
    /// `passed`, `best-effort`, `ungated`, `dropped` or `given-up`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Shipped(shipped) => shipped.verdict.name(),
            Self::Dropped => "dropped",
            Self::GivenUp => "given-up",
        }
    }
}

/// A row: whose, and what became of the frame.
type Row<'a> = (&'a TaskComparison, &'a Evaluation, &'a FrameOutcome);

impl Comparison {
    /// One row per task, contender and frame. Columns: `docs/metrics.md`.
    ///
    /// # Errors
    /// When there is no task.
    pub fn to_frames_table(&self) -> Result<Table, TableError> {
        let rows: Vec<Row<'_>> = self
            .tasks
            .iter()
            .flat_map(|task| task.contenders.iter().map(move |one| (task, one)))
            .flat_map(|(task, one)| one.outcomes.iter().map(move |frame| (task, one, frame)))
            .collect();
        let text = |name: &str, of: for<'a> fn(&Row<'a>) -> &'a str| {
            Column::text(name, rows.iter().map(of))
        };
        let number = |name: &str, of: fn(&ShippedFrame) -> Option<f64>| {
            let shipped = rows.iter().map(|(.., frame)| frame.shipped());
            Column::float(name, shipped.map(|shipped| shipped.and_then(of)))
        };
        let count = |name: &str, of: fn(&Row<'_>) -> Option<u64>| {
            let counts = rows.iter().map(of);
            let counts = counts.map(|count| count.and_then(|count| i64::try_from(count).ok()));
            Column::int(name, counts)
        };
        let label = |(task, _, frame): &Row<'_>| {
            let level = frame.shipped()?.rung.0;
            Some(task.levels.get(usize::from(level))?.label.clone())
        };
        Table::new(vec![
            text("task", |(task, ..)| task.task.name()),
            text("policy", |(_, one, _)| &one.name),
            count("frame", |(.., frame)| Some(frame.frame)),
            text("name", |(.., frame)| &frame.name),
            text("end", |(.., frame)| frame.end.name()),
            count("attempts", |(.., frame)| Some(frame.attempts as u64)),
            Column::float(
                "compute_ms",
                rows.iter().map(|(.., frame)| frame.compute_ms),
            ),
            count("level", |(.., frame)| {
                Some(u64::from(frame.shipped()?.rung.0))
            }),
            Column::new(
                "label",
                splitsim_table::Values::Text(rows.iter().map(label).collect()),
            ),
            count("container_bytes", |(.., frame)| {
                Some(frame.shipped()?.container.0)
            }),
            number("score", |shipped| shipped.score),
            number("distortion", |shipped| Some(shipped.distortion)),
            number("latency_ms", |shipped| shipped.latency_ms),
            Column::bool("late", rows.iter().map(|(.., frame)| frame.shipped()?.late)),
        ])
    }
}
