//! Wing loss.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::pixel::Penalty;
use kernels::{Normalizer, Reduction};

use super::pixel;
use crate::loss::{Call, Fused, Geometry, Inputs, Kernel};
use crate::ops;
/// Wing loss, for landmarks: small differences pull harder than with L1.
///
/// ```text
/// L = ω ln(1 + |d|/ε)    |d| < ω        d = x − t
///     |d| − C            |d| ≥ ω        C = ω − ω ln(1 + ω/ε)
/// ```
///
/// # Shapes
/// As [`L1Loss`](crate::L1Loss).
///
/// # Edge cases
/// The slope at `d = 0`, where the function has a kink, is 0. Empty: the mean is 0. NaN in, NaN out.
///
/// # Agrees with
/// `WingLoss` of pytorch-toolbelt (width 5, curvature 0.5).
///
/// # Reference
/// Feng et al., *Wing Loss for Robust Facial Landmark Localisation with CNNs*, 2018.
/// <https://arxiv.org/abs/1711.06753>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, WingLoss};
///
/// let input = Tensor::new(&[0.5f32, -1., 2.], &Device::Cpu)?;
/// let target = Tensor::new(&[0f32, 0.5, 2.25], &Device::Cpu)?;
/// let (value, _gradient) = WingLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 4.141_511_1).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct WingLoss {
    /// `ω`, above 0, where the logarithm ends. Default 5 (pytorch-toolbelt; the paper has 10, in pixels).
    pub width: f64,
    /// `ε`, above 0. Default 0.5 (pytorch-toolbelt; the paper has 2).
    pub curvature: f64,
    /// What the mean divides by. Default: elements. `Weights` makes a mask leave the mean.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for WingLoss {
    fn default() -> Self {
        Self {
            width: 5.0,
            curvature: 0.5,
            normalizer: Normalizer::default(),
            reduction: Reduction::default(),
        }
    }
}

impl WingLoss {
    /// The kernel's.
    fn penalty(&self) -> Penalty {
        Penalty::Wing {
            width: self.width,
            curvature: self.curvature,
        }
    }
}

impl Fused for WingLoss {
    const NAME: &'static str = "wing";
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
            let Self {
                width, curvature, ..
            } = *self;
            let a = ops::abs(d)?;
            let near = a.affine(1.0 / curvature, 1.0)?.log()?.affine(width, 0.0)?;
            let far = (&a - (width - width * (width / curvature).ln_1p()))?;
            a.lt(width)?.where_cond(&near, &far)
        })
    }
}
