//! Products of matrices whose values are integers in `f64`.
//!
//! The sums are exact while they stay below 2^53, so neither the order of the terms nor the width of the
//! vectors can change a result.

use pulp::{Arch, Simd, WithSimd};

/// Rows of weights that lie side by side in a panel: three vectors of the widest kind.
const PANEL: usize = 24;

/// Vectors of a panel that are multiplied at a time. With as many columns as the registers allow, every sum
/// stays in a register of its own.
const VECTORS: usize = 3;

/// Columns of a block with 32 vector registers, and with fewer.
const WIDE: usize = 8;
const NARROW: usize = 4;

/// A matrix of weights, `[rows, depth]`, in the order in which products read it.
///
/// Its rows are cut into panels of [`PANEL`]; a panel is its rows' values in one column, then in the next. Rows
/// that the last panel lacks are zeros.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Panels {
    rows: usize,
    depth: usize,
    values: Vec<f64>,
}

/// A matrix `[depth, columns]` by rows, each of which zeros fill up to a whole number of blocks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Columns {
    columns: usize,
    values: Vec<f64>,
}

impl Panels {
    /// Lays out a matrix of which `value` gives the value at a row and a column.
    pub(super) fn new(rows: usize, depth: usize, value: impl Fn(usize, usize) -> f64) -> Self {
        let mut values = vec![0.0; rows.next_multiple_of(PANEL) * depth];
        for row in 0..rows {
            let first = row / PANEL * PANEL * depth + row % PANEL;
            let places = values[first..].iter_mut().step_by(PANEL);
            for (column, place) in (0..depth).zip(places) {
                *place = value(row, column);
            }
        }
        Self {
            rows,
            depth,
            values,
        }
    }

    /// Values in a row.
    pub(super) const fn depth(&self) -> usize {
        self.depth
    }

    /// The product with `columns`, `[rows, columns]` by rows.
    pub(super) fn times(&self, columns: &Columns) -> Vec<f64> {
        let mut products = vec![0.0; self.rows * columns.columns];
        if products.is_empty() || self.depth == 0 {
            return products;
        }
        let panels = self.values.chunks_exact(PANEL * self.depth);
        let rows = products.chunks_mut(PANEL * columns.columns);
        for (panel, products) in panels.zip(rows) {
            Arch::new().dispatch(Product {
                panel,
                columns,
                products,
            });
        }
        products
    }
}

impl Columns {
    /// A matrix of zeros.
    pub(super) fn zeros(depth: usize, columns: usize) -> Self {
        Self {
            columns,
            values: vec![0.0; depth * columns.next_multiple_of(WIDE)],
        }
    }

    /// The rows, each without what fills it up.
    pub(super) fn rows_mut(&mut self) -> impl Iterator<Item = &mut [f64]> {
        let (columns, stride) = (self.columns, self.stride());
        let rows = self.values.chunks_exact_mut(stride.max(1));
        rows.map(move |row| &mut row[..columns])
    }

    const fn stride(&self) -> usize {
        self.columns.next_multiple_of(WIDE)
    }
}

/// One panel times all columns.
struct Product<'a> {
    panel: &'a [f64],
    columns: &'a Columns,
    /// The panel's rows of the product.
    products: &'a mut [f64],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[expect(
        clippy::inline_always,
        reason = "only what is inlined into the dispatcher is compiled for wide vectors"
    )]
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 {
            self.blocks::<S, WIDE>(simd);
        } else {
            self.blocks::<S, NARROW>(simd);
        }
    }
}

