//! Distances of Gram matrices.

use std::ffi::c_char;
use std::ptr;

#[cfg(feature = "perceptual")]
use cvloss::perceptual::{StyleLoss, StyleOptions};
#[cfg(feature = "perceptual")]
use cvloss::{GramMetric, GramNormalization};

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

/// What a Gram matrix of C channels and M pixels is divided by.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_gram_normalization {
    /// Nothing.
    None = 0,
    /// `C M`.
    Chw,
    /// `2 C M`, so that CVL_GRAM_METRIC_SQUARED_SUM gives what Gatys et al. have.
    Gatys,
}

/// How Gram matrices of C x C numbers are compared.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_gram_metric {
    /// The sum of squared differences.
    SquaredSum = 0,
    /// The same over `C^2`.
    SquaredMean,
    /// The sum of absolute differences over `C^2`.
    AbsoluteMean,
}

/// Options of a style loss. The defaults are those of Johnson et al.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_style_config {
    /// Set by `cvl_style_config_init`.
    pub struct_size: usize,
    /// The network's weights; must be given, and may go once the loss is made.
    pub weights: *const cvl_weights_config,
    /// Names of features, ending in NUL, in the network's order; copied. NULL: relu1_2, relu2_2, relu3_3, relu4_3.
    pub layers: *const *const c_char,
    /// How many names `layers` has.
    pub num_layers: usize,
    /// The factor of each layer's distance; copied. NULL: all 1.
    pub layer_weights: *const f64,
    /// How many numbers `layer_weights` has.
    pub num_layer_weights: usize,
    /// About how many bytes a call may use at a time. Default 1 GiB.
    pub memory: usize,
    /// A `cvl_trunk`. Default CVL_TRUNK_VGG16.
    pub network: u32,
    /// A `cvl_gram_normalization`. Default CVL_GRAM_NORMALIZATION_CHW.
    pub gram_normalization: u32,
    /// A `cvl_gram_metric`. Default CVL_GRAM_METRIC_SQUARED_SUM.
    pub metric: u32,
    /// A `cvl_input_range`. Default CVL_INPUT_RANGE_ZERO_ONE.
    pub range: u32,
    /// A `cvl_image_normalization`. Default CVL_IMAGE_NORMALIZATION_IMAGENET.
    pub normalization: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_style_config {
    struct_size, weights, layers, num_layers, layer_weights, num_layer_weights, memory, network, gram_normalization,
    metric, range, normalization, reduction;
});

impl Default for cvl_style_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            weights: ptr::null(),
            layers: ptr::null(),
            num_layers: 0,
            layer_weights: ptr::null(),
            num_layer_weights: 0,
            memory: MEMORY,
            network: cvl_trunk::Vgg16 as u32,
            gram_normalization: cvl_gram_normalization::Chw as u32,
            metric: cvl_gram_metric::SquaredSum as u32,
            range: cvl_input_range::ZeroOne as u32,
            normalization: cvl_image_normalization::Imagenet as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults, without weights. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_style_config_init(config: *mut cvl_style_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// A style loss: the distance of Gram matrices of two images' features. `config` must have weights.
///
/// Inputs, value and weights as `cvl_perceptual_new`. Agrees with `piq.StyleLoss` and the papers of Gatys and Johnson.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_style_new(
    config: *const cvl_style_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_style_config {
    const LOSS: &'static str = "style";

    #[cfg(not(feature = "perceptual"))]
    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        Err(super::options::unsupported())
    }

    #[cfg(feature = "perceptual")]
    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        use GramMetric::{AbsoluteMean, SquaredMean, SquaredSum};
        use GramNormalization::{Chw, Gatys, None};

        let (names, factors) = (
            (self.layers, self.num_layers),
            (self.layer_weights, self.num_layer_weights),
        );
        let choose = crate::config::choose::<GramNormalization>;
        let gram = choose(
            "gram_normalization",
            self.gram_normalization,
            &[None, Chw, Gatys],
        )?;
        let metrics = [SquaredSum, SquaredMean, AbsoluteMean];
        let options = StyleOptions {
            trunk: network::trunk(self.network)?,
            // SAFETY: the caller's promise.
            layers: unsafe { network::layers(names, factors, StyleOptions::default().layers) }?,
            normalization: gram,
            metric: crate::config::choose("metric", self.metric, &metrics)?,
            range: network::range(self.range)?,
            image: network::normalization(self.normalization)?,
            reduction: reduction(self.reduction)?,
            memory: self.memory,
        };
        // SAFETY: the caller's promise.
        let weights = unsafe { network::weights(options.trunk, self.weights) }?;
        Ok(Box::new(Network {
            name: c"style",
            loss: StyleLoss::new(weights, options)?,
        }))
    }
}
