//! Structural similarity over a pyramid.

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::loops::halve::{Halving, Level};
use crate::loops::window::{self, Outputs, Pair, Scale};
use crate::math::Real;
use crate::options::{Gradient, Reduction};
use crate::parallel;
use crate::scalar::{DType, Prim};
use crate::simd::{Isa, Task, dispatch};
use crate::view::ViewMut;

use super::options::{Similarity, extents, least_len};
use super::{Channels, Dissimilarity, Items, Operands, Results};

pub use crate::loops::halve::OddPooling;

/// What a level's similarity becomes before its power is taken, which negative numbers have not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum NegativeContrast {
    /// 0, with slope 0: pytorch_msssim, piq, piqa, and torchmetrics with `normalize="relu"`.
    #[default]
    Clamp,
    /// `(v + 1)/2` for every `v`: torchmetrics with `normalize="simple"`.
    Shift,
}

/// What the product over levels is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ChannelProduct {
    /// Each channel by itself; the mean is taken of products: pytorch_msssim, piq, piqa.
    #[default]
    Channel,
    /// Each image: means over channels, before the product: MONAI, torchmetrics.
    Image,
}

/// What to do with images that are too small for the last levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SmallImage {
    /// An error that says the least size: piq.
    #[default]
    Refuse,
    /// Fewer levels; the weights of those that are left grow to the same sum.
    FewerLevels,
}

/// How a pyramid is built and put together.
#[derive(Clone, Debug)]
pub struct MultiScale {
    /// The power of each level.
    pub weights: Vec<f64>,
    /// What becomes of odd sizes.
    pub odd: OddPooling,
    /// What becomes of negative similarities.
    pub negative: NegativeContrast,
    /// What the product is of.
    pub product: ChannelProduct,
    /// What becomes of small images.
    pub small: SmallImage,
}

/// Options of [`evaluate_pyramid`].
#[derive(Clone, Debug)]
pub struct PyramidOptions {
    /// The similarity at each level.
    pub similarity: Similarity,
    /// The levels.
    pub levels: MultiScale,
    /// How images are reduced.
    pub reduction: Reduction,
}

/// The slope of a level's power is that at this similarity, where it is less.
const FLAT: f64 = 1e-7;

impl MultiScale {
    /// The powers of the levels that an image of this size has.
    pub fn powers(&self, similarity: &Similarity, space: &[usize]) -> Result<Vec<f64>> {
        if self.weights.is_empty() || self.weights.len() > 16 {
            let got = format!("{} numbers", self.weights.len());
            return Err(Error::option("weights", got, "1 to 16"));
        }
        if let Some(weight) = self.weights.iter().find(|w| !(**w >= 0.0 && w.is_finite())) {
            return Err(Error::option(
                "weights",
                weight,
                "finite numbers of at least 0",
            ));
        }
        let total: f64 = self.weights.iter().sum();
        if total <= 0.0 {
            return Err(Error::option("weights", total, "a sum above 0"));
        }
        let fits = self.fitting(similarity, space)?;
        if fits == self.weights.len() {
            return Ok(self.weights.clone());
        }
        if fits == 0 || self.small == SmallImage::Refuse {
            return Err(self.too_small(similarity, space)?);
        }
        let used = &self.weights[..fits];
        let share: f64 = used.iter().sum();
        if share <= 0.0 {
            return Err(self.too_small(similarity, space)?);
        }
        Ok(used.iter().map(|weight| weight * total / share).collect())
    }

    /// How many levels have room for the window.
    fn fitting(&self, similarity: &Similarity, space: &[usize]) -> Result<usize> {
        let taps = similarity.taps(space.len())?;
        if space.contains(&0) {
            return Ok(self.weights.len());
        }
        let mut space = space.to_vec();
        for level in 0..self.weights.len() {
            let fits = |axis: usize| space[axis] >= least_len(similarity.border, taps[axis].len());
            if !(0..space.len()).all(fits) {
                return Ok(level);
            }
            for len in &mut space {
                *len = match self.odd {
                    OddPooling::Drop => *len / 2,
                    _ => len.div_ceil(2),
                };
            }
        }
        Ok(self.weights.len())
    }

    fn too_small(&self, similarity: &Similarity, space: &[usize]) -> Result<Error> {
        let levels = match self.small {
            SmallImage::Refuse => self.weights.len(),
            SmallImage::FewerLevels => 1,
        };
        let taps = similarity.taps(space.len())?;
        let least = |axis: &Vec<f64>| {
            let mut len = least_len(similarity.border, axis.len());
            for _ in 1..levels {
                len = match self.odd {
                    OddPooling::Drop => 2 * len,
                    _ => 2 * len - 1,
                };
            }
            len
        };
        let least: Vec<_> = taps.iter().map(least).collect();
        Ok(Error::Layout {
            argument: "input",
            reason: format!("{space:?} pixels, expected at least {least:?} for {levels} levels"),
        })
    }
}

