//! DINOv2's vision transformer (Oquab et al. 2023; registers: Darcet et al. 2024).
//!
//! Modules and weights carry the names of the released checkpoints.

use splitsim_model::{Architecture, FeedForward, PositionInterpolation};
use tch::{Kind, Tensor};

use crate::packed::Packing;
use crate::{VisionError, Weights};

/// Epsilon of every LayerNorm in DINOv2.
pub(crate) const LAYER_NORM_EPS: f64 = 1e-6;

/// `interpolate_offset` of the released models without registers.
const INTERPOLATE_OFFSET: f64 = 0.1;

/// A DINOv2 backbone whose weights lie on one device.
#[derive(Debug)]
pub struct Backbone {
    architecture: Architecture,
    cls_token: Tensor,
    pos_embed: Tensor,
    register_tokens: Option<Tensor>,
    patch_embed: Linear,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

impl Backbone {
    /// Builds the backbone from a checkpoint's tensors.
    ///
    /// # Errors
    /// When a tensor is missing, has another shape, or is left over.
    pub fn new(architecture: &Architecture, mut weights: Weights) -> Result<Self, VisionError> {
        let (dim, patch) = (architecture.embed_dim as i64, architecture.patch as i64);
        let grid_tokens = (architecture.position_grid * architecture.position_grid) as i64;
        let registers = architecture.registers as i64;
        let register_tokens = match registers {
            0 => None,
            count => Some(weights.take("register_tokens", &[1, count, dim])?),
        };
        let backbone = Self {
            cls_token: weights.take("cls_token", &[1, 1, dim])?,
            pos_embed: weights.take("pos_embed", &[1, 1 + grid_tokens, dim])?,
            register_tokens,
            patch_embed: Linear::of(
                weights.take("patch_embed.proj.weight", &[dim, 3, patch, patch])?,
                weights.take("patch_embed.proj.bias", &[dim])?,
            ),
            blocks: (0..architecture.depth)
                .map(|index| Block::new(architecture, index, &mut weights))
                .collect::<Result<_, _>>()?,
            norm: LayerNorm::new("norm", dim, &mut weights)?,
            architecture: architecture.clone(),
        };
        // Only masked-image pre-training uses it; released checkpoints carry it.
        weights.discard("mask_token");
        weights.finish()?;
        Ok(backbone)
    }

    /// Converts the weights of all matrix products to `compute`, and on a CPU packs them, once, for
    /// inference without gradients only: they are no longer those that an optimiser updates.
    ///
    /// # Errors
    /// When libtorch fails, memory included.
    pub fn prepare(&mut self, compute: Kind) -> Result<(), VisionError> {
        let packing = Packing::for_products(compute, self.cls_token.device());
        let packing = packing.as_ref();
        self.patch_embed.prepare(compute, packing)?;
        for block in &mut self.blocks {
            block.attention.qkv.prepare(compute, packing)?;
            block.attention.proj.prepare(compute, packing)?;
            match &mut block.feed_forward {
                FeedForwardNet::Mlp {
                    fc1: first,
                    fc2: second,
                }
                | FeedForwardNet::SwiGlu {
                    w12: first,
                    w3: second,
                } => {
                    first.prepare(compute, packing)?;
                    second.prepare(compute, packing)?;
                }
            }
        }
        Ok(())
    }

    /// The architecture that the backbone was built from.
    #[must_use]
    pub const fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Raw outputs of the blocks `taps` (counted from 1, ascending), each
    /// `[batch, 1 + registers + patches, dim]`; blocks above the last tap are not run.
    ///
    /// `pixels` is normalised, `[batch, 3, height, width]`, height and width multiples of the patch.
    /// Matrix products are computed in `compute`, the residual stream in `f32`.
    ///
    /// # Errors
    /// When the input has another rank or is no multiple of the patch, or libtorch fails.
    pub fn taps(
        &self,
        pixels: &Tensor,
        taps: &[usize],
        compute: Kind,
    ) -> Result<Vec<Tensor>, VisionError> {
        let mut tokens = self.embed(pixels, compute)?;
        let mut outputs = Vec::with_capacity(taps.len());
        let last = taps.iter().copied().max().unwrap_or(0);
        for (index, block) in self.blocks.iter().enumerate().take(last) {
            tokens = block.forward(&tokens, compute)?;
            if taps.contains(&(index + 1)) {
                outputs.push(tokens.shallow_clone());
            }
        }
        Ok(outputs)
    }

    /// The final LayerNorm, which belongs to the task heads.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn norm(&self, tokens: &Tensor) -> Result<Tensor, VisionError> {
        self.norm.forward(tokens)
    }

