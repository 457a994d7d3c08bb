use super::{Interpolation, RatePoint};

/// log₁₀ rate as a piecewise cubic of quality, which ascends.
pub(super) struct LogRate {
    /// Qualities, ascending.
    x: Vec<f64>,
    /// log₁₀ rates.
    y: Vec<f64>,
    /// Derivatives at the points.
    slope: Vec<f64>,
}

impl LogRate {
    /// Interpolates at least two points, sorted by strictly ascending quality.
    pub(super) fn new(points: &[RatePoint], interpolation: Interpolation) -> Self {
        let x: Vec<f64> = points.iter().map(|point| point.quality).collect();
        let y: Vec<f64> = points.iter().map(|point| point.rate.log10()).collect();
        let slope = interpolation.slopes(&x, &y);
        Self { x, y, slope }
    }

    /// The integral over qualities that the curve spans.
    pub(super) fn integral(&self, from: f64, to: f64) -> f64 {
        (0..self.x.len() - 1)
            .map(|piece| {
                let (left, right) = (self.x[piece], self.x[piece + 1]);
                let (from, to) = (from.clamp(left, right), to.clamp(left, right));
                self.primitive(piece, to) - self.primitive(piece, from)
            })
            .sum()
    }

    /// The integral of a piece's Hermite cubic from its left end to `x`.
    fn primitive(&self, piece: usize, x: f64) -> f64 {
        let width = self.x[piece + 1] - self.x[piece];
        let t = (x - self.x[piece]) / width;
        let (t2, t3, t4) = (t * t, t * t * t, t * t * t * t);
        // The integrals of the four Hermite basis functions.
        let value = self.y[piece] * (t4 / 2.0 - t3 + t) + self.y[piece + 1] * (t3 - t4 / 2.0);
        let slope = self.slope[piece] * (t4 / 4.0 - 2.0 * t3 / 3.0 + t2 / 2.0)
            + self.slope[piece + 1] * (t4 / 4.0 - t3 / 3.0);
        width * (value + width * slope)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn interpolation_is_monotone_between_points(
            steps in prop::collection::vec((0.01f64..5.0, 0.01f64..5.0), 2..8), at in 0f64..1.0,
        ) {
            let mut point = RatePoint { rate: 1.0, quality: 0.0 };
            let points: Vec<RatePoint> = steps.iter().map(|&(dq, log)| {
                point.quality += dq;
                point.rate *= 10f64.powf(log);
                point
            }).collect();
            let cubic = LogRate::new(&points, Interpolation::Pchip);
            // The mean over any short interval lies between the values at the piece's ends.
            for piece in 0..points.len() - 1 {
                let (left, right) = (cubic.x[piece], cubic.x[piece + 1]);
                let from = left + at * (right - left) * 0.9;
                let to = from + (right - left) * 0.1;
                let mean = cubic.integral(from, to) / (to - from);
                prop_assert!(cubic.y[piece] - 1e-6 <= mean && mean <= cubic.y[piece + 1] + 1e-6);
            }
        }
    }
}
