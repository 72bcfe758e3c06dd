//! The sweep of a window over a tile of a plane or volume.
//!
//! Along the axis of the sweep (rows of an image, planes of a volume) it goes position by position, "slice" by slice. A
//! slice is one row of an image, or rows of a volume's plane. What it keeps are two rings of slices: moments of pixels,
//! and what windows put at their centres.

use std::ops::Range;

use crate::error::Result;
use crate::scalar::{Prim, with_scratch};
use crate::simd::dispatch;
use crate::view::{View, ViewMut};

use super::axis::{Axis, Part, overlap};
use super::tasks::{
    AddPixels, Combine, Evaluate, Gather, LANES, MOMENTS, Multiply, Products, Scale, Slide, Slopes,
    Statistics, Sum, SumPixels, WINDOWS, padded,
};
use super::{Formula, Operands, Options, Pair, Piece, Pixels};

/// Bytes of work memory that tiles of images and of volumes should stay below.
const PLANE_BYTES: usize = 512 * 1024;
const VOLUME_BYTES: usize = 4 * 1024 * 1024;
/// Tiles of images are at least this wide.
const LEAST_WIDTH: usize = 128;
/// The most maps that windows put at their centres: two means, and what goes with sum and difference.
const MAPS: usize = 4;

/// What does not depend on the piece.
pub(super) struct Sweep<'a, F, P> {
    operands: &'a Operands<'a>,
    axes: [Axis; 3],
    /// Taps along each axis, and the formula, of each scale.
    scales: Vec<([Vec<P>; 3], F)>,
    statistics: Statistics<P>,
    multiplies: bool,
    /// Weights of single pixels along each axis.
    pixels: Option<Option<[Vec<P>; 3]>>,
    /// What each gradient is multiplied with.
    how: [Option<f64>; 2],
}

/// The place of a tile in its plane.
struct Tile {
    parts: [Part; 3],
    item: usize,
    channel: usize,
    slopes: Pair,
    /// Subtracted from `x + y` and `x − y`.
    shift: [f64; 2],
    /// How many maps there are at centres; none without a gradient.
    maps: usize,
    moments: usize,
    /// Length of a row of moments, of centres, of maps, of gradients.
    strides: Strides,
}

#[derive(Clone, Copy)]
struct Strides {
    inputs: usize,
    centres: usize,
    maps: usize,
    slopes: usize,
}

/// Work memory of a tile.
struct Memory<'m, P> {
    /// A ring of slices of moments.
    pixels: &'m mut [P],
    /// A ring of slices of maps, for each scale.
    maps: &'m mut [P],
    /// Sums over the slices of some windows: moments, or maps.
    gathered: &'m mut [P],
    /// Sums over the rows of a window besides, in a volume.
    rows: &'m mut [P],
    /// Moments of windows along a row.
    windows: &'m mut [P],
    /// Values of windows, slices for each scale.
    values: &'m mut [P],
    /// Values and factors of all scales at a row.
    factors: &'m mut [P],
    /// Sums of maps, slices.
    slopes: &'m mut [P],
    /// Rows of numbers on their way in and out.
    x: &'m mut [P],
    y: &'m mut [P],
    w: &'m mut [P],
    out: &'m mut [P],
    starts: Vec<usize>,
}

fn carve<'m, P>(rest: &mut &'m mut [P], len: usize) -> &'m mut [P] {
    let (first, tail) = std::mem::take(rest).split_at_mut(len);
    *rest = tail;
    first
}

impl<'a, F: Formula, P: Prim> Sweep<'a, F, P> {
    pub(super) fn new(
        options: &Options<'_, F>,
        operands: &'a Operands<'a>,
        axes: [Axis; 3],
        how: [Option<f64>; 2],
    ) -> Self {
        let narrow = |taps: &Vec<f64>| taps.iter().map(|tap| P::of(*tap)).collect::<Vec<P>>();
        let scales: Vec<_> = options
            .scales
            .iter()
            .map(|scale| (scale.taps.each_ref().map(narrow), scale.formula))
            .collect();
        let coverage = || {
            let taps = &options.scales.last()?.taps;
            let along = |axis: usize| narrow(&axes[axis].coverage(&taps[axis]));
            Some([along(0), along(1), along(2)])
        };
        Self {
            operands,
            axes,
            multiplies: scales.len() > 1,
            scales,
            statistics: Statistics {
                shift: [P::default(); 2],
                unbias: P::of(options.unbias),
                floor: P::of(if options.clamps {
                    0.0
                } else {
                    f64::NEG_INFINITY
                }),
            },
            pixels: match options.pixels {
                None => None,
                Some(Pixels::Plain) => Some(None),
                Some(Pixels::Spread) => Some(coverage()),
            },
            how,
        }
    }

