//! Centreline Dice, alone and with Dice.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::cl_dice::{NOTHING, Options};
use kernels::region::{Activation, Classes, Operands, Pooling, Smooth};
use kernels::{Gradient, Reduction, ViewMut};

use super::cross_entropy::{check_classes, class_target};
use super::dice::DiceLoss;
use super::distance::{check_space, probabilities};
use super::region::{Region, RegionLoss, included};
use crate::error::{self, Error};
use crate::loss::{Call, Fused, Geometry, Inputs};

/// Centreline Dice (clDice): for vessels, roads and nerves, whose connections matter more than their area.
///
/// ```text
/// a = (Σ S_p t + n) / (Σ S_p + d)      how much of the prediction's skeleton lies inside the target
/// b = (Σ S_t p + n) / (Σ S_t + d)      how much of the target's skeleton lies inside the prediction
/// L = 1 − 2ab / (a + b + s)
/// ```
///
/// The soft skeleton `S` is what openings of ever more eroded masks lose; sums run over the classes and points of an
/// image. Erosion takes the smallest of a point and its neighbours along the axes, dilation the largest of a cube of
/// three.
///
/// # Shapes
/// - input: `(N, C, *)` with one to three axes of space, logits unless the activation is [`Activation::Identity`]
/// - target: class indices `(N, *)` or `(N, 1, *)` as u8, u32, i64, or one-hot or soft targets `(N, C, *)` in the input's
///   dtype. With one channel, index 1 is the foreground
/// - weight: `(N, *)` or `(N, 1, *)`, multiplies the terms of all sums; skeletons do not see it
/// - value: `[]`; with [`Reduction::None`] `(N)`, one value per image
///
/// # Edge cases
/// No skeleton, because a mask is empty or full: the smoothing decides; 0/0 is a share of 1. Without smoothing, a
/// denominator below 1e-18 counts as 0 (and two shares that small as a loss of 1 without a slope), so that slopes are
/// finite. Ignored points have probability 0, are outside of every class and leave all sums. Where several points are
/// the extreme, the slope goes to one of them, the middle one first. NaN in, NaN out.
///
/// # Agrees with
/// `monai.losses.SoftclDiceLoss`. The authors' own class ignores its number of iterations, and pools the batch.
///
/// # Reference
/// Shit et al., *clDice*, 2021. <https://arxiv.org/abs/2003.07311>
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{Activation, ClDiceLoss, Loss};
///
/// // A line is its own skeleton: predicting it leaves nothing but the smoothing, 1 − 2/(2 + 1e-4).
/// let line = Tensor::new(&[[0f32, 0., 0.], [1., 1., 1.], [0., 0., 0.]], &Device::Cpu)?;
/// let line = line.reshape((1, 1, 3, 3))?;
/// let loss = ClDiceLoss { activation: Activation::Identity, ..ClDiceLoss::default() };
/// let (value, _gradient) = loss.value_and_grad(&line, &line)?;
/// assert!((value.to_scalar::<f32>()? - 5e-5).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct ClDiceLoss {
    /// How the input becomes probabilities. Default: softmax.
    pub activation: Activation,
    /// Which classes count. Default: all (MONAI); [`Classes::Foreground`] leaves out the background.
    pub classes: Classes,
    /// How many erosions the skeleton goes through: half the width of what is to become a line. Default 3 (MONAI).
    pub iterations: usize,
    /// Added to the numerators. Default 1 (MONAI).
    pub smooth_nr: f64,
    /// Added to the denominators. Default 1 (MONAI).
    pub smooth_dr: f64,
    /// Added to the denominator of the harmonic mean. Default 1e-4 (MONAI).
    pub smooth: f64,
    /// Points with this index do not count. Default −100.
    pub ignore_index: Option<i64>,
    /// Over images. Default: mean.
    pub reduction: Reduction,
}

impl Default for ClDiceLoss {
    fn default() -> Self {
        Self {
            activation: Activation::Softmax,
            classes: Classes::All,
            iterations: 3,
            smooth_nr: 1.0,
            smooth_dr: 1.0,
            smooth: 1e-4,
            ignore_index: Some(-100),
            reduction: Reduction::Mean,
        }
    }
}

impl ClDiceLoss {
    /// For one channel of logits, or several independent ones: sigmoid.
    pub fn binary() -> Self {
        Self {
            activation: Activation::Sigmoid,
            ..Self::default()
        }
    }

    fn options(&self) -> Options {
        Options {
            activation: self.activation,
            classes: self.classes.clone(),
            iterations: self.iterations,
            smooth_nr: self.smooth_nr,
            smooth_dr: self.smooth_dr,
            smooth: self.smooth,
            reduction: self.reduction,
        }
    }
}

