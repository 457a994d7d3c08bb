//! Sums over Gram matrices, tile by tile, so that no matrix need be kept.

use rayon::prelude::*;

use crate::lanes::{dot, squared_sum};
use crate::panels::Panels;
use crate::tile::Tile;

/// The inner products of K = X·Xᵀ and L = Y·Yᵀ from which CKA is computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GramProducts {
    /// ⟨K, K⟩.
    pub(crate) xx: f64,
    /// ⟨L, L⟩.
    pub(crate) yy: f64,
    /// ⟨K, L⟩.
    pub(crate) xy: f64,
}

/// The matrices that [`GramProducts`] are computed from.
///
/// For N rows of D columns, the two Gram matrices take N²D multiplications. Since ⟨K, L⟩ = ‖YᵀX‖², the three
/// products over columns serve as well, with 2·N·D² multiplications: Gram matrices win up to N = 2D.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// K and L, from X and Y.
    Gram,
    /// The three products over columns, from Xᵀ and Yᵀ.
    Columns,
}

impl Route {
    /// The route with fewer multiplications, for X and Y of this many rows and columns.
    pub(crate) const fn of(rows: usize, columns: usize) -> Self {
        if rows > 2 * columns {
            Self::Columns
        } else {
            Self::Gram
        }
    }
}

impl GramProducts {
    /// The products of two matrices of one shape, laid out as the route wants them.
    pub(crate) fn of(route: Route, x: &Panels, y: &Panels) -> Self {
        match route {
            Route::Gram => {
                let (x, y) = (Gram::Of(x), Gram::Of(y));
                let [xx, yy, xy] = over_grams(x, y, |k, l| [dot(k, k), dot(l, l), dot(k, l)]);
                Self { xx, yy, xy }
            }
            Route::Columns => {
                let (xx, (yy, xy)) =
                    rayon::join(|| squared_norm(Gram::Of(x)), || products_over_columns(x, y));
                Self { xx, yy, xy }
            }
        }
    }
}

/// ⟨L, L⟩ and ⟨K, L⟩, from Xᵀ and Yᵀ.
fn products_over_columns(x: &Panels, y: &Panels) -> (f64, f64) {
    rayon::join(
        || squared_norm(Gram::Of(y)),
        || squared_norm_of_product(x, y),
    )
}

/// The part of [`GramProducts`] that depends on one matrix, X, kept for any number of others.
pub(crate) enum KeptGram {
    /// K, if it is not larger than the products over columns.
    Tiles { tiles: Vec<Vec<f32>>, xx: f64 },
    /// Otherwise Xᵀ, and of K only ⟨K, K⟩.
    Columns { x: Panels, xx: f64 },
}

impl KeptGram {
    pub(crate) fn of(route: Route, x: Panels) -> Self {
        match route {
            Route::Gram => {
                let tiles: Vec<Vec<f32>> = Tile::on_and_above_diagonal(x.rows())
                    .into_par_iter()
                    .with_max_len(1)
                    .map(|tile| {
                        let mut entries = Vec::new();
                        tile.of_product(&x, &x, &mut entries);
                        entries
                    })
                    .collect();
                let xx = squared_norm(Gram::Kept(&tiles, x.rows()));
                Self::Tiles { tiles, xx }
            }
            Route::Columns => {
                let xx = squared_norm(Gram::Of(&x));
                Self::Columns { x, xx }
            }
        }
    }

    /// The products of the matrix that was given to [`Self::of`] with another one of the same layout.
    pub(crate) fn products(&self, y: &Panels) -> GramProducts {
        match *self {
            Self::Tiles { ref tiles, xx } => {
                let x = Gram::Kept(tiles, y.rows());
                let [yy, xy] = over_grams(x, Gram::Of(y), |k, l| [dot(l, l), dot(k, l)]);
                GramProducts { xx, yy, xy }
            }
            Self::Columns { ref x, xx } => {
                let (yy, xy) = products_over_columns(x, y);
                GramProducts { xx, yy, xy }
            }
        }
    }
}

/// Inner products of K = X·Xᵀ and D = X·Xᵀ − Y·Yᵀ, from S = X + Y and E = X − Y.
///
/// D = ½(S·Eᵀ + E·Sᵀ) is computed from products with the difference, and so keeps digits that are lost when K
/// and Y·Yᵀ are computed apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NearProducts {
    /// ⟨K, K⟩.
    pub(crate) kk: f64,
    /// ⟨K, D⟩.
    pub(crate) kd: f64,
    /// ⟨D, D⟩.
    pub(crate) dd: f64,
}

