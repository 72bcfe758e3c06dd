//! Pooling, and the way back: largest values, and the root of blurred squares.

use rayon::prelude::*;

use super::layer::too_small;
use super::maps::Maps;
use super::product::DEPTH;
use crate::error::{Error, Result};
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{self, Isa, Task};

/// The place of the largest value where nothing goes back to it.
const NOWHERE: u8 = u8::MAX;

/// The largest value of each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool {
    /// Pixels along a side of the window.
    pub side: usize,
    /// Pixels from one window to the next.
    pub stride: usize,
    /// Whether a last window that is cut by the border counts (PyTorch's `ceil_mode`).
    pub ceil: bool,
}

impl MaxPool {
    fn count(&self, len: usize) -> Option<usize> {
        match len.checked_sub(self.side) {
            Some(room) if self.ceil => {
                let before = room.div_ceil(self.stride);
                // A window must begin inside.
                Some(before + usize::from(before * self.stride < len))
            }
            Some(room) => Some(room / self.stride + 1),
            None => None,
        }
    }

    /// Rows and pixels of the output; none if the input is smaller than a window.
    pub fn output_size(&self, height: usize, width: usize) -> Option<(usize, usize)> {
        Some((self.count(height)?, self.count(width)?))
    }

    /// The largest values, and which pixel of the window each was: the first of several, or NaN. After a ReLU nothing goes
    /// back to a largest value of 0 if `is_masked`, as if the ReLU's mask were there.
    pub(super) fn forward<T: Prim>(
        &self,
        input: &Maps<T>,
        is_masked: bool,
        memory: Vec<T>,
    ) -> Result<(Maps<T>, Vec<u8>)> {
        if self.side * self.side > usize::from(NOWHERE) || self.stride == 0 {
            let got = format!("{} and {}", self.side, self.stride);
            return Err(Error::option(
                "side and stride",
                got,
                "1..=15, and at least 1",
            ));
        }
        let Some((height, width)) = self.output_size(input.height, input.width) else {
            return Err(too_small(input, self.side));
        };
        let shape = Maps {
            height,
            width,
            ..input.shape()
        };
        let mut output = shape.shaped(memory);
        let mut places = vec![0; output.len()];
        let row_len = output.row_len().max(1);
        let rows = output.numbers_mut().par_chunks_mut(row_len);
        rows.zip(places.par_chunks_mut(row_len))
            .enumerate()
            .for_each(|(row, (out, places))| {
                simd::dispatch(Largest {
                    pool: *self,
                    input,
                    is_masked,
                    out,
                    places,
                    item: row / height,
                    y: row % height,
                });
            });
        Ok((output, places))
    }

    /// The gradient of the input, whose shape is that of `like`; 0 where `mask` is 0.
    pub(super) fn backward<T: Prim>(
        &self,
        gradient: &Maps<T>,
        places: &[u8],
        like: &Maps<T>,
        mask: Option<&[u8]>,
        memory: Vec<T>,
    ) -> Maps<T> {
        let mut input = like.shaped(memory);
        let (row_len, height) = (input.row_len().max(1), input.height);
        let rows = input.numbers_mut().par_chunks_mut(row_len).enumerate();
        rows.for_each(|(row, out)| {
            simd::dispatch(Spread {
                pool: *self,
                gradient,
                places,
                out,
                mask: mask.map(|mask| &mask[row * row_len..][..row_len]),
                item: row / height,
                y: row % height,
                width: like.width,
            });
        });
        input
    }
}

struct Largest<'a, T> {
    pool: MaxPool,
    input: &'a Maps<T>,
    is_masked: bool,
    out: &'a mut [T],
    places: &'a mut [u8],
    item: usize,
    y: usize,
}

impl<T: Prim> Task for Largest<'_, T> {
    type Prim = T;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let (input, side, stride) = (self.input, self.pool.side, self.pool.stride);
        let chunks = input.lanes / DEPTH;
        let outs = self.out.as_chunks_mut::<DEPTH>().0.iter_mut();
        let places = self.places.as_chunks_mut::<DEPTH>().0.iter_mut();
        for (at, (out, places)) in outs.zip(places).enumerate() {
            let (x, chunk) = (at / chunks, at % chunks);
            let mut best = [<T::Lane<I>>::of(f64::NEG_INFINITY); DEPTH];
            let mut place = [0u8; DEPTH];
            for i in 0..side.min(input.height - self.y * stride) {
                for j in 0..side.min(input.width - x * stride) {
                    let row = self.item * input.height + self.y * stride + i;
                    let pixel = row * input.width + x * stride + j;
                    let start = pixel * input.lanes + chunk * DEPTH;
                    let mut lanes = [T::default(); DEPTH];
                    lanes.copy_from_slice(&input.data[start..][..DEPTH]);
                    let here = (i * side + j) as u8;
                    for k in 0..DEPTH {
                        let x = <T::Lane<I>>::new(lanes[k]);
                        // NaN is larger than all, and the first of equals stays.
                        let (is_smaller, same) = (x <= best[k], best[k]);
                        let is_number = best[k] == same;
                        let is_larger = !is_smaller & is_number;
                        best[k] = <T::Lane<I>>::select(is_larger, x, best[k]);
                        place[k] = if is_larger { here } else { place[k] };
                    }
                }
            }
            for k in 0..DEPTH {
                let is_lost = self.is_masked & (best[k] <= <T::Lane<I>>::zero());
                place[k] = if is_lost { NOWHERE } else { place[k] };
                out[k] = best[k].get();
            }
            *places = place;
        }
    }
}

