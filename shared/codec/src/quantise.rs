//! Uniform quantisation of features to integer pictures.
//!
//! `q = round((x − min) · (2^b − 1) / (max − min))`, per layer, as the CFQA benchmark feeds HM and
//! VTM (b = 10). Its script truncates instead of rounding: [`Rounding::Floor`]. Values outside of
//! the range are clamped into it and counted, so that a caller can see a badly calibrated range.
//!
//! Everything is computed in `f64` with basic operations only, so every machine gets the same
//! symbols and the same values.

use std::fmt;

use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};
use splitsim_feature::packing::{pack, unpack};
use splitsim_feature::{Feature, FeatureShape};
use splitsim_model::ValueRange;

use crate::CodecError;

/// Bits of a sample: 1 to 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BitDepth(u8);

impl BitDepth {
    /// Eight bits, for codebooks of 256 centres.
    pub const EIGHT: Self = Self(8);
    /// Ten bits, as the benchmark's picture codecs use.
    pub const TEN: Self = Self(10);
    /// Twelve bits, the finest that the picture codecs code.
    pub const TWELVE: Self = Self(12);

    /// A depth of `bits`; `None` unless it is 1 to 16.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        match bits {
            1..=16 => Some(Self(bits)),
            _ => None,
        }
    }

    /// The number of bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The greatest symbol, `2^b − 1`.
    #[must_use]
    pub const fn top(self) -> u16 {
        u16::MAX >> (16 - self.0)
    }
}

impl fmt::Display for BitDepth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The direction in which a value between two integers is rounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rounding {
    /// The nearest one, halves upwards: error at most half a step.
    #[default]
    Nearest,
    /// The lower one, as the benchmark's published script does: error below one step, always down.
    Floor,
}

/// The quantiser of one layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantiser {
    min: f64,
    max: f64,
    top: f64,
    rounding: Rounding,
}

impl Quantiser {
    /// Covers `range` with `2^b` symbols.
    #[must_use]
    pub fn new(range: ValueRange, depth: BitDepth, rounding: Rounding) -> Self {
        Self {
            min: f64::from(range.min()),
            max: f64::from(range.max()),
            top: f64::from(depth.top()),
            rounding,
        }
    }

    /// The distance of neighbouring reconstruction values.
    #[must_use]
    pub fn step(&self) -> f64 {
        (self.max - self.min) / self.top
    }

    /// `true` if a value lies outside of the range, and will be clamped into it.
    #[must_use]
    pub fn clamps(&self, value: f32) -> bool {
        !(self.min..=self.max).contains(&f64::from(value))
    }

    /// The symbol of a value, which is first clamped into the range.
    #[must_use]
    pub fn quantise(&self, value: f32) -> u16 {
        let value = f64::from(value).clamp(self.min, self.max);
        let scaled = (value - self.min) * self.top / (self.max - self.min);
        // Between 0 and 2^b − 1 by the clamp, so the cast only drops the fraction.
        match self.rounding {
            Rounding::Nearest => (scaled + 0.5) as u16,
            Rounding::Floor => scaled as u16,
        }
    }

    /// The value of a symbol.
    #[must_use]
    pub fn dequantise(&self, symbol: u16) -> f32 {
        (self.min + f64::from(symbol) * (self.max - self.min) / self.top) as f32
    }
}

/// The quantisers of a feature's layers, which stand side by side in its picture.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerQuantisers(Vec<Quantiser>);

/// A feature's picture in symbols.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantised {
    /// `[views·tokens, layers·dim]`.
    pub symbols: Array2<u16>,
    /// Points whose value lay outside of their layer's range.
    pub clamped_points: usize,
}

impl LayerQuantisers {
    /// One quantiser per range.
    #[must_use]
    pub fn new(ranges: &[ValueRange], depth: BitDepth, rounding: Rounding) -> Self {
        let quantiser = |&range| Quantiser::new(range, depth, rounding);
        Self(ranges.iter().map(quantiser).collect())
    }

