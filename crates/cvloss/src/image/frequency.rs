//! Losses of spectra.

use candle_core::{D, Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::frequency::{
    FftForm, FftNorm, Formula, Options, SpectrumPeak, SpectrumPooling, SpectrumWeight,
};

use super::pixel;
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::{error, ops};

/// Focal frequency loss: squared errors of Fourier coefficients, those that are large counting more.
///
/// ```text
/// L = mean w |F|²        F = DFT(x − t)/√(HW),   w = |F|^α / max |F|^α
/// ```
///
/// The weights `w` count as constants: no gradient flows through them.
///
/// # Shapes
/// - input, target: `(N, C, H, W)`, the same shape and floating dtype. Gradients flow to both
/// - weight: any shape that broadcasts to theirs; it multiplies the difference before the transform, so that a mask of
///   0 makes both images equal there
/// - value: `[]`; with [`Reduction::None`] `(N)`, or `[]` for the mean spectrum of a batch
///
/// # Edge cases
/// Equal images: value 0, gradient 0. A height or width that `patch_factor` does not divide is an error. NaN in, NaN
/// out.
///
/// # Agrees with
/// `FocalFrequencyLoss` of the authors' package focal-frequency-loss: `alpha`, `patch_factor`, `ave_spectrum`
/// ([`SpectrumPooling::Batch`]), `log_matrix` ([`SpectrumWeight::Log`]), `batch_matrix` ([`SpectrumPeak::Batch`]).
///
/// # Reference
/// Jiang et al., *Focal Frequency Loss for Image Reconstruction and Synthesis*, 2021.
/// <https://arxiv.org/abs/2012.12821>
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{FocalFrequencyLoss, Loss};
///
/// // A constant difference of 0.5 has one coefficient, 0.5 · √16, of 16.
/// let input = Tensor::zeros((1, 1, 4, 4), DType::F32, &Device::Cpu)?;
/// let target = (input.ones_like()? * 0.5)?;
/// let (value, _gradient) = FocalFrequencyLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.25).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct FocalFrequencyLoss {
    /// How much large errors count more, at least 0. Default 1 (the paper).
    pub alpha: f64,
    /// Each side is cut into this many patches, at least 1. Default 1.
    pub patch_factor: usize,
    /// What a coefficient weighs. Default: a power of its magnitude.
    pub weighting: SpectrumWeight,
    /// What weights are divided by. Default: the largest of each patch and channel.
    pub peak: SpectrumPeak,
    /// Whose spectra are compared. Default: each image's.
    pub pooling: SpectrumPooling,
    /// Over images. Default: mean.
    pub reduction: Reduction,
}

impl Default for FocalFrequencyLoss {
    fn default() -> Self {
        Self {
            alpha: 1.0,
            patch_factor: 1,
            weighting: SpectrumWeight::default(),
            peak: SpectrumPeak::default(),
            pooling: SpectrumPooling::default(),
            reduction: Reduction::default(),
        }
    }
}

/// L1 of Fourier coefficients.
///
/// ```text
/// L = mean (|Re F| + |Im F|)/2  or  mean |F|        F = DFT(x − t)
/// ```
///
/// # Shapes
/// As [`FocalFrequencyLoss`].
///
/// # Edge cases
/// Equal images: value 0, gradient 0. NaN in, NaN out.
///
/// # Agrees with
/// The L1 loss of `torch.fft.fft2` of both images, its real and imaginary parts stacked (MIMO-UNet; the default), or of
/// complex numbers ([`FftForm::Magnitude`]).
///
/// # Reference
/// Cho et al., *Rethinking Coarse-to-Fine Approach in Single Image Deblurring*, 2021.
/// <https://arxiv.org/abs/2108.05054>
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{FftL1Loss, Loss};
///
/// // A constant difference of 0.5 has one coefficient, 0.5 · 16, real, of 2 · 16 parts.
/// let input = Tensor::zeros((1, 1, 4, 4), DType::F32, &Device::Cpu)?;
/// let target = (input.ones_like()? * 0.5)?;
/// let (value, _gradient) = FftL1Loss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.25).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct FftL1Loss {
    /// What of a coefficient is compared. Default: real and imaginary part.
    pub form: FftForm,
    /// The factor of the transform. Default: none (torch).
    pub norm: FftNorm,
    /// Over images. Default: mean.
    pub reduction: Reduction,
}

impl FocalFrequencyLoss {
    fn options(&self) -> Options {
        Options {
            formula: Formula::Focal {
                alpha: self.alpha,
                weight: self.weighting,
                peak: self.peak,
            },
            patch_factor: self.patch_factor,
            pooling: self.pooling,
            reduction: self.reduction,
        }
    }

    /// Of `|F|`, as a constant.
    fn weights(&self, size: &Tensor) -> Result<Tensor> {
        let power = ops::power(&size.detach(), self.alpha)?;
        let raw = match self.weighting {
            SpectrumWeight::Power => power,
            SpectrumWeight::Log => (power + 1.0)?.log()?,
        };
        let peak = match self.peak {
            SpectrumPeak::Patch => raw.max_keepdim(D::Minus1)?.max_keepdim(D::Minus2)?,
            SpectrumPeak::Batch => raw.flatten_all()?.max(0)?.reshape(vec![1; raw.rank()])?,
        };
        let is_flat = peak.eq(0.0)?.to_dtype(raw.dtype())?;
        raw.broadcast_div(&(peak + is_flat)?)
    }
}

impl FftL1Loss {
    fn options(&self) -> Options {
        Options {
            formula: Formula::L1 {
                form: self.form,
                norm: self.norm,
            },
            patch_factor: 1,
            pooling: SpectrumPooling::Image,
            reduction: self.reduction,
        }
    }
}

