//! Sums over regions, then a gradient that is affine in them.
//!
//! A region loss sees prediction and target only through `I = Σ p t`, `P = Σ p` and `T = Σ t` per item and class. The first
//! sweep takes these sums ([`statistics`]); the loss turns them into `∂L/∂I` and `∂L/∂P`; the second sweep writes the
//! gradient ([`gradient`]). An added per-pixel loss ([`SoftmaxExtra`], [`SigmoidExtra`]) rides along in both sweeps.

mod hard;
mod rows;
mod soft;
mod terms;

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

use hard::{HardGradient, HardStatistics};
use rows::{RowGradient, RowStatistics};
use soft::{SoftmaxGradient, SoftmaxStatistics};
use terms::Terms;

use super::site::Term;
use super::softmax::{PIXELS, Row, Sink, Source, clear_columns, cut, cut_mut, pieces, tile_pixels};
use super::sum::Lanes;

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

    /// The same loss for class indices.
    type Hard: HardExtra;
    /// The same loss for class indices, if it is one of the true class alone.
    fn hard(&self) -> Option<Self::Hard>;
}

/// A per-pixel loss of the true class's probability, times a weight of that class.
pub trait HardExtra: Term {
    /// Whether there is anything to evaluate.
    const PRESENT: bool;
    /// Whether the slope depends on the probability.
    const BENDS: bool;
    /// The weight of a class, unless all are 1.
    fn weights(&self) -> Option<impl Fn(usize) -> f64>;
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

    type Hard = Self;
    fn hard(&self) -> Option<Self> {
        Some(Self)
    }
}

impl Term for NoExtra {
    #[inline(always)]
    fn eval<R: Real>(&self, _: R, _: R, _: R) -> (R, R) {
        (R::zero(), R::zero())
    }
}