    /// Packs and quantises a feature.
    ///
    /// # Errors
    /// When it has another number of layers.
    pub fn quantise(&self, feature: &Feature) -> Result<Quantised, CodecError> {
        let dim = self.dim_of(feature.shape())?;
        let picture = pack(feature);
        let mut symbols = Array2::zeros(picture.dim());
        let mut clamped_points = 0;
        for (values, mut row) in picture
            .axis_iter(Axis(0))
            .zip(symbols.axis_iter_mut(Axis(0)))
        {
            for (column, (&value, symbol)) in values.iter().zip(&mut row).enumerate() {
                let quantiser = &self.0[column / dim];
                clamped_points += usize::from(quantiser.clamps(value));
                *symbol = quantiser.quantise(value);
            }
        }
        Ok(Quantised {
            symbols,
            clamped_points,
        })
    }

    /// The feature of `shape` that a picture in symbols stands for.
    ///
    /// # Errors
    /// When the shape has another number of layers or is not the picture's, or a value is not
    /// finite.
    pub fn dequantise(
        &self,
        symbols: ArrayView2<'_, u16>,
        shape: FeatureShape,
    ) -> Result<Feature, CodecError> {
        let dim = self.dim_of(shape)?;
        let mut picture = Array2::zeros(symbols.dim());
        for (row, mut values) in symbols
            .axis_iter(Axis(0))
            .zip(picture.axis_iter_mut(Axis(0)))
        {
            // Columns beyond the last layer mean another shape, which unpacking refuses.
            for (column, (&symbol, value)) in row.iter().zip(&mut values).enumerate() {
                if let Some(quantiser) = self.0.get(column / dim) {
                    *value = quantiser.dequantise(symbol);
                }
            }
        }
        Ok(unpack(picture.view(), shape)?)
    }

    fn dim_of(&self, shape: FeatureShape) -> Result<usize, CodecError> {
        if shape.layers() == self.0.len() {
            return Ok(shape.dim());
        }
        Err(CodecError::Layers {
            expected: self.0.len(),
            actual: shape.layers(),
        })
    }
}

