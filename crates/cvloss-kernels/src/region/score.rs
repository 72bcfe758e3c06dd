//! From sums to scores, losses and slopes. Everything here is a handful of numbers per item, in `f64`.

#![forbid(unsafe_code)]

use crate::loops::overlap::{ItemSlopes, ItemStatistics};
use crate::options::Reduction;

use super::{Absent, Activation, Average, ClassAverage, Extra, Options, Pooling, VolumeWeight};

/// What is made of the sums `I`, `P`, `T`, and of the mass `W` of all points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Score {
    /// One quotient.
    Ratio(Ratio),
    /// Matthews's correlation `(I W − P T + smooth_n) / √(P T (W − P)(W − T) + smooth_d)`; 1 where prediction and target
    /// are equal.
    Matthews {
        /// Added to each of the four counts: to `I` once, to `P` and `T` twice, to `W` four times.
        counts: f64,
    },
    /// The mean of Dice's score of points in the class and of that of points outside it.
    BothSides,
}

/// A score `(i_num I + smooth_n) / (i_den I + p_den P + t_den T + smooth_d)`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Ratio {
    pub i_num: f64,
    pub i_den: f64,
    pub p_den: f64,
    pub t_den: f64,
}

impl Score {
    /// `2I / (P + T)`.
    pub const DICE: Self = Self::Ratio(Ratio {
        i_num: 2.0,
        i_den: 0.0,
        p_den: 1.0,
        t_den: 1.0,
    });
    /// `I / (P + T − I)`.
    pub const JACCARD: Self = Self::Ratio(Ratio {
        i_num: 1.0,
        i_den: -1.0,
        p_den: 1.0,
        t_den: 1.0,
    });

    /// `I / (I + α (P − I) + β (T − I))`: `α` weighs false positives, `β` false negatives.
    pub fn tversky(alpha: f64, beta: f64) -> Self {
        Self::Ratio(Ratio {
            i_num: 1.0,
            i_den: 1.0 - alpha - beta,
            p_den: alpha,
            t_den: beta,
        })
    }
}

/// What is added to a score's numerator and denominator, and the least denominator.
///
/// A score of 0/0 counts as 1 with no gradient: there was nothing to find, and nothing was found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct Smooth {
    /// Added to the numerator.
    pub numerator: f64,
    /// Added to the denominator.
    pub denominator: f64,
    /// The denominator is at least this; below it the gradient does not see the denominator.
    pub floor: f64,
}

/// From a score `s` to a loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Transform {
    /// `1 − s`.
    #[default]
    Linear,
    /// `−ln max(s, 1e-7)`: segmentation_models_pytorch's `log_loss`.
    Log,
    /// `ln cosh (1 − s)`: Jadon 2020.
    LogCosh,
    /// `−s`: nnU-Net, Combo.
    Negative,
    /// `(1 − s)^γ`. Where `1 − s` is below 1e-7 and `γ < 1`, the slope is that at 1e-7.
    Power(f64),
    /// `(−ln max(s, 1e-7))^γ`: Wong et al. 2018. Where the logarithm is below 1e-7 and `γ < 1`, the slope is that at 1e-7.
    LogPower(f64),
}

/// The least score that a logarithm sees, and the least base that a fractional power's slope sees.
const LEAST: f64 = 1e-7;

impl Transform {
    /// The loss and its derivative with respect to the score.
    fn eval(self, s: f64) -> (f64, f64) {
        match self {
            Self::Linear => (1.0 - s, -1.0),
            Self::Negative => (-s, -1.0),
            Self::Log if s < LEAST => (-LEAST.ln(), 0.0),
            Self::Log => (-s.ln(), -1.0 / s),
            Self::LogPower(gamma) if s < LEAST => ((-LEAST.ln()).powf(gamma), 0.0),
            Self::LogPower(gamma) => {
                let (value, slope) = power(-s.ln(), gamma);
                (value, -slope / s)
            }
            Self::LogCosh => {
                let loss = 1.0 - s;
                (ln_cosh(loss), -loss.tanh())
            }
            Self::Power(gamma) => {
                let (value, slope) = power(1.0 - s, gamma);
                (value, -slope)
            }
        }
    }
}

