//! The factorised prior of `z`: per channel a small monotone network (Ballé et al. 2018, appendix
//! 6.1), as CompressAI's `EntropyBottleneck` has it with filters (3, 3, 3, 3).

use crate::gaussian::{ESCAPE, MIN_LIKELIHOOD};
use crate::{LatentError, SymbolTable};

/// Widths between the network's five layers.
const WIDTHS: [usize; 6] = [1, 3, 3, 3, 3, 1];
const LAYERS: usize = WIDTHS.len() - 1;
/// The widest table of one channel.
const MOST_SYMBOLS: i32 = 1 << 14;

/// The cumulative distributions of all channels of `z`.
#[derive(Debug, Clone, PartialEq)]
pub struct Factorised {
    channels: usize,
    /// Per layer, the softplus of `matrices.{i}`, `[channels, out, in]`.
    matrices: Vec<Vec<f64>>,
    /// Per layer, `biases.{i}`, `[channels, out, 1]`.
    biases: Vec<Vec<f64>>,
    /// Per layer but the last, the hyperbolic tangent of `factors.{i}`, `[channels, out, 1]`.
    factors: Vec<Vec<f64>>,
}

impl Factorised {
    /// The number of values of `matrices.{layer}` for one channel; `None` beyond the last layer.
    #[must_use]
    pub fn matrix_shape(layer: usize) -> Option<[usize; 2]> {
        Some([*WIDTHS.get(layer + 1)?, WIDTHS[layer]])
    }

    /// A prior of `channels` channels with CompressAI's parameters, raw as they are in a checkpoint:
    /// five matrices and biases, four factors.
    ///
    /// # Errors
    /// When a parameter has another size.
    pub fn new(
        channels: usize,
        matrices: &[Vec<f32>],
        biases: &[Vec<f32>],
        factors: &[Vec<f32>],
    ) -> Result<Self, LatentError> {
        let check = |what, sets: &[Vec<f32>], layers: usize, size: &dyn Fn(usize) -> usize| {
            let sizes = (0..layers).map(size).chain(std::iter::repeat(0));
            if sets.len() != layers {
                let (expected, actual) = (layers, sets.len());
                return Err(LatentError::Mismatch {
                    what,
                    expected,
                    actual,
                });
            }
            match sets
                .iter()
                .zip(sizes)
                .find(|(set, size)| set.len() != channels * size)
            {
                Some((set, size)) => Err(LatentError::Mismatch {
                    what,
                    expected: channels * size,
                    actual: set.len(),
                }),
                None => Ok(()),
            }
        };
        let outputs = |layer: usize| WIDTHS[layer + 1];
        check("prior matrices", matrices, LAYERS, &|layer| {
            outputs(layer) * WIDTHS[layer]
        })?;
        check("prior biases", biases, LAYERS, &outputs)?;
        check("prior factors", factors, LAYERS - 1, &outputs)?;
        let each = |sets: &[Vec<f32>], map: fn(f64) -> f64| -> Vec<Vec<f64>> {
            let values = |set: &Vec<f32>| set.iter().map(|&value| map(value.into())).collect();
            sets.iter().map(values).collect()
        };
        Ok(Self {
            channels,
            matrices: each(matrices, |value| {
                libm::log1p(libm::exp(-value.abs())) + value.max(0.0)
            }),
            biases: each(biases, |value| value),
            factors: each(factors, libm::tanh),
        })
    }

    /// The number of channels.
    #[must_use]
    pub const fn channels(&self) -> usize {
        self.channels
    }

    /// The probability of the unit interval about `value`, at least
    /// [`MIN_LIKELIHOOD`](crate::gaussian::MIN_LIKELIHOOD).
    #[must_use]
    pub fn likelihood(&self, channel: usize, value: f64) -> f64 {
        self.mass(channel, value).max(MIN_LIKELIHOOD)
    }

    /// The value below which a share of `sigmoid(logit)` lies.
    ///
    /// # Errors
    /// When the distribution does not get there within ±2^20.
    pub fn quantile(&self, channel: usize, logit: f64) -> Result<f64, LatentError> {
        let edge = f64::from(1 << 20);
        let below = |x: f64| self.logit(channel, x) < logit;
        if !below(-edge) || below(edge) {
            return Err(refuse(channel, format!("no value has the logit {logit}")));
        }
        let (mut low, mut high) = (-edge, edge);
        while high - low > 1e-6 {
            let middle = f64::midpoint(low, high);
            if below(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(f64::midpoint(low, high))
    }

    /// The table of a channel's symbols `round(z − median)`, out to where less than a share of 2^-16
    /// is left on both sides together.
    ///
    /// # Errors
    /// When the distribution is too wide for a table.
    pub fn table(&self, channel: usize, median: f64) -> Result<SymbolTable, LatentError> {
        let tail = ESCAPE / 2.0;
        let logit = libm::log(tail) - libm::log1p(-tail);
        let first = (self.quantile(channel, logit)? - median).round() as i32;
        let last = (self.quantile(channel, -logit)? - median).round() as i32;
        if last - first >= MOST_SYMBOLS {
            return Err(refuse(channel, format!("symbols from {first} to {last}")));
        }
        let probabilities: Vec<f64> = (first..=last)
            .map(|symbol| self.mass(channel, f64::from(symbol) + median))
            .collect();
        let what = format!("z channel {channel}");
        SymbolTable::of_probabilities(&what, first, &probabilities, ESCAPE)
    }

    fn mass(&self, channel: usize, value: f64) -> f64 {
        let (lower, upper) = (
            self.logit(channel, value - 0.5),
            self.logit(channel, value + 0.5),
        );
        // On the side where both are small, their difference is exact.
        let sign = if lower + upper > 0.0 { -1.0 } else { 1.0 };
        (sigmoid(sign * upper) - sigmoid(sign * lower)).abs()
    }

    /// The logit of the share below `value`.
    fn logit(&self, channel: usize, value: f64) -> f64 {
        let mut values = vec![value];
        for layer in 0..LAYERS {
            let (outputs, inputs) = (WIDTHS[layer + 1], WIDTHS[layer]);
            let matrix = &self.matrices[layer][channel * outputs * inputs..];
            let offset = channel * outputs;
            values = (0..outputs)
                .map(|output| {
                    let row = &matrix[output * inputs..][..inputs];
                    let product: f64 = row.iter().zip(&values).map(|(m, v)| m * v).sum();
                    let sum = product + self.biases[layer][offset + output];
                    match self.factors.get(layer) {
                        Some(factors) => sum + factors[offset + output] * libm::tanh(sum),
                        None => sum,
                    }
                })
                .collect();
        }
        values[0]
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

fn refuse(channel: usize, reason: String) -> LatentError {
    let what = format!("z channel {channel}");
    LatentError::Table { what, reason }
}
