//! Contextual loss: how well the target's features are found among the input's, wherever they are.
//!
//! ```text
//! c_ij = x̂_i · ŷ_j        x̂ = (x − μ)/|x − μ|,  ŷ = (y − μ)/|y − μ|,  μ = mean_j y_j
//! s_ij = softmax_j(r_i c_ij)        r_i = 1/(h (1 − max_j c_ij + ε))
//! L = −ln(mean_j max_i s_ij + ε)
//! ```
//!
//! which is Mechrez's, since in `exp((1 − d̃_ij)/h)` with `d̃ = (1 − c)/(min (1 − c) + ε)` all but `r_i c_ij` cancels.
//! Of the matrix of all pairs, a tile of rows exists at a time. Going back, with `i(j)` the row that is largest at `j`,
//! `k(i)` the column of row `i`'s largest cosine, `g` the slope of the mean and `S_i = Σ_{j: i(j) = i} s_ij`:
//!
//! ```text
//! ∂L/∂c_ij = g/M · r_i s_ij ([i(j) = i] − S_i) + [j = k(i)] · h r_i² u_i
//! u_i = g/M · (Σ_{j: i(j) = i} s_ij c_ij − S_i Σ_j s_ij c_ij)
//! ```
//!
//! Rows that are largest nowhere have no slope. Rows are done again for the input, and columns for the target, so that
//! nothing of the size of the matrix is kept and no sum depends on threads.

mod directions;
mod rows;

use std::ops::Range;

use super::{Comparison, Features, Pair, Results};
use crate::conv::Maps;
use crate::error::{Error, Result, check_shape};
use crate::options::Reduction;
use crate::parallel;
use crate::scalar::{Prim, in_precision};
use crate::simd;
use crate::view::View;
use directions::{Directions, dot, mean};
use rows::{ColumnSlopes, Columns, Row, RowSlopes, Softmax};

/// What is added to the least distance, and to the mean.
const EPSILON: f64 = 1e-5;
/// Rows of the matrix of pairs that exist at a time, on each thread.
const TILE: usize = 64;
/// Parts that rows are cut into.
const PARTS: usize = 16;

/// A weighted sum of contextual losses of layers.
pub struct Contextual {
    /// One per layer.
    pub weights: Vec<f64>,
    /// The bandwidth `h`.
    pub bandwidth: f64,
}

impl Contextual {
    /// Fails unless the bandwidth is a positive number.
    pub fn check(bandwidth: f64) -> Result<()> {
        match bandwidth > 0.0 && bandwidth.is_finite() {
            true => Ok(()),
            false => Err(Error::option("bandwidth", bandwidth, "a positive number")),
        }
    }
}

impl<T: Prim> Comparison<T> for Contextual {
    fn compare(&self, layer: usize, pair: Pair<'_, T>) -> f64 {
        compare(self.weights[layer], self.bandwidth, pair)
    }
}

/// Features that are given, (N, C, *), instead of a network's; returns the reduced value.
pub fn evaluate_features(
    bandwidth: f64,
    (input, target): (View<'_>, View<'_>),
    results: Results<'_>,
    reduction: Reduction,
) -> Result<f64> {
    Contextual::check(bandwidth)?;
    check_shape("target", input.shape(), target.shape())?;
    parallel::enter(|| {
        in_precision!(input.dtype(), T => {
            features_in::<T>(bandwidth, (&input, &target), results, reduction)
        })
    })
}