/// How many levels an image with the extents `space` has.
pub fn levels(similarity: &Similarity, levels: &MultiScale, space: &[usize]) -> Result<usize> {
    levels.powers(similarity, space).map(|powers| powers.len())
}

/// `1 − Π_j v_j^w_j`, `v_j` being the mean of `c` at level `j` and of `l·c` at the last.
pub fn evaluate_pyramid(
    options: &PyramidOptions,
    operands: &Operands<'_>,
    results: Results<'_>,
) -> Result<f64> {
    let powers = options.levels.powers(&options.similarity, operands.space)?;
    let shape = operands.input.shape();
    crate::view::check_view("target", shape, &operands.target)?;
    let space: usize = operands.space.iter().product();
    crate::error::check_shape("input", [shape[0], shape[1], space], shape)?;
    if let Some(weight) = &operands.weight {
        crate::view::check_view("weight", [shape[0], 1, space], weight)?;
    }
    match operands.input.dtype() {
        DType::F64 => run::<f64>(options, operands, &powers, results),
        _ => run::<f32>(options, operands, &powers, results),
    }
}

/// One level: what to read, its window, and what its sums divide by.
struct Stage<'a> {
    operands: window::Operands<'a>,
    scales: [Scale<Dissimilarity>; 1],
    denominators: Vec<Pair>,
}

impl Stage<'_> {
    fn options(&self, similarity: &Similarity, unbias: f64) -> window::Options<'_, Dissimilarity> {
        window::Options {
            unbias,
            ..similarity.windows(&self.scales)
        }
    }
}

fn run<P: Prim>(
    options: &PyramidOptions,
    operands: &Operands<'_>,
    powers: &[f64],
    results: Results<'_>,
) -> Result<f64> {
    let similarity = &options.similarity;
    let axes = operands.space.len();
    let unbias = similarity.unbias(&similarity.taps(axes)?)?;
    let space = extents(operands.space)?;
    let has_axis = [axes == 3 || axes == 2, axes == 3, true];

    let mut halvings = Vec::with_capacity(powers.len());
    let mut smaller: Vec<Level<P>> = Vec::with_capacity(powers.len());
    let mut spaces = vec![space];
    for level in 1..powers.len() {
        let halving = Halving::new(spaces[level - 1], has_axis, options.levels.odd);
        let next = match smaller.last() {
            None => halving.level(&operands.input, &operands.target, operands.weight.as_ref()),
            Some(level) => {
                halving.level(&level.input()?, &level.target()?, level.weight()?.as_ref())
            }
        };
        spaces.push(halving.space());
        halvings.push(halving);
        smaller.push(next);
    }
    let mut stages = Vec::with_capacity(powers.len());
    for (level, space) in spaces.iter().enumerate() {
        let operands = match level.checked_sub(1).map(|below| &smaller[below]) {
            None => operands.of(*space),
            Some(images) => window::Operands {
                input: images.input()?,
                target: images.target()?,
                weight: images.weight()?,
                space: *space,
            },
        };
        let mut stage = Stage {
            scales: [similarity.scale(axes, level + 1 == powers.len())?],
            denominators: Vec::new(),
            operands,
        };
        stage.denominators =
            window::denominators(&stage.options(similarity, unbias), &stage.operands);
        stages.push(stage);
    }

    let [items, channels, _] = operands.input.shape();
    let of_items = Items {
        items,
        channels,
        of: Channels::Average,
        reduction: options.reduction,
    };
    let descent = Descent {
        similarity,
        unbias,
        share: of_items.plane_share(),
        stages: &stages,
        halvings: &halvings,
        smaller: &smaller,
    };
    let mut gradients = [results.input, results.target];
    let levels = descent.levels(&mut gradients)?;
    let (planes, slopes) = products(&options.levels, powers, &levels.losses, channels);
    descent.run(gradients, levels.gradients, &slopes)?;
    of_items.reduce(planes, results.values)
}

fn quotient(sum: f64, denominator: f64) -> f64 {
    if denominator == 0.0 {
        0.0
    } else {
        sum / denominator
    }
}