/// Dice and centreline Dice: `(1 − α) Dice + α clDice`.
///
/// Shapes, edge cases and options are those of [`ClDiceLoss`]; the Dice loss is the mean over classes of each image by
/// itself, smoothed by the same numbers.
///
/// # Agrees with
/// `monai.losses.SoftDiceclDiceLoss`.
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{DiceClDiceLoss, Loss};
///
/// // Logits that leave no doubt, and are right.
/// let target = Tensor::new(&[[[0u32, 0, 0], [1, 1, 1], [0, 0, 0]]], &Device::Cpu)?;
/// let logits = (target.to_dtype(DType::F32)?.unsqueeze(1)? * 200.)?;
/// let (value, _gradient) = DiceClDiceLoss::binary().value_and_grad(&(logits - 100.)?, &target)?;
/// assert!(value.to_scalar::<f32>()? < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct DiceClDiceLoss {
    /// The share of clDice, in `[0, 1]`. Default 0.5 (the paper, MONAI).
    pub alpha: f64,
    /// Centreline Dice, and what Dice shares with it.
    pub cl_dice: ClDiceLoss,
}

impl Default for DiceClDiceLoss {
    fn default() -> Self {
        Self {
            alpha: 0.5,
            cl_dice: ClDiceLoss::default(),
        }
    }
}

impl DiceClDiceLoss {
    /// For one channel of logits, or several independent ones: sigmoid.
    pub fn binary() -> Self {
        Self {
            cl_dice: ClDiceLoss::binary(),
            ..Self::default()
        }
    }

    fn dice(&self) -> DiceLoss {
        let ClDiceLoss {
            activation,
            classes,
            smooth_nr,
            smooth_dr,
            ignore_index,
            reduction,
            ..
        } = self.cl_dice.clone();
        let region = Region {
            activation,
            classes,
            smooth: Smooth {
                numerator: smooth_nr,
                denominator: smooth_dr,
                floor: 0.0,
            },
            ignore_index,
            reduction,
            ..Region::default()
        };
        DiceLoss {
            region,
            ..DiceLoss::default()
        }
    }
}

impl Fused for ClDiceLoss {
    const NAME: &'static str = "cl_dice";
    const GEOMETRY: Geometry = Geometry::Sites;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        super::region::region_items(self.reduction, Pooling::Image, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        check(<Self as Fused>::NAME, self, input)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            ignore: self.ignore_index,
        };
        let options = self.options();
        kernels::cl_dice::evaluate(&options, call.space, &operands, call.values, call.gradient)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        compose(self, inputs)
    }
}

impl Fused for DiceClDiceLoss {
    const NAME: &'static str = "dice_cl_dice";
    const GEOMETRY: Geometry = Geometry::Sites;

    fn reduction(&self) -> Reduction {
        self.cl_dice.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        Fused::items(&self.cl_dice, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        if !(0.0..=1.0).contains(&self.alpha) {
            return Err(Error::Option {
                loss: <Self as Fused>::NAME,
                message: format!("alpha is {}, expected a number in 0..=1", self.alpha),
            });
        }
        check(<Self as Fused>::NAME, &self.cl_dice, input)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            ignore: self.cl_dice.ignore_index,
        };
        let items = operands.input.shape()[0];
        let shares = [1.0 - self.alpha, self.alpha];
        let mut gradient = call.gradient;
        let mut losses = [vec![0.0; items], vec![0.0; items]];
        let is_apart = self.cl_dice.reduction == Reduction::None;
        let [dice, cl_dice] = losses.each_mut().map(|losses| {
            is_apart
                .then(|| ViewMut::new(losses.as_mut_slice(), [items, 1, 1]))
                .transpose()
        });
        let of_dice = RegionLoss::options(&self.dice());
        let dice = kernels::region::evaluate(
            &of_dice,
            &operands,
            dice?,
            part(&mut gradient, shares[0], false),
        )?;
        let of_cl_dice = self.cl_dice.options();
        let gradient = part(&mut gradient, shares[1], true);
        let cl_dice =
            kernels::cl_dice::evaluate(&of_cl_dice, call.space, &operands, cl_dice?, gradient)?;
        if let Some(mut values) = call.values {
            let [dice, cl_dice] = &losses;
            let both = dice.iter().zip(cl_dice);
            let sums: Vec<f64> = both.map(|(a, b)| shares[0] * a + shares[1] * b).collect();
            kernels::upstream::store(&mut values, &sums)?;
        }
        Ok(shares[0] * dice + shares[1] * cl_dice)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let dice = (Fused::compose(&self.dice(), inputs)? * (1.0 - self.alpha))?;
        dice + (compose(&self.cl_dice, inputs)? * self.alpha)?
    }
}

