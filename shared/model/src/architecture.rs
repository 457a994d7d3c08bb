use serde::{Deserialize, Serialize};
use splitsim_feature::TokenLayout;

/// The shape of a DINOv2 vision transformer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Architecture {
    /// Channels of a token (D).
    pub embed_dim: usize,
    /// Transformer blocks (L).
    pub depth: usize,
    /// Attention heads; divides `embed_dim`.
    pub heads: usize,
    /// Side of a square patch in pixels.
    pub patch: usize,
    /// The feed-forward network of a block.
    pub feed_forward: FeedForward,
    /// Register tokens between class and patch tokens: 0, or 4 in the released variants.
    pub registers: usize,
    /// Side of the grid on which the position embedding was learned: 37 in the released models.
    pub position_grid: usize,
    /// The method that resizes the position embedding to another grid.
    pub position_interpolation: PositionInterpolation,
}

impl Architecture {
    /// Hidden width of the feed-forward network at an MLP ratio of 4.
    ///
    /// SwiGLU: two thirds of it, rounded up to a multiple of 8 (DINOv2's `SwiGLUFFNFused`).
    #[must_use]
    pub const fn hidden_dim(&self) -> usize {
        let hidden = 4 * self.embed_dim;
        match self.feed_forward {
            FeedForward::Mlp => hidden,
            FeedForward::SwiGlu => (hidden * 2 / 3).next_multiple_of(8),
        }
    }

    /// The kinds of tokens in the backbone's maps.
    #[must_use]
    pub const fn token_layout(&self) -> TokenLayout {
        TokenLayout {
            registers: self.registers,
        }
    }

    /// Tokens before the first patch token: the class token and the registers.
    #[must_use]
    pub const fn prefix_tokens(&self) -> usize {
        self.token_layout().first_patch()
    }

    /// Returns the first value that no backbone can have, if any, by the names of its keys.
    #[must_use]
    pub fn inconsistency(&self) -> Option<String> {
        let named = [
            ("embed-dim", self.embed_dim),
            ("depth", self.depth),
            ("heads", self.heads),
            ("patch", self.patch),
            ("position-grid", self.position_grid),
        ];
        if let Some((name, _)) = named
            .iter()
            .find(|(_, value)| *value == 0 || *value > 1 << 16)
        {
            return Some(format!("architecture.{name} must be between 1 and 65536"));
        }
        if self.registers > 1 << 16 {
            return Some("architecture.registers must be at most 65536".to_owned());
        }
        (!self.embed_dim.is_multiple_of(self.heads)).then(|| {
            format!(
                "embed-dim {} is no multiple of heads {}",
                self.embed_dim, self.heads
            )
        })
    }
}

/// The feed-forward network of a transformer block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedForward {
    /// Linear, GELU, linear (ViT-S, B, L).
    Mlp,
    /// Gated: `w3(silu(a) ⊙ b)` with `a, b = w12(x)` (ViT-g).
    SwiGlu,
}

/// The method that resizes a learned position embedding to another patch grid (bicubic in all
/// modes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PositionInterpolation {
    /// By scale factor `(grid + 0.1) / learned`, no antialiasing: the released models without
    /// registers (`interpolate_offset = 0.1`).
    ScaleOffset,
    /// By output size, antialiased: the released models with registers.
    Antialias,
    /// By output size, not antialiased: what Hugging Face's port does for every model.
    Size,
}
