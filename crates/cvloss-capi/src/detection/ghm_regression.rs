//! Gradient harmonised regression loss.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::imbalance::{DensityKind, check_bins, check_densities, evaluate_density};
use cvloss_kernels::loops::pointwise::Operands;
use cvloss_kernels::{Geometry, Reduction, Result as KernelResult};

use crate::config::{init, list, unused, versioned};
use crate::loss::{Call, Config, Items, Loss, create, cvl_loss};
use crate::options::{cvl_reduction, reduction};
use crate::segmentation::element_items;
use crate::status::{Result, cvl_status};

/// Options of gradient harmonised regression loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_ghm_regression_config {
    /// Set by `cvl_ghm_regression_config_init`.
    pub struct_size: usize,
    /// The density of each bin, as running means over steps that you keep; a bin with 0 has its number of this call.
    /// Copied by `cvl_ghm_regression_new`. NULL for the numbers of this call.
    pub densities: *const f64,
    /// How many numbers `densities` has.
    pub num_densities: usize,
    /// How many bins, 1 to 65536. Default 10.
    pub bins: usize,
    /// Above 0: differences below it count little. Default 0.02.
    pub mu: f64,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_ghm_regression_config {
    struct_size, densities, num_densities, bins, mu, reduction, reserved;
});

impl Default for cvl_ghm_regression_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            densities: ptr::null(),
            num_densities: 0,
            bins: 10,
            mu: 0.02,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_ghm_regression_config_init(
    config: *mut cvl_ghm_regression_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Gradient harmonised regression loss: elements that are as far off as very many others weigh less. NULL `config`:
/// defaults.
///
/// `L = sum_i w_b(i) (sqrt(d_i^2 + mu^2) - mu) / n`, `w_b = n / (density_b M)`, `d` input less target.
///
/// `|d| / sqrt(d^2 + mu^2)` puts an element into one of equal bins, `M` of which hold any; `n` elements have a weight
/// other than 0.
///
/// Inputs and value: as `cvl_balanced_l1_new`. Agrees with `GHMR` of mmdetection.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_ghm_regression_new(
    config: *const cvl_ghm_regression_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

struct GhmRegression {
    bins: usize,
    densities: Option<Vec<f64>>,
    kind: DensityKind,
    reduction: Reduction,
}

impl Config for cvl_ghm_regression_config {
    const LOSS: &'static str = "ghm_regression";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        // SAFETY: the caller's promise.
        let densities = unsafe { list("densities", self.densities, self.num_densities) }?;
        let kind = DensityKind::Distance { mu: self.mu };
        kind.check()?;
        check_bins(self.bins)?;
        check_densities(densities.as_deref(), self.bins)?;
        Ok(Box::new(GhmRegression {
            bins: self.bins,
            densities,
            kind,
            reduction: reduction(self.reduction)?,
        }))
    }
}

impl Loss for GhmRegression {
    fn name(&self) -> &'static CStr {
        c"ghm_regression"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Alike
    }

    fn items(&self) -> Items {
        element_items(self.reduction)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            auxiliary: None,
            weight: call.weight,
            ignore: None,
        };
        evaluate_density(
            self.kind,
            self.bins,
            self.densities.as_deref(),
            self.reduction,
            &operands,
            call.values,
            call.gradient,
        )
    }
}
