use std::ops::Range;

use crate::gram::squared_difference_of_grams;
use crate::lanes::dot;
use crate::metric::{Cost, Definition, Direction, Spec};
use crate::pair::Pair;
use crate::panels::{Panels, Side};
use crate::{Cause, Operand};

pub(crate) const SPEC: Spec = Spec {
    name: "gram-distance",
    formula: "mean over maps of the RMS over pairs of tokens i < j of cos(xᵢ, xⱼ) − cos(yᵢ, yⱼ)",
    direction: Direction::LowerIsBetter,
    range: (0.0, 2.0),
    cost: Cost::Products,
    definition: Definition::Whole(gram_distance),
};

/// The distance between the token similarities of two maps. It compares the Gram matrices of unit tokens, as in
/// similarity-preserving distillation (Tung and Mori, ICCV 2019), within one feature.
///
/// Blind to rotations of all channels together, unlike the token-wise metrics; not blind to shifts, unlike CKA.
/// A token's similarity to itself is always one, and is not counted as a pair.
fn gram_distance(pair: &Pair<'_>) -> Result<f64, Cause> {
    let shape = pair.original.shape();
    let (tokens, dim) = (shape.tokens(), shape.dim());
    if tokens < 2 {
        return Err(Cause::SingleToken);
    }
    let pairs = (tokens * (tokens - 1)) as f64;
    let points = tokens * dim;
    let mut total = 0.0;
    let maps = pair.original.values().chunks_exact(points);
    for (map, (x, y)) in maps
        .zip(pair.distorted.values().chunks_exact(points))
        .enumerate()
    {
        let zero = |operand| {
            move |token| Cause::ZeroToken {
                operand,
                map,
                token,
            }
        };
        let units = Units {
            x,
            y,
            x_scales: scales(x, dim).map_err(zero(Operand::Original))?,
            y_scales: scales(y, dim).map_err(zero(Operand::Distorted))?,
            dim,
        };
        let (sum, difference) =
            rayon::join(|| units.panels(|x, y| x + y), || units.panels(|x, y| x - y));
        // The diagonal's differences are zero.
        total += (squared_difference_of_grams(&sum, &difference) / pairs).sqrt();
    }
    Ok(total / shape.maps() as f64)
}

/// The factor that brings each token to length one; the error is the index of the first token of length zero.
fn scales(values: &[f32], dim: usize) -> Result<Vec<f64>, usize> {
    let tokens = values.chunks_exact(dim);
    let norms: Vec<f64> = tokens.map(|token| dot(token, token).sqrt()).collect();
    match norms.iter().position(|&norm| norm == 0.0) {
        Some(token) => Err(token),
        None => Ok(norms.into_iter().map(f64::recip).collect()),
    }
}

/// The unit tokens of two maps of one shape.
struct Units<'a> {
    x: &'a [f32],
    y: &'a [f32],
    x_scales: Vec<f64>,
    y_scales: Vec<f64>,
    dim: usize,
}

impl Units<'_> {
    /// Applies `of` to each pair of unit values, before any is rounded to `f32`, and lays out the results.
    fn panels(&self, of: impl Fn(f64, f64) -> f64 + Sync) -> Panels {
        let Self { x, y, dim, .. } = *self;
        let put = |out: &mut [f32], token: usize, channels: Range<usize>| {
            let x = &x[token * dim..][channels.clone()];
            let y = &y[token * dim..][channels];
            let (x_scale, y_scale) = (self.x_scales[token], self.y_scales[token]);
            for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
                *out = of(f64::from(x) * x_scale, f64::from(y) * y_scale) as f32;
            }
        };
        Panels::of(Side::Tokens, self.x_scales.len(), dim, put)
    }
}