/// `x^γ` and its derivative, finite at 0.
fn power(x: f64, gamma: f64) -> (f64, f64) {
    // Rounding may leave a loss a hair below 0.
    let x = if x < 0.0 { 0.0 } else { x };
    (x.powf(gamma), gamma * x.max(LEAST).powf(gamma - 1.0))
}

/// `ln cosh x` without overflow.
fn ln_cosh(x: f64) -> f64 {
    let x = x.abs();
    x + (-2.0 * x).exp().ln_1p() - std::f64::consts::LN_2
}

/// A value, and how it changes with every item's sums.
pub(super) struct Assessment {
    pub(super) value: f64,
    pub(super) item_values: Vec<f64>,
    pub(super) slopes: Vec<ItemSlopes>,
}

/// Value and slopes of one item.
struct ItemLoss {
    value: f64,
    slopes: ItemSlopes,
}

pub(super) fn assess(
    options: &Options,
    statistics: &[ItemStatistics],
    hard_target: bool,
) -> Assessment {
    let pooled = pool(options, statistics);
    let mut items: Vec<_> = pooled
        .iter()
        .map(|item| assess_item(options, item))
        .collect();
    let factor = factor(options, items.len());
    let extras: Vec<_> = pooled
        .iter()
        .map(|item| (item.extra, extra_denominator(options, item, hard_target)))
        .collect();
    // The mean of a per-pixel loss is over all pixels, as its own mean would be; each image's value has its own.
    let batch: f64 = extras.iter().map(|(_, denominator)| denominator).sum();
    for (item, (extra, denominator)) in items.iter_mut().zip(&extras) {
        item.slopes.scale(factor);
        let denominator = match options.reduction {
            Reduction::None | Reduction::Sum => *denominator,
            Reduction::Mean => batch,
        };
        if denominator > 0.0 {
            let weight = options.extra.weight() / denominator;
            item.value = item.value * factor + weight * extra;
            item.slopes.extra = weight;
        } else {
            item.value *= factor;
        }
    }
    let item_values: Vec<_> = items.iter().map(|item| item.value).collect();
    let value = item_values.iter().sum();
    let slopes = match options.pooling {
        Pooling::Image => items.into_iter().map(|item| item.slopes).collect(),
        Pooling::Batch => vec![items.swap_remove(0).slopes; statistics.len()],
    };
    Assessment {
        value,
        item_values,
        slopes,
    }
}

/// The items that a loss is taken of.
fn pool(options: &Options, statistics: &[ItemStatistics]) -> Vec<ItemStatistics> {
    match options.pooling {
        Pooling::Image => statistics.to_vec(),
        Pooling::Batch => {
            let classes = statistics.first().map_or(0, |item| item.classes.len());
            let mut all = ItemStatistics::empty(classes);
            for item in statistics {
                all.merge(item);
            }
            vec![all]
        }
    }
}

impl ItemSlopes {
    fn scale(&mut self, factor: f64) {
        for class in &mut self.classes {
            *class = class.map(|slope| slope * factor);
        }
        self.extra *= factor;
    }
}

/// The slopes of an item as [`assess`] gives them, one of `count`, where they follow from its own sums: without a loss on
/// top, whose mean is over all, and with [`Pooling::Image`].
pub(super) fn item_slopes(options: &Options, item: &ItemStatistics, count: usize) -> ItemSlopes {
    let mut slopes = assess_item(options, item).slopes;
    slopes.scale(factor(options, count));
    slopes
}

/// What an item's loss is multiplied by.
fn factor(options: &Options, count: usize) -> f64 {
    match options.reduction {
        Reduction::None | Reduction::Sum => 1.0,
        Reduction::Mean => 1.0 / count.max(1) as f64,
    }
}

