//! Losses of boxes.

mod balanced_l1;
mod bounded_iou;
mod boxes;
mod ciou;
mod composed;
mod diou;
mod distribution_focal;
mod efficient_iou;
mod extended_iou;
mod gaussian_focal;
mod ghm;
mod ghm_regression;
mod giou;
mod iou;
mod mpdiou;
mod nwd;
mod pairwise;
mod quality_focal;
mod rotated;
mod siou;
mod varifocal;
mod wise_iou;

use boxes::{BoxLoss, fused_boxes};

pub use balanced_l1::BalancedL1Loss;
pub use bounded_iou::BoundedIouLoss;
pub use boxes::{Boxes, Overlap};
pub use ciou::CiouLoss;
pub use diou::DiouLoss;
pub use distribution_focal::{DistributionFocalLoss, expected_bin};
pub use efficient_iou::EfficientIouLoss;
pub use extended_iou::ExtendedIouLoss;
pub use gaussian_focal::GaussianFocalLoss;
pub use ghm::{GhmLoss, GradientDensity};
pub use ghm_regression::GhmRegressionLoss;
pub use giou::GiouLoss;
pub use iou::IouLoss;
pub use mpdiou::MpdiouLoss;
pub use nwd::NwdLoss;
pub use pairwise::{pairwise_giou, pairwise_iou};
pub use quality_focal::QualityFocalLoss;
pub use rotated::{GwdLoss, KfiouLoss, KldLoss, ProbIouLoss, RotatedBoxes, RotatedIouLoss};
pub use siou::SiouLoss;
pub use varifocal::VarifocalLoss;
pub use wise_iou::{RunningMean, WiseIouLoss};

fused_boxes! {
    BoundedIouLoss
    CiouLoss
    DiouLoss
    EfficientIouLoss
    ExtendedIouLoss
    GiouLoss
    IouLoss
    MpdiouLoss
    NwdLoss
    SiouLoss
    WiseIouLoss
}
