//! Sums over regions, then a gradient that is affine in them.
//!
//! A region loss sees prediction and target only through `I = Σ p t`, `P = Σ p` and `T = Σ t` per item and class. The first
//! sweep takes these sums ([`statistics`]); the loss turns them into `∂L/∂I` and `∂L/∂P`; the second sweep writes the
//! gradient ([`gradient`]). An added per-pixel loss ([`SoftmaxExtra`], [`SigmoidExtra`]) rides along in both sweeps.

use crate::error::{Error, Result, check_shape};
use crate::labels::{IGNORED, Target};
use crate::loops::pointwise::Pointwise;
use crate::loops::site::target_row;
use crate::math::{Odds, Real};
use crate::options::Gradient;
use crate::parallel;
use crate::scalar::{DType, Prim, with_scratch};
use crate::simd::{Isa, Task, dispatch};
use crate::view::{View, ViewMut};

use super::softmax::{
    PIXELS, Sink, Source, clear_columns, cut, cut_mut, exponentiate, largest_logits, pieces,
    tile_pixels,
};
use super::sum::{class_sums, sum};

/// How the input becomes probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Activation {
    /// Over the classes of each pixel: multiclass.
    #[default]
    Softmax,
    /// Of each channel by itself: binary and multilabel.
    Sigmoid,
    /// The input holds probabilities.
    Identity,
}

/// What the intersection of a soft prediction with a target is. Equal for targets 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Intersection {
    /// `Σ p t`.
    #[default]
    Product,
    /// `Σ min(p, t) = (P + T − Σ|p − t|)/2`: segmentation_models_pytorch, and MONAI's `soft_label`.
    Minimum,
}

/// What the sums are of.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How the input becomes probabilities.
    pub activation: Activation,
    /// The intersection of soft targets.
    pub intersection: Intersection,
    /// `P` and `T` are sums of squares.
    pub squared: bool,
}

/// What a region loss reads.
#[derive(Clone, Debug)]
pub struct Operands<'a> {
    /// Logits or probabilities (N, C, S).
    pub input: View<'a>,
    /// Class indices (N, 1, S), or one-hot or soft targets (N, C, S). With one channel, index 1 is the foreground.
    pub target: View<'a>,
    /// Multiplies the terms of every sum, (N, 1, S): a mask.
    pub weight: Option<View<'a>>,
    /// Points with this index leave every sum.
    pub ignore: Option<i64>,
}

/// A per-pixel loss over the softmax, evaluated in the same sweeps.
///
/// Its value is a function of `all = Σ_c v_c share_c`, `dot = Σ_c share_c d_c`, `rest = Σ_c (1 − t_c) e_c` and
/// `sum = Σ_c e_c`, where `share_c = k1 t_c + k0`, `d` are the shifted logits and `e` their exponentials.
pub trait SoftmaxExtra: Copy + Send + Sync {
    /// Whether there is anything to evaluate.
    const PRESENT: bool;
    /// `(k1, k0, v)` of a class.
    fn share<R: Real>(&self, class: usize) -> (R, R, R);
    /// The value, and `(a, b)` such that its derivative with respect to logit `c` is `a p_c − b share_c`.
    fn eval<R: Real>(&self, all: R, dot: R, rest: R, sum: R) -> (R, R, R);
}

/// A per-element loss over sigmoids, evaluated in the same sweeps.
pub trait SigmoidExtra: Pointwise {
    /// Whether there is anything to evaluate.
    const PRESENT: bool;
    /// The formula's auxiliary number for a channel.
    fn auxiliary(&self, class: usize) -> f64;
}

/// Nothing rides along.
#[derive(Clone, Copy, Debug)]
pub struct NoExtra;

impl SoftmaxExtra for NoExtra {
    const PRESENT: bool = false;
    #[inline(always)]
    fn share<R: Real>(&self, _: usize) -> (R, R, R) {
        (R::zero(), R::zero(), R::zero())
    }
    #[inline(always)]
    fn eval<R: Real>(&self, _: R, _: R, _: R, _: R) -> (R, R, R) {
        (R::zero(), R::zero(), R::zero())
    }
}

impl Pointwise for NoExtra {
    #[inline(always)]
    fn eval<R: Real>(&self, _: R, _: R, _: R) -> (R, R) {
        (R::zero(), R::zero())
    }
}

