//! Frozen convolutional networks: features of an image, and the way back to the image's gradient.
//!
//! Weights do not change, so that no gradient of them is computed, and a forward pass keeps one byte per number for the way
//! back: where a ReLU let through, or which pixel was the largest. Maps lie channels last. The
//! bits of a result depend on the numbers alone, not on threads, since no sum is cut.

mod finish;
mod gram;
mod layer;
mod maps;
mod matrix;
mod net;
mod patches;
mod points;
mod pool;
mod product;
mod winograd;

pub(crate) use gram::{gram, mix};
pub use layer::{Convolution, Kernel, Source};
pub use maps::Maps;
pub(crate) use matrix::Matrix;
pub use net::{Layer, Network, Tap, Trace};
pub use pool::MaxPool;
