//! Poly-1 cross-entropy.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::imbalance::SiteKind;
use kernels::loops::site::Operands;
use kernels::{Normalizer, Reduction};

use super::cross_entropy::{check_classes, class_target, finish_pixels, pixel_items};
use crate::error::{self, Error};
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::ops;

/// Poly-1 cross-entropy of a softmax over classes: cross-entropy and its first polynomial term once more.
///
/// ```text
/// L = w_y (−ln p_y + ε (1 − p_y))        p = softmax(x)
/// ```
///
/// # Shapes
/// As [`SoftmaxFocalLoss`](crate::SoftmaxFocalLoss).
///
/// # Edge cases
/// As [`CrossEntropyLoss`](crate::CrossEntropyLoss).
///
/// # Agrees with
/// `timm.loss.PolyCrossEntropy` of class indices without smoothing.
///
/// # Reference
/// Leng et al., *PolyLoss: A Polynomial Expansion Perspective of Classification Loss Functions*, 2022.
/// <https://arxiv.org/abs/2204.12511>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, PolyCrossEntropyLoss};
///
/// let logits = Tensor::new(&[[1f32, 2., 3.]], &Device::Cpu)?;
/// let target = Tensor::new(&[2u32], &Device::Cpu)?;
/// let value = PolyCrossEntropyLoss::default().forward(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - (0.407_606 + 2. * (1. - 0.665_241))).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct PolyCrossEntropyLoss {
    /// `ε`, the factor of the polynomial term. Default 2 (timm).
    pub epsilon: f64,
    /// One weight per class; 1 where absent.
    pub class_weights: Option<Vec<f64>>,
    /// Points with this index have value 0 and leave the mean's denominator. Default −100.
    pub ignore_index: Option<i64>,
    /// What the mean divides by. Default: the points' class weights, as [`CrossEntropyLoss`](crate::CrossEntropyLoss).
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for PolyCrossEntropyLoss {
    fn default() -> Self {
        Self {
            epsilon: 2.0,
            class_weights: None,
            ignore_index: Some(-100),
            normalizer: Normalizer::Weights,
            reduction: Reduction::default(),
        }
    }
}

impl PolyCrossEntropyLoss {
    fn kind(&self) -> SiteKind {
        SiteKind::Poly {
            epsilon: self.epsilon,
        }
    }
}

impl Fused for PolyCrossEntropyLoss {
    const NAME: &'static str = "poly_cross_entropy";
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
        let own = (&ln_p * &hot)?.sum_keepdim(1)?.neg()?;
        let others = (ln_p.exp()? * hot.affine(-1.0, 1.0)?)?.sum_keepdim(1)?;
        let values = ((own + (others * self.epsilon)?)? * &point_weights)?;
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