impl SigmoidExtra for NoExtra {
    const PRESENT: bool = false;
    fn auxiliary(&self, _: usize) -> f64 {
        1.0
    }
}

/// Both forms of what rides along. Which one is used depends on the activation.
#[derive(Clone, Copy, Debug)]
pub struct Extras<M, S> {
    /// With [`Activation::Softmax`].
    pub softmax: M,
    /// With [`Activation::Sigmoid`].
    pub sigmoid: S,
}

/// The sums of one item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ItemStatistics {
    /// `[I, P, T]` of each class.
    pub classes: Vec<[f64; 3]>,
    /// The sum of the added loss over points.
    pub extra: f64,
    /// The sum of the weight map.
    pub mass: f64,
    /// The number of points that are not ignored.
    pub points: f64,
}

impl ItemStatistics {
    /// Adds the sums of other points of the same item.
    pub fn merge(&mut self, other: &Self) {
        for (mine, other) in self.classes.iter_mut().zip(&other.classes) {
            for (mine, other) in mine.iter_mut().zip(other) {
                *mine += other;
            }
        }
        self.extra += other.extra;
        self.mass += other.mass;
        self.points += other.points;
    }

    pub(crate) fn empty(classes: usize) -> Self {
        Self {
            classes: vec![[0.0; 3]; classes],
            ..Self::default()
        }
    }
}

/// The gradient of one item, given its sums.
#[derive(Clone, Debug, Default)]
pub struct ItemSlopes {
    /// `[∂L/∂I, ∂L/∂P]` of each class.
    pub classes: Vec<[f64; 2]>,
    /// The factor of the added loss's slope.
    pub extra: f64,
}

/// The first sweep: the sums of every item.
pub fn statistics<M: SoftmaxExtra, S: SigmoidExtra>(
    options: &Options,
    extras: Extras<M, S>,
    operands: &Operands<'_>,
) -> Result<Vec<ItemStatistics>> {
    let call = Call::new(options, extras, operands)?;
    let [items, classes, space] = operands.input.shape();
    let cuts @ (cut_items, cut_pixels) = pieces([items, classes, space]);
    let found = if operands.input.dtype() == DType::F64 {
        parallel::map(call.split(cuts), Piece::statistics::<f64>)
    } else {
        parallel::map(call.split(cuts), Piece::statistics::<f32>)
    };
    let mut all = vec![ItemStatistics::empty(classes); items];
    let per_row = space.div_ceil(cut_pixels.max(1)).max(1);
    for (piece, found) in found.iter().enumerate() {
        let first = piece / per_row * cut_items;
        for (item, found) in all[first..].iter_mut().zip(found) {
            item.merge(found);
        }
    }
    Ok(all)
}

/// The second sweep: the gradient, from each item's slopes.
pub fn gradient<M: SoftmaxExtra, S: SigmoidExtra>(
    options: &Options,
    extras: Extras<M, S>,
    operands: &Operands<'_>,
    slopes: &[ItemSlopes],
    gradient: Gradient<'_>,
) -> Result<()> {
    let shape = operands.input.shape();
    check_shape("gradient", shape, gradient.view.shape())?;
    let call = Call::new(options, extras, operands)?;
    let cuts @ (cut_items, cut_pixels) = pieces(shape);
    let per_row = shape[2].div_ceil(cut_pixels.max(1)).max(1);
    let (scale, accumulate) = (gradient.scale, gradient.accumulate);
    let views = cut_mut(gradient.view, cuts);
    let work = call
        .split(cuts)
        .into_iter()
        .zip(views)
        .enumerate()
        .collect();
    let run = |(index, (piece, mut view)): (usize, (Piece<'_, M, S>, ViewMut<'_>))| {
        let slopes = &slopes[index / per_row * cut_items..];
        if piece.block.input.dtype() == DType::F64 {
            piece.gradient::<f64>(&mut view, slopes, scale, accumulate);
        } else {
            piece.gradient::<f32>(&mut view, slopes, scale, accumulate);
        }
    };
    parallel::map(work, run);
    Ok(())
}

/// A checked call.
struct Call<'i, M, S> {
    extras: Extras<M, S>,
    block: Block<'i>,
}

/// What is read: everything, or the pixels of some items.
struct Block<'i> {
    options: Options,
    input: View<'i>,
    target: Target<'i>,
    weight: Option<View<'i>>,
}

