//! The sweep of a window over a tile of a plane or volume.
//!
//! Along the axis of the sweep (rows of an image, planes of a volume) it goes position by position, "slice" by slice. A
//! slice is one row of an image, or rows of a volume's plane. What it keeps are two rings of slices: moments of pixels,
//! and what windows put at their centres.

mod centres;
mod gradients;
mod pixels;

use std::ops::Range;

use crate::error::Result;
use crate::scalar::{Prim, with_scratch};
use crate::simd::dispatch;
use crate::view::{View, ViewMut};

use super::axis::{Axis, Part, overlap};
use super::statistics::Statistics;
use super::sums::{Gather, WINDOWS};
use super::tasks::{LANES, MOMENTS, padded};
use super::{Formula, Operands, Options, Pair, Piece, Pixels};

/// Bytes of rings that tiles of images and of volumes have at least, and less than twice, with gradients of both images.
/// With one gradient, all work memory of an image is below 1 MiB per thread.
const PLANE_BYTES: usize = 430 * 1024;
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
        // The same tiles with and without gradients, so that values are the same.
        let per_pixel = self.ring() * (self.moments() + MAPS * self.scales.len()) * size_of::<P>();
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
            moments: self.moments(),
            strides,
        }
    }

    fn moments(&self) -> usize {
        MOMENTS + usize::from(self.operands.weight.is_some())
    }

    /// How many slices of slopes wait for those of other scales.
    fn kept(&self) -> usize {
        if self.multiplies { self.at_once() } else { 1 }
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
            if self.is_plane() { 0 } else { inputs.max(maps) },
            tile.moments * centres,
            self.at_once() * scales * row_part.centres.len() * centres,
            if self.multiplies {
                2 * scales * centres
            } else {
                0
            },
            self.kept() * tile.maps * row_part.slopes.len() * slopes,
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
