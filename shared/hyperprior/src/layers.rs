//! The four networks as sequences of layers, for inference and for training alike.

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

    /// Only the first `layers`, GDN and ReLU counted.
    pub(crate) fn first(mut self, layers: usize) -> Self {
        self.0.truncate(layers);
        self
    }

    /// The same with kernels laid out channel by channel for every sample, for inference: values then
    /// go through all layers in that order, in which libtorch's convolutions are quicker.
    pub(crate) fn channels_last(mut self) -> Result<Self, HyperpriorError> {
        for layer in &mut self.0 {
            match layer {
                Layer::Convolution { weight, .. } | Layer::Transposed { weight, .. } => {
                    *weight = channels_last(weight)?;
                }
                Layer::Gdn { gamma, .. } => *gamma = channels_last(gamma)?,
                Layer::Relu => {}
            }
        }
        Ok(self)
    }

    pub(crate) fn forward(&self, input: &Tensor) -> Result<Tensor, HyperpriorError> {
        let mut value = input.shallow_clone();
        for layer in &self.0 {
            value = layer.forward(&value)?;
        }
        Ok(value)
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

    fn forward(&self, input: &Tensor) -> Result<Tensor, HyperpriorError> {
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
            Self::Gdn {
                gamma,
                beta,
                inverse,
            } => normalise(input, gamma, beta, *inverse)?,
            Self::Relu => input.f_relu()?,
        })
    }
}

/// Four dimensions, the second stored last.
fn channels_last(tensor: &Tensor) -> Result<Tensor, HyperpriorError> {
    let stored = tensor.f_permute([0i64, 2, 3, 1])?.f_contiguous()?;
    Ok(stored.f_permute([0i64, 3, 1, 2])?)
}

/// `x / √(β + γ x²)`, or times the root for the inverse.
fn normalise(
    input: &Tensor,
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
        return Ok(root.f_mul(input)?);
    }
    normalise_by_block(input, gamma, beta, inverse)
}

/// The same where nothing is differentiated, in blocks of pixels that stay in the cache: the whole
/// input is larger than that, and five times read and written.
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
    let out = rows.f_empty_like()?;
    let pixels = batch * height * width;
    let block = (BLOCK_VALUES / channels).max(1);
    for start in (0..pixels).step_by(usize::try_from(block).unwrap_or(1)) {
        let length = block.min(pixels - start);
        let rows = rows.f_narrow(0, start, length)?;
        let mut norm = out.f_narrow(0, start, length)?;
        let _ = beta.f_addmm_out(&norm, &rows.f_square()?, &gamma)?;
        let _ = if inverse {
            norm.f_sqrt_()?
        } else {
            norm.f_rsqrt_()?
        };
        let _ = norm.f_mul_(&rows)?;
    }
    let out = out.f_reshape([batch, height, width, channels])?;
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
