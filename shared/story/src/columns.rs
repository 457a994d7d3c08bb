//! Columns that several tables have, and what stands in them.

use splitsim_report::{Cell, Column};

use crate::statistics::Estimate;

pub(crate) fn rate() -> Column {
    Column::number("rate", "BPFP").about("mean of 8 × container bytes ÷ feature points")
}

pub(crate) fn mean_distortion() -> Column {
    Column::number("distortion", "mean")
        .about("true semantic distortion: cls in ranks, seg in mIoU points, dpt in m of RMSE")
}

pub(crate) fn interval_of_mean() -> Column {
    Column::text("interval of the mean")
        .about("95 % bootstrap interval of the mean distortion over frames")
}

pub(crate) fn p95_distortion() -> Column {
    Column::number("distortion", "p95").about("true distortion, nearest rank")
}

pub(crate) fn over_limit() -> Column {
    Column::number("over limit", "%").about("frames whose true distortion exceeds the limit")
}

/// The interval of an estimate, if there is one.
pub(crate) fn interval(found: Option<Estimate>, digits: usize) -> Cell {
    found.map_or_else(Cell::missing, |found| span(found.low, found.high, digits))
}

/// From here to there.
pub(crate) fn span(low: f64, high: f64, digits: usize) -> Cell {
    Cell::text(format!("{low:.digits$} to {high:.digits$}"))
}
