//! Asymmetric loss of one label.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::imbalance::{SiteKind, evaluate_sites};
use cvloss_kernels::loops::site::Operands;
use cvloss_kernels::{Geometry, Normalizer, Reduction, Result as KernelResult};

use super::cross_entropy::{check_classes, point_items};
use crate::config::{init, list, versioned};
use crate::loss::{Call, Config, Items, Loss, create, cvl_loss};
use crate::options::{cvl_normalizer, cvl_reduction, ignore_index, normalizer, reduction};
use crate::status::{Result, cvl_status};

/// Options of asymmetric loss over a softmax.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_asymmetric_softmax_config {
    /// Set by `cvl_asymmetric_softmax_config_init`.
    pub struct_size: usize,
    /// One weight per class, copied by `cvl_asymmetric_softmax_new`. NULL for 1.
    pub class_weights: *const f64,
    /// How many numbers `class_weights` has.
    pub num_class_weights: usize,
    /// Power of the true class, at least 0. Default 1.
    pub gamma_positive: f64,
    /// Power of the other classes, at least 0. Default 4.
    pub gamma_negative: f64,
    /// Share of the target that is spread over all classes, in [0, 1]. Default 0.1.
    pub label_smoothing: f64,
    /// Points with this index have value 0 and leave the mean's denominator. Default -100.
    pub ignore_index: i64,
    /// A `cvl_normalizer`. Default CVL_NORMALIZER_WEIGHTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_asymmetric_softmax_config {
    struct_size, class_weights, num_class_weights, gamma_positive, gamma_negative, label_smoothing,
    ignore_index, normalizer, reduction;
});

impl Default for cvl_asymmetric_softmax_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            class_weights: ptr::null(),
            num_class_weights: 0,
            gamma_positive: 1.0,
            gamma_negative: 4.0,
            label_smoothing: 0.1,
            ignore_index: -100,
            normalizer: cvl_normalizer::Weights as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_asymmetric_softmax_config_init(
    config: *mut cvl_asymmetric_softmax_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Asymmetric loss over a softmax: a true class that is sure is damped, and so are the others where they are not. NULL
/// `config`: defaults.
///
/// `L = -w_y (a (1 - p_y)^gamma_positive ln p_y + b sum_{c != y} p_c^gamma_negative ln p_c)`, `b` the label smoothing
/// over the number of classes, `a` the rest of the target.
///
/// Inputs: logits (N, C, *), C at least 2; class indices (N, *) or (N, 1, *) as uint8, uint32, int64; optionally
/// weights (N, *) or (N, 1, *). Value: [], or (N, *). Agrees with `AsymmetricLossSingleLabel` of timm.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_asymmetric_softmax_new(
    config: *const cvl_asymmetric_softmax_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

struct AsymmetricSoftmax {
    class_weights: Option<Vec<f64>>,
    ignore: Option<i64>,
    kind: SiteKind,
    normalizer: Normalizer,
    reduction: Reduction,
}

impl Config for cvl_asymmetric_softmax_config {
    const LOSS: &'static str = "asymmetric_softmax";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let (weights, count) = (self.class_weights, self.num_class_weights);
        // SAFETY: the caller's promise.
        let class_weights = unsafe { list("class_weights", weights, count) }?;
        let kind = SiteKind::Asymmetric {
            gamma_positive: self.gamma_positive,
            gamma_negative: self.gamma_negative,
            smoothing: self.label_smoothing,
        };
        kind.check()?;
        Ok(Box::new(AsymmetricSoftmax {
            class_weights,
            ignore: ignore_index(self.ignore_index),
            kind,
            normalizer: normalizer(self.normalizer)?,
            reduction: reduction(self.reduction)?,
        }))
    }
}

impl Loss for AsymmetricSoftmax {
    fn name(&self) -> &'static CStr {
        c"asymmetric_softmax"
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

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            class_weights: self.class_weights.as_deref(),
            ignore: self.ignore,
        };
        let (normalizer, reduction) = (self.normalizer, self.reduction);
        evaluate_sites(
            self.kind,
            normalizer,
            reduction,
            &operands,
            call.values,
            call.gradient,
        )
    }
}