/// The range of every layer of one feature, for codecs that send ranges along.
///
/// A constant layer gets the narrowest range with the constant at one end, so it is kept exactly.
///
/// # Errors
/// When a layer's values span more than `f32` holds.
pub fn feature_ranges(feature: &Feature) -> Result<Vec<ValueRange>, CodecError> {
    let view = feature.view();
    view.axis_iter(Axis(1))
        .enumerate()
        .map(|(layer, values)| {
            let extreme = |pick: fn(f32, f32) -> f32| values.iter().copied().reduce(pick);
            let min = extreme(f32::min).unwrap_or_default();
            let max = extreme(f32::max).unwrap_or_default();
            let range = if min < max {
                ValueRange::new(min, max)
            } else {
                ValueRange::new(min, min.next_up())
                    .or_else(|| ValueRange::new(min.next_down(), min))
            };
            range.ok_or(CodecError::Span { layer, min, max })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quantiser(min: f32, max: f32, bits: u8, rounding: Rounding) -> Quantiser {
        let range = ValueRange::new(min, max).unwrap();
        Quantiser::new(range, BitDepth::new(bits).unwrap(), rounding)
    }

    #[test]
    fn symbols_follow_the_closed_form() {
        // A step of exactly one: the range is as wide as there are symbols.
        let nearest = quantiser(-3.0, 1020.0, 10, Rounding::Nearest);
        let floor = quantiser(-3.0, 1020.0, 10, Rounding::Floor);
        for (value, rounded, floored) in [
            (-3.0, 0, 0),
            (-2.5, 1, 0),
            (-2.51, 0, 0),
            (0.75, 4, 3),
            (1019.75, 1023, 1022),
            (1020.0, 1023, 1023),
        ] {
            assert_eq!(nearest.quantise(value), rounded, "{value}");
            assert_eq!(floor.quantise(value), floored, "{value}");
        }
        assert_eq!(nearest.dequantise(1023), 1020.0);
        assert_eq!(nearest.dequantise(0), -3.0);
    }

    #[test]
    fn values_outside_are_clamped_and_counted() {
        let shape = FeatureShape::new(1, 1, 1, 4).unwrap();
        let feature = Feature::new(shape, vec![-9.0, 0.0, 1.0, 1.5]).unwrap();
        let ranges = [ValueRange::new(0.0, 1.0).unwrap()];
        let layers = LayerQuantisers::new(&ranges, BitDepth::TEN, Rounding::Nearest);
        let quantised = layers.quantise(&feature).unwrap();
        assert_eq!(quantised.symbols, ndarray::array![[0, 0, 1023, 1023]]);
        assert_eq!(quantised.clamped_points, 2);
    }

    #[test]
    fn every_layer_has_its_own_range() {
        let shape = FeatureShape::new(1, 2, 1, 2).unwrap();
        let feature = Feature::new(shape, vec![0.0, 1.0, -512.0, 511.0]).unwrap();
        let ranges = feature_ranges(&feature).unwrap();
        let layers = LayerQuantisers::new(&ranges, BitDepth::TEN, Rounding::Nearest);
        let quantised = layers.quantise(&feature).unwrap();
        assert_eq!(quantised.symbols, ndarray::array![[0, 1023, 0, 1023]]);
        assert_eq!(
            layers.dequantise(quantised.symbols.view(), shape).unwrap(),
            feature
        );
    }

    #[test]
    fn other_layers_than_ranges_are_refused() {
        let shape = FeatureShape::new(1, 2, 1, 1).unwrap();
        let feature = Feature::new(shape, vec![0.0, 1.0]).unwrap();
        let ranges = [ValueRange::new(0.0, 1.0).unwrap()];
        let layers = LayerQuantisers::new(&ranges, BitDepth::TEN, Rounding::Nearest);
        assert!(matches!(
            layers.quantise(&feature),
            Err(CodecError::Layers {
                expected: 1,
                actual: 2
            })
        ));
    }

    #[test]
    fn constant_layers_are_kept_and_endless_spans_refused() {
        for constant in [0.0, -7.25, f32::MAX, f32::MIN] {
            let shape = FeatureShape::new(1, 1, 2, 1).unwrap();
            let feature = Feature::new(shape, vec![constant; 2]).unwrap();
            let ranges = feature_ranges(&feature).unwrap();
            let layers = LayerQuantisers::new(&ranges, BitDepth::TEN, Rounding::Nearest);
            let symbols = layers.quantise(&feature).unwrap().symbols;
            assert_eq!(layers.dequantise(symbols.view(), shape).unwrap(), feature);
        }
        let shape = FeatureShape::new(1, 1, 2, 1).unwrap();
        let feature = Feature::new(shape, vec![f32::MIN, f32::MAX]).unwrap();
        assert!(matches!(
            feature_ranges(&feature),
            Err(CodecError::Span { layer: 0, .. })
        ));
    }

    proptest! {
        #[test]
        fn the_error_is_bounded_by_the_step(
            min in -600f32..0.0, width in 1e-3f32..700.0, part in 0f32..=1.0, bits in 1u8..=16,
        ) {
            let (max, value) = (min + width, (min + part * width).min(min + width));
            // One unit in the last place of the result: it is rounded to f32.
            let ulp = f64::from(f32::EPSILON) * f64::from(min.abs().max(max.abs()));
            let nearest = quantiser(min, max, bits, Rounding::Nearest);
            let error = f64::from(nearest.dequantise(nearest.quantise(value))) - f64::from(value);
            prop_assert!(error.abs() <= nearest.step() / 2.0 + ulp);
            let floor = quantiser(min, max, bits, Rounding::Floor);
            let error = f64::from(floor.dequantise(floor.quantise(value))) - f64::from(value);
            prop_assert!(error <= ulp && error > -floor.step() - ulp);
        }

        #[test]
        fn symbols_survive_a_second_quantisation(symbol in 0u16..1024) {
            let quantiser = quantiser(-542.31, 94.15, 10, Rounding::Nearest);
            prop_assert_eq!(quantiser.quantise(quantiser.dequantise(symbol)), symbol);
        }
    }
}
