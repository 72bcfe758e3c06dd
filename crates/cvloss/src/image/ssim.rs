//! Structural similarity in one window.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::ssim::{Border, Channels, Operands, Options, Results, Similarity, SsimForm, evaluate};

use super::compose::{Pair, nothing, reduce};
use crate::error::{self, Error};
use crate::host;
use crate::loss::{Call, Checked, Fused, Geometry, Gradients, Inputs, Kernel};

/// Structural dissimilarity of two images: `1 − SSIM`.
///
/// ```text
/// s = l·c        l = (2 μ_x μ_y + C1) / (μ_x² + μ_y² + C1),  c = (2 σ_xy + C2) / (σ_x² + σ_y² + C2)
/// L = 1 − mean s
/// ```
///
/// with means, variances and the covariance of both images in a window around each pixel; [`Similarity`] has the window,
/// the border and the constants. `1 − s` is computed as such, so that it keeps its digits for images that are nearly
/// equal; for equal ones, value and gradient are exactly 0. Gradients flow to both images.
///
/// # Shapes
/// - input, target: `(N, C, H, W)` images, `(N, C, D, H, W)` volumes or `(N, C, W)` rows, pixels in a range as long as
///   `data_range`
/// - weight: `(N, 1, *)` or `(N, *)`, of at least 0
/// - value: `[]`; `(N)` with [`Reduction::None`], `(N, C)` with [`Channels::Separate`] besides
///
/// A weight map makes the mean one over windows by the weight of their centre, and the statistics in each window those
/// of its pixels by their weight (normalised convolution). A pixel of weight 0 is not seen, whatever it holds; with
/// [`Border::Zero`], the zeros around the image weigh 1.
///
/// # Edge cases
/// Images smaller than the window are an error with the border `Valid`; `Reflect` needs more than half of it. Black,
/// constant and equal images have finite gradients. An image whose weights are all 0 has loss 0 and stays in the mean. No
/// pixels: 0. NaN in, NaN out.
///
/// # Agrees with
/// `1 − pytorch_msssim.ssim`, `piq.SSIMLoss(downsample=False)`, MONAI's `SSIMLoss` and scikit-image's
/// `structural_similarity(gaussian_weights=True, use_sample_covariance=False)` and its gradient, in the default
/// configuration. [`SsimLoss::kornia`] is kornia's `ssim_loss`; [`SsimLoss::fused_ssim`] is the zero border of fused-ssim
/// and of `piqa.SSIM(padding=True)`.
///
/// # Reference
/// Wang et al., *Image quality assessment: from error visibility to structural similarity*, 2004.
/// <https://doi.org/10.1109/TIP.2003.819861>
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{Loss, SsimLoss};
///
/// let white = Tensor::ones((1, 3, 16, 16), DType::F32, &Device::Cpu)?;
/// let grey = (&white * 0.5)?;
/// let (value, gradient) = SsimLoss::new(1.0).value_and_grad(&grey, &white)?;
/// // No variance: 1 − l.
/// assert!((value.to_scalar::<f32>()? - 0.199_984).abs() < 1e-5);
/// assert_eq!(gradient.dims(), [1, 3, 16, 16]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SsimLoss {
    /// Window, border, constants and data range.
    pub similarity: Similarity,
    /// Default: `1 − s`.
    #[cfg_attr(feature = "serde", serde(default))]
    pub form: SsimForm,
    /// Default: the mean over an image's channels.
    #[cfg_attr(feature = "serde", serde(default))]
    pub channels: Channels,
    /// Default: mean.
    #[cfg_attr(feature = "serde", serde(default))]
    pub reduction: Reduction,
}

impl SsimLoss {
    /// The paper's, for pixels in a range of this length: 1, 2 or 255.
    pub fn new(data_range: f64) -> Self {
        Self {
            similarity: Similarity::new(data_range),
            form: SsimForm::default(),
            channels: Channels::default(),
            reduction: Reduction::default(),
        }
    }

    /// As kornia's `ssim_loss(window_size=11)`, but for its clamp: reflected border, `(1 − s)/2`.
    pub fn kornia(data_range: f64) -> Self {
        let mut loss = Self::new(data_range);
        loss.similarity.border = Border::Reflect;
        loss.form = SsimForm::Half;
        loss
    }

    /// As `1 − fused_ssim`: zeros around the image.
    pub fn fused_ssim() -> Self {
        let mut loss = Self::new(1.0);
        loss.similarity.border = Border::Zero;
        loss
    }

    /// The factor of `1 − s`.
    fn weight(&self) -> f64 {
        match self.form {
            SsimForm::Whole => 1.0,
            SsimForm::Half => 0.5,
        }
    }

