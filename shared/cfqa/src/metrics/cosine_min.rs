use crate::Cause;
use crate::metric::{Cost, Definition, Direction, Spec};
use crate::pair::Pair;

pub(crate) const SPEC: Spec = Spec {
    name: "cosine-min",
    formula: "least x·y / (‖x‖‖y‖) over all tokens of all maps",
    direction: Direction::HigherIsBetter,
    range: (-1.0, 1.0),
    cost: Cost::Pass,
    definition: Definition::Whole(cosine_min),
};

/// The cosine of the token that lost most: one ruined object shows here and vanishes in a mean.
fn cosine_min(pair: &Pair<'_>) -> Result<f64, Cause> {
    let cosines = pair.cosines()?;
    Ok(cosines.into_iter().fold(f64::INFINITY, f64::min))
}
