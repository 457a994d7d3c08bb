//! Sums over Gram matrices, tile by tile, so that no matrix need be kept.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use crate::lanes::{dot, sums_of_pairs};

/// Inner products of K = X·Xᵀ and L = Y·Yᵀ, which CKA is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GramProducts {
    /// ⟨K, K⟩.
    pub(crate) xx: f64,
    /// ⟨L, L⟩.
    pub(crate) yy: f64,
    /// ⟨K, L⟩.
    pub(crate) xy: f64,
}

impl GramProducts {
    /// Those of two matrices of one shape.
    ///
    /// For N rows of D columns, the two Gram matrices take N²D multiplications. Since ⟨K, L⟩ = ‖YᵀX‖², the
    /// three products over columns do as well, with 2·N·D²: Gram matrices win up to N = 2D.
    pub(crate) fn of(x: MatRef<'_, f32>, y: MatRef<'_, f32>) -> Self {
        if is_tall(x) {
            let (x, y) = (x.transpose(), y.transpose());
            let (xx, (yy, xy)) = rayon::join(
                || squared_norm(Gram::Of(x)),
                || {
                    rayon::join(
                        || squared_norm(Gram::Of(y)),
                        || squared_norm_of_product(x, y),
                    )
                },
            );
            return Self { xx, yy, xy };
        }
        let (x, y) = (Gram::Of(x), Gram::Of(y));
        let [xx, yy, xy] = over_grams(x, y, |k, l| [k * k, l * l, k * l]).all();
        Self { xx, yy, xy }
    }
}

/// What [`GramProducts`] need of one matrix, X, to be had for any number of others.
pub(crate) enum KeptGram {
    /// K, where it is not larger than the products over columns.
    Tiles { tiles: Vec<Vec<f32>>, xx: f64 },
    /// Otherwise only ⟨K, K⟩.
    Norm { xx: f64 },
}

impl KeptGram {
    pub(crate) fn of(x: MatRef<'_, f32>) -> Self {
        if is_tall(x) {
            let xx = squared_norm(Gram::Of(x.transpose()));
            return Self::Norm { xx };
        }
        let tiles: Vec<Vec<f32>> = Tile::on_and_below_diagonal(x.nrows())
            .into_par_iter()
            .with_max_len(1)
            .map(|tile| {
                let mut entries = Vec::new();
                tile.of_gram(x, &mut entries);
                entries
            })
            .collect();
        let xx = squared_norm(Gram::Kept(&tiles, x.nrows()));
        Self::Tiles { tiles, xx }
    }

    /// The products of the matrix that was given to [`Self::of`] and another of its shape.
    pub(crate) fn products(&self, x: MatRef<'_, f32>, y: MatRef<'_, f32>) -> GramProducts {
        match *self {
            Self::Norm { xx } => {
                let (x, y) = (x.transpose(), y.transpose());
                let (yy, xy) = rayon::join(
                    || squared_norm(Gram::Of(y)),
                    || squared_norm_of_product(x, y),
                );
                GramProducts { xx, yy, xy }
            }
            Self::Tiles { ref tiles, xx } => {
                let x = Gram::Kept(tiles, x.nrows());
                let [yy, xy] = over_grams(x, Gram::Of(y), |k, l| [l * l, k * l]).all();
                GramProducts { xx, yy, xy }
            }
        }
    }
}

/// `Σ (A·Aᵀ − B·Bᵀ)²` over the entries below the diagonal; A and B have equally many rows.
pub(crate) fn squared_difference_of_grams(a: MatRef<'_, f32>, b: MatRef<'_, f32>) -> f64 {
    let [sum] = over_grams(Gram::Of(a), Gram::Of(b), |a, b| [(a - b) * (a - b)]).below;
    sum
}

/// Whether a matrix has so many rows that products over its columns are cheaper than its Gram matrix.
fn is_tall(x: MatRef<'_, f32>) -> bool {
    x.nrows() > 2 * x.ncols()
}

/// ⟨K, K⟩.
fn squared_norm(k: Gram<'_>) -> f64 {
    let [sum] = over_tiles(k.size(), |index, tile, scratch| {
        let k = k.tile(index, tile, scratch);
        tile.sums(k, k, |entry, _| [entry * entry])
    })
    .all();
    sum
}

