//! Sums over regions, then a gradient that is affine in them.
//!
//! A region loss sees prediction and target only through `I = Σ p t`, `P = Σ p` and `T = Σ t` per item and class. The first
//! sweep takes these sums ([`statistics`]); the loss turns them into `∂L/∂I` and `∂L/∂P`; the second sweep writes the
//! gradient ([`gradient`]). An added per-pixel loss ([`SoftmaxExtra`], [`SigmoidExtra`]) rides along in both sweeps.

mod block;
mod extras;
mod hard;
mod products;
mod riders;
mod rows;
mod soft;
mod terms;

use std::cell::Cell;

use crate::error::{Error, Result, check_shape};
use crate::labels::Target;
use crate::options::Gradient;
use crate::parallel::{self, Order};
use crate::scalar::{DType, Prim};
use crate::view::{View, ViewMut};

use block::{Block, Site, Work, labels_of};
pub use extras::{Extras, HardExtra, NoExtra, SigmoidExtra, SoftmaxExtra};
use products::pull_rows;
use riders::{Pulled, Riders, RidersIn, Summed};
use rows::Left;

use super::softmax::{Sink, Store, cut, cut_mut, pieces, write_turned};
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

impl Options {
    /// Whether sums are of `p t`, `p` and `t`.
    fn is_plain(&self) -> bool {
        self.intersection == Intersection::Product && !self.squared
    }
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

thread_local! {
    /// Memory of an item's classes, kept between pieces: small heaps give back this much, and page faults took a tenth of
    /// the time.
    static SPARE: Cell<Vec<[Lanes; 3]>> = const { Cell::new(Vec::new()) };
}

impl ItemSums {
    fn empty(count: usize) -> Self {
        let mut classes = SPARE.take();
        classes.clear();
        classes.resize(count, [Lanes::default(); 3]);
        Self {
            classes,
            extra: Lanes::default(),
            mass: Lanes::default(),
            points: 0.0,
        }
    }

    fn total(self) -> ItemStatistics {
        let classes = self.classes.iter().map(|sums| sums.map(Lanes::total));
        ItemStatistics {
            classes: classes.collect(),
            extra: self.extra.total(),
            mass: self.mass.total(),
            points: self.points,
        }
    }
}

impl Drop for ItemSums {
    fn drop(&mut self) {
        SPARE.set(std::mem::take(&mut self.classes));
    }
}

fn totals(all: Vec<ItemSums>) -> Vec<ItemStatistics> {
    all.into_iter().map(ItemSums::total).collect()
}

/// The gradient of one item, given its sums.
#[derive(Clone, Debug, Default)]
pub struct ItemSlopes {
    /// `[∂L/∂I, ∂L/∂P]` of each class.
    pub classes: Vec<[f64; 2]>,
    /// The factor of the added loss's slope.
    pub extra: f64,
}

impl ItemSlopes {
    /// `∂L/∂p` of each class for hard targets: of its own points, and of the others. Rounded here, or the compiler would do
    /// it in the loops.
    fn hard<P: Prim>(&self, scale: f64) -> Vec<[P; 2]> {
        let classes = self.classes.iter();
        classes
            .map(|[own, other]| [own + other, *other].map(|slope| P::of(slope * scale)))
            .collect()
    }
}

/// The first sweep: the sums of every item.
pub fn statistics<M: SoftmaxExtra, S: SigmoidExtra>(
    options: &Options,
    extras: Extras<M, S>,
    operands: &Operands<'_>,
) -> Result<Vec<ItemStatistics>> {
    Ok(first_sweep(options, &extras, operands, None)?.0)
}

/// What the first sweep found, for the second of the same operands.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// The index that is ignored, if it occurs: each target was looked at.
    ignored: Option<i64>,
    /// What is in the gradient's memory, if anything, of each piece.
    left: Option<Vec<Remains>>,
}

/// What the first sweep left of a piece.
#[derive(Clone, Debug)]
enum Remains {
    /// [`Left::Products`] of every row.
    Products,
    /// Tile by tile, row by row.
    Tiles(Vec<Left>),
}

