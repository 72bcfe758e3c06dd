//! Losses of segmentation and dense classification.

pub(crate) mod bce;
mod combo;
pub(crate) mod cross_entropy;
mod dice;
mod focal;
mod jaccard;
mod region;
mod softmax_focal;
mod tversky;

pub use bce::BceLoss;
pub use combo::{ComboLoss, DiceCeLoss, DiceFocalLoss};
pub use cross_entropy::CrossEntropyLoss;
pub use dice::DiceLoss;
pub use focal::FocalLoss;
pub use jaccard::JaccardLoss;
pub use region::{PooledLoss, Region, RegionStatistics};
pub use softmax_focal::SoftmaxFocalLoss;
pub use tversky::{FocalTverskyLoss, TverskyLoss};
