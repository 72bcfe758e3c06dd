//! What a sweep reads: moments of pixels.

use crate::loops::window::Formula;
use crate::loops::window::tasks::{MOMENTS, Products, SumPixels};
use crate::scalar::Prim;
use crate::simd::dispatch;

use super::{Memory, Sweep, Tile, span};

impl<F: Formula, P: Prim> Sweep<'_, F, P> {
    /// Moments of the pixels at `at`; returns the sum of `|x − y|` over the tile's own.
    pub(super) fn read(&self, tile: &Tile, at: isize, memory: &mut Memory<'_, P>) -> f64 {
        let [slices, rows, _] = &self.axes;
        let [_, row_part, column_part] = &tile.parts;
        let stride = tile.strides.inputs;
        let slice = row_part.inputs.len() * stride;
        let slot = self.slot(at) * tile.moments * slice;
        let mut total = 0.0;
        for (line, row) in row_part.inputs.clone().enumerate() {
            let mut moments = memory.pixels[slot..][..tile.moments * slice]
                .chunks_exact_mut(slice)
                .map(|moment| &mut moment[line * stride..][..column_part.inputs.len()]);
            let mut next = || moments.next().unwrap_or_default();
            let moments = [next(), next(), next(), next()];
            let weights = self.operands.weight.as_ref().map(|_| next());
            let Some(start) = slices.pixel(at).zip(rows.pixel(row)) else {
                zeros(tile.shift, moments, weights);
                continue;
            };
            let start = (start.0 * rows.len + start.1) * self.axes[2].len;
            let buffers = [&mut *memory.x, &mut *memory.y, &mut *memory.w];
            let moments = self.read_row(tile, start, buffers, moments, weights);
            if let Some(across) = &self.pixels
                && tile.parts[0].own.contains(&at)
                && row_part.own.contains(&row)
            {
                let own = span(&column_part.own, column_part.inputs.start);
                let sum = dispatch(SumPixels {
                    differences: &moments[1][own],
                    across: across
                        .as_ref()
                        .map(|across| &across[2][column_part.own.start as usize..]),
                    work: &mut *memory.out,
                });
                let along = across.as_ref().map_or(1.0, |across| {
                    across[0][at as usize].to_f64() * across[1][row as usize].to_f64()
                });
                total += along * sum;
            }
        }
        total
    }

    /// Moments of one row of pixels, which begins at `start`, and of what the border puts beside it.
    fn read_row<'m>(
        &self,
        tile: &Tile,
        start: usize,
        [x, y, w]: [&mut [P]; 3],
        mut moments: [&'m mut [P]; MOMENTS],
        mut weights: Option<&'m mut [P]>,
    ) -> [&'m mut [P]; MOMENTS] {
        let axis = &self.axes[2];
        let positions = &tile.parts[2].inputs;
        let (first, end) = (positions.start.max(0), positions.end.min(axis.len as isize));
        let len = (end - first) as usize;
        let inside = span(&(first..end), positions.start);
        let start = start + first as usize;
        let (item, channel) = (tile.item, tile.channel);
        let x = self
            .operands
            .input
            .lend(item, channel, start, &mut x[..len]);
        let y = self
            .operands
            .target
            .lend(item, channel, start, &mut y[..len]);
        let w = self
            .operands
            .weight
            .as_ref()
            .map(|weight| weight.lend(item, 0, start, &mut w[..len]));
        dispatch(Products {
            x,
            y,
            w,
            shift: tile.shift.map(P::of),
            moments: moments.each_mut().map(|m| &mut m[inside.clone()]),
        });
        if let (Some(weights), Some(w)) = (&mut weights, w) {
            weights[inside].copy_from_slice(w);
        }
        let nothing = nothing(tile.shift);
        for at in (positions.start..first).chain(end..positions.end) {
            let to = (at - positions.start) as usize;
            match axis.pixel(at) {
                Some(pixel) => {
                    let from = (pixel as isize - positions.start) as usize;
                    for row in moments.iter_mut().chain(&mut weights) {
                        row[to] = row[from];
                    }
                }
                None => {
                    for (row, value) in moments.iter_mut().chain(&mut weights).zip(nothing) {
                        row[to] = value;
                    }
                }
            }
        }
        moments
    }
}

/// Moments and weight of a pixel that is 0 in both images.
fn nothing<P: Prim>([s, d]: [f64; 2]) -> [P; MOMENTS + 1] {
    [-s, -d, s * s, d * d, 1.0].map(P::of)
}

/// A row of such pixels.
fn zeros<P: Prim>(shift: [f64; 2], moments: [&mut [P]; MOMENTS], weights: Option<&mut [P]>) {
    for (row, value) in moments.into_iter().chain(weights).zip(nothing(shift)) {
        row.fill(value);
    }
}