impl<'i, M: SoftmaxExtra, S: SigmoidExtra> Call<'i, M, S> {
    fn new(options: &Options, extras: Extras<M, S>, operands: &'i Operands<'_>) -> Result<Self> {
        let shape @ [items, classes, space] = operands.input.shape();
        let input = operands.input.reborrow();
        if input.dtype().is_index() {
            return Err(Error::DType {
                argument: "input",
                expected: "f32, f64, f16 or bf16",
                got: input.dtype(),
            });
        }
        if options.activation == Activation::Softmax && classes == 1 {
            return Err(Error::option(
                "activation",
                "Softmax over 1 channel",
                "Sigmoid for 1 channel",
            ));
        }
        if options.activation == Activation::Identity && (M::PRESENT || S::PRESENT) {
            return Err(Error::option(
                "activation",
                "Identity",
                "Softmax or Sigmoid: the added loss needs logits",
            ));
        }
        let weight = match &operands.weight {
            Some(weight) => Some(weight.broadcast("weight", [items, 1, space])?),
            None => None,
        };
        // One channel is foreground (1) against background (0).
        let (target, _) = Target::new(&operands.target, shape, classes.max(2), operands.ignore)?;
        let options = *options;
        let block = Block {
            options,
            input,
            target,
            weight,
        };
        Ok(Self { extras, block })
    }

    fn split(self, cuts: (usize, usize)) -> Vec<Piece<'i, M, S>> {
        let Self { extras, block } = self;
        let mut weight = block.weight.map(|view| cut(view, cuts).into_iter());
        let inputs = cut(block.input, cuts)
            .into_iter()
            .zip(block.target.cut(cuts));
        inputs
            .map(|(input, target)| {
                let weight = weight.as_mut().and_then(Iterator::next);
                let options = block.options;
                let block = Block {
                    options,
                    input,
                    target,
                    weight,
                };
                Piece { extras, block }
            })
            .collect()
    }
}

/// A block of pixels of some items.
struct Piece<'i, M, S> {
    extras: Extras<M, S>,
    block: Block<'i>,
}

/// Rows of work memory, made once per piece: clearing them for each tile would cost as much as a sweep's arithmetic.
struct Work<P> {
    input: [P; PIXELS],
    target: [P; PIXELS],
    output: [P; PIXELS],
    terms: Terms<P>,
}

impl<P: Prim> Work<P> {
    fn new() -> Self {
        let zeros = [P::default(); PIXELS];
        Self {
            input: zeros,
            target: zeros,
            output: zeros,
            terms: Terms::new(),
        }
    }
}

/// Label and weight of the pixels of a tile. An ignored pixel has weight 0.
struct Points<P> {
    labels: [P; PIXELS],
    weights: [P; PIXELS],
    kept: f64,
}

impl<M: SoftmaxExtra, S: SigmoidExtra> Piece<'_, M, S> {
    fn statistics<P: Prim>(self) -> Vec<ItemStatistics> {
        let Self { extras, block } = self;
        let [items, classes, _] = block.input.shape();
        let mut all = vec![ItemStatistics::empty(classes); items];
        let mut work = Work::new();
        block.tiles(|tile: &mut [P], pixels, n, start, points| {
            let found = &mut all[n];
            let work = &mut work;
            found.points += points.kept;
            let input = Source {
                view: &block.input,
                n,
                start,
            };
            match block.options.activation {
                Activation::Softmax => {
                    let site = Site {
                        block: &block,
                        extra: extras.softmax,
                        points,
                        input,
                        pixels,
                    };
                    dispatch(SoftmaxStatistics { site, tile, found });
                }
                Activation::Sigmoid => {
                    let site = Site {
                        block: &block,
                        extra: extras.sigmoid,
                        points,
                        input,
                        pixels,
                    };
                    dispatch(RowStatistics::<_, _, true> { site, work, found });
                }
                Activation::Identity => {
                    let site = Site {
                        block: &block,
                        extra: NoExtra,
                        points,
                        input,
                        pixels,
                    };
                    dispatch(RowStatistics::<_, _, false> { site, work, found });
                }
            }
        });
        all
    }

    fn gradient<P: Prim>(
        self,
        view: &mut ViewMut<'_>,
        slopes: &[ItemSlopes],
        scale: f64,
        accumulate: bool,
    ) {
        let Self { extras, block } = self;
        let mut work = Work::new();
        block.tiles(|tile: &mut [P], pixels, n, start, points| {
            let work = &mut work;
            let slopes = &slopes[n];
            let input = Source {
                view: &block.input,
                n,
                start,
            };
            let into = Sink {
                view: &mut *view,
                n,
                start,
                accumulate,
            };
            match block.options.activation {
                Activation::Softmax => {
                    let site = Site {
                        block: &block,
                        extra: extras.softmax,
                        points,
                        input,
                        pixels,
                    };
                    dispatch(SoftmaxGradient {
                        site,
                        tile,
                        slopes,
                        scale,
                        into,
                    });
                }
                Activation::Sigmoid => {
                    let site = Site {
                        block: &block,
                        extra: extras.sigmoid,
                        points,
                        input,
                        pixels,
                    };
                    dispatch(RowGradient::<_, _, true> {
                        site,
                        work,
                        slopes,
                        scale,
                        into,
                    });
                }
                Activation::Identity => {
                    let site = Site {
                        block: &block,
                        extra: NoExtra,
                        points,
                        input,
                        pixels,
                    };
                    dispatch(RowGradient::<_, _, false> {
                        site,
                        work,
                        slopes,
                        scale,
                        into,
                    });
                }
            }
        });
    }
}

