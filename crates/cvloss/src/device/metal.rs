//! Kernels on Metal tensors: candle's buffers, candle's encoder.

use std::sync::Arc;

use candle_core::backend::BackendStorage;
use candle_core::op::BackpropOp;
use candle_core::{DType, MetalDevice, MetalStorage, Shape, Storage, Tensor};
use cvloss_kernels as kernels;
use kernels::device::{self, Destination, Grid, Kernel};
use kernels::launch::metal::{self, Buffer, Slice};

use super::{Call, Found, dtype};
use crate::error::{Error, Result};

/// Queues a kernel on the device's encoder; nothing waits for it.
pub(crate) fn evaluate(kernel: &Kernel, call: &Call<'_>) -> Result<Found> {
    let device = call.input.device().as_metal_device()?.clone();
    let named = Error::kernel(call.loss);
    // All that is written is f32: there are no doubles.
    let memory = |len: usize| -> Result<Arc<Buffer>> {
        Ok(device.new_buffer(len.max(1), DType::F32, "cvloss")?)
    };
    let elements = call.input.elem_count();
    let value = memory(1)?;
    let values = match &call.values {
        Some(shape) => Some(memory(shape.elem_count())?),
        None => None,
    };
    let [own, other] = [
        call.scales[0].map(|_| memory(elements)).transpose()?,
        call.scales[1].map(|_| memory(elements)).transpose()?,
    ];
    let results = || -> kernels::Result<device::Results<Slice<'_>>> {
        Ok(device::Results {
            value: Some(whole(&value, 1)?),
            values: match (&values, &call.values) {
                (Some(buffer), Some(shape)) => Some(whole(buffer, shape.elem_count())?),
                _ => None,
            },
            gradient: destination(&own, elements, call.scales[0])?,
            target_gradient: destination(&other, elements, call.scales[1])?,
        })
    };
    let results = results().map_err(named)?;
    {
        let (input, target) = (
            call.input.storage_and_layout(),
            call.target.storage_and_layout(),
        );
        let weight = call.weight.map(Tensor::storage_and_layout);
        let weight = match &weight {
            None => None,
            Some((storage, layout)) => Some(device::Weight {
                memory: lend(storage, layout, call.loss)?,
                shape: call.weight_shape,
            }),
        };
        let call = device::Call {
            dtype: dtype(call.input),
            shape: call.shape,
            space: call.input.dims().get(2..).unwrap_or_default(),
            channel_axis: call.channel_axis,
            input: lend(&input.0, input.1, call.loss)?,
            target: lend(&target.0, target.1, call.loss)?,
            target_dtype: dtype(call.target),
            weight,
            results,
        };
        let sequence = kernel.sequence(Grid::default(), &call).map_err(named)?;
        let scratch = memory(sequence.scratch_bytes().div_ceil(4))?;
        // It holds a lock of the device: all memory is there already.
        let encoder = device.command_encoder()?;
        let scratch = Slice::new(&scratch, 0, scratch.length()).map_err(named)?;
        metal::run(&sequence, device.metal_device(), encoder.as_ref(), scratch).map_err(named)?;
    }
    let value = match (values, &call.values) {
        (Some(values), Some(shape)) => tensor(values, &device, shape.clone()),
        _ => tensor(value, &device, Shape::from(())),
    };
    let wrap = |gradient: Option<Arc<Buffer>>, like: &Tensor| {
        gradient.map(|gradient| tensor(gradient, &device, like.shape().clone()))
    };
    Ok(Found {
        value,
        gradients: [wrap(own, call.input), wrap(other, call.target)],
    })
}

/// So many numbers of f32.
fn whole(buffer: &Buffer, len: usize) -> kernels::Result<Slice<'_>> {
    Slice::new(buffer, 0, len * 4)
}

/// Where a gradient goes, if it is wanted.
fn destination(
    buffer: &Option<Arc<Buffer>>,
    elements: usize,
    scale: Option<f64>,
) -> kernels::Result<Option<Destination<Slice<'_>>>> {
    match (buffer, scale) {
        (Some(buffer), Some(scale)) => Ok(Some(Destination {
            memory: whole(buffer, elements)?,
            scale,
            accumulate: false,
        })),
        _ => Ok(None),
    }
}

/// The memory of a contiguous tensor.
fn lend<'a>(
    storage: &'a Storage,
    layout: &candle_core::Layout,
    loss: &'static str,
) -> Result<Slice<'a>> {
    let Storage::Metal(storage) = storage else {
        return Err(candle_core::Error::msg("tensor is not in a Metal device's memory").into());
    };
    let Some((start, end)) = layout.contiguous_offsets() else {
        return Err(candle_core::Error::msg("tensor is not contiguous").into());
    };
    let size = storage.dtype().size_in_bytes();
    Slice::new(storage.buffer(), start * size, (end - start) * size).map_err(Error::kernel(loss))
}

/// Memory as a tensor off the tape.
fn tensor(memory: Arc<Buffer>, device: &MetalDevice, shape: Shape) -> Tensor {
    let storage = MetalStorage::new(memory, device.clone(), shape.elem_count(), DType::F32);
    Tensor::from_storage(Storage::Metal(storage), shape, BackpropOp::none(), false)
}
