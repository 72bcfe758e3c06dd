//! Convolutions of 3×3 and of 5×5 with stride 1, whose output is as large as their input, as Winograd's F(4×4, 3×3) and
//! F(2×2, 5×5).
//!
//! A tile of 6×6 pixels gives 4×4 outputs by 36 products instead of 144, or 2×2 instead of 100: the tile and the kernel
//! are polynomials, taken at the points 0, ±√½, ±√2 and ∞, multiplied there, and interpolated. These points lose about one
//! binary digit against direct sums in `f32`; 0, ±1, ±2, ∞, as they are usually taken, lose more than two.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};
use std::ops::Range;

use super::finish::{Finish, Strip};
use super::maps::Maps;
use super::points::{AtPoints, POINTS, SIDE};
use super::product::{self, BLOCK, Block, COLUMNS, DEPTH, ROWS, SUMS, Sums, as_blocks, as_sums};
use crate::math::Real;
use crate::scalar::{Prim, with_scratch};
use crate::simd::{self, Isa, Task};

/// Outputs along a side of a tile, for kernels of so many taps.
pub(super) const fn outputs(taps: usize) -> usize {
    SIDE + 1 - taps
}

/// Blocks of tiles that pass through the transforms together: fewer stream the kernels more often, more leave the cache.
const BLOCKS: usize = 12;
/// Their tiles.
const TILES: usize = BLOCKS * ROWS;
/// A layer on one strip of its output; `input` and the output have the same height and width.
pub(super) fn run<T: Prim, const OUT: usize, const TAPS: usize>(
    input: &Maps<T>,
    kernels: AtPoints<'_, T>,
    finish: Finish<'_, T>,
    mut strip: Strip<'_, T>,
    lanes: usize,
) {
    let chunks = input.lanes / DEPTH;
    let tiles = tiles_of::<T, OUT>(input, &strip.rows);
    let groups = tiles.len().div_ceil(TILES).max(1);
    let at_once = tiles.len().div_ceil(groups).next_multiple_of(ROWS).max(1);
    let size = at_once / ROWS * POINTS;
    let (part, mut made) = kernels.part();
    with_scratch::<T, _>(size * (chunks * BLOCK + SUMS), |memory| {
        let (blocks, sums) = memory.split_at_mut(size * chunks * BLOCK);
        let (blocks, sums) = (as_blocks(blocks), as_sums(sums));
        for tiles in tiles.chunks(at_once) {
            simd::dispatch(Enter {
                input,
                tiles,
                border: TAPS / 2,
                blocks,
                chunks,
            });
            let count = tiles.len().div_ceil(ROWS);
            for panel in strip.panels.clone() {
                for start in (0..chunks).step_by(part) {
                    let range = start..chunks.min(start + part);
                    let len = range.len();
                    let kernels = kernels.get::<TAPS>(panel, range, &mut made);
                    for point in 0..POINTS {
                        let blocks = (&blocks[point * chunks + start..], POINTS * chunks);
                        let kernels = (&kernels[point..], POINTS, len);
                        let sums = (&mut sums[point..], POINTS);
                        product::multiply(blocks, kernels, sums, count, start > 0);
                    }
                }
                simd::dispatch(Leave::<T, OUT> {
                    sums,
                    tiles,
                    finish,
                    panel,
                    strip: &mut strip,
                    width: input.width,
                    lanes,
                });
            }
        }
    });
}

/// Where a tile's outputs lie.
#[derive(Clone, Copy)]
struct Tile {
    /// The first row, counted over all items.
    row: usize,
    /// The first row, within its item.
    y: usize,
    x: usize,
    /// Rows of output, fewer at the lower border.
    rows: usize,
}

