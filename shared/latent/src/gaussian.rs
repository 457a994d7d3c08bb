//! The Gaussian conditional of `y`: 64 scales, their thresholds and tables.
//!
//! `P(k) = Φ((k + ½)/σ) − Φ((k − ½)/σ)` (Ballé et al. 2018, eq. 8 with zero mean), with σ one of 64
//! levels from 0.11 to 256, evenly spaced in their logarithm, as CompressAI has them. The tables are
//! a constant of the codec, kept as integers in `gaussian.tables`, which the example `gaussian_tables`
//! writes; a test holds them against the closed form.

use std::sync::LazyLock;

use libm::erfc;

use crate::{FRACTION_BITS, LatentError, SymbolTable};

/// The number of scales.
pub const LEVELS: usize = 64;
/// The least scale, and the least that a likelihood is computed with.
pub const MIN_SCALE: f64 = 0.11;
/// The greatest scale.
pub const MAX_SCALE: f64 = 256.0;
/// Likelihoods are not less (CompressAI, `EntropyModel`).
pub const MIN_LIKELIHOOD: f64 = 1e-9;
/// The probability that a table reserves for its escape.
pub(crate) const ESCAPE: f64 = 1.0 / 65_536.0;

const EMBEDDED: &[u8] = include_bytes!("gaussian.tables");

static TABLES: LazyLock<GaussianTables> = LazyLock::new(|| {
    GaussianTables::parse(EMBEDDED).expect("a unit test parses the embedded tables")
});

/// Thresholds and tables of the 64 scales.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GaussianTables {
    /// The scales in fixed point, rounded down; the last is not a threshold.
    thresholds: Vec<u32>,
    tables: Vec<SymbolTable>,
}

impl GaussianTables {
    /// The embedded tables.
    ///
    /// # Panics
    /// Never: a unit test parses what is embedded.
    #[must_use]
    pub fn embedded() -> &'static Self {
        &TABLES
    }

    /// Computes the tables from the closed form.
    ///
    /// # Errors
    /// Never for the scales of this module.
    pub fn compute() -> Result<Self, LatentError> {
        let scales = scales();
        let fixed = |scale: &f64| (scale * f64::from(1 << FRACTION_BITS)).floor() as u32;
        Ok(Self {
            thresholds: scales.iter().map(fixed).collect(),
            tables: scales.into_iter().map(table).collect::<Result<_, _>>()?,
        })
    }

    /// The level of a scale in fixed point: the least level that is not below it, or the last.
    #[must_use]
    pub fn level(&self, scale: u32) -> usize {
        let thresholds = &self.thresholds[..LEVELS - 1];
        thresholds.partition_point(|&threshold| threshold < scale)
    }

    /// The table of a level.
    ///
    /// # Panics
    /// When there is no such level.
    #[must_use]
    pub fn table(&self, level: usize) -> &SymbolTable {
        &self.tables[level]
    }

    /// The bytes that are embedded: per level the threshold, the number of cumulative counts and
    /// the counts, each `u32` little-endian. Tables are symmetric about 0.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let level = |(threshold, table): (&u32, &SymbolTable)| {
            let counts = table.cumulative();
            [*threshold, counts.len() as u32]
                .into_iter()
                .chain(counts.iter().copied())
                .flat_map(u32::to_le_bytes)
                .collect::<Vec<u8>>()
        };
        self.thresholds
            .iter()
            .zip(&self.tables)
            .flat_map(level)
            .collect()
    }

    fn parse(bytes: &[u8]) -> Result<Self, LatentError> {
        let mut words = bytes
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes(std::array::from_fn(|index| word[index])));
        let damaged = || LatentError::Table {
            what: "gaussian".to_owned(),
            reason: "the embedded bytes are not 64 levels".to_owned(),
        };
        let (mut thresholds, mut tables) = (Vec::new(), Vec::new());
        for level in 0..LEVELS {
            thresholds.push(words.next().ok_or_else(damaged)?);
            let count = words.next().ok_or_else(damaged)? as usize;
            let counts: Vec<u32> = words.by_ref().take(count).collect();
            let half = (counts.len() as i32 - 2) / 2;
            tables.push(SymbolTable::new(
                &format!("gaussian level {level}"),
                -half,
                counts,
            )?);
        }
        match words.next() {
            Some(_) => Err(damaged()),
            None => Ok(Self { thresholds, tables }),
        }
    }
}

/// The 64 scales.
#[must_use]
pub fn scales() -> Vec<f64> {
    let (low, high) = (libm::log(MIN_SCALE), libm::log(MAX_SCALE));
    let step = (high - low) / (LEVELS - 1) as f64;
    (0..LEVELS)
        .map(|level| libm::exp(low + step * level as f64))
        .collect()
}

/// The probability of the unit interval about `value`, at least [`MIN_LIKELIHOOD`]; the scale is
/// taken as at least [`MIN_SCALE`].
#[must_use]
pub fn likelihood(value: f64, scale: f64) -> f64 {
    mass(value.abs(), scale.max(MIN_SCALE)).max(MIN_LIKELIHOOD)
}

/// Symmetric, out to where less than the escape's share is left on both sides together.
fn table(scale: f64) -> Result<SymbolTable, LatentError> {
    let half = (0..).find(|&k| 2.0 * upper_tail((f64::from(k) + 0.5) / scale) <= ESCAPE);
    let half: i32 = half.unwrap_or_default();
    let probabilities: Vec<f64> = (-half..=half)
        .map(|k| mass(f64::from(k).abs(), scale))
        .collect();
    SymbolTable::of_probabilities("gaussian", -half, &probabilities, ESCAPE)
}

/// `Φ((½ − v)/σ) − Φ((−½ − v)/σ)` for `v ≥ 0`: both tails are small where the mass is.
fn mass(value: f64, scale: f64) -> f64 {
    upper_tail((value - 0.5) / scale) - upper_tail((value + 0.5) / scale)
}

/// `1 − Φ(x)`.
fn upper_tail(x: f64) -> f64 {
    0.5 * erfc(x * std::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_tables_are_the_closed_form_s() {
        assert_eq!(
            *GaussianTables::embedded(),
            GaussianTables::compute().unwrap()
        );
        assert_eq!(GaussianTables::embedded().to_bytes(), EMBEDDED);
    }

    #[test]
    fn a_scale_belongs_to_the_least_level_not_below_it() {
        let tables = GaussianTables::embedded();
        let fixed = |scale: f64| (scale * f64::from(1 << FRACTION_BITS)) as u32;
        for (scale, level) in [(0.0, 0), (0.11, 0), (0.1101, 1), (255.0, 63), (1000.0, 63)] {
            assert_eq!(tables.level(fixed(scale)), level, "{scale}");
        }
        let exact = scales();
        for (level, &scale) in exact.iter().enumerate() {
            assert_eq!(tables.level(fixed(scale)), level);
        }
    }

    #[test]
    fn tables_cost_what_the_likelihood_says() {
        for (level, scale) in scales().into_iter().enumerate() {
            let table = GaussianTables::embedded().table(level);
            assert_eq!(table.first(), -table.last());
            for symbol in (0..=table.last()).step_by(1 + table.last() as usize / 7) {
                let ideal = likelihood(f64::from(symbol), scale);
                if ideal > 1e-4 {
                    let excess = table.bits(symbol) + ideal.log2();
                    assert!(excess.abs() < 2e-3, "{symbol} at {scale}: {excess} bits");
                }
            }
        }
    }
}
