//! LPIPS.

use std::ptr;

#[cfg(feature = "perceptual")]
use cvloss::perceptual::{LpipsLoss, LpipsNetwork, LpipsOptions};

#[cfg(feature = "perceptual")]
use super::network::{self, Network};
use super::options::{MEMORY, cvl_input_range, cvl_weights_config};
use crate::config::{init, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::options::cvl_reduction;
#[cfg(feature = "perceptual")]
use crate::options::reduction;
use crate::status::{Result, cvl_status};

/// The network of LPIPS.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_lpips_network {
    /// AlexNet: the authors' advice for comparing images.
    Alex = 0,
    /// VGG16: the authors' advice for optimisation.
    Vgg,
    /// SqueezeNet 1.1: the smallest.
    Squeeze,
}

/// Options of LPIPS.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_lpips_config {
    /// Set by `cvl_lpips_config_init`.
    pub struct_size: usize,
    /// The network's weights; must be given, and may go once the loss is made. The learned heads are in the library.
    pub weights: *const cvl_weights_config,
    /// About how many bytes a call may use at a time. Default 1 GiB.
    pub memory: usize,
    /// A `cvl_lpips_network`. Default CVL_LPIPS_NETWORK_ALEX.
    pub network: u32,
    /// A `cvl_input_range`. Default CVL_INPUT_RANGE_ZERO_ONE, which is not `lpips`'s: there it is -1 to 1.
    pub range: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_lpips_config {
    struct_size, weights, memory, network, range, reduction, reserved;
});

impl Default for cvl_lpips_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            weights: ptr::null(),
            memory: MEMORY,
            network: cvl_lpips_network::Alex as u32,
            range: cvl_input_range::ZeroOne as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults, without weights. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_lpips_config_init(config: *mut cvl_lpips_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Learned perceptual image patch similarity (LPIPS), version 0.1. `config` must have weights.
///
/// Inputs, value and weights as `cvl_perceptual_new`. Agrees with `lpips.LPIPS(version="0.1")`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_lpips_new(
    config: *const cvl_lpips_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_lpips_config {
    const LOSS: &'static str = "lpips";

    #[cfg(not(feature = "perceptual"))]
    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        Err(super::options::unsupported())
    }

    #[cfg(feature = "perceptual")]
    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        use LpipsNetwork::{Alex, Squeeze, Vgg};

        crate::config::unused(self.reserved)?;
        let options = LpipsOptions {
            network: crate::config::choose("network", self.network, &[Alex, Vgg, Squeeze])?,
            range: network::range(self.range)?,
            reduction: reduction(self.reduction)?,
            memory: self.memory,
        };
        // SAFETY: the caller's promise.
        let weights = unsafe { network::weights(options.network.trunk(), self.weights) }?;
        Ok(Box::new(Network {
            name: c"lpips",
            loss: LpipsLoss::new(weights, options)?,
        }))
    }
}
