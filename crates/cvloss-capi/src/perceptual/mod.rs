//! Losses of images by the features of frozen networks, with the feature `perceptual`.
//!
//! All of it is declared without the feature too, so that there is one header; constructors then say what is missing.

mod dists;
mod lpips;
#[cfg(feature = "perceptual")]
mod network;
mod options;
mod perceptual;
mod style;

pub use dists::*;
pub use lpips::*;
pub use options::*;
pub use perceptual::*;
pub use style::*;
