//! A matrix that many rows are multiplied with.

use super::product::{self, BLOCK, COLUMNS, DEPTH, Panel, ROWS, SUMS, as_blocks, as_sums};
use crate::scalar::{Prim, with_scratch};

/// A matrix, packed once.
pub(crate) struct Matrix<T> {
    depth: usize,
    columns: usize,
    panels: Vec<Panel<T>>,
}

impl<T: Prim> Matrix<T> {
    /// `depth` rows of `columns` numbers.
    pub(crate) fn new(depth: usize, columns: usize, entry: impl Fn(usize, usize) -> T) -> Self {
        Self {
            depth,
            columns,
            panels: product::pack(depth, columns, entry),
        }
    }

    /// Each of `rows`, of as many numbers as there are rows here, times the matrix.
    pub(crate) fn multiply(&self, rows: &[T], out: &mut [T]) {
        let count = rows.len() / self.depth.max(1);
        let (chunks, blocks_len) = (self.depth.div_ceil(DEPTH), count.div_ceil(ROWS));
        with_scratch::<T, _>(blocks_len * (chunks * BLOCK + SUMS), |memory| {
            let (blocks, sums) = memory.split_at_mut(blocks_len * chunks * BLOCK);
            let (blocks, sums) = (as_blocks(blocks), as_sums(sums));
            // Beyond the last number of a row there are zeros.
            blocks.fill([[T::default(); DEPTH]; ROWS]);
            for (r, row) in rows.chunks(self.depth.max(1)).enumerate() {
                let blocks = &mut blocks[r / ROWS * chunks..][..chunks];
                for (block, chunk) in blocks.iter_mut().zip(row.chunks(DEPTH)) {
                    block[r % ROWS][..chunk.len()].copy_from_slice(chunk);
                }
            }
            for (at, panel) in self.panels.chunks(chunks.max(1)).enumerate() {
                let into = (&mut *sums, 1);
                product::multiply(
                    (&*blocks, chunks),
                    (panel, 1, chunks),
                    into,
                    blocks_len,
                    false,
                );
                for (r, out) in out.chunks_mut(self.columns.max(1)).enumerate() {
                    let start = at * COLUMNS;
                    let len = COLUMNS.min(self.columns - start);
                    out[start..][..len].copy_from_slice(&sums[r / ROWS][r % ROWS][..len]);
                }
            }
        });
    }
}
