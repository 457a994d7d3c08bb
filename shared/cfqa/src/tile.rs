//! Products of matrices, cut into what one task computes.

use std::cell::RefCell;
use std::ops::Range;

use crate::kernel::{PANEL, PRODUCT, add_products};
use crate::panels::Panels;
use crate::strassen::{FACTORS, FactorsProducts, Quads, SumsRoom, products_of_panels};

/// The panels of a's rows and of b's rows that one task multiplies: panels of the rows and of the columns of
/// a·bᵀ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tile {
    singles: Vec<(usize, usize)>,
    quads: Quads,
}

/// Scratch space for a tile's products.
#[derive(Default)]
struct Room {
    of_factors: Vec<FactorsProducts>,
    sums: SumsRoom,
}

thread_local! {
    /// New memory for every tile would cost a tenth of a small tile's time.
    static ROOM: RefCell<Room> = RefCell::default();
}

impl Tile {
    /// The tiles of a symmetric matrix except those below the diagonal. The tiles on the diagonal, of which
    /// only half is computed, come last, to even out the threads' load.
    pub(crate) fn on_and_above_diagonal(rows: usize) -> Vec<Self> {
        let sides = sides(rows);
        let above = sides.iter().enumerate().flat_map(|(index, columns)| {
            let rows = sides[..index].iter();
            rows.map(move |rows| (rows, columns))
        });
        let on = sides.iter().map(|side| (side, side));
        let tiles = above.chain(on);
        tiles.map(|(a, b)| Self::of(a, b, true)).collect()
    }

    pub(crate) fn all(rows: usize, columns: usize) -> Vec<Self> {
        let columns = sides(columns);
        let tiles = sides(rows).into_iter().flat_map(|rows| {
            let tile = move |columns| Self::of(&rows, columns, false);
            columns.iter().map(tile)
        });
        tiles.collect()
    }

    /// Makes a tile. For a symmetric matrix, the part below the diagonal is left out.
    fn of(rows: &Range<usize>, columns: &Range<usize>, symmetric: bool) -> Self {
        let mut singles = Vec::new();
        for columns in twos(columns) {
            for rows in twos(rows) {
                let alike = symmetric && rows == columns;
                if rows.len() == 2 && columns.len() == 2 && !alike {
                    continue;
                }
                let pairs = columns.clone().flat_map(|column| {
                    let rows = rows.clone();
                    rows.map(move |row| (row, column))
                });
                singles.extend(pairs.filter(|(row, column)| !symmetric || row <= column));
            }
        }
        let firsts = |side| {
            let twos = twos(side).filter(|two| two.len() == 2);
            twos.map(|two| two.start).collect()
        };
        let quads = Quads {
            rows: firsts(rows),
            columns: firsts(columns),
            symmetric,
        };
        Self { singles, quads }
    }

    /// The pairs of panels that are multiplied, in the order in which their products are kept.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let quads = self.quads.firsts().flat_map(|(row, column)| {
            let second = (row + 1, column + 1);
            [(row, column), (second.0, column), (row, second.1), second]
        });
        self.singles.iter().copied().chain(quads)
    }

    /// This tile of a·bᵀ, for each pair of panels the products as [`add_products`] arranges them; those of
    /// rows that are made up are zeros.
    pub(crate) fn of_product(&self, a: &Panels, b: &Panels, products: &mut Vec<f32>) {
        ROOM.with_borrow_mut(|room| self.of_product_in(room, a, b, products));
    }

    fn of_product_in(&self, room: &mut Room, a: &Panels, b: &Panels, products: &mut Vec<f32>) {
        let Room { of_factors, sums } = room;
        let quads = self.quads.firsts().count();
        of_factors.clear();
        of_factors.resize(quads, [[0.0; PRODUCT]; FACTORS]);
        products.clear();
        products.resize((self.singles.len() + 4 * quads) * PRODUCT, 0.0);
        let (of_panels, _) = products.as_chunks_mut::<PRODUCT>();
        let (singles, quads) = of_panels.split_at_mut(self.singles.len());
        for (a, b) in a.blocks().zip(b.blocks()) {
            for (&(row, column), products) in self.singles.iter().zip(singles.iter_mut()) {
                add_products(products, a.panel(row), b.panel(column), b.width(column));
            }
            self.quads.add_products(of_factors, a, b, sums);
        }
        let (quads, _) = quads.as_chunks_mut();
        for (of_factors, of_panels) in of_factors.iter().zip(quads) {
            products_of_panels(of_factors, of_panels);
        }
    }

    /// The total of `sums` over this tile of two Gram matrices and, except for the panels on the diagonal, over
    /// its mirror image.
    pub(crate) fn sums<const TERMS: usize>(
        &self,
        k: &[f32],
        l: &[f32],
        sums: impl Fn(&[f32], &[f32]) -> [f64; TERMS],
    ) -> [f64; TERMS] {
        let mut total = [0.0; TERMS];
        let products = k.chunks_exact(PRODUCT).zip(l.chunks_exact(PRODUCT));
        for ((row, column), (k, l)) in self.pairs().zip(products) {
            let times = if row == column { 1.0 } else { 2.0 };
            for (total, sum) in total.iter_mut().zip(sums(k, l)) {
                *total += times * sum;
            }
        }
        total
    }
}

