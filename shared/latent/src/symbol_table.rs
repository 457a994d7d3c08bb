use std::borrow::Borrow;
use std::num::NonZeroU32;

use constriction::stream::model::{DecoderModel, EncoderModel, EntropyModel};

use crate::LatentError;

/// Bits of a probability: a table's counts sum to `2^24`.
pub const PRECISION: usize = 24;

const TOTAL: u32 = 1 << PRECISION;

/// The largest magnitude of a symbol, in a table or outside.
pub(crate) const SYMBOL_LIMIT: i32 = 1 << 20;

/// A distribution over consecutive integers and an escape, in counts out of `2^24`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolTable {
    first: i32,
    /// Counts below each symbol, the escape's last: one entry more than symbols.
    cumulative: Vec<u32>,
}

impl SymbolTable {
    /// A table of the symbols from `first` on, one fewer than there are cumulative counts: the last
    /// count is that below the escape.
    ///
    /// # Errors
    /// When there is no symbol, the counts do not start at 0 and ascend strictly, or leave nothing
    /// to the escape, or a symbol is beyond ±2^20. `what` names the table in the message.
    pub fn new(what: &str, first: i32, cumulative: Vec<u32>) -> Result<Self, LatentError> {
        let refuse = |reason: &str| LatentError::Table {
            what: what.to_owned(),
            reason: reason.to_owned(),
        };
        let within = -SYMBOL_LIMIT..=SYMBOL_LIMIT;
        let last = i32::try_from(cumulative.len())
            .ok()
            .and_then(|entries| first.checked_add(entries - 2));
        if cumulative.len() < 2 || cumulative[0] != 0 {
            return Err(refuse("it has no symbol, or does not start at 0"));
        }
        if !cumulative.windows(2).all(|pair| pair[0] < pair[1]) {
            return Err(refuse("its counts do not ascend strictly"));
        }
        if cumulative[cumulative.len() - 1] >= TOTAL {
            return Err(refuse("it leaves nothing to the escape"));
        }
        if !within.contains(&first) || !last.is_some_and(|last| within.contains(&last)) {
            return Err(refuse("its symbols are beyond ±2^20"));
        }
        Ok(Self { first, cumulative })
    }

    /// A table of probabilities from the symbol `first` on; what they lack to one, and at least
    /// `escape`, is left to the escape.
    ///
    /// Every symbol gets one count, the others are shared by probability: with a thousand symbols
    /// that costs a ten-thousandth of a bit.
    ///
    /// # Errors
    /// When a probability is negative or not finite, none is positive, or there are more symbols
    /// than counts.
    pub fn of_probabilities(
        what: &str,
        first: i32,
        probabilities: &[f64],
        escape: f64,
    ) -> Result<Self, LatentError> {
        let refuse = |reason: String| LatentError::Table {
            what: what.to_owned(),
            reason,
        };
        let valid = |p: &f64| p.is_finite() && *p >= 0.0;
        let sum: f64 = probabilities.iter().sum();
        if !(probabilities.iter().all(valid) && sum > 0.0 && sum.is_finite()) {
            return Err(refuse(format!("probabilities that sum to {sum}")));
        }
        let reserved = u32::try_from(probabilities.len() + 1).unwrap_or(TOTAL);
        let Some(shared) = TOTAL.checked_sub(reserved).filter(|&shared| shared > 0) else {
            return Err(refuse(format!("{} symbols", probabilities.len())));
        };
        let total = sum + escape.max(1.0 - sum);
        let mut cumulative = Vec::with_capacity(probabilities.len() + 1);
        let mut below = 0.0;
        cumulative.push(0);
        for (index, probability) in probabilities.iter().enumerate() {
            below += probability;
            // At most `shared`, plus one count for each symbol so far.
            let share = (f64::from(shared) * (below / total).min(1.0)).round() as u32;
            cumulative.push(share + index as u32 + 1);
        }
        Self::new(what, first, cumulative)
    }

    /// The least symbol.
    #[must_use]
    pub const fn first(&self) -> i32 {
        self.first
    }

    /// The greatest symbol.
    #[must_use]
    pub fn last(&self) -> i32 {
        // The constructor checked that the symbols fit.
        self.first + self.escape() as i32 - 1
    }

    /// The cumulative counts, see [`Self::new`].
    #[must_use]
    pub fn cumulative(&self) -> &[u32] {
        &self.cumulative
    }

    /// The index behind the last symbol's, which stands for every symbol outside.
    pub(crate) fn escape(&self) -> usize {
        self.cumulative.len() - 1
    }

    /// The index of a symbol, the escape's if the table does not have it.
    pub(crate) fn index_of(&self, symbol: i32) -> usize {
        symbol
            .checked_sub(self.first)
            .and_then(|offset| usize::try_from(offset).ok())
            .map_or(self.escape(), |offset| offset.min(self.escape()))
    }

