//! Losses of segmentation and dense classification.

mod bce;
mod combo;
mod cross_entropy;
mod dice;
mod focal;
mod jaccard;
mod region;
mod softmax_focal;
mod tversky;

pub use bce::*;
pub use combo::*;
pub use cross_entropy::*;
pub use dice::*;
pub use focal::*;
pub use jaccard::*;
pub use region::*;
pub use softmax_focal::*;
pub use tversky::*;

pub(crate) use bce::element_items;
pub(crate) use cross_entropy::{check_classes, point_items};
