//! Asymmetric loss of one label.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::imbalance::SiteKind;
use kernels::loops::site::Operands;
use kernels::{Normalizer, Reduction};

use super::cross_entropy::{check_classes, class_target, finish_pixels, pixel_items};
use crate::error::{self, Error};
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::ops;

/// Asymmetric loss (ASL) over a softmax, for one label of many classes: the true class is damped where it is sure, the
/// others, to which label smoothing gives a share, wherever they are not.
///
/// ```text
/// L = −w_y (a (1 − p_y)^γ₊ ln p_y + b Σ_{c ≠ y} p_c^γ₋ ln p_c)        p = softmax(x)
///     a = 1 − s + s/C        b = s/C
/// ```
///
/// with `s` the label smoothing. Without smoothing it is [`SoftmaxFocalLoss`](crate::SoftmaxFocalLoss) with `γ = γ₊`,
/// and `γ₋` says nothing. The gradient sees the powers, as in timm, whose single-label form detaches nothing.
///
/// # Shapes
/// As [`SoftmaxFocalLoss`](crate::SoftmaxFocalLoss).
///
/// # Edge cases
/// As [`CrossEntropyLoss`](crate::CrossEntropyLoss). A class of probability 0 has no part unless `γ₋ = 0`, and then an
/// infinite one. Gradients are finite for all powers, those below 1 included.
///
/// # Agrees with
/// `timm.loss.AsymmetricLossSingleLabel`, its `eps` being the label smoothing; only `(N, C)` there.
///
/// # Reference
/// Ben-Baruch et al., *Asymmetric Loss For Multi-Label Classification*, 2020. <https://arxiv.org/abs/2009.14119>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{AsymmetricSoftmaxLoss, Loss};
///
/// let logits = Tensor::new(&[[1f32, 2., 3.]], &Device::Cpu)?;
/// let target = Tensor::new(&[2u32], &Device::Cpu)?;
/// let value = AsymmetricSoftmaxLoss::default().forward(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.127527).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct AsymmetricSoftmaxLoss {
    /// `γ₊`, at least 0. Default 1.
    pub gamma_positive: f64,
    /// `γ₋`, at least 0. Default 4.
    pub gamma_negative: f64,
    /// Share of the target that is spread over all classes, in `[0, 1]`. Default 0.1.
    pub label_smoothing: f64,
    /// One weight per class; 1 where absent.
    pub class_weights: Option<Vec<f64>>,
    /// Points with this index have value 0 and leave the mean's denominator. Default −100.
    pub ignore_index: Option<i64>,
    /// What the mean divides by. Default: the points' class weights, as [`CrossEntropyLoss`](crate::CrossEntropyLoss).
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for AsymmetricSoftmaxLoss {
    fn default() -> Self {
        Self {
            gamma_positive: 1.0,
            gamma_negative: 4.0,
            label_smoothing: 0.1,
            class_weights: None,
            ignore_index: Some(-100),
            normalizer: Normalizer::Weights,
            reduction: Reduction::default(),
        }
    }
}

impl AsymmetricSoftmaxLoss {
    fn kind(&self) -> SiteKind {
        SiteKind::Asymmetric {
            gamma_positive: self.gamma_positive,
            gamma_negative: self.gamma_negative,
            smoothing: self.label_smoothing,
        }
    }
}

impl Fused for AsymmetricSoftmaxLoss {
    const NAME: &'static str = "asymmetric_softmax";
    const GEOMETRY: Geometry = Geometry::Sites;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        pixel_items(self.reduction, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        check_classes(Self::NAME, input)?;
        self.kind().check().map_err(Error::kernel(Self::NAME))
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            class_weights: self.class_weights.as_deref(),
            ignore: self.ignore_index,
        };
        let (normalizer, reduction) = (self.normalizer, self.reduction);
        kernels::imbalance::evaluate_sites(
            self.kind(),
            normalizer,
            reduction,
            &operands,
            call.values,
            call.gradient,
        )
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let x = inputs.input;
        let (hot, mask) = class_target(x, inputs.target, self.ignore_index)?;
        let weighted = match &self.class_weights {
            Some(weights) => hot.broadcast_mul(&ops::per_class(weights, x)?)?,
            None => hot.clone(),
        };
        let point_weights = weighted.sum_keepdim(1)?;
        let ln_p = ops::log_softmax(x)?;
        let shape = (
            self.gamma_positive,
            self.gamma_negative,
            self.label_smoothing,
        );
        let values = (asymmetric_values(&ln_p, &hot, shape)? * &point_weights)?;
        finish_pixels(
            &values,
            inputs,
            &mask,
            &point_weights,
            self.reduction,
            self.normalizer,
        )
    }
}

/// The values of points (N, 1, *) from `ln p` and one-hot targets (N, C, *), with `γ₊`, `γ₋` and the label smoothing.
pub(super) fn asymmetric_values(
    ln_p: &Tensor,
    hot: &Tensor,
    (gamma_positive, gamma_negative, smoothing): (f64, f64, f64),
) -> Result<Tensor> {
    let others = hot.affine(-1.0, 1.0)?;
    // 1 − p as the sum of the others keeps the digits that a subtraction loses.
    let miss = (ln_p.exp()? * &others)?.sum_keepdim(1)?;
    let own = (ln_p * hot)?.sum_keepdim(1)?.neg()?;
    let own = (ops::power(&miss, gamma_positive)? * own)?;
    let spread = smoothing / ln_p.dim(1)? as f64;
    let damped = ((ln_p * gamma_negative)?.exp()? * ln_p)?.neg()?;
    let rest = (damped * others)?.sum_keepdim(1)?;
    (own * (1.0 - smoothing + spread))? + (rest * spread)?
}
