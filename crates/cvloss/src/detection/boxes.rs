//! What losses of boxes share: options, the call of the kernel, and the composed form.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::boxes::{BoxFormat, Combinators, IouForm, Kind};
use kernels::loops::boxes::{Denominator, Gradients, Operands};
use kernels::{Reduction, View};

use super::composed;
use crate::loss::{Call, Inputs, Kernel};

/// Options of every loss of boxes.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct Boxes {
    /// The numbers of a box. Default: left, top, right, bottom.
    pub format: BoxFormat,
    /// Added to what is divided by, in 1e-30..=1. Default 1e-7 (torchvision).
    pub eps: f64,
    /// What the mean divides by. Default: the number of pairs.
    pub denominator: Denominator,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for Boxes {
    fn default() -> Self {
        Self {
            format: BoxFormat::default(),
            eps: 1e-7,
            denominator: Denominator::default(),
            reduction: Reduction::default(),
        }
    }
}

/// Combinators: changes of the overlap term and of the penalties, over any loss of an IoU and penalties.
///
/// ```text
/// L = 1 − m^α + Σ_k P_k^α        m = clamp((IoU_inner − d)/(u − d), 0, 1)
/// ```
///
/// `IoU_inner` is the IoU of both boxes scaled about their centres by `inner`; `d` and `u` are the ends of `focaler`.
/// Penalties are those of the boxes as they are. Wise-IoU's factor and SIoU with mmdetection's sign are not raised to
/// `α`.
///
/// # Reference
/// He et al., *Alpha-IoU*, 2021, <https://arxiv.org/abs/2110.13675>. Zhang et al., *Inner-IoU*, 2023,
/// <https://arxiv.org/abs/2311.02877>. Zhang and Zhang, *Focaler-IoU*, 2024, <https://arxiv.org/abs/2401.10525>.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct Overlap {
    /// The power of the IoU and of each penalty, above 0. Default 1; the paper's 3 weighs good boxes more.
    pub alpha: f64,
    /// Scale of the boxes whose IoU counts, above 0. Default `None`: the boxes as they are. The paper: 0.5 to 1.5.
    pub inner: Option<f64>,
    /// The IoU that counts as 0 and the one that counts as 1. Default `None`: (0, 1). The paper: (0, 0.95).
    pub focaler: Option<(f64, f64)>,
}

impl Default for Overlap {
    fn default() -> Self {
        Self {
            alpha: 1.0,
            inner: None,
            focaler: None,
        }
    }
}

/// A loss of axis-aligned boxes. Implementing this is implementing [`crate::Loss`].
pub(crate) trait BoxLoss {
    const NAME: &'static str;

    /// The loss as the kernel knows it.
    fn kind(&self) -> Kind;

    fn boxes(&self) -> &Boxes;

    /// Combinators, where the loss has an overlap term.
    fn overlap(&self) -> Option<&Overlap> {
        None
    }

    /// What becomes of the IoU.
    fn form(&self) -> IouForm {
        IouForm::Linear
    }
}

fn combinators<L: BoxLoss>(loss: &L) -> Combinators {
    let overlap = loss.overlap().cloned().unwrap_or_default();
    Combinators {
        form: loss.form(),
        alpha: overlap.alpha,
        inner: overlap.inner.unwrap_or(1.0),
        focaler: overlap.focaler.unwrap_or((0.0, 1.0)),
    }
}