impl HardExtra for NoExtra {
    const PRESENT: bool = false;
    const BENDS: bool = false;
    fn weights(&self) -> Option<impl Fn(usize) -> f64> {
        None::<fn(usize) -> f64>
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

/// The sums of one item while they grow.
struct ItemSums {
    classes: Vec<[Lanes; 3]>,
    extra: Lanes,
    mass: Lanes,
    points: f64,
}

impl ItemSums {
    fn empty(classes: usize) -> Self {
        Self {
            classes: vec![[Lanes::default(); 3]; classes],
            extra: Lanes::default(),
            mass: Lanes::default(),
            points: 0.0,
        }
    }

    fn total(self) -> ItemStatistics {
        let classes = self.classes.into_iter();
        ItemStatistics {
            classes: classes.map(|sums| sums.map(Lanes::total)).collect(),
            extra: self.extra.total(),
            mass: self.mass.total(),
            points: self.points,
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
    first_sweep(options, extras, operands, None)
}

/// As [`statistics`]; and leaves the probabilities in the memory of the gradient, where it can, so that the second sweep
/// need not evaluate them again. Says whether it did.
pub(crate) fn statistics_and_stash<M: SoftmaxExtra, S: SigmoidExtra>(
    options: &Options,
    extras: Extras<M, S>,
    operands: &Operands<'_>,
    gradient: &mut Gradient<'_>,
) -> Result<(Vec<ItemStatistics>, bool)> {
    check_shape("gradient", operands.input.shape(), gradient.view.shape())?;
    let lends = match operands.input.dtype() {
        DType::F64 => gradient.view.lends::<f64>(),
        _ => gradient.view.lends::<f32>(),
    };
    let stashes = !gradient.accumulate
        && lends
        && match options.activation {
            Activation::Softmax => is_simple(options, &extras.softmax, &operands.target),
            Activation::Sigmoid => !S::PRESENT,
            Activation::Identity => false,
        };
    let stash = stashes.then(|| gradient.view.reborrow());
    let found = first_sweep(options, extras, operands, stash)?;
    Ok((found, stashes))
}

/// Whether `I`, `P` and `T` are sums of probabilities over labelled pixels, and what rides along is a term of the true
/// class: the common case.
fn is_simple<M: SoftmaxExtra>(options: &Options, extra: &M, target: &View<'_>) -> bool {
    target.dtype().is_index() && !options.squared && extra.hard().is_some()
}

fn first_sweep<M: SoftmaxExtra, S: SigmoidExtra>(
    options: &Options,
    extras: Extras<M, S>,
    operands: &Operands<'_>,
    stash: Option<ViewMut<'_>>,
) -> Result<Vec<ItemStatistics>> {
    let call = Call::new(options, extras, operands)?;
    let [items, classes, space] = operands.input.shape();
    let cuts @ (cut_items, cut_pixels) = pieces([items, classes, space]);
    let mut stash = stash.map(|view| cut_mut(view, cuts).into_iter());
    let work = call.split(cuts).into_iter();
    let work = work
        .map(|piece| (piece, stash.as_mut().and_then(Iterator::next)))
        .collect();
    let is_f64 = operands.input.dtype() == DType::F64;
    let found = parallel::map(work, |(piece, stash): (Piece<'_, M, S>, _)| match is_f64 {
        true => piece.statistics::<f64>(stash),
        false => piece.statistics::<f32>(stash),
    });
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
    second_sweep(options, extras, operands, slopes, gradient, false)
}

/// As [`gradient`], from what [`statistics_and_stash`] left there if it `stashed`.
pub(crate) fn second_sweep<M: SoftmaxExtra, S: SigmoidExtra>(
    options: &Options,
    extras: Extras<M, S>,
    operands: &Operands<'_>,
    slopes: &[ItemSlopes],
    gradient: Gradient<'_>,
    stashed: bool,
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
            piece.gradient::<f64>(&mut view, slopes, (scale, accumulate, stashed));
        } else {
            piece.gradient::<f32>(&mut view, slopes, (scale, accumulate, stashed));
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
    input: Row<P>,
    target: Row<P>,
    output: Row<P>,
    terms: Terms<P>,
}

impl<P: Prim> Work<P> {
    fn new() -> Self {
        let zeros = Row::new();
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
    labels: Row<P>,
    weights: Row<P>,
    kept: f64,
}

impl<M: SoftmaxExtra, S: SigmoidExtra> Piece<'_, M, S> {
    fn statistics<P: Prim>(self, mut stash: Option<ViewMut<'_>>) -> Vec<ItemStatistics> {
        let Self { extras, block } = self;
        let [items, classes, _] = block.input.shape();
        let mut all: Vec<_> = (0..items).map(|_| ItemSums::empty(classes)).collect();
        let mut work = Work::new();
        let hard = extras.softmax.hard().filter(|_| block.is_simple());
        block.tiles(|tile: &mut [P], pixels, n, start, points| {
            let found = &mut all[n];
            let work = &mut work;
            found.points += points.kept;
            let input = Source {
                view: &block.input,
                n,
                start,
            };
            let stash = stash.as_mut().map(|view| Sink {
                view,
                n,
                start,
                accumulate: false,
            });
            match block.options.activation {
                Activation::Softmax => match hard {
                    Some(extra) => {
                        let site = Site::new(&block, extra, points, input, pixels);
                        dispatch(HardStatistics {
                            site,
                            tile,
                            work,
                            found,
                            stash,
                        });
                    }
                    None => {
                        let site = Site::new(&block, extras.softmax, points, input, pixels);
                        dispatch(SoftmaxStatistics { site, tile, found });
                    }
                },
                Activation::Sigmoid => {
                    let site = Site::new(&block, extras.sigmoid, points, input, pixels);
                    dispatch(RowStatistics::<_, _, true> {
                        site,
                        work,
                        found,
                        stash,
                    });
                }
                Activation::Identity => {
                    let site = Site::new(&block, NoExtra, points, input, pixels);
                    dispatch(RowStatistics::<_, _, false> {
                        site,
                        work,
                        found,
                        stash,
                    });
                }
            }
        });
        all.into_iter().map(ItemSums::total).collect()
    }

    fn gradient<P: Prim>(
        self,
        view: &mut ViewMut<'_>,
        slopes: &[ItemSlopes],
        (scale, accumulate, stashed): (f64, bool, bool),
    ) {
        let Self { extras, block } = self;
        let items = block.input.shape()[0];
        let mut work = Work::new();
        let hard = extras.softmax.hard().filter(|_| block.is_simple());
        // ∂L/∂p is one of two numbers per class. Rounded here, or the compiler would do it in the loops.
        let hard_slopes = |item: &ItemSlopes| -> Vec<[P; 2]> {
            let classes = item.classes.iter();
            classes
                .map(|[own, other]| [own + other, *other].map(|slope| P::of(slope * scale)))
                .collect()
        };
        let hard_slopes: Vec<_> = match hard {
            Some(_) => slopes.iter().take(items).map(hard_slopes).collect(),
            None => Vec::new(),
        };
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
                Activation::Softmax => match hard {
                    Some(extra) => {
                        let site = Site::new(&block, extra, points, input, pixels);
                        dispatch(HardGradient {
                            site,
                            tile,
                            work,
                            slopes: &hard_slopes[n],
                            factor: P::of(slopes.extra * scale),
                            into,
                            stashed,
                        });
                    }
                    None => {
                        let site = Site::new(&block, extras.softmax, points, input, pixels);
                        dispatch(SoftmaxGradient {
                            site,
                            tile,
                            slopes,
                            scale,
                            into,
                        });
                    }
                },
                Activation::Sigmoid => {
                    let site = Site::new(&block, extras.sigmoid, points, input, pixels);
                    dispatch(RowGradient::<_, _, true> {
                        site,
                        work,
                        slopes,
                        scale,
                        into,
                        stashed,
                    });
                }
                Activation::Identity => {
                    let site = Site::new(&block, NoExtra, points, input, pixels);
                    dispatch(RowGradient::<_, _, false> {
                        site,
                        work,
                        slopes,
                        scale,
                        into,
                        stashed,
                    });
                }
            }
        });
    }
}

impl Block<'_> {
    /// Whether the target is class indices and sums are plain.
    fn is_simple(&self) -> bool {
        matches!(self.target, Target::Indices(..)) && !self.options.squared
    }

