//! The inner loop of matrix products.

use pulp::{Arch, Simd, WithSimd};

/// Rows that lie side by side in a panel: three vectors of the widest kind.
pub(crate) const PANEL: usize = 48;

/// Values of the product of two panels.
pub(crate) const PRODUCT: usize = PANEL * PANEL;

/// Vectors of rows of the first panel that are multiplied at a time. With as many columns as the registers
/// allow, every sum stays in a register of its own.
const VECTORS: usize = 3;

/// Adds the inner products of the rows of panel `a` with the first `width` rows of panel `b`, and of some
/// after them, to `sums`.
///
/// A panel is the values of its rows in one column of the matrix, then in the next. In which order the
/// products lie in `sums` depends on the processor, but not on the values: of two products of equally
/// wide panels, the same places hold the same rows' products. Each product is summed in the order of the
/// columns.
pub(crate) fn add_products(sums: &mut [f32; PRODUCT], a: &[f32], b: &[f32], width: usize) {
    debug_assert_eq!(a.len(), b.len());
    debug_assert!(a.len().is_multiple_of(PANEL) && width <= PANEL);
    Arch::new().dispatch(Products { sums, a, b, width });
}

struct Products<'a> {
    sums: &'a mut [f32; PRODUCT],
    a: &'a [f32],
    b: &'a [f32],
    width: usize,
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[expect(
        clippy::inline_always,
        reason = "only what is inlined into the dispatcher is compiled for wide vectors"
    )]
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 {
            self.add::<S, 8>(simd);
        } else {
            self.add::<S, 4>(simd);
        }
    }
}

impl Products<'_> {
    /// With so many COLUMNS of the product at a time.
    #[expect(clippy::inline_always, reason = "as above")]
    #[inline(always)]
    fn add<S: Simd, const COLUMNS: usize>(self, simd: S) {
        let height = VECTORS * S::F32_LANES;
        let stacked = PANEL / height;
        let (a, _) = self.a.as_chunks::<PANEL>();
        let (b, _) = self.b.as_chunks::<COLUMNS>();
        let blocks = self.sums.chunks_exact_mut(height * COLUMNS);
        let used = self.width.div_ceil(COLUMNS) * stacked;
        for (index, sums) in blocks.take(used).enumerate() {
            let (column, row) = (index / stacked, index % stacked * height);
            let b = b[column..].iter().step_by(PANEL / COLUMNS);
            add_block::<S, COLUMNS>(simd, sums, a, row, b);
        }
    }
}

/// Adds the inner products of the rows from `row` on of panel `a` with those of `b`, of which each item is
/// a column of the matrix.
#[expect(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn add_block<'b, S: Simd, const COLUMNS: usize>(
    simd: S,
    sums: &mut [f32],
    a: &[[f32; PANEL]],
    row: usize,
    b: impl Iterator<Item = &'b [f32; COLUMNS]>,
) {
    let mut products = [[simd.splat_f32s(0.0); VECTORS]; COLUMNS];
    for (a, b) in a.iter().zip(b) {
        let (a, _) = S::as_simd_f32s(&a[row..]);
        let a: [S::f32s; VECTORS] = std::array::from_fn(|vector| a[vector]);
        for (products, &b) in products.iter_mut().zip(b) {
            let b = simd.splat_f32s(b);
            for (product, a) in products.iter_mut().zip(a) {
                *product = simd.mul_add_e_f32s(a, b, *product);
            }
        }
    }
    let (sums, _) = S::as_mut_simd_f32s(sums);
    for (sum, product) in sums.iter_mut().zip(products.as_flattened()) {
        *sum = simd.add_f32s(*sum, *product);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns of the matrix: values that `f32` adds up without rounding.
    const DEPTH: usize = 37;

    fn panel(salt: usize) -> Vec<f32> {
        let value = |place: usize| ((place * salt) % 17) as f32 - 8.0;
        (0..DEPTH * PANEL).map(value).collect()
    }

    /// The products of the rows of `a` with the first `width` of `b`, in ascending order.
    fn expected(a: &[f32], b: &[f32], width: usize) -> Vec<f32> {
        let row = |panel: &[f32], row: usize| -> Vec<f32> {
            panel.iter().skip(row).step_by(PANEL).copied().collect()
        };
        let mut products = Vec::new();
        for a in (0..PANEL).map(|index| row(a, index)) {
            for b in (0..width).map(|index| row(b, index)) {
                products.push(a.iter().zip(b).map(|(a, b)| a * b).sum());
            }
        }
        products.sort_by(f32::total_cmp);
        products
    }

    fn check(simd: impl Simd) {
        let a = panel(7);
        for width in [PANEL, 8, 1] {
            let mut b = panel(11);
            for column in b.chunks_exact_mut(PANEL) {
                column[width..].fill(0.0);
            }
            let mut sums = [1.0; PRODUCT];
            simd.vectorize(Products {
                sums: &mut sums,
                a: &a,
                b: &b,
                width,
            });
            sums.sort_by(f32::total_cmp);
            let mut products = expected(&a, &b, PANEL);
            for product in &mut products {
                *product += 1.0;
            }
            assert_eq!(sums.as_slice(), products, "width {width}");
        }
    }

    #[test]
    fn without_vectors_products_are_as_defined() {
        check(pulp::Scalar::new());
    }

    /// Every kind of vector that this processor has.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn with_vectors_products_are_as_defined() {
        use pulp::x86::{V3, V4};
        if let Some(simd) = V3::try_new() {
            check(simd);
        }
        if let Some(simd) = V4::try_new() {
            check(simd);
        }
    }
}
