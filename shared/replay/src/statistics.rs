use serde::Serialize;

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// How many are it.
    pub count: usize,
    /// Of how many.
    pub of: usize,
}

/// Nearest-rank quantiles: values that occurred.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantiles {
    /// Half of all values are not above.
    pub p50: f64,
    /// 95 % are not above.
    pub p95: f64,
    /// 99 % are not above.
    pub p99: f64,
    /// The greatest.
    pub max: f64,
}

impl Share {
    /// Counts those of `items` that are it.
    pub(crate) fn of<T>(items: impl IntoIterator<Item = T>, is: impl Fn(&T) -> bool) -> Self {
        items.into_iter().fold(Self::default(), |share, item| Self {
            count: share.count + usize::from(is(&item)),
            of: share.of + 1,
        })
    }

    /// In percent; `None` of nothing.
    #[must_use]
    pub fn percent(self) -> Option<f64> {
        (self.of > 0).then(|| 100.0 * self.count as f64 / self.of as f64)
    }

    /// From 0 to 1; 0 of nothing.
    #[must_use]
    pub fn fraction(self) -> f64 {
        self.percent().map_or(0.0, |percent| percent / 100.0)
    }
}

impl Quantiles {
    /// Of these values; `None` if there is none.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let max = *values.last()?;
        let rank = |percent: usize| {
            let place = (values.len() * percent).div_ceil(100).max(1);
            values[place - 1]
        };
        Some(Self {
            p50: rank(50),
            p95: rank(95),
            p99: rank(99),
            max,
        })
    }
}

/// The arithmetic mean; `None` of nothing.
pub(crate) fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values
        .into_iter()
        .fold((0.0, 0_usize), |(sum, count), value| {
            (sum + value, count + 1)
        });
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let hundred = Quantiles::of((1..=100).rev().map(f64::from).collect()).unwrap();
        assert_eq!(
            (hundred.p50, hundred.p95, hundred.p99, hundred.max),
            (50.0, 95.0, 99.0, 100.0)
        );
        let three = Quantiles::of(vec![3.0, 1.0, 2.0]).unwrap();
        assert_eq!((three.p50, three.p95), (2.0, 3.0));
        assert_eq!(Quantiles::of(Vec::new()), None);
    }

    #[test]
    fn a_share_of_nothing_has_no_percentage() {
        assert_eq!(Share::default().percent(), None);
        assert_eq!(Share::of([1, 2, 3, 4], |n| *n > 3).percent(), Some(25.0));
        assert_eq!(mean([]), None);
        assert_eq!(mean([1.0, 2.0]), Some(1.5));
    }
}
