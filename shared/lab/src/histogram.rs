/// A histogram of the features' correlations, rounded to a tenth: the paper's figure 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlccHistogram {
    counts: [usize; Self::BINS],
}

impl PlccHistogram {
    /// −1.0, −0.9, … 1.0.
    pub const BINS: usize = 21;

    /// Counts coefficients, each from −1 to 1.
    ///
    /// Halves go to the even tenth, as NumPy rounds.
    #[must_use]
    pub fn of(coefficients: impl IntoIterator<Item = f64>) -> Self {
        let mut counts = [0; Self::BINS];
        for coefficient in coefficients {
            let tenths = (coefficient * 10.0).round_ties_even().clamp(-10.0, 10.0);
            counts[(tenths + 10.0) as usize] += 1;
        }
        Self { counts }
    }

    /// Each tenth and how many coefficients round to it, ascending.
    pub fn bins(&self) -> impl ExactSizeIterator<Item = (f64, usize)> + '_ {
        let tenth = |index: usize| (index as f64 - 10.0) / 10.0;
        self.counts
            .iter()
            .enumerate()
            .map(move |(index, &count)| (tenth(index), count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_go_to_the_nearest_tenth() {
        let histogram = PlccHistogram::of([-1.0, -0.96, 0.04, 0.05, 0.15, 0.25, 1.0]);
        let filled: Vec<(f64, usize)> = histogram.bins().filter(|bin| bin.1 > 0).collect();
        // 0.15 · 10 is 1.5: to the even 2, like 2.5; 0.05 · 10 to 0.
        assert_eq!(filled, [(-1.0, 2), (0.0, 2), (0.2, 2), (1.0, 1)]);
    }
}
