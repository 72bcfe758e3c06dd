//! Convolutions of 3×3 with stride 1 and a border of one zero, as Winograd's F(4×4, 3×3).
//!
//! A tile of 6×6 pixels gives 4×4 outputs by 36 products instead of 144: the tile and the kernel are polynomials, taken at
//! the points 0, ±√½, ±√2 and ∞, multiplied there, and interpolated. These points lose about one binary digit against
//! direct sums in `f32`; 0, ±1, ±2, ∞, as they are usually taken, lose more than two.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

use rayon::prelude::*;

use super::finish::{Band, Finish};
use super::maps::Maps;
use super::product::{
    self, BLOCK, Block, COLUMNS, DEPTH, Panel, ROWS, SUMS, Sums, as_blocks, as_sums,
};
use crate::math::Real;
use crate::scalar::{Prim, with_scratch};
use crate::simd::{self, Isa, Task};

/// Outputs along a side of a tile.
pub(super) const OUT: usize = 4;
/// Pixels along a side of a tile.
const SIDE: usize = 6;
/// Products per tile and pair of channels.
const POINTS: usize = SIDE * SIDE;

/// Blocks of tiles that pass through the transforms together: fewer stream the kernels more often, more leave the cache.
const BLOCKS: usize = 12;

/// A kernel of three taps at the six points.
fn at_points(g: [f64; 3]) -> [f64; SIDE] {
    let (even, odd) = (g[0] + g[2] / 2.0, g[1] * FRAC_1_SQRT_2);
    let (far_even, far_odd) = (g[0] + g[2] * 2.0, g[1] * SQRT_2);
    let (near, far) = (-2.0 / 3.0, 1.0 / 6.0);
    [
        g[0],
        (even + odd) * near,
        (even - odd) * near,
        (far_even + far_odd) * far,
        (far_even - far_odd) * far,
        g[2],
    ]
}

/// The kernel from one channel to another at the 36 points.
fn kernel_at_points(g: &[f64; 9]) -> [f64; POINTS] {
    let mut columns = [[0.0; 3]; SIDE];
    for x in 0..3 {
        let column = at_points([g[x], g[3 + x], g[6 + x]]);
        for y in 0..SIDE {
            columns[y][x] = column[y];
        }
    }
    let mut all = [0.0; POINTS];
    for y in 0..SIDE {
        all[y * SIDE..][..SIDE].copy_from_slice(&at_points(columns[y]));
    }
    all
}

/// The transformed kernels of a layer: for each panel of outputs, each point, all chunks of inputs.
pub(super) fn pack<T: Prim>(
    inputs: usize,
    outputs: usize,
    kernel: impl Fn(usize, usize) -> [f64; 9] + Sync,
) -> Vec<Panel<T>> {
    let chunks = inputs.div_ceil(DEPTH);
    let size = POINTS * chunks;
    let mut panels = vec![[[T::default(); COLUMNS]; DEPTH]; outputs.div_ceil(COLUMNS) * size];
    let parts = panels.par_chunks_mut(size).enumerate();
    parts.for_each(|(at, panels)| {
        for input in 0..inputs {
            for j in 0..COLUMNS.min(outputs - at * COLUMNS) {
                let points = kernel_at_points(&kernel(input, at * COLUMNS + j));
                for (point, number) in points.into_iter().enumerate() {
                    panels[point * chunks + input / DEPTH][input % DEPTH][j] = T::of(number);
                }
            }
        }
    });
    panels
}

