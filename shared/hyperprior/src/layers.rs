//! The four networks as sequences of layers, for inference and for training alike.

use std::ops::Range;

use tch::Tensor;

use crate::{HyperpriorError, Parameters};

/// Offset that keeps the square roots of GDN's parameters away from zero (Ballé 2018, "Efficient
/// nonlinear transforms", eq. 9): `2^-36`.
const PEDESTAL: f64 = 1.0 / (1u64 << 36) as f64;
/// The least beta.
const MIN_BETA: f64 = 1e-6;

/// One of the networks.
pub(crate) struct Sequence(Vec<Layer>);

enum Layer {
    Convolution {
        weight: Tensor,
        bias: Tensor,
        stride: i64,
    },
    /// Kernel 5, stride 2, padding 2, output padding 1.
    Transposed {
        weight: Tensor,
        bias: Tensor,
    },
    /// A transposed convolution to one channel, for inference: every sample times the kernel, added
    /// at its place.
    Scattered {
        /// `[25, channels]`.
        kernel: Tensor,
        bias: Tensor,
    },
    /// Generalised divisive normalisation, or its approximate inverse.
    Gdn {
        gamma: Tensor,
        beta: Tensor,
        inverse: bool,
    },
    Relu,
}

impl Sequence {
    /// `g_a`: `[batch, 1, H, W]` → `y`, `[batch, M, H/16, W/16]`.
    pub(crate) fn analysis(parameters: &Parameters) -> Result<Self, HyperpriorError> {
        let mut layers = Vec::new();
        for index in [0, 2, 4, 6] {
            layers.push(Layer::convolution(parameters, &format!("g_a.{index}"), 2)?);
            if index < 6 {
                layers.push(Layer::gdn(
                    parameters,
                    &format!("g_a.{}", index + 1),
                    false,
                )?);
            }
        }
        Ok(Self(layers))
    }

    /// `g_s`: `ŷ` → `x̂`, `[batch, 1, H, W]`.
    pub(crate) fn synthesis(parameters: &Parameters) -> Result<Self, HyperpriorError> {
        let mut layers = Vec::new();
        for index in [0, 2, 4, 6] {
            layers.push(Layer::transposed(parameters, &format!("g_s.{index}"))?);
            if index < 6 {
                layers.push(Layer::gdn(parameters, &format!("g_s.{}", index + 1), true)?);
            }
        }
        Ok(Self(layers))
    }

    /// `h_a`: `|y|` → `z`, `[batch, N, H/64, W/64]`.
    pub(crate) fn hyper_analysis(parameters: &Parameters) -> Result<Self, HyperpriorError> {
        Ok(Self(vec![
            Layer::convolution(parameters, "h_a.0", 1)?,
            Layer::Relu,
            Layer::convolution(parameters, "h_a.2", 2)?,
            Layer::Relu,
            Layer::convolution(parameters, "h_a.4", 2)?,
        ]))
    }

    /// `h_s`: `ẑ` → scales of `y`. The codec computes it in integers instead, see
    /// [`splitsim_latent::HyperSynthesis`].
    pub(crate) fn hyper_synthesis(parameters: &Parameters) -> Result<Self, HyperpriorError> {
        Ok(Self(vec![
            Layer::transposed(parameters, "h_s.0")?,
            Layer::Relu,
            Layer::transposed(parameters, "h_s.2")?,
            Layer::Relu,
            Layer::convolution(parameters, "h_s.4", 1)?,
            Layer::Relu,
        ]))
    }

    /// Keeps only the first `layers`; GDN and ReLU count as layers.
    pub(crate) fn first(self, layers: usize) -> Self {
        self.split(layers).0
    }