fn assess_item(options: &Options, item: &ItemStatistics) -> ItemLoss {
    let mut loss = match options.average {
        Average::Macro => macro_average(options, item),
        Average::Micro | Average::Generalized(_) => micro_average(options, item),
    };
    if options.power != 1.0 {
        let (value, slope) = power(loss.value, options.power);
        loss.value = value;
        loss.slopes.scale(slope);
    }
    loss.value *= options.weight;
    loss.slopes.scale(options.weight);
    loss
}

/// What the mean of the added loss divides by.
fn extra_denominator(options: &Options, item: &ItemStatistics, hard_target: bool) -> f64 {
    match (&options.extra, options.activation) {
        (Extra::None, _) => 0.0,
        (Extra::CrossEntropy { class_weights, .. }, Activation::Softmax) => match class_weights {
            // The sum of class weights over points, since a hard target's T counts points.
            Some(weights) if hard_target => {
                let pairs = weights.iter().zip(&item.classes);
                pairs.map(|(weight, [_, _, t])| weight * t).sum()
            }
            _ => item.mass,
        },
        (_, Activation::Softmax) => item.points,
        _ => item.points * item.classes.len() as f64,
    }
}

/// A score, and its derivatives with respect to `I` and `P`.
fn score(options: &Options, sums: [f64; 3], mass: f64) -> (f64, [f64; 2]) {
    let smooth = options.smooth;
    match options.score {
        Score::Ratio(ratio) => ratio.eval(smooth, sums),
        Score::Matthews { counts } => matthews(smooth, counts, sums, mass),
        Score::BothSides => {
            let Score::Ratio(dice) = Score::DICE else {
                return (0.0, [0.0; 2]);
            };
            let [i, p, t] = sums;
            let outside = [mass - p - t + i, mass - p, mass - t];
            let (inner, [inner_i, inner_p]) = dice.eval(smooth, sums);
            let (outer, [outer_i, outer_p]) = dice.eval(smooth, outside);
            // I outside grows with I and falls with P.
            let by_i = (inner_i + outer_i) / 2.0;
            let by_p = (inner_p - outer_i - outer_p) / 2.0;
            ((inner + outer) / 2.0, [by_i, by_p])
        }
    }
}

impl Ratio {
    fn eval(self, smooth: Smooth, [i, p, t]: [f64; 3]) -> (f64, [f64; 2]) {
        let Self {
            i_num,
            i_den,
            p_den,
            t_den,
        } = self;
        let numerator = i_num * i + smooth.numerator;
        let denominator = i_den * i + p_den * p + t_den * t + smooth.denominator;
        if denominator < smooth.floor {
            let floor = smooth.floor;
            return (numerator / floor, [i_num / floor, 0.0]);
        }
        if denominator == 0.0 {
            return (1.0, [0.0; 2]);
        }
        let s = numerator / denominator;
        (
            s,
            [(i_num - s * i_den) / denominator, -s * p_den / denominator],
        )
    }
}

/// Matthews's correlation: the product of four counts is `P T (W − P)(W − T)`.
fn matthews(smooth: Smooth, counts: f64, [i, p, t]: [f64; 3], mass: f64) -> (f64, [f64; 2]) {
    if i == p && i == t {
        return (1.0, [0.0; 2]);
    }
    let (i, w) = (i + counts, mass + 4.0 * counts);
    let (p, t) = (p + 2.0 * counts, t + 2.0 * counts);
    let square = p * t * (w - p) * (w - t) + smooth.denominator;
    if square <= 0.0 {
        return (0.0, [0.0; 2]);
    }
    let root = square.sqrt();
    let s = (i * w - p * t + smooth.numerator) / root;
    let square_by_p = t * (w - t) * (w - 2.0 * p);
    (s, [w / root, -t / root - s * square_by_p / (2.0 * square)])
}

/// One class's loss and its derivatives with respect to `I` and `P`.
fn class_loss(
    options: &Options,
    transform: Transform,
    sums: [f64; 3],
    mass: f64,
) -> (f64, [f64; 2]) {
    let (s, by) = score(options, sums, mass);
    let (loss, slope) = transform.eval(s);
    (loss, by.map(|by| by * slope))
}

