//! Cross-entropy over classes.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::loops::site::Operands;
use kernels::{Normalizer, Reduction};

use crate::error::{self, Error};
use crate::loss::{Call, Fused, Geometry, Inputs, Kernel};
use crate::ops;

/// Cross-entropy of a softmax over classes, at each pixel.
///
/// ```text
/// L = −Σ_c w_c t'_c ln p_c        t' = (1 − s) t + s/C,  p = softmax(x)
/// ```
///
/// with `t` one-hot for class indices, `s` the label smoothing and `w` the class weights.
///
/// # Shapes
/// - input: logits `(N, C, *)`
/// - target: class indices `(N, *)` or `(N, 1, *)` as u8, u32, i64; or distributions `(N, C, *)` in the input's dtype
/// - weight: `(N, *)` or `(N, 1, *)`
/// - value: `[]`, or `(N, *)` with [`Reduction::None`]
///
/// # Edge cases
/// All ignored or empty: the mean is 0, and so is the gradient (torch gives NaN). A logit of −∞ is a class of probability 0.
/// An index that is neither a class nor ignored is an error on the CPU and makes the value NaN on a GPU.
///
/// # Agrees with
/// `torch.nn.functional.cross_entropy`, all options. With distributions the mean divides by points, as there.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{CrossEntropyLoss, Loss};
///
/// let logits = Tensor::new(&[[1f32, 2., 3.]], &Device::Cpu)?;
/// let target = Tensor::new(&[2u32], &Device::Cpu)?;
/// let value = CrossEntropyLoss::default().forward(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.407_606).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct CrossEntropyLoss {
    /// One weight per class; 1 where absent.
    pub class_weights: Option<Vec<f64>>,
    /// Points with this index have value 0 and leave the mean's denominator. Default −100, as torch.
    pub ignore_index: Option<i64>,
    /// Share of the target that is spread over all classes, in `[0, 1]`. Default 0.
    pub label_smoothing: f64,
    /// What the mean divides by. Default: the points' class weights, as torch.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for CrossEntropyLoss {
    fn default() -> Self {
        Self {
            class_weights: None,
            ignore_index: Some(-100),
            label_smoothing: 0.0,
            normalizer: Normalizer::Weights,
            reduction: Reduction::default(),
        }
    }
}

impl CrossEntropyLoss {
    /// The kernel's.
    fn options(&self) -> kernels::cross_entropy::Options {
        kernels::cross_entropy::Options {
            label_smoothing: self.label_smoothing,
            normalizer: self.normalizer,
            reduction: self.reduction,
        }
    }
}

impl Fused for CrossEntropyLoss {
    const NAME: &'static str = "cross_entropy";
    const GEOMETRY: Geometry = Geometry::Sites;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        pixel_items(self.reduction, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        check_classes(Self::NAME, input)
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
        let operands = Operands {
            input,
            target,
            weight,
            class_weights: self.class_weights.as_deref(),
            ignore: self.ignore_index,
        };
        kernels::cross_entropy::evaluate(&self.options(), &operands, values, gradient)
    }

    fn kernel(&self, inputs: &Inputs<'_>) -> kernels::Result<Option<Kernel>> {
        let is_distribution = inputs.target.dtype().is_float();
        Ok(Some(Kernel::Sites {
            term: kernels::cross_entropy::term(&self.options(), is_distribution)?,
            class_weights: self.class_weights.clone(),
            ignore: self.ignore_index,
            normalizer: self.normalizer,
            reduction: self.reduction,
        }))
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let x = inputs.input;
        let classes = x.dim(1)?;
        let (hot, mask) = class_target(x, inputs.target, self.ignore_index)?;
        let s = self.label_smoothing;
        let smooth = hot.affine(1.0 - s, s / classes as f64)?;
        let weighted = |t: &Tensor| match &self.class_weights {
            Some(weights) => t.broadcast_mul(&ops::per_class(weights, x)?),
            None => Ok(t.clone()),
        };
        let values = (weighted(&smooth)? * ops::log_softmax(x)?)?
            .sum_keepdim(1)?
            .neg()?;
        let point_weights = if inputs.target.dtype().is_float() {
            mask.clone()
        } else {
            weighted(&hot)?.sum_keepdim(1)?
        };
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

/// A softmax over one class says nothing.
pub(super) fn check_classes(loss: &'static str, input: &Tensor) -> error::Result<()> {
    if input.dim(1)? > 1 {
        return Ok(());
    }
    Err(Error::Shape {
        loss,
        argument: "input",
        expected: "(N, C, *) with at least 2 classes".into(),
        got: input.shape().clone(),
    })
}

/// Shapes of per-pixel values: (N, *), and (N, 1, *) that broadcasts to the input.
pub(crate) fn pixel_items(reduction: Reduction, input: &Shape) -> (Shape, Shape) {
    match reduction {
        Reduction::None => {
            let mut wide = input.dims().to_vec();
            wide[1] = 1;
            let mut narrow = wide.clone();
            narrow.remove(1);
            (Shape::from(narrow), Shape::from(wide))
        }
        _ => (Shape::from(()), Shape::from(())),
    }
}

/// A class target as a distribution (N, C, *), and the points that count (N, 1, *).
pub(super) fn class_target(
    x: &Tensor,
    target: &Tensor,
    ignore: Option<i64>,
) -> Result<(Tensor, Tensor)> {
    if target.dtype().is_float() {
        let mask = x.narrow(1, 0, 1)?.ones_like()?;
        return Ok((target.clone(), mask));
    }
    ops::one_hot(target, x.dim(1)?, ignore, x.dtype())
}

/// Weights, masks and reduces values per pixel (N, 1, *).
pub(super) fn finish_pixels(
    values: &Tensor,
    inputs: &Inputs<'_>,
    mask: &Tensor,
    point_weights: &Tensor,
    reduction: Reduction,
    normalizer: Normalizer,
) -> Result<Tensor> {
    let weighted = |t: &Tensor| match inputs.weight {
        Some(weight) => t.mul(weight),
        None => Ok(t.clone()),
    };
    // `ne` keeps points whose mask is NaN: they report an index outside the classes.
    let kept = mask.ne(0.0)?;
    let values = kept.where_cond(&(weighted(values)? * mask)?, &values.zeros_like()?)?;
    let positives = match inputs.target.dtype().is_float() {
        true => mask.zeros_like()?,
        false => {
            (inputs
                .target
                .to_dtype(candle_core::DType::I64)?
                .gt(0i64)?
                .to_dtype(mask.dtype())?
                * mask)?
        }
    };
    let weights = weighted(point_weights)?;
    let values = values.squeeze(1)?;
    ops::reduce(&values, reduction, normalizer, mask, &weights, &positives)
}
