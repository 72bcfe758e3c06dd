//! Generalised Wasserstein Dice.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::region::Operands;
use cvloss_kernels::wasserstein::{Options, WassersteinWeighting, evaluate};
use cvloss_kernels::{Geometry, Result as KernelResult};

use super::cross_entropy::check_classes;
use super::distance::image_items;
use crate::config::{choose, init, list, versioned};
use crate::loss::{Call, Config, Items, Loss, create, cvl_loss};
use crate::options::{cvl_reduction, ignore_index, reduction};
use crate::status::{Error, Result, cvl_status};

/// How generalised Wasserstein Dice weighs classes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_wasserstein_weighting {
    /// Hits of class 0 do not count, errors of all classes do.
    Foreground = 0,
    /// A class counts by one over one more than its points.
    Volume,
}

/// Options of generalised Wasserstein Dice.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_generalized_wasserstein_dice_config {
    /// Set by `cvl_generalized_wasserstein_dice_config_init`.
    pub struct_size: usize,
    /// The distance of each true class from each predicted one, one row of numbers for each true class, copied by
    /// `cvl_generalized_wasserstein_dice_new`. NULL for 1 between any two.
    pub distances: *const f64,
    /// How many numbers `distances` has: the square of the number of classes.
    pub num_distances: usize,
    /// Added to the numerator, at least 0. Default 1e-5.
    pub smooth_nr: f64,
    /// Added to the denominator, at least 0. Default 1e-5.
    pub smooth_dr: f64,
    /// Points with this index leave all sums. Default -100.
    pub ignore_index: i64,
    /// A `cvl_wasserstein_weighting`. Default CVL_WASSERSTEIN_WEIGHTING_FOREGROUND.
    pub weighting: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_generalized_wasserstein_dice_config {
    struct_size, distances, num_distances, smooth_nr, smooth_dr, ignore_index, weighting, reduction;
});

impl Default for cvl_generalized_wasserstein_dice_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            distances: ptr::null(),
            num_distances: 0,
            smooth_nr: 1e-5,
            smooth_dr: 1e-5,
            ignore_index: -100,
            weighting: cvl_wasserstein_weighting::Foreground as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_generalized_wasserstein_dice_config_init(
    config: *mut cvl_generalized_wasserstein_dice_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Generalised Wasserstein Dice over a softmax: mistaking a class for a near one costs less than for a far one. NULL
/// `config`: defaults.
///
/// `L = 1 - (2 sum a_y (1 - W) + smooth_nr) / (D + smooth_dr)`, `W = sum_c M_yc p_c`, `M` the distances over their
/// largest.
///
/// By foreground, `a` is 0 of class 0 and 1 of others, `D = 2 sum a_y (1 - W) + sum W`; by volume, `a` is one over one
/// more than the class's points, `D = sum a_y (2 - W)`.
///
/// Inputs: logits (N, C, *), C at least 2; class indices (N, *) or (N, 1, *) as uint8, uint32, int64; optionally
/// weights (N, *) or (N, 1, *). Value: [], or (N). Agrees with MONAI's `GeneralizedWassersteinDiceLoss`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_generalized_wasserstein_dice_new(
    config: *const cvl_generalized_wasserstein_dice_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

struct Wasserstein {
    options: Options,
    ignore: Option<i64>,
}

impl Config for cvl_generalized_wasserstein_dice_config {
    const LOSS: &'static str = "generalized_wasserstein_dice";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        // SAFETY: the caller's promise.
        let numbers = unsafe { list("distances", self.distances, self.num_distances) }?;
        let classes = numbers.as_ref().map_or(2, |numbers| numbers.len().isqrt());
        let rows = |numbers: Vec<f64>| match numbers.len() == classes * classes {
            true => Ok(numbers.chunks(classes).map(<[f64]>::to_vec).collect()),
            false => Err(Error::invalid(format!(
                "distances is {} numbers, expected a square",
                numbers.len()
            ))),
        };
        let weightings = [
            WassersteinWeighting::Foreground,
            WassersteinWeighting::Volume,
        ];
        let options = Options {
            distances: numbers.map(rows).transpose()?,
            weighting: choose("weighting", self.weighting, &weightings)?,
            smooth_nr: self.smooth_nr,
            smooth_dr: self.smooth_dr,
            reduction: reduction(self.reduction)?,
        };
        options.check(classes)?;
        Ok(Box::new(Wasserstein {
            options,
            ignore: ignore_index(self.ignore_index),
        }))
    }
}

impl Loss for Wasserstein {
    fn name(&self) -> &'static CStr {
        c"generalized_wasserstein_dice"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Sites
    }

    fn items(&self) -> Items {
        image_items(self.options.reduction)
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        check_classes(dims)?;
        Ok(self.options.check(dims[1])?)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            ignore: self.ignore,
        };
        evaluate(&self.options, &operands, call.values, call.gradient)
    }
}