fn features_in<T: Prim>(
    bandwidth: f64,
    (input, target): (&View<'_>, &View<'_>),
    mut results: Results<'_>,
    reduction: Reduction,
) -> Result<f64> {
    let [items, channels, _] = input.shape();
    let scale = match reduction {
        Reduction::Mean => 1.0 / items.max(1) as f64,
        Reduction::None | Reduction::Sum => 1.0,
    };
    let mut total = 0.0;
    for n in 0..items {
        let (own, other) = (padded::<T>(input, n), padded::<T>(target, n));
        let slopes = |is_wanted: bool| is_wanted.then(|| own.zeros_like());
        let (mut first, mut second) = (
            slopes(results.input.is_some()),
            slopes(results.target.is_some()),
        );
        let pair = Pair {
            input: of(&own),
            target: of(&other),
            input_slopes: first.as_mut().map(Maps::numbers_mut),
            target_slopes: second.as_mut().map(Maps::numbers_mut),
        };
        let value = compare(1.0, bandwidth, pair);
        total += value;
        if let Some(values) = &mut results.values {
            values.write_row(n, 0, 0, &[T::of(value)], false);
        }
        let factors = vec![scale; channels];
        for (slopes, into) in [(first, &mut results.input), (second, &mut results.target)] {
            if let (Some(slopes), Some(into)) = (slopes, into) {
                slopes.write_gradient(into, (0, 1), n, &factors)?;
            }
        }
    }
    Ok(total * scale)
}

/// One item's features, channels last, with zeros up to whole chunks.
fn padded<T: Prim>(view: &View<'_>, n: usize) -> Maps<T> {
    let [_, channels, pixels] = view.shape();
    let mut maps = Maps::zeros(1, 1, pixels, channels);
    let mut row = vec![T::default(); pixels];
    for c in 0..channels {
        view.read_row(n, c, 0, &mut row);
        for (pixel, x) in row.iter().enumerate() {
            maps.data[pixel * maps.lanes + c] = *x;
        }
    }
    maps
}

fn of<T: Prim>(maps: &Maps<T>) -> Features<'_, T> {
    Features {
        numbers: maps.numbers(),
        channels: maps.channels,
        lanes: maps.lanes,
        pixels: maps.height * maps.width,
    }
}

fn compare<T: Prim>(weight: f64, bandwidth: f64, pair: Pair<'_, T>) -> f64 {
    let Pair {
        input,
        target,
        input_slopes,
        target_slopes,
    } = pair;
    let (count, lanes) = (target.pixels, target.lanes);
    if count == 0 || input.pixels == 0 || lanes == 0 {
        return 0.0;
    }
    let mean = mean(target);
    let context = Context {
        input: Directions::new(input, &mean),
        target: Directions::new(target, &mean),
        bandwidth,
    };
    let (rows, columns) = context.shares();
    let mut found = 0.0;
    for share in &columns.shares {
        found += share.to_f64();
    }
    if rows.iter().any(|row| row.sum.is_nan()) {
        found = f64::NAN;
    }
    let found = found / count as f64;
    let value = -weight * (found + EPSILON).ln();
    if input_slopes.is_none() && target_slopes.is_none() {
        return value;
    }
    if found.is_nan() {
        for slopes in [input_slopes, target_slopes].into_iter().flatten() {
            slopes.fill(T::of(f64::NAN));
        }
        return value;
    }
    let slope = -weight / ((found + EPSILON) * count as f64);
    let active = Active::new(&context, &rows, &columns, slope);
    let own = context.input_slopes(&active);
    if let Some(slopes) = target_slopes {
        context.target_slopes(&active, &own, slopes);
    }
    if let Some(slopes) = input_slopes {
        slopes.fill(T::default());
        for (i, own) in active.rows.iter().zip(own.chunks(lanes)) {
            slopes[i * lanes..][..lanes].copy_from_slice(own);
        }
    }
    value
}

/// Both images' directions.
struct Context<T> {
    input: Directions<T>,
    target: Directions<T>,
    bandwidth: f64,
}

