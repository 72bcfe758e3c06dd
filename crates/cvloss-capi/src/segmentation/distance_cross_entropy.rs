//! Cross-entropy weighted by distances to surfaces in the target.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::distance_cross_entropy::{DistanceWeighting, Options, evaluate};
use cvloss_kernels::loops::site::Operands;
use cvloss_kernels::region::Activation;
use cvloss_kernels::{Geometry, Result as KernelResult};

use super::cross_entropy::point_items;
use super::distance::check_space;
use crate::config::{choose, init, list, unused, versioned};
use crate::loss::{Call, Config, Items, Loss, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction, ignore_index, normalizer, reduction};
use crate::status::{Result, cvl_status};

/// How a point weighs by distances.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_distance_weighting {
    /// More between objects that nearly touch: U-Net.
    Border = 0,
    /// More near other classes: Caliva et al.
    Penalty,
}

/// Options of cross-entropy weighted by distances.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_distance_cross_entropy_config {
    /// Set by `cvl_distance_cross_entropy_config_init`.
    pub struct_size: usize,
    /// One weight per class, copied by `cvl_distance_cross_entropy_new`. NULL for 1.
    pub class_weights: *const f64,
    /// How many numbers `class_weights` has.
    pub num_class_weights: usize,
    /// The distance of neighbours along each axis of space, copied by `cvl_distance_cross_entropy_new`. NULL for 1.
    pub spacing: *const f64,
    /// How many numbers `spacing` has.
    pub num_spacing: usize,
    /// The most that a border adds, at least 0. Only read for CVL_DISTANCE_WEIGHTING_BORDER. Default 10.
    pub w0: f64,
    /// How far a border reaches, above 0. Only read for CVL_DISTANCE_WEIGHTING_BORDER. Default 5.
    pub sigma: f64,
    /// Points with this index have value 0 and leave the mean's denominator. Default -100.
    pub ignore_index: i64,
    /// A `cvl_distance_weighting`. Default CVL_DISTANCE_WEIGHTING_BORDER.
    pub weighting: u32,
    /// A `cvl_normalizer`. Default CVL_NORMALIZER_ELEMENTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_distance_cross_entropy_config {
    struct_size, class_weights, num_class_weights, spacing, num_spacing, w0, sigma, ignore_index, weighting, normalizer,
    reduction, reserved;
});

impl Default for cvl_distance_cross_entropy_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            class_weights: ptr::null(),
            num_class_weights: 0,
            spacing: ptr::null(),
            num_spacing: 0,
            w0: 10.0,
            sigma: 5.0,
            ignore_index: -100,
            weighting: cvl_distance_weighting::Border as u32,
            normalizer: cvl_normalizer::Elements as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_distance_cross_entropy_config_init(
    config: *mut cvl_distance_cross_entropy_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Cross-entropy whose points weigh by their distances to surfaces in the target. NULL `config`: defaults.
///
/// `L = -w ln p_y`. CVL_DISTANCE_WEIGHTING_BORDER: `w = w_y`, and in the background
/// `w0 exp(-(d1 + d2)^2 / (2 sigma^2))` more, `d1` and `d2` being the distances to the nearest two connected regions of
/// other classes (U-Net). CVL_DISTANCE_WEIGHTING_PENALTY: `w = w_y (1 + (D - d) / (D - least))`, `d` being the distance
/// to the nearest point of another class, `D` and `least` its extremes in the class and image.
///
/// Inputs: logits (N, C, *), C at least 2, with one to three axes of space; class indices (N, *) or (N, 1, *) as uint8,
/// uint32, int64; optionally weights (N, *) or (N, 1, *). Value: [], or (N, *).
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_distance_cross_entropy_new(
    config: *const cvl_distance_cross_entropy_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

struct DistanceCrossEntropy {
    class_weights: Option<Vec<f64>>,
    ignore: Option<i64>,
    options: Options,
}

impl Config for cvl_distance_cross_entropy_config {
    const LOSS: &'static str = "distance_cross_entropy";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let (weights, count) = (self.class_weights, self.num_class_weights);
        // SAFETY: the caller's promise.
        let (class_weights, spacing) = unsafe {
            (
                list("class_weights", weights, count)?,
                list("spacing", self.spacing, self.num_spacing)?,
            )
        };
        unused(self.reserved)?;
        let border = DistanceWeighting::Border {
            w0: self.w0,
            sigma: self.sigma,
        };
        let weightings = [border, DistanceWeighting::Penalty];
        let options = Options {
            weighting: choose("weighting", self.weighting, &weightings)?,
            spacing,
            normalizer: normalizer(self.normalizer)?,
            reduction: reduction(self.reduction)?,
        };
        // Whether they fit the axes of space, the input says.
        let axes = options.spacing.as_ref().map_or(1, Vec::len).clamp(1, 3);
        options.check(axes)?;
        Ok(Box::new(DistanceCrossEntropy {
            class_weights,
            ignore: ignore_index(self.ignore_index),
            options,
        }))
    }
}

impl Loss for DistanceCrossEntropy {
    fn name(&self) -> &'static CStr {
        c"distance_cross_entropy"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Sites
    }

    fn items(&self) -> Items {
        point_items(self.options.reduction)
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        check_space(dims, Activation::Softmax)?;
        Ok(self.options.check(dims.len() - 2)?)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            class_weights: self.class_weights.as_deref(),
            ignore: self.ignore,
        };
        let space = &call.dims[2..];
        evaluate(&self.options, space, &operands, call.values, call.gradient)
    }
}