/// The loss of each plane, and its slope with respect to each level's `1 − v`.
fn products(
    levels: &MultiScale,
    powers: &[f64],
    losses: &[Vec<f64>],
    channels: usize,
) -> (Vec<f64>, Vec<Vec<f64>>) {
    let planes = losses.first().map_or(0, Vec::len);
    // Planes whose similarities are averaged before the product.
    let group = match levels.product {
        ChannelProduct::Channel => 1,
        ChannelProduct::Image => channels.max(1),
    };
    let mut of_planes = vec![0.0; planes];
    let mut slopes = vec![vec![0.0; planes]; powers.len()];
    for start in (0..planes).step_by(group) {
        let planes = start..start + group;
        let means: Vec<f64> = losses
            .iter()
            .map(|level| level[planes.clone()].iter().sum::<f64>() / group as f64)
            .collect();
        let (loss, of_levels) = product(levels.negative, powers, &means);
        of_planes[planes.clone()].fill(loss);
        for (slopes, slope) in slopes.iter_mut().zip(of_levels) {
            slopes[planes.clone()].fill(slope);
        }
    }
    (of_planes, slopes)
}

/// `1 − Π v_j^w_j` for `v_j = 1 − losses[j]`, and its slopes with respect to `losses`.
fn product(negative: NegativeContrast, powers: &[f64], losses: &[f64]) -> (f64, Vec<f64>) {
    // From a loss to 1 − what is raised to a power, and the slope of that.
    let prepared: Vec<(f64, f64)> = losses
        .iter()
        .map(|loss| match negative {
            NegativeContrast::Clamp if *loss >= 1.0 => (1.0, 0.0),
            NegativeContrast::Clamp => (*loss, 1.0),
            NegativeContrast::Shift => (loss / 2.0, 0.5),
        })
        .collect();
    let power = |loss: f64, power: f64| match power {
        0.0 => 0.0,
        _ => power * (-loss).ln_1p(),
    };
    let logarithm: f64 = prepared
        .iter()
        .zip(powers)
        .map(|((loss, _), w)| power(*loss, *w))
        .sum();
    let slopes = prepared.iter().zip(powers).enumerate();
    let slopes = slopes.map(|(level, ((loss, slope), w))| {
        if *slope == 0.0 || *w == 0.0 {
            return 0.0;
        }
        let others = prepared.iter().zip(powers).enumerate();
        let others = others.filter(|(other, _)| *other != level);
        let logarithm: f64 = others.map(|(_, ((loss, _), w))| power(*loss, *w)).sum();
        slope * w * logarithm.exp() * (1.0 - loss).max(FLAT).powf(w - 1.0)
    });
    (-logarithm.exp_m1(), slopes.collect())
}

/// Multiplies numbers, and writes them to a gradient or adds them to it.
fn scale_into<P: Prim>(gradient: &mut Gradient<'_>, numbers: &mut [P]) {
    let [items, channels, space] = gradient.view.shape();
    let mut rows = numbers.chunks_exact_mut(space.max(1));
    for n in 0..items {
        for c in 0..channels {
            let row = rows.next().unwrap_or_default();
            for number in &mut *row {
                *number = P::of(number.to_f64() * gradient.scale);
            }
            gradient.view.write_row(n, c, 0, row, gradient.accumulate);
        }
    }
}

/// The way down the pyramid: each level's gradient, and what the smaller one's makes of it.
struct Descent<'a, P> {
    similarity: &'a Similarity,
    unbias: f64,
    /// What a plane counts in the value.
    share: f64,
    stages: &'a [Stage<'a>],
    halvings: &'a [Halving],
    smaller: &'a [Level<P>],
}

/// A level's gradients.
type Own<P> = [Option<Vec<P>>; 2];

/// What the first pass leaves.
struct Levels<P> {
    /// The mean loss of each plane at each level.
    losses: Vec<Vec<f64>>,
    /// The gradients of these means, but those in the caller's memory.
    gradients: Vec<Own<P>>,
}

