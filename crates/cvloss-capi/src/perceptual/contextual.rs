//! Contextual losses.

use std::ffi::c_char;
use std::ptr;

#[cfg(feature = "perceptual")]
use cvloss::perceptual::{ContextualLoss, ContextualOptions};

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

/// Options of a contextual loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_contextual_config {
    /// Set by `cvl_contextual_config_init`.
    pub struct_size: usize,
    /// The network's weights; must be given, and may go once the loss is made.
    pub weights: *const cvl_weights_config,
    /// Names of features, ending in NUL, in the network's order; copied. NULL: relu3_4.
    pub layers: *const *const c_char,
    /// How many names `layers` has.
    pub num_layers: usize,
    /// The factor of each layer's distance; copied. NULL: all 1.
    pub layer_weights: *const f64,
    /// How many numbers `layer_weights` has.
    pub num_layer_weights: usize,
    /// About how many bytes the network may use at a time. Default 1 GiB.
    pub memory: usize,
    /// The bandwidth, above 0. Default 0.5.
    pub bandwidth: f64,
    /// A `cvl_trunk`. Default CVL_TRUNK_VGG19.
    pub network: u32,
    /// A `cvl_input_range`. Default CVL_INPUT_RANGE_ZERO_ONE.
    pub range: u32,
    /// A `cvl_image_normalization`. Default CVL_IMAGE_NORMALIZATION_IMAGENET.
    pub normalization: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_contextual_config {
    struct_size, weights, layers, num_layers, layer_weights, num_layer_weights, memory, bandwidth, network, range,
    normalization, reduction;
});

impl Default for cvl_contextual_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            weights: ptr::null(),
            layers: ptr::null(),
            num_layers: 0,
            layer_weights: ptr::null(),
            num_layer_weights: 0,
            memory: MEMORY,
            bandwidth: 0.5,
            network: cvl_trunk::Vgg19 as u32,
            range: cvl_input_range::ZeroOne as u32,
            normalization: cvl_image_normalization::Imagenet as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults, without weights. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_contextual_config_init(
    config: *mut cvl_contextual_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// A contextual loss: how well the target's features are found in the input, wherever they are. `config` must have
/// weights.
///
/// Inputs, value and weights as `cvl_perceptual_new`. The formula is that of Mechrez et al., with cosine distances.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_contextual_new(
    config: *const cvl_contextual_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_contextual_config {
    const LOSS: &'static str = "contextual";

    #[cfg(not(feature = "perceptual"))]
    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        Err(super::options::unsupported())
    }

    #[cfg(feature = "perceptual")]
    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let (names, factors) = (
            (self.layers, self.num_layers),
            (self.layer_weights, self.num_layer_weights),
        );
        let options = ContextualOptions {
            trunk: network::trunk(self.network)?,
            // SAFETY: the caller's promise.
            layers: unsafe {
                network::layers(names, factors, ContextualOptions::default().layers)
            }?,
            bandwidth: self.bandwidth,
            range: network::range(self.range)?,
            normalization: network::normalization(self.normalization)?,
            reduction: reduction(self.reduction)?,
            memory: self.memory,
        };
        // SAFETY: the caller's promise.
        let weights = unsafe { network::weights(options.trunk, self.weights) }?;
        Ok(Box::new(Network {
            name: c"contextual",
            loss: ContextualLoss::new(weights, options)?,
        }))
    }
}
