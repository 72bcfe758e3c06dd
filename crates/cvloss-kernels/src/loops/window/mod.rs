//! Local statistics of two images in a sliding window, a formula of them at each centre, and the formula's gradient
//! with respect to both images, in one sweep.
//!
//! With window weights `k`, `s = x + y` and `d = x − y`, the moments `m_s = k * s`, `m_d = k * d`, `k * s²`, `k * d²` give
//! the means and variances of `s` and `d`. All of structural similarity follows from them, and equal images have `d = 0`
//! exactly: loss 0, gradient 0. With a formula `f` of the moments, and `*` the adjoint convolution,
//!
//! ```text
//! ∂L/∂x_i = (k * ∂f/∂m_s + k * ∂f/∂m_d)_i + 2 s_i (k * ∂f/∂(k * s²))_i + 2 d_i (k * ∂f/∂(k * d²))_i
//! ```
//!
//! and for `y` with the opposite sign before both `d` terms. The sweep keeps as many rows of moments, and of what windows
//! put at their centres, as a window is high: first sums of rows, then sums along the resulting row. A volume is swept
//! plane by plane, with sums of rows within the plane in between.

mod axis;
mod statistics;
mod sums;
mod sweep;
mod tasks;

use std::ops::Range;

use crate::error::{Result, check_shape};
use crate::math::Real;
use crate::options::Gradient;
use crate::parallel;
use crate::scalar::{Prim, in_precision};
use crate::view::{View, ViewMut, check_view};

use axis::Axis;
pub use axis::Border;
use sweep::Sweep;

/// The least number of pixels worth a piece of work of its own.
const LEAST: usize = 16 * 1024;
/// A tensor is cut into about so many pieces.
const PIECES: usize = 16;

/// What windows see around a pixel, of `s = x + y` and `d = x − y`; or the derivatives with respect to it.
#[derive(Clone, Copy, Debug)]
pub struct Local<R> {
    /// The mean of `s`.
    pub sum: R,
    /// The mean of `d`.
    pub difference: R,
    /// The variance of `s`.
    pub sum_variance: R,
    /// The variance of `d`.
    pub difference_variance: R,
}

/// A loss of local statistics.
pub trait Formula: Copy + Send + Sync {
    /// The value in one window, and its derivatives.
    ///
    /// Must be `#[inline(always)]` and branch-free.
    fn eval<R: Real>(&self, local: Local<R>) -> (R, Local<R>);
}

/// A window and the formula of what it sees.
#[derive(Clone, Debug)]
pub struct Scale<F> {
    /// The weights of the window along each axis: odd many, their sum 1.
    pub taps: [Vec<f64>; 3],
    /// What to make of it.
    pub formula: F,
}

/// `|x − y|` of single pixels beside the windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pixels {
    /// The mean over all pixels.
    Plain,
    /// The mean over centres of what the window of the last scale sees of it.
    Spread,
}

/// What to evaluate.
#[derive(Clone, Debug)]
pub struct Options<'a, F> {
    /// Windows of one centre. With several, the loss there is `1 − Π (1 − v)` of their values `v`.
    pub scales: &'a [Scale<F>],
    /// What is beyond the border.
    pub border: Border,
    /// Variances are multiplied with this.
    pub unbias: f64,
    /// Variances are at least 0, where rounding would have made them negative.
    pub clamps: bool,
    /// A term of single pixels.
    pub pixels: Option<Pixels>,
}

/// Two images, each (N, C, S).
#[derive(Clone, Debug)]
pub struct Operands<'a> {
    /// The first.
    pub input: View<'a>,
    /// The second.
    pub target: View<'a>,
    /// A weight per pixel, (N, 1, S). Windows are normalised by the weights that they see.
    pub weight: Option<View<'a>>,
    /// The extents of S: depth or 1, height, width, such that rows lie along the last.
    pub space: [usize; 3],
}

/// A number for windows and one for pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pair {
    /// Of the windows.
    pub windows: f64,
    /// Of the pixels.
    pub pixels: f64,
}

/// Where results go.
#[derive(Debug, Default)]
pub struct Outputs<'a> {
    /// With respect to the first image.
    pub input: Option<Gradient<'a>>,
    /// With respect to the second image.
    pub target: Option<Gradient<'a>>,
    /// The value at each centre, (N, C, centres).
    pub map: Option<ViewMut<'a>>,
}

/// How many centres there are along each axis.
pub fn centres<F>(options: &Options<'_, F>, space: [usize; 3]) -> [usize; 3] {
    axes(options, space).map(|axis| axis.centres().len())
}

fn axes<F>(options: &Options<'_, F>, space: [usize; 3]) -> [Axis; 3] {
    let radius = |axis: usize| {
        let radii = options
            .scales
            .iter()
            .map(|scale| scale.taps[axis].len() / 2);
        radii.max().unwrap_or(0)
    };
    [0, 1, 2].map(|axis| Axis {
        len: space[axis],
        radius: radius(axis),
        border: options.border,
    })
}

/// What the means of each item divide by: the weights of its centres, and of its pixels.
pub fn denominators<F>(options: &Options<'_, F>, operands: &Operands<'_>) -> Vec<Pair> {
    let [items, ..] = operands.input.shape();
    let axes = axes(options, operands.space);
    let centres: usize = axes.iter().map(|axis| axis.centres().len()).product();
    let pixels: usize = operands.space.iter().product();
    let Some(weight) = operands.weight.as_ref().filter(|_| pixels > 0) else {
        let count = Pair {
            windows: centres as f64,
            pixels: pixels as f64,
        };
        return vec![of_pixels(options, count); items];
    };
    let [_, rows, columns] = operands.space;
    let mut row = vec![0f64; columns];
    let mut sums = |item: usize| {
        let mut total = Pair::default();
        for at in 0..operands.space[0] * rows {
            weight.read_row(item, 0, at * columns, &mut row);
            total.pixels += row.iter().sum::<f64>();
            let (slice, line) = (at / rows, at % rows);
            let is_centre = |axis: &Axis, at: usize| axis.centres().contains(&(at as isize));
            if is_centre(&axes[0], slice) && is_centre(&axes[1], line) {
                let Range { start, end } = axes[2].centres();
                total.windows += row[start as usize..end as usize].iter().sum::<f64>();
            }
        }
        of_pixels(options, total)
    };
    (0..items).map(&mut sums).collect()
}