/// A layer on one band of its output; `input` and the output have the same height and width.
pub(super) fn run<T: Prim>(
    input: &Maps<T>,
    panels: &[Panel<T>],
    finish: Finish<'_, T>,
    mut band: Band<'_, T>,
    lanes: usize,
) {
    let chunks = input.lanes / DEPTH;
    let tiles = tiles_of(input, &band);
    let size = BLOCKS * POINTS;
    with_scratch::<T, _>(size * (chunks * BLOCK + SUMS), |memory| {
        let (blocks, sums) = memory.split_at_mut(size * chunks * BLOCK);
        let (blocks, sums) = (as_blocks(blocks), as_sums(sums));
        for tiles in tiles.chunks(BLOCKS * ROWS) {
            simd::dispatch(Enter {
                input,
                tiles,
                blocks,
                chunks,
            });
            for (panel, kernels) in panels.chunks(POINTS * chunks).enumerate() {
                let count = tiles.len().div_ceil(ROWS);
                for (point, kernels) in kernels.chunks(chunks).enumerate() {
                    let stride = POINTS * chunks;
                    let blocks = (&blocks[point * chunks..], stride);
                    product::multiply(blocks, kernels, (&mut sums[point..], POINTS), count, false);
                }
                simd::dispatch(Leave {
                    sums,
                    tiles,
                    finish,
                    panel,
                    band: &mut band,
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

fn tiles_of<T>(maps: &Maps<T>, band: &Band<'_, T>) -> Vec<Tile> {
    let mut tiles = Vec::new();
    let mut row = band.rows.start;
    while row < band.rows.end {
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
    blocks: &'a mut [Block<T>],
    chunks: usize,
}

impl<T: Prim> Task for Enter<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let maps = self.input;
        let mut pixels = [[T::default(); DEPTH]; POINTS];
        let mut points = [[T::default(); DEPTH]; POINTS];
        for (at, tile) in self.tiles.iter().enumerate() {
            let item = tile.row - tile.y;
            if let Some(next) = self.tiles.get(at + 1) {
                prefetch(maps, next);
            }
            for chunk in 0..self.chunks {
                for i in 0..SIDE {
                    for j in 0..SIDE {
                        let (y, x) = ((tile.y + i).wrapping_sub(1), (tile.x + j).wrapping_sub(1));
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

/// Asks for a tile's pixels, as far as the tile before, to the left, does not hold them.
#[inline(always)]
fn prefetch<T: Prim>(maps: &Maps<T>, tile: &Tile) {
    let item = tile.row - tile.y;
    for i in 0..SIDE {
        for j in 2..SIDE {
            let (y, x) = ((tile.y + i).wrapping_sub(1), (tile.x + j).wrapping_sub(1));
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
struct Leave<'a, 'b, T> {
    sums: &'a [Sums<T>],
    tiles: &'a [Tile],
    finish: Finish<'a, T>,
    panel: usize,
    band: &'a mut Band<'b, T>,
    width: usize,
    lanes: usize,
}

impl<T: Prim> Task for Leave<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let from = self.panel * COLUMNS;
        let len = COLUMNS.min(self.lanes - from);
        let mut pixels = [[T::default(); COLUMNS]; OUT * OUT];
        for (at, tile) in self.tiles.iter().enumerate() {
            let sums = &self.sums[at / ROWS * POINTS..].as_chunks::<POINTS>().0[0];
            for lane in 0..COLUMNS {
                leave::<I, T>(sums, at % ROWS, &mut pixels, lane);
            }
            for i in 0..tile.rows {
                for j in 0..OUT.min(self.width - tile.x) {
                    let at = ((tile.row + i) * self.width + tile.x + j) * self.lanes + from;
                    let own = at - self.band.rows.start * self.width * self.lanes;
                    let out = &mut self.band.out[own..][..len];
                    let mask = self.band.mask.as_deref_mut();
                    let mask = mask.map(|mask| &mut mask[own..][..len]);
                    self.finish
                        .write::<I>(self.panel, &pixels[i * OUT + j], out, mask, at);
                }
            }
        }
    }
}

/// One channel of a tile, from the points.
#[inline(always)]
fn leave<I: Isa, T: Prim>(
    sums: &[Sums<T>; POINTS],
    row: usize,
    pixels: &mut [[T; COLUMNS]; OUT * OUT],
    lane: usize,
) {
    let zero = <T::Lane<I>>::zero();
    let mut half = [[zero; OUT]; SIDE];
    for j in 0..SIDE {
        let m = |i: usize| <T::Lane<I>>::new(sums[i * SIDE + j][row][lane]);
        half[j] = leave_line([m(0), m(1), m(2), m(3), m(4), m(5)]);
    }
    for i in 0..OUT {
        let line = leave_line([
            half[0][i], half[1][i], half[2][i], half[3][i], half[4][i], half[5][i],
        ]);
        for j in 0..OUT {
            pixels[i * OUT + j][lane] = line[j].get();
        }
    }
}

/// Products at the points to four outputs.
#[inline(always)]
fn leave_line<R: Real>(m: [R; SIDE]) -> [R; OUT] {
    let (sum, difference) = (m[1] + m[2], m[1] - m[2]);
    let (far_sum, far_difference) = (m[3] + m[4], m[3] - m[4]);
    let (near, far) = (FRAC_1_SQRT_2, SQRT_2);
    [
        m[0] + sum + far_sum,
        difference.mul_add(R::of(near), R::of(far) * far_difference),
        sum.mul_add(R::of(0.5), R::of(2.0) * far_sum),
        difference.mul_add(
            R::of(near / 2.0),
            far_difference.mul_add(R::of(2.0 * far), m[5]),
        ),
    ]
}
