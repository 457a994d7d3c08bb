use crate::Cause;
use crate::metric::{Cost, Definition, Direction, Spec};
use crate::pair::Pair;

pub(crate) const SPEC: Spec = Spec {
    name: "cosine",
    formula: "mean over tokens, then maps, of x·y / ((‖x‖ + 1e-8)(‖y‖ + 1e-8))",
    direction: Direction::HigherIsBetter,
    range: (-1.0, 1.0),
    cost: Cost::Pass,
    definition: Definition::Whole(cosine),
};

/// Added to every norm, as in the benchmark's scripts: a token of zeros scores 0, not 0/0.
const NORM_OFFSET: f64 = 1e-8;

/// Mean over tokens of the cosine of the angle between original and distorted token.
///
/// All maps have equally many tokens, so the mean over all tokens is also the mean over maps of the
/// mean over tokens. What the cosines lack of one is summed up: their sum has no digits for it.
#[expect(clippy::unnecessary_wraps, reason = "all definitions are of one type")]
fn cosine(pair: &Pair<'_>) -> Result<f64, Cause> {
    let lacking = pair.total(|token| token.lacking(NORM_OFFSET));
    Ok(1.0 - lacking / pair.tokens().len() as f64)
}
