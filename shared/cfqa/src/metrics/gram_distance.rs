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
    let pairs = (tokens * (tokens - 1)) as f64;
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
        // Either diagonal is all ones.
        total += (squared_difference_of_grams(&x, &y) / pairs).sqrt();
    }
    Ok(total / shape.maps() as f64)
}

/// The tokens divided by their norms, or the first that has none.
fn unit_tokens(values: &[f32], dim: usize) -> Result<Panels, usize> {
    let tokens = values.chunks_exact(dim);
    let norms: Vec<f64> = tokens.map(|token| dot(token, token).sqrt()).collect();
    if let Some(token) = norms.iter().position(|&norm| norm == 0.0) {
        return Err(token);
    }
    let unit = |out: &mut [f32], token: usize, channels| {
        let values = &values[token * dim..][channels];
        for (out, &value) in out.iter_mut().zip(values) {
            *out = (f64::from(value) / norms[token]) as f32;
        }
    };
    Ok(Panels::of(Side::Tokens, norms.len(), dim, unit))
}
