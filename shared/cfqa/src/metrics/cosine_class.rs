use crate::Cause;
use crate::metric::{Cost, Definition, Direction, Spec};
use crate::pair::Pair;

pub(crate) const SPEC: Spec = Spec {
    name: "cosine-class",
    formula: "mean over maps of x·y / (‖x‖‖y‖), x and y being the class tokens",
    direction: Direction::HigherIsBetter,
    range: (-1.0, 1.0),
    cost: Cost::Pass,
    definition: Definition::Whole(cosine_class),
};

/// Cosine of the class token, which the linear heads read beside the mean patch token.
fn cosine_class(pair: &Pair<'_>) -> Result<f64, Cause> {
    let cosines = pair.class_tokens().enumerate().map(|(map, sums)| {
        let token = 0;
        sums.cosine().map_err(|operand| Cause::ZeroToken {
            operand,
            map,
            token,
        })
    });
    let total: f64 = cosines.sum::<Result<f64, Cause>>()?;
    Ok(total / pair.original.shape().maps() as f64)
}