fn tiles_of<T, const OUT: usize>(maps: &Maps<T>, rows: &Range<usize>) -> Vec<Tile> {
    let mut tiles = Vec::new();
    let mut row = rows.start;
    while row < rows.end {
        let y = row % maps.height;
        let rows = OUT.min(maps.height - y);
        let line = (0..maps.width).step_by(OUT);
        tiles.extend(line.map(|x| Tile { row, y, x, rows }));
        row += rows;
    }
    tiles
}

/// Takes tiles of the input to the points.
struct Enter<'a, T> {
    input: &'a Maps<T>,
    tiles: &'a [Tile],
    border: usize,
    blocks: &'a mut [Block<T>],
    chunks: usize,
}

impl<T: Prim> Task for Enter<'_, T> {
    type Prim = T;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let maps = self.input;
        let mut pixels = [[T::default(); DEPTH]; POINTS];
        let mut points = [[T::default(); DEPTH]; POINTS];
        for (at, tile) in self.tiles.iter().enumerate() {
            let item = tile.row - tile.y;
            if let Some(next) = self.tiles.get(at + 1) {
                prefetch(maps, next, self.border);
            }
            for chunk in 0..self.chunks {
                for i in 0..SIDE {
                    for j in 0..SIDE {
                        let (y, x) = place(tile, self.border, i, j);
                        let pixel = &mut pixels[i * SIDE + j];
                        if y < maps.height && x < maps.width {
                            let start = ((item + y) * maps.width + x) * maps.lanes;
                            pixel.copy_from_slice(&maps.data[start + chunk * DEPTH..][..DEPTH]);
                        } else {
                            *pixel = [T::default(); DEPTH];
                        }
                    }
                }
                for lane in 0..DEPTH {
                    enter::<I, T>(&pixels, &mut points, lane);
                }
                let start = at / ROWS * POINTS * self.chunks + chunk;
                for (point, lanes) in points.iter().enumerate() {
                    self.blocks[start + point * self.chunks][at % ROWS] = *lanes;
                }
            }
        }
    }
}

/// Where a pixel of a tile lies in its item; far outside, if it is before the first.
#[inline(always)]
fn place(tile: &Tile, border: usize, i: usize, j: usize) -> (usize, usize) {
    let of = |start: usize, at: usize| (start + at).wrapping_sub(border);
    (of(tile.y, i), of(tile.x, j))
}

/// Asks for a tile's pixels, as far as the tile before, to the left, does not hold them.
#[inline(always)]
fn prefetch<T: Prim>(maps: &Maps<T>, tile: &Tile, border: usize) {
    let item = tile.row - tile.y;
    for i in 0..SIDE {
        for j in 2..SIDE {
            let (y, x) = place(tile, border, i, j);
            if y < maps.height && x < maps.width {
                let start = ((item + y) * maps.width + x) * maps.lanes;
                simd::prefetch(&maps.data[start..][..maps.lanes]);
            }
        }
    }
}

/// One channel of a tile, to the points.
#[inline(always)]
fn enter<I: Isa, T: Prim>(
    pixels: &[[T; DEPTH]; POINTS],
    points: &mut [[T; DEPTH]; POINTS],
    lane: usize,
) {
    let zero = <T::Lane<I>>::zero();
    let mut half = [[zero; SIDE]; SIDE];
    for j in 0..SIDE {
        let d = |i: usize| <T::Lane<I>>::new(pixels[i * SIDE + j][lane]);
        half[j] = enter_line([d(0), d(1), d(2), d(3), d(4), d(5)]);
    }
    for i in 0..SIDE {
        let line = enter_line([
            half[0][i], half[1][i], half[2][i], half[3][i], half[4][i], half[5][i],
        ]);
        for j in 0..SIDE {
            points[i * SIDE + j][lane] = line[j].get();
        }
    }
}

