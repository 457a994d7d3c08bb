use crate::metric::{Cost, Definition, Direction, Spec};
use crate::pair::{Pair, TokenSums};
use crate::{Cause, Operand};

pub(crate) const SPEC: Spec = Spec {
    name: "cosine-patch-mean",
    formula: "mean over maps of x·y / (‖x‖‖y‖), x and y being the means of the patch tokens",
    direction: Direction::HigherIsBetter,
    range: (-1.0, 1.0),
    cost: Cost::Pass,
    definition: Definition::Whole(cosine_patch_mean),
};

/// Cosine of the mean patch token: class token and registers left out.
fn cosine_patch_mean(pair: &Pair<'_>) -> Result<f64, Cause> {
    let shape = pair.original.shape();
    let layout = pair.original.layout();
    let first = layout.first_patch();
    if first >= shape.tokens() {
        return Err(Cause::NoPatchTokens {
            tokens: shape.tokens(),
            registers: layout.registers,
        });
    }
    let points = shape.tokens() * shape.dim();
    let maps = |values: &'_ [f32]| -> Vec<Vec<f64>> {
        let patches = |map: &[f32]| sums(&map[first * shape.dim()..], shape.dim());
        values.chunks_exact(points).map(patches).collect()
    };
    let originals = maps(pair.original.values());
    let distorted = maps(pair.distorted.values());
    let mut total = 0.0;
    for (map, (x, y)) in originals.iter().zip(&distorted).enumerate() {
        let zero = |operand: Operand| Cause::ZeroPatchMean { operand, map };
        total += TokenSums::of(x, y).cosine().map_err(zero)?;
    }
    Ok(total / shape.maps() as f64)
}

/// The sum of the tokens, which points where their mean does.
fn sums(tokens: &[f32], dim: usize) -> Vec<f64> {
    let mut sums = vec![0.0; dim];
    for token in tokens.chunks_exact(dim) {
        for (sum, &value) in sums.iter_mut().zip(token) {
            *sum += f64::from(value);
        }
    }
    sums
}
