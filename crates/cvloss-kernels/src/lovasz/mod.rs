//! Lovász losses: the convex extension of the Jaccard loss of a set of errors.
//!
//! The errors `e` of a region, a class of an image or of the batch, are sorted, largest first. With `I` and `U` the
//! intersection and the union that are left when the points so far are wrong, a point adds `e ΔJ` with
//!
//! ```text
//! ΔJ = w / U             for a point of the class     I ← I − w
//! ΔJ = I w / (U (U + w)) for another                  U ← U + w
//! ```
//!
//! which are differences of `J = 1 − I/U`, without its cancellation; the first point of a region without the class has
//! `ΔJ = 1`. The order is constant where no two errors are equal, so that `ΔJ` is the slope with respect to `e`. A point
//! whose error is not positive adds nothing to the value, and stands behind all that do: it is not sorted.

#![forbid(unsafe_code)]

mod cpu;
mod softmax;

use crate::error::{Error, Result, check_shape};
use crate::labels::{IGNORED, Target};
use crate::loops::overlap::{Activation, Operands};
use crate::loops::softmax::PIXELS;
use crate::loops::sort::{Key, descending, with_memory};
use crate::options::{Gradient, Reduction};
use crate::parallel;
use crate::region::Pooling;
use crate::scalar::{Prim, in_precision};
use crate::simd::dispatch;
use crate::view::{View, ViewMut};

use cpu::{Errors, Steps};

/// What an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `max(1 − s z, 0)` of a logit `z`, `s` being 1 for points of the class and −1 for others.
    Hinge,
    /// `|t − p|` of a probability.
    Probability(Activation),
}

/// Which classes have a loss.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LovaszClasses {
    /// Those that the region has points of: the paper, segmentation_models_pytorch.
    #[default]
    Present,
    /// All, kornia. The loss of an absent class is its largest error.
    All,
    /// These.
    Listed(Vec<usize>),
}

/// Options of a Lovász loss.
#[derive(Clone, Debug)]
pub struct Options {
    /// What an error is.
    pub form: Form,
    /// Which classes have a loss.
    pub classes: LovaszClasses,
    /// What is sorted together.
    pub pooling: Pooling,
    /// How images are reduced.
    pub reduction: Reduction,
}

impl Options {
    /// Fails if an option does not fit the number of classes.
    pub fn check(&self, classes: usize) -> Result<()> {
        if let LovaszClasses::Listed(list) = &self.classes
            && let Some(class) = list.iter().find(|class| **class >= classes)
        {
            let expected = format!("classes below {classes}");
            return Err(Error::option("classes", class, expected));
        }
        if self.form == Form::Probability(Activation::Softmax) && classes == 1 {
            return Err(Error::option(
                "activation",
                "Softmax over 1 channel",
                "Sigmoid for 1 channel",
            ));
        }
        Ok(())
    }
}

/// The most points of a region: two bits of an index say what kind of point it is.
const MOST: usize = 1 << 30;
/// A point of the class.
const OWN: u32 = 1 << 31;
/// A point whose error falls where its score rises towards the target's side: beyond 0 or 1.
const BEYOND: u32 = 1 << 30;

/// The mean loss of classes of each image, or of the batch; 0 where no class has one.
///
/// `values`, (N, 1, 1) or with [`Pooling::Batch`] (1, 1, 1), receives one value per region with [`Reduction::None`]. A
/// target that is not of indices is 0 or 1; what lies above 0.5 is of the class.
pub fn evaluate(
    options: &Options,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let shape @ [items, classes, space] = operands.input.shape();
    let regions = match options.pooling {
        Pooling::Image => items,
        Pooling::Batch => 1,
    };
    options.check(classes)?;
    if items * space / regions.max(1) > MOST {
        return Err(Error::Layout {
            argument: "input",
            reason: format!("a region has more than {MOST} points"),
        });
    }
    if let Some(gradient) = &gradient {
        check_shape("gradient", shape, gradient.view.shape())?;
    }
    if let Some(values) = &values {
        check_shape("values", [regions, 1, 1], values.shape())?;
    }
    let weight = match &operands.weight {
        Some(weight) => Some(weight.broadcast("weight", [items, 1, space])?),
        None => None,
    };
    let (target, _) = Target::new(&operands.target, shape, classes.max(2), operands.ignore)?;
    let call = Call {
        options,
        input: operands.input.reborrow(),
        target,
        weight,
    };
    let losses = in_precision!(operands.input.dtype(), P => call.losses::<P>(regions, gradient))?;
    if let Some(mut values) = values {
        for (n, loss) in losses.iter().enumerate() {
            values.write_row(n, 0, 0, &[*loss], false);
        }
    }
    Ok(losses.iter().sum::<f64>() * call.outer(regions))
}

/// A checked call.
struct Call<'a> {
    options: &'a Options,
    input: View<'a>,
    target: Target<'a>,
    weight: Option<View<'a>>,
}

/// A class of a region: rows of one class of some items.
struct Unit<'g> {
    first: usize,
    items: usize,
    class: usize,
    /// Multiplies the slopes.
    factor: f64,
    /// Whether it has a loss.
    is_counted: bool,
    /// Probabilities, which slopes replace, or where the gradient goes.
    rows: Option<ViewMut<'g>>,
}

