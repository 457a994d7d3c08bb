use crate::Cause;
use crate::metric::{Cost, Definition, Direction, Spec};
use crate::pair::Pair;

pub(crate) const SPEC: Spec = Spec {
    name: "cosine-p05",
    formula: "5th percentile, linear between neighbours, of x·y / (‖x‖‖y‖) over all tokens of all maps",
    direction: Direction::HigherIsBetter,
    range: (-1.0, 1.0),
    cost: Cost::Pass,
    definition: Definition::Whole(cosine_p05),
};

const SHARE: f64 = 0.05;

/// A minimum that a single odd token does not decide.
fn cosine_p05(pair: &Pair<'_>) -> Result<f64, Cause> {
    let mut cosines = pair.cosines()?;
    cosines.sort_by(f64::total_cmp);
    Ok(quantile(&cosines, SHARE))
}

/// The quantile of ascending values, linear between neighbours: of Hyndman and Fan's nine definitions
/// (1996) the seventh, NumPy's default.
fn quantile(ascending: &[f64], share: f64) -> f64 {
    let place = share * (ascending.len() - 1) as f64;
    let below = ascending[place.floor() as usize];
    let above = ascending[place.ceil() as usize];
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.quantile` of the same values.
    #[test]
    fn quantiles_are_numpys() {
        let check = |values: &[f64], share, expected: f64| {
            assert!((quantile(values, share) - expected).abs() < 1e-15);
        };
        check(&[3.0], 0.05, 3.0);
        check(&[1.0, 2.0], 0.05, 1.05);
        check(&[1.0, 2.0, 4.0, 8.0], 0.5, 3.0);
        check(&[1.0, 2.0, 4.0, 8.0], 1.0, 8.0);
    }
}
