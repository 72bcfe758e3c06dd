//! Sums over regions, then a gradient that is affine in them.
//!
//! A region loss sees prediction and target only through `I = Σ p t`, `P = Σ p` and `T = Σ t` per item and class. The first
//! sweep takes these sums ([`statistics`]); the loss turns them into `∂L/∂I` and `∂L/∂P`; the second sweep writes the
//! gradient ([`gradient`]). An added per-pixel loss ([`Extra`]) rides along in both sweeps.

use crate::error::{Error, Result, check_shape};
use crate::labels::{IGNORED, Target};
use crate::loops::pointwise::Pointwise;
use crate::loops::site::target_row;
use crate::math::Real;
use crate::options::Gradient;
use crate::parallel;
use crate::scalar::{DType, Prim, with_scratch};
use crate::simd::{Isa, Task, dispatch};
use crate::view::{View, ViewMut};

use super::softmax::{PIXELS, Tile, cut, cut_mut, pieces, tile_pixels};
use super::sum::sum;

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
        let target = Target::new(&operands.target, shape, operands.ignore)?;
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

/// Label and weight of the pixels of a tile. An ignored pixel has weight 0.
struct Points<P> {
    labels: [P; PIXELS],
    weights: [P; PIXELS],
}

impl<M: SoftmaxExtra, S: SigmoidExtra> Piece<'_, M, S> {
    fn statistics<P: Prim>(self) -> Vec<ItemStatistics> {
        let Self { extras, block } = self;
        let [items, classes, _] = block.input.shape();
        let mut all = vec![ItemStatistics::empty(classes); items];
        block.tiles(|tile, at, points: &Points<P>| {
            let found = &mut all[at.0];
            let ignored = P::of(IGNORED);
            found.points += points.labels[..tile.pixels]
                .iter()
                .filter(|l| **l != ignored)
                .count() as f64;
            match block.options.activation {
                Activation::Softmax => {
                    let site = block.site(extras.softmax, points, at);
                    dispatch(SoftmaxStatistics { site, tile, found });
                }
                Activation::Sigmoid => {
                    let site = block.site(extras.sigmoid, points, at);
                    dispatch(RowStatistics::<_, _, true> { site, tile, found });
                }
                Activation::Identity => {
                    let site = block.site(NoExtra, points, at);
                    dispatch(RowStatistics::<_, _, false> { site, tile, found });
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
        block.tiles(|tile, at, points: &Points<P>| {
            let slopes = &slopes[at.0];
            match block.options.activation {
                Activation::Softmax => {
                    let site = block.site(extras.softmax, points, at);
                    dispatch(SoftmaxGradient {
                        site,
                        tile,
                        slopes,
                        scale,
                    });
                }
                Activation::Sigmoid => {
                    let site = block.site(extras.sigmoid, points, at);
                    dispatch(RowGradient::<_, _, true> {
                        site,
                        tile,
                        slopes,
                        scale,
                    });
                }
                Activation::Identity => {
                    let site = block.site(NoExtra, points, at);
                    dispatch(RowGradient::<_, _, false> {
                        site,
                        tile,
                        slopes,
                        scale,
                    });
                }
            }
            tile.store(view, at.0, at.1, accumulate);
        });
    }
}

impl<'i> Block<'i> {
    fn site<'a, E, P>(
        &'a self,
        extra: E,
        points: &'a Points<P>,
        at: (usize, usize),
    ) -> Site<'a, 'i, E, P> {
        Site {
            block: self,
            extra,
            points,
            at,
        }
    }

    /// Loads every tile of logits with its points.
    fn tiles<P: Prim>(&self, mut visit: impl FnMut(&mut Tile<'_, P>, (usize, usize), &Points<P>)) {
        let [items, classes, space] = self.input.shape();
        let stride = tile_pixels(classes).min(space.next_multiple_of(16));
        let mut points = Points {
            labels: [P::default(); PIXELS],
            weights: [P::of(1.0); PIXELS],
        };
        with_scratch(classes * stride, |rows: &mut [P]| {
            for n in 0..items {
                for start in (0..space).step_by(stride.max(1)) {
                    let pixels = stride.min(space - start);
                    let mut tile = Tile {
                        rows: &mut *rows,
                        stride,
                        pixels,
                    };
                    tile.load(&self.input, n, start);
                    self.load_points(&mut points, n, start, pixels);
                    visit(&mut tile, (n, start), &points);
                }
            }
        });
    }

    fn load_points<P: Prim>(&self, points: &mut Points<P>, n: usize, start: usize, pixels: usize) {
        let (labels, weights) = (&mut points.labels[..pixels], &mut points.weights[..pixels]);
        self.target.read_labels(n, start, labels);
        match &self.weight {
            Some(weight) => weight.read_row(n, 0, start, weights),
            None => weights.fill(P::of(1.0)),
        }
        for (weight, label) in weights.iter_mut().zip(labels) {
            if *label == P::of(IGNORED) {
                *weight = P::of(0.0);
            }
        }
    }
}

/// A tile's surroundings: what it is part of, what rides along, its points, and its item and first pixel.
struct Site<'a, 'i, E, P> {
    block: &'a Block<'i>,
    extra: E,
    points: &'a Points<P>,
    at: (usize, usize),
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

    /// A point's term of `P` or `T`.
    #[inline(always)]
    fn volume(&self, x: R) -> R {
        x * x.mul_add(self.square, self.linear)
    }

    /// A point's term of `I`.
    #[inline(always)]
    fn intersection(&self, p: R, t: R) -> R {
        R::select(self.minimum, p.at_most(t), p * t)
    }

    /// `∂L/∂p` of a point.
    #[inline(always)]
    fn slope(&self, p: R, t: R, by_intersection: R, by_volume: R) -> R {
        let tie = R::select(p == t, R::of(0.5), R::zero());
        let minimum = R::select(p < t, R::one(), tie);
        let intersection = R::select(self.minimum, minimum, t);
        let volume = self.linear + (self.square + self.square) * p;
        by_intersection * intersection + by_volume * volume
    }
}

impl<E, P: Prim> Site<'_, '_, E, P> {
    /// The target's row of class `c`. A single channel is class 1 against class 0.
    #[inline(always)]
    fn target_row<'b, R: Real<Prim = P>>(&self, c: usize, buffer: &'b mut [P]) -> &'b [P] {
        let [_, classes, _] = self.block.input.shape();
        let class = if classes == 1 { 1 } else { c };
        match &self.block.target {
            Target::Soft(_) => self.target_at::<R>(c, buffer),
            Target::Indices(..) => self.target_at::<R>(class, buffer),
        }
    }

    #[inline(always)]
    fn target_at<'b, R: Real<Prim = P>>(&self, class: usize, buffer: &'b mut [P]) -> &'b [P] {
        let labels = &self.points.labels[..buffer.len()];
        target_row::<R>(&self.block.target, self.at, class, labels, buffer)
    }

    /// Adds the sums of a class's probabilities and targets.
    #[inline(always)]
    fn add_sums<R: Real<Prim = P>>(&self, p: &[P], t: &[P], into: &mut [f64; 3]) {
        let n = p.len();
        let shape = Shape::<R>::new(&self.block.options);
        let (t, weights) = (&t[..n], &self.points.weights[..n]);
        let (mut i_row, mut p_row, mut t_row) = (
            [P::default(); PIXELS],
            [P::default(); PIXELS],
            [P::default(); PIXELS],
        );
        let (i_row, p_row, t_row) = (&mut i_row[..n], &mut p_row[..n], &mut t_row[..n]);
        for i in 0..n {
            let (p, t, w) = (R::new(p[i]), R::new(t[i]), R::new(weights[i]));
            // A point of weight 0 counts nothing, whatever its logits.
            let keep = w != R::zero();
            i_row[i] = R::select(keep, shape.intersection(p, t) * w, R::zero()).get();
            p_row[i] = R::select(keep, shape.volume(p) * w, R::zero()).get();
            t_row[i] = R::select(keep, shape.volume(t) * w, R::zero()).get();
        }
        for (sum_of, row) in into.iter_mut().zip([&*i_row, p_row, t_row]) {
            *sum_of += sum::<R>(row);
        }
    }
}