/// As [`statistics`]; and leaves what it found of each probability in the memory of the gradient, where it can, so that
/// the second sweep need not evaluate it again.
pub(crate) fn statistics_and_stash<M: SoftmaxExtra, S: SigmoidExtra>(
    options: &Options,
    extras: Extras<M, S>,
    operands: &Operands<'_>,
    gradient: &mut Gradient<'_>,
) -> Result<(Vec<ItemStatistics>, Known)> {
    check_shape("gradient", operands.input.shape(), gradient.view.shape())?;
    let stashes = stashes::<S>(options, operands, gradient);
    let stash = stashes.then(|| gradient.view.reborrow());
    let (found, ignored, left) = first_sweep(options, &extras, operands, stash)?;
    let left = stashes.then_some(left);
    Ok((found, Known { ignored, left }))
}

/// Whether the first sweep leaves what it found in the memory of the gradient.
fn stashes<S: SigmoidExtra>(
    options: &Options,
    operands: &Operands<'_>,
    gradient: &mut Gradient<'_>,
) -> bool {
    // Not in f64: see `Prim::IS_WIDE`.
    !gradient.accumulate
        && operands.input.dtype() != DType::F64
        && gradient.view.lends::<f32>()
        && match options.activation {
            Activation::Softmax | Activation::Identity => false,
            Activation::Sigmoid => !S::PRESENT,
        }
}

/// The sums of every item, the index that is ignored if it occurs, and what was left of each piece.
type FirstSweep = (Vec<ItemStatistics>, Option<i64>, Vec<Remains>);

fn first_sweep(
    options: &Options,
    riders: &dyn Riders,
    operands: &Operands<'_>,
    stash: Option<ViewMut<'_>>,
) -> Result<FirstSweep> {
    // Nothing is written before every index was looked at.
    let labels = match stash {
        Some(_) => Labels::New,
        None => Labels::AsRead,
    };
    let block = check(options, riders.are_present(), operands, labels)?;
    let shape @ [items, _, space] = block.input.shape();
    let (all, left) = block.sum_pieces(riders, pieces(shape), stash)?;
    let kept: f64 = all.iter().map(|item: &ItemStatistics| item.points).sum();
    let occurs = operands.ignore.filter(|_| kept < (items * space) as f64);
    Ok((all, occurs, left))
}

/// Whether a tensor has several items, each with pieces of its own.
pub(crate) fn are_apart(shape: [usize; 3]) -> bool {
    shape[0] > 1 && pieces(shape).0 == 1
}

/// Both sweeps of each item, one after the other: what is in a cache after the first is still there for the second. The
/// slopes of an item follow from its own sums, and nothing rides along.
///
/// Items, and the pieces of each, are taken in parallel: with fewer threads than items, each thread stays with its item.
pub(crate) fn sweep_items(
    options: &Options,
    operands: &Operands<'_>,
    mut gradient: Gradient<'_>,
    slopes: &(dyn Fn(&ItemStatistics) -> ItemSlopes + Sync),
) -> Result<Vec<ItemStatistics>> {
    let shape @ [_, _, space] = operands.input.shape();
    check_shape("gradient", shape, gradient.view.shape())?;
    let riders: &dyn Riders = &Extras {
        softmax: NoExtra,
        sigmoid: NoExtra,
    };
    let block = check(options, false, operands, Labels::New)?;
    let known = Known {
        ignored: block.target.occurring(),
        left: None,
    };
    let again = check(options, false, operands, Labels::Known(&known))?;
    let stashes = stashes::<NoExtra>(options, operands, &mut gradient);
    let (scale, store) = (gradient.scale, Store::new(shape, gradient.accumulate));
    let item = (1, space);
    let cuts = (1, pieces(shape).1);
    let views = cut_mut(gradient.view, item);
    let work = block.split(item).zip(again.split(item)).zip(views);
    let run = |((block, again), mut view): ((Block<'_>, Block<'_>), ViewMut<'_>)| {
        let stash = stashes.then(|| view.reborrow());
        let (found, left) = block.sum_pieces(riders, cuts, stash)?;
        let slopes: Vec<_> = found.iter().map(slopes).collect();
        let how = (scale, store, stashes.then_some(left));
        again.pull_pieces(riders, cuts, view, &slopes, how)?;
        Ok(found)
    };
    let all: Result<Vec<_>> = parallel::map(work, run).into_iter().collect();
    Ok(all?.into_iter().flatten().collect())
}

