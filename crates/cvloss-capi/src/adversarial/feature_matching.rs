//! Feature matching.

use std::ffi::CStr;

use cvloss_kernels::adversarial::{
    FeatureDistance, FeatureOptions, FeaturePooling, evaluate_features,
};
use cvloss_kernels::{Geometry, Reduction, Result as KernelResult};

use super::logits::{FAKE_REAL, split};
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Call, Config, Input, Items, Loss, create, cvl_loss};
use crate::options::{cvl_reduction, reduction};
use crate::segmentation::element_items;
use crate::status::{Error, Result, cvl_status};

/// How far two features are apart.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_feature_distance {
    /// `|f - r|`
    Absolute = 0,
    /// `(f - r)^2`
    Squared,
}

/// Which features are compared.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_feature_pooling {
    /// Those of each pair of items: pix2pixHD.
    Items = 0,
    /// Their means over the batch: the paper; not with CVL_REDUCTION_NONE.
    BatchMeans,
}

/// Options of feature matching.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_feature_matching_config {
    /// Set by `cvl_feature_matching_config_init`.
    pub struct_size: usize,
    /// A `cvl_feature_distance`. Default CVL_FEATURE_DISTANCE_ABSOLUTE.
    pub distance: u32,
    /// A `cvl_feature_pooling`. Default CVL_FEATURE_POOLING_ITEMS.
    pub pooling: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_feature_matching_config {
    struct_size, distance, pooling, reduction, reserved;
});

impl Default for cvl_feature_matching_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            distance: cvl_feature_distance::Absolute as u32,
            pooling: cvl_feature_pooling::Items as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_feature_matching_config_init(
    config: *mut cvl_feature_matching_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Feature matching: a generator's loss that makes features of fake items like those of real ones. NULL `config`:
/// defaults.
///
/// `L = mean |f - r|`, or of means over the batch.
///
/// Inputs: features (N, C, *) of fake items; of real items, of the same shape and type; optionally weights (N, *) or
/// (N, 1, *). Both features have a gradient. Value: [], or the features' shape. Layers: one call each into one sum.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_feature_matching_new(
    config: *const cvl_feature_matching_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_feature_matching_config {
    const LOSS: &'static str = "feature_matching";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        let distances = [FeatureDistance::Absolute, FeatureDistance::Squared];
        let poolings = [FeaturePooling::Items, FeaturePooling::BatchMeans];
        let options = FeatureOptions {
            distance: choose("distance", self.distance, &distances)?,
            pooling: choose("pooling", self.pooling, &poolings)?,
            reduction: reduction(self.reduction)?,
        };
        if (options.pooling, options.reduction) == (FeaturePooling::BatchMeans, Reduction::None) {
            return Err(Error::invalid(
                "reduction is CVL_REDUCTION_NONE, but a mean over the batch ties all items together",
            ));
        }
        Ok(Box::new(FeatureMatching(options)))
    }
}

struct FeatureMatching(FeatureOptions);

impl Loss for FeatureMatching {
    fn name(&self) -> &'static CStr {
        c"feature_matching"
    }

    fn inputs(&self) -> &'static [Input] {
        FAKE_REAL
    }

    fn geometry(&self) -> Geometry {
        Geometry::Sites
    }

    fn items(&self) -> Items {
        element_items(self.0.reduction)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        // The kernel has one gradient for the first features, whichever they are.
        let (features, values, gradients) = split(call);
        evaluate_features(&self.0, &features, values, gradients)
    }
}
