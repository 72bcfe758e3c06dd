//! Total variation of images and volumes.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::device::Kernel;
use kernels::total_variation::{Options, VariationNorm, VariationScale};

use super::pixel;
use crate::regularizer::{FusedRegularizer, InputCall};
use crate::{error, ops};

/// Total variation: how much neighbouring pixels differ. It has no target.
///
/// ```text
/// L = Σ |d|  or  Σ √(d_w² + d_h²)  or  Σ d²  or  √(Σ d²)        d: differences to the next pixel along each axis
/// ```
///
/// # Shapes
/// - input: `(N, C, L)`, `(N, C, H, W)` or `(N, C, D, H, W)`, any floating dtype
/// - weight: any shape that broadcasts to the input's, as `(N, 1, H, W)`; a pixel's weight is that of its differences
///   to the next pixels
/// - value: `[]`; with [`Reduction::None`] `(N)`
///
/// # Edge cases
/// A flat image, and one without neighbours: value 0, gradient 0. The slope of equal neighbours is 0. NaN in, NaN out.
///
/// # Agrees with
/// `kornia.losses.total_variation` (the mean over channels, or with [`VariationScale::Total`] the sum);
/// `piq.total_variation` with `Total` (`l1`, `l2` and `l2_squared` are [`VariationNorm::Anisotropic`], `Root` and
/// `Squared`); BasicSR's `WeightedTVLoss`.
///
/// # Reference
/// Rudin, Osher, Fatemi, *Nonlinear total variation based noise removal algorithms*, 1992.
/// <https://doi.org/10.1016/0167-2789(92)90242-F>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Regularizer, TotalVariation};
///
/// let input = Tensor::new(&[[[[0f32, 1.], [0., 3.]]]], &Device::Cpu)?;
/// let (value, _gradient) = TotalVariation::default().value_and_grad(&input)?;
/// // (1 + 3)/2 along the width, (0 + 2)/2 along the height.
/// assert!((value.to_scalar::<f32>()? - 3.0).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct TotalVariation {
    /// How differences become a number. Default: anisotropic.
    pub norm: VariationNorm,
    /// `ε` of `√(d_w² + d_h² + ε²) − ε`, at least 0, for [`VariationNorm::Isotropic`] alone. Default 0.
    pub eps: f64,
    /// What the sum over an image is divided by. Default: the number of differences, along each axis.
    pub scale: VariationScale,
    /// Over images. Default: mean.
    pub reduction: Reduction,
}

impl TotalVariation {
    fn options(&self) -> Options {
        Options {
            norm: self.norm,
            eps: self.eps,
            scale: self.scale,
            reduction: self.reduction,
        }
    }
}

impl FusedRegularizer for TotalVariation {
    const NAME: &'static str = "total_variation";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        pixel::image_items(self.reduction, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        pixel::check_rank(Self::NAME, input, 3..=5, "(N, C, L) to (N, C, D, H, W)")
    }

    fn run(&self, call: InputCall<'_, '_>) -> kernels::Result<f64> {
        let mut space = [1; 3];
        for (to, len) in space.iter_mut().rev().zip(call.space.iter().rev()) {
            *to = *len;
        }
        let InputCall {
            input,
            weight,
            values,
            gradient,
            ..
        } = call;
        kernels::total_variation::evaluate(
            &self.options(),
            space,
            &input,
            weight.as_ref(),
            values,
            gradient,
        )
    }

    fn kernel(&self) -> Option<Kernel> {
        Some(Kernel::Variation(self.options()))
    }

    fn compose(&self, input: &Tensor, weight: Option<&Tensor>) -> Result<Tensor> {
        let weight = match weight {
            Some(weight) => input.ones_like()?.broadcast_mul(weight)?,
            None => input.ones_like()?,
        };
        let of_image = |tensor: &Tensor| tensor.flatten_from(1)?.sum(1);
        // Along each axis, and 0 beyond the last pixel.
        let mut squares = input.zeros_like()?;
        let mut sums = of_image(&squares)?;
        for axis in 2..input.rank() {
            let d = next(input, axis)?;
            let square = d.sqr()?;
            squares = (squares + &square)?;
            let cost = match self.norm {
                VariationNorm::Anisotropic => ops::abs(&d)?,
                _ => square,
            };
            let count = match self.scale {
                VariationScale::Total => 1,
                VariationScale::Differences => {
                    let (pixels, len) = (
                        input.dims()[1..].iter().product::<usize>(),
                        input.dim(axis)?,
                    );
                    (pixels / len.max(1)) * len.saturating_sub(1)
                }
            };
            sums = (sums + (of_image(&(cost * &weight)?)? / count.max(1) as f64)?)?;
        }
        let losses = match self.norm {
            VariationNorm::Anisotropic | VariationNorm::Squared => sums,
            VariationNorm::Root => ops::root(&sums)?,
            VariationNorm::Isotropic => {
                let length = ops::root(&(squares + self.eps * self.eps)?)?;
                let pixels = match self.scale {
                    VariationScale::Total => 1,
                    VariationScale::Differences => input.dims()[1..].iter().product(),
                };
                (of_image(&((length - self.eps)? * weight)?)? / pixels.max(1) as f64)?
            }
        };
        pixel::reduce_images(&losses, self.reduction)
    }
}

/// The differences to the next pixel along `axis`, 0 at the last.
fn next(x: &Tensor, axis: usize) -> Result<Tensor> {
    let len = x.dim(axis)?;
    if len < 2 {
        // NaN stays NaN.
        return x.affine(0.0, 0.0);
    }
    let d = (x.narrow(axis, 1, len - 1)? - x.narrow(axis, 0, len - 1)?)?;
    d.pad_with_zeros(axis, 0, 1)
}