impl NearProducts {
    /// The products for S and E, laid out as the route wants them.
    pub(crate) fn of(route: Route, sum: &Panels, difference: &Panels) -> Self {
        let terms: fn(Entry) -> [f64; 3] = match route {
            Route::Gram => gram_terms,
            Route::Columns => column_terms,
        };
        let [kk, kd, dd] = over_tiles(sum.rows(), |_, tile, scratch: &mut [Vec<f32>; 4]| {
            let [ss, se, es, ee] = scratch;
            for (product, (a, b)) in [
                (&mut *ss, (sum, sum)),
                (&mut *se, (sum, difference)),
                (&mut *es, (difference, sum)),
                (&mut *ee, (difference, difference)),
            ] {
                tile.of_product(a, b, product);
            }
            tile.sums_of_four([ss, se, es, ee], terms)
        });
        Self { kk, kd, dd }
    }

    /// 1 − ⟨K, L⟩ / (‖K‖‖L‖) for L = K − D, by ‖K‖²‖L‖² − ⟨K, L⟩² = ‖K‖²‖D‖² − ⟨K, D⟩².
    pub(crate) fn lacking(self) -> f64 {
        let Self { kk, kd, dd } = self;
        let norms = (kk * (kk - 2.0 * kd + dd)).sqrt();
        (kk * dd - kd * kd).max(0.0) / (norms * (norms + kk - kd))
    }
}

/// The products of two rows of S and E, s·s′, s·e′, e·s′ and e·e′: an entry of each of four matrices.
type Entry = [f64; 4];

/// The terms for rows of X and Y, so that the entries are K's and D's.
fn gram_terms([ss, se, es, ee]: Entry) -> [f64; 3] {
    let (k, d) = ((ss + se + es + ee) / 4.0, (se + es) / 2.0);
    [k * k, k * d, d * d]
}

/// The terms for columns of X and Y: ⟨K, K⟩ = ‖XᵀX‖², ⟨K, D⟩ = ⟨XᵀS, XᵀE⟩ and
/// ⟨D, D⟩ = ½(⟨SᵀS, EᵀE⟩ + ⟨SᵀE, EᵀS⟩). The second is not a symmetric sum, and is taken as
/// the mean with its mirror image.
fn column_terms([ss, se, es, ee]: Entry) -> [f64; 3] {
    let k = (ss + se + es + ee) / 4.0;
    let kd = ((ss + es) * (se + ee) + (ss + se) * (es + ee)) / 8.0;
    [k * k, kd, (ss * ee + se * es) / 2.0]
}

/// ‖X·Xᵀ − Y·Yᵀ‖²_F of two matrices with equally many rows, from S = X + Y and E = X − Y.
///
/// X·Xᵀ − Y·Yᵀ = ½(S·Eᵀ + E·Sᵀ) uses products with the difference itself, which have the digits of E however
/// small it is. Separate `f32` products of X and of Y would be equal in all digits if the matrices differ by
/// less than those can hold. Either way takes two products.
pub(crate) fn squared_difference_of_grams(sum: &Panels, difference: &Panels) -> f64 {
    let [total] = over_tiles(
        sum.rows(),
        |_, tile, (one, other): &mut (Vec<f32>, Vec<f32>)| {
            tile.of_product(sum, difference, one);
            tile.of_product(difference, sum, other);
            tile.sums(one, other, |one, other| [squared_sum(one, other)])
        },
    );
    total / 4.0
}

/// ⟨K, K⟩.
fn squared_norm(k: Gram<'_>) -> f64 {
    let [sum] = over_tiles(k.rows(), |index, tile, scratch| {
        let k = k.tile(index, tile, scratch);
        tile.sums(k, k, |k, _| [dot(k, k)])
    });
    sum
}

/// ‖A·Bᵀ‖²_F.
fn squared_norm_of_product(a: &Panels, b: &Panels) -> f64 {
    let parts: Vec<f64> = Tile::all(a.rows(), b.rows())
        .into_par_iter()
        .with_max_len(1)
        .map_init(Vec::new, |entries, tile| {
            tile.of_product(a, b, entries);
            dot(entries, entries)
        })
        .collect();
    parts.iter().sum()
}

/// A Gram matrix's tiles on and above the diagonal.
#[derive(Clone, Copy)]
enum Gram<'a> {
    /// A tile to be computed from the rows of a matrix.
    Of(&'a Panels),
    /// Tiles computed before, of a matrix of this many rows.
    Kept(&'a [Vec<f32>], usize),
}

impl Gram<'_> {
    const fn rows(self) -> usize {
        match self {
            Self::Of(matrix) => matrix.rows(),
            Self::Kept(_, rows) => rows,
        }
    }

    /// The tile that is `index` in their order.
    fn tile<'t>(&'t self, index: usize, tile: &Tile, scratch: &'t mut Vec<f32>) -> &'t [f32] {
        match self {
            Self::Of(matrix) => {
                tile.of_product(matrix, matrix, scratch);
                scratch
            }
            Self::Kept(tiles, _) => &tiles[index],
        }
    }
}