impl Block<'_> {
    /// Visits every tile: work memory for one number per class and pixel, how many pixels, item, first pixel, points.
    fn tiles<P: Prim>(&self, mut visit: impl FnMut(&mut [P], usize, usize, usize, &Points<P>)) {
        let [items, classes, space] = self.input.shape();
        let (stride, work) = match self.options.activation {
            Activation::Softmax => (tile_pixels(classes), classes * tile_pixels(classes)),
            Activation::Sigmoid | Activation::Identity => (PIXELS, 0),
        };
        let mut points = Points {
            labels: [P::default(); PIXELS],
            weights: [P::of(1.0); PIXELS],
            kept: 0.0,
        };
        with_scratch(work, |tile: &mut [P]| {
            for n in 0..items {
                for start in (0..space).step_by(stride) {
                    let pixels = stride.min(space - start);
                    self.load_points(&mut points, n, start, pixels);
                    let tile = &mut tile[..work.min(classes * pixels)];
                    visit(tile, pixels, n, start, &points);
                }
            }
        });
    }

    fn load_points<P: Prim>(&self, points: &mut Points<P>, n: usize, start: usize, pixels: usize) {
        let (labels, weights) = (&mut points.labels[..pixels], &mut points.weights[..pixels]);
        self.target.read_labels(n, start, labels);
        points.kept = pixels as f64;
        if let Some(weight) = &self.weight {
            weight.read_row(n, 0, start, weights);
        }
        if self.target.ignores() {
            points.kept = dispatch(DropIgnored {
                labels,
                weights,
                refill: self.weight.is_none(),
            });
        }
    }
}

/// Gives ignored pixels weight 0, and others 1 if `refill`; counts the others.
struct DropIgnored<'a, P> {
    labels: &'a [P],
    weights: &'a mut [P],
    refill: bool,
}

impl<P: Prim> Task for DropIgnored<'_, P> {
    type Output = f64;
    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let (labels, weights) = (self.labels, &mut self.weights[..self.labels.len()]);
        let (zero, one, ignored) = (P::of(0.0), P::of(1.0), P::of(IGNORED));
        let mut kept = 0u32;
        for i in 0..labels.len() {
            let keep = labels[i] != ignored;
            let weight = if self.refill { one } else { weights[i] };
            weights[i] = if keep { weight } else { zero };
            kept += u32::from(keep);
        }
        f64::from(kept)
    }
}

/// A tile's surroundings: what it is part of, what rides along, its points and its logits.
struct Site<'a, 'i, E, P> {
    block: &'a Block<'i>,
    extra: E,
    points: &'a Points<P>,
    input: Source<'a, 'i>,
    pixels: usize,
}

/// What the options make of a probability and a target, as numbers so that one loop serves all.
struct Shape<R> {
    minimum: bool,
    linear: R,
    square: R,
}

