//! Kernels at the points of Winograd's convolutions, made from the weights whenever they are needed.
//!
//! At the points, a kernel of 3×3 is four times as large, and both directions have their own. So they are made for some
//! channels at a time, and nobody keeps them.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};
use std::ops::Range;

use rayon::prelude::*;

use super::product::{COLUMNS, DEPTH, Panel};
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{self, Isa, Task};

/// Pixels along a side of a tile.
pub(super) const SIDE: usize = 6;
/// Products per tile and pair of channels.
pub(super) const POINTS: usize = SIDE * SIDE;

/// The weights of a layer, in one of its directions.
#[derive(Clone, Copy)]
pub(super) struct Kernels<'a> {
    /// (O, I, taps, taps).
    pub(super) weight: &'a [f32],
    pub(super) outputs: usize,
    pub(super) inputs: usize,
    /// From outputs to inputs, with taps in reverse order: the gradient's convolution.
    pub(super) is_backward: bool,
}

impl Kernels<'_> {
    /// Channels of what is read, and of what is written.
    fn channels(&self) -> (usize, usize) {
        match self.is_backward {
            false => (self.inputs, self.outputs),
            true => (self.outputs, self.inputs),
        }
    }

    /// Panels of channels that are written, and chunks of channels that are read.
    fn size(&self) -> (usize, usize) {
        let (from, to) = self.channels();
        (to.div_ceil(COLUMNS), from.div_ceil(DEPTH))
    }

    /// How many panels they are at the points.
    fn count(&self) -> usize {
        let (panels, chunks) = self.size();
        panels * chunks * POINTS
    }

    /// Whether all threads share them at the points.
    pub(super) fn are_shared<T>(&self) -> bool {
        self.count() * size_of::<Panel<T>>() <= ROOM
    }

    /// Makes the kernels to one panel of channels, from one chunk of channels.
    fn make<T: Prim, const TAPS: usize>(&self, panel: usize, chunk: usize, out: &mut [Panel<T>]) {
        simd::dispatch(Make::<T, TAPS> {
            kernels: *self,
            row: chunk * DEPTH,
            column: panel * COLUMNS,
            out,
        });
    }
}

/// Bytes of kernels that all threads share: about what a cache holds that they share too.
const ROOM: usize = 5 << 20;
/// Chunks of channels whose kernels a thread makes at a time: with its sums, they stay in its own cache.
const PART: usize = 2;

/// The kernels of a layer at the points: for each panel, each chunk, all points.
#[derive(Clone, Copy)]
pub(super) enum AtPoints<'a, T> {
    /// Of a layer with few channels, made once for a pass.
    Shared(Kernels<'a>, &'a [Panel<T>]),
    /// Of a layer with many, whose maps are small: threads make them as they go.
    Own(Kernels<'a>),
}

impl<'a, T: Prim> AtPoints<'a, T> {
    /// Makes them in `room`, if they fit.
    pub(super) fn new<const TAPS: usize>(
        kernels: Kernels<'a>,
        room: &'a mut Vec<Panel<T>>,
    ) -> Self {
        if !kernels.are_shared::<T>() {
            return Self::Own(kernels);
        }
        let (chunks, count) = (kernels.size().1, kernels.count());
        if room.len() < count {
            room.resize(count, Panel::zero());
        }
        let parts = room[..count].par_chunks_mut(POINTS).enumerate();
        parts.for_each(|(at, out)| kernels.make::<T, TAPS>(at / chunks, at % chunks, out));
        Self::Shared(kernels, &room[..count])
    }

    /// Panels of channels that are written, and chunks of channels that are read.
    pub(super) fn size(&self) -> (usize, usize) {
        match self {
            Self::Shared(kernels, _) | Self::Own(kernels) => kernels.size(),
        }
    }

    /// How many chunks to ask for at a time, and memory for them.
    pub(super) fn part(&self) -> (usize, Vec<Panel<T>>) {
        match self {
            Self::Shared(..) => (self.size().1.max(1), Vec::new()),
            Self::Own(_) => (PART, vec![Panel::zero(); PART * POINTS]),
        }
    }

    /// The kernels to one panel of channels, from some chunks.
    pub(super) fn get<'b, const TAPS: usize>(
        &'b self,
        panel: usize,
        chunks: Range<usize>,
        memory: &'b mut [Panel<T>],
    ) -> &'b [Panel<T>] {
        match self {
            Self::Shared(kernels, all) => {
                let first = panel * kernels.size().1 + chunks.start;
                &all[first * POINTS..][..chunks.len() * POINTS]
            }
            Self::Own(kernels) => {
                for (chunk, out) in chunks.zip(memory.chunks_mut(POINTS)) {
                    kernels.make::<T, TAPS>(panel, chunk, out);
                }
                memory
            }
        }
    }
}

/// The kernels to one panel of channels, from one chunk of channels.
struct Make<'a, T, const TAPS: usize> {
    kernels: Kernels<'a>,
    row: usize,
    column: usize,
    out: &'a mut [Panel<T>],
}

/// A kernel of each of some neighbouring channels that are written.
type Taps<T, const TAPS: usize> = [[[T; DEPTH]; TAPS]; TAPS];

