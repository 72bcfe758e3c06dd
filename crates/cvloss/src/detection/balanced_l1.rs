//! Balanced L1.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::balanced_l1::Options;
use kernels::loops::pointwise::Operands;
use kernels::{Normalizer, Reduction};

use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::segmentation::bce::{element_items, finish_elements};

/// Balanced L1 of box offsets: like a smooth L1, with steeper slopes for small differences.
///
/// ```text
/// L = α/b (b d + 1) ln(b d/β + 1) − α d   if d < β,   else  γ d + γ/b − α β        d = |x − t|,  b = e^(γ/α) − 1
/// ```
///
/// # Shapes
/// - `input`, `target`: any shape, f16, bf16, f32 or f64
/// - `weight`: one that broadcasts to the input
/// - returns: `[]`, or the input's shape with [`Reduction::None`]
///
/// # Edge cases
/// Equal numbers have slope 0. At `β` the slopes of both branches meet only if `β = 1`. NaN in, NaN out.
///
/// # Agrees with
/// mmdetection's `BalancedL1Loss`.
///
/// # Reference
/// Pang et al., *Libra R-CNN: Towards Balanced Learning for Object Detection*, 2019. <https://arxiv.org/abs/1904.02701>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{BalancedL1Loss, Loss};
///
/// let input = Tensor::new(&[0.5f32, 3.], &Device::Cpu)?;
/// let target = Tensor::new(&[0f32, 0.], &Device::Cpu)?;
/// let (value, _gradient) = BalancedL1Loss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 2.23958).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct BalancedL1Loss {
    /// Lower: steeper slopes of small differences. Above 0. Default 0.5 (the paper).
    pub alpha: f64,
    /// The slope of large differences, above 0, at most 69 times `alpha`. Default 1.5 (the paper).
    pub gamma: f64,
    /// Where large differences begin, above 0. Default 1 (the paper).
    pub beta: f64,
    /// What the mean divides by. Default: elements.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for BalancedL1Loss {
    fn default() -> Self {
        Self {
            alpha: 0.5,
            gamma: 1.5,
            beta: 1.0,
            normalizer: Normalizer::default(),
            reduction: Reduction::default(),
        }
    }
}

impl Fused for BalancedL1Loss {
    const NAME: &'static str = "balanced_l1";
    const GEOMETRY: Geometry = Geometry::Alike;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        element_items(self.reduction, input)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            auxiliary: None,
            weight: call.weight,
            ignore: None,
        };
        let options = Options {
            alpha: self.alpha,
            gamma: self.gamma,
            beta: self.beta,
            normalizer: self.normalizer,
            reduction: self.reduction,
        };
        kernels::balanced_l1::evaluate(&options, &operands, call.values, call.gradient)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let (x, t) = (inputs.input, inputs.target.to_dtype(inputs.input.dtype())?);
        let Self {
            alpha, gamma, beta, ..
        } = *self;
        let b = (gamma / alpha).exp_m1();
        let difference = (x - &t)?;
        // |d| with slope 0 at 0.
        let sign = (difference.gt(0.0)?.to_dtype(x.dtype())?
            - difference.lt(0.0)?.to_dtype(x.dtype())?)?;
        let d = (&difference * sign)?;
        let ln = (&d * (b / beta))?.affine(1.0, 1.0)?.log()?;
        let small = ((d.affine(alpha, alpha / b)? * ln)? - (&d * alpha)?)?;
        let large = d.affine(gamma, gamma / b - alpha * beta)?;
        let values = d.lt(beta)?.where_cond(&small, &large)?;
        finish_elements(
            &values,
            &t,
            inputs.weight,
            None,
            self.reduction,
            self.normalizer,
        )
    }
}
