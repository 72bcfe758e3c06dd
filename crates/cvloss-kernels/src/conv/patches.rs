//! Other convolutions: patches of the input as rows of a matrix, and, backward, rows of a product added up as patches.

use super::finish::{Band, Finish};
use super::maps::Maps;
use super::product::{self, BLOCK, COLUMNS, DEPTH, Panel, ROWS, SUMS, Sums, as_blocks, as_sums};
use crate::math::Real;
use crate::scalar::{Prim, with_scratch};
use crate::simd::{self, Isa, Task};

/// The window of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Pixels along a side.
    pub(super) side: usize,
    /// Pixels from one window to the next.
    pub(super) stride: usize,
    /// Zeros around the image.
    pub(super) border: usize,
}

impl Window {
    /// How many windows fit along `len` pixels.
    pub(super) fn count(&self, len: usize) -> Option<usize> {
        let room = (len + 2 * self.border).checked_sub(self.side)?;
        Some(room / self.stride + 1)
    }

    /// Numbers along the summed axis, in whole chunks.
    pub(super) fn depth(&self, lanes: usize) -> usize {
        (self.side * self.side * lanes).next_multiple_of(DEPTH)
    }
}

/// Bytes of patches that are gathered at a time.
const MEMORY: usize = 768 * 1024;

/// Pixels whose patches are gathered at a time.
fn pixels_at_once<T>(chunks: usize) -> usize {
    (MEMORY / (chunks * BLOCK * size_of::<T>())).clamp(2, 32) * ROWS
}

/// Where a pixel of the output lies: its item, and its window's first row and pixel in the input.
#[derive(Clone, Copy)]
struct Corner {
    item: usize,
    y: isize,
    x: isize,
}

/// A layer on one band of its output, whose rows hold `width` pixels.
pub(super) fn run<T: Prim>(
    input: &Maps<T>,
    window: Window,
    panels: &[Panel<T>],
    finish: Finish<'_, T>,
    mut band: Band<'_, T>,
    (height, width, lanes): (usize, usize, usize),
) {
    let chunks = window.depth(input.lanes) / DEPTH;
    let at_once = pixels_at_once::<T>(chunks);
    let corners: Vec<Corner> = corners(window, height, width, band.rows.clone());
    let size = at_once / ROWS;
    with_scratch::<T, _>(size * (chunks * BLOCK + SUMS), |memory| {
        let (blocks, sums) = memory.split_at_mut(size * chunks * BLOCK);
        let (blocks, sums) = (as_blocks(blocks), as_sums(sums));
        let mut row = vec![T::default(); chunks * DEPTH];
        for (part, corners) in corners.chunks(at_once).enumerate() {
            for (r, corner) in corners.iter().enumerate() {
                gather(input, window, *corner, &mut row);
                let blocks = &mut blocks[r / ROWS * chunks..][..chunks];
                for (block, chunk) in blocks.iter_mut().zip(row.as_chunks::<DEPTH>().0) {
                    block[r % ROWS] = *chunk;
                }
            }
            for (panel, kernels) in panels.chunks(chunks).enumerate() {
                let count = corners.len().div_ceil(ROWS);
                product::multiply(
                    (blocks, chunks),
                    (kernels, 1, chunks),
                    (&mut *sums, 1),
                    count,
                    false,
                );
                simd::dispatch(Leave {
                    sums,
                    first: part * at_once,
                    count: corners.len(),
                    finish,
                    panel,
                    band: &mut band,
                    width,
                    lanes,
                });
            }
        }
    });
}

fn corners(
    window: Window,
    height: usize,
    width: usize,
    rows: std::ops::Range<usize>,
) -> Vec<Corner> {
    let of = |at: usize| (at * window.stride) as isize - window.border as isize;
    rows.flat_map(|row| {
        let (item, y) = (row / height, of(row % height));
        (0..width).map(move |x| Corner { item, y, x: of(x) })
    })
    .collect()
}

/// The part of a row of a window that lies inside the image: its start in the window, in the image, and its length.
fn inside(start: isize, side: usize, len: usize) -> (usize, usize, usize) {
    let (low, high) = (start.max(0), (start + side as isize).min(len as isize));
    let skipped = (low - start) as usize;
    (
        skipped.min(side),
        low as usize,
        (high - low).max(0) as usize,
    )
}

/// Copies a window's numbers, row after row.
fn gather<T: Prim>(input: &Maps<T>, window: Window, corner: Corner, row: &mut [T]) {
    let run = window.side * input.lanes;
    let (skipped, x, len) = inside(corner.x, window.side, input.width);
    let is_whole = len == window.side;
    for i in 0..window.side {
        let to = &mut row[i * run..][..run];
        let y = corner.y + i as isize;
        let is_inside = y >= 0 && (y as usize) < input.height;
        if !(is_whole && is_inside) {
            to.fill(T::default());
        }
        if is_inside && len > 0 {
            let start = ((corner.item * input.height + y as usize) * input.width + x) * input.lanes;
            let len = len * input.lanes;
            to[skipped * input.lanes..][..len].copy_from_slice(&input.data[start..][..len]);
        }
    }
}

