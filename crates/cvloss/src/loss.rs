//! What every loss can do.

mod accumulator;
mod fused;
mod ways;

use candle_core::{DType, Device, Shape, Tensor};
pub(crate) use cvloss_kernels::Geometry;
pub(crate) use cvloss_kernels::device::Kernel;

use crate::device;
use crate::error::{Error, Result};

pub use accumulator::Accumulator;
pub(crate) use fused::{Call, Checked, Fused};
pub(crate) use ways::Tape;
use ways::{both_without_tape, on_tape, without_tape};

/// The tensors that a loss reads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Logits, probabilities or an image.
    pub input: &'a Tensor,
    /// Class indices, soft targets, or another image.
    pub target: &'a Tensor,
    /// A weight map or mask.
    pub weight: Option<&'a Tensor>,
}

/// A loss: a function that returns its value and, when asked, its gradient, in one evaluation.
///
/// Values are `f32` (`f64` for `f64` inputs), whatever the input: halves are computed in `f32`. Gradients flow to the
/// input, and to the target where a loss says so. On the CPU a fused kernel runs, and on a device that has one; on others, the
/// same formula composed of candle operations.
pub trait Loss {
    /// Its name in errors and reports.
    fn name(&self) -> &'static str;

    /// The value of `inputs`; and its gradient with respect to the input, added to `gradient`, if there is one.
    ///
    /// This is the evaluation that all others are made of. It records nothing on candle's tape.
    fn evaluate(&self, inputs: &Inputs<'_>, gradient: Option<&mut Accumulator>) -> Result<Value>;

    /// Whether [`evaluate`](Self::evaluate) has a kernel for the device that `inputs` are on. Without one, the loss is
    /// [`composed`](Self::composed) there.
    fn has_kernel(&self, inputs: &Inputs<'_>) -> bool {
        let device = inputs.input.device();
        device.is_cpu() || (device::launches(device) && self.has_device_kernel(inputs))
    }

    /// Whether there is a kernel for devices that takes such tensors and options, wherever the tensors lie. On CUDA and
    /// Metal, with the feature of that name, it is the one that [`has_kernel`](Self::has_kernel) finds.
    fn has_device_kernel(&self, _inputs: &Inputs<'_>) -> bool {
        false
    }

    /// Whether [`evaluate_both`](Self::evaluate_both) has a gradient with respect to the target too, as losses of two
    /// images or two boxes have. On the tape, such a loss then reaches a target that is tracked.
    fn differentiates_target(&self) -> bool {
        false
    }

    /// As [`evaluate`](Self::evaluate), with a gradient with respect to the target besides.
    ///
    /// Fails if the target's is asked of a loss that does not [differentiate](Self::differentiates_target) it.
    fn evaluate_both(&self, inputs: &Inputs<'_>, gradients: Gradients<'_>) -> Result<Value> {
        match gradients.target {
            None => self.evaluate(inputs, gradients.input),
            Some(_) => Err(no_target_gradient(self.name())),
        }
    }

    /// The same value composed of candle operations, on any device and on candle's tape.
    ///
    /// Slower than [`Loss::forward`] by one or two orders of magnitude on a CPU; the only form with higher-order
    /// derivatives.
    fn composed(&self, inputs: &Inputs<'_>) -> Result<Tensor>;

    /// The loss on candle's tape: `forward(..)?.backward()?` gives the gradient of `input`.
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        on_tape(
            self,
            &Inputs {
                input,
                target,
                weight: None,
            },
        )
    }

    /// As [`Loss::forward`], with a weight map or mask.
    fn forward_weighted(&self, input: &Tensor, target: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let weight = Some(weight);
        on_tape(
            self,
            &Inputs {
                input,
                target,
                weight,
            },
        )
    }

    /// The loss and its gradient with respect to `input`, without a tape.
    ///
    /// With [`Reduction::None`](crate::Reduction::None), the gradient is that of each item's own value. The gradient of half
    /// inputs is `f32`: the slopes of a mean over an image underflow in `f16`.
    fn value_and_grad(&self, input: &Tensor, target: &Tensor) -> Result<(Tensor, Tensor)> {
        without_tape(
            self,
            &Inputs {
                input,
                target,
                weight: None,
            },
        )
    }

    /// As [`Loss::value_and_grad`], with a weight map or mask.
    fn value_and_grad_weighted(
        &self,
        input: &Tensor,
        target: &Tensor,
        weight: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let weight = Some(weight);
        without_tape(
            self,
            &Inputs {
                input,
                target,
                weight,
            },
        )
    }

    /// The loss and its gradients with respect to `input` and `target`, without a tape, where the loss
    /// [differentiates](Self::differentiates_target) its target.
    fn value_and_grads(&self, inputs: &Inputs<'_>) -> Result<(Tensor, Tensor, Tensor)> {
        both_without_tape(self, inputs)
    }
}

/// Where the gradients of a loss of two alike tensors go.
#[derive(Debug, Default)]
pub struct Gradients<'a> {
    /// With respect to the input.
    pub input: Option<&'a mut Accumulator>,
    /// With respect to the target.
    pub target: Option<&'a mut Accumulator>,
}

/// What a loss evaluates to.
#[derive(Clone, Debug)]
pub struct Value {
    /// A scalar, or one number per item with [`Reduction::None`](crate::Reduction::None).
    pub tensor: Tensor,
    /// The shape of `tensor` with axes of length 1 put in, so that it broadcasts to the input.
    pub items: Shape,
}

impl Value {
    /// A scalar of the dtype that goes with an input's.
    pub fn scalar(value: f64, input: &Tensor) -> Result<Self> {
        let tensor = Tensor::new(value, &Device::Cpu)?.to_dtype(value_dtype(input.dtype()))?;
        Ok(Self {
            tensor,
            items: Shape::from(()),
        })
    }
}

/// Values are `f32`, or `f64` for `f64` inputs.
pub(crate) fn value_dtype(input: DType) -> DType {
    match input {
        DType::F64 => DType::F64,
        _ => DType::F32,
    }
}

impl Gradients<'_> {
    /// The same memory, borrowed for less long.
    pub fn reborrow(&mut self) -> Gradients<'_> {
        Gradients {
            input: self.input.as_deref_mut(),
            target: self.target.as_deref_mut(),
        }
    }

    /// Multiplies what is added next by `outer` (of the input's and the target's gradient) times `weight`.
    pub(crate) fn scale(&mut self, outer: [Option<f64>; 2], weight: f64) {
        for (gradient, outer) in [&mut self.input, &mut self.target].into_iter().zip(outer) {
            if let (Some(gradient), Some(outer)) = (gradient, outer) {
                gradient.scale = outer * weight;
            }
        }
    }
}

pub(crate) fn no_target_gradient(loss: &'static str) -> Error {
    Error::Option {
        loss,
        message: "has no gradient with respect to the target".into(),
    }
}