/// Work rows of a softmax sweep: what the classes of a pixel add up to.
struct Sums<P> {
    sum: [P; PIXELS],
    all: [P; PIXELS],
    dot: [P; PIXELS],
    rest: [P; PIXELS],
}

impl<P: Prim> Sums<P> {
    /// Exponentiates the tile and sums over classes.
    #[inline(always)]
    fn new<R: Real<Prim = P>, E: SoftmaxExtra>(
        site: &Site<'_, '_, E, P>,
        tile: &mut Tile<'_, P>,
        buffer: &mut [P],
    ) -> Self {
        let n = tile.pixels;
        let zeros = [P::default(); PIXELS];
        let mut sums = Self {
            sum: zeros,
            all: zeros,
            dot: zeros,
            rest: zeros,
        };
        let (mut largest, mut d) = (zeros, zeros);
        let extra = site.extra;
        tile.exponentiate::<R>(&mut largest, &mut d, |c, d, e| {
            let (d, e) = (&d[..n], &e[..n]);
            let sum = &mut sums.sum[..n];
            for i in 0..n {
                sum[i] = (R::new(sum[i]) + R::new(e[i])).get();
            }
            if E::PRESENT {
                let t = site.target_row::<R>(c, buffer);
                let (k1, k0, v) = extra.share::<R>(c);
                let (all, dot, rest) =
                    (&mut sums.all[..n], &mut sums.dot[..n], &mut sums.rest[..n]);
                for i in 0..n {
                    let t = R::new(t[i]);
                    let share = k1.mul_add(t, k0);
                    // A class of no share may have probability 0.
                    let term = R::select(share == R::zero(), share, share * R::new(d[i]));
                    all[i] = (R::new(all[i]) + v * share).get();
                    dot[i] = (R::new(dot[i]) + term).get();
                    rest[i] = (R::new(rest[i]) + (R::one() - t) * R::new(e[i])).get();
                }
            }
        });
        sums
    }
}

