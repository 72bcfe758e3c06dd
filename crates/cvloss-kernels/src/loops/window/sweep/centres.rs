//! Windows around a slice's centres, and what they put there.

use std::ops::Range;

use crate::loops::window::statistics::{Evaluate, Slopes, Statistics};
use crate::loops::window::sums::Slide;
use crate::loops::window::tasks::{Multiply, Scale, Sum};
use crate::loops::window::{Formula, Piece};
use crate::scalar::Prim;
use crate::simd::dispatch;

use super::{MAPS, Memory, Sweep, Tile, span};

impl<F: Formula, P: Prim> Sweep<'_, F, P> {
    /// Windows around each of `places`; adds their values to `total`, row by row: the order is that of rows, however many
    /// are in work.
    pub(super) fn centres(
        &self,
        tile: &Tile,
        places: &Range<isize>,
        total: &mut f64,
        piece: &mut Piece<'_>,
        memory: &mut Memory<'_, P>,
    ) {
        let [_, row_axis, column_axis] = &self.axes;
        let [_, row_part, column_part] = &tile.parts;
        let strides = tile.strides;
        let slice = row_part.inputs.len() * strides.inputs;
        let rows = row_part.centres.len();
        let map_slice = tile.map_rows(&self.axes).len() * strides.maps;
        for (scale, (taps, formula)) in self.scales.iter().enumerate() {
            self.gather(
                &taps[0],
                places,
                memory.pixels,
                [tile.moments, slice, 0, tile.moments * slice],
                &mut memory.starts,
                memory.gathered,
            );
            let row_skip = row_axis.radius - taps[1].len() / 2;
            let column_skip = column_axis.radius - taps[2].len() / 2;
            let lines = places
                .clone()
                .flat_map(|centre| (0..rows).map(move |line| (centre, line)));
            for (centre, line) in lines {
                let nth = (centre - places.start) as usize;
                for moment in 0..tile.moments {
                    let from = Self::across(
                        &taps[1],
                        &memory.gathered[(nth * tile.moments + moment) * slice..][..slice],
                        line + row_skip,
                        strides.inputs,
                        &mut memory.starts,
                        memory.rows,
                    );
                    dispatch(Slide {
                        taps: &taps[2],
                        from: &from[column_skip..],
                        to: &mut memory.windows[moment * strides.centres..][..strides.centres],
                        add: false,
                    });
                }
                let mut windows = memory.windows.chunks_exact(strides.centres);
                let mut next = || windows.next().unwrap_or_default();
                let moments = [next(), next(), next(), next()];
                let weights = self.operands.weight.as_ref().map(|_| next());
                let row = row_part.centres.start + line as isize;
                let weights = weights.zip(self.centre_weights(tile, centre, row, memory.pixels));
                let n = column_part.centres.len();
                let values = self.values(tile, nth, scale, line);
                let start = self.map(tile, centre, row) + scale * tile.maps * map_slice;
                let slopes = self.slopes(tile, memory.maps.get_mut(start..), map_slice, n);
                dispatch(Evaluate {
                    formula: *formula,
                    statistics: Statistics {
                        shift: tile.shift.map(P::of),
                        ..self.statistics
                    },
                    moments,
                    weights,
                    values: &mut memory.values[values..][..n],
                    slopes,
                });
            }
        }
        for (nth, centre) in places.clone().enumerate() {
            for line in 0..rows {
                *total += self.finish(tile, nth, [centre, line as isize], piece, memory);
            }
        }
    }

    /// Where values of a row of centres begin, of the `nth` slice in work.
    fn values(&self, tile: &Tile, nth: usize, scale: usize, line: usize) -> usize {
        let rows = tile.parts[1].centres.len();
        ((nth * self.scales.len() + scale) * rows + line) * tile.strides.centres
    }

    /// Where what a row of centres puts there begins, of the first scale.
    fn map(&self, tile: &Tile, centre: isize, row: isize) -> usize {
        let rows = tile.map_rows(&self.axes);
        let slot = self.scales.len() * tile.maps * rows.len() * tile.strides.maps;
        let columns = &tile.parts[2];
        self.slot(centre) * slot
            + (row - rows.start) as usize * tile.strides.maps
            + (columns.centres.start - columns.slopes.start) as usize
            + self.axes[2].radius
    }

    /// A row of centres whose windows are known, of all scales: returns the sum of their values.
    fn finish(
        &self,
        tile: &Tile,
        nth: usize,
        [centre, line]: [isize; 2],
        piece: &mut Piece<'_>,
        memory: &mut Memory<'_, P>,
    ) -> f64 {
        let [slice_part, row_part, column_part] = &tile.parts;
        let (row, line) = (row_part.centres.start + line, line as usize);
        if self.multiplies {
            self.multiply(tile, nth, line, centre, memory);
        }
        if !slice_part.counted.contains(&centre) || !row_part.counted.contains(&row) {
            return 0.0;
        }
        let counted = span(&column_part.counted, column_part.centres.start);
        let values = &memory.values[self.values(tile, nth, 0, line)..][counted.clone()];
        let weights = self.centre_weights(tile, centre, row, memory.pixels);
        if let Some(map) = &mut piece.map {
            let [slices, rows, columns] = &self.axes;
            let strip = &slice_part.counted;
            let line = (centre - strip.start) as usize * rows.centres().len()
                + (row - rows.centres().start) as usize;
            let start = line * columns.centres().len()
                + (column_part.counted.start - columns.centres().start) as usize;
            debug_assert!(slices.centres().contains(&centre));
            map.write_row(0, 0, start, values, false);
        }
        dispatch(Sum {
            row: values,
            weights: weights.map(|weights| &weights[counted]),
            work: &mut *memory.out,
        })
    }

    /// Where a row of centres puts its slopes, in maps that begin `apart`.
    fn slopes<'m>(
        &self,
        tile: &Tile,
        maps: Option<&'m mut [P]>,
        apart: usize,
        len: usize,
    ) -> Option<Slopes<'m, P>> {
        let maps = maps.filter(|_| tile.maps > 0)?;
        let mut maps = maps.chunks_mut(apart).map(|map| &mut map[..len]);
        let mut next = || maps.next().unwrap_or_default();
        let (mean, sum, difference) = (next(), next(), next());
        Some(Slopes {
            scale: P::of(tile.slopes.windows),
            sign: P::of(if self.how[0].is_some() { 1.0 } else { -1.0 }),
            mean,
            other_mean: (tile.maps == MAPS).then(next),
            sum,
            difference,
        })
    }

    /// Makes values of scales those of their product, and scales what they put at their centres.
    fn multiply(
        &self,
        tile: &Tile,
        nth: usize,
        line: usize,
        centre: isize,
        memory: &mut Memory<'_, P>,
    ) {
        let stride = tile.strides.centres;
        let scales = self.scales.len();
        let n = tile.parts[2].centres.len();
        // The values of one row of all scales, next to each other.
        let (values, factors) = memory.factors.split_at_mut(stride * scales);
        for scale in 0..scales {
            let from = self.values(tile, nth, scale, line);
            values[scale * stride..][..stride].copy_from_slice(&memory.values[from..][..stride]);
        }
        dispatch(Multiply {
            values: &mut *values,
            factors: &mut *factors,
            stride,
        });
        memory.values[self.values(tile, nth, 0, line)..][..stride]
            .copy_from_slice(&values[..stride]);
        let start = self.map(tile, centre, tile.parts[1].centres.start + line as isize);
        let map_slice = tile.map_rows(&self.axes).len() * tile.strides.maps;
        for scale in 0..scales {
            let by = &factors[scale * stride..][..n];
            for map in 0..tile.maps {
                let at = start + (scale * tile.maps + map) * map_slice;
                dispatch(Scale {
                    by,
                    row: &mut memory.maps[at..][..n],
                });
            }
        }
    }

    /// No window has its centre at `centre`.
    pub(super) fn no_centre(&self, tile: &Tile, centre: isize, memory: &mut Memory<'_, P>) {
        let slice = tile.map_rows(&self.axes).len() * tile.strides.maps;
        let slot = self.scales.len() * tile.maps * slice;
        memory.maps[self.slot(centre) * slot..][..slot].fill(P::default());
    }
}
