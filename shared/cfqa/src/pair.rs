use std::cell::OnceCell;

use rayon::prelude::*;
use splitsim_feature::Feature;

use crate::lanes::{dot, squared_distance};
use crate::{Cause, Operand};

/// Tokens that one task sums up at least.
const LEAST_TOKENS: usize = 16;

/// An original and a distorted feature of one shape, and what several metrics need of both.
pub(crate) struct Pair<'a> {
    pub(crate) original: &'a Feature,
    pub(crate) distorted: &'a Feature,
    tokens: OnceCell<Vec<TokenSums>>,
}

/// Sums over the channels of an original token x and the distorted one, y.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TokenSums {
    /// ‖x‖².
    pub(crate) xx: f64,
    /// ‖y‖².
    pub(crate) yy: f64,
    /// x·y.
    pub(crate) xy: f64,
    /// ‖x − y‖².
    pub(crate) error: f64,
}

impl<'a> Pair<'a> {
    pub(crate) const fn new(original: &'a Feature, distorted: &'a Feature) -> Self {
        Self {
            original,
            distorted,
            tokens: OnceCell::new(),
        }
    }

    /// The sums of every token, map by map: one pass over both features, the first time.
    pub(crate) fn tokens(&self) -> &[TokenSums] {
        self.tokens.get_or_init(|| {
            let dim = self.original.shape().dim();
            self.original
                .values()
                .par_chunks(dim)
                .zip(self.distorted.values().par_chunks(dim))
                .with_min_len(LEAST_TOKENS)
                .map(|(x, y)| TokenSums::of(x, y))
                .collect()
        })
    }

    /// The cosine of every token.
    ///
    /// # Errors
    /// When a token is zero: it has no direction.
    pub(crate) fn cosines(&self) -> Result<Vec<f64>, Cause> {
        let tokens = self.original.shape().tokens();
        let place = |index: usize| (index / tokens, index % tokens);
        let sums = self.tokens().iter().enumerate();
        sums.map(|(index, sums)| {
            let (map, token) = place(index);
            sums.cosine().map_err(|operand| Cause::ZeroToken {
                operand,
                map,
                token,
            })
        })
        .collect()
    }

    /// The sums of the class tokens, one per map.
    pub(crate) fn class_tokens(&self) -> impl Iterator<Item = &TokenSums> {
        self.tokens().iter().step_by(self.original.shape().tokens())
    }

    /// The sum of every token's `of`.
    pub(crate) fn total(&self, of: impl Fn(&TokenSums) -> f64) -> f64 {
        self.tokens().iter().map(of).sum()
    }
}

impl TokenSums {
    pub(crate) fn of<V: Copy + Into<f64>>(x: &[V], y: &[V]) -> Self {
        Self {
            xx: dot(x, x),
            yy: dot(y, y),
            xy: dot(x, y),
            error: squared_distance(x, y),
        }
    }

    /// The cosine of the angle between the two tokens, or which of them is zero.
    pub(crate) fn cosine(&self) -> Result<f64, Operand> {
        match (self.xx > 0.0, self.yy > 0.0) {
            (true, true) => Ok(self.xy / (self.xx.sqrt() * self.yy.sqrt())),
            (false, _) => Err(Operand::Original),
            (true, false) => Err(Operand::Distorted),
        }
    }
}