    /// Patch projection, class token, position embedding, registers.
    fn embed(&self, pixels: &Tensor, compute: Kind) -> Result<Tensor, VisionError> {
        let patch = self.architecture.patch as i64;
        let (batch, height, width) = match pixels.size()[..] {
            [batch, 3, height, width] if height % patch == 0 && width % patch == 0 => {
                (batch, height, width)
            }
            ref other => {
                let shape = other.to_vec();
                return Err(tch::TchError::Shape(format!(
                    "pixels {shape:?}, expected [batch, 3, height, width] in multiples of {patch}"
                ))
                .into());
            }
        };
        let (rows, columns) = (height / patch, width / patch);
        let patches = self
            .patch_embed
            .forward(&to_patches(pixels, patch)?, compute)?;
        let cls = self.cls_token.f_expand([batch, -1, -1], false)?;
        let tokens = Tensor::f_cat(&[cls, patches.f_to_kind(Kind::Float)?], 1)?;
        let tokens = tokens.f_add(&self.position_embedding(rows, columns)?)?;
        let Some(registers) = &self.register_tokens else {
            return Ok(tokens);
        };
        let registers = registers.f_expand([batch, -1, -1], false)?;
        let cls = tokens.f_narrow(1, 0, 1)?;
        let patches = tokens.f_narrow(1, 1, rows * columns)?;
        Ok(Tensor::f_cat(&[cls, registers, patches], 1)?)
    }

    /// The learned embedding brought to a `rows × columns` grid, `[1, 1 + rows·columns, dim]`.
    fn position_embedding(&self, rows: i64, columns: i64) -> Result<Tensor, VisionError> {
        let grid = self.architecture.position_grid as i64;
        let dim = self.architecture.embed_dim as i64;
        if (rows, columns) == (grid, grid) {
            return Ok(self.pos_embed.shallow_clone());
        }
        let cls = self.pos_embed.f_narrow(1, 0, 1)?;
        let learned = self
            .pos_embed
            .f_narrow(1, 1, grid * grid)?
            .f_reshape([1, grid, grid, dim])?
            .f_permute([0, 3, 1, 2])?;
        let size = [rows, columns];
        let resized = match self.architecture.position_interpolation {
            PositionInterpolation::ScaleOffset => {
                let scale = |side: i64| (side as f64 + INTERPOLATE_OFFSET) / grid as f64;
                learned.f_upsample_bicubic2d(size, false, scale(rows), scale(columns))?
            }
            PositionInterpolation::Antialias => {
                learned.f_internal_upsample_bicubic2d_aa(size, false, None, None)?
            }
            PositionInterpolation::Size => learned.f_upsample_bicubic2d(size, false, None, None)?,
        };
        let patches = resized
            .f_permute([0, 2, 3, 1])?
            .f_reshape([1, rows * columns, dim])?;
        Ok(Tensor::f_cat(&[cls, patches], 1)?)
    }
}

/// Cuts `[batch, 3, height, width]` into `[batch, patches, 3·patch²]` rows, raster order: the
/// stride-`patch` convolution of the patch embedding is a matrix product on them.
fn to_patches(pixels: &Tensor, patch: i64) -> Result<Tensor, VisionError> {
    let (batch, channels, height, width) = pixels.size4()?;
    let (rows, columns) = (height / patch, width / patch);
    Ok(pixels
        .f_reshape([batch, channels, rows, patch, columns, patch])?
        .f_permute([0, 2, 4, 1, 3, 5])?
        .f_reshape([batch, rows * columns, channels * patch * patch])?)
}

#[derive(Debug)]
pub(crate) struct Linear {
    weight: Tensor,
    bias: Tensor,
    /// The packing of the weight; `None` if it is not packed.
    packing: Option<Packing>,
}

impl Linear {
    pub(crate) const fn of(weight: Tensor, bias: Tensor) -> Self {
        Self {
            weight,
            bias,
            packing: None,
        }
    }

    fn new(
        name: &str,
        outputs: i64,
        inputs: i64,
        weights: &mut Weights,
    ) -> Result<Self, VisionError> {
        let weight = weights.take(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = weights.take(&format!("{name}.bias"), &[outputs])?;
        Ok(Self::of(weight, bias))
    }

    fn prepare(&mut self, compute: Kind, packing: Option<&Packing>) -> Result<(), VisionError> {
        self.weight = self.weight.f_to_kind(compute)?.f_flatten(1, -1)?;
        self.bias = self.bias.f_to_kind(compute)?;
        if let Some(packing) = packing {
            self.weight = packing.pack(&self.weight)?;
            self.packing = Some(packing.clone());
        }
        Ok(())
    }

    pub(crate) fn forward(&self, input: &Tensor, compute: Kind) -> Result<Tensor, VisionError> {
        if let Some(packing) = &self.packing {
            let input = input.f_to_kind(compute)?;
            return Ok(packing.product(&input, &self.weight, &self.bias)?);
        }
        let weight = self.weight.f_to_kind(compute)?;
        let bias = self.bias.f_to_kind(compute)?;
        // A patch embedding's kernel [dim, 3, patch, patch] becomes the matrix that it is.
        let weight = weight.f_flatten(1, -1)?;
        Ok(input.f_to_kind(compute)?.f_linear(&weight, Some(&bias))?)
    }
}

#[derive(Debug)]
pub(crate) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    pub(crate) fn new(name: &str, dim: i64, weights: &mut Weights) -> Result<Self, VisionError> {
        Ok(Self {
            weight: weights.take(&format!("{name}.weight"), &[dim])?,
            bias: weights.take(&format!("{name}.bias"), &[dim])?,
        })
    }