impl<R: Real> Shape<R> {
    #[inline(always)]
    fn new(options: &Options) -> Self {
        let squared = f64::from(options.squared);
        Self {
            minimum: options.intersection == Intersection::Minimum,
            linear: R::of(1.0 - squared),
            square: R::of(squared),
        }
    }

    /// `∂L/∂p` of a point.
    #[inline(always)]
    fn slope(&self, p: R, t: R, by_intersection: R, by_volume: R) -> R {
        let tie = R::select(p == t, R::of(0.5), R::zero());
        let minimum = R::select(p < t, R::one(), tie);
        let intersection = R::select(self.minimum, minimum, t);
        let volume = (self.square + self.square).mul_add(p, self.linear);
        by_intersection.mul_add(intersection, by_volume * volume)
    }
}

/// A class's sums, point by point.
struct Terms<P> {
    i: [P; PIXELS],
    p: [P; PIXELS],
    t: [P; PIXELS],
}

impl<P: Prim> Terms<P> {
    fn new() -> Self {
        let zeros = [P::default(); PIXELS];
        Self {
            i: zeros,
            p: zeros,
            t: zeros,
        }
    }

    /// Sets the terms of point `index`. A point of weight 0 counts nothing, whatever its logits.
    #[inline(always)]
    fn set<R: Real<Prim = P>>(&mut self, index: usize, shape: &Shape<R>, p: R, t: R, w: R) {
        let p = R::select(w != R::zero(), p, R::zero());
        let (pw, tw) = (p * w, t * w);
        let intersection = R::select(shape.minimum, p.at_most(t) * w, pw * t);
        self.i[index] = intersection.get();
        self.p[index] = (pw * p.mul_add(shape.square, shape.linear)).get();
        self.t[index] = (tw * t.mul_add(shape.square, shape.linear)).get();
    }

    #[inline(always)]
    fn add_to<R: Real<Prim = P>>(&self, n: usize, into: &mut [f64; 3]) {
        for (total, row) in into.iter_mut().zip([&self.i, &self.p, &self.t]) {
            *total += sum::<R>(&row[..n]);
        }
    }
}

impl<E, P: Prim> Site<'_, '_, E, P> {
    /// The target's row of class `c`. A single channel is class 1 against class 0.
    #[inline(always)]
    fn target_row<'b, R: Real<Prim = P>>(&'b self, c: usize, buffer: &'b mut [P]) -> &'b [P] {
        let target = &self.block.target;
        let one_channel = self.block.input.shape()[1] == 1;
        let class = match target {
            Target::Indices(..) if one_channel => 1,
            _ => c,
        };
        let at = (self.input.n, self.input.start);
        let labels = &self.points.labels[..self.pixels];
        &target_row::<R>(target, at, class, labels, buffer)[..self.pixels]
    }

    fn classes(&self) -> usize {
        self.block.input.shape()[1]
    }

    /// Whether `I`, `P` and `T` are sums of probabilities over labelled pixels: the common case, which has a short cut.
    fn is_simple(&self) -> bool {
        matches!(self.block.target, Target::Indices(..)) && !self.block.options.squared
    }

    /// Clears the pixels of weight 0 in rows of a tile, so that whatever their logits are does not count.
    fn drop_weightless(&self, rows: &mut [P]) {
        let may_be = self.block.target.ignores() || self.block.weight.is_some();
        let weightless = |i: usize| self.points.weights[i] == P::of(0.0);
        clear_columns(rows, self.pixels, may_be, weightless);
    }
}

/// What the classes of each pixel add up to: see [`SoftmaxExtra`].
struct Sums<P> {
    sum: [P; PIXELS],
    all: [P; PIXELS],
    dot: [P; PIXELS],
    rest: [P; PIXELS],
}

