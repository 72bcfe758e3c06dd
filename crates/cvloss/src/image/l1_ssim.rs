//! L1 and structural similarity in one sweep.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::ssim::{Border, Channels, Options, Similarity, evaluate};

use super::compose::{Pair, nothing, reduce};
use super::ssim::{image_items, split};
use crate::error::{self, Error};
use crate::loss::{Call, Fused, Geometry, Inputs};

/// A weighted sum of the mean absolute difference and the structural dissimilarity, in one sweep.
///
/// ```text
/// L = λ_l1 · mean |x − y| + λ_ssim · (1 − mean s)
/// ```
///
/// The loss of Gaussian splatting, with 0.8 and 0.2. The same as a [`LossSum`](crate::LossSum) of both terms, in the time
/// of [`SsimLoss`](crate::SsimLoss) alone.
///
/// # Shapes
/// As [`SsimLoss`](crate::SsimLoss); the mean of absolute differences is by weight too, over all pixels.
///
/// # Edge cases
/// As [`SsimLoss`](crate::SsimLoss). The slope of `|x − y|` is 0 at 0.
///
/// # Agrees with
/// `0.8 * l1_loss(x, y) + 0.2 * (1 − fused_ssim(x, y))` of Gaussian-splatting trainers, in the default border of zeros;
/// with [`Border::Valid`], `1 − pytorch_msssim.ssim` as the second term.
///
/// # Reference
/// Kerbl et al., *3D Gaussian splatting for real-time radiance field rendering*, 2023.
/// <https://arxiv.org/abs/2308.04079>
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{L1SsimLoss, Loss};
///
/// let white = Tensor::ones((1, 3, 16, 16), DType::F32, &Device::Cpu)?;
/// let grey = (&white * 0.5)?;
/// let (value, _gradient) = L1SsimLoss::new(1.0).value_and_grad(&grey, &white)?;
/// assert!((value.to_scalar::<f32>()? - 0.465_665).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct L1SsimLoss {
    /// Window, border, constants and data range. Default border: zeros.
    pub similarity: Similarity,
    /// The factor of the mean absolute difference. Default 0.8.
    #[cfg_attr(feature = "serde", serde(default = "lambda_l1"))]
    pub lambda_l1: f64,
    /// The factor of `1 − s`. Default 0.2.
    #[cfg_attr(feature = "serde", serde(default = "lambda_ssim"))]
    pub lambda_ssim: f64,
    /// Default: mean.
    #[cfg_attr(feature = "serde", serde(default))]
    pub reduction: Reduction,
}

#[cfg(feature = "serde")]
fn lambda_l1() -> f64 {
    L1SsimLoss::new(1.0).lambda_l1
}

#[cfg(feature = "serde")]
fn lambda_ssim() -> f64 {
    L1SsimLoss::new(1.0).lambda_ssim
}

impl L1SsimLoss {
    /// That of Gaussian splatting, for pixels in a range of this length.
    pub fn new(data_range: f64) -> Self {
        Self {
            similarity: Similarity {
                border: Border::Zero,
                ..Similarity::new(data_range)
            },
            lambda_l1: 0.8,
            lambda_ssim: 0.2,
            reduction: Reduction::default(),
        }
    }
}

impl Fused for L1SsimLoss {
    const NAME: &'static str = "l1_ssim";
    const GEOMETRY: Geometry = Geometry::Images;
    const TARGET_GRADIENT: bool = true;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        image_items(self.reduction, Channels::Average, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        let named = |source| Error::Kernel {
            loss: Self::NAME,
            source,
        };
        kernels::ssim::check(&self.similarity, &input.dims()[2..]).map_err(named)?;
        kernels::ssim::check_factor("lambda_l1", self.lambda_l1).map_err(named)?;
        kernels::ssim::check_factor("lambda_ssim", self.lambda_ssim).map_err(named)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let (operands, results) = split(call);
        let options = Options {
            similarity: self.similarity.clone(),
            similarity_weight: self.lambda_ssim,
            pixel_weight: self.lambda_l1,
            channels: Channels::Average,
            reduction: self.reduction,
        };
        evaluate(&options, &operands, results)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        if let Some(nothing) = nothing(inputs.input, Channels::Average, self.reduction)? {
            return Ok(nothing);
        }
        let pair = Pair::new(inputs)?;
        let map = pair.dissimilarity(&self.similarity, true)?;
        let similarity = pair.mean_of_windows(&map, &self.similarity)?;
        let distance = pair.distance()?.broadcast_mul(&pair.w)?;
        let pixels = pair.mean_of_pixels(&distance)?;
        let planes = ((similarity * self.lambda_ssim)? + (pixels * self.lambda_l1)?)?;
        reduce(&planes, Channels::Average, self.reduction)
    }
}