    pub(crate) fn forward(&self, input: &Tensor) -> Result<Tensor, VisionError> {
        let (weight, bias) = (Some(&self.weight), Some(&self.bias));
        Ok(input.f_layer_norm(self.weight.size(), weight, bias, LAYER_NORM_EPS, false)?)
    }
}

#[derive(Debug)]
struct Block {
    norm1: LayerNorm,
    attention: Attention,
    scale1: Tensor,
    norm2: LayerNorm,
    feed_forward: FeedForwardNet,
    scale2: Tensor,
}

impl Block {
    fn new(
        architecture: &Architecture,
        index: usize,
        weights: &mut Weights,
    ) -> Result<Self, VisionError> {
        let dim = architecture.embed_dim as i64;
        let name = |part: &str| format!("blocks.{index}.{part}");
        Ok(Self {
            norm1: LayerNorm::new(&name("norm1"), dim, weights)?,
            attention: Attention::new(architecture, &name("attn"), weights)?,
            scale1: weights.take(&name("ls1.gamma"), &[dim])?,
            norm2: LayerNorm::new(&name("norm2"), dim, weights)?,
            feed_forward: FeedForwardNet::new(architecture, &name("mlp"), weights)?,
            scale2: weights.take(&name("ls2.gamma"), &[dim])?,
        })
    }

    fn forward(&self, tokens: &Tensor, compute: Kind) -> Result<Tensor, VisionError> {
        let attended = self
            .attention
            .forward(&self.norm1.forward(tokens)?, compute)?;
        let tokens = tokens.f_addcmul(&attended.f_to_kind(Kind::Float)?, &self.scale1)?;
        let fed = self
            .feed_forward
            .forward(&self.norm2.forward(&tokens)?, compute)?;
        Ok(tokens.f_addcmul(&fed.f_to_kind(Kind::Float)?, &self.scale2)?)
    }
}

#[derive(Debug)]
struct Attention {
    heads: i64,
    qkv: Linear,
    proj: Linear,
}

impl Attention {
    fn new(
        architecture: &Architecture,
        name: &str,
        weights: &mut Weights,
    ) -> Result<Self, VisionError> {
        let dim = architecture.embed_dim as i64;
        Ok(Self {
            heads: architecture.heads as i64,
            qkv: Linear::new(&format!("{name}.qkv"), 3 * dim, dim, weights)?,
            proj: Linear::new(&format!("{name}.proj"), dim, dim, weights)?,
        })
    }

    fn forward(&self, tokens: &Tensor, compute: Kind) -> Result<Tensor, VisionError> {
        let (batch, length, dim) = tokens.size3()?;
        let qkv = self
            .qkv
            .forward(tokens, compute)?
            .f_reshape([batch, length, 3, self.heads, dim / self.heads])?
            .f_permute([2, 0, 3, 1, 4])?;
        let (query, key, value) = (qkv.f_get(0)?, qkv.f_get(1)?, qkv.f_get(2)?);
        let mixed = Tensor::f_scaled_dot_product_attention(
            &query,
            &key,
            &value,
            None::<&Tensor>,
            0.0,
            false,
            None,
            false,
        )?;
        let mixed = mixed.f_transpose(1, 2)?.f_reshape([batch, length, dim])?;
        self.proj.forward(&mixed, compute)
    }
}

#[derive(Debug)]
enum FeedForwardNet {
    Mlp { fc1: Linear, fc2: Linear },
    SwiGlu { w12: Linear, w3: Linear },
}

impl FeedForwardNet {
    fn new(
        architecture: &Architecture,
        name: &str,
        weights: &mut Weights,
    ) -> Result<Self, VisionError> {
        let (dim, hidden) = (
            architecture.embed_dim as i64,
            architecture.hidden_dim() as i64,
        );
        Ok(match architecture.feed_forward {
            FeedForward::Mlp => Self::Mlp {
                fc1: Linear::new(&format!("{name}.fc1"), hidden, dim, weights)?,
                fc2: Linear::new(&format!("{name}.fc2"), dim, hidden, weights)?,
            },
            FeedForward::SwiGlu => Self::SwiGlu {
                w12: Linear::new(&format!("{name}.w12"), 2 * hidden, dim, weights)?,
                w3: Linear::new(&format!("{name}.w3"), dim, hidden, weights)?,
            },
        })
    }

    fn forward(&self, tokens: &Tensor, compute: Kind) -> Result<Tensor, VisionError> {
        match self {
            Self::Mlp { fc1, fc2 } => {
                fc2.forward(&fc1.forward(tokens, compute)?.f_gelu("none")?, compute)
            }
            Self::SwiGlu { w12, w3 } => {
                let both = w12.forward(tokens, compute)?;
                let halves = both.f_chunk(2, -1)?;
                w3.forward(&halves[0].f_silu()?.f_mul(&halves[1])?, compute)
            }
        }
    }
}