    /// The kernel's.
    fn options(&self) -> Options {
        Options {
            similarity: self.similarity.clone(),
            similarity_weight: self.weight(),
            pixel_weight: 0.0,
            channels: self.channels,
            reduction: self.reduction,
        }
    }
}

/// The similarity in the window around each pixel: `(N, C, *)`, without the margin where the border is `Valid`.
///
/// For looking at: it has no gradient, not even on the tape. Errors are those of [`SsimLoss`].
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{Similarity, ssim_map};
///
/// let image = Tensor::ones((1, 3, 16, 20), DType::F32, &Device::Cpu)?;
/// let map = ssim_map(&Similarity::new(1.0), &image, &image)?;
/// assert_eq!(map.dims(), [1, 3, 6, 10]);
/// assert_eq!(map.min_all()?.to_scalar::<f32>()?, 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn ssim_map(similarity: &Similarity, input: &Tensor, target: &Tensor) -> error::Result<Tensor> {
    const NAME: &str = "ssim";
    let inputs = Inputs {
        input,
        target,
        weight: None,
    };
    let checked = Checked::new(NAME, Geometry::Images, &inputs)?;
    let named = |source| Error::Kernel { loss: NAME, source };
    let (outer, space) = input.dims().split_at(2);
    let centres = kernels::ssim::map_space(similarity, space).map_err(named)?;
    let shape: Vec<usize> = outer.iter().chain(&centres).copied().collect();
    if !input.device().is_cpu() {
        let wide = |image: &Tensor| {
            image
                .detach()
                .to_dtype(crate::loss::value_dtype(image.dtype()))
        };
        let (input, target) = (wide(input)?, wide(target)?);
        let pair = Pair::new(&Inputs {
            input: &input,
            target: &target,
            weight: None,
        })?;
        return Ok(pair.dissimilarity(similarity, true)?.affine(-1.0, 1.0)?);
    }
    let mut buffer = host::Buffer::new(input.dtype(), shape.iter().product());
    let planes = [outer[0], outer[1], centres.iter().product()];
    checked.call(
        Some((&mut buffer, planes)),
        Gradients::default(),
        |call| match call.values {
            Some(map) => {
                let operands = Operands {
                    input: call.input,
                    target: call.target,
                    weight: None,
                    space: call.space,
                };
                kernels::ssim::evaluate_map(similarity, &operands, map)
            }
            None => Ok(()),
        },
    )?;
    Ok(buffer.into_tensor(shape)?.affine(-1.0, 1.0)?)
}

/// The shape of values of images, or of their channels, and of the same with axes of length 1 put in.
pub(super) fn image_items(
    reduction: Reduction,
    channels: Channels,
    input: &Shape,
) -> (Shape, Shape) {
    if reduction != Reduction::None {
        return (Shape::from(()), Shape::from(()));
    }
    let dims = input.dims();
    let count = match channels {
        Channels::Average => 1,
        Channels::Separate => 2,
    };
    let mut items = vec![1; dims.len()];
    items[..count].copy_from_slice(&dims[..count]);
    (Shape::from(&dims[..count]), Shape::from(items))
}

/// A call as the kernels of similarity take it.
pub(super) fn split<'i, 'o>(call: Call<'i, 'o>) -> (Operands<'i>, Results<'o>) {
    let operands = Operands {
        input: call.input,
        target: call.target,
        weight: call.weight,
        space: call.space,
    };
    let results = Results {
        values: call.values,
        input: call.gradient,
        target: call.target_gradient,
    };
    (operands, results)
}

impl Fused for SsimLoss {
    const NAME: &'static str = "ssim";
    const GEOMETRY: Geometry = Geometry::Images;
    const TARGET_GRADIENT: bool = true;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        image_items(self.reduction, self.channels, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        kernels::ssim::check(&self.similarity, &input.dims()[2..]).map_err(|source| Error::Kernel {
            loss: Self::NAME,
            source,
        })
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let (operands, results) = split(call);
        evaluate(&self.options(), &operands, results)
    }

    fn kernel(&self, _: &Inputs<'_>) -> kernels::Result<Option<Kernel>> {
        Ok(Some(Kernel::Windows(self.options())))
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        if let Some(nothing) = nothing(inputs.input, self.channels, self.reduction)? {
            return Ok(nothing);
        }
        let pair = Pair::new(inputs)?;
        let map = pair.dissimilarity(&self.similarity, true)?;
        let planes = (pair.mean_of_windows(&map, &self.similarity)? * self.weight())?;
        reduce(&planes, self.channels, self.reduction)
    }
}
