//! Log-cosh loss.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::pixel::Penalty;
use kernels::{Normalizer, Reduction};

use super::pixel;
use crate::loss::{Call, Fused, Geometry, Inputs, Kernel};
use crate::ops;
/// Log-cosh loss: `d²/2` near 0, `|d| − ln 2` far away, smooth everywhere.
///
/// ```text
/// L = ln cosh d        d = x − t
/// ```
///
/// # Shapes
/// As [`L1Loss`](crate::L1Loss).
///
/// # Edge cases
/// Does not overflow. Empty: the mean is 0. NaN in, NaN out.
///
/// # Agrees with
/// `LogCoshLoss` of pytorch-toolbelt, `d + softplus(−2d) − ln 2`, which loses small differences to rounding.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{LogCoshLoss, Loss};
///
/// let input = Tensor::new(&[0.5f32, -1., 2.], &Device::Cpu)?;
/// let target = Tensor::new(&[0f32, 0.5, 2.25], &Device::Cpu)?;
/// let (value, _gradient) = LogCoshLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.335_494_8).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct LogCoshLoss {
    /// What the mean divides by. Default: elements. `Weights` makes a mask leave the mean.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl LogCoshLoss {
    /// The kernel's.
    fn penalty(&self) -> Penalty {
        Penalty::LogCosh
    }
}

impl Fused for LogCoshLoss {
    const NAME: &'static str = "log_cosh";
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
            let line = (ops::softplus(&d.affine(-2.0, 0.0)?)? - std::f64::consts::LN_2)?;
            // Of small differences, the line's rounding would leave little.
            d.sqr()?.lt(0.01)?.where_cond(&series(d)?, &(d + line)?)
        })
    }
}

/// `d²/2 − d⁴/12 + d⁶/45 − 17 d⁸/2520`.
fn series(d: &Tensor) -> Result<Tensor> {
    let square = d.sqr()?;
    let mut sum = square.affine(-17.0 / 2520.0, 1.0 / 45.0)?;
    for term in [-1.0 / 12.0, 0.5, 0.0] {
        sum = ((sum * &square)? + term)?;
    }
    Ok(sum)
}
