//! Mean squared error.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::pixel::Penalty;
use kernels::{Normalizer, Reduction};

use super::pixel;
use crate::loss::{Call, Fused, Geometry, Inputs, Kernel};

/// Mean squared error, the L2 loss.
///
/// ```text
/// L = (x − t)²
/// ```
///
/// # Shapes
/// As [`L1Loss`](crate::L1Loss).
///
/// # Edge cases
/// Empty: the mean is 0. Differences above 1e19 overflow in `f32`: the value is infinite. NaN in, NaN out.
///
/// # Agrees with
/// `torch.nn.functional.mse_loss`.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, MseLoss};
///
/// let input = Tensor::new(&[0.5f32, -1., 2.], &Device::Cpu)?;
/// let target = Tensor::new(&[0f32, 0.5, 2.25], &Device::Cpu)?;
/// let (value, _gradient) = MseLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.854_166_7).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct MseLoss {
    /// What the mean divides by. Default: elements. `Weights` makes a mask leave the mean.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl MseLoss {
    /// The kernel's.
    fn penalty(&self) -> Penalty {
        Penalty::L2
    }
}

impl Fused for MseLoss {
    const NAME: &'static str = "mse";
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
        pixel::compose(inputs, self.normalizer, self.reduction, |d| d.sqr())
    }
}
