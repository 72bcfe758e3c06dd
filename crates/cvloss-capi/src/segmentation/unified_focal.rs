//! Unified focal loss.

use std::ptr;

use cvloss_kernels::imbalance::{Points, SiteKind, UnifiedForm};
use cvloss_kernels::region::{Options, Score, Transform, check_unified};

use super::compound::{PointsOf, compound};
use super::region::{RegionLoss, cvl_region_config, given_or};
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::status::{Result, cvl_status};

/// Whether unified focal loss treats foreground and background alike.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_unified_form {
    /// It damps the background's points, and enhances the foreground's regions: MONAI.
    Asymmetric = 0,
    /// It does both to all classes.
    Symmetric,
}

/// Options of unified focal loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_unified_focal_config {
    /// Set by `cvl_unified_focal_config_init`.
    pub struct_size: usize,
    /// Sums, classes, policies; copied by the constructor, and read as it is. NULL for the defaults with smoothing
    /// 1e-7.
    pub region: *const cvl_region_config,
    /// The weight of the cross-entropy, in [0, 1]. Default 0.5.
    pub weight: f64,
    /// The weight of misses and of foreground points, in [0, 1]. Default 0.7.
    pub delta: f64,
    /// In [0, 1]. Default 0.5.
    pub gamma: f64,
    /// A `cvl_unified_form`. Default CVL_UNIFIED_FORM_ASYMMETRIC.
    pub form: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_unified_focal_config {
    struct_size, region, weight, delta, gamma, form, reserved;
});

impl Default for cvl_unified_focal_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            region: ptr::null(),
            weight: 0.5,
            delta: 0.7,
            gamma: 0.5,
            form: cvl_unified_form::Asymmetric as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_unified_focal_config_init(
    config: *mut cvl_unified_focal_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Unified focal loss: focal cross-entropy and focal Tversky loss with the same parameters, of a softmax. NULL
/// `config`: defaults.
///
/// `L = weight mean(alpha_y F_y (-ln p_y)) + (1 - weight) mean_c (1 - TI_c)^(g_c)`, `alpha = 1 - delta` for class 0,
/// else `delta`.
///
/// Asymmetric: `F = (1 - p_y)^gamma`, `g = 1` for class 0; `F = 1`, `g = 1 - gamma` for others. Symmetric: the former
/// `F` and the latter `g` for all.
///
/// Inputs and value: `cvl_region_config`; the input holds logits, the target class indices. Agrees with MONAI's
/// `AsymmetricUnifiedFocalLoss`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_unified_focal_new(
    config: *const cvl_unified_focal_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_unified_focal_config {
    const LOSS: &'static str = "unified_focal";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let Self {
            weight,
            delta,
            gamma,
            ..
        } = *self;
        let own = own();
        let forms = [UnifiedForm::Asymmetric, UnifiedForm::Symmetric];
        let form = choose("form", self.form, &forms)?;
        let score = Score::tversky(1.0 - delta, delta);
        let region = given_or(self.region, &own);
        // SAFETY: the caller's promise.
        let loss = unsafe { RegionLoss::new(c"unified_focal", score, region) }?;
        check_unified(weight, delta, gamma, loss.options.activation)?;
        let options = Options {
            transform: Transform::Power(1.0 - gamma),
            background: (form == UnifiedForm::Asymmetric).then_some(Transform::Linear),
            weight: 1.0 - weight,
            ..loss.options
        };
        options.check()?;
        let points: PointsOf = Box::new(move |classes| {
            let mut weights = vec![delta; classes];
            weights[0] = 1.0 - delta;
            Points {
                kind: SiteKind::Focal {
                    gamma,
                    background_only: form == UnifiedForm::Asymmetric,
                },
                weight: weight / classes as f64,
                class_weights: Some(weights),
            }
        });
        compound(RegionLoss { options, ..loss }, points)
    }
}

/// The region options of a caller who gives none.
fn own() -> cvl_region_config {
    cvl_region_config {
        smooth_numerator: 1e-7,
        smooth_denominator: 1e-7,
        ..cvl_region_config::default()
    }
}