/// A spread term is a mean over centres.
fn of_pixels<F>(options: &Options<'_, F>, total: Pair) -> Pair {
    match options.pixels {
        Some(Pixels::Spread) => Pair {
            pixels: total.windows,
            ..total
        },
        _ => total,
    }
}

/// Evaluates a formula in all windows of two images.
///
/// Returns the weighted sums of each plane, N × C of them. Gradients are of these sums times `slopes`, which has a pair per
/// plane.
pub fn evaluate<F: Formula>(
    options: &Options<'_, F>,
    operands: &Operands<'_>,
    slopes: &[Pair],
    outputs: Outputs<'_>,
) -> Result<Vec<Pair>> {
    let shape @ [items, channels, space] = operands.input.shape();
    check_view("target", shape, &operands.target)?;
    check_shape(
        "input",
        [items, channels, operands.space.iter().product()],
        shape,
    )?;
    if let Some(weight) = &operands.weight {
        check_view("weight", [items, 1, space], weight)?;
    }
    for gradient in [&outputs.input, &outputs.target].into_iter().flatten() {
        check_shape("gradient", shape, gradient.view.shape())?;
    }
    if let Some(map) = &outputs.map {
        let centres = centres(options, operands.space).iter().product();
        check_shape("map", [items, channels, centres], map.shape())?;
    }
    in_precision!(operands.input.dtype(), P => run::<F, P>(options, operands, slopes, outputs))
}

/// A strip of a plane, and where its results go.
struct Piece<'a> {
    item: usize,
    channel: usize,
    strip: Range<usize>,
    gradients: [Option<ViewMut<'a>>; 2],
    /// Whether they are added to what is there.
    accumulates: [bool; 2],
    map: Option<ViewMut<'a>>,
}

fn run<F: Formula, P: Prim>(
    options: &Options<'_, F>,
    operands: &Operands<'_>,
    slopes: &[Pair],
    outputs: Outputs<'_>,
) -> Result<Vec<Pair>> {
    let [items, channels, space] = operands.input.shape();
    let planes = items * channels;
    if planes * space == 0 {
        return Ok(vec![Pair::default(); planes]);
    }
    let axes = axes(options, operands.space);
    let strips = axes[0].cut(strip_len(&axes, planes));
    let how = [&outputs.input, &outputs.target];
    let scales = how.map(|gradient| gradient.as_ref().map(|gradient| gradient.scale));
    let accumulates = how.map(|gradient| gradient.as_ref().is_some_and(|g| g.accumulate));
    let slice = operands.space[1] * operands.space[2];
    let slice_centres = axes[1].centres().len() * axes[2].centres().len();
    let mut inputs = planes_of(outputs.input.map(|gradient| gradient.view), planes);
    let mut targets = planes_of(outputs.target.map(|gradient| gradient.view), planes);
    let mut maps = planes_of(outputs.map, planes);
    let mut pieces = Vec::with_capacity(planes * strips.len());
    for plane in 0..planes {
        for strip in &strips {
            let counted = axes[0].part(strip.clone(), false).counted.len() * slice_centres;
            let pixels = strip.len() * slice;
            pieces.push(Piece {
                item: plane / channels,
                channel: plane % channels,
                strip: strip.clone(),
                gradients: [
                    take(&mut inputs[plane], pixels),
                    take(&mut targets[plane], pixels),
                ],
                accumulates,
                map: take(&mut maps[plane], counted),
            });
        }
    }
    let sweep = Sweep::<F, P>::new(options, operands, axes, scales);
    let sums = parallel::map(pieces, |piece| {
        let plane = piece.item * channels + piece.channel;
        sweep.run(piece, slopes.get(plane).copied().unwrap_or_default())
    });
    let sums = sums.into_iter().collect::<Result<Vec<_>>>()?;
    let of_plane = |sums: &[Pair]| {
        sums.iter().fold(Pair::default(), |total, sum| Pair {
            windows: total.windows + sum.windows,
            pixels: total.pixels + sum.pixels,
        })
    };
    Ok(sums.chunks(strips.len()).map(of_plane).collect())
}

/// The height of strips: such that there are enough of them, and that what they see twice is little.
fn strip_len(axes: &[Axis; 3], planes: usize) -> usize {
    let slice = (axes[1].len * axes[2].len).max(1);
    let enough = axes[0].len / (PIECES / planes.max(1)).max(1);
    enough
        .max(16 * axes[0].radius)
        .max(LEAST.div_ceil(slice))
        .max(1)
}

/// One view per plane.
fn planes_of(view: Option<ViewMut<'_>>, planes: usize) -> Vec<Option<ViewMut<'_>>> {
    match view {
        None => (0..planes).map(|_| None).collect(),
        Some(view) => {
            let items = view.split(0, 1).into_iter();
            items.flat_map(|item| item.split(1, 1)).map(Some).collect()
        }
    }
}

/// The first `len` elements, which leave the rest.
fn take<'a>(view: &mut Option<ViewMut<'a>>, len: usize) -> Option<ViewMut<'a>> {
    let (first, rest) = view.take()?.split_at(2, len);
    *view = Some(rest);
    Some(first)
}
