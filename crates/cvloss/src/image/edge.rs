//! Losses of image gradients.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::edge::{EdgeBorder, EdgeFilter, EdgePenalty, EdgeScale, Options};

use super::pixel;
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::{error, ops};

/// Gradient-difference loss: the edges of two images, by Sobel, Scharr or Laplacian filters.
///
/// ```text
/// L = mean Σ_k ρ(K_k ∗ x − K_k ∗ t)        ρ(r) = |r|, r² or √(r² + ε²)
/// ```
///
/// with the mean over pixels and channels of each image, and `K_k` the filters: two for Sobel and Scharr, one for a
/// Laplacian.
///
/// # Shapes
/// - input, target: `(N, C, H, W)`, the same shape and floating dtype. Gradients flow to both
/// - weight: any shape that broadcasts to theirs, as `(N, 1, H, W)`; it multiplies the cost at a filter's centre
/// - value: `[]`; with [`Reduction::None`] `(N)`
///
/// # Edge cases
/// Images that differ by a constant: value 0 inside. [`EdgeBorder::Reflect`] needs two pixels along each axis, and is
/// an error below. NaN in, NaN out.
///
/// # Agrees with
/// No library has it as a loss; the filters are `kornia.filters.spatial_gradient` (`mode="sobel"`) and
/// `kornia.filters.laplacian` (kernel size 3: [`EdgeFilter::Laplacian8`], border `Reflect`) of the difference.
///
/// # Reference
/// Mathieu et al., *Deep multi-scale video prediction beyond mean square error*, 2016.
/// <https://arxiv.org/abs/1511.05440>
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{EdgeLoss, Loss};
///
/// // A vertical edge of height 1 that the target lacks: half the pixels respond with 4/8.
/// let input = Tensor::new(&[[[[0f32, 0., 1., 1.], [0., 0., 1., 1.]]]], &Device::Cpu)?;
/// let (value, _gradient) = EdgeLoss::default().value_and_grad(&input, &input.zeros_like()?)?;
/// assert!((value.to_scalar::<f32>()? - 0.25).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct EdgeLoss {
    /// What finds edges. Default: Sobel.
    pub filter: EdgeFilter,
    /// Whether its coefficients are normalised. Default: they are (kornia).
    pub scale: EdgeScale,
    /// What a response costs. Default: its absolute value.
    pub penalty: EdgePenalty,
    /// What lies beyond the border. Default: the nearest pixel (kornia's Sobel).
    pub border: EdgeBorder,
    /// Over images. Default: mean.
    pub reduction: Reduction,
}

impl Fused for EdgeLoss {
    const NAME: &'static str = "edge";
    const GEOMETRY: Geometry = Geometry::Alike;
    const TARGET_GRADIENT: bool = true;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        pixel::image_items(self.reduction, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        pixel::check_rank(Self::NAME, input, 4..=4, "(N, C, H, W)")?;
        match input.dims() {
            [_, _, height, width]
                if self.border == EdgeBorder::Reflect && (*height == 1 || *width == 1) =>
            {
                Err(error::Error::Shape {
                    loss: Self::NAME,
                    argument: "input",
                    expected: "at least 2 pixels along each axis, to reflect".into(),
                    got: input.shape().clone(),
                })
            }
            _ => Ok(()),
        }
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let options = Options {
            filter: self.filter,
            scale: self.scale,
            penalty: self.penalty,
            border: self.border,
            reduction: self.reduction,
        };
        let space = pixel::plane(call.space);
        let (operands, values, gradients) = pixel::operands(call);
        kernels::edge::evaluate(
            &options,
            space,
            &operands.input,
            &operands.target,
            operands.weight.as_ref(),
            values,
            gradients,
        )
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let d = (inputs.input - inputs.target)?;
        let padded = match self.border {
            EdgeBorder::Replicate => d.pad_with_same(2, 1, 1)?.pad_with_same(3, 1, 1)?,
            EdgeBorder::Reflect => reflect(&reflect(&d, 2)?, 3)?,
            EdgeBorder::Zero => d.pad_with_zeros(2, 1, 1)?.pad_with_zeros(3, 1, 1)?,
            EdgeBorder::Valid => d.clone(),
        };
        let (height, width) = (
            padded.dim(2)?.saturating_sub(2),
            padded.dim(3)?.saturating_sub(2),
        );
        let margin = usize::from(self.border == EdgeBorder::Valid);
        let weight = match inputs.weight {
            Some(weight) => d.ones_like()?.broadcast_mul(weight)?,
            None => d.ones_like()?,
        };
        let weight =
            weight
                .narrow(2, margin.min(height), height)?
                .narrow(3, margin.min(width), width)?;
        let factor = match self.scale {
            EdgeScale::Unit => 1.0 / self.filter.norm(),
            EdgeScale::Integer => 1.0,
        };
        let mut costs = weight.zeros_like()?;
        for kernel in self.filter.kernels() {
            let mut response = weight.zeros_like()?;
            for (y, row) in kernel.iter().enumerate() {
                for (x, k) in row.iter().enumerate() {
                    let moved = padded.narrow(2, y, height)?.narrow(3, x, width)?;
                    response = (response + (moved * (k * factor))?)?;
                }
            }
            let cost = match self.penalty {
                EdgePenalty::Absolute => ops::abs(&response)?,
                EdgePenalty::Square => response.sqr()?,
                EdgePenalty::Charbonnier(eps) => (response.sqr()? + eps * eps)?.sqrt()?,
            };
            costs = (costs + cost)?;
        }
        let count = d.dim(1)? * height * width;
        let losses = ((costs * weight)?.flatten_from(1)?.sum(1)? / count.max(1) as f64)?;
        pixel::reduce_images(&losses, self.reduction)
    }
}

/// One pixel more on each side, that on the other side of the outermost.
fn reflect(x: &Tensor, axis: usize) -> Result<Tensor> {
    let len = x.dim(axis)?;
    if len < 2 {
        return x.pad_with_zeros(axis, 1, 1);
    }
    let (first, last) = (x.narrow(axis, 1, 1)?, x.narrow(axis, len - 2, 1)?);
    Tensor::cat(&[&first, x, &last], axis)
}
