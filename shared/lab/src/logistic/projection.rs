use super::points::Points;
use super::shape::{Shape, Slopes};

/// A shape with the levels that bring it nearest to some points: `base + rise·s`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Projection {
    pub(super) shape: Shape,
    base: f64,
    rise: f64,
    /// Sum of the squared distances.
    pub(super) error: f64,
}

/// The normal equations of a Gauss–Newton step at a shape.
pub(super) struct Linearised {
    /// JᵀJ over the shape's parameters. J is Kaufman's (1975): the derivatives of the curve, less the
    /// components that new levels would make up for.
    pub(super) normal: [[f64; 2]; 2],
    /// Jᵀ times the residuals, the heights of the points above the curve.
    pub(super) gradient: [f64; 2],
}

impl Projection {
    pub(super) fn of(points: &Points, shape: Shape) -> Self {
        let s: Vec<f64> = points.z.iter().map(|&z| shape.at(z)).collect();
        let (s_mean, y_mean) = (mean(&s), mean(&points.y));
        let (mut ss, mut sy) = (0.0, 0.0);
        for (s, y) in s.iter().zip(&points.y) {
            ss += (s - s_mean) * (s - s_mean);
            sy += (s - s_mean) * (y - y_mean);
        }
        // A shape that is flat over all points has no rise.
        let rise = if ss > 0.0 { sy / ss } else { 0.0 };
        let distances = s.iter().zip(&points.y);
        let squares = distances.map(|(s, y)| (y - y_mean - rise * (s - s_mean)).powi(2));
        Self {
            shape,
            base: y_mean - rise * s_mean,
            rise,
            error: squares.sum(),
        }
    }

    /// The curve at a standardised score.
    pub(super) fn at(&self, z: f64) -> f64 {
        self.base + self.rise * self.shape.at(z)
    }

    pub(super) fn linearised(&self, points: &Points) -> Linearised {
        let slopes: Vec<Slopes> = points.z.iter().map(|&z| self.shape.slopes(z)).collect();
        let s: Vec<f64> = slopes.iter().map(|slopes| slopes.s).collect();
        let column = |of: fn(&Slopes) -> f64| {
            let column = slopes.iter().map(|slopes| self.rise * of(slopes));
            off_levels(column.collect(), &s)
        };
        let columns = [
            column(|slopes| slopes.by_first),
            column(|slopes| slopes.by_log_width),
        ];
        let heights = points.y.iter().zip(&s);
        let above: Vec<f64> = heights
            .map(|(y, s)| y - self.base - self.rise * s)
            .collect();
        Linearised {
            normal: [0, 1].map(|i| [0, 1].map(|j| dot(&columns[i], &columns[j]))),
            gradient: [0, 1].map(|i| dot(&columns[i], &above)),
        }
    }
}

/// Removes from a column its components along the all-ones vector and along `s`.
fn off_levels(mut column: Vec<f64>, s: &[f64]) -> Vec<f64> {
    let (s_mean, column_mean) = (mean(s), mean(&column));
    let (mut ss, mut sc) = (0.0, 0.0);
    for (s, c) in s.iter().zip(&column) {
        ss += (s - s_mean) * (s - s_mean);
        sc += (s - s_mean) * (c - column_mean);
    }
    let share = if ss > 0.0 { sc / ss } else { 0.0 };
    for (c, s) in column.iter_mut().zip(s) {
        *c -= column_mean + share * (s - s_mean);
    }
    column
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