struct Leave<'a, 'b, T> {
    sums: &'a [Sums<T>],
    first: usize,
    count: usize,
    finish: Finish<'a, T>,
    panel: usize,
    band: &'a mut Band<'b, T>,
    width: usize,
    lanes: usize,
}

impl<T: Prim> Task for Leave<'_, '_, T> {
    type Prim = T;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let from = self.panel * COLUMNS;
        let len = COLUMNS.min(self.lanes - from);
        for r in 0..self.count {
            let own = (self.first + r) * self.lanes + from;
            let at = own + self.band.rows.start * self.width * self.lanes;
            let out = &mut self.band.out[own..][..len];
            let mask = self.band.mask.as_deref_mut();
            let mask = mask.map(|mask| &mut mask[own..][..len]);
            let sums = &self.sums[r / ROWS][r % ROWS];
            self.finish.write::<I>(self.panel, sums, out, mask, at);
        }
    }
}

/// The gradient of a layer's input on one band of it, from the gradient of its output.
///
/// Each pixel of the output is multiplied by the kernels, which gives a patch, and patches add up.
pub(super) fn scatter<T: Prim>(
    gradient: &Maps<T>,
    window: Window,
    panels: &[Panel<T>],
    band: Band<'_, T>,
    (height, width, lanes): (usize, usize, usize),
) {
    let chunks = gradient.lanes / DEPTH;
    let at_once = pixels_at_once::<T>(chunks);
    let count = window.side * window.side * lanes;
    let strips = count.div_ceil(COLUMNS);
    let size = at_once / ROWS;
    let mut pixels = Vec::new();
    for row in touching(gradient, window, &band, height) {
        pixels.extend((0..gradient.width).map(|x| row * gradient.width + x));
    }
    with_scratch::<T, _>(size * (chunks * BLOCK + strips * SUMS), |memory| {
        let (blocks, sums) = memory.split_at_mut(size * chunks * BLOCK);
        let (blocks, sums) = (as_blocks(blocks), as_sums(sums));
        let mut patch = vec![T::default(); strips * COLUMNS];
        band.out.fill(T::default());
        for pixels in pixels.chunks(at_once) {
            for (r, pixel) in pixels.iter().enumerate() {
                let row = &gradient.data[pixel * gradient.lanes..][..gradient.lanes];
                let blocks = &mut blocks[r / ROWS * chunks..][..chunks];
                for (block, chunk) in blocks.iter_mut().zip(row.as_chunks::<DEPTH>().0) {
                    block[r % ROWS] = *chunk;
                }
            }
            for (strip, kernels) in panels.chunks(chunks).enumerate() {
                let (count, sums) = (pixels.len().div_ceil(ROWS), &mut sums[strip * size..]);
                product::multiply(
                    (blocks, chunks),
                    (kernels, 1, chunks),
                    (sums, 1),
                    count,
                    false,
                );
            }
            for (r, pixel) in pixels.iter().enumerate() {
                let strips = patch.as_chunks_mut::<COLUMNS>().0.iter_mut().enumerate();
                strips.for_each(|(strip, to)| *to = sums[strip * size + r / ROWS][r % ROWS]);
                let row = pixel / gradient.width;
                let of = |at: usize| (at * window.stride) as isize - window.border as isize;
                let corner = Corner {
                    item: row / gradient.height,
                    y: of(row % gradient.height),
                    x: of(pixel % gradient.width),
                };
                simd::dispatch(Add {
                    patch: &patch,
                    window,
                    corner,
                    out: band.out,
                    rows: &band.rows,
                    size: (height, width, lanes),
                });
            }
        }
    });
}

/// Rows of the output, over all items, whose windows touch the rows of a band of the input.
fn touching<T>(
    gradient: &Maps<T>,
    window: Window,
    band: &Band<'_, T>,
    height: usize,
) -> Vec<usize> {
    let mut rows = Vec::new();
    for item in 0..gradient.items {
        for y in 0..gradient.height {
            let start = (y * window.stride) as isize - window.border as isize;
            let (_, low, len) = inside(start, window.side, height);
            let (low, high) = (item * height + low, item * height + low + len);
            if len > 0 && low < band.rows.end && high > band.rows.start {
                rows.push(item * gradient.height + y);
            }
        }
    }
    rows
}

struct Add<'a, T> {
    patch: &'a [T],
    window: Window,
    corner: Corner,
    out: &'a mut [T],
    rows: &'a std::ops::Range<usize>,
    size: (usize, usize, usize),
}

impl<T: Prim> Task for Add<'_, T> {
    type Prim = T;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let (height, width, lanes) = self.size;
        let run = self.window.side * lanes;
        let (skipped, x, len) = inside(self.corner.x, self.window.side, width);
        for i in 0..self.window.side {
            let y = self.corner.y + i as isize;
            if y < 0 || y as usize >= height || len == 0 {
                continue;
            }
            let row = self.corner.item * height + y as usize;
            if !self.rows.contains(&row) {
                continue;
            }
            let start = ((row - self.rows.start) * width + x) * lanes;
            let to = &mut self.out[start..][..len * lanes];
            let from = &self.patch[i * run + skipped * lanes..][..len * lanes];
            for (to, from) in to.iter_mut().zip(from) {
                *to = (<T::Lane<I>>::new(*to) + <T::Lane<I>>::new(*from)).get();
            }
        }
    }
}