impl Product<'_> {
    /// Computes the product `COLUMNS` columns at a time.
    #[expect(clippy::inline_always, reason = "as above")]
    #[inline(always)]
    fn blocks<S: Simd, const COLUMNS: usize>(self, simd: S) {
        let height = VECTORS * S::F64_LANES;
        let (panel, _) = self.panel.as_chunks::<PANEL>();
        let (inputs, _) = self.columns.values.as_chunks::<COLUMNS>();
        let columns = self.columns.columns;
        let mut block = [0.0; PANEL * WIDE];
        for first in (0..columns).step_by(COLUMNS) {
            let inputs = inputs[first / COLUMNS..].iter();
            let inputs = inputs.step_by(self.columns.stride() / COLUMNS);
            for top in (0..PANEL).step_by(height) {
                let block = &mut block[..height * COLUMNS];
                multiply::<S, COLUMNS>(simd, block, panel, top, inputs.clone());
                let rows = self.products.chunks_exact_mut(columns).skip(top);
                for (lane, row) in rows.take(height).enumerate() {
                    let row = row[first..].iter_mut().take(COLUMNS);
                    for (product, column) in row.zip(block.chunks_exact(height)) {
                        *product = column[lane];
                    }
                }
            }
        }
    }
}

/// Multiplies the panel's rows from `top` on with a few columns; `block` gets the products, column by column.
#[expect(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn multiply<'c, S: Simd, const COLUMNS: usize>(
    simd: S,
    block: &mut [f64],
    panel: &[[f64; PANEL]],
    top: usize,
    columns: impl Iterator<Item = &'c [f64; COLUMNS]>,
) {
    let mut sums = [[simd.splat_f64s(0.0); VECTORS]; COLUMNS];
    for (weights, column) in panel.iter().zip(columns) {
        let (weights, _) = S::as_simd_f64s(&weights[top..]);
        let weights: [S::f64s; VECTORS] = std::array::from_fn(|vector| weights[vector]);
        for (sums, &input) in sums.iter_mut().zip(column) {
            let input = simd.splat_f64s(input);
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = simd.mul_add_e_f64s(weight, input, *sum);
            }
        }
    }
    let (block, _) = S::as_mut_simd_f64s(block);
    block.copy_from_slice(sums.as_flattened());
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPTH: usize = 37;

    fn weight(row: usize, column: usize) -> f64 {
        ((row * 31 + column * 7) % 65_536) as f64 - 32_768.0
    }

    fn input(row: usize, column: usize) -> f64 {
        ((row * 1_009 + column * 8_191) % 33_554_432) as f64 - 16_777_216.0
    }

    /// The product with all of its sums in 128-bit integers.
    fn by_definition(rows: usize, columns: usize) -> Vec<f64> {
        let sum = |row, column| {
            let terms = (0..DEPTH).map(|k| weight(row, k) as i128 * input(k, column) as i128);
            terms.sum::<i128>() as f64
        };
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        places.map(|(row, column)| sum(row, column)).collect()
    }

    fn columns(count: usize) -> Columns {
        let mut columns = Columns::zeros(DEPTH, count);
        for (row, values) in columns.rows_mut().enumerate() {
            for (column, value) in values.iter_mut().enumerate() {
                *value = input(row, column);
            }
        }
        columns
    }

    #[test]
    fn products_of_any_extent_are_exact() {
        for rows in [1, PANEL - 1, PANEL, 2 * PANEL + 5] {
            let panels = Panels::new(rows, DEPTH, weight);
            for count in [0, 1, WIDE, 3 * WIDE + 5] {
                let products = panels.times(&columns(count));
                assert_eq!(products, by_definition(rows, count), "{rows} x {count}");
            }
        }
    }

    fn check(simd: impl Simd) {
        let panels = Panels::new(PANEL, DEPTH, weight);
        let columns = columns(2 * WIDE + 1);
        let mut products = vec![0.0; PANEL * columns.columns];
        simd.vectorize(Product {
            panel: &panels.values,
            columns: &columns,
            products: &mut products,
        });
        assert_eq!(products, by_definition(PANEL, columns.columns));
    }

    #[test]
    fn without_vectors_products_are_exact() {
        check(pulp::Scalar::new());
    }

    /// Every kind of vector that this processor has.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn with_vectors_products_are_exact() {
        use pulp::x86::{V3, V4};
        if let Some(simd) = V3::try_new() {
            check(simd);
        }
        if let Some(simd) = V4::try_new() {
            check(simd);
        }
    }
}