impl Fused for FocalFrequencyLoss {
    const NAME: &'static str = "focal_frequency";
    const GEOMETRY: Geometry = Geometry::Alike;
    const TARGET_GRADIENT: bool = true;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        match self.pooling {
            SpectrumPooling::Image => pixel::image_items(self.reduction, input),
            SpectrumPooling::Batch => (Shape::from(()), Shape::from(())),
        }
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        pixel::check_rank(Self::NAME, input, 4..=4, "(N, C, H, W)")?;
        if self.peak == SpectrumPeak::Batch && self.reduction == Reduction::None {
            return Err(error::Error::Option {
                loss: Self::NAME,
                message: "weights divided by the batch's largest leave no values per image: \
                          expected reduction Mean or Sum"
                    .into(),
            });
        }
        Ok(())
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        run(&self.options(), call)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let difference = weighed_difference(inputs)?;
        let difference = match self.pooling {
            SpectrumPooling::Image => difference,
            SpectrumPooling::Batch => difference.mean_keepdim(0)?,
        };
        let (n, c, h, w) = difference.dims4()?;
        let count = self.patch_factor;
        let (height, width) = (h / count, w / count);
        let patches = difference
            .reshape((n, c, count, height, count, width))?
            .permute((0, 1, 2, 4, 3, 5))?
            .reshape((n, c * count * count, height, width))?;
        let (re, im) = spectrum(&patches)?;
        let scale = 1.0 / (height * width).max(1) as f64;
        let square = ((re.sqr()? + im.sqr()?)? * scale)?;
        let costs = (self.weights(&ops::root(&square)?)? * square)?;
        finish(&costs, self.reduction)
    }
}

impl Fused for FftL1Loss {
    const NAME: &'static str = "fft_l1";
    const GEOMETRY: Geometry = Geometry::Alike;
    const TARGET_GRADIENT: bool = true;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        pixel::image_items(self.reduction, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        pixel::check_rank(Self::NAME, input, 4..=4, "(N, C, H, W)")
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        run(&self.options(), call)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let difference = weighed_difference(inputs)?;
        let (_, _, height, width) = difference.dims4()?;
        let (re, im) = spectrum(&difference)?;
        let costs = match self.form {
            FftForm::Parts => ((ops::abs(&re)? + ops::abs(&im)?)? * 0.5)?,
            FftForm::Magnitude => ops::root(&(re.sqr()? + im.sqr()?)?)?,
        };
        let factor = match self.norm {
            FftNorm::Backward => 1.0,
            FftNorm::Ortho => 1.0 / ((height * width).max(1) as f64).sqrt(),
        };
        finish(&(costs * factor)?, self.reduction)
    }
}

fn run(options: &Options, call: Call<'_, '_>) -> kernels::Result<f64> {
    let space = pixel::plane(call.space);
    let (operands, values, gradients) = pixel::operands(call);
    kernels::frequency::evaluate(
        options,
        space,
        &operands.input,
        &operands.target,
        operands.weight.as_ref(),
        values,
        gradients,
    )
}

fn weighed_difference(inputs: &Inputs<'_>) -> Result<Tensor> {
    let difference = (inputs.input - inputs.target)?;
    match inputs.weight {
        Some(weight) => difference.broadcast_mul(weight),
        None => Ok(difference),
    }
}

/// The mean over each image, reduced.
fn finish(costs: &Tensor, reduction: Reduction) -> Result<Tensor> {
    let count: usize = costs.dims()[1..].iter().product();
    let losses = (costs.flatten_from(1)?.sum(1)? / count.max(1) as f64)?;
    pixel::reduce_images(&losses, reduction)
}

/// Real and imaginary part of the Fourier transform of each plane, by multiplication with matrices: candle has no
/// other.
fn spectrum(planes: &Tensor) -> Result<(Tensor, Tensor)> {
    let (_, _, height, width) = planes.dims4()?;
    let (rows_cos, rows_sin) = waves(height, planes)?;
    let (columns_cos, columns_sin) = waves(width, planes)?;
    let across = |waves: &Tensor| planes.broadcast_matmul(waves);
    let (cos, sin) = (across(&columns_cos)?, across(&columns_sin)?);
    let down = |waves: &Tensor, x: &Tensor| waves.broadcast_matmul(x);
    let re = (down(&rows_cos, &cos)? - down(&rows_sin, &sin)?)?;
    let im = (down(&rows_cos, &sin)? + down(&rows_sin, &cos)?)?;
    Ok((re, im.neg()?))
}

/// `cos` and `sin` of `2π j k / len`, exact at multiples of a quarter turn.
fn waves(len: usize, like: &Tensor) -> Result<(Tensor, Tensor)> {
    let mut tables = [Vec::new(), Vec::new()];
    for j in 0..len {
        for k in 0..len {
            let turn = j * k % len;
            let angle = std::f64::consts::TAU * turn as f64 / len as f64;
            let is_quarter = |quarters: usize| 4 * turn == quarters * len;
            tables[0].push(match is_quarter(1) || is_quarter(3) {
                true => 0.0,
                false => angle.cos(),
            });
            tables[1].push(match is_quarter(0) || is_quarter(2) {
                true => 0.0,
                false => angle.sin(),
            });
        }
    }
    let tensor = |table: Vec<f64>| {
        Tensor::from_vec(table, (1, 1, len, len), &candle_core::Device::Cpu)?
            .to_dtype(like.dtype())?
            .to_device(like.device())
    };
    let [cos, sin] = tables;
    Ok((tensor(cos)?, tensor(sin)?))
}