/// The totals of `sums` over the entries of two Gram matrices of one size. `sums` must give zero for zeros.
fn over_grams<const TERMS: usize>(
    k: Gram<'_>,
    l: Gram<'_>,
    sums: impl Fn(&[f32], &[f32]) -> [f64; TERMS] + Sync,
) -> [f64; TERMS] {
    debug_assert_eq!(k.rows(), l.rows());
    over_tiles(k.rows(), |index, tile, (k_scratch, l_scratch)| {
        let k = k.tile(index, tile, k_scratch);
        let l = l.tile(index, tile, l_scratch);
        tile.sums(k, l, &sums)
    })
}

/// The total of `sums` over the tiles of symmetric matrices, each with its index.
fn over_tiles<Scratch: Default, const TERMS: usize>(
    rows: usize,
    sums: impl Fn(usize, &Tile, &mut Scratch) -> [f64; TERMS] + Sync,
) -> [f64; TERMS] {
    let parts: Vec<[f64; TERMS]> = Tile::on_and_above_diagonal(rows)
        .into_par_iter()
        .enumerate()
        .with_max_len(1)
        .map_init(Scratch::default, |scratch, (index, tile)| {
            sums(index, &tile, scratch)
        })
        .collect();
    let mut total = [0.0; TERMS];
    for part in parts {
        for (total, sum) in total.iter_mut().zip(part) {
            *total += sum;
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;
    use crate::panels::Side;

    fn panels(values: &Array2<f32>, side: Side) -> Panels {
        let (tokens, dim) = values.dim();
        let values = values.as_slice().unwrap();
        Panels::of(side, tokens, dim, |out, token, channels| {
            out.copy_from_slice(&values[token * dim..][channels]);
        })
    }

    fn gram(a: &Array2<f32>) -> Array2<f64> {
        let a = a.mapv(f64::from);
        a.dot(&a.t())
    }

    /// Against ndarray's own products in double precision.
    fn check(a: &Array2<f32>, b: &Array2<f32>) {
        let close = |actual: f64, expected: f64| {
            assert!(
                (actual - expected).abs() <= 1e-5 * expected.abs().max(1.0),
                "{actual} {expected}"
            );
        };
        let (k, l) = (gram(a), gram(b));
        for (route, side) in [
            (Route::Gram, Side::Tokens),
            (Route::Columns, Side::Channels),
        ] {
            let laid_out = |values| panels(values, side);
            let products = GramProducts::of(route, &laid_out(a), &laid_out(b));
            close(products.xx, (&k * &k).sum());
            close(products.yy, (&l * &l).sum());
            close(products.xy, (&k * &l).sum());

            let kept = KeptGram::of(route, laid_out(a)).products(&laid_out(b));
            close(kept.xx, products.xx);
            close(kept.yy, products.yy);
            close(kept.xy, products.xy);
        }
        for (route, side) in [
            (Route::Gram, Side::Tokens),
            (Route::Columns, Side::Channels),
        ] {
            let [sum, difference] = [a + b, a - b].map(|matrix| panels(&matrix, side));
            let near = NearProducts::of(route, &sum, &difference);
            close(near.kk, (&k * &k).sum());
            close(near.kd, (&k * (&k - &l)).sum());
            close(near.dd, (&k - &l).mapv(|entry| entry * entry).sum());
        }
        let squares = (k - l).mapv(|entry| entry * entry);
        let (sum, difference) = (a + b, a - b);
        let [sum, difference] = [sum, difference].map(|matrix| panels(&matrix, Side::Tokens));
        close(
            squared_difference_of_grams(&sum, &difference),
            squares.sum(),
        );
    }

    /// Across panels, blocks and tiles.
    #[test]
    fn agrees_with_another_product_across_tiles() {
        for (rows, dim) in [1, 47, 48, 49, 144, 231, 232, 233, 580, 817]
            .into_iter()
            .flat_map(|rows| [(rows, 20), (rows, 390), (20, rows), (rows, rows)])
        {
            let fill = |salt: usize| {
                Array2::from_shape_fn((rows, dim), |(i, j)| {
                    ((i * 31 + j * salt) % 17) as f32 - 8.0
                })
            };
            check(&fill(7), &fill(11));
        }
    }

    #[test]
    fn the_cheaper_route_is_taken() {
        assert_eq!(Route::of(257, 1536), Route::Gram);
        assert_eq!(Route::of(3072, 1536), Route::Gram);
        assert_eq!(Route::of(3073, 1536), Route::Columns);
    }

    proptest! {
        #[test]
        fn agrees_with_another_product(
            (rows, values) in (1usize..12, 1usize..12).prop_flat_map(|(rows, dim)| {
                (Just(rows), prop::collection::vec(-9i8..9, 2 * rows * dim))
            }),
        ) {
            let dim = values.len() / (2 * rows);
            let values = Array2::from_shape_vec((2 * rows, dim), values).unwrap().mapv(f32::from);
            let (a, b) = values.view().split_at(ndarray::Axis(0), rows);
            check(&a.to_owned(), &b.to_owned());
        }
    }
}