/// From a class's score to its loss.
fn transform_of(options: &Options, class: usize) -> Transform {
    match (class, options.background) {
        (0, Some(background)) => background,
        _ => options.transform,
    }
}

fn macro_average(options: &Options, item: &ItemStatistics) -> ItemLoss {
    let classes = item.classes.len();
    let mut value = 0.0;
    let mut slopes = vec![[0.0; 2]; classes];
    let (mut counted, mut weights) = (0.0, 0.0);
    for (class, sums) in item.classes.iter().enumerate() {
        let is_absent = sums[2] <= 0.0;
        if !options.classes.include(class, classes) || (is_absent && options.absent == Absent::Skip)
        {
            continue;
        }
        let weight = options
            .class_weights
            .as_ref()
            .map_or(1.0, |weights| weights[class]);
        counted += 1.0;
        weights += weight;
        if is_absent && options.absent == Absent::Zero {
            continue;
        }
        let transform = transform_of(options, class);
        let (loss, by) = class_loss(options, transform, *sums, item.mass);
        value += weight * loss;
        slopes[class] = by.map(|by| weight * by);
    }
    let denominator = match options.class_average {
        ClassAverage::Count => counted,
        ClassAverage::Weights => weights,
    };
    let factor = if denominator > 0.0 {
        1.0 / denominator
    } else {
        0.0
    };
    let mut slopes = ItemSlopes {
        classes: slopes,
        extra: 0.0,
    };
    slopes.scale(factor);
    ItemLoss {
        value: value * factor,
        slopes,
    }
}

fn micro_average(options: &Options, item: &ItemStatistics) -> ItemLoss {
    let weights = micro_weights(options, item);
    let mut sums = [0.0; 3];
    for (weight, class) in weights.iter().zip(&item.classes) {
        for (sum, term) in sums.iter_mut().zip(class) {
            *sum += weight * term;
        }
    }
    let (value, by) = if sums[2] <= 0.0 && options.absent != Absent::Count {
        (0.0, [0.0; 2])
    } else {
        let mass = item.mass * weights.iter().sum::<f64>();
        class_loss(options, options.transform, sums, mass)
    };
    let classes = weights.iter().map(|weight| by.map(|by| weight * by));
    let slopes = ItemSlopes {
        classes: classes.collect(),
        extra: 0.0,
    };
    ItemLoss { value, slopes }
}

/// The weight of each class inside the sums.
fn micro_weights(options: &Options, item: &ItemStatistics) -> Vec<f64> {
    let classes = item.classes.len();
    let included = |class: usize| options.classes.include(class, classes);
    let volume_weight = |[_, _, t]: &[f64; 3]| match options.average {
        Average::Generalized(VolumeWeight::Square) => 1.0 / (t * t),
        Average::Generalized(VolumeWeight::Simple) => 1.0 / t,
        _ => 1.0,
    };
    let mut weights: Vec<_> = item.classes.iter().map(volume_weight).collect();
    let finite = weights
        .iter()
        .enumerate()
        .filter(|(c, w)| included(*c) && w.is_finite());
    let largest = finite.map(|(_, w)| *w).fold(0.0, f64::max);
    for (class, weight) in weights.iter_mut().enumerate() {
        if weight.is_infinite() {
            *weight = largest;
        }
        *weight *= options
            .class_weights
            .as_ref()
            .map_or(1.0, |weights| weights[class]);
        if !included(class) {
            *weight = 0.0;
        }
    }
    weights
}

pub(super) fn class_losses(options: &Options, statistics: &[ItemStatistics]) -> Vec<Vec<f64>> {
    let of_item = |item: &ItemStatistics| {
        item.classes
            .iter()
            .enumerate()
            .map(|(class, sums)| {
                class_loss(options, transform_of(options, class), *sums, item.mass).0
            })
            .collect()
    };
    pool(options, statistics).iter().map(of_item).collect()
}