impl<T: Prim> Context<T> {
    /// All rows, and the largest shares of columns.
    fn shares(&self) -> (Vec<Row<T>>, Columns<T>) {
        let (count, columns) = (self.input.len(), self.target.len());
        let lanes = self.input.lanes;
        let all: Vec<usize> = (0..columns).collect();
        let matrix = self.target.columns(&all);
        let parts = parallel::map(cut(count), |range: Range<usize>| {
            let mut largest = Columns::new(columns);
            let mut rows = Vec::with_capacity(range.len());
            let mut tile = vec![T::default(); TILE.min(range.len()) * columns];
            for start in range.clone().step_by(TILE) {
                let len = TILE.min(range.end - start);
                let tile = &mut tile[..len * columns];
                matrix.multiply(&self.input.unit[start * lanes..][..len * lanes], tile);
                for (i, cosines) in tile.chunks_mut(columns).enumerate() {
                    rows.push(simd::dispatch(Softmax {
                        cosines,
                        largest: &mut largest,
                        row: (start + i) as u32,
                        bandwidth: self.bandwidth,
                    }));
                }
            }
            (rows, largest)
        });
        let mut rows = Vec::with_capacity(count);
        let mut largest = Columns::new(columns);
        for (own, columns) in parts {
            rows.extend(own);
            largest.merge(&columns);
        }
        (rows, largest)
    }

    /// Slopes of the input's features, of active rows.
    fn input_slopes(&self, active: &Active<T>) -> Vec<T> {
        let (lanes, columns) = (self.input.lanes, self.target.len());
        let all: Vec<usize> = (0..columns).collect();
        let (cosines, targets) = (self.target.columns(&all), self.target.rows(&all));
        let parts = parallel::map(tiles(active.rows.len()), |range: Range<usize>| {
            let rows = &active.rows[range.clone()];
            let own: Vec<T> = rows
                .iter()
                .flat_map(|i| self.input.at(*i))
                .copied()
                .collect();
            let mut tile = vec![T::default(); rows.len() * columns];
            cosines.multiply(&own, &mut tile);
            for (a, pairs) in range.clone().zip(tile.chunks_mut(columns)) {
                simd::dispatch(RowSlopes {
                    pairs,
                    best: active.best[a],
                    scale: active.scale[a],
                    factor: active.factor[a],
                });
                for (column, slope) in active.members_of(a) {
                    add(&mut pairs[*column], *slope);
                }
                add(&mut pairs[active.nearest[a]], active.extra[a]);
            }
            let mut slopes = vec![T::default(); rows.len() * lanes];
            targets.multiply(&tile, &mut slopes);
            for (i, slopes) in rows.iter().zip(slopes.chunks_mut(lanes)) {
                self.input.through_norm(*i, slopes);
            }
            slopes
        });
        parts.concat()
    }

    /// Slopes of the target's features; `own` are the input's, of active rows.
    fn target_slopes(&self, active: &Active<T>, own: &[T], slopes: &mut [T]) {
        let (lanes, count) = (self.target.lanes, active.rows.len());
        let (cosines, inputs) = (
            self.input.columns(&active.rows),
            self.input.rows(&active.rows),
        );
        let ranges = tiles(self.target.len());
        let pieces: Vec<_> = ranges
            .into_iter()
            .zip(slopes.chunks_mut(TILE * lanes))
            .collect();
        parallel::map(pieces, |(range, slopes): (Range<usize>, &mut [T])| {
            let mut tile = vec![T::default(); range.len() * count];
            let own = &self.target.unit[range.start * lanes..][..range.len() * lanes];
            cosines.multiply(own, &mut tile);
            for (j, pairs) in range.clone().zip(tile.chunks_mut(count)) {
                simd::dispatch(ColumnSlopes { pairs, active });
                let (a, slope) = active.column(j);
                add(&mut pairs[a], slope);
                for (_, a) in active.nearest_to(j) {
                    add(&mut pairs[*a], active.extra[*a]);
                }
            }
            inputs.multiply(&tile, slopes);
            for (j, slopes) in range.zip(slopes.chunks_mut(lanes)) {
                self.target.through_norm(j, slopes);
            }
        });
        // The mean that both images' features were less.
        let mut shared = vec![0.0; lanes];
        for pixel in own.chunks(lanes).chain(slopes.chunks(lanes)) {
            for (sum, slope) in shared.iter_mut().zip(pixel) {
                *sum -= slope.to_f64();
            }
        }
        for pixel in slopes.chunks_mut(lanes) {
            for (slope, shared) in pixel.iter_mut().zip(&shared) {
                *slope = T::of(slope.to_f64() + shared / self.target.len() as f64);
            }
        }
    }
}

