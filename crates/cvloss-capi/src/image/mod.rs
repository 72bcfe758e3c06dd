//! Losses of images, and of any two tensors that are alike.

mod charbonnier;
mod huber;
mod l1;
mod l1_ssim;
mod log_cosh;
mod ms_ssim;
mod ms_ssim_l1;
mod mse;
mod pixel;
mod psnr;
mod robust;
mod similarity;
mod smooth_l1;
mod ssim;
mod wing;

pub use charbonnier::*;
pub use huber::*;
pub use l1::*;
pub use l1_ssim::*;
pub use log_cosh::*;
pub use ms_ssim::*;
pub use ms_ssim_l1::*;
pub use mse::*;
pub use psnr::*;
pub use robust::*;
pub use similarity::*;
pub use smooth_l1::*;
pub use ssim::*;
pub use wing::*;