    /// Sweeps over a strip; returns its sums.
    pub(super) fn run(&self, piece: Piece<'_>, slopes: Pair) -> Result<Pair> {
        let is_half =
            |gradient: &Option<ViewMut<'_>>| gradient.as_ref().is_some_and(ViewMut::is_half);
        if !(self.axes.iter().any(Axis::folds) && piece.gradients.iter().any(is_half)) {
            return Ok(self.tiles(piece, slopes));
        }
        // What returns from beyond the border is added up before it is rounded to half.
        let [_, rows, columns] = &self.axes;
        let pixels = piece.strip.len() * rows.len * columns.len;
        let mut wide = piece
            .gradients
            .each_ref()
            .map(|gradient| is_half(gradient).then(|| vec![P::default(); pixels]));
        let (mut gradients, mut halves) = ([None, None], [None, None]);
        let mut accumulates = piece.accumulates;
        for (at, (gradient, wide)) in piece.gradients.into_iter().zip(&mut wide).enumerate() {
            let Some(wide) = wide else {
                gradients[at] = gradient;
                continue;
            };
            gradients[at] = Some(ViewMut::of(wide, [1, 1, pixels])?);
            halves[at] = gradient;
            accumulates[at] = false;
        }
        let sums = self.tiles(
            Piece {
                gradients,
                accumulates,
                ..piece
            },
            slopes,
        );
        for (at, (half, wide)) in halves.iter_mut().zip(&wide).enumerate() {
            if let (Some(half), Some(wide)) = (half, wide) {
                half.write_row(0, 0, 0, wide, piece.accumulates[at]);
            }
        }
        Ok(sums)
    }

    /// Sweeps over a strip, tile by tile; returns its sums.
    fn tiles(&self, mut piece: Piece<'_>, slopes: Pair) -> Pair {
        let shift = self.shift(piece.item, piece.channel);
        let has_gradient = self.how.iter().any(Option::is_some);
        let (rows, columns) = self.tile_size();
        let strip = self.axes[0].part(piece.strip.clone(), has_gradient);
        let mut total = Pair::default();
        for row_range in self.axes[1].cut(rows) {
            let row_part = self.axes[1].part(row_range, has_gradient);
            for column_range in self.axes[2].cut(columns) {
                let column_part = self.axes[2].part(column_range, has_gradient);
                let parts = [strip.clone(), row_part.clone(), column_part];
                let tile = self.tile(parts, &piece, slopes, shift);
                let sums = self.sweep(&tile, &mut piece);
                total.windows += sums.windows;
                total.pixels += sums.pixels;
            }
        }
        total
    }

