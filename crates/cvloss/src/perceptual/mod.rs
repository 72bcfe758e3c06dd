//! Losses that compare images through a frozen network.
//!
//! A network runs forward and backward without candle's tape, and only the gradient of the image is computed. Weights are
//! torchvision's ([`weights::Weights`]); the small learned heads of LPIPS and DISTS are part of this crate.

mod content;
mod contextual;
mod dists;
mod heads;
mod lpips;
pub mod networks;
mod run;
mod style;
pub mod weights;

pub use content::{FeatureWeight, PerceptualLoss, PerceptualOptions, TargetFeatures};
pub use contextual::{ContextualLoss, ContextualOptions, FeatureContextualLoss};
pub use dists::{DistsLoss, DistsOptions};
pub use lpips::{LpipsLoss, LpipsNetwork, LpipsOptions};
pub use run::FeatureLoss;
pub use style::{StyleLoss, StyleOptions};
