//! Cross-entropy of the hardest points: OHEM and top-k.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::imbalance::{MinedMean, Mining, evaluate_mined};
use cvloss_kernels::loops::site::Operands;
use cvloss_kernels::{Geometry, Reduction, Result as KernelResult};

use super::cross_entropy::{check_classes, point_items};
use crate::config::{choose, init, list, versioned};
use crate::loss::{Call, Config, Items, Loss, create, cvl_loss};
use crate::options::{cvl_reduction, ignore_index, reduction};
use crate::status::{Result, cvl_status};

/// What the mean of selected points divides by.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_mined_mean {
    /// Their number: nnU-Net.
    Selected = 0,
    /// The number of all points that are not ignored: mmsegmentation.
    All,
}

/// Options of cross-entropy of hard points.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_ohem_cross_entropy_config {
    /// Set by `cvl_ohem_cross_entropy_config_init`.
    pub struct_size: usize,
    /// One weight per class, copied by `cvl_ohem_cross_entropy_new`. NULL for 1.
    pub class_weights: *const f64,
    /// How many numbers `class_weights` has.
    pub num_class_weights: usize,
    /// The least number of points per image, of the batch together. Default 100000.
    pub min_kept: usize,
    /// The probability below which a point is hard, above 0 and at most 1. Default 0.7.
    pub threshold: f64,
    /// Points with this index have value 0 and are not selected. Default -100.
    pub ignore_index: i64,
    /// A `cvl_mined_mean`. What the mean divides by. Default CVL_MINED_MEAN_SELECTED.
    pub mean: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_ohem_cross_entropy_config {
    struct_size, class_weights, num_class_weights, min_kept, threshold, ignore_index, mean, reduction;
});

impl Default for cvl_ohem_cross_entropy_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            class_weights: ptr::null(),
            num_class_weights: 0,
            min_kept: 100_000,
            threshold: 0.7,
            ignore_index: -100,
            mean: cvl_mined_mean::Selected as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_ohem_cross_entropy_config_init(
    config: *mut cvl_ohem_cross_entropy_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Cross-entropy of hard points alone: online hard example mining. NULL `config`: defaults.
///
/// `L = mean of -w_y ln p_y` over points with `p_y < threshold`, and the hardest of the others up to `min_kept` per
/// image.
///
/// Inputs: logits (N, C, *), C at least 2; class indices (N, *) or (N, 1, *) as uint8, uint32, int64; optionally
/// weights (N, *) or (N, 1, *). Value: [], or (N, *).
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_ohem_cross_entropy_new(
    config: *const cvl_ohem_cross_entropy_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_ohem_cross_entropy_config {
    const LOSS: &'static str = "ohem_cross_entropy";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let (weights, count) = (self.class_weights, self.num_class_weights);
        // SAFETY: the caller's promise.
        let class_weights = unsafe { list("class_weights", weights, count) }?;
        let means = [MinedMean::Selected, MinedMean::All];
        let loss = Mined {
            name: c"ohem_cross_entropy",
            class_weights,
            ignore: ignore_index(self.ignore_index),
            mining: Mining::Below {
                probability: self.threshold,
                least: self.min_kept,
            },
            mean: choose("mean", self.mean, &means)?,
            reduction: reduction(self.reduction)?,
        };
        loss.mining.check()?;
        Ok(Box::new(loss))
    }
}

/// Options of cross-entropy of the hardest share of points.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_top_k_cross_entropy_config {
    /// Set by `cvl_top_k_cross_entropy_config_init`.
    pub struct_size: usize,
    /// One weight per class, copied by `cvl_top_k_cross_entropy_new`. NULL for 1.
    pub class_weights: *const f64,
    /// How many numbers `class_weights` has.
    pub num_class_weights: usize,
    /// The share of points, in [0, 1], rounded down, but one at least. Default 0.1.
    pub share: f64,
    /// Points with this index have value 0 and are not selected. Default -100.
    pub ignore_index: i64,
    /// A `cvl_mined_mean`. What the mean divides by. Default CVL_MINED_MEAN_SELECTED.
    pub mean: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_top_k_cross_entropy_config {
    struct_size, class_weights, num_class_weights, share, ignore_index, mean, reduction;
});

impl Default for cvl_top_k_cross_entropy_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            class_weights: ptr::null(),
            num_class_weights: 0,
            share: 0.1,
            ignore_index: -100,
            mean: cvl_mined_mean::Selected as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_top_k_cross_entropy_config_init(
    config: *mut cvl_top_k_cross_entropy_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Cross-entropy of the hardest share of all points of the batch: top-k. NULL `config`: defaults.
///
/// `L = mean of -w_y ln p_y` over the share of points with the least `p_y`.
///
/// Inputs: logits (N, C, *), C at least 2; class indices (N, *) or (N, 1, *) as uint8, uint32, int64; optionally
/// weights (N, *) or (N, 1, *). Value: [], or (N, *). Agrees with nnU-Net's `TopKLoss`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_top_k_cross_entropy_new(
    config: *const cvl_top_k_cross_entropy_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_top_k_cross_entropy_config {
    const LOSS: &'static str = "top_k_cross_entropy";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let (weights, count) = (self.class_weights, self.num_class_weights);
        // SAFETY: the caller's promise.
        let class_weights = unsafe { list("class_weights", weights, count) }?;
        let means = [MinedMean::Selected, MinedMean::All];
        let loss = Mined {
            name: c"top_k_cross_entropy",
            class_weights,
            ignore: ignore_index(self.ignore_index),
            mining: Mining::Top { share: self.share },
            mean: choose("mean", self.mean, &means)?,
            reduction: reduction(self.reduction)?,
        };
        loss.mining.check()?;
        Ok(Box::new(loss))
    }
}

struct Mined {
    name: &'static CStr,
    class_weights: Option<Vec<f64>>,
    ignore: Option<i64>,
    mining: Mining,
    mean: MinedMean,
    reduction: Reduction,
}

impl Loss for Mined {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn geometry(&self) -> Geometry {
        Geometry::Sites
    }

    fn items(&self) -> Items {
        point_items(self.reduction)
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        check_classes(dims)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            class_weights: self.class_weights.as_deref(),
            ignore: self.ignore,
        };
        evaluate_mined(
            self.mining,
            self.mean,
            self.reduction,
            &operands,
            call.values,
            call.gradient,
        )
    }
}
