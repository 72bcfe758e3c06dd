//! Balanced L1.

use std::ffi::CStr;

use cvloss_kernels::balanced_l1::{Options, evaluate};
use cvloss_kernels::loops::pointwise::Operands;
use cvloss_kernels::{Geometry, Result as KernelResult, View};

use crate::config::{init, versioned};
use crate::loss::{Call, Config, Items, Loss, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction, normalizer, reduction};
use crate::segmentation::element_items;
use crate::status::{Result, cvl_status};

/// Options of balanced L1.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_balanced_l1_config {
    /// Set by `cvl_balanced_l1_config_init`.
    pub struct_size: usize,
    /// Lower: steeper slopes of small differences. Above 0. Default 0.5.
    pub alpha: f64,
    /// The slope of large differences, above 0, at most 69 times `alpha`. Default 1.5.
    pub gamma: f64,
    /// Where large differences begin, above 0. Default 1.
    pub beta: f64,
    /// A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_balanced_l1_config {
    struct_size, alpha, gamma, beta, normalizer, reduction;
});

impl Default for cvl_balanced_l1_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            alpha: 0.5,
            gamma: 1.5,
            beta: 1.0,
            normalizer: cvl_normalizer::Elements as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_balanced_l1_config_init(
    config: *mut cvl_balanced_l1_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Balanced L1 of box offsets: like a smooth L1, with steeper slopes for small differences. NULL `config`: defaults.
///
/// `L = a/b (b d + 1) ln(b d/beta + 1) - a d` below `beta`, else `g d + g/b - a beta`, with `d = |x - t|`, `b =
/// exp(g/a) - 1`.
///
/// Inputs: two tensors of the same shape and type, and optionally weights that broadcast to that shape. The first has a
/// gradient. Value: [], or the same shape. Agrees with `BalancedL1Loss` of mmdetection.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_balanced_l1_new(
    config: *const cvl_balanced_l1_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_balanced_l1_config {
    const LOSS: &'static str = "balanced_l1";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let options = Options {
            alpha: self.alpha,
            gamma: self.gamma,
            beta: self.beta,
            normalizer: normalizer(self.normalizer)?,
            reduction: reduction(self.reduction)?,
        };
        // The kernel checks its options whatever the tensors are, those without elements too.
        let nothing = || View::new::<f32>(&[], [0; 3]);
        evaluate(
            &options,
            &operands(nothing()?, nothing()?, None),
            None,
            None,
        )?;
        Ok(Box::new(BalancedL1(options)))
    }
}

struct BalancedL1(Options);

fn operands<'a>(input: View<'a>, target: View<'a>, weight: Option<View<'a>>) -> Operands<'a> {
    Operands {
        input,
        target,
        auxiliary: None,
        weight,
        ignore: None,
    }
}

impl Loss for BalancedL1 {
    fn name(&self) -> &'static CStr {
        c"balanced_l1"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Alike
    }

    fn items(&self) -> Items {
        element_items(self.0.reduction)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let operands = operands(call.input, call.target, call.weight);
        evaluate(&self.0, &operands, call.values, call.gradient)
    }
}
