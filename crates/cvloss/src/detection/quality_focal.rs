//! Quality focal loss.

use candle_core::{Result, Tensor};
use cvloss_kernels::imbalance::Kind;
use cvloss_kernels::{Normalizer, Reduction};

use crate::ops;
use crate::segmentation::elements::{ElementLoss, fused_elements};

/// Quality focal loss (QFL) over sigmoids, for detection where a class's score is to be the quality of its box.
///
/// ```text
/// L = |p − t|^β CE(x, t)
/// ```
///
/// The target is the quality (IoU) at the true class and 0 elsewhere. It counts as constant.
///
/// # Shapes
/// As [`BceLoss`](crate::BceLoss).
///
/// # Edge cases
/// At `p = t` value and gradient are 0. Empty or all ignored: the mean is 0, and so is the gradient. NaN in, NaN out.
///
/// # Agrees with
/// `QualityFocalLoss` of pytorch-toolbelt; mmdetection's, which sums over classes: its `avg_factor` is
/// [`Normalizer::Positives`] where every positive has a quality above 0.
///
/// # Reference
/// Li et al., *Generalized Focal Loss: Learning Qualified and Distributed Bounding Boxes for Dense Object Detection*, 2020.
/// <https://arxiv.org/abs/2006.04388>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, QualityFocalLoss};
///
/// let logits = Tensor::new(&[0f32, 2., -1.], &Device::Cpu)?;
/// let target = Tensor::new(&[0f32, 0.8, 0.3], &Device::Cpu)?;
/// let (value, _gradient) = QualityFocalLoss::default().value_and_grad(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.0591061).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct QualityFocalLoss {
    /// `β`, at least 1. Default 2.
    pub beta: f64,
    /// Elements with this target have value 0 and leave the mean's denominator.
    pub ignore_index: Option<f64>,
    /// What the mean divides by. Default: elements.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for QualityFocalLoss {
    fn default() -> Self {
        Self {
            beta: 2.0,
            ignore_index: None,
            normalizer: Normalizer::default(),
            reduction: Reduction::default(),
        }
    }
}

fused_elements!(QualityFocalLoss);

impl ElementLoss for QualityFocalLoss {
    const NAME: &'static str = "quality_focal";

    fn kind(&self) -> Kind {
        Kind::Quality { beta: self.beta }
    }

    fn values(&self, x: &Tensor, t: &Tensor) -> Result<Tensor> {
        let (minus_ln_p, minus_ln_q) = (ops::softplus(&x.neg()?)?, ops::softplus(x)?);
        let (p, q) = (minus_ln_p.neg()?.exp()?, minus_ln_q.neg()?.exp()?);
        let n = t.affine(-1.0, 1.0)?;
        let d = ((p * &n)? - (q * t)?)?;
        let ce = ((t * minus_ln_p)? + (n * minus_ln_q)?)?;
        ops::power(&ops::abs(&d)?, self.beta)? * ce
    }
}