/// The second sweep: the gradient, from each item's slopes.
pub fn gradient<M: SoftmaxExtra, S: SigmoidExtra>(
    options: &Options,
    extras: Extras<M, S>,
    operands: &Operands<'_>,
    slopes: &[ItemSlopes],
    gradient: Gradient<'_>,
) -> Result<()> {
    second_sweep(options, extras, operands, slopes, gradient, None)
}

/// As [`gradient`], with what [`statistics_and_stash`] says if that came before.
pub(crate) fn second_sweep<M: SoftmaxExtra, S: SigmoidExtra>(
    options: &Options,
    extras: Extras<M, S>,
    operands: &Operands<'_>,
    slopes: &[ItemSlopes],
    gradient: Gradient<'_>,
    known: Option<Known>,
) -> Result<()> {
    sweep_back(options, &extras, operands, slopes, gradient, known)
}

fn sweep_back(
    options: &Options,
    riders: &dyn Riders,
    operands: &Operands<'_>,
    slopes: &[ItemSlopes],
    gradient: Gradient<'_>,
    known: Option<Known>,
) -> Result<()> {
    let shape = operands.input.shape();
    check_shape("gradient", shape, gradient.view.shape())?;
    let labels = known.as_ref().map_or(Labels::New, Labels::Known);
    let block = check(options, riders.are_present(), operands, labels)?;
    let store = Store::new(shape, gradient.accumulate);
    let how = (gradient.scale, store, known.and_then(|known| known.left));
    block.pull_pieces(riders, pieces(shape), gradient.view, slopes, how)
}

/// When indices are looked at.
enum Labels<'k> {
    New,
    /// In the sweep, which fails at one that is neither ignored nor a class.
    AsRead,
    /// They were.
    Known(&'k Known),
}

/// What is to be swept.
fn check<'i>(
    options: &Options,
    are_riders: bool,
    operands: &'i Operands<'_>,
    labels: Labels<'_>,
) -> Result<Block<'i>> {
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
    if options.activation == Activation::Identity && are_riders {
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
    let (target, ignore) = (&operands.target, operands.ignore);
    let target = match labels {
        Labels::Known(known) => Target::known(target, known.ignored),
        Labels::AsRead if target.dtype().is_index() => Target::unchecked(target, shape, ignore)?,
        Labels::New | Labels::AsRead => Target::new(target, shape, labels_of(shape), ignore)?.0,
    };
    Ok(Block {
        options: *options,
        input,
        target,
        weight,
    })
}

impl<'i> Block<'i> {
    fn split(self, cuts: (usize, usize)) -> impl Iterator<Item = Self> {
        let options = self.options;
        let mut weight = self.weight.map(|view| cut(view, cuts).into_iter());
        let inputs = cut(self.input, cuts).into_iter();
        inputs
            .zip(self.target.cut(cuts))
            .map(move |(input, target)| Self {
                options,
                input,
                target,
                weight: weight.as_mut().and_then(Iterator::next),
            })
    }

    /// The sums of every item, and what was left of each piece.
    fn sum_pieces(
        self,
        riders: &dyn Riders,
        cuts: (usize, usize),
        stash: Option<ViewMut<'_>>,
    ) -> Result<(Vec<ItemStatistics>, Vec<Remains>)> {
        let [items, classes, space] = self.input.shape();
        let (cut_items, cut_pixels) = cuts;
        let is_f64 = self.input.dtype() == DType::F64;
        let order = match stash {
            Some(_) => Order::Forth,
            None => Order::Back,
        };
        let mut stash = stash.map(|view| cut_mut(view, cuts).into_iter());
        let work = self.split(cuts);
        let work = work.map(|block| (block, stash.as_mut().and_then(Iterator::next)));
        let is_alone = !riders.are_present();
        let run = |(block, mut stash): (Block<'_>, Option<ViewMut<'_>>)| {
            if is_alone && let Some(found) = block.sum_rows(stash.as_mut()) {
                return Ok((totals(found), Remains::Products));
            }
            match is_f64 {
                true => block.statistics::<f64>(riders, stash),
                false => block.statistics::<f32>(riders, stash),
            }
        };
        let found = parallel::map_in(order, work, run);
        let mut left = Vec::with_capacity(found.len());
        let mut all = vec![ItemStatistics::empty(classes); items];
        let per_row = space.div_ceil(cut_pixels.max(1)).max(1);
        for (piece, found) in found.into_iter().enumerate() {
            let (found, left_there) = found?;
            let first = piece / per_row * cut_items;
            for (item, found) in all[first..].iter_mut().zip(&found) {
                item.merge(found);
            }
            left.push(left_there);
        }
        Ok((all, left))
    }