/// Six pixels to the points: the transposed interpolation.
#[inline(always)]
fn enter_line<R: Real>(d: [R; SIDE]) -> [R; SIDE] {
    let (near, far) = (R::of(FRAC_1_SQRT_2), R::of(SQRT_2));
    let even = d[2].mul_add(R::of(-2.0), d[4]);
    let odd = d[1].mul_add(-far, near * d[3]);
    let far_even = d[2].mul_add(R::of(-0.5), d[4]);
    let far_odd = d[1].mul_add(-near, far * d[3]);
    [
        d[2].mul_add(R::of(-2.5), d[0] + d[4]),
        even + odd,
        even - odd,
        far_even + far_odd,
        far_even - far_odd,
        d[3].mul_add(R::of(-2.5), d[1] + d[5]),
    ]
}

/// Takes products at the points back to outputs, and writes them.
struct Leave<'a, 'b, T, const OUT: usize> {
    sums: &'a [Sums<T>],
    tiles: &'a [Tile],
    finish: Finish<'a, T>,
    panel: usize,
    strip: &'a mut Strip<'b, T>,
    width: usize,
    lanes: usize,
}

impl<T: Prim, const OUT: usize> Task for Leave<'_, '_, T, OUT> {
    type Prim = T;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let from = (self.panel - self.strip.panels.start) * COLUMNS;
        let mut pixels = [[[T::default(); COLUMNS]; OUT]; OUT];
        for (at, tile) in self.tiles.iter().enumerate() {
            let sums = &self.sums[at / ROWS * POINTS..].as_chunks::<POINTS>().0[0];
            for lane in 0..COLUMNS {
                leave::<I, T, OUT>(sums, at % ROWS, &mut pixels, lane);
            }
            for i in 0..tile.rows {
                for j in 0..OUT.min(self.width - tile.x) {
                    let pixel = (tile.row + i) * self.width + tile.x + j;
                    let at = pixel * self.lanes + self.panel * COLUMNS;
                    let own = pixel - self.strip.rows.start * self.width;
                    let out = &mut self.strip.out[own][from..];
                    let len = COLUMNS.min(out.len());
                    let mask = self.strip.mask.as_mut();
                    let mask = mask.map(|mask| &mut mask[own][from..][..len]);
                    let out = &mut out[..len];
                    self.finish
                        .write::<I>(self.panel, &pixels[i][j], out, mask, at);
                }
            }
        }
    }
}

/// One channel of a tile, from the points.
#[inline(always)]
fn leave<I: Isa, T: Prim, const OUT: usize>(
    sums: &[Sums<T>; POINTS],
    row: usize,
    pixels: &mut [[[T; COLUMNS]; OUT]; OUT],
    lane: usize,
) {
    let zero = <T::Lane<I>>::zero();
    let mut half = [[zero; OUT]; SIDE];
    for j in 0..SIDE {
        let m = |i: usize| <T::Lane<I>>::new(sums[i * SIDE + j][row][lane]);
        half[j] = leave_line([m(0), m(1), m(2), m(3), m(4), m(5)]);
    }
    for i in 0..OUT {
        let line: [_; OUT] = leave_line([
            half[0][i], half[1][i], half[2][i], half[3][i], half[4][i], half[5][i],
        ]);
        for j in 0..OUT {
            pixels[i][j][lane] = line[j].get();
        }
    }
}

/// Products at the points to two or four outputs.
#[inline(always)]
fn leave_line<R: Real, const OUT: usize>(m: [R; SIDE]) -> [R; OUT] {
    let (sum, difference) = (m[1] + m[2], m[1] - m[2]);
    let (far_sum, far_difference) = (m[3] + m[4], m[3] - m[4]);
    let (near, far) = (FRAC_1_SQRT_2, SQRT_2);
    let powers = [
        m[0] + sum + far_sum,
        difference.mul_add(R::of(near), R::of(far) * far_difference),
        sum.mul_add(R::of(0.5), R::of(2.0) * far_sum),
        difference.mul_add(R::of(near / 2.0), R::of(2.0 * far) * far_difference),
    ];
    let mut out = [R::zero(); OUT];
    out.copy_from_slice(&powers[..OUT]);
    out[OUT - 1] += m[5];
    out
}
