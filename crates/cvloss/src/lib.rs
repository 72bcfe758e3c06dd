//! Computer-vision losses for [candle](candle_core), fused: each returns its value and its gradient in one evaluation.
//!
//! The configuration struct is the loss:
//!
//! ```
//! use candle_core::{DType, Device, Tensor, Var};
//! use cvloss::{FocalLoss, Loss};
//!
//! let logits = Var::randn(0f32, 1., (2, 3, 8, 8), &Device::Cpu)?;
//! let target = Tensor::zeros((2, 3, 8, 8), DType::F32, &Device::Cpu)?;
//! let loss = FocalLoss { gamma: 1.5, ..FocalLoss::default() };
//!
//! // In a training loop: on candle's tape.
//! let gradients = loss.forward(&logits, &target)?.backward()?;
//! assert!(gradients.get(&logits).is_some());
//!
//! // Without a tape.
//! let (_value, _gradient) = loss.value_and_grad(&logits, &target)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! On the CPU a kernel of [`cvloss_kernels`] runs, vectorised and in parallel, with the same bits for any number of threads.
//! On CUDA and Metal, with the features `cuda` and `metal`, many losses have kernels too ([`Loss::has_kernel`]). Elsewhere the
//! same formula runs as candle operations ([`Loss::composed`]).
//!
//! Peers disagree silently on what a loss means; here each choice is an option that names the peer. Conventions that all
//! losses keep are in `docs/conventions.md` of the repository.

#![forbid(unsafe_code)]

pub mod adversarial;
mod autograd;
pub mod detection;
mod device;
mod error;
mod host;
pub mod image;
mod loss;
mod ops;
pub mod perceptual;
mod regularizer;
pub mod segmentation;
mod sum;

pub use adversarial::*;
pub use cvloss_kernels::adversarial::average::{GanMoments, GanSums};
pub use cvloss_kernels::adversarial::{
    FeatureDistance, FeaturePooling, GanForm, GanLabels, GanSide, LecamForm, Pairing,
};
pub use cvloss_kernels::boxes::{BoxFormat, IouForm, SiouSign, WeightSlope, WiseVersion};
pub use cvloss_kernels::distance::{BoundaryTarget, HausdorffTransform};
pub use cvloss_kernels::distance_cross_entropy::DistanceWeighting;
pub use cvloss_kernels::edge::{EdgeBorder, EdgeFilter, EdgePenalty, EdgeScale};
pub use cvloss_kernels::focal::{ClassAlpha, SoftTargets};
pub use cvloss_kernels::frequency::{
    FftForm, FftNorm, SpectrumPeak, SpectrumPooling, SpectrumWeight,
};
pub use cvloss_kernels::imbalance::{
    Balance, FocusSlope, MinedMean, PositiveWeight, ReducedScale, UnifiedForm,
};
pub use cvloss_kernels::loops::boxes::Denominator;
pub use cvloss_kernels::lovasz::LovaszClasses;
pub use cvloss_kernels::perceptual::{FeatureMetric, GramMetric, GramNormalization};
pub use cvloss_kernels::pixel::{PsnrPooling, RobustShape};
pub use cvloss_kernels::region::{
    Absent, Activation, Average, ClassAverage, Classes, DiceForm, F1Sides, FocalPower,
    Intersection, ItemStatistics, Pooling, Smooth, Transform, VolumeWeight,
};
pub use cvloss_kernels::rotated::{Divergence, KfForm, Scale};
pub use cvloss_kernels::scales::{ScalePooling, ScaleWeights, UnevenScale};
pub use cvloss_kernels::ssim::{
    Border, ChannelProduct, Channels, Covariance, NegativeContrast, OddPooling, Similarity,
    SmallImage, SsimForm, Taps, Variance, Window,
};
pub use cvloss_kernels::total_variation::{VariationNorm, VariationScale};
pub use cvloss_kernels::wasserstein::WassersteinWeighting;
pub use cvloss_kernels::{Normalizer, Reduction};
pub use detection::*;
pub use error::{Error, Result};
pub use image::*;
pub use loss::{Accumulator, Gradients, Inputs, Loss, Value};
pub use regularizer::{OfInput, Regularizer};
pub use segmentation::*;
pub use sum::{LossSum, Term, Terms};
