//! Products of tall and wide `f32` matrices, of which CKA needs inner products and norms.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use crate::lanes::{dot, squared_distance};

/// Rows of a product that one task computes. Large blocks reuse more of what is in the cache; of a small
/// product they would leave a core idle. Measured on two cores: 48 rows are best for a product of 257 rows,
/// 128 take a tenth to a seventh less time than that from 1370 on.
const fn block_rows(size: usize) -> usize {
    if size < 512 { 48 } else { 128 }
}

/// A·Aᵀ, with its Frobenius norm.
///
/// Row-major; only the entries on and below the diagonal are meaningful.
pub(crate) struct Gram {
    entries: Vec<f32>,
    size: usize,
    norm: f64,
}

impl Gram {
    /// The Gram matrix of the rows of `a`.
    pub(crate) fn of(a: MatRef<'_, f32>) -> Self {
        let size = a.nrows();
        let mut entries = vec![0.0; size * size];
        let block_rows = block_rows(size);
        entries
            .par_chunks_mut(block_rows * size)
            .enumerate()
            .for_each(|(block, out)| {
                let (first, rows) = (block * block_rows, out.len() / size);
                let out = MatMut::from_row_major_slice_mut(out, rows, size);
                let reach = first + rows;
                multiply(
                    out.subcols_mut(0, reach),
                    a.subrows(first, rows),
                    a.subrows(0, reach),
                );
            });
        let mut gram = Self {
            entries,
            size,
            norm: 0.0,
        };
        gram.norm = gram.inner(&gram).sqrt();
        gram
    }

    /// ‖A·Aᵀ‖_F.
    pub(crate) const fn norm(&self) -> f64 {
        self.norm
    }

    /// ⟨A·Aᵀ, B·Bᵀ⟩_F = ‖AᵀB‖²_F.
    pub(crate) fn inner(&self, other: &Self) -> f64 {
        debug_assert_eq!(self.size, other.size);
        let rows: Vec<f64> = (0..self.size)
            .into_par_iter()
            .with_min_len(block_rows(self.size))
            .map(|row| {
                let (a, b) = (self.row(row), other.row(row));
                2.0 * dot(&a[..row], &b[..row]) + f64::from(a[row]) * f64::from(b[row])
            })
            .collect();
        rows.iter().sum()
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.entries[row * self.size..][..=row]
    }
}

/// ‖A·Bᵀ‖²_F, without keeping the product.
pub(crate) fn squared_norm_of_product(a: MatRef<'_, f32>, b: MatRef<'_, f32>) -> f64 {
    let block_rows = block_rows(a.nrows());
    let blocks: Vec<f64> = (0..a.nrows().div_ceil(block_rows))
        .into_par_iter()
        .map(|block| {
            let first = block * block_rows;
            let rows = block_rows.min(a.nrows() - first);
            let mut product = vec![0.0; rows * b.nrows()];
            let out = MatMut::from_row_major_slice_mut(&mut product, rows, b.nrows());
            multiply(out, a.subrows(first, rows), b);
            dot(&product, &product)
        })
        .collect();
    blocks.iter().sum()
}

/// `Σ (A·Aᵀ − B·Bᵀ)²` over the entries below the diagonal, without keeping the products; A and B have
/// equally many rows.
pub(crate) fn squared_difference_of_grams(a: MatRef<'_, f32>, b: MatRef<'_, f32>) -> f64 {
    debug_assert_eq!(a.nrows(), b.nrows());
    let size = a.nrows();
    let block_rows = block_rows(size);
    let blocks: Vec<f64> = (0..size.div_ceil(block_rows))
        .into_par_iter()
        .map(|block| {
            let first = block * block_rows;
            let rows = block_rows.min(size - first);
            let reach = first + rows;
            let product = |of: MatRef<'_, f32>| {
                let mut product = vec![0.0; rows * reach];
                let out = MatMut::from_row_major_slice_mut(&mut product, rows, reach);
                multiply(out, of.subrows(first, rows), of.subrows(0, reach));
                product
            };
            let (a, b) = (product(a), product(b));
            let below = |row: usize| row * reach..row * reach + first + row;
            let differences = (0..rows).map(|row| squared_distance(&a[below(row)], &b[below(row)]));
            differences.sum()
        })
        .collect();
    blocks.iter().sum()
}

/// `out = a·bᵀ` on this thread.
fn multiply(out: MatMut<'_, f32>, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
    matmul(out, Accum::Replace, a, b.transpose(), 1.0, Par::Seq);
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    fn matrix(values: &Array2<f32>) -> MatRef<'_, f32> {
        let slice = values.as_slice().unwrap();
        MatRef::from_row_major_slice(slice, values.nrows(), values.ncols())
    }

    /// ‖A·Bᵀ‖²_F by ndarray's own product in double precision.
    fn by_ndarray(a: &Array2<f32>, b: &Array2<f32>) -> f64 {
        let (a, b) = (a.mapv(f64::from), b.mapv(f64::from));
        a.dot(&b.t()).mapv(|entry| entry * entry).sum()
    }

    fn check(a: &Array2<f32>, b: &Array2<f32>) {
        let close = |actual: f64, expected: f64| {
            assert!(
                (actual - expected).abs() <= 1e-5 * expected,
                "{actual} {expected}"
            );
        };
        let (gram_a, gram_b) = (Gram::of(matrix(a)), Gram::of(matrix(b)));
        close(gram_a.norm().powi(2), by_ndarray(a, a));
        let differences = {
            let gram = |m: &Array2<f32>| m.mapv(f64::from).dot(&m.mapv(f64::from).t());
            let squares = (gram(a) - gram(b)).mapv(|entry| entry * entry);
            (squares.sum() - squares.diag().sum()) / 2.0
        };
        let below = squared_difference_of_grams(matrix(a), matrix(b));
        assert!((below - differences).abs() <= 1e-5 * differences.max(1.0));
        let (at, bt) = (a.t().to_owned(), b.t().to_owned());
        close(gram_a.inner(&gram_b), by_ndarray(&at, &bt));
        close(
            squared_norm_of_product(matrix(a), matrix(b)),
            by_ndarray(a, b),
        );
    }

    #[test]
    fn agrees_with_another_product_across_block_borders() {
        for rows in [1, 47, 48, 49, 144, 511, 512, 513, 640] {
            let fill = |salt: usize| {
                Array2::from_shape_fn((rows, 20), |(i, j)| ((i * 31 + j * salt) % 17) as f32 - 8.0)
            };
            check(&fill(7), &fill(11));
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
