//! Logistic fits against SciPy; provenance in `golden/README.md`.

use serde::Deserialize;
use splitsim_lab::Logistic;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    x: Vec<f64>,
    y: Vec<f64>,
    /// The least sum of squares that brute force found.
    squares: f64,
}

impl Case {
    fn squares_of(&self, curve: &Logistic, x: &[f64]) -> f64 {
        curve.rmse(x, &self.y).powi(2) * x.len() as f64
    }

    /// The sum of squares about the values' mean: below 1e-12 of it, a fit is exact.
    fn total(&self) -> f64 {
        let mean = self.y.iter().sum::<f64>() / self.y.len() as f64;
        self.y.iter().map(|y| (y - mean).powi(2)).sum()
    }
}

fn cases() -> Vec<Case> {
    let golden: Golden =
        serde_json::from_str(include_str!("golden/logistic.json")).expect("the file is committed");
    golden.cases
}

const TOLERANCE: f64 = 1e-6;

#[test]
fn no_fit_is_above_the_least_squares() {
    for case in cases() {
        let fit = Logistic::fit(&case.x, &case.y).expect("there is a curve");
        let (found, least) = (case.squares_of(&fit, &case.x), case.squares);
        let allowed = least * (1.0 + TOLERANCE) + 1e-12 * case.total();
        assert!(found <= allowed, "{}: {found}, not {least}", case.name);
        // Brute force cannot be beaten by more than its own rounding.
        let impossible = least * (1.0 - TOLERANCE) - 1e-12 * case.total();
        assert!(found >= impossible, "{}: {found}, not {least}", case.name);
    }
}

/// The unit of the scores, their sign and their order are nothing to the fit.
#[test]
fn scale_sign_and_order_do_not_matter() {
    for mut case in cases() {
        let least = case.squares;
        case.y.reverse();
        let x: Vec<f64> = case.x.iter().rev().map(|x| 7.0 - 1e-5 * x).collect();
        let fit = Logistic::fit(&x, &case.y).expect("there is a curve");
        let found = case.squares_of(&fit, &x);
        let allowed = least * (1.0 + TOLERANCE) + 1e-9 * case.total();
        assert!(found <= allowed, "{}: {found}, not {least}", case.name);
    }
}

/// A refit finds a step even if it starts from the curve of other points.
#[test]
fn a_refit_finds_the_step_of_other_points() {
    let x: Vec<f64> = (0..40).map(f64::from).collect();
    let step =
        |at: f64| -> Vec<f64> { x.iter().map(|&x| if x < at { 1.0 } else { 3.0 }).collect() };
    let first = Logistic::fit(&x, &step(10.5)).expect("there is a curve");
    let values = step(29.5);
    let again = first.refit(&x, &values).expect("there is a curve");
    assert!(again.rmse(&x, &values) < 1e-12);
}