    /// The cost of coding a symbol by the table, in bits, without the suffix of an escape.
    #[must_use]
    pub fn bits(&self, symbol: i32) -> f64 {
        let (below, above) = self.interval(self.index_of(symbol));
        PRECISION as f64 - f64::from(above - below).log2()
    }

    fn interval(&self, index: usize) -> (u32, u32) {
        let above = self.cumulative.get(index + 1).copied().unwrap_or(TOTAL);
        (self.cumulative[index], above)
    }
}

impl EntropyModel<PRECISION> for &SymbolTable {
    /// The index of a symbol or of the escape.
    type Symbol = usize;
    type Probability = u32;
}

impl EncoderModel<PRECISION> for &SymbolTable {
    fn left_cumulative_and_probability(
        &self,
        index: impl Borrow<usize>,
    ) -> Option<(u32, NonZeroU32)> {
        let index = *index.borrow();
        if index > self.escape() {
            return None;
        }
        let (below, above) = self.interval(index);
        NonZeroU32::new(above - below).map(|count| (below, count))
    }
}

impl DecoderModel<PRECISION> for &SymbolTable {
    fn quantile_function(&self, quantile: u32) -> (usize, u32, NonZeroU32) {
        // The first entry is 0, so at least one is not above the quantile.
        let index = self.cumulative.partition_point(|&below| below <= quantile) - 1;
        let (below, above) = self.interval(index);
        // Entries ascend strictly, which the constructor checked.
        (
            index,
            below,
            NonZeroU32::new(above - below).unwrap_or(NonZeroU32::MIN),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(first: i32, cumulative: &[u32], expected: &str) {
        let error = SymbolTable::new("z channel 3", first, cumulative.to_vec()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("table of z channel 3: {expected}")
        );
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        check(0, &[0], "it has no symbol, or does not start at 0");
        check(0, &[1, 2], "it has no symbol, or does not start at 0");
        check(0, &[0, 5, 5], "its counts do not ascend strictly");
        check(0, &[0, 1 << 24], "it leaves nothing to the escape");
        check(i32::MAX, &[0, 1], "its symbols are beyond ±2^20");
        let not_finite = SymbolTable::of_probabilities("y", 0, &[f64::NAN], 0.1);
        assert!(not_finite.is_err());
        assert!(SymbolTable::of_probabilities("y", 0, &[0.0], 0.1).is_err());
    }

    #[test]
    fn counts_are_the_closed_form() {
        // 2^24 − 3 counts to share: half, a quarter, and a quarter for the escape; one each.
        let table = SymbolTable::of_probabilities("y", -1, &[0.5, 0.25], 0.1).unwrap();
        let half = (f64::from((1 << 24) - 3) * 0.5).round() as u32;
        let three_quarters = (f64::from((1 << 24) - 3) * 0.75).round() as u32;
        assert_eq!(table.cumulative(), [0, half + 1, three_quarters + 2]);
        assert!((table.bits(-1) - 1.0).abs() < 1e-6);
        assert!((table.bits(0) - 2.0).abs() < 1e-6);
        assert!((table.bits(7) - 2.0).abs() < 1e-6);
    }

    #[test]
    fn symbols_outside_are_the_escape_s() {
        let table = SymbolTable::new("y", -2, vec![0, 1, 2, 3]).unwrap();
        assert_eq!((table.first(), table.last()), (-2, 0));
        for (symbol, index) in [
            (-3, 3),
            (-2, 0),
            (0, 2),
            (1, 3),
            (i32::MIN, 3),
            (i32::MAX, 3),
        ] {
            assert_eq!(table.index_of(symbol), index, "{symbol}");
        }
    }

    proptest! {
        #[test]
        fn every_quantile_belongs_to_the_interval_that_holds_it(
            weights in prop::collection::vec(0.0f64..1.0, 1..60), quantile in 0u32..1 << 24,
        ) {
            prop_assume!(weights.iter().sum::<f64>() > 1e-3);
            let sum = weights.iter().sum::<f64>() * 1.1;
            let probabilities: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
            let table = SymbolTable::of_probabilities("y", 0, &probabilities, 1e-5).unwrap();
            let (index, below, count) = (&table).quantile_function(quantile);
            prop_assert!(below <= quantile && quantile < below + count.get());
            prop_assert_eq!((&table).left_cumulative_and_probability(index), Some((below, count)));
            let share = f64::from(count.get()) / f64::from(1 << 24);
            let p = probabilities.get(index).copied().unwrap_or(1.0 - 1.0 / 1.1);
            prop_assert!((share - p).abs() < 1e-5, "{share} for {p}");
        }
    }
}