/// The gradient's memory for a term of this share.
fn part<'g>(
    gradient: &'g mut Option<Gradient<'_>>,
    share: f64,
    accumulate: bool,
) -> Option<Gradient<'g>> {
    let gradient = gradient.as_mut()?;
    let mut part = gradient.reborrow();
    part.scale *= share;
    part.accumulate |= accumulate;
    Some(part)
}

fn check(name: &'static str, loss: &ClDiceLoss, input: &Tensor) -> error::Result<()> {
    check_space(name, input)?;
    if loss.activation == Activation::Softmax {
        check_classes(name, input)?;
    }
    loss.options()
        .check(input.dim(1)?, input.rank() - 2)
        .map_err(Error::kernel(name))
}

fn compose(loss: &ClDiceLoss, inputs: &Inputs<'_>) -> Result<Tensor> {
    let x = inputs.input;
    let (t, mask) = class_target(x, inputs.target, loss.ignore_index)?;
    let p = probabilities(loss.activation, x, &mask)?;
    let weight = match inputs.weight {
        Some(weight) => (weight * &mask)?,
        None => mask,
    };
    let weight = weight.broadcast_mul(&included(&loss.classes, &p)?)?;
    let sum = |x: &Tensor| -> Result<Tensor> { (x * &weight)?.flatten_from(1)?.sum(1) };
    let (of_input, of_target) = (
        skeleton(&p, loss.iterations)?,
        skeleton(&t, loss.iterations)?.detach(),
    );
    let share = |hits: Tensor, all: Tensor| -> Result<Tensor> {
        let (hits, all) = ((hits + loss.smooth_nr)?, (all + loss.smooth_dr)?);
        let is_empty = all.lt(NOTHING)?;
        let ones = all.ones_like()?;
        let share = (hits / is_empty.where_cond(&ones, &all)?)?;
        is_empty.where_cond(&ones, &share)
    };
    let a = share(sum(&(&of_input * &t)?)?, sum(&of_input)?)?;
    let b = share(sum(&(&of_target * &p)?)?, sum(&of_target)?)?;
    let both = ((&a + &b)? + loss.smooth)?;
    let is_nothing = both.lt(NOTHING)?;
    let ones = both.ones_like()?;
    let score = (((a * b)? * 2.0)? / is_nothing.where_cond(&ones, &both)?)?;
    let losses = is_nothing.where_cond(&ones, &score.affine(-1.0, 1.0)?)?;
    match loss.reduction {
        Reduction::Mean => losses.mean_all(),
        Reduction::Sum => losses.sum_all(),
        Reduction::None => Ok(losses),
    }
}

/// The soft skeleton along all axes after the first two.
fn skeleton(p: &Tensor, iterations: usize) -> Result<Tensor> {
    let mut mask = p.clone();
    let mut skeleton = p.zeros_like()?;
    for _ in 0..=iterations {
        let (mut eroded, mut opened);
        eroded = mask.clone();
        for axis in 2..p.rank() {
            eroded = extreme(&eroded, &mask, axis, false)?;
        }
        opened = eroded.clone();
        for axis in 2..p.rank() {
            opened = extreme(&opened.clone(), &opened, axis, true)?;
        }
        let delta = positive(&(&mask - opened)?)?;
        let grown = positive(&(&delta - (&skeleton * &delta)?)?)?;
        skeleton = (skeleton + grown)?;
        mask = eroded;
    }
    Ok(skeleton)
}

/// The extreme of `x` and the neighbours in `from` along an axis. Of equal ones, `x` has the gradient: candle's `minimum`
/// would share it.
fn extreme(x: &Tensor, from: &Tensor, axis: usize, largest: bool) -> Result<Tensor> {
    let len = from.dim(axis)?;
    if len < 2 {
        return Ok(x.clone());
    }
    let first = from.narrow(axis, 0, 1)?;
    let last = from.narrow(axis, len - 1, 1)?;
    let before = Tensor::cat(&[&first, &from.narrow(axis, 0, len - 1)?], axis)?;
    let after = Tensor::cat(&[&from.narrow(axis, 1, len - 1)?, &last], axis)?;
    let pick = |a: &Tensor, b: &Tensor| match largest {
        true => b.gt(a)?.where_cond(b, a),
        false => b.lt(a)?.where_cond(b, a),
    };
    pick(&pick(x, &before)?, &after)
}

/// `max(x, 0)` with gradient 0 at 0.
fn positive(x: &Tensor) -> Result<Tensor> {
    x.le(0.0)?.where_cond(&x.zeros_like()?, x)
}