    /// Prepares the layers for inference. Kernels are laid out channels last: values then pass
    /// through all layers in that order, in which libtorch's convolutions are faster. A transposed
    /// convolution to one channel becomes a product of matrices.
    pub(crate) fn for_inference(mut self) -> Result<Self, HyperpriorError> {
        for layer in &mut self.0 {
            match layer {
                Layer::Transposed { weight, bias } if weight.size()[1] == 1 => {
                    let kernel = weight.f_flatten(1, -1)?.f_transpose(0, 1)?;
                    *layer = Layer::Scattered {
                        kernel: kernel.f_contiguous()?,
                        bias: bias.shallow_clone(),
                    };
                }
                Layer::Convolution { weight, .. } | Layer::Transposed { weight, .. } => {
                    *weight = channels_last(weight)?;
                }
                Layer::Gdn { gamma, .. } => *gamma = channels_last(gamma)?,
                Layer::Scattered { .. } | Layer::Relu => {}
            }
        }
        Ok(self)
    }

    /// The first `layers`, GDN and ReLU counted, and the others. These must not begin with GDN, which would
    /// write over what they are given.
    pub(crate) fn split(mut self, layers: usize) -> (Self, Self) {
        let others = self.0.split_off(layers);
        (self, Self(others))
    }

    pub(crate) fn forward(&self, input: &Tensor) -> Result<Tensor, HyperpriorError> {
        let mut value = input.shallow_clone();
        for layer in &self.0 {
            value = layer.forward(value)?;
        }
        Ok(value)
    }

    /// The rows `kept` of what [`forward`](Self::forward) gives, each layer computing no more rows than
    /// they depend on.
    pub(crate) fn forward_rows(
        &self,
        input: &Tensor,
        kept: Range<i64>,
    ) -> Result<Tensor, HyperpriorError> {
        // Of each layer's input, the last layer's first.
        let mut needed = Vec::new();
        let mut rows = kept.clone();
        for layer in self.0.iter().rev() {
            rows = layer.rows_for(&rows);
            needed.push(rows.clone());
        }
        // The row of the whole that is the value's first.
        let mut first = 0;
        let mut value = input.shallow_clone();
        for (layer, rows) in self.0.iter().zip(needed.iter().rev()) {
            value = narrowed(&value, &mut first, rows)?;
            first = layer.row_of(first);
            value = layer.forward(value)?;
        }
        narrowed(&value, &mut first, &kept)
    }
}

impl Layer {
    fn convolution(
        parameters: &Parameters,
        name: &str,
        stride: i64,
    ) -> Result<Self, HyperpriorError> {
        let part = |part: &str| parameters.get(&format!("{name}.{part}"));
        Ok(Self::Convolution {
            weight: part("weight")?.shallow_clone(),
            bias: part("bias")?.shallow_clone(),
            stride,
        })
    }

    fn transposed(parameters: &Parameters, name: &str) -> Result<Self, HyperpriorError> {
        let part = |part: &str| parameters.get(&format!("{name}.{part}"));
        Ok(Self::Transposed {
            weight: part("weight")?.shallow_clone(),
            bias: part("bias")?.shallow_clone(),
        })
    }

    fn gdn(parameters: &Parameters, name: &str, inverse: bool) -> Result<Self, HyperpriorError> {
        let part = |part: &str| parameters.get(&format!("{name}.{part}"));
        let gamma = non_negative(part("gamma")?, GAMMA_BOUND)?;
        Ok(Self::Gdn {
            gamma: gamma.f_unsqueeze(-1)?.f_unsqueeze(-1)?,
            beta: non_negative(part("beta")?, beta_bound())?,
            inverse,
        })
    }

    fn forward(&self, input: Tensor) -> Result<Tensor, HyperpriorError> {
        Ok(match self {
            Self::Convolution {
                weight,
                bias,
                stride,
            } => {
                let padding = weight.size().last().copied().unwrap_or(1) / 2;
                input.f_conv2d(weight, Some(bias), *stride, padding, 1, 1)?
            }
            Self::Transposed { weight, bias } => {
                input.f_conv_transpose2d(weight, Some(bias), 2, 2, 1, 1, 1)?
            }
            Self::Scattered { kernel, bias } => scatter(&input, kernel, bias)?,
            Self::Gdn {
                gamma,
                beta,
                inverse,
            } => normalise(input, gamma, beta, *inverse)?,
            Self::Relu => input.f_relu()?,
        })
    }

