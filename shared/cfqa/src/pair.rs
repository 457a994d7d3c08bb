use std::cell::OnceCell;

use rayon::prelude::*;
use splitsim_feature::Feature;

use crate::lanes::{difference_of_squares, dot, squared_distance};
use crate::{Cause, Operand};

/// Tokens that one task sums up at least.
const LEAST_TOKENS: usize = 16;

/// An original and a distorted feature of one shape, with the sums that several metrics need of both.
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
    /// ‖x − y‖².
    pub(crate) error: f64,
    angle: Angle,
}

/// The quantity that the angle between two tokens is computed from.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Angle {
    /// x·y.
    Wide(f64),
    /// ‖x‖‖y‖ − x·y, for tokens that are close to each other: x·y lacks the digits by which their cosine differs
    /// from one.
    Narrow(f64),
}

/// Tokens are close to each other when their difference has at most this share of the energy of either.
const CLOSE: f64 = 1.0 / 16.0;

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

    /// The sum of `of` over all tokens.
    pub(crate) fn total(&self, of: impl Fn(&TokenSums) -> f64) -> f64 {
        self.tokens().iter().map(of).sum()
    }
}

impl TokenSums {
    pub(crate) fn of<V: Copy + Into<f64>>(x: &[V], y: &[V]) -> Self {
        let (xx, yy, error) = (dot(x, x), dot(y, y), squared_distance(x, y));
        let angle = if error <= CLOSE * xx.min(yy) {
            // ‖x − y‖² = (‖x‖ − ‖y‖)² + 2(‖x‖‖y‖ − x·y).
            let lengths =
                difference_of_squares(x, y) / (xx.sqrt() + yy.sqrt()).max(f64::MIN_POSITIVE);
            Angle::Narrow((error - lengths * lengths).max(0.0) / 2.0)
        } else {
            Angle::Wide(dot(x, y))
        };
        Self {
            xx,
            yy,
            error,
            angle,
        }
    }

    /// The cosine of the angle between the two tokens; the error names the one that is zero.
    pub(crate) fn cosine(&self) -> Result<f64, Operand> {
        match (self.xx > 0.0, self.yy > 0.0) {
            (true, true) => Ok(self.cosine_beside(0.0)),
            (false, _) => Err(Operand::Original),
            (true, false) => Err(Operand::Distorted),
        }
    }

    /// x·y / ((‖x‖ + offset)(‖y‖ + offset)).
    fn cosine_beside(&self, offset: f64) -> f64 {
        match self.angle {
            Angle::Wide(product) => product / self.lengths(offset),
            Angle::Narrow(_) => 1.0 - self.lacking(offset),
        }
    }

    /// 1 − x·y / ((‖x‖ + offset)(‖y‖ + offset)), with the digits that it has beside a small distance.
    pub(crate) fn lacking(&self, offset: f64) -> f64 {
        let lengths = self.lengths(offset);
        match self.angle {
            Angle::Wide(product) => 1.0 - product / lengths,
            Angle::Narrow(lacking) => {
                let offsets = offset * (self.xx.sqrt() + self.yy.sqrt() + offset);
                (lacking + offsets) / lengths
            }
        }
    }

    fn lengths(&self, offset: f64) -> f64 {
        (self.xx.sqrt() + offset) * (self.yy.sqrt() + offset)
    }
}
