//! Losses of images, and of any two tensors that are alike.

mod charbonnier;
mod compose;
mod edge;
mod frequency;
mod huber;
mod l1;
mod l1_ssim;
mod log_cosh;
mod ms_ssim;
mod ms_ssim_l1;
mod mse;
pub(crate) mod pixel;
mod psnr;
mod robust;
mod ssim;
mod total_variation;
mod wing;

pub use charbonnier::{CharbonnierEps, CharbonnierLoss};
pub use edge::EdgeLoss;
pub use frequency::{FftL1Loss, FocalFrequencyLoss};
pub use huber::{HuberLoss, SmoothL1Loss};
pub use l1::L1Loss;
pub use l1_ssim::L1SsimLoss;
pub use log_cosh::LogCoshLoss;
pub use ms_ssim::MsSsimLoss;
pub use ms_ssim_l1::MsSsimL1Loss;
pub use mse::MseLoss;
pub use psnr::PsnrLoss;
pub use robust::RobustLoss;
pub use ssim::{SsimLoss, ssim_map};
pub use total_variation::TotalVariation;
pub use wing::WingLoss;