impl<P: Prim> Descent<'_, P> {
    /// Evaluates each level by itself; the gradients of the first one go to the caller's memory, if it [`lends`] that.
    fn levels(&self, gradients: &mut [Option<Gradient<'_>>; 2]) -> Result<Levels<P>> {
        let (mut losses, mut all) = (Vec::new(), Vec::new());
        for (level, stage) in self.stages.iter().enumerate() {
            let shape @ [_, channels, _] = stage.operands.input.shape();
            let mut own: Own<P> = [None, None];
            let outputs = if level == 0 && lends::<P>(gradients) {
                gradients
                    .each_mut()
                    .map(|g| g.as_mut().map(Gradient::reborrow))
            } else {
                // Halves are rounded once, after levels are added up.
                let len = shape.iter().product();
                own = gradients
                    .each_ref()
                    .map(|gradient| gradient.as_ref().map(|_| vec![P::default(); len]));
                let [input, target] = own.each_mut().map(|own| lend(own, shape));
                [input?, target?]
            };
            let sums = self.level(level, outputs)?;
            let mean = |(plane, sum): (usize, &Pair)| {
                quotient(sum.windows, stage.denominators[plane / channels].windows)
            };
            losses.push(sums.iter().enumerate().map(mean).collect());
            all.push(own);
        }
        Ok(Levels {
            losses,
            gradients: all,
        })
    }

    /// Gradients from what [`levels`](Self::levels) left, and each level's `slopes`, one per plane.
    fn run(
        &self,
        mut gradients: [Option<Gradient<'_>>; 2],
        mut all: Vec<Own<P>>,
        slopes: &[Vec<f64>],
    ) -> Result<()> {
        if gradients.iter().all(Option::is_none) {
            return Ok(());
        }
        let mut below: Own<P> = [None, None];
        while let Some(mut own) = all.pop() {
            let level = all.len();
            let shape = self.stages[level].operands.input.shape();
            for (own, below) in own.iter_mut().zip(&below) {
                if let Some(mut gradient) = lend(own, shape)? {
                    scale_planes::<P>(gradient.view.reborrow(), &slopes[level]);
                    self.add(level, below, &mut gradient);
                }
            }
            if level > 0 {
                below = own;
                continue;
            }
            for ((gradient, own), below) in gradients.iter_mut().zip(&mut own).zip(&below) {
                match (gradient, own) {
                    (Some(gradient), Some(numbers)) => scale_into(gradient, numbers),
                    (Some(gradient), None) => {
                        scale_planes::<P>(gradient.view.reborrow(), &slopes[level]);
                        self.add(level, below, gradient);
                    }
                    (None, _) => {}
                }
            }
        }
        Ok(())
    }

    /// Evaluates a level: its sums, and gradients of its planes' means.
    fn level(&self, level: usize, [input, target]: [Option<Gradient<'_>>; 2]) -> Result<Vec<Pair>> {
        let stage = &self.stages[level];
        let [items, channels, _] = stage.operands.input.shape();
        let slopes = (0..items * channels).map(|plane| Pair {
            windows: quotient(self.share, stage.denominators[plane / channels].windows),
            pixels: 0.0,
        });
        window::evaluate(
            &stage.options(self.similarity, self.unbias),
            &stage.operands,
            &slopes.collect::<Vec<_>>(),
            Outputs {
                input,
                target,
                map: None,
            },
        )
    }

    /// Adds what the smaller level's gradient makes of this one's.
    fn add(&self, level: usize, below: &Option<Vec<P>>, gradient: &mut Gradient<'_>) {
        if let (Some(below), Some(halving)) = (below, self.halvings.get(level)) {
            let weight = self.stages[level].operands.weight.as_ref();
            let means = self.smaller[level].weight.as_deref();
            halving.add_gradient(below, weight.zip(means), gradient);
        }
    }
}

/// Whether gradients may be left in the caller's memory, to be multiplied later.
fn lends<P: Prim>(gradients: &mut [Option<Gradient<'_>>; 2]) -> bool {
    let mut gradients = gradients.iter_mut().flatten();
    gradients.all(|gradient| !gradient.accumulate && gradient.view.lends::<P>())
}

fn lend<P: Prim>(own: &mut Option<Vec<P>>, shape: [usize; 3]) -> Result<Option<Gradient<'_>>> {
    let own = own.as_mut();
    own.map(|numbers| ViewMut::of::<P>(numbers, shape).map(Gradient::new))
        .transpose()
}

/// Multiplies each plane by a factor. Its rows must be lent.
fn scale_planes<P: Prim>(view: ViewMut<'_>, factors: &[f64]) {
    let [_, _, space] = view.shape();
    let items = view.split(0, 1).into_iter();
    let planes = items.flat_map(|item| item.split(1, 1)).zip(factors);
    parallel::map(planes.collect(), |(mut plane, factor)| {
        if let Some(row) = plane.row::<P>(0, 0, 0, space) {
            let factor = P::of(*factor);
            dispatch(ScaleRow { factor, row });
        }
    });
}

struct ScaleRow<'a, P> {
    factor: P,
    row: &'a mut [P],
}

impl<P: Prim> Task for ScaleRow<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let factor = P::Lane::<I>::new(self.factor);
        for x in self.row {
            *x = (factor * P::Lane::<I>::new(*x)).get();
        }
    }
}
