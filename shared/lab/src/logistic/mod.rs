//! The monotone logistic curve between scores and values.
//!
//! Two of its parameters, the levels, enter linearly and have a closed form for each [`shape`] of the curve
//! ([`projection`]). What is left is a surface of two parameters with many minima, narrow ones among them:
//! [`starts`] looks for its basins, [`descent`] walks to the bottom of each.

mod descent;
mod points;
mod projection;
mod shape;
mod starts;

use points::Points;
use projection::Projection;

/// The monotone logistic curve of four parameters that VQEG fits between scores and opinions before it
/// takes a prediction error (VQEG, "Final report … full-reference television, phase II", 2003, §4.3):
/// `f(x) = β₂ + (β₁ − β₂) / (1 + exp(−(x − β₃)/|β₄|))`.
///
/// It rises for β₁ > β₂ and falls otherwise. A step, an exponential and a straight line are limits of it,
/// and may be what is nearest to points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Logistic {
    /// The curve on the standardised axis.
    curve: Projection,
    /// Mean and standard deviation of the scores that the curve was fitted to.
    scale: (f64, f64),
}

impl Logistic {
    /// The curve nearest to the points in the sense of least squares; `None` when scores or values are
    /// constant, not finite, or fewer than five, which four parameters would leave nothing of.
    #[must_use]
    pub fn fit(x: &[f64], y: &[f64]) -> Option<Self> {
        let scale = standard(x);
        let points = Points::new(x, y, scale)?;
        let starts = starts::everywhere(&points);
        Some(Self {
            curve: descent::nearest(&points, starts),
            scale,
        })
    }

    /// The curve nearest to other points, from where this one lies and from the best steps: quicker, for points
    /// much like those that this one was fitted to.
    #[must_use]
    pub fn refit(&self, x: &[f64], y: &[f64]) -> Option<Self> {
        let points = Points::new(x, y, self.scale)?;
        let mut starts = starts::steps(&points, 1);
        starts.push(self.curve.shape);
        Some(Self {
            curve: descent::nearest(&points, starts),
            ..*self
        })
    }

    /// The curve at a score.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        self.curve.at((x - self.scale.0) / self.scale.1)
    }

    /// The root mean squared distance of points from the curve.
    #[must_use]
    pub fn rmse(&self, x: &[f64], y: &[f64]) -> f64 {
        let squares = x.iter().zip(y).map(|(&x, &y)| (self.at(x) - y).powi(2));
        (squares.sum::<f64>() / x.len() as f64).sqrt()
    }
}

/// Mean and standard deviation.
fn standard(x: &[f64]) -> (f64, f64) {
    let count = x.len() as f64;
    let mean = x.iter().sum::<f64>() / count;
    let squares = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    (mean, (squares / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(x: f64, [b1, b2, b3, b4]: [f64; 4]) -> f64 {
        b2 + (b1 - b2) / (1.0 + (-(x - b3) / b4).exp())
    }

    /// Points on a known curve, rising or falling, at the scales of MSE, cosine and far from either.
    #[test]
    fn a_known_curve_is_found() {
        for beta in [
            [80.0, 5.0, 0.93, 0.02],
            [1.0, 40.0, 0.9, 0.05],
            [100.0, 0.0, 0.95, 0.01],
        ] {
            for scale in [1.0, 1e-4, 3e5] {
                let x: Vec<f64> = (0..60)
                    .map(|i| (0.8 + 0.2 * f64::from(i) / 59.0) * scale)
                    .collect();
                let y: Vec<f64> = x.iter().map(|x| curve(x / scale, beta)).collect();
                let fit = Logistic::fit(&x, &y).unwrap();
                let rmse = fit.rmse(&x, &y);
                assert!(rmse < 1e-6, "{beta:?} at {scale}: {rmse}");
            }
        }
    }

    /// A disturbance that no curve follows is what remains: its RMS bounds the error from above.
    #[test]
    fn the_error_is_no_more_than_the_disturbance() {
        let x: Vec<f64> = (0..200).map(|i| f64::from(i) / 199.0).collect();
        let noise = |i: usize| if i.is_multiple_of(2) { 1.5 } else { -1.5 };
        let clean = x.iter().map(|&x| curve(x, [50.0, 10.0, 0.4, 0.1]));
        let y: Vec<f64> = clean.enumerate().map(|(i, y)| y + noise(i)).collect();
        let rmse = Logistic::fit(&x, &y).unwrap().rmse(&x, &y);
        assert!(rmse <= 1.5 && rmse > 1.49, "{rmse}");
        let again = Logistic::fit(&x, &y).unwrap().refit(&x, &y).unwrap();
        assert!((again.rmse(&x, &y) - rmse).abs() < 1e-9);
    }

    /// The limits of the curve: what is exactly a step, with a value in its midst or without, an exponential
    /// or a line is met as exactly as numbers allow.
    #[test]
    fn limits_are_curves_too() {
        let x: Vec<f64> = (0..30).map(|i| f64::from(i) * 0.1).collect();
        let check = |name: &str, of: &dyn Fn(f64) -> f64, within: f64| {
            let y: Vec<f64> = x.iter().map(|&x| of(x)).collect();
            let rmse = Logistic::fit(&x, &y).unwrap().rmse(&x, &y);
            assert!(rmse < within, "{name}: {rmse}");
        };
        check("step", &|x| if x < 1.75 { 2.0 } else { 7.0 }, 1e-12);
        let middle = |x: f64| match x {
            x if x < 1.15 => 9.0,
            x if x < 1.25 => 4.0,
            _ => 1.0,
        };
        check("step by a value", &middle, 1e-9);
        check("exponential", &|x| 3.0 - (2.0 * x).exp(), 1e-6);
        check("decay", &|x| 3.0 + (-2.0 * x).exp(), 1e-9);
        check("line", &|x| 5.0 - 2.0 * x, 1e-6);
    }

    #[test]
    fn what_has_no_curve_has_none() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(Logistic::fit(&x, &[2.0; 5]), None);
        assert_eq!(Logistic::fit(&[2.0; 5], &x), None);
        assert_eq!(Logistic::fit(&x[..4], &x[..4]), None);
        assert_eq!(Logistic::fit(&x, &[1.0, 2.0, f64::NAN, 3.0, 4.0]), None);
    }
}
