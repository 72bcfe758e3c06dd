//! DISTS.

use std::ptr;

#[cfg(feature = "perceptual")]
use cvloss::perceptual::networks::Trunk;
#[cfg(feature = "perceptual")]
use cvloss::perceptual::{DistsLoss, DistsOptions};

#[cfg(feature = "perceptual")]
use super::network::{self, Network};
use super::options::{MEMORY, cvl_input_range, cvl_weights_config};
use crate::config::{init, versioned};
use crate::loss::{Config, Loss, create, cvl_loss};
use crate::options::cvl_reduction;
#[cfg(feature = "perceptual")]
use crate::options::reduction;
use crate::status::{Result, cvl_status};

/// Options of DISTS.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_dists_config {
    /// Set by `cvl_dists_config_init`.
    pub struct_size: usize,
    /// The weights of VGG16; must be given, and may go once the loss is made. The learned heads are in the library.
    pub weights: *const cvl_weights_config,
    /// About how many bytes a call may use at a time. Default 1 GiB.
    pub memory: usize,
    /// A `cvl_input_range`. Default CVL_INPUT_RANGE_ZERO_ONE.
    pub range: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_dists_config {
    struct_size, weights, memory, range, reduction;
});

impl Default for cvl_dists_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            weights: ptr::null(),
            memory: MEMORY,
            range: cvl_input_range::ZeroOne as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults, without weights. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_dists_config_init(config: *mut cvl_dists_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Deep image structure and texture similarity (DISTS), as a loss: 0 for equal images. `config` must have weights.
///
/// Inputs, value and weights as `cvl_perceptual_new`. Agrees with `DISTS_pytorch.DISTS`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_dists_new(
    config: *const cvl_dists_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_dists_config {
    const LOSS: &'static str = "dists";

    #[cfg(not(feature = "perceptual"))]
    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        Err(super::options::unsupported())
    }

    #[cfg(feature = "perceptual")]
    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let options = DistsOptions {
            range: network::range(self.range)?,
            reduction: reduction(self.reduction)?,
            memory: self.memory,
        };
        // SAFETY: the caller's promise.
        let weights = unsafe { network::weights(Trunk::Vgg16, self.weights) }?;
        Ok(Box::new(Network {
            name: c"dists",
            loss: DistsLoss::new(weights, options)?,
        }))
    }
}
