//! Products of an item's features with themselves, and with a small matrix.

use rayon::prelude::*;

use super::product::{self, BLOCK, COLUMNS, DEPTH, Panel, ROWS, SUMS, as_blocks, as_sums};
use crate::scalar::{Prim, with_scratch};

/// Pixels that are packed at a time.
const PIXELS: usize = 256;
/// Rows of the matrix, or pixels, that one thread computes at a time.
const GROUP: usize = 64;

/// `Σ_p f_p f_pᵀ` over pixels of `lanes` numbers: `lanes` rows of `lanes` numbers.
pub(crate) fn gram<T: Prim>(features: &[T], lanes: usize) -> Vec<T> {
    let mut matrix = vec![T::default(); lanes * lanes];
    if features.is_empty() {
        return matrix;
    }
    let groups = matrix.par_chunks_mut(GROUP * lanes).enumerate();
    groups.for_each(|(group, rows)| gram_rows(features, lanes, group * GROUP, rows));
    matrix
}

fn gram_rows<T: Prim>(features: &[T], lanes: usize, first: usize, rows: &mut [T]) {
    let (count, panels) = (rows.len() / lanes, lanes.div_ceil(COLUMNS));
    let blocks_len = count.div_ceil(ROWS);
    let chunks = PIXELS / DEPTH;
    let len = blocks_len * (chunks * BLOCK + panels * SUMS);
    let mut packed: Vec<Panel<T>> = vec![Panel::zero(); panels * chunks];
    with_scratch::<T, _>(len, |memory| {
        let (blocks, sums) = memory.split_at_mut(blocks_len * chunks * BLOCK);
        let (blocks, sums) = (as_blocks(blocks), as_sums(sums));
        for (at, pixels) in features.chunks(PIXELS * lanes).enumerate() {
            // Beyond the last pixel there are zeros.
            let used = (pixels.len() / lanes).div_ceil(DEPTH);
            blocks.fill([[T::default(); DEPTH]; ROWS]);
            packed.fill(Panel::zero());
            for (k, pixel) in pixels.chunks(lanes).enumerate() {
                for (panel, columns) in pixel.chunks(COLUMNS).enumerate() {
                    packed[panel * chunks + k / DEPTH].0[k % DEPTH][..columns.len()]
                        .copy_from_slice(columns);
                }
                for (r, x) in pixel[first..][..count].iter().enumerate() {
                    blocks[r / ROWS * chunks + k / DEPTH][r % ROWS][k % DEPTH] = *x;
                }
            }
            for panel in 0..panels {
                let columns = &packed[panel * chunks..][..used];
                let sums = (&mut sums[panel..], panels);
                product::multiply(
                    (&*blocks, chunks),
                    (columns, 1, used),
                    sums,
                    blocks_len,
                    at > 0,
                );
            }
        }
        for (r, row) in rows.chunks_mut(lanes).enumerate() {
            for (panel, columns) in row.chunks_mut(COLUMNS).enumerate() {
                let from = &sums[r / ROWS * panels + panel][r % ROWS];
                columns.copy_from_slice(&from[..columns.len()]);
            }
        }
    });
}

/// `out_p = M f_p` for a symmetric matrix of `lanes` rows of `lanes` numbers.
pub(crate) fn mix<T: Prim>(features: &[T], lanes: usize, matrix: &[T], out: &mut [T]) {
    let chunks = lanes / DEPTH;
    let panels = product::pack(lanes, lanes, |k, j| matrix[k * lanes + j]);
    let size = GROUP * lanes;
    let parts = out.par_chunks_mut(size).zip(features.par_chunks(size));
    parts.for_each(|(out, features)| {
        let pixels = features.len() / lanes;
        let blocks_len = pixels.div_ceil(ROWS);
        with_scratch::<T, _>(blocks_len * (chunks * BLOCK + SUMS), |memory| {
            let (blocks, sums) = memory.split_at_mut(blocks_len * chunks * BLOCK);
            let (blocks, sums) = (as_blocks(blocks), as_sums(sums));
            for (r, pixel) in features.chunks(lanes).enumerate() {
                let blocks = &mut blocks[r / ROWS * chunks..][..chunks];
                for (block, chunk) in blocks.iter_mut().zip(pixel.as_chunks::<DEPTH>().0) {
                    block[r % ROWS] = *chunk;
                }
            }
            for (panel, columns) in panels.chunks(chunks).enumerate() {
                let into = (&mut *sums, 1);
                product::multiply(
                    (&*blocks, chunks),
                    (columns, 1, chunks),
                    into,
                    blocks_len,
                    false,
                );
                for (r, out) in out.chunks_mut(lanes).enumerate() {
                    let start = panel * COLUMNS;
                    let len = COLUMNS.min(lanes - start);
                    out[start..][..len].copy_from_slice(&sums[r / ROWS][r % ROWS][..len]);
                }
            }
        });
    });
}
