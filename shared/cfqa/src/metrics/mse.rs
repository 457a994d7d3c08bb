use crate::Cause;
use crate::metric::{Cost, Definition, Direction, Spec};
use crate::pair::Pair;

pub(crate) const SPEC: Spec = Spec {
    name: "mse",
    formula: "mean over all points of (x − y)²",
    direction: Direction::LowerIsBetter,
    range: (0.0, f64::INFINITY),
    cost: Cost::Pass,
    definition: Definition::Whole(mse),
};

#[expect(clippy::unnecessary_wraps, reason = "all definitions are of one type")]
fn mse(pair: &Pair<'_>) -> Result<f64, Cause> {
    Ok(mean_squared_error(pair))
}

/// Mean over all points of the squared difference.
pub(crate) fn mean_squared_error(pair: &Pair<'_>) -> f64 {
    pair.total(|token| token.error) / pair.original.shape().points() as f64
}
