/// Times that two sides took, turn by turn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Turns {
    /// Ours.
    pub ours: Vec<f64>,
    /// The other's, as many.
    pub theirs: Vec<f64>,
}

impl Turns {
    /// The median of the turns' ratios of ours to theirs; NaN without turns.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        let pairs = self.ours.iter().zip(&self.theirs);
        median(pairs.map(|(ours, theirs)| ours / theirs))
    }
}

/// The median; NaN of nothing.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_the_median_of_the_turns() {
        let turns = Turns {
            ours: vec![1.0, 30.0, 2.0],
            theirs: vec![2.0, 10.0, 2.0],
        };
        assert_eq!(turns.ratio(), 1.0);
        assert!(Turns::default().ratio().is_nan());
    }

    #[test]
    fn the_median_of_an_even_count_lies_between() {
        assert_eq!(median([4.0, 1.0, 3.0, 2.0]), 2.5);
    }
}
