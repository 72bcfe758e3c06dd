//! Sigmoid focal loss.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::focal::SoftTargets;
use kernels::loops::pointwise::{Operands, pos_weight_view};
use kernels::{Normalizer, Reduction};

use super::bce::{check_pos_weight, element_items, finish_elements, scale_channels};
use crate::loss::{Call, Fused, Geometry, Inputs, Kernel};
use crate::{error, ops};

/// Focal loss over sigmoids, for dense binary or multilabel prediction.
///
/// ```text
/// L = α_t (1 − p_t)^γ CE(x, t)        p_t = p t + (1 − p)(1 − t),  α_t = α t + (1 − α)(1 − t),  p = σ(x)
/// ```
///
/// computed from logits, so that neither value nor gradient overflows, for any `γ ≥ 0`. What targets between 0 and 1 mean
/// is [`SoftTargets`].
///
/// # Shapes
/// As [`BceLoss`](crate::BceLoss).
///
/// # Edge cases
/// Empty or all ignored: the mean is 0, and so is the gradient. For `γ < 1` the gradient stays finite at saturation. NaN in,
/// NaN out.
///
/// # Agrees with
/// `torchvision.ops.sigmoid_focal_loss` (`Mixture`); `kornia.losses.binary_focal_loss_with_logits` (`Linear`), whose mean
/// however keeps ignored points. RetinaNet divides by positives: `normalizer: Normalizer::Positives`.
///
/// # Reference
/// Lin et al., *Focal Loss for Dense Object Detection*, 2017. <https://arxiv.org/abs/1708.02002>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{FocalLoss, Loss};
///
/// let logits = Tensor::new(&[0f32, 2., -1.], &Device::Cpu)?;
/// let target = Tensor::new(&[0u8, 1, 1], &Device::Cpu)?;
/// let loss = FocalLoss { gamma: 1.5, ..FocalLoss::default() };
/// let (value, _gradient) = loss.value_and_grad(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.13011).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct FocalLoss {
    /// Weight of positives in `[0, 1]`; negatives have `1 − α`. Default 0.25 (the paper, torchvision); `None` weighs both
    /// with 1.
    pub alpha: Option<f64>,
    /// Focusing parameter, at least 0. Default 2.
    pub gamma: f64,
    /// What targets between 0 and 1 mean. Default: torchvision's.
    pub soft_targets: SoftTargets,
    /// Weight of positives on top: one number, or one per channel (axis 1).
    pub pos_weight: Option<Vec<f64>>,
    /// Elements with this target have value 0 and leave the mean's denominator.
    pub ignore_index: Option<f64>,
    /// What the mean divides by. Default: elements.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for FocalLoss {
    fn default() -> Self {
        Self {
            alpha: Some(0.25),
            gamma: 2.0,
            soft_targets: SoftTargets::default(),
            pos_weight: None,
            ignore_index: None,
            normalizer: Normalizer::default(),
            reduction: Reduction::default(),
        }
    }
}

impl FocalLoss {
    /// The kernel's.
    fn options(&self) -> kernels::focal::Options {
        kernels::focal::Options {
            alpha: self.alpha,
            gamma: self.gamma,
            soft_targets: self.soft_targets,
            normalizer: self.normalizer,
            reduction: self.reduction,
        }
    }
}

impl Fused for FocalLoss {
    const NAME: &'static str = "focal";
    const GEOMETRY: Geometry = Geometry::Elements;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        element_items(self.reduction, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        check_pos_weight(Self::NAME, self.pos_weight.as_deref(), input)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let Call {
            input,
            target,
            weight,
            values,
            gradient,
            channel_axis,
            ..
        } = call;
        let auxiliary = pos_weight_view(self.pos_weight.as_deref(), channel_axis)?;
        let operands = Operands {
            input,
            target,
            auxiliary,
            weight,
            ignore: self.ignore_index,
        };
        kernels::focal::evaluate(&self.options(), &operands, values, gradient)
    }

    fn kernel(&self, _: &Inputs<'_>) -> kernels::Result<Option<Kernel>> {
        Ok(Some(Kernel::Elements {
            formula: kernels::focal::formula(&self.options())?,
            pos_weight: self.pos_weight.clone(),
            ignore: self.ignore_index,
            normalizer: self.normalizer,
            reduction: self.reduction,
        }))
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let x = inputs.input;
        let t = inputs.target.to_dtype(x.dtype())?;
        let n = t.affine(-1.0, 1.0)?;
        let (alpha, beta) = self.alpha.map_or((1.0, 1.0), |alpha| (alpha, 1.0 - alpha));
        let (minus_ln_p, minus_ln_q) = (ops::softplus(&x.neg()?)?, ops::softplus(x)?);
        let (p, q) = (minus_ln_p.neg()?.exp()?, minus_ln_q.neg()?.exp()?);
        let positive = scale_channels(&(&t * minus_ln_p)?, self.pos_weight.as_deref())?;
        let negative = (&n * minus_ln_q)?;
        let values = match self.soft_targets {
            SoftTargets::Mixture => {
                let m = ((&p * &n)? + (&q * &t)?)?;
                let alpha_t = ((&t * alpha)? + (&n * beta)?)?;
                ((alpha_t * ops::power(&m, self.gamma)?)? * (positive + negative)?)?
            }
            SoftTargets::Linear => {
                let positive = (positive * ops::power(&q, self.gamma)?)?;
                let negative = (negative * ops::power(&p, self.gamma)?)?;
                ((positive * alpha)? + (negative * beta)?)?
            }
        };
        finish_elements(
            &values,
            &t,
            inputs.weight,
            self.ignore_index,
            self.reduction,
            self.normalizer,
        )
    }
}
