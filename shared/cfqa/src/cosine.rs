use rayon::prelude::*;
use splitsim_feature::Feature;

use crate::lanes::sums_of_pairs;

/// Added to every norm, as in the benchmark's scripts: a token of zeros scores 0, not 0/0.
const NORM_OFFSET: f64 = 1e-8;

/// Mean over tokens of the cosine of the angle between original and distorted token.
///
/// All maps have equally many tokens, so the mean over all tokens is also the mean over maps of the
/// mean over tokens.
pub(crate) fn cosine(original: &Feature, distorted: &Feature) -> f64 {
    let dim = original.shape().dim();
    let tokens: Vec<f64> = original
        .values()
        .par_chunks(dim)
        .zip(distorted.values().par_chunks(dim))
        .with_min_len(16)
        .map(|(x, y)| token_cosine(x, y))
        .collect();
    tokens.iter().sum::<f64>() / tokens.len() as f64
}

fn token_cosine(x: &[f32], y: &[f32]) -> f64 {
    let [xx, yy, xy] = sums_of_pairs(x, y, |x, y| [x * x, y * y, x * y]);
    xy / ((xx.sqrt() + NORM_OFFSET) * (yy.sqrt() + NORM_OFFSET))
}
