//! Huber and smooth L1 loss: a parabola that goes on as a line.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::pixel::Penalty;
use kernels::{Normalizer, Reduction};

use super::pixel;
use crate::loss::{Call, Fused, Geometry, Inputs, Kernel};
use crate::ops;
/// Huber loss.
///
/// ```text
/// L = d²/2             |d| ≤ δ        d = x − t
///     δ (|d| − δ/2)    |d| > δ
/// ```
///
/// # Shapes
/// As [`L1Loss`](crate::L1Loss).
///
/// # Edge cases
/// Empty: the mean is 0. NaN in, NaN out.
///
/// # Agrees with
/// `torch.nn.functional.huber_loss`.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{HuberLoss, Loss};
///
/// let input = Tensor::new(&[0.5f32, -1., 2.], &Device::Cpu)?;
/// let target = Tensor::new(&[0f32, 0.5, 2.25], &Device::Cpu)?;
/// let (value, _gradient) = HuberLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.385_416_7).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct HuberLoss {
    /// `δ`, above 0. Default 1 (torch).
    pub delta: f64,
    /// What the mean divides by. Default: elements. `Weights` makes a mask leave the mean.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for HuberLoss {
    fn default() -> Self {
        Self {
            delta: 1.0,
            normalizer: Normalizer::default(),
            reduction: Reduction::default(),
        }
    }
}

impl HuberLoss {
    /// The kernel's.
    fn penalty(&self) -> Penalty {
        Penalty::Huber { delta: self.delta }
    }
}

impl Fused for HuberLoss {
    const NAME: &'static str = "huber";
    const GEOMETRY: Geometry = Geometry::Alike;
    const TARGET_GRADIENT: bool = true;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        pixel::items(self.reduction, input)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        pixel::run(self.penalty(), self.normalizer, self.reduction, call)
    }

    fn kernel(&self, _: &Inputs<'_>) -> kernels::Result<Option<Kernel>> {
        Kernel::pixel(self.penalty(), self.normalizer, self.reduction)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        pixel::compose(inputs, self.normalizer, self.reduction, |d| {
            parabola(d, self.delta)
        })
    }
}

/// `d²/2` up to `δ`, then a line of slope `δ`.
fn parabola(d: &Tensor, delta: f64) -> Result<Tensor> {
    let a = ops::abs(d)?;
    let q = ops::at_most(&a, delta)?;
    &q * (a - (&q * 0.5)?)?
}

/// Smooth L1 loss: Huber's over `β`, so that the line has slope 1.
///
/// ```text
/// L = d²/(2β)      |d| ≤ β        d = x − t
///     |d| − β/2    |d| > β
/// ```
///
/// # Shapes
/// As [`L1Loss`](crate::L1Loss).
///
/// # Edge cases
/// `β = 0` is the L1 loss. Empty: the mean is 0. NaN in, NaN out.
///
/// # Agrees with
/// `torch.nn.functional.smooth_l1_loss`.
///
/// # Reference
/// Girshick, *Fast R-CNN*, 2015. <https://arxiv.org/abs/1504.08083>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, SmoothL1Loss};
///
/// let input = Tensor::new(&[0.5f32, -1., 2.], &Device::Cpu)?;
/// let target = Tensor::new(&[0f32, 0.5, 2.25], &Device::Cpu)?;
/// let (value, _gradient) = SmoothL1Loss { beta: 0.5, ..SmoothL1Loss::default() }.value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.520_833_3).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct SmoothL1Loss {
    /// `β`, at least 0. Default 1 (torch).
    pub beta: f64,
    /// What the mean divides by. Default: elements. `Weights` makes a mask leave the mean.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for SmoothL1Loss {
    fn default() -> Self {
        Self {
            beta: 1.0,
            normalizer: Normalizer::default(),
            reduction: Reduction::default(),
        }
    }
}

impl SmoothL1Loss {
    /// The kernel's.
    fn penalty(&self) -> Penalty {
        Penalty::SmoothL1 { beta: self.beta }
    }
}

impl Fused for SmoothL1Loss {
    const NAME: &'static str = "smooth_l1";
    const GEOMETRY: Geometry = Geometry::Alike;
    const TARGET_GRADIENT: bool = true;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        pixel::items(self.reduction, input)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        pixel::run(self.penalty(), self.normalizer, self.reduction, call)
    }

    fn kernel(&self, _: &Inputs<'_>) -> kernels::Result<Option<Kernel>> {
        Kernel::pixel(self.penalty(), self.normalizer, self.reduction)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        pixel::compose(inputs, self.normalizer, self.reduction, |d| {
            match self.beta {
                0.0 => ops::abs(d),
                beta => parabola(d, beta)? / beta,
            }
        })
    }
}
