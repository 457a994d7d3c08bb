use std::cell::OnceCell;
use std::sync::OnceLock;

use crate::Operand;
use crate::centred::{CentredPair, Centring};
use crate::gram::{GramProducts, KeptGram, NearProducts, Route};
use crate::panels::Side;

/// The precomputed values of an original's map, for any number of distorted versions.
pub(crate) struct OriginalMap {
    centring: Centring,
    /// The original's share of the products, kept if more than one version is to be scored.
    kept: Option<PerSide<OnceLock<KeptGram>>>,
}

impl OriginalMap {
    pub(crate) fn new(centring: Centring, keep: bool) -> Self {
        let kept = keep.then(PerSide::default);
        Self { centring, kept }
    }
}

/// A map of the original and of the distorted feature. Values that several metrics need are computed once.
pub(crate) struct MapPair<'a> {
    original: &'a OriginalMap,
    distorted: Centring,
    values: MapValues<'a>,
    products: PerSide<OnceCell<GramProducts>>,
    near: PerSide<OnceCell<f64>>,
}

/// The distance from one below which a cosine of Gram matrices is computed from the maps' difference, as `f32`
/// products of either map have few digits for it. Gates seldom reach this range, so it is worth a second pass.
const NEAR: f64 = 1e-3;

/// The values of two maps of one shape.
#[derive(Clone, Copy)]
pub(crate) struct MapValues<'a> {
    pub(crate) original: &'a [f32],
    pub(crate) distorted: &'a [f32],
    pub(crate) tokens: usize,
    pub(crate) dim: usize,
}

impl<'a> MapPair<'a> {
    /// Two maps with their centrings; the error names the one that is constant.
    pub(crate) fn new(
        values: MapValues<'a>,
        original: Option<&'a OriginalMap>,
        distorted: Option<Centring>,
    ) -> Result<Self, Operand> {
        Ok(Self {
            original: original.ok_or(Operand::Original)?,
            distorted: distorted.ok_or(Operand::Distorted)?,
            values,
            products: PerSide::default(),
            near: PerSide::default(),
        })
    }

    /// The product of the RMS that the two maps are divided by.
    pub(crate) const fn scale(&self) -> f64 {
        self.original.centring.scale() * self.distorted.scale()
    }

    /// The cosine of the Gram matrices over that side, and the product of their norms.
    pub(crate) fn cosine(&self, side: Side) -> (f64, f64) {
        let GramProducts { xx, yy, xy } = self.products(side);
        let norms = xx.sqrt() * yy.sqrt();
        let cosine = xy / norms;
        if 1.0 - cosine < NEAR {
            (1.0 - self.lacking(side), norms)
        } else {
            (cosine, norms)
        }
    }

    /// One minus the cosine of the Gram matrices over that side.
    fn lacking(&self, side: Side) -> f64 {
        *self.near.of(side).get_or_init(|| {
            let (route, rows) = self.values.route(side);
            let pair = CentredPair {
                x: (&self.original.centring, self.values.original),
                y: (&self.distorted, self.values.distorted),
            };
            let (sum, difference) =
                rayon::join(|| pair.panels(1.0, rows), || pair.panels(-1.0, rows));
            NearProducts::of(route, &sum, &difference).lacking()
        })
    }

    /// The inner products of the Gram matrices over that side.
    fn products(&self, side: Side) -> GramProducts {
        *self.products.of(side).get_or_init(|| {
            let (route, rows) = self.values.route(side);
            let (x, y) = (&self.original.centring, &self.distorted);
            let MapValues {
                original,
                distorted,
                ..
            } = self.values;
            let x = || x.panels(original, rows);
            let y = || y.panels(distorted, rows);
            match &self.original.kept {
                Some(kept) => {
                    let kept = kept.of(side);
                    let kept = kept.get_or_init(|| KeptGram::of(route, x()));
                    kept.products(&y())
                }
                None => {
                    let (x, y) = rayon::join(x, y);
                    GramProducts::of(route, &x, &y)
                }
            }
        })
    }
}

impl MapValues<'_> {
    /// The route by which products over that side are computed, and the side that forms the rows of its
    /// matrices.
    const fn route(self, side: Side) -> (Route, Side) {
        let Self { tokens, dim, .. } = self;
        let (rows, columns) = match side {
            Side::Tokens => (tokens, dim),
            Side::Channels => (dim, tokens),
        };
        let route = Route::of(rows, columns);
        match route {
            Route::Gram => (route, side),
            Route::Columns => (route, side.other()),
        }
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
