use faer::MatRef;

use crate::gram::squared_difference_of_grams;
use crate::lanes::dot;
use crate::metric::{Cost, Definition, Direction, Spec};
use crate::pair::Pair;
use crate::{Cause, Operand};

pub(crate) const SPEC: Spec = Spec {
    name: "gram-distance",
    formula: "mean over maps of the RMS over pairs of tokens i < j of cos(xᵢ, xⱼ) − cos(yᵢ, yⱼ)",
    direction: Direction::LowerIsBetter,
    range: (0.0, 2.0),
    cost: Cost::Products,
    definition: Definition::Whole(gram_distance),
};

/// How far the similarities between a map's tokens moved: the Gram matrices of unit tokens, as in
/// similarity-preserving distillation (Tung and Mori, ICCV 2019), within one feature.
///
/// Blind to rotations of all channels together, unlike the token-wise metrics; not to shifts, unlike
/// CKA.
fn gram_distance(pair: &Pair<'_>) -> Result<f64, Cause> {
    let shape = pair.original.shape();
    let (tokens, dim) = (shape.tokens(), shape.dim());
    if tokens < 2 {
        return Err(Cause::SingleToken);
    }
    let pairs = (tokens * (tokens - 1) / 2) as f64;
    let points = tokens * dim;
    let mut total = 0.0;
    let maps = pair.original.values().chunks_exact(points);
    for (map, (x, y)) in maps
        .zip(pair.distorted.values().chunks_exact(points))
        .enumerate()
    {
        let unit = |values, operand| {
            unit_tokens(values, dim).map_err(|token| Cause::ZeroToken {
                operand,
                map,
                token,
            })
        };
        let (x, y) = (unit(x, Operand::Original)?, unit(y, Operand::Distorted)?);
        let rows = |values| MatRef::from_row_major_slice(values, tokens, dim);
        total += (squared_difference_of_grams(rows(&x), rows(&y)) / pairs).sqrt();
    }
    Ok(total / shape.maps() as f64)
}

/// The tokens divided by their norms, or the first that has none.
fn unit_tokens(values: &[f32], dim: usize) -> Result<Vec<f32>, usize> {
    let mut unit = Vec::with_capacity(values.len());
    for (index, token) in values.chunks_exact(dim).enumerate() {
        let norm = dot(token, token).sqrt();
        if norm == 0.0 {
            return Err(index);
        }
        unit.extend(token.iter().map(|&value| (f64::from(value) / norm) as f32));
    }
    Ok(unit)
}
