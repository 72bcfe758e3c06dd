//! Structural similarity over a pyramid.

#![forbid(unsafe_code)]

mod descent;

use super::options::{Similarity, extents, least_len};
use super::{Channels, Dissimilarity, Items, Operands, Results};
use crate::error::{Error, Result};
use crate::loops::halve::{Halving, Level};
use crate::loops::window;
use crate::loops::window::{Pair, Scale};
use crate::options::Reduction;
use crate::scalar::{DType, Prim};

pub use crate::loops::halve::OddPooling;
use descent::Descent;

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
