//! General robust loss of Barron.

use cvloss_kernels::pixel::{Penalty, RobustShape};

use super::pixel::PixelLoss;
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction, normalizer, reduction};
use crate::status::{Result, cvl_status};

/// How soon large differences stop to count in the general robust loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_robust_shape {
    /// By `alpha`.
    Alpha = 0,
    /// `ln(z^2/2 + 1)`.
    Cauchy,
    /// `2 z^2 / (z^2 + 4)`.
    GemanMcClure,
    /// `1 - exp(-z^2/2)`.
    Welsch,
}

/// Options of the general robust loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_robust_config {
    /// Set by `cvl_robust_config_init`.
    pub struct_size: usize,
    /// The shape of CVL_ROBUST_SHAPE_ALPHA: 2 is a parabola, 1 pseudo-Huber. Default 1.
    pub alpha: f64,
    /// The size of differences at which the parabola ends, above 0. Default 1.
    pub scale: f64,
    /// A `cvl_robust_shape`. Default CVL_ROBUST_SHAPE_ALPHA.
    pub shape: u32,
    /// A `cvl_normalizer`; CVL_NORMALIZER_WEIGHTS makes a mask leave the mean. Default CVL_NORMALIZER_ELEMENTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_robust_config {
    struct_size, alpha, scale, shape, normalizer, reduction, reserved;
});

impl Default for cvl_robust_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            alpha: 1.0,
            scale: 1.0,
            shape: cvl_robust_shape::Alpha as u32,
            normalizer: cvl_normalizer::Elements as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_robust_config_init(
    config: *mut cvl_robust_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// General robust loss of Barron. NULL `config`: defaults.
///
/// `L = |a - 2|/a ((z^2/|a - 2| + 1)^(a/2) - 1)` with `z = d/scale` and `a` from `shape`.
///
/// Inputs: two tensors of the same shape and type, and optionally weights that broadcast to that shape. Both have a gradient. Value: [], or the same shape.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_robust_new(
    config: *const cvl_robust_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_robust_config {
    const LOSS: &'static str = "robust";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let alpha = RobustShape::Alpha(self.alpha);
        let shapes = [
            alpha,
            RobustShape::Cauchy,
            RobustShape::GemanMcClure,
            RobustShape::Welsch,
        ];
        let shape = choose("shape", self.shape, &shapes)?;
        let penalty = Penalty::Robust {
            shape,
            scale: self.scale,
        };
        let (normalizer, reduction) = (normalizer(self.normalizer)?, reduction(self.reduction)?);
        PixelLoss::build(c"robust", penalty, normalizer, reduction)
    }
}
