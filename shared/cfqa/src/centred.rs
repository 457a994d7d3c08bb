use std::ops::Range;

use rayon::prelude::*;

use crate::lanes::{Uncentred, accumulate, centre, centre_two};
use crate::panels::{Panels, Side};

/// The parameters for centring a map `[tokens, dim]`: each channel's mean over the tokens, and the map's RMS.
///
/// CKA does not depend on the scale of a map; dividing by it keeps the `f32` products of any finite feature in
/// range.
pub(crate) struct Centring {
    means: Vec<f64>,
    scale: f64,
}

/// A map is constant when its RMS after centring is at most this share of its RMS before: less than the
/// rounding of its own values.
const CONSTANT_SHARE: f64 = f32::EPSILON as f64;

/// The fewest tokens that one task sums up, and the greatest number of tasks.
const LEAST_TOKENS: usize = 16;
const MOST_TASKS: usize = 64;

impl Centring {
    /// The centring of a map of row-major `values`; `None` when all its tokens are alike.
    pub(crate) fn of(values: &[f32], dim: usize) -> Option<Self> {
        let first = values.get(..dim)?;
        let tokens = (values.len() / dim) as f64;
        let Deviations { sums, squares } = Deviations::of(values, dim);

        // Of values v = first + d: Σ v² = Σ d² + 2·first·Σ d + tokens·first².
        let mut energy = squares;
        let mut centred = squares;
        let mut means = Vec::with_capacity(dim);
        for (sum, &first) in sums.into_iter().zip(first) {
            let first = f64::from(first);
            energy += first * (2.0 * sum + tokens * first);
            centred -= sum * sum / tokens;
            means.push(first + sum / tokens);
        }
        let rms = |energy: f64| (energy.max(0.0) / values.len() as f64).sqrt();
        let scale = rms(energy);
        (rms(centred) > CONSTANT_SHARE * scale).then_some(Self { means, scale })
    }

    /// The RMS that the map is divided by.
    pub(crate) const fn scale(&self) -> f64 {
        self.scale
    }

    /// The map that these parameters belong to, centred, divided by its RMS, and laid out for products of its
    /// tokens or its channels.
    pub(crate) fn panels(&self, values: &[f32], side: Side) -> Panels {
        let dim = self.means.len();
        let factor = self.scale.recip();
        Panels::of(side, values.len() / dim, dim, |out, token, channels| {
            let means = &self.means[channels.clone()];
            centre(out, &values[token * dim..][channels], means, factor);
        })
    }
}

/// Two maps of one shape with their centrings, for values that depend on both.
#[derive(Clone, Copy)]
pub(crate) struct CentredPair<'a> {
    pub(crate) x: (&'a Centring, &'a [f32]),
    pub(crate) y: (&'a Centring, &'a [f32]),
}

impl CentredPair<'_> {
    /// The first plus `sign` times the second, each centred and divided by its RMS, laid out as a map is.
    pub(crate) fn panels(self, sign: f64, side: Side) -> Panels {
        let dim = self.x.0.means.len();
        let tokens = self.x.1.len() / dim;
        Panels::of(side, tokens, dim, |out, token, channels| {
            let x = uncentred(self.x.0, self.x.1, token, channels.clone());
            let y = uncentred(self.y.0, self.y.1, token, channels);
            centre_two(out, x, y, sign);
        })
    }
}

fn uncentred<'a>(
    centring: &'a Centring,
    values: &'a [f32],
    token: usize,
    channels: Range<usize>,
) -> Uncentred<'a> {
    Uncentred {
        values: &values[token * centring.means.len()..][channels.clone()],
        means: &centring.means[channels],
        factor: centring.scale.recip(),
    }
}

/// The deviations of a map's tokens from the first token: sums over the tokens for each channel, and the sum of
/// all squares. Both are exactly zero if all tokens are alike.
struct Deviations {
    sums: Vec<f64>,
    squares: f64,
}

impl Deviations {
    fn of(values: &[f32], dim: usize) -> Self {
        let first = &values[..dim];
        let share = (values.len() / dim).div_ceil(MOST_TASKS);
        let parts: Vec<Self> = values
            .par_chunks(share.max(LEAST_TOKENS) * dim)
            .map(|tokens| {
                let mut part = Self::zero(dim);
                for tokens in tokens.chunks(LEAST_TOKENS * dim) {
                    part.squares += accumulate(&mut part.sums, tokens, first);
                }
                part
            })
            .collect();
        let mut deviations = Self::zero(dim);
        for part in parts {
            for (sum, part) in deviations.sums.iter_mut().zip(part.sums) {
                *sum += part;
            }
            deviations.squares += part.squares;
        }
        deviations
    }

    fn zero(dim: usize) -> Self {
        Self {
            sums: vec![0.0; dim],
            squares: 0.0,
        }
    }
}
