//! Binary cross-entropy of logits.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::loops::pointwise::{self, Operands, pos_weight_view};
use kernels::{Normalizer, Reduction};

use crate::loss::{Call, Fused, Geometry, Inputs, Kernel};
use crate::{error, ops};

/// Binary cross-entropy of logits, for binary and multilabel prediction.
///
/// ```text
/// L = a t softplus(−x) + (1 − t) softplus(x)
/// ```
///
/// which is `−a t ln σ(x) − (1 − t) ln (1 − σ(x))` without overflow or `ln 0`; `a` is `pos_weight`.
///
/// # Shapes
/// - input: logits of any shape; channels on axis 1
/// - target: the same shape in the input's dtype, values in `[0, 1]`; or 0 and 1 as u8, u32, i64. With one channel, also
///   without axis 1
/// - weight: any shape that broadcasts to the input's
/// - value: `[]`, or the input's shape with [`Reduction::None`]
///
/// # Edge cases
/// Empty or all ignored: the mean is 0, and so is the gradient. Logits of ±∞ give a value of ∞ where they are wrong.
/// NaN in, NaN out.
///
/// # Agrees with
/// `torch.nn.functional.binary_cross_entropy_with_logits`; smoothing as `SoftBCEWithLogitsLoss` of
/// segmentation_models_pytorch, whose mean however keeps ignored points.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{BceLoss, Loss};
///
/// let logits = Tensor::new(&[[0f32, 2.], [-1., 3.]], &Device::Cpu)?;
/// let target = Tensor::new(&[[0f32, 1.], [0., 1.]], &Device::Cpu)?;
/// let (value, gradient) = BceLoss::default().value_and_grad(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.295_48).abs() < 1e-4);
/// assert_eq!(gradient.dims(), logits.dims());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct BceLoss {
    /// Weight of positives: one number, or one per channel (axis 1). 1 where absent.
    pub pos_weight: Option<Vec<f64>>,
    /// Targets move this far towards their opposite: `t' = t (1 − s) + (1 − t) s`. Default 0.
    pub label_smoothing: f64,
    /// Elements with this target have value 0 and leave the mean's denominator.
    pub ignore_index: Option<f64>,
    /// What the mean divides by. Default: elements, as torch.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl BceLoss {
    /// The kernel's.
    fn options(&self) -> kernels::bce::Options {
        kernels::bce::Options {
            label_smoothing: self.label_smoothing,
            normalizer: self.normalizer,
            reduction: self.reduction,
        }
    }
}

impl Fused for BceLoss {
    const NAME: &'static str = "bce";
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
        kernels::bce::evaluate(&self.options(), &operands, values, gradient)
    }

    fn kernel(&self, _: &Inputs<'_>) -> kernels::Result<Option<Kernel>> {
        Ok(Some(Kernel::Elements {
            formula: kernels::bce::formula(&self.options())?,
            pos_weight: self.pos_weight.clone(),
            ignore: self.ignore_index,
            normalizer: self.normalizer,
            reduction: self.reduction,
        }))
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let x = inputs.input;
        let target = inputs.target.to_dtype(x.dtype())?;
        let s = self.label_smoothing;
        let t = target.affine(1.0 - 2.0 * s, s)?;
        let positive = (&t * ops::softplus(&x.neg()?)?)?;
        let positive = scale_channels(&positive, self.pos_weight.as_deref())?;
        let negative = (t.affine(-1.0, 1.0)? * ops::softplus(x)?)?;
        finish_elements(
            &(positive + negative)?,
            &target,
            inputs.weight,
            self.ignore_index,
            self.reduction,
            self.normalizer,
        )
    }
}

/// Shapes of per-element values.
pub(crate) fn element_items(reduction: Reduction, input: &Shape) -> (Shape, Shape) {
    match reduction {
        Reduction::None => (input.clone(), input.clone()),
        _ => (Shape::from(()), Shape::from(())),
    }
}

/// The number of channels of a tensor of elements.
fn channels(dims: &[usize]) -> usize {
    dims.get(1).copied().unwrap_or(1)
}

pub(super) fn check_pos_weight(
    loss: &'static str,
    pos_weight: Option<&[f64]>,
    input: &Tensor,
) -> error::Result<()> {
    let check = |weights| pointwise::check_pos_weight(weights, channels(input.dims()));
    pos_weight
        .map_or(Ok(()), check)
        .map_err(error::Error::kernel(loss))
}

pub(super) fn scale_channels(values: &Tensor, pos_weight: Option<&[f64]>) -> Result<Tensor> {
    match pos_weight {
        None => Ok(values.clone()),
        Some([weight]) => values.affine(*weight, 0.0),
        Some(weights) => values.broadcast_mul(&ops::per_class(weights, values)?),
    }
}

/// Weights, masks and reduces values per element.
pub(crate) fn finish_elements(
    values: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    ignore: Option<f64>,
    reduction: Reduction,
    normalizer: Normalizer,
) -> Result<Tensor> {
    let positives = target.gt(0.0)?;
    finish_elements_with(
        values, target, &positives, weight, ignore, reduction, normalizer,
    )
}

/// As [`finish_elements`], given where targets count as positive.
pub(crate) fn finish_elements_with(
    values: &Tensor,
    target: &Tensor,
    positives: &Tensor,
    weight: Option<&Tensor>,
    ignore: Option<f64>,
    reduction: Reduction,
    normalizer: Normalizer,
) -> Result<Tensor> {
    let mask = ops::keep_mask(target, ignore, values.dtype())?;
    let weights = match weight {
        Some(weight) => mask.broadcast_mul(weight)?,
        None => mask.clone(),
    };
    let kept = mask.gt(0.0)?;
    let values = kept.where_cond(&(values * &weights)?, &values.zeros_like()?)?;
    let positives = (positives.to_dtype(values.dtype())? * &mask)?;
    ops::reduce(&values, reduction, normalizer, &mask, &weights, &positives)
}