impl Tile {
    /// The total of `terms` over this tile's entries of four matrices, and over their mirror images.
    pub(crate) fn sums_of_four<const TERMS: usize>(
        &self,
        matrices: [&[f32]; 4],
        terms: impl Fn([f64; 4]) -> [f64; TERMS],
    ) -> [f64; TERMS] {
        let mut total = [0.0; TERMS];
        for (index, (row, column)) in self.pairs().enumerate() {
            let times = if row == column { 1.0 } else { 2.0 };
            let matrices = matrices.map(|matrix| &matrix[index * PRODUCT..][..PRODUCT]);
            for place in 0..PRODUCT {
                let entry = matrices.map(|matrix| f64::from(matrix[place]));
                for (total, term) in total.iter_mut().zip(terms(entry)) {
                    *total += times * term;
                }
            }
        }
        total
    }
}

/// Two panels each of a side, and what is left.
fn twos(side: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = side.end;
    side.clone()
        .step_by(2)
        .map(move |start| start..end.min(start + 2))
}

/// Panels of a side at most, an even number.
const MOST: usize = 8;

/// Cuts the panels of so many rows into sides of tiles. A panel that the rows do not fill is one of its own.
///
/// Large tiles reuse more of what is in the cache; of a small product they would leave a core idle.
fn sides(rows: usize) -> Vec<Range<usize>> {
    let (full, panels) = (rows / PANEL, rows.div_ceil(PANEL));
    let side = if panels < 12 {
        1
    } else {
        full.div_ceil(full.div_ceil(MOST)).next_multiple_of(2)
    };
    let starts = (0..full).step_by(side);
    let sides = starts.map(|start| start..full.min(start + side));
    sides
        .chain((full < panels).then_some(full..panels))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn sides_cover_all_panels_once() {
        for rows in 1..100 * PANEL {
            let sides = sides(rows);
            let ends = (sides[0].start, sides[sides.len() - 1].end);
            assert_eq!(ends, (0, rows.div_ceil(PANEL)));
            assert!(sides.windows(2).all(|pair| pair[0].end == pair[1].start));
        }
    }

    #[test]
    fn tiles_have_every_pair_of_panels_once() {
        for panels in 1..40 {
            let tiles = Tile::all(panels * PANEL, (panels + 5) * PANEL - 1);
            let pairs: Vec<_> = tiles.iter().flat_map(Tile::pairs).collect();
            let unique: BTreeSet<_> = pairs.iter().collect();
            assert_eq!(
                (pairs.len(), unique.len()),
                (panels * (panels + 5), pairs.len())
            );

            let tiles = Tile::on_and_above_diagonal(panels * PANEL);
            let pairs: Vec<_> = tiles.iter().flat_map(Tile::pairs).collect();
            let unique: BTreeSet<_> = pairs.iter().collect();
            assert_eq!(
                (pairs.len(), unique.len()),
                (panels * (panels + 1) / 2, pairs.len())
            );
            assert!(pairs.iter().all(|(row, column)| row <= column));
        }
    }
}