struct Spread<'a, T> {
    pool: MaxPool,
    gradient: &'a Maps<T>,
    places: &'a [u8],
    out: &'a mut [T],
    mask: Option<&'a [u8]>,
    item: usize,
    y: usize,
    width: usize,
}

/// The windows of `count` that see position `at`.
fn seeing(at: usize, side: usize, stride: usize, count: usize) -> std::ops::RangeInclusive<usize> {
    let first = (at + 1).saturating_sub(side).div_ceil(stride);
    let last = (at / stride).min(count.wrapping_sub(1));
    match count {
        #[allow(clippy::reversed_empty_ranges)]
        0 => 1..=0,
        _ => first..=last,
    }
}

impl<T: Prim> Task for Spread<'_, T> {
    type Prim = T;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let (gradient, side, stride) = (self.gradient, self.pool.side, self.pool.stride);
        let lanes = gradient.lanes;
        let chunks = lanes / DEPTH;
        for x in 0..self.width {
            for chunk in 0..chunks {
                let mut sum = [<T::Lane<I>>::zero(); DEPTH];
                for i in seeing(self.y, side, stride, gradient.height) {
                    for j in seeing(x, side, stride, gradient.width) {
                        let here = ((self.y - i * stride) * side + x - j * stride) as u8;
                        let pixel = (self.item * gradient.height + i) * gradient.width + j;
                        let start = pixel * lanes + chunk * DEPTH;
                        let mut slopes = [T::default(); DEPTH];
                        slopes.copy_from_slice(&gradient.data[start..][..DEPTH]);
                        let mut places = [0; DEPTH];
                        places.copy_from_slice(&self.places[start..][..DEPTH]);
                        for k in 0..DEPTH {
                            let slope = <T::Lane<I>>::new(slopes[k]);
                            let zero = <T::Lane<I>>::zero();
                            sum[k] += <T::Lane<I>>::select(places[k] == here, slope, zero);
                        }
                    }
                }
                let start = x * lanes + chunk * DEPTH;
                let out = &mut self.out[start..].as_chunks_mut::<DEPTH>().0[0];
                match self.mask {
                    None => {
                        for k in 0..DEPTH {
                            out[k] = sum[k].get();
                        }
                    }
                    Some(mask) => {
                        let mask = &mask[start..].as_chunks::<DEPTH>().0[0];
                        for k in 0..DEPTH {
                            let zero = <T::Lane<I>>::zero();
                            out[k] = <T::Lane<I>>::select(mask[k] == 0, zero, sum[k]).get();
                        }
                    }
                }
            }
        }
    }
}

/// The root of squares blurred by a window of 3×3, every second pixel, as DISTS pools.
///
/// ```text
/// y = √(Σ w x² + 1e-12),   w = (1, 2, 1)ᵀ(1, 2, 1) / 16,  zeros around the image
/// ```
pub(super) mod l2 {
    use super::*;

    const TAPS: [f64; 3] = [0.25, 0.5, 0.25];
    const EPSILON: f64 = 1e-12;

    /// Rows and pixels of the output.
    pub(in super::super) fn output_size(height: usize, width: usize) -> (usize, usize) {
        (height.div_ceil(2), width.div_ceil(2))
    }

    pub(in super::super) fn forward<T: Prim>(input: &Maps<T>, memory: Vec<T>) -> Maps<T> {
        let (height, width) = output_size(input.height, input.width);
        let shape = Maps {
            height,
            width,
            ..input.shape()
        };
        let mut output = shape.shaped(memory);
        let row_len = output.row_len().max(1);
        let rows = output.numbers_mut().par_chunks_mut(row_len).enumerate();
        rows.for_each(|(row, out)| {
            let (item, y) = (row / height, row % height);
            simd::dispatch(Blur {
                input,
                out,
                item,
                y,
            });
        });
        output
    }

