//! Centreline Dice, alone and with Dice.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::cl_dice::{Options, evaluate};
use cvloss_kernels::region::{self, Classes, Operands, Score, Smooth};
use cvloss_kernels::{Geometry, Gradient, Reduction, Result as KernelResult, ViewMut, upstream};

use super::distance::{check_space, image_items};
use super::region::{activation, classes, cvl_activation, cvl_classes};
use crate::config::{self, init, unused, versioned};
use crate::loss::{Call, Config, Items, Loss, create, cvl_loss};
use crate::options::{cvl_reduction, ignore_index, reduction};
use crate::single::through_single;
use crate::status::{Error, Result, cvl_status};

/// Options of centreline Dice.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_cl_dice_config {
    /// Set by `cvl_cl_dice_config_init`.
    pub struct_size: usize,
    /// Class indices, copied by `cvl_cl_dice_new`; only read for CVL_CLASSES_LISTED.
    pub listed_classes: *const usize,
    /// How many numbers `listed_classes` has.
    pub num_listed_classes: usize,
    /// How many erosions the skeleton goes through: half the width of what is to become a line. Default 3.
    pub iterations: usize,
    /// Added to the numerators, at least 0. Default 1.
    pub smooth_nr: f64,
    /// Added to the denominators, at least 0. Default 1.
    pub smooth_dr: f64,
    /// Added to the denominator of the harmonic mean, at least 0. Default 1e-4.
    pub smooth: f64,
    /// Points with this index do not count. Default -100.
    pub ignore_index: i64,
    /// A `cvl_activation`. Default CVL_ACTIVATION_SOFTMAX.
    pub activation: u32,
    /// A `cvl_classes`. Default CVL_CLASSES_ALL.
    pub classes: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_cl_dice_config {
    struct_size, listed_classes, num_listed_classes, iterations, smooth_nr, smooth_dr, smooth, ignore_index, activation,
    classes, reduction, reserved;
});

impl Default for cvl_cl_dice_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            listed_classes: ptr::null(),
            num_listed_classes: 0,
            iterations: 3,
            smooth_nr: 1.0,
            smooth_dr: 1.0,
            smooth: 1e-4,
            ignore_index: -100,
            activation: cvl_activation::Softmax as u32,
            classes: cvl_classes::All as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_cl_dice_config_init(
    config: *mut cvl_cl_dice_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Centreline Dice: how much of each soft skeleton lies inside the other mask. NULL `config`: defaults.
///
/// `L = 1 - 2ab / (a + b + smooth)`, `a = (sum S_p t + smooth_nr) / (sum S_p + smooth_dr)`, `b` of `S_t` and `p`.
///
/// Inputs: (N, C, *) with one to three axes of space, logits unless the activation is CVL_ACTIVATION_IDENTITY; class
/// indices (N, *) or (N, 1, *) as uint8, bool, uint32, int64, or one-hot or soft targets (N, C, *) in the input's type
/// (with one channel, index 1 is the foreground); optionally weights (N, *) or (N, 1, *). Value: [], or (N) with
/// CVL_REDUCTION_NONE. Agrees with MONAI's `SoftclDiceLoss`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_cl_dice_new(
    config: *const cvl_cl_dice_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_cl_dice_config {
    const LOSS: &'static str = "cl_dice";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        // SAFETY: the caller's promise.
        Ok(Box::new(unsafe { self.cl_dice() }?))
    }
}

impl cvl_cl_dice_config {
    /// # Safety
    /// As [`Config::build`].
    unsafe fn cl_dice(&self) -> Result<ClDice> {
        unused(self.reserved)?;
        let (listed, count) = (self.listed_classes, self.num_listed_classes);
        let options = Options {
            activation: activation(self.activation)?,
            // SAFETY: the caller's promise.
            classes: unsafe { classes(self.classes, listed, count) }?,
            iterations: self.iterations,
            smooth_nr: self.smooth_nr,
            smooth_dr: self.smooth_dr,
            smooth: self.smooth,
            reduction: reduction(self.reduction)?,
        };
        // As far as options do not depend on the input.
        let of_any = Options {
            classes: Classes::All,
            ..options.clone()
        };
        of_any.check(1, 1)?;
        Ok(ClDice {
            ignore: ignore_index(self.ignore_index),
            options,
        })
    }
}

/// Options of Dice and centreline Dice.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_dice_cl_dice_config {
    /// Set by `cvl_dice_cl_dice_config_init`.
    pub struct_size: usize,
    /// Centreline Dice, and what Dice shares with it; copied by the constructor. NULL for the defaults.
    pub cl_dice: *const cvl_cl_dice_config,
    /// The share of centreline Dice, in [0, 1]. Default 0.5.
    pub alpha: f64,
}