    /// The input rows that output rows depend on, and perhaps some more; those outside of the input are
    /// padding. The first is one that [`row_of`](Self::row_of) has an output row for.
    fn rows_for(&self, outputs: &Range<i64>) -> Range<i64> {
        let Range { start, end } = *outputs;
        match self {
            // Output row y takes input rows stride·y − padding to stride·y + padding.
            Self::Convolution { weight, stride, .. } => {
                let padding = weight.size().last().copied().unwrap_or(1) / 2;
                let first = (stride * start - padding).div_euclid(*stride);
                stride * first..stride * (end - 1) + padding + 1
            }
            // Output row y takes input rows (y − 2) / 2 to (y + 2) / 2.
            Self::Transposed { .. } | Self::Scattered { .. } => {
                (start - 1).div_euclid(2)..(end + 1) / 2 + 1
            }
            Self::Gdn { .. } | Self::Relu => outputs.clone(),
        }
    }

    /// The output row that comes first when the input is cut off above row `input`.
    fn row_of(&self, input: i64) -> i64 {
        match self {
            Self::Convolution { stride, .. } => input / stride,
            Self::Transposed { .. } | Self::Scattered { .. } => 2 * input,
            Self::Gdn { .. } | Self::Relu => input,
        }
    }
}

/// The part of `rows` that `value` covers. `first` is the row of the whole that `value` begins at,
/// and is updated to that of the result.
fn narrowed(value: &Tensor, first: &mut i64, rows: &Range<i64>) -> Result<Tensor, HyperpriorError> {
    let start = rows.start.max(*first);
    let end = rows.end.min(*first + value.size()[2]);
    let narrowed = value.f_narrow(2, start - *first, end - start)?;
    *first = start;
    Ok(narrowed)
}

/// A transposed convolution to one channel. libtorch's takes five times as long: its kernels are made for
/// 16 channels.
fn scatter(input: &Tensor, kernel: &Tensor, bias: &Tensor) -> Result<Tensor, HyperpriorError> {
    let (batch, channels, height, width) = input.size4()?;
    let samples = input
        .f_permute([1i64, 0, 2, 3])?
        .f_reshape([channels, -1])?;
    let patches = kernel.f_matmul(&samples)?;
    let patches = patches.f_reshape([-1, batch, height * width])?;
    let sums = patches.f_permute([1i64, 0, 2])?.f_col2im(
        [2 * height, 2 * width],
        [5i64, 5],
        [1i64, 1],
        [2i64, 2],
        [2i64, 2],
    )?;
    Ok(sums.f_add(bias)?)
}

/// Four dimensions, the second stored last.
fn channels_last(tensor: &Tensor) -> Result<Tensor, HyperpriorError> {
    let stored = tensor.f_permute([0i64, 2, 3, 1])?.f_contiguous()?;
    Ok(stored.f_permute([0i64, 3, 1, 2])?)
}

/// `x / √(β + γ x²)`, or times the root for the inverse. Where nothing is differentiated, the result takes
/// the place of the input.
fn normalise(
    input: Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    inverse: bool,
) -> Result<Tensor, HyperpriorError> {
    if input.requires_grad() || gamma.requires_grad() {
        let norm = input.f_square()?.f_conv2d(gamma, Some(beta), 1, 0, 1, 1)?;
        let root = if inverse {
            norm.f_sqrt()?
        } else {
            norm.f_rsqrt()?
        };
        return Ok(root.f_mul(&input)?);
    }
    normalise_by_block(&input, gamma, beta, inverse)
}

