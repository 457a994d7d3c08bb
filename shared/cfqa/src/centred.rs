use std::sync::OnceLock;

use faer::MatRef;
use rayon::prelude::*;

use crate::gram::Gram;
use crate::lanes::{dot, squared_distance};

/// A map `[tokens, dim]` with each channel's mean over the tokens subtracted, at unit RMS.
///
/// CKA does not depend on the scale of a map; dividing by it keeps the `f32` products of any finite
/// feature in range. Gram matrices are computed when first asked for.
pub(crate) struct CentredMap {
    values: Vec<f32>,
    tokens: usize,
    dim: usize,
    scale: f64,
    token_gram: OnceLock<Gram>,
    channel_gram: OnceLock<Gram>,
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
        let means = channel_means(values, tokens, dim);
        let points = values.len() as f64;
        let rms_of = |energies: Vec<f64>| (energies.iter().sum::<f64>() / points).sqrt();
        let raw_rms = rms_of(by_block(values, dim, |block| dot(block, block)));
        let scale = rms_of(by_block(values, dim, |block| energy_around(block, &means)));
        (scale > CONSTANT_SHARE * raw_rms).then(|| Self {
            values: normalised(values, &means, scale),
            tokens,
            dim,
            scale,
            token_gram: OnceLock::new(),
            channel_gram: OnceLock::new(),
        })
    }

    pub(crate) const fn tokens(&self) -> usize {
        self.tokens
    }

    pub(crate) const fn dim(&self) -> usize {
        self.dim
    }

    /// The RMS that the centred map was divided by.
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

    /// The Gram matrix of the rows of that side.
    pub(crate) fn gram(&self, side: Side) -> &Gram {
        let cell = match side {
            Side::Tokens => &self.token_gram,
            Side::Channels => &self.channel_gram,
        };
        cell.get_or_init(|| Gram::of(self.rows(side)))
    }
}

/// One result per block of tokens, in order.
fn by_block<T: Send>(values: &[f32], dim: usize, of: impl Fn(&[f32]) -> T + Send + Sync) -> Vec<T> {
    values.par_chunks(BLOCK_TOKENS * dim).map(of).collect()
}

/// The mean of each channel over the tokens.
fn channel_means(values: &[f32], tokens: usize, dim: usize) -> Vec<f64> {
    let mut means = vec![0.0; dim];
    for sums in by_block(values, dim, |block| channel_sums(block, dim)) {
        for (mean, sum) in means.iter_mut().zip(sums) {
            *mean += sum;
        }
    }
    for mean in &mut means {
        *mean /= tokens as f64;
    }
    means
}

fn channel_sums(block: &[f32], dim: usize) -> Vec<f64> {
    let mut sums = vec![0.0; dim];
    for token in block.chunks_exact(dim) {
        for (sum, &value) in sums.iter_mut().zip(token) {
            *sum += f64::from(value);
        }
    }
    sums
}

/// `Σ (value − mean of its channel)²` over a block of tokens.
fn energy_around(block: &[f32], means: &[f64]) -> f64 {
    block
        .chunks_exact(means.len())
        .map(|token| squared_distance(token, means))
        .sum()
}

/// `(value − mean of its channel) / scale`.
fn normalised(values: &[f32], means: &[f64], scale: f64) -> Vec<f32> {
    let factor = scale.recip();
    let mut normalised = vec![0.0; values.len()];
    normalised
        .par_chunks_mut(means.len())
        .zip(values.par_chunks(means.len()))
        .with_min_len(BLOCK_TOKENS)
        .for_each(|(out, token)| {
            for ((out, &value), &mean) in out.iter_mut().zip(token).zip(means) {
                *out = ((f64::from(value) - mean) * factor) as f32;
            }
        });
    normalised
}
