//! Losses of rotated boxes.

mod composed;
mod gwd;
mod kfiou;
mod kld;
mod probiou;
mod rotated_iou;

use cvloss_kernels::Reduction;
use cvloss_kernels::loops::boxes::{Denominator, Gradients};
use cvloss_kernels::rotated::{Kind, Options, evaluate};

pub use gwd::GwdLoss;
pub use kfiou::KfiouLoss;
pub use kld::KldLoss;
pub use probiou::ProbIouLoss;
pub use rotated_iou::RotatedIouLoss;

use super::boxes::{operands, pair_items, reduce};
use crate::loss::{Call, Fused, Geometry, Inputs};

/// Options of every loss of rotated boxes.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct RotatedBoxes {
    /// Added to what is divided by, in 1e-30..=1. Default 1e-7 (ultralytics; mmrotate: 1e-6).
    pub eps: f64,
    /// What the mean divides by. Default: the number of pairs.
    pub denominator: Denominator,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for RotatedBoxes {
    fn default() -> Self {
        Self {
            eps: 1e-7,
            denominator: Denominator::default(),
            reduction: Reduction::default(),
        }
    }
}

/// A loss of rotated boxes. With [`fused_rotated`], implementing this is implementing [`crate::Loss`].
pub(crate) trait RotatedLoss {
    const NAME: &'static str;

    /// The loss as the kernel knows it.
    fn kind(&self) -> Kind;

    fn boxes(&self) -> &RotatedBoxes;
}

macro_rules! fused_rotated {
    ($($loss:ty)*) => {$(
        impl Fused for $loss {
            const NAME: &'static str = <$loss as RotatedLoss>::NAME;
            const GEOMETRY: Geometry = Geometry::Boxes(5);
            const TARGET_GRADIENT: bool = true;

            fn reduction(&self) -> Reduction {
                self.boxes.reduction
            }

            fn items(
                &self,
                input: &candle_core::Shape,
            ) -> (candle_core::Shape, candle_core::Shape) {
                pair_items(self.boxes.reduction, input)
            }

            fn run(&self, call: Call<'_, '_>) -> cvloss_kernels::Result<f64> {
                run(self, call)
            }

            fn compose(&self, inputs: &Inputs<'_>) -> candle_core::Result<candle_core::Tensor> {
                let boxes = &self.boxes;
                let values = composed::values(self.kind(), boxes.eps, inputs)?;
                reduce(&values, inputs.weight, boxes.denominator, boxes.reduction)
            }
        }
    )*};
}

fused_rotated! {
    GwdLoss
    KfiouLoss
    KldLoss
    ProbIouLoss
    RotatedIouLoss
}

fn run<L: RotatedLoss>(loss: &L, call: Call<'_, '_>) -> cvloss_kernels::Result<f64> {
    let boxes = loss.boxes();
    let options = Options {
        kind: loss.kind(),
        eps: boxes.eps,
        denominator: boxes.denominator,
        reduction: boxes.reduction,
    };
    let operands = operands(call.input, call.target, call.weight);
    let gradients = Gradients {
        input: call.gradient,
        target: call.target_gradient,
    };
    evaluate(&options, &operands, call.values, gradients)
}
