//! Varifocal loss.

use cvloss_kernels::imbalance::{Kind, PositiveWeight};

use crate::config::{choose, init, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction};
use crate::segmentation::element_loss;
use crate::status::{Result, cvl_status};

/// What a positive weighs in varifocal loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_positive_weight {
    /// Its quality: mmdetection's `iou_weighted=True`, ultralytics.
    Quality = 0,
    /// 1.
    One,
}

/// Options of varifocal loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_varifocal_config {
    /// Set by `cvl_varifocal_config_init`.
    pub struct_size: usize,
    /// The factor of negatives, at least 0. Default 0.75.
    pub alpha: f64,
    /// The power of a negative's probability, at least 0. Default 2.
    pub gamma: f64,
    /// Elements with this target have value 0 and leave the mean's denominator. Default NaN, which no target equals.
    pub ignore_index: f64,
    /// A `cvl_positive_weight`. Default CVL_POSITIVE_WEIGHT_QUALITY.
    pub positives: u32,
    /// A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_varifocal_config {
    struct_size, alpha, gamma, ignore_index, positives, normalizer, reduction, reserved;
});

impl Default for cvl_varifocal_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            alpha: 0.75,
            gamma: 2.0,
            ignore_index: f64::NAN,
            positives: cvl_positive_weight::Quality as u32,
            normalizer: cvl_normalizer::Elements as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_varifocal_config_init(
    config: *mut cvl_varifocal_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Varifocal loss over sigmoids: positives weigh their quality, negatives are damped. NULL `config`: defaults.
///
/// `L = t CE(x, t)` where `t > 0`, `alpha p^gamma CE(x, 0)` where `t = 0`.
///
/// Inputs and value: as `cvl_bce_new`. The target is the quality at the true class and 0 elsewhere. Agrees with
/// `VarifocalLoss` of mmdetection.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_varifocal_new(
    config: *const cvl_varifocal_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_varifocal_config {
    const LOSS: &'static str = "varifocal";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let weights = [PositiveWeight::Quality, PositiveWeight::One];
        let kind = Kind::Varifocal {
            alpha: self.alpha,
            gamma: self.gamma,
            positives: choose("positives", self.positives, &weights)?,
        };
        element_loss(
            c"varifocal",
            kind,
            self.ignore_index,
            self.normalizer,
            self.reduction,
        )
    }
}
