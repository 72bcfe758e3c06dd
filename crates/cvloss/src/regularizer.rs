//! Functions of the input alone, as losses.

use candle_core::{Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::device::Kernel;
use kernels::{Gradient, Reduction, View, ViewMut};

use crate::error::Result;
use crate::loss::{Call, Fused, Geometry, Inputs, Loss};

/// A loss of one tensor: it has no target.
///
/// In a [`LossSum`](crate::LossSum) it enters as [`OfInput`], by [`into_loss`](Self::into_loss).
pub trait Regularizer {
    /// Its name in errors and reports.
    fn name(&self) -> &'static str;

    /// The value on candle's tape.
    fn forward(&self, input: &Tensor) -> Result<Tensor>;

    /// As [`forward`](Self::forward), with a weight map or mask.
    fn forward_weighted(&self, input: &Tensor, weight: &Tensor) -> Result<Tensor>;

    /// The value and its gradient, without a tape.
    fn value_and_grad(&self, input: &Tensor) -> Result<(Tensor, Tensor)>;

    /// As [`value_and_grad`](Self::value_and_grad), with a weight map or mask.
    fn value_and_grad_weighted(&self, input: &Tensor, weight: &Tensor) -> Result<(Tensor, Tensor)>;

    /// The same value composed of candle operations, on any device and on candle's tape.
    fn composed(&self, input: &Tensor, weight: Option<&Tensor>) -> Result<Tensor>;

    /// The same as a [`Loss`], which takes a target and does not use it.
    fn into_loss(self) -> OfInput<Self>
    where
        Self: Sized;
}

/// A [`Regularizer`] as a [`Loss`]: the loss of the input, whatever the target.
///
/// The target must still fit the input, as that of the losses beside it does, and has a gradient of 0.
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{L1Loss, Loss, LossSum, Regularizer, TotalVariation};
///
/// let loss = LossSum::new()
///     .term("l1", 1.0, L1Loss::default())
///     .term("tv", 0.1, TotalVariation::default().into_loss());
/// let input = Tensor::new(&[[[[0f32, 1.], [0., 1.]]]], &Device::Cpu)?;
/// let (value, _gradient) = loss.value_and_grad(&input, &input.zeros_like()?)?;
/// assert!((value.to_scalar::<f32>()? - 0.6).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct OfInput<R>(pub R);

/// What a kernel of one tensor is called with.
pub(crate) struct InputCall<'i, 'o> {
    pub(crate) input: View<'i>,
    pub(crate) weight: Option<View<'i>>,
    pub(crate) values: Option<ViewMut<'o>>,
    pub(crate) gradient: Option<Gradient<'o>>,
    /// The extents of the axes that the views have as one.
    pub(crate) space: &'i [usize],
}

/// A regularizer with one kernel. Implementing this is implementing [`Regularizer`].
pub(crate) trait FusedRegularizer {
    const NAME: &'static str;

    fn reduction(&self) -> Reduction;

    /// As [`Fused::items`].
    fn items(&self, input: &Shape) -> (Shape, Shape);

    /// Fails if options do not fit the input.
    fn check(&self, input: &Tensor) -> Result<()>;

    /// Runs the kernel; returns the reduced value.
    fn run(&self, call: InputCall<'_, '_>) -> kernels::Result<f64>;

    /// As [`Fused::kernel`]; it has a gradient of 0 with respect to a target.
    fn kernel(&self) -> Option<Kernel> {
        None
    }

    /// The composed form, of a checked `f32` or `f64` input.
    fn compose(&self, input: &Tensor, weight: Option<&Tensor>) -> candle_core::Result<Tensor>;
}

impl<R: FusedRegularizer> FusedRegularizer for &R {
    const NAME: &'static str = R::NAME;

    fn reduction(&self) -> Reduction {
        R::reduction(self)
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        R::items(self, input)
    }

    fn check(&self, input: &Tensor) -> Result<()> {
        R::check(self, input)
    }

    fn run(&self, call: InputCall<'_, '_>) -> kernels::Result<f64> {
        R::run(self, call)
    }

    fn kernel(&self) -> Option<Kernel> {
        R::kernel(self)
    }

    fn compose(&self, input: &Tensor, weight: Option<&Tensor>) -> candle_core::Result<Tensor> {
        R::compose(self, input, weight)
    }
}

impl<R: FusedRegularizer> Fused for OfInput<R> {
    const NAME: &'static str = R::NAME;
    const GEOMETRY: Geometry = Geometry::Alike;
    const TARGET_GRADIENT: bool = true;

    fn reduction(&self) -> Reduction {
        self.0.reduction()
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        self.0.items(input)
    }

    fn check(&self, input: &Tensor) -> Result<()> {
        self.0.check(input)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        if let Some(mut gradient) = call.target_gradient
            && !gradient.accumulate
        {
            gradient.view.clear();
        }
        self.0.run(InputCall {
            input: call.input,
            weight: call.weight,
            values: call.values,
            gradient: call.gradient,
            space: call.space,
        })
    }

    fn kernel(&self, _: &Inputs<'_>) -> kernels::Result<Option<Kernel>> {
        Ok(self.0.kernel())
    }

    fn compose(&self, inputs: &Inputs<'_>) -> candle_core::Result<Tensor> {
        self.0.compose(inputs.input, inputs.weight)
    }
}

#[allow(private_bounds)]
impl<R: FusedRegularizer> Regularizer for R {
    fn name(&self) -> &'static str {
        R::NAME
    }

    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        OfInput(self).forward(input, &input.detach())
    }

    fn forward_weighted(&self, input: &Tensor, weight: &Tensor) -> Result<Tensor> {
        OfInput(self).forward_weighted(input, &input.detach(), weight)
    }

    fn value_and_grad(&self, input: &Tensor) -> Result<(Tensor, Tensor)> {
        OfInput(self).value_and_grad(input, &input.detach())
    }

    fn value_and_grad_weighted(&self, input: &Tensor, weight: &Tensor) -> Result<(Tensor, Tensor)> {
        OfInput(self).value_and_grad_weighted(input, &input.detach(), weight)
    }

    fn composed(&self, input: &Tensor, weight: Option<&Tensor>) -> Result<Tensor> {
        OfInput(self).composed(&Inputs {
            input,
            target: &input.detach(),
            weight,
        })
    }

    fn into_loss(self) -> OfInput<Self> {
        OfInput(self)
    }
}
