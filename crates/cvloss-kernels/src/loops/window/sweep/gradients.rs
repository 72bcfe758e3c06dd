//! Gradients of a slice's pixels.

use std::ops::Range;

use crate::loops::window::axis::{Axis, Part};
use crate::loops::window::sums::Slide;
use crate::loops::window::tasks::{AddPixels, Combine, MOMENTS};
use crate::loops::window::{Formula, Piece};
use crate::scalar::Prim;
use crate::simd::dispatch;

use super::{Memory, Sweep, Tile, span};

impl<F: Formula, P: Prim> Sweep<'_, F, P> {
    /// The gradient at each of `places`, whose windows are all known.
    pub(super) fn gradients(
        &self,
        tile: &Tile,
        places: &Range<isize>,
        piece: &mut Piece<'_>,
        memory: &mut Memory<'_, P>,
    ) {
        let [_, row_axis, column_axis] = &self.axes;
        let strides = tile.strides;
        let slice = tile.map_rows(&self.axes).len() * strides.maps;
        let rows = tile.parts[1].slopes.len();
        for (scale, (taps, _)) in self.scales.iter().enumerate() {
            let offset = scale * tile.maps * slice;
            let slot = self.scales.len() * tile.maps * slice;
            self.gather(
                &taps[0],
                places,
                memory.maps,
                [tile.maps, slice, offset, slot],
                &mut memory.starts,
                memory.gathered,
            );
            let row_skip = row_axis.radius - taps[1].len() / 2;
            let column_skip = column_axis.radius - taps[2].len() / 2;
            for nth in 0..places.len() {
                for line in 0..rows {
                    for map in 0..tile.maps {
                        let from = Self::across(
                            &taps[1],
                            &memory.gathered[(nth * tile.maps + map) * slice..][..slice],
                            line + row_skip,
                            strides.maps,
                            &mut memory.starts,
                            memory.rows,
                        );
                        let to = ((nth * rows + line) * tile.maps + map) * strides.slopes;
                        dispatch(Slide {
                            taps: &taps[2],
                            from: &from[column_skip..],
                            to: &mut memory.slopes[to..][..strides.slopes],
                            add: scale > 0,
                        });
                    }
                }
            }
        }
        for (nth, at) in places.clone().enumerate() {
            for line in 0..rows {
                let row = tile.parts[1].slopes.start + line as isize;
                if let Some(pixel) = self.axes[0].pixel(at).zip(row_axis.pixel(row)) {
                    self.write(tile, [at, row], pixel, nth * rows + line, piece, memory);
                }
            }
        }
    }

    /// Writes a row of each gradient, or adds it to what is there.
    fn write(
        &self,
        tile: &Tile,
        [at, row]: [isize; 2],
        pixel: (usize, usize),
        line: usize,
        piece: &mut Piece<'_>,
        memory: &mut Memory<'_, P>,
    ) {
        let [slice_axis, row_axis, column_axis] = &self.axes;
        let [slice_part, row_part, column_part] = &tile.parts;
        let n = column_part.slopes.len();
        let is_first = slice_axis.is_first(at) && row_axis.is_first(row);
        let is_own = slice_part.own.contains(&at) && row_part.own.contains(&row);
        let skip = (column_part.slopes.start - column_part.inputs.start) as usize;
        let pixels = &*memory.pixels;
        let moment = |moment: usize| &pixels[self.moment(tile, moment, at, row) + skip..][..n];
        let (sums, differences) = (moment(0), moment(1));
        let weights = self.operands.weight.as_ref().map(|_| moment(MOMENTS));
        let slopes = &*memory.slopes;
        let map = |map: usize| &slopes[(line * tile.maps + map) * tile.strides.slopes..][..n];
        let own = span(&column_part.own, column_part.slopes.start);
        let strip = slice_part.own.start as usize;
        let start = ((pixel.0 - strip) * row_axis.len + pixel.1) * column_axis.len
            + column_part.own.start as usize;
        let mut means = [0, 3].into_iter();
        let mut sign = 1.0;
        for (which, gradient) in piece.gradients.iter_mut().enumerate() {
            let (Some(gradient), Some(scale)) = (gradient, self.how[which]) else {
                continue;
            };
            let (mean, direction) = (map(means.next().unwrap_or_default()), sign);
            sign = -1.0;
            let combine = |out: &mut [P]| {
                dispatch(Combine {
                    scale: P::of(scale),
                    sign: P::of(direction),
                    mean,
                    sum: map(1),
                    difference: map(2),
                    weights,
                    sums,
                    differences,
                    to: &mut *out,
                });
                fold(column_axis, column_part, out);
                let Some(across) = self.pixels.as_ref().filter(|_| is_own) else {
                    return;
                };
                let along = across.as_ref().map_or(1.0, |across| {
                    across[0][pixel.0].to_f64() * across[1][pixel.1].to_f64()
                });
                let direction = if which == 0 { 1.0 } else { -1.0 };
                dispatch(AddPixels {
                    scale: P::of(scale * tile.slopes.pixels * along * direction),
                    across: across
                        .as_ref()
                        .map(|across| &across[2][column_part.own.start as usize..]),
                    weights: weights.map(|weights| &weights[own.clone()]),
                    differences: &differences[own.clone()],
                    to: &mut out[own.clone()],
                });
            };
            let add = piece.accumulates[which] || !is_first;
            if !add
                && own.len() == n
                && let Some(there) = gradient.row(0, 0, start, n)
            {
                combine(there);
            } else {
                let out = &mut memory.out[..n];
                combine(&mut *out);
                gradient.write_row(0, 0, start, &out[own.clone()], add);
            }
        }
    }
}

/// Adds the gradient beyond the border to that of the pixels that are shown there.
fn fold<P: Prim>(axis: &Axis, part: &Part, row: &mut [P]) {
    let start = part.slopes.start;
    for at in (start..part.own.start).chain(part.own.end..part.slopes.end) {
        if let Some(pixel) = axis.pixel(at) {
            let (to, from) = ((pixel as isize - start) as usize, (at - start) as usize);
            row[to] = P::of(row[to].to_f64() + row[from].to_f64());
        }
    }
}