impl<T: Prim, const TAPS: usize> Task for Make<'_, T, TAPS> {
    type Prim = T;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let mut taps = [[[[T::default(); DEPTH]; TAPS]; TAPS]; DEPTH];
        let mut points = [[T::default(); DEPTH]; POINTS];
        for part in 0..COLUMNS / DEPTH {
            let column = self.column + part * DEPTH;
            // The next chunk is often this thread's too.
            prefetch::<TAPS>(self.kernels, self.row + DEPTH, column);
            gather(self.kernels, self.row, column, &mut taps);
            for (k, taps) in taps.iter().enumerate() {
                for lane in 0..DEPTH {
                    transform::<I, T, TAPS>(taps, &mut points, lane);
                }
                for (panel, lanes) in self.out.iter_mut().zip(&points) {
                    panel.0[k].as_chunks_mut::<DEPTH>().0[part] = *lanes;
                }
            }
        }
    }
}

/// The kernels between two chunks of channels; zeros where there is no channel.
#[inline(always)]
fn gather<T: Prim, const TAPS: usize>(
    kernels: Kernels<'_>,
    row: usize,
    column: usize,
    taps: &mut [Taps<T, TAPS>; DEPTH],
) {
    let (rows, columns) = kernels.channels();
    let rows = DEPTH.min(rows.saturating_sub(row));
    let columns = DEPTH.min(columns.saturating_sub(column));
    if rows < DEPTH || columns < DEPTH {
        *taps = [[[[T::default(); DEPTH]; TAPS]; TAPS]; DEPTH];
    }
    // In this order, nothing lies so that vectors of it are taken for a good idea: they are slower.
    let all = kernels.weight.as_chunks::<TAPS>().0;
    for j in 0..columns {
        for k in 0..rows {
            let (output, input) = match kernels.is_backward {
                false => (column + j, row + k),
                true => (row + k, column + j),
            };
            let kernel = &all[(output * kernels.inputs + input) * TAPS..][..TAPS];
            for y in 0..TAPS {
                for x in 0..TAPS {
                    taps[k][y][x][j] = T::from_f32(match kernels.is_backward {
                        false => kernel[y][x],
                        true => kernel[TAPS - 1 - y][TAPS - 1 - x],
                    });
                }
            }
        }
    }
}

/// Asks for the kernels between two chunks of channels.
#[inline(always)]
fn prefetch<const TAPS: usize>(kernels: Kernels<'_>, row: usize, column: usize) {
    let (outputs, inputs) = match kernels.is_backward {
        false => (column, row),
        true => (row, column),
    };
    let size = TAPS * TAPS;
    for output in outputs..(outputs + DEPTH).min(kernels.outputs) {
        let all = &kernels.weight[output * kernels.inputs * size..][..kernels.inputs * size];
        let end = (inputs + DEPTH).min(kernels.inputs);
        if inputs < end {
            simd::prefetch(&all[inputs * size..end * size]);
        }
    }
}

/// One of the kernels.
#[inline(always)]
fn transform<I: Isa, T: Prim, const TAPS: usize>(
    taps: &Taps<T, TAPS>,
    points: &mut [[T; DEPTH]; POINTS],
    lane: usize,
) {
    let zero = <T::Lane<I>>::zero();
    let mut half = [[zero; TAPS]; SIDE];
    for x in 0..TAPS {
        let mut column = [zero; TAPS];
        for y in 0..TAPS {
            column[y] = <T::Lane<I>>::new(taps[y][x][lane]);
        }
        let column = at_points(column);
        for y in 0..SIDE {
            half[y][x] = column[y];
        }
    }
    for y in 0..SIDE {
        let line = at_points(half[y]);
        for x in 0..SIDE {
            points[y * SIDE + x][lane] = line[x].get();
        }
    }
}

/// An odd number of taps, a polynomial, at the six points, over the differences of each from the others.
#[inline(always)]
fn at_points<R: Real, const TAPS: usize>(g: [R; TAPS]) -> [R; SIDE] {
    let (mut even, mut far_even) = (g[TAPS - 1], g[TAPS - 1]);
    let (mut odd, mut far_odd) = (g[TAPS - 2], g[TAPS - 2]);
    for k in (1..TAPS).rev().skip(1).step_by(2) {
        even = even.mul_add(R::of(0.5), g[k - 1]);
        far_even = far_even.mul_add(R::of(2.0), g[k - 1]);
        if k > 1 {
            odd = odd.mul_add(R::of(0.5), g[k - 2]);
            far_odd = far_odd.mul_add(R::of(2.0), g[k - 2]);
        }
    }
    let (near, far) = (-2.0 / 3.0, 1.0 / 6.0);
    let (even, odd) = (even * R::of(near), odd * R::of(near * FRAC_1_SQRT_2));
    let (far_even, far_odd) = (far_even * R::of(far), far_odd * R::of(far * SQRT_2));
    [
        g[0],
        even + odd,
        even - odd,
        far_even + far_odd,
        far_even - far_odd,
        g[TAPS - 1],
    ]
}
