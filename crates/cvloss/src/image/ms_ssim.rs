//! Structural similarity over a pyramid.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::ssim::{
    ChannelProduct, Channels, MultiScale, NegativeContrast, OddPooling, PyramidOptions, Similarity,
    SmallImage, evaluate_pyramid,
};

use super::compose::{Pair, nothing, reduce};
use super::ssim::{image_items, split};
use crate::error::{self, Error};
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::ops;

/// Multi-scale structural dissimilarity of two images: `1 − MS-SSIM`.
///
/// ```text
/// L = 1 − v_M^w_M · Π_{j < M} v_j^w_j        v_j = mean c at level j,  v_M = mean l·c
/// ```
///
/// with `l` and `c` as in [`SsimLoss`](crate::SsimLoss). Each level has half the size of the one before: the mean of 2
/// pixels along each axis. Gradients flow to both images.
///
/// # Shapes
/// As [`SsimLoss`](crate::SsimLoss). Weight maps are halved with the images, and images by weight.
///
/// # Edge cases
/// What happens to odd sizes, to small images, and to levels of negative similarity, which have no power, are options. The
/// slope of a level's power is finite at 0: it is that at 1e-7. Else as [`SsimLoss`](crate::SsimLoss).
///
/// # Agrees with
/// `1 − pytorch_msssim.ms_ssim` with [`OddPooling::ZeroFirst`], `piq.MultiScaleSSIMLoss` with [`OddPooling::KeepFirst`]
/// (for an even and an odd side, piq drops the last row of the even one besides), `1 − piqa.MS_SSIM` with
/// [`OddPooling::KeepLast`], torchmetrics and MONAI with [`ChannelProduct::Image`]. All agree for sizes that can be halved
/// throughout.
///
/// # Reference
/// Wang et al., *Multi-scale structural similarity for image quality assessment*, 2003.
/// <https://doi.org/10.1109/ACSSC.2003.1292216>
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{Loss, MsSsimLoss};
///
/// let white = Tensor::ones((1, 3, 176, 192), DType::F32, &Device::Cpu)?;
/// let grey = (&white * 0.5)?;
/// let (value, _gradient) = MsSsimLoss::new(1.0).value_and_grad(&grey, &white)?;
/// // No variance: only l counts, to its power of 0.1333.
/// let expected = 1.0 - 0.800_016f32.powf(0.1333);
/// assert!((value.to_scalar::<f32>()? - expected).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MsSsimLoss {
    /// Window, border, constants and data range.
    pub similarity: Similarity,
    /// The power of each level, from the full size down. Default: the paper's 0.0448, 0.2856, 0.3001, 0.2363, 0.1333.
    #[cfg_attr(feature = "serde", serde(default = "weights"))]
    pub weights: Vec<f64>,
    /// What becomes of odd sizes. Default: the last pixel is dropped.
    #[cfg_attr(feature = "serde", serde(default))]
    pub odd: OddPooling,
    /// What becomes of negative similarities. Default: 0.
    #[cfg_attr(feature = "serde", serde(default))]
    pub negative: NegativeContrast,
    /// Whether channels or images have a product over levels. Default: channels.
    #[cfg_attr(feature = "serde", serde(default))]
    pub product: ChannelProduct,
    /// What to do with images that are too small for all levels. Default: an error.
    #[cfg_attr(feature = "serde", serde(default))]
    pub small: SmallImage,
    /// Default: mean.
    #[cfg_attr(feature = "serde", serde(default))]
    pub reduction: Reduction,
}

#[cfg(feature = "serde")]
fn weights() -> Vec<f64> {
    MsSsimLoss::new(1.0).weights
}

impl MsSsimLoss {
    /// The paper's, for pixels in a range of this length: 1, 2 or 255.
    pub fn new(data_range: f64) -> Self {
        Self {
            similarity: Similarity::new(data_range),
            weights: vec![0.0448, 0.2856, 0.3001, 0.2363, 0.1333],
            odd: OddPooling::default(),
            negative: NegativeContrast::default(),
            product: ChannelProduct::default(),
            small: SmallImage::default(),
            reduction: Reduction::default(),
        }
    }

    fn levels(&self) -> MultiScale {
        MultiScale {
            weights: self.weights.clone(),
            odd: self.odd,
            negative: self.negative,
            product: self.product,
            small: self.small,
        }
    }

    /// The powers of the levels that images of this size have.
    fn powers(&self, input: &Tensor) -> error::Result<Vec<f64>> {
        let powers = self.levels().powers(&self.similarity, &input.dims()[2..]);
        powers.map_err(|source| Error::Kernel {
            loss: Self::NAME,
            source,
        })
    }
}

impl Fused for MsSsimLoss {
    const NAME: &'static str = "ms_ssim";
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
        kernels::ssim::check_options(&self.similarity, input.rank() - 2).map_err(named)?;
        self.powers(input).map(drop)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let (operands, results) = split(call);
        let options = PyramidOptions {
            similarity: self.similarity.clone(),
            levels: self.levels(),
            reduction: self.reduction,
        };
        evaluate_pyramid(&options, &operands, results)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        if let Some(nothing) = nothing(inputs.input, Channels::Average, self.reduction)? {
            return Ok(nothing);
        }
        let powers = self.powers(inputs.input)?;
        let mut pair = Pair::new(inputs)?;
        let mut product: Option<Tensor> = None;
        for (level, power) in powers.iter().enumerate() {
            if level > 0 {
                pair = pair.halved(self.odd)?;
            }
            let map = pair.dissimilarity(&self.similarity, level + 1 == powers.len())?;
            let loss = pair.mean_of_windows(&map, &self.similarity)?;
            let loss = match self.product {
                ChannelProduct::Channel => loss,
                ChannelProduct::Image => loss.mean_keepdim(1)?,
            };
            let kept = match self.negative {
                NegativeContrast::Shift => loss.affine(-0.5, 1.0)?,
                NegativeContrast::Clamp => {
                    let kept = loss.affine(-1.0, 1.0)?;
                    kept.le(0.0)?.where_cond(&kept.zeros_like()?, &kept)?
                }
            };
            let raised = ops::power(&kept, *power)?;
            product = Some(match product {
                None => raised,
                Some(product) => (product * raised)?,
            });
        }
        match product {
            Some(product) => reduce(
                &product.affine(-1.0, 1.0)?,
                Channels::Average,
                self.reduction,
            ),
            None => inputs.input.sum_all(),
        }
    }
}
