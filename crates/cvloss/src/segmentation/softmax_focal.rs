//! Softmax focal loss.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::focal::ClassAlpha;
use kernels::loops::site::Operands;
use kernels::{Normalizer, Reduction};

use super::cross_entropy::{check_classes, class_target, finish_pixels, pixel_items};
use crate::error::{self, Error};
use crate::loss::{Call, Fused, Geometry, Inputs, Kernel};
use crate::ops;

/// Focal loss over a softmax, for multiclass prediction.
///
/// ```text
/// L = −α_y (1 − p_y)^γ ln p_y        p = softmax(x)
/// ```
///
/// A true softmax: segmentation_models_pytorch's multiclass `FocalLoss` is the sigmoid loss of each class against the rest
/// ([`FocalLoss`](crate::FocalLoss) with one-hot targets).
///
/// # Shapes
/// - input: logits `(N, C, *)`
/// - target: class indices `(N, *)` or `(N, 1, *)` as u8, u32, i64
/// - weight: `(N, *)` or `(N, 1, *)`
/// - value: `[]`, or `(N, *)` with [`Reduction::None`]
///
/// # Edge cases
/// As [`CrossEntropyLoss`](crate::CrossEntropyLoss). For `γ < 1` the gradient stays finite at `p_y = 1`.
///
/// # Agrees with
/// `kornia.losses.focal_loss` and MONAI's `FocalLoss(use_softmax=True)`; their mean divides by C times the number of points.
///
/// # Reference
/// Lin et al., *Focal Loss for Dense Object Detection*, 2017. <https://arxiv.org/abs/1708.02002>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{ClassAlpha, Loss, SoftmaxFocalLoss};
///
/// let logits = Tensor::new(&[[1f32, 2., 3.]], &Device::Cpu)?;
/// let target = Tensor::new(&[2u32], &Device::Cpu)?;
/// let loss = SoftmaxFocalLoss { alpha: ClassAlpha::Uniform(0.25), ..SoftmaxFocalLoss::default() };
/// let value = loss.forward(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.011419).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct SoftmaxFocalLoss {
    /// The weight of each class. Default: none.
    pub alpha: ClassAlpha,
    /// Focusing parameter, at least 0. Default 2.
    pub gamma: f64,
    /// Points with this index have value 0 and leave the mean's denominator. Default −100.
    pub ignore_index: Option<i64>,
    /// What the mean divides by. Default: points. [`Normalizer::Positives`] counts points of any class but 0.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for SoftmaxFocalLoss {
    fn default() -> Self {
        Self {
            alpha: ClassAlpha::None,
            gamma: 2.0,
            ignore_index: Some(-100),
            normalizer: Normalizer::default(),
            reduction: Reduction::default(),
        }
    }
}

impl Fused for SoftmaxFocalLoss {
    const NAME: &'static str = "softmax_focal";
    const GEOMETRY: Geometry = Geometry::Sites;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        pixel_items(self.reduction, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        check_classes(Self::NAME, input)?;
        self.alpha.check().map_err(Error::kernel(Self::NAME))
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let Call {
            input,
            target,
            weight,
            values,
            gradient,
            ..
        } = call;
        let class_weights = self.alpha.weights(input.shape()[1]);
        let operands = Operands {
            input,
            target,
            weight,
            class_weights: class_weights.as_deref(),
            ignore: self.ignore_index,
        };
        let (normalizer, reduction) = (self.normalizer, self.reduction);
        kernels::focal::evaluate_softmax(
            self.gamma, normalizer, reduction, &operands, values, gradient,
        )
    }

    fn kernel(&self, inputs: &Inputs<'_>) -> kernels::Result<Option<Kernel>> {
        let classes = inputs.input.dims().get(1).copied().unwrap_or(1);
        Ok(Some(Kernel::Sites {
            term: kernels::focal::softmax_term(self.gamma)?,
            class_weights: self.alpha.weights(classes),
            ignore: self.ignore_index,
            normalizer: self.normalizer,
            reduction: self.reduction,
        }))
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let x = inputs.input;
        let (hot, mask) = class_target(x, inputs.target, self.ignore_index)?;
        let alpha = match self.alpha.weights(x.dim(1)?) {
            Some(weights) => hot.broadcast_mul(&ops::per_class(&weights, x)?)?,
            None => hot.clone(),
        };
        let point_weights = alpha.sum_keepdim(1)?;
        let ln_p = ops::log_softmax(x)?;
        // 1 − p as the sum of the others keeps the digits that a subtraction loses.
        let others = (ln_p.exp()? * hot.affine(-1.0, 1.0)?)?.sum_keepdim(1)?;
        let own = (&ln_p * &hot)?.sum_keepdim(1)?.neg()?;
        let values = ((ops::power(&others, self.gamma)? * own)? * &point_weights)?;
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
