//! Losses of images, and of any two tensors that are alike.

mod charbonnier;
mod huber;
mod l1;
mod log_cosh;
mod mse;
mod pixel;
mod psnr;
mod robust;
mod smooth_l1;
mod wing;

pub use charbonnier::*;
pub use huber::*;
pub use l1::*;
pub use log_cosh::*;
pub use mse::*;
pub use psnr::*;
pub use robust::*;
pub use smooth_l1::*;
pub use wing::*;
