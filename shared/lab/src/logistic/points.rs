use std::cmp::Ordering;

/// Points in the order of their scores, which are standardised: their scale does not matter.
pub(super) struct Points {
    /// Standardised scores, ascending.
    pub(super) z: Vec<f64>,
    /// Their values.
    pub(super) y: Vec<f64>,
}

/// Points of one score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tie {
    pub(super) z: f64,
    pub(super) sums: Sums,
}

/// The sums that give the squared error about a mean. Values are relative to the mean of all
/// points.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) squares: f64,
}

impl Points {
    /// `None` when scores or values are constant, not finite, or fewer than five.
    pub(super) fn new(x: &[f64], y: &[f64], (mean, deviation): (f64, f64)) -> Option<Self> {
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        let varied = |values: &[f64]| values.iter().any(|value| *value != values[0]);
        let valid = x.len() == y.len() && x.len() > 4 && finite(x) && finite(y);
        if !(valid && varied(x) && varied(y) && deviation > 0.0 && deviation.is_finite()) {
            return None;
        }
        let mut points: Vec<(f64, f64)> = x
            .iter()
            .zip(y)
            .map(|(x, &y)| ((x - mean) / deviation, y))
            .collect();
        points.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal));
        let (z, y) = points.into_iter().unzip();
        Some(Self { z, y })
    }

    pub(super) fn len(&self) -> usize {
        self.z.len()
    }

    /// The least score and the greatest.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.z[0], self.z[self.len() - 1])
    }

    /// Each distinct score with the sums of its values, ascending.
    pub(super) fn ties(&self) -> Vec<Tie> {
        let mean = self.y.iter().sum::<f64>() / self.len() as f64;
        let mut ties: Vec<Tie> = Vec::new();
        for (&z, &y) in self.z.iter().zip(&self.y) {
            let value = Sums::of(y - mean);
            match ties.last_mut() {
                Some(tie) if tie.z == z => tie.sums = tie.sums.and(value),
                _ => ties.push(Tie { z, sums: value }),
            }
        }
        ties
    }
}

impl Sums {
    fn of(value: f64) -> Self {
        Self {
            count: 1.0,
            sum: value,
            squares: value * value,
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
        }
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self {
            count: self.count - other.count,
            sum: self.sum - other.sum,
            squares: self.squares - other.squares,
        }
    }

    pub(super) fn mean(self) -> f64 {
        self.sum / self.count
    }

    /// The squared error of the values' mean.
    pub(super) fn error(self) -> f64 {
        self.squares - self.sum * self.sum / self.count
    }
}
