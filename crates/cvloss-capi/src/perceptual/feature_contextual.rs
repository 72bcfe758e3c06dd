//! Contextual losses of features that are given.

use std::ffi::CStr;

use cvloss_kernels::perceptual::{Contextual, Results, evaluate_features};
use cvloss_kernels::{Geometry, Reduction, Result as KernelResult};

use crate::config::{init, unused, versioned};
use crate::loss::{Call, Config, Input, Items, Loss, PAIR, create, cvl_loss};
use crate::options::{cvl_reduction, reduction};
use crate::status::{Result, cvl_status};

/// Options of a contextual loss of features.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_feature_contextual_config {
    /// Set by `cvl_feature_contextual_config_init`.
    pub struct_size: usize,
    /// The bandwidth, above 0. Default 0.5.
    pub bandwidth: f64,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_feature_contextual_config {
    struct_size, bandwidth, reduction, reserved;
});

impl Default for cvl_feature_contextual_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            bandwidth: 0.5,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_feature_contextual_config_init(
    config: *mut cvl_feature_contextual_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// The contextual loss of features that are given, of any network, in any library. NULL `config`: defaults.
///
/// Inputs: features (N, C, *) of input and target with 1 to 3 axes of space, of the same shape and type; no weight. Both
/// have a gradient. Value: [], or (N) with CVL_REDUCTION_NONE.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_feature_contextual_new(
    config: *const cvl_feature_contextual_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_feature_contextual_config {
    const LOSS: &'static str = "feature_contextual";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        Contextual::check(self.bandwidth)?;
        Ok(Box::new(FeatureContextual {
            bandwidth: self.bandwidth,
            reduction: reduction(self.reduction)?,
        }))
    }
}

struct FeatureContextual {
    bandwidth: f64,
    reduction: Reduction,
}

impl Loss for FeatureContextual {
    fn name(&self) -> &'static CStr {
        c"feature_contextual"
    }

    fn inputs(&self) -> &'static [Input] {
        PAIR
    }

    fn geometry(&self) -> Geometry {
        Geometry::Images
    }

    fn items(&self) -> Items {
        match self.reduction {
            Reduction::None => Items::Images,
            _ => Items::One,
        }
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let results = Results {
            values: call.values,
            input: call.gradient,
            target: call.target_gradient,
        };
        let features = (call.input, call.target);
        evaluate_features(self.bandwidth, features, results, self.reduction)
    }
}
