//! Distances of features.

use std::ffi::c_char;
use std::ptr;

#[cfg(feature = "perceptual")]
use cvloss::perceptual::{PerceptualLoss, PerceptualOptions};

#[cfg(feature = "perceptual")]
use super::network::{self, Network};
use super::options::{
    MEMORY, cvl_image_normalization, cvl_input_range, cvl_trunk, cvl_weights_config,
};
use crate::config::{init, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::options::cvl_reduction;
#[cfg(feature = "perceptual")]
use crate::options::reduction;
use crate::status::{Result, cvl_status};

/// How features of a layer are compared; `C H W` is their number.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_feature_metric {
    /// `sum |x - t| / (C H W)`.
    L1 = 0,
    /// `sqrt(sum (x - t)^2 / (C H W))`; slope 0 where both are equal.
    L2,
    /// `sum (x - t)^2 / (C H W)`.
    SquaredL2,
}

/// Options of a perceptual loss. The defaults are ESRGAN's; `docs/perceptual.md` lists other presets.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_perceptual_config {
    /// Set by `cvl_perceptual_config_init`.
    pub struct_size: usize,
    /// The network's weights; must be given, and may go once the loss is made.
    pub weights: *const cvl_weights_config,
    /// Names of features, ending in NUL, in the network's order; copied. NULL: conv5_4, before the ReLU.
    pub layers: *const *const c_char,
    /// How many names `layers` has.
    pub num_layers: usize,
    /// The factor of each layer's distance; copied. NULL: all 1.
    pub layer_weights: *const f64,
    /// How many numbers `layer_weights` has.
    pub num_layer_weights: usize,
    /// About how many bytes a call may use at a time; images are done one after the other where they take more. Default
    /// 1 GiB.
    pub memory: usize,
    /// A `cvl_trunk`. Default CVL_TRUNK_VGG19.
    pub network: u32,
    /// A `cvl_feature_metric`. Default CVL_FEATURE_METRIC_L1.
    pub metric: u32,
    /// A `cvl_input_range`. Default CVL_INPUT_RANGE_ZERO_ONE.
    pub range: u32,
    /// A `cvl_image_normalization`. Default CVL_IMAGE_NORMALIZATION_IMAGENET.
    pub normalization: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_perceptual_config {
    struct_size, weights, layers, num_layers, layer_weights, num_layer_weights, memory, network, metric, range,
    normalization, reduction, reserved;
});

impl Default for cvl_perceptual_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            weights: ptr::null(),
            layers: ptr::null(),
            num_layers: 0,
            layer_weights: ptr::null(),
            num_layer_weights: 0,
            memory: MEMORY,
            network: cvl_trunk::Vgg19 as u32,
            metric: cvl_feature_metric::L1 as u32,
            range: cvl_input_range::ZeroOne as u32,
            normalization: cvl_image_normalization::Imagenet as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults, without weights. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_perceptual_config_init(
    config: *mut cvl_perceptual_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// A perceptual (content) loss: the distance of two images' features. `config` must have weights.
///
/// The first call in float32 (or half) and the first in float64 prepare the weights, which takes eight times their
/// memory. A library that was built without the feature `perceptual` returns CVL_STATUS_UNSUPPORTED.
///
/// Inputs: two images (N, 3, H, W) of the same type; no weight. Both have a gradient. Value: [], or (N) with
/// CVL_REDUCTION_NONE. Agrees with `piq.ContentLoss` and BasicSR's `PerceptualLoss`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_perceptual_new(
    config: *const cvl_perceptual_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_perceptual_config {
    const LOSS: &'static str = "perceptual";

    #[cfg(not(feature = "perceptual"))]
    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        Err(super::options::unsupported())
    }

    #[cfg(feature = "perceptual")]
    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        crate::config::unused(self.reserved)?;
        let (names, factors) = (
            (self.layers, self.num_layers),
            (self.layer_weights, self.num_layer_weights),
        );
        let options = PerceptualOptions {
            trunk: network::trunk(self.network)?,
            // SAFETY: the caller's promise.
            layers: unsafe {
                network::layers(names, factors, PerceptualOptions::default().layers)
            }?,
            metric: network::feature_metric(self.metric)?,
            range: network::range(self.range)?,
            normalization: network::normalization(self.normalization)?,
            reduction: reduction(self.reduction)?,
            memory: self.memory,
        };
        // SAFETY: the caller's promise.
        let weights = unsafe { network::weights(options.trunk, self.weights) }?;
        Ok(Box::new(Network {
            name: c"perceptual",
            loss: PerceptualLoss::new(weights, options)?,
        }))
    }
}
