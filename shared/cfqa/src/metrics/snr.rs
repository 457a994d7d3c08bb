use crate::Cause;
use crate::metric::{Cost, Definition, Direction, Spec};
use crate::pair::Pair;

pub(crate) const SPEC: Spec = Spec {
    name: "snr",
    formula: "10 log₁₀(Σ x² / Σ (x − y)²) over all points, in dB",
    direction: Direction::HigherIsBetter,
    range: (f64::NEG_INFINITY, f64::INFINITY),
    cost: Cost::Pass,
    definition: Definition::Whole(snr),
};

/// Signal-to-noise ratio: MSE on the scale of the feature, so that features of different energy compare.
fn snr(pair: &Pair<'_>) -> Result<f64, Cause> {
    let signal = pair.total(|token| token.xx);
    let noise = pair.total(|token| token.error);
    match (signal > 0.0, noise > 0.0) {
        (true, true) => Ok(10.0 * (signal / noise).log10()),
        (false, _) => Err(Cause::NoSignal),
        (true, false) => Err(Cause::NoNoise),
    }
}
