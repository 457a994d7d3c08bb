use faer::MatRef;
use rayon::prelude::*;

use crate::huge::Values;
use crate::lanes::{accumulate, centre};

/// A map `[tokens, dim]` with each channel's mean over the tokens subtracted, divided by the map's RMS.
///
/// CKA does not depend on the scale of a map; dividing by it keeps the `f32` products of any finite
/// feature in range.
pub(crate) struct CentredMap {
    values: Values,
    tokens: usize,
    dim: usize,
    scale: f64,
}

/// Over what a Gram matrix of a map runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// X·Xᵀ, `[tokens, tokens]`.
    Tokens,
    /// Xᵀ·X, `[dim, dim]`.
    Channels,
}

/// A map is constant when what is left of it after centring is, in RMS, at most this share of what
/// it was: less than the rounding of its own values.
const CONSTANT_SHARE: f64 = f32::EPSILON as f64;

/// Tokens that one task sums up.
const BLOCK_TOKENS: usize = 16;

impl CentredMap {
    /// Centres a map of row-major `values`; `None` when all its tokens are alike.
    pub(crate) fn new(values: &[f32], tokens: usize, dim: usize) -> Option<Self> {
        let points = values.len() as f64;
        let Sums { channels, energy } = Sums::of(values, dim);
        let scale = (energy / points).sqrt();
        let means: Vec<f64> = channels.iter().map(|sum| sum / tokens as f64).collect();
        let (values, energy) = centred(values, &means, scale.recip());
        let share = (energy / points).sqrt();
        // Of zeros, whose scale is zero, the share is not a number.
        (share > CONSTANT_SHARE).then_some(Self {
            values,
            tokens,
            dim,
            scale,
        })
    }

    /// The RMS that the map was divided by.
    pub(crate) const fn scale(&self) -> f64 {
        self.scale
    }

    /// The map with its tokens, or its channels, as rows.
    pub(crate) fn rows(&self, side: Side) -> MatRef<'_, f32> {
        let tokens = MatRef::from_row_major_slice(&self.values, self.tokens, self.dim);
        match side {
            Side::Tokens => tokens,
            Side::Channels => tokens.transpose(),
        }
    }
}

/// Sums over a map: each channel's values, and all squares.
struct Sums {
    channels: Vec<f64>,
    energy: f64,
}

impl Sums {
    fn of(values: &[f32], dim: usize) -> Self {
        let blocks: Vec<Self> = values
            .par_chunks(BLOCK_TOKENS * dim)
            .map(|block| Self::of_block(block, dim))
            .collect();
        let mut sums = Self::zero(dim);
        for block in blocks {
            for (sum, part) in sums.channels.iter_mut().zip(block.channels) {
                *sum += part;
            }
            sums.energy += block.energy;
        }
        sums
    }

    fn of_block(block: &[f32], dim: usize) -> Self {
        let mut sums = Self::zero(dim);
        for token in block.chunks_exact(dim) {
            sums.energy += accumulate(&mut sums.channels, token);
        }
        sums
    }

    fn zero(dim: usize) -> Self {
        Self {
            channels: vec![0.0; dim],
            energy: 0.0,
        }
    }
}

/// `(value − mean of its channel)·factor`, and the sum of its squares.
fn centred(values: &[f32], means: &[f64], factor: f64) -> (Values, f64) {
    let mut out = Values::zeros(values.len());
    let energies: Vec<f64> = out
        .par_chunks_mut(means.len())
        .zip(values.par_chunks(means.len()))
        .with_min_len(BLOCK_TOKENS)
        .map(|(out, token)| centre(out, token, means, factor))
        .collect();
    (out, energies.iter().sum())
}
