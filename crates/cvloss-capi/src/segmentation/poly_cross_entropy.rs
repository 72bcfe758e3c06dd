//! Poly-1 cross-entropy.

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

/// Options of poly-1 cross-entropy.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_poly_cross_entropy_config {
    /// Set by `cvl_poly_cross_entropy_config_init`.
    pub struct_size: usize,
    /// One weight per class, copied by `cvl_poly_cross_entropy_new`. NULL for 1.
    pub class_weights: *const f64,
    /// How many numbers `class_weights` has.
    pub num_class_weights: usize,
    /// The factor of the first polynomial term, finite. Default 2.
    pub epsilon: f64,
    /// Points with this index have value 0 and leave the mean's denominator. Default -100.
    pub ignore_index: i64,
    /// A `cvl_normalizer`. Default CVL_NORMALIZER_WEIGHTS.
    pub normalizer: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_poly_cross_entropy_config {
    struct_size, class_weights, num_class_weights, epsilon, ignore_index, normalizer, reduction;
});

impl Default for cvl_poly_cross_entropy_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            class_weights: ptr::null(),
            num_class_weights: 0,
            epsilon: 2.0,
            ignore_index: -100,
            normalizer: cvl_normalizer::Weights as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_poly_cross_entropy_config_init(
    config: *mut cvl_poly_cross_entropy_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Poly-1 cross-entropy: cross-entropy plus the first term of its polynomial. NULL `config`: defaults.
///
/// `L = w_y (-ln p_y + epsilon (1 - p_y))`.
///
/// Inputs: logits (N, C, *), C at least 2; class indices (N, *) or (N, 1, *) as uint8, uint32, int64; optionally
/// weights (N, *) or (N, 1, *). Value: [], or (N, *).
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_poly_cross_entropy_new(
    config: *const cvl_poly_cross_entropy_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

struct PolyCrossEntropy {
    class_weights: Option<Vec<f64>>,
    ignore: Option<i64>,
    kind: SiteKind,
    normalizer: Normalizer,
    reduction: Reduction,
}

impl Config for cvl_poly_cross_entropy_config {
    const LOSS: &'static str = "poly_cross_entropy";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let (weights, count) = (self.class_weights, self.num_class_weights);
        // SAFETY: the caller's promise.
        let class_weights = unsafe { list("class_weights", weights, count) }?;
        let kind = SiteKind::Poly {
            epsilon: self.epsilon,
        };
        kind.check()?;
        Ok(Box::new(PolyCrossEntropy {
            class_weights,
            ignore: ignore_index(self.ignore_index),
            kind,
            normalizer: normalizer(self.normalizer)?,
            reduction: reduction(self.reduction)?,
        }))
    }
}

impl Loss for PolyCrossEntropy {
    fn name(&self) -> &'static CStr {
        c"poly_cross_entropy"
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
