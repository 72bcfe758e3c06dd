//! Mean absolute error.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::pixel::Penalty;
use kernels::{Normalizer, Reduction};

use super::pixel;
use crate::loss::{Call, Fused, Geometry, Inputs, Kernel};
use crate::ops;
/// Mean absolute error.
///
/// ```text
/// L = |x − t|
/// ```
///
/// # Shapes
/// - input, target: any shape, the same; any floating dtype, the same. Gradients flow to both
/// - weight: any shape that broadcasts to theirs
/// - value: `[]`, or the input's shape with [`Reduction::None`]
///
/// # Edge cases
/// Empty: the mean is 0. The slope at `x = t` is 0. NaN in, NaN out; a weight of 0 does not hide NaN.
///
/// # Agrees with
/// `torch.nn.functional.l1_loss`.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{L1Loss, Loss};
///
/// let input = Tensor::new(&[0.5f32, -1., 2.], &Device::Cpu)?;
/// let target = Tensor::new(&[0f32, 0.5, 2.25], &Device::Cpu)?;
/// let (value, _gradient) = L1Loss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.75).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct L1Loss {
    /// What the mean divides by. Default: elements. `Weights` makes a mask leave the mean.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl L1Loss {
    /// The kernel's.
    fn penalty(&self) -> Penalty {
        Penalty::L1
    }
}

impl Fused for L1Loss {
    const NAME: &'static str = "l1";
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
        pixel::compose(inputs, self.normalizer, self.reduction, ops::abs)
    }
}
