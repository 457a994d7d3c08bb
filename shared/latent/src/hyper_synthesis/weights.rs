use super::{ACTIVATION_LIMIT, FRACTION_BITS, GEOMETRY};
use crate::LatentError;

/// Integers up to here are exact in `f64`.
const EXACT_LIMIT: f64 = 9_007_199_254_740_992.0;

/// One layer in integers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerWeights {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// `round(w · 2^shift)`: `[inputs, outputs, 5, 5]` for the transposed convolutions,
    /// `[outputs, inputs, 3, 3]` for the last layer.
    pub weights: Vec<i16>,
    /// `round(b · 2^(shift + FRACTION_BITS))`, one per output channel.
    pub biases: Vec<i64>,
    /// Fractional bits of the weights.
    pub shift: u32,
}

impl LayerWeights {
    /// The most fractional bits of weights.
    const MAX_SHIFT: u32 = 24;

    /// Quantises a layer's weights to 16 bits, with as many fractional bits as the largest allows.
    ///
    /// # Errors
    /// When a value is not finite or beyond ±32767.
    pub fn quantise(
        layer: usize,
        [inputs, outputs]: [usize; 2],
        weights: &[f32],
        biases: &[f32],
    ) -> Result<Self, LatentError> {
        let largest = weights
            .iter()
            .fold(0.0f32, |largest, w| largest.max(w.abs()));
        if !weights.iter().chain(biases).all(|value| value.is_finite()) || largest > 32767.0 {
            let reason = format!("weights up to {largest}, or not finite");
            return Err(LatentError::Layer { layer, reason });
        }
        let fits = |&shift: &u32| f64::from(largest) * f64::from(1u32 << shift) <= 32767.0;
        let shift = (0..=Self::MAX_SHIFT).rev().find(fits).unwrap_or(0);
        let fixed = |value: f32, bits: u32| f64::from(value) * (1u64 << bits) as f64;
        Ok(Self {
            inputs,
            outputs,
            weights: weights
                .iter()
                .map(|&w| fixed(w, shift).round() as i16)
                .collect(),
            biases: biases
                .iter()
                .map(|&b| fixed(b, shift + FRACTION_BITS).round() as i64)
                .collect(),
            shift,
        })
    }

    /// Refuses sizes that contradict each other, and sums that `f64` does not hold exactly.
    pub(super) fn check(&self, layer: usize) -> Result<(), LatentError> {
        let refuse = |reason: String| Err(LatentError::Layer { layer, reason });
        let taps = GEOMETRY[layer].kernel().pow(2);
        let expected = self
            .inputs
            .checked_mul(self.outputs)
            .and_then(|n| n.checked_mul(taps));
        if expected != Some(self.weights.len()) || self.biases.len() != self.outputs {
            let (weights, biases) = (self.weights.len(), self.biases.len());
            return refuse(format!(
                "{weights} weights and {biases} biases for {} inputs and {} outputs",
                self.inputs, self.outputs
            ));
        }
        if self.inputs == 0 || self.outputs == 0 || self.shift > Self::MAX_SHIFT {
            let (inputs, outputs, shift) = (self.inputs, self.outputs, self.shift);
            return refuse(format!("{inputs} inputs, {outputs} outputs, shift {shift}"));
        }
        // Both are below 2^53 for 16-bit weights unless there are 2^14 inputs: the sum is exact.
        let weights = (self.inputs * taps) as f64 * 32768.0 * ACTIVATION_LIMIT;
        let bias = self
            .biases
            .iter()
            .map(|bias| bias.unsigned_abs())
            .max()
            .unwrap_or(0) as f64;
        let rounding = f64::from(1u32 << self.shift);
        if weights + bias + rounding >= EXACT_LIMIT {
            return refuse(format!("{} inputs with biases up to {bias}", self.inputs));
        }
        Ok(())
    }
}