/// ‖A·Bᵀ‖²_F.
fn squared_norm_of_product(a: MatRef<'_, f32>, b: MatRef<'_, f32>) -> f64 {
    let parts: Vec<f64> = Tile::all(a.nrows(), b.nrows())
        .into_par_iter()
        .with_max_len(1)
        .map_init(Vec::new, |scratch, tile| {
            tile.of_product(a, b, scratch);
            dot(scratch, scratch)
        })
        .collect();
    parts.iter().sum()
}

/// A Gram matrix's tiles on and below the diagonal.
#[derive(Clone, Copy)]
enum Gram<'a> {
    /// To be computed from the rows of a matrix.
    Of(MatRef<'a, f32>),
    /// Computed before, of so many rows.
    Kept(&'a [Vec<f32>], usize),
}

impl Gram<'_> {
    fn size(self) -> usize {
        match self {
            Self::Of(rows) => rows.nrows(),
            Self::Kept(_, size) => size,
        }
    }

    /// The tile that is `index` in their order.
    fn tile<'t>(&'t self, index: usize, tile: &Tile, scratch: &'t mut Vec<f32>) -> &'t [f32] {
        match self {
            Self::Of(rows) => {
                tile.of_gram(*rows, scratch);
                scratch
            }
            Self::Kept(tiles, _) => &tiles[index],
        }
    }
}

/// Sums over the entries of symmetric matrices.
struct SymmetricSums<const TERMS: usize> {
    /// Below the diagonal.
    below: [f64; TERMS],
    on_diagonal: [f64; TERMS],
}

impl<const TERMS: usize> SymmetricSums<TERMS> {
    const ZERO: Self = Self {
        below: [0.0; TERMS],
        on_diagonal: [0.0; TERMS],
    };

    /// Over all entries.
    fn all(&self) -> [f64; TERMS] {
        std::array::from_fn(|term| 2.0 * self.below[term] + self.on_diagonal[term])
    }
}

/// `Σ terms(k, l)` over the entries of two Gram matrices of one size; `terms` of two zeros are zero.
fn over_grams<const TERMS: usize>(
    k: Gram<'_>,
    l: Gram<'_>,
    terms: impl Fn(f64, f64) -> [f64; TERMS] + Sync,
) -> SymmetricSums<TERMS> {
    debug_assert_eq!(k.size(), l.size());
    over_tiles(k.size(), |index, tile, (k_scratch, l_scratch)| {
        let k = k.tile(index, tile, k_scratch);
        let l = l.tile(index, tile, l_scratch);
        tile.sums(k, l, &terms)
    })
}

/// The sum of what `sums` finds in the tiles of symmetric matrices, each with its index.
fn over_tiles<Scratch: Default, const TERMS: usize>(
    size: usize,
    sums: impl Fn(usize, &Tile, &mut Scratch) -> SymmetricSums<TERMS> + Sync,
) -> SymmetricSums<TERMS> {
    let parts: Vec<SymmetricSums<TERMS>> = Tile::on_and_below_diagonal(size)
        .into_par_iter()
        .enumerate()
        .with_max_len(1)
        .map_init(Scratch::default, |scratch, (index, tile)| {
            sums(index, &tile, scratch)
        })
        .collect();
    parts.iter().fold(SymmetricSums::ZERO, |mut sums, part| {
        for term in 0..TERMS {
            sums.below[term] += part.below[term];
            sums.on_diagonal[term] += part.on_diagonal[term];
        }
        sums
    })
}