    /// Visits every tile: work memory for one number per class and pixel, how many pixels, item, first pixel, points.
    fn tiles<P: Prim>(&self, mut visit: impl FnMut(&mut [P], usize, usize, usize, &Points<P>)) {
        let [items, classes, space] = self.input.shape();
        let (stride, work) = match self.options.activation {
            Activation::Softmax => (tile_pixels(classes), classes * tile_pixels(classes)),
            Activation::Sigmoid | Activation::Identity => (PIXELS, 0),
        };
        let mut points = Points {
            labels: Row::new(),
            weights: Row::filled(P::of(1.0)),
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

impl<'a, 'i, E, P: Prim> Site<'a, 'i, E, P> {
    fn new(
        block: &'a Block<'i>,
        extra: E,
        points: &'a Points<P>,
        input: Source<'a, 'i>,
        pixels: usize,
    ) -> Self {
        Self {
            block,
            extra,
            points,
            input,
            pixels,
        }
    }

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

    /// Whether any weight may not be 1.
    fn is_weighted(&self) -> bool {
        self.block.target.ignores() || self.block.weight.is_some()
    }

    /// Adds the pixels' weights.
    #[inline(always)]
    fn add_mass<R: Real<Prim = P>>(&self, mass: &mut Lanes) {
        if self.is_weighted() {
            mass.add::<R>(&self.points.weights[..self.pixels]);
        } else {
            mass.add_ones(self.pixels);
        }
    }

    /// Clears the pixels of weight 0 in rows of a tile, so that whatever their logits are does not count.
    fn drop_weightless(&self, rows: &mut [P]) {
        let may_be = self.is_weighted();
        let weightless = |i: usize| self.points.weights[i] == P::of(0.0);
        clear_columns(rows, self.pixels, may_be, weightless);
    }
}
