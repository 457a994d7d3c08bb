use std::ops::Range;

use rayon::prelude::*;

use crate::huge::Values;
use crate::kernel::PANEL;

/// A matrix in the order in which products of its rows read it.
///
/// Its columns are cut into blocks, and a block's rows into panels of [`PANEL`]. A panel holds its rows' values
/// in one column, then in the next. The last panel is filled up with rows of zeros, and a column of zeros is
/// added if the number of columns is odd.
pub(crate) struct Panels {
    values: Values,
    rows: usize,
    columns: usize,
}

/// The sides of a map `[tokens, dim]` that can form the rows of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Its rows are the tokens.
    Tokens,
    /// Its rows are the channels.
    Channels,
}

impl Side {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Tokens => Self::Channels,
            Self::Channels => Self::Tokens,
        }
    }
}

/// Columns of a block: an even number, and as many as let a tile's panels stay in the cache from one product to
/// the next. Of a multiple of 128, half a panel would be whole pages, and sums of halves would compete for the
/// same places of the cache.
const BLOCK: usize = 232;

/// Tokens of a panel that are transposed together.
const TRANSPOSED: usize = 16;

impl Panels {
    /// Lays out a map `[tokens, dim]`. `put` writes the given channels of a token into a slice.
    pub(crate) fn of(
        side: Side,
        tokens: usize,
        dim: usize,
        put: impl Fn(&mut [f32], usize, Range<usize>) + Sync,
    ) -> Self {
        match side {
            Side::Tokens => Self::of_tokens(tokens, dim, put),
            Side::Channels => Self::of_channels(tokens, dim, put),
        }
    }

    fn of_tokens(
        tokens: usize,
        dim: usize,
        put: impl Fn(&mut [f32], usize, Range<usize>) + Sync,
    ) -> Self {
        let mut panels = Self::unset(tokens, dim);
        let blocks = panels.values.par_chunks_mut(block_len(tokens));
        blocks.enumerate().for_each(|(block, values)| {
            let channels = columns_of(block, dim);
            let panels = values.par_chunks_mut(panel_len(&channels));
            panels.enumerate().for_each(|(panel, values)| {
                let mut rows = [[0.0; BLOCK]; TRANSPOSED];
                for first in (0..PANEL).step_by(TRANSPOSED) {
                    let tokens = (panel * PANEL + first..tokens).take(TRANSPOSED);
                    if tokens.len() < TRANSPOSED {
                        rows.as_flattened_mut().fill(0.0);
                    }
                    for (row, token) in rows.iter_mut().zip(tokens) {
                        put(&mut row[..channels.len()], token, channels.clone());
                    }
                    for (channel, column) in values.chunks_exact_mut(PANEL).enumerate() {
                        let column = &mut column[first..][..TRANSPOSED];
                        for (value, row) in column.iter_mut().zip(&rows) {
                            *value = row[channel];
                        }
                    }
                }
            });
        });
        panels
    }

    fn of_channels(
        tokens: usize,
        dim: usize,
        put: impl Fn(&mut [f32], usize, Range<usize>) + Sync,
    ) -> Self {
        let mut panels = Self::unset(dim, tokens);
        let blocks = panels.values.par_chunks_mut(block_len(dim));
        blocks.enumerate().for_each(|(block, values)| {
            let tokens = columns_of(block, tokens);
            let panel_len = panel_len(&tokens);
            let mut row = vec![0.0; dim.next_multiple_of(PANEL)];
            for (column, token) in (0..panel_len / PANEL).zip(tokens.start..) {
                if token < tokens.end {
                    put(&mut row[..dim], token, 0..dim);
                } else {
                    row.fill(0.0);
                }
                let panels = values.chunks_exact_mut(panel_len);
                for (channels, panel) in row.chunks_exact(PANEL).zip(panels) {
                    panel[column * PANEL..][..PANEL].copy_from_slice(channels);
                }
            }
        });
        panels
    }

    /// A layout whose values have not been written.
    fn unset(rows: usize, columns: usize) -> Self {
        Self {
            values: Values::new(rows.next_multiple_of(PANEL) * columns.next_multiple_of(2)),
            rows,
            columns,
        }
    }

    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        let blocks = self.values.chunks(block_len(self.rows)).enumerate();
        blocks.map(|(block, values)| Block {
            values,
            rows: self.rows,
            panel_len: panel_len(&columns_of(block, self.columns)),
        })
    }
}

/// Some columns of the matrix.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    values: &'a [f32],
    rows: usize,
    panel_len: usize,
}

impl<'a> Block<'a> {
    pub(crate) fn panel(self, index: usize) -> &'a [f32] {
        &self.values[index * self.panel_len..][..self.panel_len]
    }

    /// The rows of a panel that exist in the matrix.
    pub(crate) fn width(self, panel: usize) -> usize {
        PANEL.min(self.rows - panel * PANEL)
    }

    /// Values of a panel, an even number of columns.
    pub(crate) const fn panel_len(self) -> usize {
        self.panel_len
    }
}

/// Values of a block that has all its columns.
const fn block_len(rows: usize) -> usize {
    rows.next_multiple_of(PANEL) * BLOCK
}

/// The range of columns that a block holds, out of `columns`.
fn columns_of(block: usize, columns: usize) -> Range<usize> {
    block * BLOCK..columns.min((block + 1) * BLOCK)
}

fn panel_len(columns: &Range<usize>) -> usize {
    PANEL * columns.len().next_multiple_of(2)
}