    /// Writes the gradient of every item.
    fn pull_pieces(
        self,
        riders: &dyn Riders,
        cuts: (usize, usize),
        view: ViewMut<'_>,
        slopes: &[ItemSlopes],
        (scale, store, left): (f64, Store, Option<Vec<Remains>>),
    ) -> Result<()> {
        let (cut_items, cut_pixels) = cuts;
        let per_row = self.input.shape()[2].div_ceil(cut_pixels.max(1)).max(1);
        let (store, order) = match left {
            // What is there has just been read.
            Some(_) => (Store::Write, Order::Back),
            None => (store, Order::Forth),
        };
        let mut left = left.map(Vec::into_iter);
        let views = cut_mut(view, cuts);
        let work = self.split(cuts).zip(views).enumerate();
        let work = work.map(|piece| (piece, left.as_mut().and_then(Iterator::next)));
        let run = |((index, (block, mut view)), left): ((usize, (Block<'_>, ViewMut<'_>)), _)| {
            let slopes = &slopes[index / per_row * cut_items..];
            let left = match left {
                Some(Remains::Products) => {
                    pull_rows(&mut view, slopes, scale);
                    return Ok(());
                }
                Some(Remains::Tiles(left)) => Some(left),
                None => None,
            };
            let how = (scale, store, left);
            if block.input.dtype() == DType::F64 {
                block.gradient::<f64>(riders, &mut view, slopes, how)
            } else {
                block.gradient::<f32>(riders, &mut view, slopes, how)
            }
        };
        parallel::map_in(order, work, run).into_iter().collect()
    }

    fn statistics<P: Prim>(
        self,
        riders: &dyn RidersIn<P>,
        mut stash: Option<ViewMut<'_>>,
    ) -> Result<(Vec<ItemStatistics>, Remains)> {
        let [items, classes, _] = self.input.shape();
        let mut all: Vec<_> = (0..items).map(|_| ItemSums::empty(classes)).collect();
        let mut left = Vec::new();
        self.tiles::<P>(true, false, |site, tile, _, work| {
            let place = site.place;
            let found = &mut all[place.n];
            found.points += site.points.kept;
            let store = Store::Write;
            let stash = stash
                .as_mut()
                .map(|view| (Sink { view, place, store }, &mut left));
            riders.sum(Summed {
                site,
                tile,
                work,
                found,
                stash,
            });
        })?;
        Ok((totals(all), Remains::Tiles(left)))
    }

    fn gradient<P: Prim>(
        self,
        riders: &dyn RidersIn<P>,
        view: &mut ViewMut<'_>,
        slopes: &[ItemSlopes],
        (scale, store, left): (f64, Store, Option<Vec<Left>>),
    ) -> Result<()> {
        let slopes = &slopes[..self.input.shape()[0]];
        let hard_slopes: Vec<_> = slopes.iter().map(|item| item.hard(scale)).collect();
        let turns = view.is_channels_last();
        let reads = left.as_ref().is_none_or(|left| left.contains(&Left::Odds));
        let mut left = left.map(Vec::into_iter);
        self.tiles::<P>(reads, turns, |site, tile, turned, work| {
            let place = site.place;
            let mut pull = |into: Sink<'_, '_>| {
                riders.pull(Pulled {
                    site,
                    tile: &mut *tile,
                    work,
                    slopes: &slopes[place.n],
                    hard_slopes: &hard_slopes[place.n],
                    scale,
                    into,
                    left: left.as_mut(),
                });
            };
            write_turned(view, place, store, turned, &mut pull);
        })
    }
}