/// Rows and columns of a product that one task computes: a product of those rows of one matrix and, as
/// columns, those rows of another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tile {
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Tile {
    /// The tiles of a symmetric matrix but for those above the diagonal. Those on it, of which only half is
    /// computed, come last and even out what the threads have to do.
    fn on_and_below_diagonal(size: usize) -> Vec<Self> {
        let sides = sides(size);
        let below = sides.iter().enumerate().flat_map(|(index, rows)| {
            let left = sides[..index].iter();
            left.map(|columns| Self {
                rows: rows.clone(),
                columns: columns.clone(),
            })
        });
        let on = sides.iter().map(|side| Self {
            rows: side.clone(),
            columns: side.clone(),
        });
        below.chain(on).collect()
    }

    fn all(rows: usize, columns: usize) -> Vec<Self> {
        let columns = sides(columns);
        let tiles = sides(rows).into_iter().flat_map(|rows| {
            columns.iter().map(move |columns| Self {
                rows: rows.clone(),
                columns: columns.clone(),
            })
        });
        tiles.collect()
    }

    fn on_diagonal(&self) -> bool {
        self.rows == self.columns
    }

    /// This tile of a·aᵀ, column by column; on the diagonal, zeros above it.
    fn of_gram(&self, a: MatRef<'_, f32>, out: &mut Vec<f32>) {
        if !self.on_diagonal() {
            return self.of_product(a, a, out);
        }
        let rows = a.subrows(self.rows.start, self.rows.len());
        triangular::matmul(
            self.blank(out),
            BlockStructure::TriangularLower,
            Accum::Replace,
            rows,
            BlockStructure::Rectangular,
            rows.transpose(),
            BlockStructure::Rectangular,
            1.0,
            Par::Seq,
        );
    }

    /// This tile of a·bᵀ, column by column.
    fn of_product(&self, a: MatRef<'_, f32>, b: MatRef<'_, f32>, out: &mut Vec<f32>) {
        let rows = a.subrows(self.rows.start, self.rows.len());
        let columns = b.subrows(self.columns.start, self.columns.len());
        let product = self.blank(out);
        matmul(
            product,
            Accum::Replace,
            rows,
            columns.transpose(),
            1.0,
            Par::Seq,
        );
    }

    /// A tile of zeros.
    fn blank<'o>(&self, out: &'o mut Vec<f32>) -> MatMut<'o, f32> {
        let (height, width) = (self.rows.len(), self.columns.len());
        out.clear();
        out.resize(height * width, 0.0);
        MatMut::from_column_major_slice_mut(out, height, width)
    }

    /// Over this tile of two Gram matrices.
    fn sums<const TERMS: usize>(
        &self,
        k: &[f32],
        l: &[f32],
        terms: impl Fn(f64, f64) -> [f64; TERMS],
    ) -> SymmetricSums<TERMS> {
        let mut sums = SymmetricSums {
            below: sums_of_pairs(k, l, &terms),
            ..SymmetricSums::ZERO
        };
        if self.on_diagonal() {
            let step = self.rows.len() + 1;
            for (&k, &l) in k.iter().step_by(step).zip(l.iter().step_by(step)) {
                let terms = terms(k.into(), l.into());
                for (term, value) in terms.into_iter().enumerate() {
                    sums.on_diagonal[term] += value;
                    sums.below[term] -= value;
                }
            }
        }
        sums
    }
}

/// Cuts rows into sides of tiles. Large tiles reuse more of what is in the cache; of a small product they
/// would leave a core idle. Sides are whole vectors, but for the last.
fn sides(size: usize) -> Vec<Range<usize>> {
    let most = if size < 512 { 64 } else { 384 };
    let side = size.div_ceil(size.div_ceil(most)).next_multiple_of(VECTOR);
    let starts = (0..size).step_by(side);
    starts.map(|start| start..size.min(start + side)).collect()
}

/// `f32` values in the widest vectors.
const VECTOR: usize = 16;

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    fn matrix(values: &Array2<f32>) -> MatRef<'_, f32> {
        let slice = values.as_slice().unwrap();
        MatRef::from_row_major_slice(slice, values.nrows(), values.ncols())
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
        let (a, b) = (matrix(a), matrix(b));
        let products = GramProducts::of(a, b);
        close(products.xx, (&k * &k).sum());
        close(products.yy, (&l * &l).sum());
        close(products.xy, (&k * &l).sum());

        let kept = KeptGram::of(a).products(a, b);
        close(kept.xx, products.xx);
        close(kept.yy, products.yy);
        close(kept.xy, products.xy);

        let squares = (k - l).mapv(|entry| entry * entry);
        let below = (squares.sum() - squares.diag().sum()) / 2.0;
        close(squared_difference_of_grams(a, b), below);
    }

    /// Wide matrices and tall ones.
    #[test]
    fn agrees_with_another_product_across_tiles() {
        for (rows, dim) in [1, 63, 64, 65, 144, 511, 512, 640]
            .into_iter()
            .flat_map(|rows| [(rows, 20), (rows, 330), (20, rows), (rows, rows)])
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
    fn sides_cover_all_rows_once() {
        for size in 1..2000 {
            let sides = sides(size);
            assert_eq!((sides[0].start, sides[sides.len() - 1].end), (0, size));
            assert!(sides.windows(2).all(|pair| pair[0].end == pair[1].start));
        }
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