impl Call<'_> {
    /// What a region's loss counts.
    fn outer(&self, regions: usize) -> f64 {
        match self.options.reduction {
            Reduction::Mean => 1.0 / regions.max(1) as f64,
            _ => 1.0,
        }
    }

    /// The loss of each region; and the gradient.
    fn losses<P: Key>(&self, regions: usize, gradient: Option<Gradient<'_>>) -> Result<Vec<f64>> {
        let counted = self.counted::<P>(regions);
        if self.options.form != Form::Probability(Activation::Softmax) {
            return Ok(self.sort::<P>(&counted, gradient));
        }
        // Probabilities, then slopes with respect to them, lie where the gradient will be, if they can.
        let (mut gradient, mut memory) = (gradient, Vec::new());
        let wants = gradient.is_some();
        let accumulate = gradient
            .as_ref()
            .is_some_and(|gradient| gradient.accumulate);
        let scale = gradient.as_ref().map_or(1.0, |gradient| gradient.scale);
        let lends = |gradient: &mut Gradient<'_>| gradient.view.lends::<P>();
        let is_direct = !accumulate && gradient.as_mut().is_some_and(lends);
        let (mut work, into) = match gradient {
            Some(gradient) if is_direct => (gradient.view, None),
            other => {
                let shape = self.input.shape();
                memory.resize(shape.iter().product(), P::default());
                let into = other.map(|gradient| gradient.view);
                (ViewMut::of(&mut memory, shape)?, into)
            }
        };
        softmax::probabilities::<P>(self, work.reborrow());
        let slopes = Gradient {
            view: work.reborrow(),
            scale,
            accumulate: false,
        };
        let losses = self.sort::<P>(&counted, Some(slopes));
        if wants {
            softmax::gradient::<P>(self, work, into, accumulate);
        }
        Ok(losses)
    }

    /// Whether a class of a region has a loss.
    fn counted<P: Key>(&self, regions: usize) -> Vec<Vec<bool>> {
        let [items, classes, _] = self.input.shape();
        match &self.options.classes {
            LovaszClasses::All => vec![vec![true; classes]; regions],
            LovaszClasses::Listed(list) => {
                let counted = (0..classes).map(|class| list.contains(&class)).collect();
                vec![counted; regions]
            }
            LovaszClasses::Present => {
                let found = parallel::map(0..items, |n| self.present::<P>(n));
                let mut counted = vec![vec![false; classes]; regions];
                for (n, found) in found.into_iter().enumerate() {
                    let region = &mut counted[n % regions.max(1)];
                    for (counted, found) in region.iter_mut().zip(found) {
                        *counted |= found;
                    }
                }
                counted
            }
        }
    }

    /// Whether an item has points of a class.
    fn present<P: Key>(&self, n: usize) -> Vec<bool> {
        let [_, classes, space] = self.input.shape();
        let mut found = vec![false; classes];
        let mut points = Points::<P>::new();
        let mut row = [P::default(); PIXELS];
        for start in (0..space).step_by(PIXELS) {
            let pixels = PIXELS.min(space - start);
            points.load(self, n, start, pixels);
            if let Target::Soft(view) = &self.target {
                for (c, found) in found.iter_mut().enumerate() {
                    view.read_row(n, c, start, &mut row[..pixels]);
                    *found |= (0..pixels).any(|i| points.keeps(i) && row[i] > P::of(0.5));
                }
                continue;
            }
            for i in (0..pixels).filter(|i| points.keeps(*i)) {
                let label = points.labels[i].to_f64() as usize;
                // With one channel, only index 1 is a class.
                match classes {
                    1 => found[0] |= label == 1usize,
                    _ => found[label] = true,
                }
            }
        }
        found
    }

    /// Sorts every class of every region. `slopes` is the gradient, or for a softmax holds the probabilities, of which
    /// it receives the slopes.
    fn sort<P: Key>(&self, counted: &[Vec<bool>], slopes: Option<Gradient<'_>>) -> Vec<f64> {
        let [items, classes, _] = self.input.shape();
        let regions = counted.len();
        let len = items / regions.max(1);
        let scale = slopes.as_ref().map_or(1.0, |slopes| slopes.scale) * self.outer(regions);
        let accumulate = slopes.as_ref().is_some_and(|slopes| slopes.accumulate);
        let mut rows = slopes.map(|slopes| {
            let regions = slopes.view.split(0, len.max(1)).into_iter();
            regions.flat_map(|region| region.split(1, 1))
        });
        let shares: Vec<f64> = counted
            .iter()
            .map(|counted| 1.0 / counted.iter().filter(|counted| **counted).count().max(1) as f64)
            .collect();
        let mut units = Vec::new();
        for (region, counted) in counted.iter().enumerate() {
            for (class, counted) in counted.iter().enumerate() {
                units.push(Unit {
                    first: region * len,
                    items: len,
                    class,
                    factor: if *counted {
                        scale * shares[region]
                    } else {
                        0.0
                    },
                    is_counted: *counted,
                    rows: rows.as_mut().and_then(Iterator::next),
                });
            }
        }
        let found = parallel::map(units, |unit| self.unit::<P>(unit, accumulate));
        let mean = |(found, share): (&[f64], &f64)| found.iter().sum::<f64>() * share;
        match classes {
            0 => vec![0.0; regions],
            _ => found.chunks(classes).zip(&shares).map(mean).collect(),
        }
    }

    /// The loss of a class of a region; its slopes go where they belong.
    fn unit<P: Key>(&self, mut unit: Unit<'_>, accumulate: bool) -> f64 {
        let space = self.input.shape()[2];
        let mut out = vec![
            P::default();
            if unit.rows.is_some() {
                unit.items * space
            } else {
                0
            }
        ];
        let loss = match unit.is_counted {
            true => with_memory::<P, _>(|memory| {
                memory.0.clear();
                let (own, weights) = self.gather(&mut unit, &mut memory.0);
                descending::<P>(memory);
                let steps = Steps {
                    own,
                    weights: weights.as_deref(),
                    factor: unit.factor,
                    bends: self.options.form == Form::Probability(Activation::Sigmoid),
                };
                steps.run(&memory.0, &mut out)
            }),
            false => 0.0,
        };
        if let Some(rows) = &mut unit.rows {
            for (n, row) in out.chunks(space.max(1)).enumerate() {
                rows.write_row(n, 0, 0, row, accumulate);
            }
        }
        loss
    }

    /// Collects the positive errors of a unit; returns the weight of the points of the class, and all weights if not 1.
    fn gather<P: Key>(
        &self,
        unit: &mut Unit<'_>,
        pairs: &mut Vec<(P::Bits, u32)>,
    ) -> (f64, Option<Vec<P>>) {
        let [_, classes, space] = self.input.shape();
        let class = P::of(if classes == 1 { 1.0 } else { unit.class as f64 });
        let is_softmax = self.options.form == Form::Probability(Activation::Softmax);
        let mut weights = self.weight.is_some().then(Vec::new);
        let mut points = Points::<P>::new();
        let zeros = [P::default(); PIXELS];
        let (mut scores, mut targets, mut errors) = (zeros, zeros, zeros);
        let mut own = 0.0;
        for n in 0..unit.items {
            for start in (0..space).step_by(PIXELS) {
                let pixels = PIXELS.min(space - start);
                let (scores, targets) = (&mut scores[..pixels], &mut targets[..pixels]);
                points.load(self, unit.first + n, start, pixels);
                match &mut unit.rows {
                    Some(rows) if is_softmax => {
                        if let Some(row) = rows.row(n, 0, start, pixels) {
                            scores.copy_from_slice(row);
                        }
                    }
                    _ => self
                        .input
                        .read_row(unit.first + n, unit.class, start, scores),
                }
                match &self.target {
                    Target::Soft(view) => view.read_row(unit.first + n, unit.class, start, targets),
                    Target::Indices(..) => {
                        for (target, label) in targets.iter_mut().zip(&points.labels) {
                            *target = P::of(f64::from(u8::from(*label == class)));
                        }
                    }
                }
                let errors = &mut errors[..pixels];
                dispatch(Errors {
                    form: self.options.form,
                    scores,
                    targets,
                    errors,
                });
                let first = (n * space + start) as u32;
                for i in 0..pixels {
                    if !points.keeps(i) {
                        continue;
                    }
                    let (error, is_own) = (errors[i], targets[i] > P::of(0.5));
                    own += if is_own {
                        points.weights[i].to_f64()
                    } else {
                        0.0
                    };
                    let is_beyond = self.options.form == Form::Probability(Activation::Identity)
                        && (scores[i] > P::of(1.0) && is_own || scores[i] < P::of(0.0) && !is_own);
                    // NaN counts.
                    if error > P::of(0.0) || error.to_f64().is_nan() {
                        let kind =
                            if is_own { OWN } else { 0 } | if is_beyond { BEYOND } else { 0 };
                        pairs.push((error.bits(), (first + i as u32) | kind));
                    }
                }
                if let Some(weights) = &mut weights {
                    weights.extend_from_slice(&points.weights[..pixels]);
                }
            }
        }
        (own, weights)
    }
}

/// Labels and weights of some pixels.
struct Points<P> {
    labels: [P; PIXELS],
    weights: [P; PIXELS],
}

impl<P: Prim> Points<P> {
    fn new() -> Self {
        Self {
            labels: [P::default(); PIXELS],
            weights: [P::of(1.0); PIXELS],
        }
    }

    fn load(&mut self, call: &Call<'_>, n: usize, start: usize, pixels: usize) {
        call.target
            .read_labels(n, start, &mut self.labels[..pixels]);
        if let Some(weight) = &call.weight {
            weight.read_row(n, 0, start, &mut self.weights[..pixels]);
        }
    }

    /// Whether a pixel counts.
    #[inline(always)]
    fn keeps(&self, i: usize) -> bool {
        self.labels[i] != P::of(IGNORED) && self.weights[i] != P::of(0.0)
    }
}
