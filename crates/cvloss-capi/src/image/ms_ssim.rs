//! Structural similarity over a pyramid.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::ssim::{
    ChannelProduct, Channels, MultiScale, NegativeContrast, OddPooling, PyramidOptions, SmallImage,
    check_options, evaluate_pyramid,
};
use cvloss_kernels::{Geometry, Result as KernelResult};

use super::similarity::{cvl_border, cvl_similarity_config, image_items, similarity, split};
use crate::config::{choose, init, list, unused, versioned};
use crate::loss::{Call, Config, Input, Items, Loss, PAIR_WEIGHT, create, cvl_loss};
use crate::options::{cvl_reduction, reduction};
use crate::status::{Result, cvl_status};

/// What becomes of odd sizes when a picture is halved.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_odd_pooling {
    /// The last pixel is dropped: torchmetrics.
    Drop = 0,
    /// The last pixel stands for itself: piqa.
    KeepLast,
    /// The first pixel stands for itself: piq, where all axes are odd.
    KeepFirst,
    /// The first pixel is averaged with a zero: pytorch_msssim.
    ZeroFirst,
}

/// What becomes of negative similarities before their power is taken.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_negative_contrast {
    /// 0, with slope 0.
    Clamp = 0,
    /// `(v + 1)/2` for every `v`.
    Shift,
}

/// What the product over levels is of.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_channel_product {
    /// Each channel by itself.
    Channel = 0,
    /// Each image: means over channels before the product.
    Image,
}

/// What to do with images that are too small for the last levels.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_small_image {
    /// An error that says the least size.
    Refuse = 0,
    /// Fewer levels; the weights of those that are left grow to the same sum.
    FewerLevels,
}

/// Options of structural similarity over a pyramid.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_ms_ssim_config {
    /// Set by `cvl_ms_ssim_config_init`.
    pub struct_size: usize,
    /// The largest value that pixels may have less the smallest: 1, 2 or 255. It has no default, and must be set.
    pub data_range: f64,
    /// Window, border and constants; copied by the constructor. NULL for the defaults.
    pub similarity: *const cvl_similarity_config,
    /// The power of each level, from the full size down; copied by the constructor. NULL for the paper's five.
    pub weights: *const f64,
    /// How many numbers `weights` has.
    pub num_weights: usize,
    /// A `cvl_odd_pooling`. Default CVL_ODD_POOLING_DROP.
    pub odd: u32,
    /// A `cvl_negative_contrast`. Default CVL_NEGATIVE_CONTRAST_CLAMP.
    pub negative: u32,
    /// A `cvl_channel_product`. Default CVL_CHANNEL_PRODUCT_CHANNEL.
    pub product: u32,
    /// A `cvl_small_image`. Default CVL_SMALL_IMAGE_REFUSE.
    pub small: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_ms_ssim_config {
    struct_size, data_range, similarity, weights, num_weights, odd, negative, product, small, reduction, reserved;
});

impl Default for cvl_ms_ssim_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            data_range: f64::NAN,
            similarity: ptr::null(),
            weights: ptr::null(),
            num_weights: 0,
            odd: cvl_odd_pooling::Drop as u32,
            negative: cvl_negative_contrast::Clamp as u32,
            product: cvl_channel_product::Channel as u32,
            small: cvl_small_image::Refuse as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_ms_ssim_config_init(
    config: *mut cvl_ms_ssim_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Structural similarity over a pyramid of sizes, as a loss. `config` must have a data range.
///
/// Inputs: two images (N, C, *) of the same shape and type with 1 to 3 axes of space, and optionally weights (N, *) or (N, 1, *). Both have a gradient. Value: [], or (N). Agrees with `1 - pytorch_msssim.ms_ssim`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_ms_ssim_new(
    config: *const cvl_ms_ssim_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_ms_ssim_config {
    const LOSS: &'static str = "ms_ssim";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        // SAFETY: the caller's promise.
        let (similarity, weights) = unsafe {
            (
                similarity(self.data_range, self.similarity, cvl_border::Valid)?,
                list("weights", self.weights, self.num_weights)?,
            )
        };
        let levels = MultiScale {
            weights: weights.unwrap_or(vec![0.0448, 0.2856, 0.3001, 0.2363, 0.1333]),
            odd: choose(
                "odd",
                self.odd,
                &[
                    OddPooling::Drop,
                    OddPooling::KeepLast,
                    OddPooling::KeepFirst,
                    OddPooling::ZeroFirst,
                ],
            )?,
            negative: choose(
                "negative",
                self.negative,
                &[NegativeContrast::Clamp, NegativeContrast::Shift],
            )?,
            product: choose(
                "product",
                self.product,
                &[ChannelProduct::Channel, ChannelProduct::Image],
            )?,
            small: choose(
                "small",
                self.small,
                &[SmallImage::Refuse, SmallImage::FewerLevels],
            )?,
        };
        Ok(Box::new(MsSsim(PyramidOptions {
            similarity,
            levels,
            reduction: reduction(self.reduction)?,
        })))
    }
}

struct MsSsim(PyramidOptions);

impl Loss for MsSsim {
    fn name(&self) -> &'static CStr {
        c"ms_ssim"
    }

    fn inputs(&self) -> &'static [Input] {
        PAIR_WEIGHT
    }

    fn geometry(&self) -> Geometry {
        Geometry::Images
    }

    fn items(&self) -> Items {
        image_items(self.0.reduction, Channels::Average)
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        let space = dims.get(2..).unwrap_or_default();
        check_options(&self.0.similarity, space.len())?;
        self.0.levels.powers(&self.0.similarity, space)?;
        Ok(())
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let (operands, results) = split(call);
        evaluate_pyramid(&self.0, &operands, results)
    }
}
