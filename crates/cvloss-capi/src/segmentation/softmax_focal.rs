//! Softmax focal loss.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::device::Kernel;
use cvloss_kernels::focal::{ClassAlpha, check_gamma, evaluate_softmax, softmax_term};
use cvloss_kernels::loops::site::Operands;
use cvloss_kernels::{Geometry, Normalizer, Reduction, Result as KernelResult};

use super::cross_entropy::{check_classes, point_items};
use crate::config::{init, list, unused, versioned};
use crate::loss::{Call, Config, Items, Loss, Target, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction, ignore_index, normalizer, reduction};
use crate::status::{Error, Result, cvl_status};

/// The weight of each class in a softmax focal loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_class_alpha {
    /// 1 for all.
    None = 0,
    /// `alpha` for all: mmcv.
    Uniform,
    /// `1 - alpha` for class 0, `alpha` for the others: kornia, MONAI.
    Background,
    /// `class_weights`.
    PerClass,
}

/// Options of softmax focal loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_softmax_focal_config {
    /// Set by `cvl_softmax_focal_config_init`.
    pub struct_size: usize,
    /// One weight per class, copied by `cvl_softmax_focal_new`; needed by, and only read for, CVL_CLASS_ALPHA_PER_CLASS.
    pub class_weights: *const f64,
    /// How many numbers `class_weights` has.
    pub num_class_weights: usize,
    /// In [0, 1]; only read for CVL_CLASS_ALPHA_UNIFORM and CVL_CLASS_ALPHA_BACKGROUND. Default 0.25.
    pub alpha: f64,
    /// Focusing parameter, at least 0. Default 2.
    pub gamma: f64,
    /// Points with this index have value 0 and leave the mean's denominator. Default -100.
    pub ignore_index: i64,
    /// A `cvl_class_alpha`. Default CVL_CLASS_ALPHA_NONE.
    pub class_alpha: u32,
    /// A `cvl_normalizer`; CVL_NORMALIZER_POSITIVES counts points of any class but 0. Default CVL_NORMALIZER_ELEMENTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_softmax_focal_config {
    struct_size, class_weights, num_class_weights, alpha, gamma, ignore_index, class_alpha, normalizer, reduction, reserved;
});

impl Default for cvl_softmax_focal_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            class_weights: ptr::null(),
            num_class_weights: 0,
            alpha: 0.25,
            gamma: 2.0,
            ignore_index: -100,
            class_alpha: cvl_class_alpha::None as u32,
            normalizer: cvl_normalizer::Elements as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_softmax_focal_config_init(
    config: *mut cvl_softmax_focal_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Focal loss over a softmax, for multiclass prediction. NULL `config`: defaults.
///
/// `L = -alpha_y (1 - p_y)^gamma ln p_y`.
///
/// Inputs: logits (N, C, *), C at least 2; class indices (N, *) or (N, 1, *) as uint8, uint32, int64; optionally weights
/// (N, *) or (N, 1, *). Value: [], or (N, *). Agrees with `kornia.losses.focal_loss`, whose mean divides by C too.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_softmax_focal_new(
    config: *const cvl_softmax_focal_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

struct SoftmaxFocal {
    alpha: ClassAlpha,
    gamma: f64,
    ignore: Option<i64>,
    normalizer: Normalizer,
    reduction: Reduction,
}

impl cvl_softmax_focal_config {
    /// # Safety
    /// As `Config::build`.
    unsafe fn alpha(&self) -> Result<ClassAlpha> {
        match self.class_alpha {
            0 => Ok(ClassAlpha::None),
            1 => Ok(ClassAlpha::Uniform(self.alpha)),
            2 => Ok(ClassAlpha::Background(self.alpha)),
            3 => {
                let (weights, count) = (self.class_weights, self.num_class_weights);
                // SAFETY: the caller's promise.
                let weights = unsafe { list("class_weights", weights, count) }?;
                weights
                    .map(ClassAlpha::PerClass)
                    .ok_or_else(|| Error::invalid("class_weights is empty, expected one per class"))
            }
            other => Err(Error::invalid(format!(
                "class_alpha is {other}, expected 0 to 3"
            ))),
        }
    }
}

impl Config for cvl_softmax_focal_config {
    const LOSS: &'static str = "softmax_focal";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        // SAFETY: the caller's promise.
        let alpha = unsafe { self.alpha() }?;
        alpha.check()?;
        check_gamma(self.gamma)?;
        Ok(Box::new(SoftmaxFocal {
            alpha,
            gamma: self.gamma,
            ignore: ignore_index(self.ignore_index),
            normalizer: normalizer(self.normalizer)?,
            reduction: reduction(self.reduction)?,
        }))
    }
}

impl Loss for SoftmaxFocal {
    fn name(&self) -> &'static CStr {
        c"softmax_focal"
    }

    fn geometry(&self) -> Geometry {
        Geometry::Sites
    }

    fn items(&self) -> Items {
        point_items(self.reduction)
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        check_classes(dims)
    }

    fn kernel(&self, target: Target) -> KernelResult<Option<Kernel>> {
        Ok(Some(Kernel::Sites {
            term: softmax_term(self.gamma)?,
            class_weights: self.alpha.weights(target.channels),
            ignore: self.ignore,
            normalizer: self.normalizer,
            reduction: self.reduction,
        }))
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let class_weights = self.alpha.weights(call.input.shape()[1]);
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            class_weights: class_weights.as_deref(),
            ignore: self.ignore,
        };
        let (normalizer, reduction) = (self.normalizer, self.reduction);
        evaluate_softmax(
            self.gamma,
            normalizer,
            reduction,
            &operands,
            call.values,
            call.gradient,
        )
    }
}
