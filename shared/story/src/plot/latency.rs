//! The distribution of end-to-end times.

use splitsim_feature::Task;
use splitsim_report::{Axis, Figure, Series};

use super::Player;
use crate::limits::title;
use crate::statistics::percentile;

/// The distribution of the frames' end-to-end times, in milliseconds.
pub(crate) fn distribution(task: Task, times: &[(Player, Vec<f64>)]) -> Figure {
    let words: Vec<String> = times
        .iter()
        .filter_map(|(Player { name, .. }, times)| {
            let (half, most) = (percentile(times, 50)?, percentile(times, 95)?);
            Some(format!(
                "{name}: median {half:.0} ms, 95th percentile {most:.0} ms"
            ))
        })
        .collect();
    let series = times
        .iter()
        .map(|(player, times)| player.dress(Series::cdf(&player.name, times.iter().copied())));
    Figure::new(
        title(task),
        format!("Latency distribution. {}.", words.join("; ")),
    )
    .x(Axis::new("end to end", "ms").from_zero())
    .y(Axis::new("frames up to this", "%").range(0.0, 102.0))
    .all_series(series)
}