fn add<T: Prim>(to: &mut T, slope: f64) {
    *to = T::of(to.to_f64() + slope);
}

/// Runs of rows, as many as share the work.
fn cut(count: usize) -> Vec<Range<usize>> {
    let len = count.div_ceil(PARTS).next_multiple_of(TILE);
    let starts = (0..count).step_by(len.max(1));
    starts.map(|at| at..(at + len).min(count)).collect()
}

/// Runs of a tile each.
fn tiles(count: usize) -> Vec<Range<usize>> {
    let starts = (0..count).step_by(TILE);
    starts.map(|at| at..(at + TILE).min(count)).collect()
}

/// Rows with a slope, which are largest at some column.
struct Active<T> {
    /// Which they are, going up.
    rows: Vec<usize>,
    best: Vec<T>,
    scale: Vec<T>,
    /// Of `exp(r_i (c_ij − best))`.
    factor: Vec<T>,
    /// The column of the largest cosine, and the slope that it has besides.
    nearest: Vec<usize>,
    extra: Vec<f64>,
    /// Columns where a row is largest, with the slope besides; those of one row together, from `first` on.
    members: Vec<(usize, f64)>,
    first: Vec<usize>,
    /// Of each column: its place among the active rows, and in `members`.
    of_column: Vec<(usize, usize)>,
    /// `nearest`, with places among the active rows, sorted.
    by_nearest: Vec<(usize, usize)>,
}

impl<T: Prim> Active<T> {
    fn new(context: &Context<T>, rows: &[Row<T>], columns: &Columns<T>, slope: f64) -> Self {
        let count = columns.rows.len();
        let mut order: Vec<(usize, usize)> = columns
            .rows
            .iter()
            .map(|row| *row as usize)
            .zip(0..count)
            .collect();
        order.sort_unstable();
        let mut active = Self {
            rows: Vec::new(),
            best: Vec::new(),
            scale: Vec::new(),
            factor: Vec::new(),
            nearest: Vec::new(),
            extra: Vec::new(),
            members: Vec::with_capacity(count),
            first: Vec::new(),
            of_column: vec![(0, 0); count],
            by_nearest: Vec::new(),
        };
        for group in order.chunk_by(|(a, _), (b, _)| a == b) {
            let i = group[0].0;
            let row = &rows[i];
            let place = active.rows.len();
            active.first.push(active.members.len());
            let (mut total, mut product) = (0.0, 0.0);
            for (_, column) in group {
                let share = columns.shares[*column].to_f64();
                let cosine = dot(context.input.at(i), context.target.at(*column));
                total += share;
                product += share * (cosine - row.best.to_f64());
                active.of_column[*column] = (place, active.members.len());
                active.members.push((*column, slope * row.scale * share));
            }
            let by_scale = slope * (product - total * row.moment / row.sum);
            active.rows.push(i);
            active.best.push(row.best);
            active.scale.push(T::of(row.scale));
            active
                .factor
                .push(T::of(-slope * row.scale * total / row.sum));
            active.nearest.push(row.at);
            active
                .extra
                .push(by_scale * context.bandwidth * row.scale * row.scale);
            active.by_nearest.push((row.at, place));
        }
        active.first.push(active.members.len());
        active.by_nearest.sort_unstable();
        active
    }

    /// Columns where active row `a` is largest.
    fn members_of(&self, a: usize) -> &[(usize, f64)] {
        &self.members[self.first[a]..self.first[a + 1]]
    }

    /// The place of the row that is largest at a column, and the slope there besides.
    fn column(&self, j: usize) -> (usize, f64) {
        let (place, member) = self.of_column[j];
        (place, self.members[member].1)
    }

    /// Rows whose largest cosine is at column `j`.
    fn nearest_to(&self, j: usize) -> &[(usize, usize)] {
        let start = self.by_nearest.partition_point(|(column, _)| *column < j);
        let end = self.by_nearest.partition_point(|(column, _)| *column <= j);
        &self.by_nearest[start..end]
    }
}