/// Normalises in blocks of pixels that stay in the cache: the whole input is larger than the cache,
/// and is read and written five times. Another tensor of its size would be allocated by the system
/// at every call.
fn normalise_by_block(
    input: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    inverse: bool,
) -> Result<Tensor, HyperpriorError> {
    let (batch, channels, height, width) = input.size4()?;
    let rows = input
        .f_permute([0i64, 2, 3, 1])?
        .f_reshape([-1, channels])?;
    let gamma = gamma.f_reshape([channels, channels])?.f_transpose(0, 1)?;
    let pixels = batch * height * width;
    let block = (BLOCK_VALUES / channels).max(1);
    for start in (0..pixels).step_by(usize::try_from(block).unwrap_or(1)) {
        let mut rows = rows.f_narrow(0, start, block.min(pixels - start))?;
        let mut norm = beta.f_addmm(&rows.f_square()?, &gamma)?;
        let _ = if inverse {
            norm.f_sqrt_()?
        } else {
            norm.f_rsqrt_()?
        };
        let _ = rows.f_mul_(&norm)?;
    }
    let out = rows.f_reshape([batch, height, width, channels])?;
    Ok(out.f_permute([0i64, 3, 1, 2])?)
}

/// One megabyte.
const BLOCK_VALUES: i64 = 1 << 18;

/// CompressAI's `NonNegativeParametrizer`: `max(p, bound)² − pedestal`.
fn non_negative(parameter: &Tensor, bound: f64) -> Result<Tensor, HyperpriorError> {
    Ok(parameter
        .f_clamp_min(bound)?
        .f_square()?
        .f_sub_scalar(PEDESTAL)?)
}

/// `√(0 + 2^-36)`.
pub(crate) const GAMMA_BOUND: f64 = 1.0 / (1u64 << 18) as f64;

/// `√(10^-6 + 2^-36)`.
pub(crate) fn beta_bound() -> f64 {
    (MIN_BETA + PEDESTAL).sqrt()
}

/// The stored form of a non-negative value.
pub(crate) fn stored(value: f64) -> f64 {
    (value + PEDESTAL).max(PEDESTAL).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    fn difference(actual: &Tensor, expected: &Tensor) -> f64 {
        assert_eq!(actual.size(), expected.size());
        let largest = |tensor: &Tensor| tensor.abs().max().double_value(&[]);
        largest(&(actual - expected)) / largest(expected)
    }

    fn networks() -> Vec<Sequence> {
        let parameters = crate::golden::parameters();
        vec![
            Sequence::analysis(&parameters).unwrap(),
            Sequence::hyper_analysis(&parameters).unwrap(),
            Sequence::synthesis(&parameters).unwrap(),
            Sequence::hyper_synthesis(&parameters).unwrap(),
        ]
    }

    fn input(network: &Sequence, rows: i64, columns: i64) -> Tensor {
        let channels = match &network.0[0] {
            Layer::Convolution { weight, .. } => weight.size()[1],
            Layer::Transposed { weight, .. } => weight.size()[0],
            _ => unreachable!("networks begin with a convolution"),
        };
        tch::manual_seed(channels);
        let options = (Kind::Float, tch::Device::Cpu);
        channels_last(&Tensor::randn([1, channels, rows, columns], options)).unwrap()
    }

    #[test]
    fn inference_gives_what_the_plain_layers_give() {
        let _no_grad = tch::no_grad_guard();
        for (plain, network) in networks().into_iter().zip(networks()) {
            let input = input(&plain, 48, 32);
            let inference = network.for_inference().unwrap();
            let actual = inference.forward(&input).unwrap();
            assert!(difference(&actual, &plain.forward(&input).unwrap()) < 1e-5);
        }
    }

    #[test]
    fn kept_rows_are_those_of_the_whole() {
        let _no_grad = tch::no_grad_guard();
        for network in networks() {
            let network = network.for_inference().unwrap();
            let input = input(&network, 80, 16);
            let whole = network.forward(&input).unwrap();
            let rows = whole.size()[2];
            for (start, end) in [
                (0, rows),
                (0, 1),
                (rows - 1, rows),
                (1, 3),
                (rows / 3, rows - 2),
            ] {
                let kept = network.forward_rows(&input, start..end).unwrap();
                let expected = whole.narrow(2, start, end - start);
                assert!(
                    difference(&kept, &expected) < 1e-5,
                    "rows {start}..{end} of {rows}"
                );
            }
        }
    }
}
