//! Distribution focal loss.

use std::ffi::CStr;

use cvloss_kernels::distribution_focal::{Operands, Options, evaluate};
use cvloss_kernels::loops::boxes::Gradients;
use cvloss_kernels::{Geometry, Result as KernelResult, View};

use super::boxes::{cvl_denominator, denominator};
use crate::config::{init, versioned};
use crate::loss::{Call, Config, Input, Items, Loss, PAIR_WEIGHT, create, cvl_loss};
use crate::options::{cvl_reduction, reduction};
use crate::segmentation::{check_classes, point_items};
use crate::status::{Result, cvl_status};

/// Options of distribution focal loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_distribution_focal_config {
    /// Set by `cvl_distribution_focal_config_init`.
    pub struct_size: usize,
    /// How far below the last bin targets are clamped, in [0, 1). Default 0; ultralytics: 0.01.
    pub margin: f64,
    /// Above 0; what CVL_DENOMINATOR_AVG_FACTOR divides by. Default 1.
    pub avg_factor: f64,
    /// A `cvl_denominator`. Default CVL_DENOMINATOR_ITEMS.
    pub denominator: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_distribution_focal_config {
    struct_size, margin, avg_factor, denominator, reduction;
});

impl Default for cvl_distribution_focal_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            margin: 0.0,
            avg_factor: 1.0,
            denominator: cvl_denominator::Items as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_distribution_focal_config_init(
    config: *mut cvl_distribution_focal_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Distribution focal loss: a side of a box as a distribution over bins, whose truth lies between two of them. NULL
/// `config`: defaults.
///
/// `L = -(ceil y - y) ln p_floor(y) - (y - floor y) ln p_ceil(y)`.
///
/// Inputs: logits (N, C, *) of C bins, at least 2; where the truth lies, (N, *) or (N, 1, *) in the logits' type, 0 at
/// the first bin and C - 1 at the last; optionally weights (N, *) or (N, 1, *). Both logits and truth have a gradient.
/// Value: [], or (N, *). Agrees with `DistributionFocalLoss` of mmdetection.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_distribution_focal_new(
    config: *const cvl_distribution_focal_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_distribution_focal_config {
    const LOSS: &'static str = "distribution_focal";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let options = Options {
            margin: self.margin,
            denominator: denominator(self.denominator, self.avg_factor)?,
            reduction: reduction(self.reduction)?,
        };
        // The kernel checks its options whatever the tensors are, those without points too.
        let nothing = Operands {
            input: View::new::<f32>(&[], [0, 2, 0])?,
            target: View::new::<f32>(&[], [0, 1, 0])?,
            weight: None,
        };
        evaluate(&options, &nothing, None, Gradients::default())?;
        Ok(Box::new(DistributionFocal(options)))
    }
}

struct DistributionFocal(Options);

impl Loss for DistributionFocal {
    fn name(&self) -> &'static CStr {
        c"distribution_focal"
    }

    fn inputs(&self) -> &'static [Input] {
        PAIR_WEIGHT
    }

    fn geometry(&self) -> Geometry {
        Geometry::Bins
    }

    fn items(&self) -> Items {
        point_items(self.0.reduction)
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        check_classes(dims)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
        };
        let gradients = Gradients {
            input: call.gradient,
            target: call.target_gradient,
        };
        evaluate(&self.0, &operands, call.values, gradients)
    }
}