/// Implements [`Fused`](crate::loss::Fused), and with it [`crate::Loss`], for a [`BoxLoss`].
macro_rules! fused_boxes {
    ($($loss:ty)*) => {$(
        impl $crate::loss::Fused for $loss {
            const NAME: &'static str = <$loss as BoxLoss>::NAME;
            const GEOMETRY: $crate::loss::Geometry = $crate::loss::Geometry::Boxes(4);
            const TARGET_GRADIENT: bool = true;

            fn reduction(&self) -> cvloss_kernels::Reduction {
                self.boxes().reduction
            }

            fn items(
                &self,
                input: &candle_core::Shape,
            ) -> (candle_core::Shape, candle_core::Shape) {
                $crate::detection::boxes::pair_items(self.boxes().reduction, input)
            }

            fn run(&self, call: $crate::loss::Call<'_, '_>) -> cvloss_kernels::Result<f64> {
                $crate::detection::boxes::run(self, call)
            }

            fn kernel(
                &self,
                _: &$crate::loss::Inputs<'_>,
            ) -> cvloss_kernels::Result<Option<$crate::loss::Kernel>> {
                $crate::detection::boxes::kernel(self)
            }

            fn compose(
                &self,
                inputs: &$crate::loss::Inputs<'_>,
            ) -> candle_core::Result<candle_core::Tensor> {
                $crate::detection::boxes::compose(self, inputs)
            }
        }
    )*};
}
pub(crate) use fused_boxes;

fn options<L: BoxLoss>(loss: &L) -> kernels::boxes::Options {
    let boxes = loss.boxes();
    kernels::boxes::Options {
        kind: loss.kind(),
        format: boxes.format,
        eps: boxes.eps,
        combinators: combinators(loss),
        denominator: boxes.denominator,
        reduction: boxes.reduction,
    }
}

/// The kernel for devices.
pub(super) fn kernel<L: BoxLoss>(loss: &L) -> kernels::Result<Option<Kernel>> {
    Ok(Some(Kernel::Boxes(options(loss))))
}

/// Calls the kernel.
pub(super) fn run<L: BoxLoss>(loss: &L, call: Call<'_, '_>) -> kernels::Result<f64> {
    let options = options(loss);
    let operands = operands(call.input, call.target, call.weight);
    let gradients = Gradients {
        input: call.gradient,
        target: call.target_gradient,
    };
    kernels::boxes::evaluate(&options, &operands, call.values, gradients)
}

/// The composed form.
pub(super) fn compose<L: BoxLoss>(loss: &L, inputs: &Inputs<'_>) -> Result<Tensor> {
    let boxes = loss.boxes();
    let combinators = combinators(loss);
    let values = composed::values(loss.kind(), &combinators, boxes.format, boxes.eps, inputs)?;
    reduce(&values, inputs.weight, boxes.denominator, boxes.reduction)
}

/// What a kernel of boxes reads.
pub(super) fn operands<'a>(
    input: View<'a>,
    target: View<'a>,
    weight: Option<View<'a>>,
) -> Operands<'a> {
    Operands {
        input,
        target,
        weight,
    }
}

/// One value per pair: the shape without the last axis, and with an axis of length 1 for it.
pub(super) fn pair_items(reduction: Reduction, input: &Shape) -> (Shape, Shape) {
    match reduction {
        Reduction::None => {
            let dims = input.dims();
            let pairs = &dims[..dims.len().saturating_sub(1)];
            (Shape::from(pairs), Shape::from([pairs, &[1]].concat()))
        }
        _ => (Shape::from(()), Shape::from(())),
    }
}

/// The composed form's end.
pub(super) fn reduce(
    values: &Tensor,
    weight: Option<&Tensor>,
    denominator: Denominator,
    reduction: Reduction,
) -> Result<Tensor> {
    let pairs = values.elem_count() as f64;
    let weight = weight
        .map(|weight| weight.reshape(values.shape()))
        .transpose()?;
    let values = match &weight {
        Some(weight) => (values * weight)?,
        None => values.clone(),
    };
    match (reduction, denominator, weight) {
        (Reduction::None, ..) => Ok(values),
        (Reduction::Sum, ..) => values.sum_all(),
        (Reduction::Mean, Denominator::AvgFactor(factor), _) => values.sum_all()? / factor,
        (Reduction::Mean, Denominator::Weights, Some(weight)) => {
            let total = weight.sum_all()?;
            let is_zero = total.eq(0.0)?;
            let ratio = (values.sum_all()? / is_zero.where_cond(&total.ones_like()?, &total)?)?;
            is_zero.where_cond(&ratio.zeros_like()?, &ratio)
        }
        (Reduction::Mean, ..) => values.sum_all()? / pairs.max(1.0),
    }
}