versioned!(cvl_dice_cl_dice_config {
    struct_size, cl_dice, alpha;
});

impl Default for cvl_dice_cl_dice_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            cl_dice: ptr::null(),
            alpha: 0.5,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_dice_cl_dice_config_init(
    config: *mut cvl_dice_cl_dice_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Dice and centreline Dice: `(1 - alpha) Dice + alpha clDice`. NULL `config`: defaults.
///
/// Dice is the mean over classes of each image by itself, smoothed by `smooth_nr` and `smooth_dr`.
///
/// Inputs and value: as `cvl_cl_dice_new`. Agrees with MONAI's `SoftDiceclDiceLoss`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_dice_cl_dice_new(
    config: *const cvl_dice_cl_dice_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_dice_cl_dice_config {
    const LOSS: &'static str = "dice_cl_dice";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        if !(0.0..=1.0).contains(&self.alpha) {
            let message = format!("alpha is {}, expected a number in 0..=1", self.alpha);
            return Err(Error::invalid(message));
        }
        // SAFETY: the caller's promise.
        let cl_dice = unsafe { config::read(self.cl_dice)?.cl_dice() }?;
        let options = &cl_dice.options;
        let dice = region::Options {
            activation: options.activation,
            classes: options.classes.clone(),
            smooth: Smooth {
                numerator: options.smooth_nr,
                denominator: options.smooth_dr,
                floor: 0.0,
            },
            reduction: options.reduction,
            ..region::Options::new(Score::DICE)
        };
        dice.check()?;
        Ok(Box::new(Both {
            alpha: self.alpha,
            dice,
            cl_dice,
        }))
    }
}

struct ClDice {
    ignore: Option<i64>,
    options: Options,
}

impl Loss for ClDice {
    fn name(&self) -> &'static CStr {
        c"cl_dice"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Sites
    }

    fn items(&self) -> Items {
        image_items(self.options.reduction)
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        check_space(dims, self.options.activation)?;
        Ok(self.options.check(dims[1], dims.len() - 2)?)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            ignore: self.ignore,
        };
        let space = &call.dims[2..];
        evaluate(&self.options, space, &operands, call.values, call.gradient)
    }
}

struct Both {
    alpha: f64,
    dice: region::Options,
    cl_dice: ClDice,
}

impl Loss for Both {
    fn name(&self) -> &'static CStr {
        c"dice_cl_dice"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Sites
    }

    fn items(&self) -> Items {
        self.cl_dice.items()
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        self.cl_dice.check(dims)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            ignore: self.cl_dice.ignore,
        };
        let items = operands.input.shape()[0];
        let shares = [1.0 - self.alpha, self.alpha];
        let is_apart = self.cl_dice.options.reduction == Reduction::None;
        let mut losses = [vec![0.0; items], vec![0.0; items]];
        let [of_dice, of_cl_dice] = losses.each_mut().map(|losses| {
            is_apart
                .then(|| ViewMut::new(losses.as_mut_slice(), [items, 1, 1]))
                .transpose()
        });
        let (of_dice, of_cl_dice) = (of_dice?, of_cl_dice?);
        let [dice, cl_dice] = through_single(call.gradient, |mut gradient| {
            let dice = part(&mut gradient, shares[0], false);
            let dice = region::evaluate(&self.dice, &operands, of_dice, dice)?;
            let cl_dice = part(&mut gradient, shares[1], true);
            let (options, space) = (&self.cl_dice.options, &call.dims[2..]);
            let cl_dice = evaluate(options, space, &operands, of_cl_dice, cl_dice)?;
            Ok([dice, cl_dice])
        })?;
        if let Some(mut values) = call.values {
            let [of_dice, of_cl_dice] = &losses;
            let both = of_dice.iter().zip(of_cl_dice);
            let sums: Vec<f64> = both.map(|(a, b)| shares[0] * a + shares[1] * b).collect();
            upstream::store(&mut values, &sums)?;
        }
        Ok(shares[0] * dice + shares[1] * cl_dice)
    }
}

/// The gradient's memory for a term of this share.
fn part<'g>(
    gradient: &'g mut Option<Gradient<'_>>,
    share: f64,
    accumulate: bool,
) -> Option<Gradient<'g>> {
    let mut part = gradient.as_mut()?.reborrow();
    part.scale *= share;
    part.accumulate |= accumulate;
    Some(part)
}
