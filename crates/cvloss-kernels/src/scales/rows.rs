//! Rows of cells, and rows of points.

use ndarray::ArrayView3;

use crate::math::Real;
use crate::options::Gradient;
use crate::parallel;
use crate::scalar::{Prim, Scalar};
use crate::simd::{Isa, Task, dispatch};
use crate::view::{View, ViewMut};

use super::Cells;

/// The least number of points worth a thread.
const LEAST: usize = 32 * 1024;

/// Some rows of a plane: item, channel, and the number of the first row.
type Rows<'a> = (usize, usize, usize, ViewMut<'a>);

/// Cuts (N, C, rows of `width`) into pieces of rows, each worth `points` a row.
fn pieces(into: ViewMut<'_>, width: usize, points: usize) -> Vec<Rows<'_>> {
    let [items, channels, space] = into.shape();
    if items * channels * space == 0 {
        return Vec::new();
    }
    let rows = parallel::piece_len(space / width, 1, LEAST.div_ceil(points.max(1)));
    let mut pieces = Vec::new();
    for (n, item) in into.split(0, 1).into_iter().enumerate() {
        for (c, plane) in item.split(1, 1).into_iter().enumerate() {
            let parts = plane.split(2, rows * width).into_iter().enumerate();
            pieces.extend(parts.map(|(at, part)| (n, c, at * rows, part)));
        }
    }
    pieces
}

pub(super) fn average<P: Prim>(grid: &[Cells; 3], from: &View<'_>, into: ViewMut<'_>) {
    let [deep, high, wide] = *grid;
    let points = wide.len * high.factor * deep.factor;
    parallel::map(
        pieces(into, wide.count, points),
        |(n, c, first, mut into)| {
            let mut row = vec![P::default(); wide.len];
            let mut sums = vec![P::default(); wide.len];
            let mut means = vec![P::default(); wide.count];
            for at in 0..into.shape()[2] / wide.count {
                let (z, y) = ((first + at) / high.count, (first + at) % high.count);
                sums.fill(P::default());
                for dz in 0..deep.size(z) {
                    for dy in 0..high.size(y) {
                        let line = (z * deep.factor + dz) * high.len + y * high.factor + dy;
                        from.read_row(n, c, line * wide.len, &mut row);
                        Scalar::add_slice(&row, &mut sums);
                    }
                }
                let lines = deep.size(z) * high.size(y);
                dispatch(Means {
                    wide,
                    lines,
                    sums: &sums,
                    means: &mut means,
                });
                into.write_row(0, 0, at * wide.count, &means, false);
            }
        },
    );
}

/// What lies in the middle of each cell.
pub(super) fn pick<T: Copy, U>(
    grid: &[Cells; 3],
    from: &ArrayView3<'_, T>,
    read: impl Fn(T) -> U,
) -> Vec<U> {
    let [deep, high, wide] = *grid;
    let (items, channels, _) = from.dim();
    let mut picked = Vec::with_capacity(items * channels * deep.count * high.count * wide.count);
    for plane in from.rows() {
        for z in 0..deep.count {
            for y in 0..high.count {
                let line = deep.middle(z) * high.len + high.middle(y);
                let middle = |x: usize| read(plane[line * wide.len + wide.middle(x)]);
                picked.extend((0..wide.count).map(middle));
            }
        }
    }
    picked
}

pub(super) fn spread<P: Prim>(grid: &[Cells; 3], slopes: &View<'_>, gradient: Gradient<'_>) {
    let [deep, high, wide] = *grid;
    let Gradient {
        view,
        scale,
        accumulate,
    } = gradient;
    parallel::map(
        pieces(view, wide.len, wide.len),
        |(n, c, first, mut into)| {
            let mut of_cells = vec![P::default(); wide.count];
            let mut row = vec![P::default(); wide.len];
            for at in 0..into.shape()[2] / wide.len {
                let (z, y) = ((first + at) / high.len, (first + at) % high.len);
                let (cell_z, cell_y) = (z / deep.factor, y / high.factor);
                // What no cell has has no slope.
                let is_inside = cell_z < deep.count && cell_y < high.count;
                if is_inside {
                    let line = cell_z * high.count + cell_y;
                    slopes.read_row(n, c, line * wide.count, &mut of_cells);
                    let lines = deep.size(cell_z) * high.size(cell_y);
                    dispatch(Shares {
                        wide,
                        lines,
                        scale,
                        slopes: &mut of_cells,
                    });
                    row.fill(P::default());
                    for (points, slope) in row.chunks_mut(wide.factor).zip(&of_cells) {
                        points.fill(*slope);
                    }
                } else if accumulate {
                    continue;
                } else {
                    row.fill(P::default());
                }
                into.write_row(0, 0, at * wide.len, &row, accumulate);
            }
        },
    );
}

/// Means of cells, of sums over `lines` lines.
struct Means<'a, P> {
    wide: Cells,
    lines: usize,
    sums: &'a [P],
    means: &'a mut [P],
}

impl<P: Prim> Task for Means<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let cells = self.sums.chunks(self.wide.factor);
        for (mean, cell) in self.means.iter_mut().zip(cells) {
            let mut sum = P::Lane::<I>::zero();
            for x in cell {
                sum += P::Lane::<I>::new(*x);
            }
            *mean = (sum / Real::of((cell.len() * self.lines) as f64)).get();
        }
    }
}

/// Slopes of cells become those of each of their points.
struct Shares<'a, P> {
    wide: Cells,
    lines: usize,
    scale: f64,
    slopes: &'a mut [P],
}

impl<P: Prim> Task for Shares<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        for (cell, slope) in self.slopes.iter_mut().enumerate() {
            let points = self.wide.size(cell) * self.lines;
            let share = P::Lane::<I>::of(self.scale / points as f64);
            *slope = (P::Lane::<I>::new(*slope) * share).get();
        }
    }
}
