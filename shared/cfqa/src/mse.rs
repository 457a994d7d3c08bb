use rayon::prelude::*;
use splitsim_feature::Feature;

use crate::lanes::squared_distance;

/// Values that one task sums up: small enough to share work, large enough to be worth a task.
const BLOCK: usize = 1 << 16;

/// Mean over all points of the squared difference.
pub(crate) fn mse(original: &Feature, distorted: &Feature) -> f64 {
    let blocks: Vec<f64> = original
        .values()
        .par_chunks(BLOCK)
        .zip(distorted.values().par_chunks(BLOCK))
        .map(|(x, y)| squared_distance(x, y))
        .collect();
    blocks.iter().sum::<f64>() / original.shape().points() as f64
}
