//! Barron's general robust loss.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::pixel::{Penalty, RobustShape};
use kernels::{Normalizer, Reduction};

use super::pixel;
use crate::loss::{Call, Fused, Geometry, Inputs, Kernel};

/// Barron's general and adaptive robust loss: one family from the parabola to losses that outliers cannot move.
///
/// ```text
/// L = |α − 2|/α · ((z²/|α − 2| + 1)^(α/2) − 1)        z = (x − t)/c
/// ```
///
/// and its limits: `z²/2` at `α = 2`, `ln(z²/2 + 1)` at 0 (Cauchy), `1 − e^(−z²/2)` at −∞ (Welsch).
///
/// # Shapes
/// As [`L1Loss`](crate::L1Loss).
///
/// # Edge cases
/// Equal tensors: value 0, slope 0. Small differences keep their relative accuracy. Empty: the mean is 0. NaN in, NaN
/// out.
///
/// # Agrees with
/// `kornia.losses.charbonnier_loss` (shape 1, the default), `cauchy_loss`, `geman_mcclure_loss` and `welsch_loss`,
/// which have `c = 1`. With `c`, [`RobustShape::Alpha`] of 1 is the pseudo-Huber loss over `c²`.
///
/// # Reference
/// Barron, *A General and Adaptive Robust Loss Function*, 2019. <https://arxiv.org/abs/1701.03077>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, RobustLoss};
///
/// let input = Tensor::new(&[0.5f32, -1., 2.], &Device::Cpu)?;
/// let target = Tensor::new(&[0f32, 0.5, 2.25], &Device::Cpu)?;
/// let (value, _gradient) = RobustLoss::cauchy().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.300_775_5).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct RobustLoss {
    /// `α`. Default 1.
    pub shape: RobustShape,
    /// `c`, above 0: the size of differences at which the parabola ends. Default 1 (kornia).
    pub scale: f64,
    /// What the mean divides by. Default: elements. `Weights` makes a mask leave the mean.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl RobustLoss {
    /// `ln(z²/2 + 1)`.
    pub fn cauchy() -> Self {
        Self::of(RobustShape::Cauchy)
    }

    /// `2 z² / (z² + 4)`.
    pub fn geman_mcclure() -> Self {
        Self::of(RobustShape::GemanMcClure)
    }

    /// `1 − e^(−z²/2)`.
    pub fn welsch() -> Self {
        Self::of(RobustShape::Welsch)
    }

    fn of(shape: RobustShape) -> Self {
        Self {
            shape,
            ..Self::default()
        }
    }
}

impl Default for RobustLoss {
    fn default() -> Self {
        Self {
            shape: RobustShape::Alpha(1.0),
            scale: 1.0,
            normalizer: Normalizer::default(),
            reduction: Reduction::default(),
        }
    }
}

impl RobustLoss {
    /// The kernel's.
    fn penalty(&self) -> Penalty {
        Penalty::Robust {
            shape: self.shape,
            scale: self.scale,
        }
    }
}

impl Fused for RobustLoss {
    const NAME: &'static str = "robust";
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
            let square = d.affine(1.0 / self.scale, 0.0)?.sqr()?;
            general(&square, self.shape)
        })
    }
}

/// Of `z²`.
fn general(square: &Tensor, shape: RobustShape) -> Result<Tensor> {
    match shape {
        RobustShape::Cauchy | RobustShape::Alpha(0.0) => square.affine(0.5, 1.0)?.log(),
        RobustShape::GemanMcClure => square.affine(2.0, 0.0)? / (square + 4.0)?,
        RobustShape::Welsch => square.affine(-0.5, 0.0)?.exp()?.affine(-1.0, 1.0),
        RobustShape::Alpha(2.0) => square.affine(0.5, 0.0),
        RobustShape::Alpha(alpha) => {
            let b = (alpha - 2.0).abs();
            let log = square.affine(1.0 / b, 1.0)?.log()?;
            (log * (alpha / 2.0))?.exp()?.affine(b / alpha, -b / alpha)
        }
    }
}
