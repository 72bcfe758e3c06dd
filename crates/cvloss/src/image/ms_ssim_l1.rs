//! Structural similarity in several windows and L1, without a pyramid.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::ssim::{Border, Channels, MixOptions, Similarity, Variance, Window, evaluate_mix};

use super::compose::{Pair, nothing, reduce};
use super::ssim::{image_items, split};
use crate::error::{self, Error};
use crate::loss::{Call, Fused, Geometry, Inputs};

/// The mix of multi-scale structural similarity and L1 of Zhao et al., for image restoration.
///
/// ```text
/// L = λ · (α · mean (1 − l_M Π_j c_j) + (1 − α) · mean (k_M * |x − y|) / data_range)
/// ```
///
/// Its scales are Gaussian windows `k_j` of different widths, all at full resolution and around the same pixel; luminance
/// `l_M` and the filtered L1 are those of the last, the widest. Gradients flow to both images.
///
/// **α**: the paper has 0.84. The authors' own code and kornia have 0.025, the default here, and kornia multiplies by
/// `λ = 200`. With 0.84 use `scale: 1.0`.
///
/// # Shapes
/// As [`SsimLoss`](crate::SsimLoss). With a weight map, `|x − y|` is multiplied by each pixel's weight before it is
/// filtered, and both means divide by the weights of the centres.
///
/// # Edge cases
/// As [`SsimLoss`](crate::SsimLoss). The slope of `|x − y|` is 0 at 0.
///
/// # Agrees with
/// `kornia.losses.MS_SSIMLoss()` of kornia 0.9 and later, in the default configuration; earlier ones mixed up channels
/// and scales.
///
/// # Reference
/// Zhao et al., *Loss functions for image restoration with neural networks*, 2017. <https://arxiv.org/abs/1511.08861>
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{Loss, MsSsimL1Loss};
///
/// let image = Tensor::ones((1, 3, 24, 24), DType::F32, &Device::Cpu)?;
/// let (value, gradient) = MsSsimL1Loss::new(1.0).value_and_grad(&image, &image)?;
/// assert_eq!(value.to_scalar::<f32>()?, 0.0);
/// assert_eq!(gradient.abs()?.max_all()?.to_scalar::<f32>()?, 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MsSsimL1Loss {
    /// The length of the range of pixels: 1, 2 or 255.
    pub data_range: f64,
    /// Default 0.01.
    #[cfg_attr(feature = "serde", serde(default = "first"))]
    pub k1: f64,
    /// Default 0.03.
    #[cfg_attr(feature = "serde", serde(default = "second"))]
    pub k2: f64,
    /// The standard deviation of each window in pixels, up to 8 of them, the widest last. Default 0.5, 1, 2, 4, 8.
    #[cfg_attr(feature = "serde", serde(default = "sigmas"))]
    pub sigmas: Vec<f64>,
    /// Pixels across all windows, odd, 1 to 33. Default 33.
    #[cfg_attr(feature = "serde", serde(default = "size"))]
    pub size: usize,
    /// Default: zeros, as kornia.
    #[cfg_attr(feature = "serde", serde(default = "border"))]
    pub border: Border,
    /// Default: clamped.
    #[cfg_attr(feature = "serde", serde(default))]
    pub variance: Variance,
    /// The share of structural similarity, in `[0, 1]`. Default 0.025.
    #[cfg_attr(feature = "serde", serde(default = "alpha"))]
    pub alpha: f64,
    /// Multiplies the loss. Default 200.
    #[cfg_attr(feature = "serde", serde(default = "scale"))]
    pub scale: f64,
    /// Default: mean.
    #[cfg_attr(feature = "serde", serde(default))]
    pub reduction: Reduction,
}

#[cfg(feature = "serde")]
mod defaults {
    use super::{Border, MsSsimL1Loss};

    fn loss() -> MsSsimL1Loss {
        MsSsimL1Loss::new(1.0)
    }
    pub(super) fn first() -> f64 {
        loss().k1
    }
    pub(super) fn second() -> f64 {
        loss().k2
    }
    pub(super) fn sigmas() -> Vec<f64> {
        loss().sigmas
    }
    pub(super) fn size() -> usize {
        loss().size
    }
    pub(super) fn border() -> Border {
        loss().border
    }
    pub(super) fn alpha() -> f64 {
        loss().alpha
    }
    pub(super) fn scale() -> f64 {
        loss().scale
    }
}
#[cfg(feature = "serde")]
use defaults::*;

impl MsSsimL1Loss {
    /// kornia's, for pixels in a range of this length.
    pub fn new(data_range: f64) -> Self {
        Self {
            data_range,
            k1: 0.01,
            k2: 0.03,
            sigmas: vec![0.5, 1.0, 2.0, 4.0, 8.0],
            size: 33,
            border: Border::Zero,
            variance: Variance::default(),
            alpha: 0.025,
            scale: 200.0,
            reduction: Reduction::default(),
        }
    }

    fn options(&self) -> MixOptions {
        MixOptions {
            data_range: self.data_range,
            k1: self.k1,
            k2: self.k2,
            sigmas: self.sigmas.clone(),
            size: self.size,
            border: self.border,
            variance: self.variance,
            alpha: self.alpha,
            scale: self.scale,
            reduction: self.reduction,
        }
    }

    /// The similarity in one of the windows.
    fn similarity(&self, sigma: f64) -> Similarity {
        Similarity {
            k1: self.k1,
            k2: self.k2,
            window: Window::gaussian(self.size, sigma),
            border: self.border,
            variance: self.variance,
            ..Similarity::new(self.data_range)
        }
    }
}

impl Fused for MsSsimL1Loss {
    const NAME: &'static str = "ms_ssim_l1";
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
        kernels::ssim::check_mix(&self.options(), &input.dims()[2..]).map_err(named)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let (operands, results) = split(call);
        evaluate_mix(&self.options(), &operands, results)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        if let Some(nothing) = nothing(inputs.input, Channels::Average, self.reduction)? {
            return Ok(nothing);
        }
        let pair = Pair::new(inputs)?;
        let last = self.sigmas.len().saturating_sub(1);
        let mut product: Option<Tensor> = None;
        for (at, sigma) in self.sigmas.iter().enumerate() {
            let map = pair.dissimilarity(&self.similarity(*sigma), at == last)?;
            let kept = map.affine(-1.0, 1.0)?;
            product = Some(match product {
                None => kept,
                Some(product) => (product * kept)?,
            });
        }
        let product = match product {
            Some(product) => product,
            None => inputs.input.ones_like()?,
        };
        let widest = self.similarity(self.sigmas.last().copied().unwrap_or(1.0));
        let windows = pair.mean_of_windows(&product.affine(-1.0, 1.0)?, &widest)?;
        let axes = inputs.input.rank() - 2;
        let taps = widest.taps(axes).map_err(candle_core::Error::wrap)?;
        let seen = pair.seen(&pair.distance()?, &taps, self.border)?;
        let pixels = pair.mean_of_seen(&seen, self.border)?;
        let (alpha, beta) = (self.alpha, (1.0 - self.alpha) / self.data_range);
        let planes = (((windows * alpha)? + (pixels * beta)?)? * self.scale)?;
        reduce(&planes, Channels::Average, self.reduction)
    }
}
