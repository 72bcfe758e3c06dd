//! Losses whose kernel runs on a tensor's own device. Where there is none, the composed form does.

// Without a device's feature, nobody reads what a kernel is.
#![cfg_attr(not(feature = "cuda"), allow(dead_code))]

#[cfg(feature = "cuda")]
pub(crate) mod cuda;

use candle_core::{Device, Tensor};
use cvloss_kernels as kernels;
use kernels::device::{Formula, Term};
use kernels::pixel::Penalty;
use kernels::{Normalizer, Reduction, region, ssim};

/// A kernel for devices with its options.
pub(crate) enum Kernel {
    /// One value per element.
    Elements {
        formula: Formula,
        /// Along the channels.
        pos_weight: Option<Vec<f64>>,
        ignore: Option<f64>,
        normalizer: Normalizer,
        reduction: Reduction,
    },
    /// One value per pixel, over a softmax.
    Sites {
        term: Term,
        class_weights: Option<Vec<f64>>,
        ignore: Option<i64>,
        normalizer: Normalizer,
        reduction: Reduction,
    },
    /// A function of region sums.
    Region {
        options: region::Options,
        ignore: Option<i64>,
    },
    /// Structural similarity.
    Windows(ssim::Options),
}

impl Kernel {
    /// That of a loss of single differences.
    pub(crate) fn pixel(
        penalty: Penalty,
        normalizer: Normalizer,
        reduction: Reduction,
    ) -> kernels::Result<Option<Self>> {
        Ok(Some(Self::Elements {
            formula: kernels::pixel::formula(penalty)?,
            pos_weight: None,
            ignore: None,
            normalizer,
            reduction,
        }))
    }

    /// Whether it takes tensors as these: it has 32-bit indices, and no launch is empty.
    pub(crate) fn takes(&self, input: &Tensor, weight: Option<&Tensor>) -> bool {
        let has_kernel = match self {
            Self::Elements { .. } | Self::Sites { .. } => true,
            Self::Region { options, .. } => kernels::device::overlap::supports(options),
            Self::Windows(options) => {
                input.rank() == 4 && weight.is_none() && kernels::device::window::supports(options)
            }
        };
        has_kernel && (1..1 << 29).contains(&input.elem_count())
    }
}

/// Whether kernels run on a device.
pub(crate) fn launches(device: &Device) -> bool {
    cfg!(feature = "cuda") && device.is_cuda()
}
