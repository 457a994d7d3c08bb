//! Products of two panels with two others by seven multiplications of halves instead of eight: V. Strassen,
//! "Gaussian elimination is not optimal", Numerische Mathematik 13 (1969).
//!
//! The rows of one panel above those of another, cut in half by columns, are a matrix A of 2×2 quarters, and
//! so is Bᵀ of two more. The blocks of A·B are sums of products of sums of quarters. What must be
//! computed of the quarters of one panel is shared by all that it is multiplied with.

use pulp::{Arch, Simd, WithSimd};

use crate::kernel::{PANEL, PRODUCT, add_products};
use crate::panels::Block;

/// Pairs of panels that are multiplied with each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quads {
    /// The first panels of A's pairs; the second ones follow them.
    pub(crate) rows: Vec<usize>,
    /// The first panels of B's pairs.
    pub(crate) columns: Vec<usize>,
    /// `true` if pairs of rows are multiplied only with pairs of columns that come after them.
    pub(crate) symmetric: bool,
}

/// Sums over columns of A of the products of A's factors with B's, each as [`add_products`] arranges it.
pub(crate) type FactorsProducts = [[f32; PRODUCT]; FACTORS];

/// The number of factors of A and of B.
pub(crate) const FACTORS: usize = 7;

type Factors<'a> = [&'a [f32]; FACTORS];

/// The number of factors that are sums of quarters; the others are quarters.
const SUMS: usize = 5;

/// Scratch space for sums of quarters.
#[derive(Default)]
pub(crate) struct SumsRoom {
    rows: Vec<f32>,
    columns: Vec<f32>,
}

impl Quads {
    /// The first panels of rows and of columns, in the order in which products are kept.
    pub(crate) fn firsts(&self) -> impl Iterator<Item = (usize, usize)> {
        self.columns.iter().flat_map(move |&column| {
            let rows = self
                .rows
                .iter()
                .filter(move |&&row| self.multiplies(row, column));
            rows.map(move |&row| (row, column))
        })
    }

    fn multiplies(&self, row: usize, column: usize) -> bool {
        !self.symmetric || row < column
    }

    /// Adds the contribution of these columns of A and of B to each quad's sums.
    pub(crate) fn add_products(
        &self,
        sums: &mut [FactorsProducts],
        a: Block<'_>,
        b: Block<'_>,
        room: &mut SumsRoom,
    ) {
        if self.rows.is_empty() || self.columns.is_empty() {
            return;
        }
        let len = SUMS * a.panel_len() / 2;
        room.rows.resize(self.rows.len() * len, 0.0);
        room.columns.resize(len, 0.0);
        let rows = self.rows.iter().zip(room.rows.chunks_exact_mut(len));
        let rows: Vec<_> = rows
            .map(|(&row, sums)| (row, factors_of_rows(a, row, sums)))
            .collect();
        let mut sums = sums.iter_mut();
        for &column in &self.columns {
            let columns = factors_of_columns(b, column, &mut room.columns);
            let rows = rows.iter().filter(|(row, _)| self.multiplies(*row, column));
            for ((_, rows), sums) in rows.zip(&mut sums) {
                for ((sums, a), b) in sums.iter_mut().zip(rows).zip(columns) {
                    add_products(sums, a, b, PANEL);
                }
            }
        }
    }
}

/// The products of the panels of a quad: those of both rows' panels with the first of the columns', then with
/// the second.
pub(crate) fn products_of_panels(factors: &FactorsProducts, panels: &mut [[f32; PRODUCT]; 4]) {
    let [m1, m2, m3, m4, m5, m6, m7] = factors;
    let [c11, c21, c12, c22] = panels;
    for place in 0..PRODUCT {
        c11[place] = m1[place] + m4[place] - m5[place] + m7[place];
        c21[place] = m2[place] + m4[place];
        c12[place] = m3[place] + m5[place];
        c22[place] = m1[place] - m2[place] + m3[place] + m6[place];
    }
}

/// The factors of A: of the rows of panel `first` and the next. Those that are sums are put into `sums`.
fn factors_of_rows<'a>(block: Block<'a>, first: usize, sums: &'a mut [f32]) -> Factors<'a> {
    let [[a11, a12], [a21, a22]] = [first, first + 1].map(|panel| halves(block, panel));
    let [s1, s2, s3, s4, s5] = Sums::of([[a11, a12], [a21, a22]], sums);
    [s1, s2, a11, a22, s3, s4, s5]
}

/// The factors of B, whose columns are the rows of panel `first` and the next.
fn factors_of_columns<'a>(block: Block<'a>, first: usize, sums: &'a mut [f32]) -> Factors<'a> {
    let [[b11, b21], [b12, b22]] = [first, first + 1].map(|panel| halves(block, panel));
    let [s1, s2, s3, s4, s5] = Sums::of([[b11, b12], [b21, b22]], sums);
    [s1, b11, s5, s4, b22, s3, s2]
}

fn halves(block: Block<'_>, panel: usize) -> [&[f32]; 2] {
    let (one, two) = block.panel(panel).split_at(block.panel_len() / 2);
    [one, two]
}

/// The sums of quarters that are factors, of A and of B alike.
struct Sums<'a> {
    quarters: [[&'a [f32]; 2]; 2],
    sums: &'a mut [f32],
}

impl<'a> Sums<'a> {
    fn of(quarters: [[&[f32]; 2]; 2], sums: &'a mut [f32]) -> [&'a [f32]; SUMS] {
        let len = sums.len() / SUMS;
        Arch::new().dispatch(Sums { quarters, sums });
        std::array::from_fn(|sum| &sums[sum * len..][..len])
    }
}

impl WithSimd for Sums<'_> {
    type Output = ();

    #[expect(
        clippy::inline_always,
        reason = "only what is inlined into the dispatcher is compiled for wide vectors"
    )]
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (sums, _) = S::as_mut_simd_f32s(self.sums);
        let len = sums.len() / SUMS;
        let [[q11, q12], [q21, q22]] = self.quarters.map(|row| {
            row.map(|quarter| {
                let (quarter, _) = S::as_simd_f32s(quarter);
                &quarter[..len]
            })
        });
        let (s1, sums) = sums.split_at_mut(len);
        let (s2, sums) = sums.split_at_mut(len);
        let (s3, sums) = sums.split_at_mut(len);
        let (s4, s5) = sums.split_at_mut(len);
        let s5 = &mut s5[..len];
        for i in 0..len {
            s1[i] = simd.add_f32s(q11[i], q22[i]);
            s2[i] = simd.add_f32s(q21[i], q22[i]);
            s3[i] = simd.add_f32s(q11[i], q12[i]);
            s4[i] = simd.sub_f32s(q21[i], q11[i]);
            s5[i] = simd.sub_f32s(q12[i], q22[i]);
        }
    }
}
