//! What losses of rotated boxes share.

use std::ffi::CStr;

use cvloss_kernels::loops::boxes::Gradients;
use cvloss_kernels::rotated::{Kind, Options, Scale, evaluate};
use cvloss_kernels::{Geometry, Result as KernelResult};

use super::boxes::{cvl_denominator, denominator, nothing, pair_items, split};
use crate::config::{self, choose, init, versioned};
use crate::loss::{Call, Input, Items, Loss, PAIR_WEIGHT};
use crate::options::{cvl_reduction, reduction};
use crate::status::Result;

/// A function of the distance of two Gaussians.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_distance_scale {
    /// The distance itself.
    Linear = 0,
    /// Its root, of at least 1e-7.
    Sqrt,
    /// `ln(1 + D)`.
    Log1p,
}

/// What all losses of rotated boxes share.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_rotated_boxes_config {
    /// Set by `cvl_rotated_boxes_config_init`.
    pub struct_size: usize,
    /// Added to what is divided by, in 1e-30..=1. Default 1e-7.
    pub eps: f64,
    /// Above 0; what CVL_DENOMINATOR_AVG_FACTOR divides by. Default 1.
    pub avg_factor: f64,
    /// A `cvl_denominator`. Default CVL_DENOMINATOR_ITEMS.
    pub denominator: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_rotated_boxes_config {
    struct_size, eps, avg_factor, denominator, reduction;
});

impl Default for cvl_rotated_boxes_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            eps: 1e-7,
            avg_factor: 1.0,
            denominator: cvl_denominator::Items as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_rotated_boxes_config_init(
    config: *mut cvl_rotated_boxes_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

pub(super) fn distance_scale(number: u32) -> Result<Scale> {
    choose("scale", number, &[Scale::Linear, Scale::Sqrt, Scale::Log1p])
}

/// A loss of pairs of rotated boxes.
pub(super) struct RotatedBoxes {
    name: &'static CStr,
    options: Options,
}

impl RotatedBoxes {
    /// Reads shared options, checks all, and makes the loss.
    ///
    /// # Safety
    /// `boxes` is NULL, or a struct of the size that it says.
    pub(super) unsafe fn build(
        name: &'static CStr,
        kind: Kind,
        boxes: *const cvl_rotated_boxes_config,
    ) -> Result<Box<dyn Loss>> {
        // SAFETY: the caller's promise.
        let boxes = unsafe { config::read(boxes) }?;
        let options = Options {
            kind,
            eps: boxes.eps,
            denominator: denominator(boxes.denominator, boxes.avg_factor)?,
            reduction: reduction(boxes.reduction)?,
        };
        evaluate(&options, &nothing(5)?, None, Gradients::default())?;
        Ok(Box::new(Self { name, options }))
    }
}

impl Loss for RotatedBoxes {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn inputs(&self) -> &'static [Input] {
        PAIR_WEIGHT
    }

    fn geometry(&self) -> Geometry {
        Geometry::Boxes(5)
    }

    fn items(&self) -> Items {
        pair_items(self.options.reduction)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let (operands, values, gradients) = split(call);
        evaluate(&self.options, &operands, values, gradients)
    }
}