impl<P: Prim> Sums<P> {
    /// Exponentiates logits into `tile` and sums over classes.
    #[inline(always)]
    fn new<R: Real<Prim = P>, E: SoftmaxExtra>(site: &Site<'_, '_, E, P>, tile: &mut [P]) -> Self {
        let n = site.pixels;
        let zeros = [P::default(); PIXELS];
        let mut sums = Self {
            sum: zeros,
            all: zeros,
            dot: zeros,
            rest: zeros,
        };
        let (mut largest, mut buffer, mut target_buffer) = (zeros, zeros, zeros);
        let (largest, buffer, target_buffer) =
            (&mut largest[..n], &mut buffer[..n], &mut target_buffer[..n]);
        let (sum, all) = (&mut sums.sum[..n], &mut sums.all[..n]);
        let (dot, rest) = (&mut sums.dot[..n], &mut sums.rest[..n]);
        largest_logits::<R>(site.input, site.classes(), largest, buffer);
        for (c, e) in tile.chunks_exact_mut(n).enumerate() {
            let logits = &site.input.row(c, buffer)[..n];
            exponentiate::<R>(logits, largest, e);
            for i in 0..n {
                sum[i] = (R::new(sum[i]) + R::new(e[i])).get();
            }
            if E::PRESENT {
                let t = site.target_row::<R>(c, target_buffer);
                let (k1, k0, v) = site.extra.share::<R>(c);
                for i in 0..n {
                    let (t, e) = (R::new(t[i]), R::new(e[i]));
                    let d = R::new(logits[i]) - R::new(largest[i]);
                    let share = k1.mul_add(t, k0);
                    // A class of no share may have probability 0.
                    let term = R::select(share == R::zero(), share, share * d);
                    all[i] = v.mul_add(share, R::new(all[i])).get();
                    dot[i] = (R::new(dot[i]) + term).get();
                    rest[i] = (R::one() - t).mul_add(e, R::new(rest[i])).get();
                }
            }
        }
        sums
    }

    /// What rides along, at pixel `i`.
    #[inline(always)]
    fn extra<R: Real<Prim = P>, E: SoftmaxExtra>(&self, extra: E, i: usize) -> (R, R, R) {
        extra.eval(
            R::new(self.all[i]),
            R::new(self.dot[i]),
            R::new(self.rest[i]),
            R::new(self.sum[i]),
        )
    }
}

struct SoftmaxStatistics<'a, 'i, E, P> {
    site: Site<'a, 'i, E, P>,
    tile: &'a mut [P],
    found: &'a mut ItemStatistics,
}

impl<E: SoftmaxExtra, P: Prim> Task for SoftmaxStatistics<'_, '_, E, P> {
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<E: SoftmaxExtra, P: Prim> SoftmaxStatistics<'_, '_, E, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self { site, tile, found } = self;
        let n = site.pixels;
        let weights = &site.points.weights[..n];
        let mut sums = Sums::new::<R, E>(&site, tile);
        if E::PRESENT {
            for i in 0..n {
                let (value, _, _) = sums.extra::<R, E>(site.extra, i);
                let w = R::new(weights[i]);
                sums.dot[i] = R::select(w != R::zero(), value * w, R::zero()).get();
            }
            found.extra += sum::<R>(&sums.dot[..n]);
        }
        found.mass += sum::<R>(weights);
        let one_over_sum = &mut sums.sum[..n];
        for x in one_over_sum.iter_mut() {
            *x = (R::one() / R::new(*x)).get();
        }
        if site.is_simple() {
            for i in 0..n {
                one_over_sum[i] = (R::new(one_over_sum[i]) * R::new(weights[i])).get();
            }
            site.drop_weightless(tile);
            site.drop_weightless(one_over_sum);
            let labels = &site.points.labels[..n];
            for ((c, e), found) in tile.chunks_exact(n).enumerate().zip(&mut found.classes) {
                let sums = class_sums::<R>(e, one_over_sum, weights, labels, P::of(c as f64));
                for (found, sum) in found.iter_mut().zip(sums) {
                    *found += sum;
                }
            }
            return;
        }
        let shape = Shape::<R>::new(&site.block.options);
        let mut buffer = [P::default(); PIXELS];
        let mut terms = Terms::new();
        for ((c, e), found) in tile.chunks_exact(n).enumerate().zip(&mut found.classes) {
            let t = site.target_row::<R>(c, &mut buffer[..n]);
            for i in 0..n {
                let p = R::new(e[i]) * R::new(one_over_sum[i]);
                terms.set(i, &shape, p, R::new(t[i]), R::new(weights[i]));
            }
            terms.add_to::<R>(n, found);
        }
    }
}

struct SoftmaxGradient<'a, 'i, 'o, E, P> {
    site: Site<'a, 'i, E, P>,
    tile: &'a mut [P],
    slopes: &'a ItemSlopes,
    scale: f64,
    into: Sink<'a, 'o>,
}

