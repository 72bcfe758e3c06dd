//! Tensors in host memory as the kernels see them: (N, C, S) views, borrowed.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, DType, Device, Shape, Storage, Tensor};
use cvloss_kernels as kernels;
pub(crate) use kernels::Axes;
use kernels::{View, ViewMut};

use crate::error::{Error, Result};

/// A tensor whose strides fit its axes: the tensor itself wherever possible, else a contiguous copy.
pub(crate) fn viewable(tensor: &Tensor, axes: &Axes) -> candle_core::Result<Tensor> {
    match axes.strides(tensor.dims(), tensor.stride()) {
        Some(_) => Ok(tensor.clone()),
        None => tensor.contiguous(),
    }
}

/// Lends a view of `tensor`, which must be [`viewable`] along `axes`.
pub(crate) fn with_view<T>(
    tensor: &Tensor,
    axes: &Axes,
    run: impl FnOnce(View<'_>) -> Result<T>,
) -> Result<T> {
    let (storage, layout) = tensor.storage_and_layout();
    let shape = axes.shape(layout.dims());
    // The strides of an empty tensor may lead out of its memory, which views refuse, or not merge.
    let strides = match shape.contains(&0) {
        true => [0; 3],
        false => axes
            .strides(layout.dims(), layout.stride())
            .ok_or_else(|| candle_core::Error::msg("strides do not merge"))?,
    };
    let Storage::Cpu(storage) = &*storage else {
        return Err(candle_core::Error::msg("tensor is not in host memory").into());
    };
    let start = layout.start_offset();
    macro_rules! view {
        ($($variant:ident)*) => {
            match storage {
                $(CpuStorage::$variant(data) => {
                    // An empty tensor may start at the end of its storage.
                    let data = data.get(start..).unwrap_or_default();
                    View::with_strides(data, shape, strides)
                })*
                other => {
                    let message = format!("dtype {:?} is not supported", other.dtype());
                    return Err(candle_core::Error::msg(message).into());
                }
            }
        };
    }
    let view = view!(F32 F64 F16 BF16 U8 U32 I64);
    run(view.map_err(candle_core::Error::msg)?)
}

/// Memory for a gradient or for per-item values: `f64` for `f64` inputs, else `f32`.
#[derive(Debug)]
pub(crate) enum Buffer {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Buffer {
    pub(crate) fn new(input: DType, len: usize) -> Self {
        match input {
            DType::F64 => Self::F64(vec![0.0; len]),
            _ => Self::F32(vec![0.0; len]),
        }
    }

    pub(crate) fn view(&mut self, shape: [usize; 3]) -> kernels::Result<ViewMut<'_>> {
        match self {
            Self::F32(data) => ViewMut::new(data, shape),
            Self::F64(data) => ViewMut::new(data, shape),
        }
    }

    pub(crate) fn into_tensor(self, shape: impl Into<Shape>) -> candle_core::Result<Tensor> {
        match self {
            Self::F32(data) => Tensor::from_vec(data, shape.into(), &Device::Cpu),
            Self::F64(data) => Tensor::from_vec(data, shape.into(), &Device::Cpu),
        }
    }
}

/// Fails unless two tensors lie on the same device.
pub(crate) fn check_device(
    loss: &'static str,
    argument: &'static str,
    tensor: &Tensor,
    input: &Tensor,
) -> Result<()> {
    if tensor.device().same_device(input.device()) {
        Ok(())
    } else {
        Err(Error::Device { loss, argument })
    }
}
