/// The monotone logistic curve of four parameters that VQEG fits between scores and opinions before it
/// takes a prediction error (VQEG, "Final report … full-reference television, phase II", 2003, §4.3):
/// `f(x) = β₂ + (β₁ − β₂) / (1 + exp(−(x − β₃)/|β₄|))`.
///
/// It rises for β₁ > β₂ and falls otherwise. Least squares by Levenberg and Marquardt from several starts;
/// the scores are standardised first, so that their scale does not matter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Logistic {
    beta: [f64; 4],
    /// Mean and standard deviation of the scores that the curve was fitted to.
    scale: (f64, f64),
}

/// Starts on the standardised axis: centre and width.
const STARTS: [(f64, f64); 5] = [(0.0, 1.0), (-1.0, 0.5), (1.0, 0.5), (0.0, 0.2), (0.0, 4.0)];
const MAX_ITERATIONS: usize = 200;
/// A step that improves the error by a smaller share than this is the last one.
const CONVERGED: f64 = 1e-12;
/// Damping beyond which no step helps any more.
const MAX_DAMPING: f64 = 1e12;
/// The narrowest curve, in standard deviations of the scores: a step.
const MIN_WIDTH: f64 = 1e-3;

impl Logistic {
    /// The curve nearest to the points; `None` when scores or values are constant, not finite, or fewer
    /// than five, which four parameters would leave nothing of.
    #[must_use]
    pub fn fit(x: &[f64], y: &[f64]) -> Option<Self> {
        let problem = Problem::new(x, y)?;
        let starts = STARTS
            .iter()
            .map(|&(centre, width)| problem.start(centre, width));
        let fits = starts.map(|beta| problem.descend(beta));
        let best = fits.min_by(|a, b| problem.error(a).total_cmp(&problem.error(b)))?;
        Some(Self {
            beta: best,
            scale: problem.scale,
        })
    }

    /// The curve nearest to other points, from where this one lies: quicker, for points much like those
    /// that this one was fitted to.
    #[must_use]
    pub fn refit(&self, x: &[f64], y: &[f64]) -> Option<Self> {
        let problem = Problem::scaled(x, y, self.scale)?;
        let beta = problem.descend(self.beta);
        Some(Self { beta, ..*self })
    }

    /// The curve at a score.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        value(&self.beta, (x - self.scale.0) / self.scale.1)
    }

    /// The root mean squared distance of points from the curve.
    #[must_use]
    pub fn rmse(&self, x: &[f64], y: &[f64]) -> f64 {
        let squares = x.iter().zip(y).map(|(&x, &y)| (self.at(x) - y).powi(2));
        (squares.sum::<f64>() / x.len() as f64).sqrt()
    }
}

fn value(beta: &[f64; 4], z: f64) -> f64 {
    let [upper, lower, centre, width] = *beta;
    lower + (upper - lower) * sigmoid((z - centre) / width.abs().max(MIN_WIDTH))
}

fn sigmoid(t: f64) -> f64 {
    1.0 / (1.0 + (-t).exp())
}

/// Points on the standardised axis.
struct Problem<'a> {
    z: Vec<f64>,
    y: &'a [f64],
    scale: (f64, f64),
}

