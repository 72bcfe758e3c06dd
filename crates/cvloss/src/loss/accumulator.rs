//! Where gradients add up.

use candle_core::{Shape, Tensor};
use cvloss_kernels::{self as kernels, Gradient};

use super::value_dtype;
use crate::error::Result;
use crate::host::Buffer;

/// Memory in which the gradients of several losses add up, on the device that the input is on.
#[derive(Debug)]
pub struct Accumulator {
    memory: Memory,
    shape: Shape,
    /// Multiplies what is added next.
    pub(crate) scale: f64,
    /// Whether anything has been added.
    filled: bool,
}

#[derive(Debug)]
enum Memory {
    Host(Buffer),
    /// A tensor of the type that is computed in.
    Device(Tensor),
}

impl Accumulator {
    /// Zeros in the shape of `input`.
    pub fn new(input: &Tensor) -> Self {
        let memory = match input.device().is_cpu() {
            true => Memory::Host(Buffer::new(input.dtype(), input.elem_count())),
            // Replaced by the first gradient.
            false => Memory::Device(input.detach()),
        };
        Self {
            memory,
            shape: input.shape().clone(),
            scale: 1.0,
            filled: false,
        }
    }

    /// Starts anew in the same memory: fresh memory costs more time than most losses.
    pub fn restart(&mut self) {
        self.filled = false;
    }

    /// The sum of all gradients.
    pub fn into_tensor(self) -> Result<Tensor> {
        match self.memory {
            Memory::Host(buffer) => Ok(buffer.into_tensor(self.shape)?),
            Memory::Device(sum) if self.filled => Ok(sum),
            Memory::Device(like) => Ok(like.zeros_like()?.to_dtype(value_dtype(like.dtype()))?),
        }
    }

    /// The memory as a kernel's gradient. The first kernel overwrites, others add.
    pub(crate) fn gradient(&mut self, shape: [usize; 3]) -> kernels::Result<Gradient<'_>> {
        let Memory::Host(buffer) = &mut self.memory else {
            let message = "a gradient of a tensor in host memory is not on a device".into();
            return Err(kernels::Error::Device { message });
        };
        let accumulate = std::mem::replace(&mut self.filled, true);
        Ok(Gradient {
            scale: self.scale,
            accumulate,
            view: buffer.view(shape)?,
        })
    }

    /// Adds what a kernel has computed on the device, scale included.
    pub(super) fn add(&mut self, gradient: Tensor) -> Result<()> {
        let Memory::Device(sum) = &mut self.memory else {
            let message = "a gradient of a tensor on a device is not in host memory";
            return Err(candle_core::Error::msg(message).into());
        };
        *sum = match std::mem::replace(&mut self.filled, true) {
            true => (&*sum + gradient)?,
            false => gradient,
        };
        Ok(())
    }
}
