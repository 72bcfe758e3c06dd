//! Losses whose kernel runs on a tensor's own device. Where there is none, the composed form does.

// Without a device's feature, nobody makes a call.
#![cfg_attr(
    not(any(feature = "cuda", feature = "metal")),
    allow(dead_code, unused_variables)
)]

#[cfg(feature = "cuda")]
pub(crate) mod cuda;
#[cfg(feature = "metal")]
pub(crate) mod metal;

use candle_core::{DType, Device, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Axes;
use kernels::device::Kernel;

use crate::error::Result;

/// Whether a loss has a kernel that takes these tensors.
pub(crate) fn takes(
    kernel: kernels::Result<Option<Kernel>>,
    axes: Option<Axes>,
    input: &Tensor,
    weight: Option<&Tensor>,
) -> bool {
    match kernel {
        Ok(None) => false,
        Ok(Some(kernel)) => axes.is_none_or(|axes| {
            let space = input.dims().get(2..).unwrap_or_default();
            kernel.takes(axes.shape(input.dims()), space, weight.is_some())
        }),
        // Evaluating reports the error.
        Err(_) => true,
    }
}

/// Whether this crate was built with what a device needs.
pub(crate) fn launches(device: &Device) -> bool {
    match device {
        Device::Cpu => false,
        Device::Cuda(_) => cfg!(feature = "cuda"),
        Device::Metal(_) => cfg!(feature = "metal"),
    }
}

/// A call of a kernel. Tensors have the input's rank, and weights what is computed in.
pub(crate) struct Call<'a> {
    pub(crate) loss: &'static str,
    pub(crate) input: &'a Tensor,
    pub(crate) target: &'a Tensor,
    pub(crate) weight: Option<&'a Tensor>,
    /// (N, C, S) of each.
    pub(crate) shape: [usize; 3],
    pub(crate) weight_shape: [usize; 3],
    pub(crate) channel_axis: usize,
    /// The shape of values per item.
    pub(crate) values: Option<Shape>,
    /// The factors of the gradients that are wanted, of input and target.
    pub(crate) scales: [Option<f64>; 2],
}

/// What comes of it: a value or values of items, and gradients in the tensors' shapes.
pub(crate) struct Found {
    pub(crate) value: Tensor,
    pub(crate) gradients: [Option<Tensor>; 2],
}

/// As the kernels name it. A [`Checked`](crate::loss::Checked) tensor has one of these.
fn dtype(tensor: &Tensor) -> kernels::DType {
    match tensor.dtype() {
        DType::F64 => kernels::DType::F64,
        DType::F16 => kernels::DType::F16,
        DType::BF16 => kernels::DType::BF16,
        DType::U8 => kernels::DType::U8,
        DType::U32 => kernels::DType::U32,
        DType::I64 => kernels::DType::I64,
        _ => kernels::DType::F32,
    }
}

/// Queues a kernel on the input's device; nothing waits for it.
pub(crate) fn evaluate(kernel: &Kernel, call: &Call<'_>) -> Result<Found> {
    match call.input.device() {
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => cuda::evaluate(kernel, call),
        #[cfg(feature = "metal")]
        Device::Metal(_) => metal::evaluate(kernel, call),
        other => {
            let message = format!("there is no launcher for {:?}", other.location());
            Err(candle_core::Error::msg(message).into())
        }
    }
}