impl<'a> Problem<'a> {
    fn new(x: &[f64], y: &'a [f64]) -> Option<Self> {
        let count = x.len() as f64;
        let mean = x.iter().sum::<f64>() / count;
        let deviation = (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
        Self::scaled(x, y, (mean, deviation))
    }

    fn scaled(x: &[f64], y: &'a [f64], scale: (f64, f64)) -> Option<Self> {
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        let varied = |values: &[f64]| values.iter().any(|value| *value != values[0]);
        let valid = x.len() == y.len() && x.len() > 4 && finite(x) && finite(y);
        if !(valid && varied(x) && varied(y) && scale.1 > 0.0 && scale.1.is_finite()) {
            return None;
        }
        let z = x.iter().map(|x| (x - scale.0) / scale.1).collect();
        Some(Self { z, y, scale })
    }

    /// Both ends of the values, the right way round.
    fn start(&self, centre: f64, width: f64) -> [f64; 4] {
        let least = self.y.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = self.y.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mean = self.y.iter().sum::<f64>() / self.y.len() as f64;
        let trend: f64 = self.z.iter().zip(self.y).map(|(z, y)| z * (y - mean)).sum();
        if trend < 0.0 {
            [least, greatest, centre, width]
        } else {
            [greatest, least, centre, width]
        }
    }

    fn error(&self, beta: &[f64; 4]) -> f64 {
        let residuals = self.z.iter().zip(self.y);
        residuals.map(|(&z, &y)| (value(beta, z) - y).powi(2)).sum()
    }

    /// Levenberg and Marquardt's descent.
    fn descend(&self, mut beta: [f64; 4]) -> [f64; 4] {
        let mut error = self.error(&beta);
        let mut damping = 1e-3;
        for _ in 0..MAX_ITERATIONS {
            let (normal, gradient) = self.normal_equations(&beta);
            let Some((better, lower)) = self.step(&beta, error, &normal, &gradient, &mut damping)
            else {
                break;
            };
            let converged = error - lower <= CONVERGED * error;
            (beta, error) = (better, lower);
            if converged {
                break;
            }
        }
        beta
    }

    /// JᵀJ and Jᵀr.
    fn normal_equations(&self, beta: &[f64; 4]) -> ([[f64; 4]; 4], [f64; 4]) {
        let [upper, lower, centre, width] = *beta;
        let span = upper - lower;
        let positive = width.abs().max(MIN_WIDTH);
        let (mut normal, mut gradient) = ([[0.0; 4]; 4], [0.0; 4]);
        for (&z, &y) in self.z.iter().zip(self.y) {
            let t = (z - centre) / positive;
            let s = sigmoid(t);
            let slope = span * s * (1.0 - s) / positive;
            let row = [s, 1.0 - s, -slope, -slope * t * width.signum()];
            let residual = lower + span * s - y;
            for i in 0..4 {
                gradient[i] += row[i] * residual;
                for j in 0..4 {
                    normal[i][j] += row[i] * row[j];
                }
            }
        }
        (normal, gradient)
    }

    /// The first damped step that lowers the error.
    fn step(
        &self,
        beta: &[f64; 4],
        error: f64,
        normal: &[[f64; 4]; 4],
        gradient: &[f64; 4],
        damping: &mut f64,
    ) -> Option<([f64; 4], f64)> {
        while *damping < MAX_DAMPING {
            let mut damped = *normal;
            for (i, row) in damped.iter_mut().enumerate() {
                row[i] += *damping * row[i].max(1e-12);
            }
            if let Some(change) = solve(damped, *gradient) {
                let candidate = std::array::from_fn(|i| beta[i] - change[i]);
                let lower = self.error(&candidate);
                if lower < error {
                    *damping = (*damping / 10.0).max(1e-12);
                    return Some((candidate, lower));
                }
            }
            *damping *= 10.0;
        }
        None
    }
}

/// Gaussian elimination with partial pivoting; `None` for a singular matrix.
fn solve(mut a: [[f64; 4]; 4], mut b: [f64; 4]) -> Option<[f64; 4]> {
    for column in 0..4 {
        let pivot =
            (column..4).max_by(|&i, &j| a[i][column].abs().total_cmp(&a[j][column].abs()))?;
        a.swap(column, pivot);
        b.swap(column, pivot);
        if a[column][column] == 0.0 || !a[column][column].is_finite() {
            return None;
        }
        for row in column + 1..4 {
            let factor = a[row][column] / a[column][column];
            let above = a[column];
            for (entry, above) in a[row].iter_mut().zip(above).skip(column) {
                *entry -= factor * above;
            }
            b[row] -= factor * b[column];
        }
    }
    for column in (0..4).rev() {
        let known: f64 = (column + 1..4).map(|j| a[column][j] * b[j]).sum();
        b[column] = (b[column] - known) / a[column][column];
    }
    b.iter().all(|value| value.is_finite()).then_some(b)
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

    #[test]
    fn what_has_no_curve_has_none() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(Logistic::fit(&x, &[2.0; 5]), None);
        assert_eq!(Logistic::fit(&[2.0; 5], &x), None);
        assert_eq!(Logistic::fit(&x[..4], &x[..4]), None);
        assert_eq!(Logistic::fit(&x, &[1.0, 2.0, f64::NAN, 3.0, 4.0]), None);
    }
}
