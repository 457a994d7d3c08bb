use std::cell::OnceCell;
use std::sync::OnceLock;

use crate::Operand;
use crate::centred::{CentredMap, Side};
use crate::gram::{GramProducts, KeptGram};

/// A map of an original, centred, and what is kept of it for more than one distorted version.
pub(crate) struct OriginalMap {
    centred: CentredMap,
    kept: Option<PerSide<OnceLock<KeptGram>>>,
}

impl OriginalMap {
    pub(crate) fn new(centred: CentredMap, keep: bool) -> Self {
        let kept = keep.then(PerSide::default);
        Self { centred, kept }
    }
}

/// A map of the original and of the distorted feature. What several metrics need of them is computed once.
pub(crate) struct MapPair<'a> {
    original: &'a OriginalMap,
    distorted: CentredMap,
    products: PerSide<OnceCell<GramProducts>>,
}

impl<'a> MapPair<'a> {
    /// Two maps of one shape, or which of them is constant.
    pub(crate) fn new(
        original: Option<&'a OriginalMap>,
        distorted: Option<CentredMap>,
    ) -> Result<Self, Operand> {
        Ok(Self {
            original: original.ok_or(Operand::Original)?,
            distorted: distorted.ok_or(Operand::Distorted)?,
            products: PerSide::default(),
        })
    }

    /// The product of the RMS that the two maps were divided by.
    pub(crate) const fn scale(&self) -> f64 {
        self.original.centred.scale() * self.distorted.scale()
    }

    /// Of the Gram matrices over that side.
    pub(crate) fn products(&self, side: Side) -> GramProducts {
        *self.products.of(side).get_or_init(|| {
            let (x, y) = (self.original.centred.rows(side), self.distorted.rows(side));
            match &self.original.kept {
                Some(kept) => {
                    let kept = kept.of(side).get_or_init(|| KeptGram::of(x));
                    kept.products(x, y)
                }
                None => GramProducts::of(x, y),
            }
        })
    }
}

#[derive(Default)]
struct PerSide<T> {
    tokens: T,
    channels: T,
}

impl<T> PerSide<T> {
    const fn of(&self, side: Side) -> &T {
        match side {
            Side::Tokens => &self.tokens,
            Side::Channels => &self.channels,
        }
    }
}