    /// About the means of `x + y` and `x − y`: the variance of numbers far from 0 has few digits.
    fn shift(&self, item: usize, channel: usize) -> [f64; 2] {
        const SAMPLES: usize = 16;
        let space: usize = self.operands.space.iter().product();
        let mut means = [0.0; 2];
        for sample in 0..SAMPLES {
            let at = (2 * sample + 1) * space / (2 * SAMPLES);
            let read = |view: &View<'_>| {
                let mut pixel = [0f64];
                view.read_row(item, channel, at, &mut pixel);
                pixel[0] / SAMPLES as f64
            };
            let (x, y) = (read(&self.operands.input), read(&self.operands.target));
            means[0] += x + y;
            means[1] += x - y;
        }
        // A term of single pixels wants their differences as they are.
        means[1] *= f64::from(u8::from(self.pixels.is_none()));
        means.map(|mean| {
            let mean = P::of(mean).to_f64();
            if mean.is_finite() { mean } else { 0.0 }
        })
    }

    /// Rows and columns of a tile.
    fn tile_size(&self) -> (usize, usize) {
        let [_, rows, columns] = self.axes.each_ref();
        let per_pixel = self.ring() * (MOMENTS + 1 + MAPS * self.scales.len()) * size_of::<P>();
        if self.is_plane() {
            let width = (PLANE_BYTES / per_pixel).max(LEAST_WIDTH);
            (1, width / LANES * LANES)
        } else {
            let side = ((VOLUME_BYTES / per_pixel) as f64).sqrt() as usize;
            let inner = |axis: &Axis| side.saturating_sub(4 * axis.radius).max(2 * LANES);
            (inner(rows), inner(columns))
        }
    }

    fn tile(&self, parts: [Part; 3], piece: &Piece<'_>, slopes: Pair, shift: [f64; 2]) -> Tile {
        let gradients = self.how.iter().flatten().count();
        let [_, _, columns] = &self.axes;
        let reach = 2 * columns.radius;
        let centres = padded(parts[2].centres.len());
        let along = padded(parts[2].slopes.len());
        let strides = Strides {
            inputs: padded(centres + reach),
            centres,
            maps: padded(along + reach),
            slopes: along,
        };
        Tile {
            parts,
            item: piece.item,
            channel: piece.channel,
            slopes,
            shift,
            maps: if gradients == 0 { 0 } else { 2 + gradients },
            moments: MOMENTS + usize::from(self.operands.weight.is_some()),
            strides,
        }
    }

    fn is_plane(&self) -> bool {
        let rows = &self.axes[1];
        rows.len == 1 && rows.radius == 0
    }

    /// How many slices are made at once. Rows are small; planes would take more memory than that saves time.
    fn at_once(&self) -> usize {
        if self.is_plane() { WINDOWS } else { 1 }
    }

    fn ring(&self) -> usize {
        2 * self.axes[0].radius + self.at_once()
    }

    /// Where a position of the sweep is in a ring.
    fn slot(&self, at: isize) -> usize {
        at.rem_euclid(self.ring() as isize) as usize
    }

    /// Sweeps over one tile; returns its sums.
    fn sweep(&self, tile: &Tile, piece: &mut Piece<'_>) -> Pair {
        let Strides {
            inputs,
            centres,
            maps,
            slopes,
        } = tile.strides;
        let [_, row_part, column_part] = &tile.parts;
        let (ring, scales) = (self.ring(), self.scales.len());
        let pixel_slice = row_part.inputs.len() * inputs;
        let map_slice = tile.map_rows(&self.axes).len() * maps;
        let lens = [
            ring * tile.moments * pixel_slice,
            ring * scales * tile.maps * map_slice,
            self.at_once() * (tile.moments * pixel_slice).max(tile.maps * map_slice),
            (tile.moments * row_part.centres.len() * inputs)
                .max(tile.maps * row_part.slopes.len() * maps),
            tile.moments * centres,
            self.at_once() * scales * row_part.centres.len() * centres,
            2 * scales * centres,
            self.at_once() * tile.maps * row_part.slopes.len() * slopes,
            column_part.inputs.len(),
            column_part.inputs.len(),
            column_part.inputs.len(),
            column_part.inputs.len().max(column_part.slopes.len()),
        ];
        with_scratch(lens.iter().sum(), |mut rest| {
            // Whatever was here before: windows beyond the border have no slope.
            rest.fill(P::default());
            let rest = &mut rest;
            let [a, b, c, d, e, f, g, h, i, j, k, l] = lens.map(|len| carve(rest, len));
            let mut memory = Memory {
                pixels: a,
                maps: b,
                gathered: c,
                rows: d,
                windows: e,
                values: f,
                factors: g,
                slopes: h,
                x: i,
                y: j,
                w: k,
                out: l,
                starts: Vec::with_capacity(ring),
            };
            self.slices(tile, piece, &mut memory)
        })
    }

    fn slices(&self, tile: &Tile, piece: &mut Piece<'_>, memory: &mut Memory<'_, P>) -> Pair {
        let part = &tile.parts[0];
        let radius = self.axes[0].radius as isize;
        let has_gradient = tile.maps > 0;
        let positions = match has_gradient {
            true => part.slopes.start - radius..part.slopes.end + radius,
            false => part.centres.clone(),
        };
        let mut total = Pair::default();
        let mut next = part.inputs.start;
        for first in positions.clone().step_by(self.at_once()) {
            let block = first..positions.end.min(first + self.at_once() as isize);
            let centres = overlap(block.clone(), part.centres.clone());
            if !centres.is_empty() {
                while next < centres.end + radius {
                    total.pixels += self.read(tile, next, memory);
                    next += 1;
                }
                self.centres(tile, &centres, &mut total.windows, piece, memory);
            }
            if has_gradient {
                for nowhere in block.clone().filter(|at| !centres.contains(at)) {
                    self.no_centre(tile, nowhere, memory);
                }
                let known = block.start - radius..block.end - radius;
                self.gradients(tile, &overlap(known, part.slopes.clone()), piece, memory);
            }
        }
        total
    }

    /// Moments of the pixels at `at`; returns the sum of `|x − y|` over the tile's own.
    fn read(&self, tile: &Tile, at: isize, memory: &mut Memory<'_, P>) -> f64 {
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
        let x = lend(&self.operands.input, item, channel, start, &mut x[..len]);
        let y = lend(&self.operands.target, item, channel, start, &mut y[..len]);
        let w = self
            .operands
            .weight
            .as_ref()
            .map(|weight| lend(weight, item, 0, start, &mut w[..len]));
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

    /// Sums over the slices of the windows around each of `places`: `count` maps of `slice` numbers, `offset` from where
    /// a slot of `slot` begins.
    fn gather(
        &self,
        taps: &[P],
        places: &Range<isize>,
        from: &[P],
        [count, slice, offset, slot]: [usize; 4],
        starts: &mut Vec<usize>,
        to: &mut [P],
    ) {
        let radius = (taps.len() / 2) as isize;
        starts.clear();
        starts.extend(
            (places.start - radius..places.end + radius).map(|at| self.slot(at) * slot + offset),
        );
        for map in 0..count {
            dispatch(Gather {
                taps,
                starts,
                from: &from[map * slice..],
                to: &mut to[map * slice..],
                stride: count * slice,
                len: slice,
            });
        }
    }

    /// Sums over the window's rows within a slice, of the window whose first row is `first`; or that row itself, where a
    /// window is one row high.
    fn across<'m>(
        taps: &[P],
        from: &'m [P],
        first: usize,
        stride: usize,
        starts: &mut Vec<usize>,
        to: &'m mut [P],
    ) -> &'m [P] {
        if taps.len() == 1 {
            return &from[first * stride..][..stride];
        }
        starts.clear();
        starts.extend((first..).take(taps.len()).map(|row| row * stride));
        dispatch(Gather {
            taps,
            starts,
            from,
            to: &mut to[..stride],
            stride,
            len: stride,
        });
        &to[..stride]
    }

    /// Windows around each of `places`; adds their values to `total`, row by row: the order is that of rows, however many
    /// are in work.
    fn centres(
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

    /// The weights of a row of centres, if there are weights.
    fn centre_weights<'m>(
        &self,
        tile: &Tile,
        centre: isize,
        row: isize,
        pixels: &'m [P],
    ) -> Option<&'m [P]> {
        self.operands.weight.as_ref()?;
        let start = self.moment(tile, MOMENTS, centre, row) + self.axes[2].radius;
        Some(&pixels[start..][..tile.parts[2].centres.len()])
    }

    /// Where a row of a moment begins in its ring.
    fn moment(&self, tile: &Tile, moment: usize, at: isize, row: isize) -> usize {
        let rows = &tile.parts[1].inputs;
        let slice = rows.len() * tile.strides.inputs;
        (self.slot(at) * tile.moments + moment) * slice
            + (row - rows.start) as usize * tile.strides.inputs
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
    fn no_centre(&self, tile: &Tile, centre: isize, memory: &mut Memory<'_, P>) {
        let slice = tile.map_rows(&self.axes).len() * tile.strides.maps;
        let slot = self.scales.len() * tile.maps * slice;
        memory.maps[self.slot(centre) * slot..][..slot].fill(P::default());
    }

    /// The gradient at each of `places`, whose windows are all known.
    fn gradients(
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

impl Tile {
    /// Rows of centres that a slice of maps has.
    fn map_rows(&self, axes: &[Axis; 3]) -> Range<isize> {
        let (rows, radius) = (&self.parts[1].slopes, axes[1].radius as isize);
        rows.start - radius..rows.end + radius
    }
}

/// Positions as places in a row that begins at `start`.
fn span(positions: &Range<isize>, start: isize) -> Range<usize> {
    (positions.start - start) as usize..(positions.end - start) as usize
}

/// Pixels, lent as they are or converted.
fn lend<'b, P: Prim>(
    view: &'b View<'_>,
    n: usize,
    c: usize,
    start: usize,
    buffer: &'b mut [P],
) -> &'b [P] {
    match view.row(n, c, start, buffer.len()) {
        Some(row) => row,
        None => {
            view.read_row(n, c, start, buffer);
            buffer
        }
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