    /// From input and output.
    pub(in super::super) fn backward<T: Prim>(
        gradient: &Maps<T>,
        (input, output): (&Maps<T>, &Maps<T>),
        mask: Option<&[u8]>,
        memory: Vec<T>,
    ) -> Maps<T> {
        let mut slopes = input.shaped(memory);
        let (row_len, height) = (slopes.row_len().max(1), slopes.height);
        let rows = slopes.numbers_mut().par_chunks_mut(row_len).enumerate();
        rows.for_each(|(row, out)| {
            let (item, y) = (row / height, row % height);
            let mask = mask.map(|mask| &mask[row * row_len..][..row_len]);
            simd::dispatch(Unblur {
                gradient,
                input,
                output,
                out,
                mask,
                item,
                y,
            });
        });
        slopes
    }

    struct Blur<'a, T> {
        input: &'a Maps<T>,
        out: &'a mut [T],
        item: usize,
        y: usize,
    }

    impl<T: Prim> Task for Blur<'_, T> {
        type Prim = T;
        type Output = ();

        #[inline(always)]
        fn run<I: Isa>(self) {
            let input = self.input;
            let chunks = input.lanes / DEPTH;
            let outs = self.out.as_chunks_mut::<DEPTH>().0.iter_mut();
            for (at, out) in outs.enumerate() {
                let (x, chunk) = (at / chunks, at % chunks);
                let mut sum = [<T::Lane<I>>::of(EPSILON); DEPTH];
                for (i, row) in TAPS.iter().enumerate() {
                    for (j, column) in TAPS.iter().enumerate() {
                        let (y, x) = (
                            (2 * self.y + i).wrapping_sub(1),
                            (2 * x + j).wrapping_sub(1),
                        );
                        if y >= input.height || x >= input.width {
                            continue;
                        }
                        let pixel = (self.item * input.height + y) * input.width + x;
                        let start = pixel * input.lanes + chunk * DEPTH;
                        let lanes = &input.data[start..].as_chunks::<DEPTH>().0[0];
                        let weight = <T::Lane<I>>::of(row * column);
                        for k in 0..DEPTH {
                            let x = <T::Lane<I>>::new(lanes[k]);
                            sum[k] = (x * x).mul_add(weight, sum[k]);
                        }
                    }
                }
                for k in 0..DEPTH {
                    out[k] = sum[k].sqrt().get();
                }
            }
        }
    }

    struct Unblur<'a, T> {
        gradient: &'a Maps<T>,
        input: &'a Maps<T>,
        output: &'a Maps<T>,
        out: &'a mut [T],
        mask: Option<&'a [u8]>,
        item: usize,
        y: usize,
    }

    impl<T: Prim> Task for Unblur<'_, T> {
        type Prim = T;
        type Output = ();

        #[inline(always)]
        fn run<I: Isa>(self) {
            let (gradient, input) = (self.gradient, self.input);
            let lanes = input.lanes;
            let chunks = lanes / DEPTH;
            let outs = self.out.as_chunks_mut::<DEPTH>().0.iter_mut();
            for (at, out) in outs.enumerate() {
                let (x, chunk) = (at / chunks, at % chunks);
                let mut sum = [<T::Lane<I>>::zero(); DEPTH];
                // Window i sees rows 2i − 1 to 2i + 1.
                for i in seeing(self.y + 1, 3, 2, gradient.height) {
                    for j in seeing(x + 1, 3, 2, gradient.width) {
                        let weight = TAPS[self.y + 1 - 2 * i] * TAPS[x + 1 - 2 * j];
                        let pixel = (self.item * gradient.height + i) * gradient.width + j;
                        let start = pixel * lanes + chunk * DEPTH;
                        let slopes = &gradient.data[start..].as_chunks::<DEPTH>().0[0];
                        let roots = &self.output.data[start..].as_chunks::<DEPTH>().0[0];
                        for k in 0..DEPTH {
                            let slope = <T::Lane<I>>::new(slopes[k]);
                            let root = <T::Lane<I>>::new(roots[k]);
                            sum[k] += slope * <T::Lane<I>>::of(weight) / root;
                        }
                    }
                }
                let start = ((self.item * input.height + self.y) * input.width + x) * lanes;
                let start = start + chunk * DEPTH;
                let lanes = &input.data[start..].as_chunks::<DEPTH>().0[0];
                for k in 0..DEPTH {
                    let slope = sum[k] * <T::Lane<I>>::new(lanes[k]);
                    let is_kept = match self.mask {
                        Some(mask) => mask[at * DEPTH + k] != 0,
                        None => true,
                    };
                    let zero = <T::Lane<I>>::zero();
                    out[k] = <T::Lane<I>>::select(is_kept, slope, zero).get();
                }
            }
        }
    }
}
