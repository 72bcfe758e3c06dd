//! Peak signal-to-noise ratio as a loss.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::device::Kernel;
use kernels::pixel::{PsnrOptions, PsnrPooling};
use kernels::{Normalizer, Reduction};

use super::pixel;
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::{error, ops};

/// The negative peak signal-to-noise ratio, in decibels.
///
/// ```text
/// L = 10 log₁₀(m + ε)        m = mean (x − t)² / range²
/// ```
///
/// # Shapes
/// - input, target: `(N, C, *)`, the same shape and floating dtype. Gradients flow to both
/// - weight: any shape that broadcasts to theirs, as `(N, 1, *)`
/// - value: `[]`; with [`Reduction::None`] `(N)`, or `[]` if the batch is pooled
///
/// # Edge cases
/// Equal images: `10 log₁₀ ε`, and a gradient of 0; −∞ for `ε = 0`. An image without pixels, or without weight under
/// [`Normalizer::Weights`], counts as equal. NaN in, NaN out.
///
/// # Agrees with
/// −`piq.psnr` (per image, `ε` 1e-8); `kornia.losses.psnr_loss` with [`PsnrPooling::Batch`] and `ε = 0`.
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{Loss, PsnrLoss};
///
/// let input = Tensor::zeros((1, 3, 4, 4), DType::F32, &Device::Cpu)?;
/// let target = (input.ones_like()? * 0.1)?;
/// let (value, _gradient) = PsnrLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? + 20.0).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct PsnrLoss {
    /// The largest value of a pixel less the smallest. Default 1.
    pub data_range: f64,
    /// `ε`, at least 0. Default 1e-8 (piq).
    pub eps: f64,
    /// Over what the squared error is averaged before the logarithm. Default: each image.
    pub pooling: PsnrPooling,
    /// What the mean squared error divides by. Default: elements. `Weights` makes a mask leave the mean.
    pub normalizer: Normalizer,
    /// Over images. Default: mean.
    pub reduction: Reduction,
}

impl Default for PsnrLoss {
    fn default() -> Self {
        Self {
            data_range: 1.0,
            eps: 1e-8,
            pooling: PsnrPooling::default(),
            normalizer: Normalizer::default(),
            reduction: Reduction::default(),
        }
    }
}

impl PsnrLoss {
    fn options(&self) -> PsnrOptions {
        PsnrOptions {
            data_range: self.data_range,
            eps: self.eps,
            pooling: self.pooling,
            normalizer: self.normalizer,
            reduction: self.reduction,
        }
    }
}

impl Fused for PsnrLoss {
    const NAME: &'static str = "psnr";
    const GEOMETRY: Geometry = Geometry::Alike;
    const TARGET_GRADIENT: bool = true;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        match self.pooling {
            PsnrPooling::Image => pixel::image_items(self.reduction, input),
            PsnrPooling::Batch => (Shape::from(()), Shape::from(())),
        }
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        pixel::check_rank(Self::NAME, input, 3.., "(N, C, *)")
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let (operands, values, gradients) = pixel::operands(call);
        kernels::pixel::evaluate_psnr(&self.options(), &operands, values, gradients)
    }

    fn kernel(&self, _: &Inputs<'_>) -> kernels::Result<Option<Kernel>> {
        Ok(Some(Kernel::Psnr(self.options())))
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let square = (inputs.input - inputs.target)?.sqr()?;
        let pooled = |tensor: &Tensor| match self.pooling {
            PsnrPooling::Image => tensor.flatten_from(1)?.sum(1),
            PsnrPooling::Batch => tensor.sum_all(),
        };
        let one = square.ones_like()?;
        let weights = match inputs.weight {
            Some(weight) => one.broadcast_mul(weight)?,
            None => one.clone(),
        };
        let denominator = match self.normalizer {
            Normalizer::Elements => pooled(&one)?,
            Normalizer::Weights => pooled(&weights)?,
            Normalizer::Positives => {
                let positives = inputs.target.gt(0.0)?.to_dtype(square.dtype())?;
                pooled(&positives)?.maximum(1.0)?
            }
        };
        // Nothing counts: the sum is 0, and so is the mean.
        let empty = denominator.eq(0.0)?.to_dtype(square.dtype())?;
        let error = (pooled(&(square * weights)?)? / (denominator + empty)?)?;
        let error = error.affine(self.data_range.powi(-2), self.eps)?;
        let losses = (ops::log_or_infinity(&error)? * (10.0 / std::f64::consts::LN_10))?;
        match self.pooling {
            PsnrPooling::Image => pixel::reduce_images(&losses, self.reduction),
            PsnrPooling::Batch => Ok(losses),
        }
    }
}