struct SoftmaxStatistics<'a, 'i, 't, E, P> {
    site: Site<'a, 'i, E, P>,
    tile: &'a mut Tile<'t, P>,
    found: &'a mut ItemStatistics,
}

impl<E: SoftmaxExtra, P: Prim> Task for SoftmaxStatistics<'_, '_, '_, E, P> {
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<E: SoftmaxExtra, P: Prim> SoftmaxStatistics<'_, '_, '_, E, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self { site, tile, found } = self;
        let n = tile.pixels;
        let mut buffer = [P::default(); PIXELS];
        let buffer = &mut buffer[..n];
        let mut sums = Sums::new::<R, E>(&site, tile, buffer);
        let weights = &site.points.weights[..n];
        if E::PRESENT {
            let extra = site.extra;
            let Sums {
                sum,
                all,
                dot,
                rest,
            } = &mut sums;
            for i in 0..n {
                let (value, _, _) = extra.eval(
                    R::new(all[i]),
                    R::new(dot[i]),
                    R::new(rest[i]),
                    R::new(sum[i]),
                );
                let w = R::new(weights[i]);
                dot[i] = R::select(w != R::zero(), value * w, R::zero()).get();
            }
            found.extra += self::sum::<R>(&dot[..n]);
        }
        found.mass += self::sum::<R>(weights);
        let one_over_sum = &mut sums.sum[..n];
        for x in one_over_sum.iter_mut() {
            *x = (R::one() / R::new(*x)).get();
        }
        for (c, row) in tile.classes().enumerate() {
            for i in 0..n {
                row[i] = (R::new(row[i]) * R::new(one_over_sum[i])).get();
            }
            let t = site.target_row::<R>(c, buffer);
            site.add_sums::<R>(row, t, &mut found.classes[c]);
        }
    }
}

struct SoftmaxGradient<'a, 'i, 't, E, P> {
    site: Site<'a, 'i, E, P>,
    tile: &'a mut Tile<'t, P>,
    slopes: &'a ItemSlopes,
    scale: f64,
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
        } = self;
        let n = tile.pixels;
        let mut buffer = [P::default(); PIXELS];
        let buffer = &mut buffer[..n];
        let mut sums = Sums::new::<R, E>(&site, tile, buffer);
        let extra = site.extra;
        let weights = &site.points.weights[..n];
        let Sums {
            sum,
            all,
            dot,
            rest,
        } = &mut sums;
        let (sum, all, dot, rest) = (&mut sum[..n], &mut all[..n], &mut dot[..n], &mut rest[..n]);
        if E::PRESENT {
            let factor = R::of(slopes.extra * scale);
            for i in 0..n {
                let (_, a, b) = extra.eval(
                    R::new(all[i]),
                    R::new(dot[i]),
                    R::new(rest[i]),
                    R::new(sum[i]),
                );
                all[i] = (a * factor).get();
                rest[i] = (b * factor).get();
            }
        }
        dot.fill(P::default());
        for x in sum.iter_mut() {
            *x = (R::one() / R::new(*x)).get();
        }
        let shape = Shape::<R>::new(&site.block.options);
        let by = |c: usize| {
            let [by_intersection, by_volume] = slopes.classes[c];
            (R::of(by_intersection * scale), R::of(by_volume * scale))
        };
        for (c, row) in tile.classes().enumerate() {
            let t = site.target_row::<R>(c, buffer);
            let (by_intersection, by_volume) = by(c);
            for i in 0..n {
                let p = R::new(row[i]) * R::new(sum[i]);
                let slope = shape.slope(p, R::new(t[i]), by_intersection, by_volume);
                row[i] = p.get();
                dot[i] = slope.mul_add(p, R::new(dot[i])).get();
            }
        }
        for (c, row) in tile.classes().enumerate() {
            let t = site.target_row::<R>(c, buffer);
            let (by_intersection, by_volume) = by(c);
            let (k1, k0, _) = extra.share::<R>(c);
            for i in 0..n {
                let (p, t, w) = (R::new(row[i]), R::new(t[i]), R::new(weights[i]));
                let slope = shape.slope(p, t, by_intersection, by_volume);
                let mut g = p * (slope - R::new(dot[i]));
                if E::PRESENT {
                    let share = k1.mul_add(t, k0);
                    g += R::new(all[i]) * p - R::new(rest[i]) * share;
                }
                row[i] = R::select(w != R::zero(), g * w, R::zero()).get();
            }
        }
    }
}

