//! Losses of images, and of any two tensors that are alike.

mod charbonnier;
mod edge;
mod frequency;
mod huber;
mod l1;
mod log_cosh;
mod mse;
mod pixel;
mod psnr;
mod robust;
mod total_variation;
mod wing;

pub use charbonnier::{CharbonnierEps, CharbonnierLoss};
pub use edge::EdgeLoss;
pub use frequency::{FftL1Loss, FocalFrequencyLoss};
pub use huber::{HuberLoss, SmoothL1Loss};
pub use l1::L1Loss;
pub use log_cosh::LogCoshLoss;
pub use mse::MseLoss;
pub use psnr::PsnrLoss;
pub use robust::RobustLoss;
pub use total_variation::TotalVariation;
pub use wing::WingLoss;