impl<E: SoftmaxExtra, P: Prim> Task for SoftmaxGradient<'_, '_, '_, E, P> {
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<E: SoftmaxExtra, P: Prim> SoftmaxGradient<'_, '_, '_, E, P> {
    /// `∂L/∂z_c = p_c (s_c − Σ_k s_k p_k)` with `s = ∂L/∂p`, plus the slope of what rides along.
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self {
            site,
            tile,
            slopes,
            scale,
            mut into,
        } = self;
        let n = site.pixels;
        let weights = &site.points.weights[..n];
        let mut sums = Sums::new::<R, E>(&site, tile);
        if E::PRESENT {
            let factor = R::of(slopes.extra * scale);
            for i in 0..n {
                let (_, a, b) = sums.extra::<R, E>(site.extra, i);
                sums.all[i] = (a * factor).get();
                sums.rest[i] = (b * factor).get();
            }
        }
        let Sums {
            sum,
            all,
            dot,
            rest,
        } = &mut sums;
        let (one_over_sum, all, dot, rest) =
            (&mut sum[..n], &mut all[..n], &mut dot[..n], &mut rest[..n]);
        for x in one_over_sum.iter_mut() {
            *x = (R::one() / R::new(*x)).get();
        }
        dot.fill(P::default());
        let (mut buffer, mut target_buffer) = ([P::default(); PIXELS], [P::default(); PIXELS]);
        let (buffer, target_buffer) = (&mut buffer[..n], &mut target_buffer[..n]);
        if site.is_simple() {
            // s_c is one of two numbers per class: that of its own pixels, and that of the others.
            let labels = &site.points.labels[..n];
            let slopes_of = |c: usize| {
                let [own, other] = slopes.classes[c];
                (
                    P::of(c as f64),
                    R::of((own + other) * scale),
                    R::of(other * scale),
                )
            };
            for (c, e) in tile.chunks_exact(n).enumerate() {
                let (class, own, other) = slopes_of(c);
                for i in 0..n {
                    let slope = R::select(labels[i] == class, own, other);
                    dot[i] = slope.mul_add(R::new(e[i]), R::new(dot[i])).get();
                }
            }
            for i in 0..n {
                dot[i] = (R::new(dot[i]) * R::new(one_over_sum[i])).get();
                one_over_sum[i] = (R::new(one_over_sum[i]) * R::new(weights[i])).get();
            }
            for row in [&mut *tile, one_over_sum, all, dot, rest] {
                site.drop_weightless(row);
            }
            for (c, e) in tile.chunks_exact(n).enumerate() {
                let (class, own, other) = slopes_of(c);
                let (k1, k0, _) = site.extra.share::<R>(c);
                let row = &mut into.row(c, buffer)[..n];
                for i in 0..n {
                    let is_own = labels[i] == class;
                    let slope = R::select(is_own, own, other) - R::new(dot[i]);
                    let p = R::new(e[i]) * R::new(one_over_sum[i]);
                    row[i] = if E::PRESENT {
                        let share = R::select(is_own, k1 + k0, k0) * R::new(weights[i]);
                        let pull = slope + R::new(all[i]);
                        pull.mul_add(p, -(R::new(rest[i]) * share)).get()
                    } else {
                        (p * slope).get()
                    };
                }
                into.flush(c, buffer);
            }
            return;
        }
        let shape = Shape::<R>::new(&site.block.options);
        for (c, e) in tile.chunks_exact_mut(n).enumerate() {
            let t = site.target_row::<R>(c, target_buffer);
            let [by_intersection, by_volume] = slopes.classes[c].map(|slope| R::of(slope * scale));
            for i in 0..n {
                let p = R::new(e[i]) * R::new(one_over_sum[i]);
                let slope = shape.slope(p, R::new(t[i]), by_intersection, by_volume);
                e[i] = p.get();
                dot[i] = slope.mul_add(p, R::new(dot[i])).get();
            }
        }
        for (c, p) in tile.chunks_exact(n).enumerate() {
            let t = site.target_row::<R>(c, target_buffer);
            let [by_intersection, by_volume] = slopes.classes[c].map(|slope| R::of(slope * scale));
            let (k1, k0, _) = site.extra.share::<R>(c);
            let row = &mut into.row(c, buffer)[..n];
            for i in 0..n {
                let (p, t, w) = (R::new(p[i]), R::new(t[i]), R::new(weights[i]));
                let slope = shape.slope(p, t, by_intersection, by_volume);
                let mut g = p * (slope - R::new(dot[i]));
                if E::PRESENT {
                    let share = k1.mul_add(t, k0);
                    g += R::new(all[i]) * p - R::new(rest[i]) * share;
                }
                row[i] = R::select(w != R::zero(), g * w, R::zero()).get();
            }
            into.flush(c, buffer);
        }
    }
}