/// Channels by themselves, through a sigmoid (`LOGITS`) or as they are.
struct RowStatistics<'a, 'i, 't, E, P, const LOGITS: bool> {
    site: Site<'a, 'i, E, P>,
    tile: &'a mut Tile<'t, P>,
    found: &'a mut ItemStatistics,
}

impl<E: SigmoidExtra, P: Prim, const LOGITS: bool> Task
    for RowStatistics<'_, '_, '_, E, P, LOGITS>
{
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<E: SigmoidExtra, P: Prim, const LOGITS: bool> RowStatistics<'_, '_, '_, E, P, LOGITS> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self { site, tile, found } = self;
        let n = tile.pixels;
        let (mut buffer, mut values) = ([P::default(); PIXELS], [P::default(); PIXELS]);
        let (buffer, values) = (&mut buffer[..n], &mut values[..n]);
        let extra = site.extra;
        let weights = &site.points.weights[..n];
        found.mass += sum::<R>(weights);
        for (c, row) in tile.classes().enumerate() {
            let t = site.target_row::<R>(c, buffer);
            if LOGITS {
                let auxiliary = R::of(extra.auxiliary(c));
                for i in 0..n {
                    let x = R::new(row[i]);
                    if E::PRESENT {
                        let w = R::new(weights[i]);
                        let (value, _) = extra.eval(x, R::new(t[i]), auxiliary);
                        values[i] = R::select(w != R::zero(), value * w, R::zero()).get();
                    }
                    row[i] = sigmoid(x).0.get();
                }
                if E::PRESENT {
                    found.extra += sum::<R>(values);
                }
            }
            site.add_sums::<R>(row, t, &mut found.classes[c]);
        }
    }
}

struct RowGradient<'a, 'i, 't, E, P, const LOGITS: bool> {
    site: Site<'a, 'i, E, P>,
    tile: &'a mut Tile<'t, P>,
    slopes: &'a ItemSlopes,
    scale: f64,
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
            tile,
            slopes,
            scale,
        } = self;
        let n = tile.pixels;
        let mut buffer = [P::default(); PIXELS];
        let buffer = &mut buffer[..n];
        let extra = site.extra;
        let weights = &site.points.weights[..n];
        let shape = Shape::<R>::new(&site.block.options);
        let factor = R::of(slopes.extra * scale);
        for (c, row) in tile.classes().enumerate() {
            let t = site.target_row::<R>(c, buffer);
            let [by_intersection, by_volume] = slopes.classes[c];
            let (by_intersection, by_volume) =
                (R::of(by_intersection * scale), R::of(by_volume * scale));
            let auxiliary = R::of(extra.auxiliary(c));
            for i in 0..n {
                let (x, t, w) = (R::new(row[i]), R::new(t[i]), R::new(weights[i]));
                let (p, q) = if LOGITS { sigmoid(x) } else { (x, R::one()) };
                let inner = if LOGITS { p * q } else { R::one() };
                let mut g = shape.slope(p, t, by_intersection, by_volume) * inner;
                if E::PRESENT {
                    let (_, slope) = extra.eval(x, t, auxiliary);
                    g += slope * factor;
                }
                row[i] = R::select(w != R::zero(), g * w, R::zero()).get();
            }
        }
    }
}

/// `σ(x)` and `1 − σ(x)`, each accurate on its own.
#[inline(always)]
fn sigmoid<R: Real>(x: R) -> (R, R) {
    let e = (-x.abs()).exp();
    let larger = R::one() / (R::one() + e);
    let smaller = e * larger;
    let is_positive = x > R::zero();
    (
        R::select(is_positive, larger, smaller),
        R::select(is_positive, smaller, larger),
    )
}
