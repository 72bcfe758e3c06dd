//! Fused kernels of computer-vision losses: value and gradient in one evaluation, on memory that the caller owns.
//!
//! This crate knows no tensor library, no C ABI, no files and no network. Tensors come in as borrowed [`View`]s of shape
//! (N, C, S): items, channels (classes) and all spatial axes in one. The `cvloss` crate puts candle tensors on top.
//!
//! Each loss is a folder: `mod.rs` has its options and what a caller runs, `cpu.rs` the formula, line by line. Loops are
//! written once per shape, in [`loops`].

pub mod adversarial;
mod axes;
pub mod balanced_l1;
pub mod bce;
pub mod bi_tempered;
pub mod boxes;
pub mod cl_dice;
pub mod conv;
pub mod cross_entropy;
pub mod device;
pub mod distance;
pub mod distance_cross_entropy;
pub mod distance_transform;
pub mod distribution_focal;
pub mod edge;
mod error;
pub mod focal;
pub mod frequency;
mod geometry;
pub mod hausdorff_erosion;
pub mod imbalance;
mod labels;
#[cfg(any(feature = "cuda", feature = "metal"))]
pub mod launch;
pub mod loops;
pub mod lovasz;
pub mod math;
mod options;
mod parallel;
pub mod perceptual;
pub mod pixel;
pub mod region;
pub mod rotated;
mod scalar;
pub mod scales;
pub mod seesaw;
pub mod simd;
pub mod ssim;
pub mod total_variation;
pub mod upstream;
mod view;
pub mod wasserstein;

pub use axes::Axes;
pub use error::{Error, Result};
pub use geometry::{Fit, Fitted, Geometry};
pub use options::{Gradient, Gradients, Normalizer, Reduction};
pub use scalar::{DType, Prim, Scalar};
pub use view::{View, ViewMut};
