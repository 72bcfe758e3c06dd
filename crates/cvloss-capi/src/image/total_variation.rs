//! Total variation of images and volumes.

use std::ffi::CStr;

use cvloss_kernels::device::Kernel;
use cvloss_kernels::total_variation::{Options, VariationNorm, VariationScale, evaluate};
use cvloss_kernels::{Geometry, Result as KernelResult};

use super::pixel::{check_rank, nothing, per_image};
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Call, Config, INPUT_ALONE, Input, Items, Loss, Target, create, cvl_loss};
use crate::options::{cvl_reduction, reduction};
use crate::status::{Result, cvl_status};

/// How differences to neighbours become a number.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_variation_norm {
    /// `sum |d|`.
    Anisotropic = 0,
    /// `sum sqrt(d_w^2 + d_h^2 + d_d^2)` over pixels.
    Isotropic,
    /// `sum d^2`.
    Squared,
    /// `sqrt(sum d^2)` over the whole image.
    Root,
}

/// What the sum over an image is divided by.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_variation_scale {
    /// Nothing.
    Total = 0,
    /// Along each axis, by the number of its differences; isotropic: by the number of pixels.
    Differences,
}

/// Options of total variation.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_total_variation_config {
    /// Set by `cvl_total_variation_config_init`.
    pub struct_size: usize,
    /// Smooths CVL_VARIATION_NORM_ISOTROPIC near 0, at least 0. Default 0.
    pub eps: f64,
    /// A `cvl_variation_norm`. Default CVL_VARIATION_NORM_ANISOTROPIC.
    pub norm: u32,
    /// A `cvl_variation_scale`. Default CVL_VARIATION_SCALE_DIFFERENCES.
    pub scale: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_total_variation_config {
    struct_size, eps, norm, scale, reduction, reserved;
});

impl Default for cvl_total_variation_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            eps: 0.0,
            norm: cvl_variation_norm::Anisotropic as u32,
            scale: cvl_variation_scale::Differences as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_total_variation_config_init(
    config: *mut cvl_total_variation_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Total variation of an image or a volume: differences to the next pixel along each axis. NULL `config`: defaults.
///
/// `L = sum |d|`, or by `norm`, over differences `d`.
///
/// Inputs: an image (N, C, *) with 1 to 3 axes of space; NULL, for there is no target; optionally weights that
/// broadcast to the image's shape. With no weights, one input is enough. Value: [], or (N).
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_total_variation_new(
    config: *const cvl_total_variation_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_total_variation_config {
    const LOSS: &'static str = "total_variation";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        use VariationNorm::{Anisotropic, Isotropic, Root, Squared};
        let norms = [Anisotropic, Isotropic, Squared, Root];
        let scales = [VariationScale::Total, VariationScale::Differences];
        let options = Options {
            norm: choose("norm", self.norm, &norms)?,
            eps: self.eps,
            scale: choose("scale", self.scale, &scales)?,
            reduction: reduction(self.reduction)?,
        };
        evaluate(&options, [0; 3], &nothing()?, None, None, None)?;
        Ok(Box::new(TotalVariation(options)))
    }
}

struct TotalVariation(Options);

impl Loss for TotalVariation {
    fn name(&self) -> &'static CStr {
        c"total_variation"
    }

    fn inputs(&self) -> &'static [Input] {
        INPUT_ALONE
    }

    fn geometry(&self) -> Geometry {
        Geometry::Alike
    }

    fn items(&self) -> Items {
        per_image(self.0.reduction)
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        check_rank(dims, 3..=5, "(N, C, L) to (N, C, D, H, W)")
    }

    fn kernel(&self, _: Target) -> KernelResult<Option<Kernel>> {
        Ok(Some(Kernel::Variation(self.0)))
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let mut space = [1; 3];
        for (to, len) in space.iter_mut().rev().zip(call.dims.iter().skip(2).rev()) {
            *to = *len;
        }
        let weight = call.weight.as_ref();
        evaluate(
            &self.0,
            space,
            &call.input,
            weight,
            call.values,
            call.gradient,
        )
    }
}
