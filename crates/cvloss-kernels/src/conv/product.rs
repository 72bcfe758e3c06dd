//! Products of packed matrices: what every convolution here spends its time on.
//!
//! The left factor lies in blocks of a few rows, the right one in panels of a few columns, and both in chunks along the
//! axis that is summed, so that the inner loop walks memory in order and its sums stay in registers. Whoever makes a
//! factor writes it in this order at once; nothing is packed twice. Sums run along the axis in order, so results do not
//! depend on how rows and columns were cut.

use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{self, Isa, Level, Task};

/// Rows of a block.
pub(super) const ROWS: usize = 4;
/// Entries of a chunk along the summed axis; feature maps hold their channels in chunks of it too.
pub(super) const DEPTH: usize = 16;
/// Columns of a panel.
pub(super) const COLUMNS: usize = 64;
/// Columns whose sums fit the registers of a machine without AVX-512, or of `f64`.
const NARROW: usize = 16;
/// Bytes of a panel that stay in the first-level cache while all rows pass by.
const SLAB: usize = 32 * 1024;

/// A chunk of a block.
pub(super) type Block<T> = [[T; DEPTH]; ROWS];
/// A chunk of a panel, whose vectors never lie across two lines of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Panel<T>(pub(super) [[T; COLUMNS]; DEPTH]);

impl<T: Prim> Panel<T> {
    pub(super) fn zero() -> Self {
        Self([[T::default(); COLUMNS]; DEPTH])
    }
}

/// A block of the product.
pub(super) type Sums<T> = [[T; COLUMNS]; ROWS];

/// Numbers as chunks of blocks.
pub(super) fn as_blocks<T>(numbers: &mut [T]) -> &mut [Block<T>] {
    numbers.as_chunks_mut::<DEPTH>().0.as_chunks_mut::<ROWS>().0
}

/// Numbers as blocks of a product.
pub(super) fn as_sums<T>(numbers: &mut [T]) -> &mut [Sums<T>] {
    numbers
        .as_chunks_mut::<COLUMNS>()
        .0
        .as_chunks_mut::<ROWS>()
        .0
}

/// Numbers of a block's chunk.
pub(super) const BLOCK: usize = ROWS * DEPTH;
/// Numbers of a block of a product.
pub(super) const SUMS: usize = ROWS * COLUMNS;

/// Packs a matrix of `depth` rows and `columns` columns into panels, one after the other, each with all its chunks.
pub(super) fn pack<T: Prim>(
    depth: usize,
    columns: usize,
    entry: impl Fn(usize, usize) -> T,
) -> Vec<Panel<T>> {
    let chunks = depth.div_ceil(DEPTH);
    let mut panels = vec![Panel::zero(); chunks * columns.div_ceil(COLUMNS)];
    for (at, panel) in panels.iter_mut().enumerate() {
        let (column, start) = (at / chunks * COLUMNS, at % chunks * DEPTH);
        for (k, row) in panel.0.iter_mut().enumerate() {
            for (j, number) in row.iter_mut().enumerate() {
                if start + k < depth && column + j < columns {
                    *number = entry(start + k, column + j);
                }
            }
        }
    }
    panels
}

/// One panel, of `chunks` chunks, times `count` blocks: `sums[r·sums_stride] = Σ_k blocks[r·stride + k] · panel[k·panel_stride]`;
/// `onto` what is there, or not.
pub(super) fn multiply<T: Prim>(
    (blocks, stride): (&[Block<T>], usize),
    (panel, panel_stride, chunks): (&[Panel<T>], usize, usize),
    (sums, sums_stride): (&mut [Sums<T>], usize),
    count: usize,
    onto: bool,
) {
    let task = Multiply::<T, COLUMNS> {
        blocks,
        stride,
        panel,
        panel_stride,
        sums,
        sums_stride,
        chunks,
        count,
        onto,
    };
    if size_of::<T>() == size_of::<f32>() && simd::level() == Level::Avx512 {
        simd::dispatch(task);
    } else {
        simd::dispatch(task.narrow());
    }
}

struct Multiply<'a, T, const N: usize> {
    blocks: &'a [Block<T>],
    stride: usize,
    panel: &'a [Panel<T>],
    panel_stride: usize,
    sums: &'a mut [Sums<T>],
    sums_stride: usize,
    chunks: usize,
    count: usize,
    onto: bool,
}

impl<'a, T> Multiply<'a, T, COLUMNS> {
    fn narrow(self) -> Multiply<'a, T, NARROW> {
        let Self {
            blocks,
            stride,
            panel,
            panel_stride,
            sums,
            sums_stride,
            chunks,
            count,
            onto,
        } = self;
        Multiply {
            blocks,
            stride,
            panel,
            panel_stride,
            sums,
            sums_stride,
            chunks,
            count,
            onto,
        }
    }
}

impl<T: Prim, const N: usize> Task for Multiply<'_, T, N> {
    type Prim = T;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let slab = (SLAB / size_of::<Panel<T>>()).max(1);
        for start in (0..self.chunks).step_by(slab) {
            let len = slab.min(self.chunks - start);
            let panel = (&self.panel[start * self.panel_stride..], self.panel_stride);
            for r in 0..self.count {
                let blocks = &self.blocks[r * self.stride + start..][..len];
                let sums = &mut self.sums[r * self.sums_stride];
                for strip in 0..COLUMNS / N {
                    add::<I, T, N>(blocks, panel, strip, sums, start == 0 && !self.onto);
                }
            }
        }
    }
}

/// Adds the product of a block and one strip of a panel, or overwrites with it.
#[inline(always)]
fn add<I: Isa, T: Prim, const N: usize>(
    blocks: &[Block<T>],
    (panel, stride): (&[Panel<T>], usize),
    strip: usize,
    sums: &mut Sums<T>,
    is_first: bool,
) {
    let zero = <T::Lane<I>>::zero();
    let mut held = [[zero; N]; ROWS];
    if !is_first {
        for i in 0..ROWS {
            let row = &sums[i].as_chunks::<N>().0[strip];
            for j in 0..N {
                held[i][j] = <T::Lane<I>>::new(row[j]);
            }
        }
    }
    for (chunk, block) in blocks.iter().enumerate() {
        let panel = &panel[chunk * stride].0;
        for k in 0..DEPTH {
            let row = &panel[k].as_chunks::<N>().0[strip];
            for i in 0..ROWS {
                let x = <T::Lane<I>>::new(block[i][k]);
                for j in 0..N {
                    held[i][j] = x.mul_add(<T::Lane<I>>::new(row[j]), held[i][j]);
                }
            }
        }
    }
    for i in 0..ROWS {
        let row = &mut sums[i].as_chunks_mut::<N>().0[strip];
        for j in 0..N {
            row[j] = held[i][j].get();
        }
    }
}
