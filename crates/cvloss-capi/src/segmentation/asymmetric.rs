//! Asymmetric loss of many labels.

use cvloss_kernels::imbalance::{FocusSlope, Kind};

use super::elements::element_loss;
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction};
use crate::status::{Result, cvl_status};

/// Whether a weight made of the prediction has a slope.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_focus_slope {
    /// It does: the derivative of the formula.
    Included = 0,
    /// It does not: the weight is a constant, timm's `disable_torch_grad_focal_loss`.
    Ignored,
}

/// Options of asymmetric loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_asymmetric_config {
    /// Set by `cvl_asymmetric_config_init`.
    pub struct_size: usize,
    /// How much easy positives are damped, at least 0. Default 1.
    pub gamma_positive: f64,
    /// How much easy negatives are damped, at least 0. Default 4.
    pub gamma_negative: f64,
    /// A negative's probability counts as less by this, in [0, 1). Default 0.05.
    pub clip: f64,
    /// Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
    pub ignore_index: f64,
    /// A `cvl_focus_slope`. Default CVL_FOCUS_SLOPE_INCLUDED.
    pub focus: u32,
    /// A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_asymmetric_config {
    struct_size, gamma_positive, gamma_negative, clip, ignore_index, focus, normalizer, reduction, reserved;
});

impl Default for cvl_asymmetric_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            gamma_positive: 1.0,
            gamma_negative: 4.0,
            clip: 0.05,
            ignore_index: f64::NAN,
            focus: cvl_focus_slope::Included as u32,
            normalizer: cvl_normalizer::Elements as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_asymmetric_config_init(
    config: *mut cvl_asymmetric_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Asymmetric loss over sigmoids, for images of many labels. NULL `config`: defaults.
///
/// `L = t q^gamma_positive (-ln p) + (1 - t) r^gamma_negative (-ln(1 - r))`, `q = 1 - p`, `r = max(p - clip, 0)`.
///
/// Inputs and value: as `cvl_bce_new`. Agrees with timm's `AsymmetricLossMultiLabel` (a sum there).
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_asymmetric_new(
    config: *const cvl_asymmetric_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_asymmetric_config {
    const LOSS: &'static str = "asymmetric";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let slopes = [FocusSlope::Included, FocusSlope::Ignored];
        let kind = Kind::Asymmetric {
            gamma_positive: self.gamma_positive,
            gamma_negative: self.gamma_negative,
            clip: self.clip,
            focus: choose("focus", self.focus, &slopes)?,
        };
        element_loss(
            c"asymmetric",
            kind,
            self.ignore_index,
            self.normalizer,
            self.reduction,
        )
    }
}
