//! Class-balanced binary cross-entropy.

use std::ffi::CStr;

use cvloss_kernels::imbalance::{Balance, evaluate_balanced};
use cvloss_kernels::loops::pointwise::Operands;
use cvloss_kernels::{Geometry, Normalizer, Reduction, Result as KernelResult};

use super::bce::{element_items, ignored_target};
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Call, Config, Items, Loss, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction, normalizer, reduction};
use crate::status::{Result, cvl_status};

/// What the share of positives is taken over.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_balance {
    /// The whole batch: pytorch-toolbelt.
    Batch = 0,
    /// Each item of axis 0 by itself, all channels: HED's training, one image at a time.
    Image,
}

/// Options of class-balanced binary cross-entropy.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_balanced_bce_config {
    /// Set by `cvl_balanced_bce_config_init`.
    pub struct_size: usize,
    /// Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
    pub ignore_index: f64,
    /// A `cvl_balance`. Default CVL_BALANCE_BATCH.
    pub balance: u32,
    /// A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_balanced_bce_config {
    struct_size, ignore_index, balance, normalizer, reduction, reserved;
});

impl Default for cvl_balanced_bce_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            ignore_index: f64::NAN,
            balance: cvl_balance::Batch as u32,
            normalizer: cvl_normalizer::Elements as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_balanced_bce_config_init(
    config: *mut cvl_balanced_bce_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Binary cross-entropy of logits whose positives and negatives weigh the same together. NULL `config`: defaults.
///
/// `L = (1 - s) t softplus(-x) + s (1 - t) softplus(x)`, `s` being the share of positives.
///
/// Inputs and value: as `cvl_bce_new`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_balanced_bce_new(
    config: *const cvl_balanced_bce_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

struct BalancedBce {
    balance: Balance,
    ignore: Option<f64>,
    normalizer: Normalizer,
    reduction: Reduction,
}

impl Config for cvl_balanced_bce_config {
    const LOSS: &'static str = "balanced_bce";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        Ok(Box::new(BalancedBce {
            balance: choose("balance", self.balance, &[Balance::Batch, Balance::Image])?,
            ignore: ignored_target(self.ignore_index),
            normalizer: normalizer(self.normalizer)?,
            reduction: reduction(self.reduction)?,
        }))
    }
}

impl Loss for BalancedBce {
    fn name(&self) -> &'static CStr {
        c"balanced_bce"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Elements
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
            ignore: self.ignore,
        };
        evaluate_balanced(
            self.balance,
            // Images lie before channels, in a matrix too.
            call.channel_axis - 1,
            self.normalizer,
            self.reduction,
            &operands,
            call.values,
            call.gradient,
        )
    }
}
