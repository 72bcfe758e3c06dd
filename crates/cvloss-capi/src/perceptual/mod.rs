//! Losses of images by the features of frozen networks, with the feature `perceptual`.
//!
//! All of it is declared without the feature too, so that there is one header; constructors then say what is missing.

mod content;
mod contextual;
mod dists;
mod feature_contextual;
mod lpips;
#[cfg(feature = "perceptual")]
mod network;
mod options;
mod style;

pub use content::*;
pub use contextual::*;
pub use dists::*;
pub use feature_contextual::*;
pub use lpips::*;
pub use options::*;
pub use style::*;