/// Channels by themselves, through a sigmoid (`LOGITS`) or as they are.
struct RowStatistics<'a, 'i, E, P, const LOGITS: bool> {
    site: Site<'a, 'i, E, P>,
    work: &'a mut Work<P>,
    found: &'a mut ItemStatistics,
}

impl<E: SigmoidExtra, P: Prim, const LOGITS: bool> Task for RowStatistics<'_, '_, E, P, LOGITS> {
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<E: SigmoidExtra, P: Prim, const LOGITS: bool> RowStatistics<'_, '_, E, P, LOGITS> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self { site, work, found } = self;
        let n = site.pixels;
        let Work {
            input,
            target,
            output,
            terms,
        } = work;
        let values = &mut output[..n];
        let weights = &site.points.weights[..n];
        let shape = Shape::<R>::new(&site.block.options);
        found.mass += sum::<R>(weights);
        for (c, sums) in found.classes.iter_mut().enumerate() {
            let x = &site.input.row(c, &mut input[..n])[..n];
            let t = site.target_row::<R>(c, &mut target[..n]);
            let auxiliary = R::of(site.extra.auxiliary(c));
            for i in 0..n {
                let (x, t, w) = (R::new(x[i]), R::new(t[i]), R::new(weights[i]));
                let p = if LOGITS { Odds::new(x).p } else { x };
                terms.set(i, &shape, p, t, w);
                if E::PRESENT {
                    let (value, _) = site.extra.eval(x, t, auxiliary);
                    values[i] = R::select(w != R::zero(), value * w, R::zero()).get();
                }
            }
            terms.add_to::<R>(n, sums);
            if E::PRESENT {
                found.extra += sum::<R>(values);
            }
        }
    }
}

struct RowGradient<'a, 'i, 'o, E, P, const LOGITS: bool> {
    site: Site<'a, 'i, E, P>,
    work: &'a mut Work<P>,
    slopes: &'a ItemSlopes,
    scale: f64,
    into: Sink<'a, 'o>,
}

impl<E: SigmoidExtra, P: Prim, const LOGITS: bool> Task for RowGradient<'_, '_, '_, E, P, LOGITS> {
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<E: SigmoidExtra, P: Prim, const LOGITS: bool> RowGradient<'_, '_, '_, E, P, LOGITS> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self {
            site,
            work,
            slopes,
            scale,
            mut into,
        } = self;
        let n = site.pixels;
        let Work {
            input,
            target,
            output,
            ..
        } = work;
        let output = &mut output[..n];
        let weights = &site.points.weights[..n];
        let shape = Shape::<R>::new(&site.block.options);
        let factor = R::of(slopes.extra * scale);
        for (c, [by_intersection, by_volume]) in slopes.classes.iter().enumerate() {
            let x = &site.input.row(c, &mut input[..n])[..n];
            let t = site.target_row::<R>(c, &mut target[..n]);
            let (by_intersection, by_volume) =
                (R::of(by_intersection * scale), R::of(by_volume * scale));
            let auxiliary = R::of(site.extra.auxiliary(c));
            let row = &mut into.row(c, output)[..n];
            for i in 0..n {
                let (x, t, w) = (R::new(x[i]), R::new(t[i]), R::new(weights[i]));
                let (p, inner) = if LOGITS {
                    let odds = Odds::new(x);
                    (odds.p, odds.p * odds.q)
                } else {
                    (x, R::one())
                };
                let mut g = shape.slope(p, t, by_intersection, by_volume) * inner;
                if E::PRESENT {
                    let (_, slope) = site.extra.eval(x, t, auxiliary);
                    g = slope.mul_add(factor, g);
                }
                row[i] = R::select(w != R::zero(), g * w, R::zero()).get();
            }
            into.flush(c, output);
        }
    }
}
