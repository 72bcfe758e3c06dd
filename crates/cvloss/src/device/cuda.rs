//! Kernels on CUDA tensors: candle's memory, candle's stream.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaStream, DeviceRepr, SyncOnDrop};
use candle_core::cuda_backend::{CudaDType, CudaStorage};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, DType, Shape, Storage, Tensor};
use cvloss_kernels as kernels;
use kernels::device::{self, Destination, Grid, Kernel, Sequence};
use kernels::launch::cuda::{self, Pointer};

use super::{Call, Found, dtype};
use crate::error::{Error, Result};
use crate::loss::value_dtype;

/// Queues a kernel on the input's stream; nothing waits for it.
pub(crate) fn evaluate(kernel: &Kernel, call: &Call<'_>) -> Result<Found> {
    match value_dtype(call.input.dtype()) {
        DType::F64 => run::<f64>(kernel, call),
        _ => run::<f32>(kernel, call),
    }
}

/// Where a sequence reads.
struct Inputs<'a> {
    input: Pointer<'a>,
    target: Pointer<'a>,
    weight: Option<Pointer<'a>>,
}

/// Where it writes.
struct Outputs<'a> {
    value: Pointer<'a>,
    values: Option<Pointer<'a>>,
    gradients: [Option<Destination<Pointer<'a>>>; 2],
}

fn run<R: CudaDType + DeviceRepr>(kernel: &Kernel, call: &Call<'_>) -> Result<Found> {
    let device = call.input.device().as_cuda_device()?.clone();
    let stream = device.cuda_stream();
    let named = Error::kernel(call.loss);
    let memory = |len| cuda::memory::<R>(&stream, len).map_err(named);
    let elements = call.input.elem_count();
    let mut value = memory(1)?;
    let mut values = match &call.values {
        Some(shape) => Some(memory(shape.elem_count())?),
        None => None,
    };
    let mut gradients: [Option<CudaSlice<R>>; 2] = [None, None];
    for (gradient, scale) in gradients.iter_mut().zip(call.scales) {
        if scale.is_some() {
            *gradient = Some(memory(elements)?);
        }
    }
    {
        let (value, _value_guard) = Pointer::write(&mut value, &stream);
        let values = values
            .as_mut()
            .map(|values| Pointer::write(values, &stream));
        let [own, other] = &mut gradients;
        let lent = [own, other].map(|gradient| {
            gradient
                .as_mut()
                .map(|gradient| Pointer::write(gradient, &stream))
        });
        let [own, other] = &lent;
        let outputs = Outputs {
            value,
            values: values.as_ref().map(|(memory, _)| *memory),
            gradients: [
                destination(own, call.scales[0]),
                destination(other, call.scales[1]),
            ],
        };
        lend(call.input, &stream, |input| {
            lend(call.target, &stream, |target| {
                let start = |weight: Option<Pointer<'_>>| {
                    let inputs = Inputs {
                        input,
                        target,
                        weight,
                    };
                    let sequence = sequence(kernel, call, &inputs, &outputs).map_err(named)?;
                    let mut scratch = cuda::memory::<u8>(&stream, sequence.scratch_bytes().max(1))
                        .map_err(named)?;
                    let (scratch, _guard) = Pointer::write(&mut scratch, &stream);
                    cuda::run(&sequence, &stream, scratch).map_err(named)
                };
                match call.weight {
                    None => start(None),
                    Some(weight) => lend(weight, &stream, |weight| start(Some(weight))),
                }
            })
        })?;
    }
    let value = match (values, &call.values) {
        (Some(values), Some(shape)) => tensor(values, &device, shape.clone()),
        _ => tensor(value, &device, Shape::from(())),
    };
    let [own, other] = gradients;
    let wrap = |gradient: Option<CudaSlice<R>>, like: &Tensor| {
        gradient.map(|gradient| tensor(gradient, &device, like.shape().clone()))
    };
    Ok(Found {
        value,
        gradients: [wrap(own, call.input), wrap(other, call.target)],
    })
}

/// Where a gradient goes, if it is wanted.
fn destination<'a>(
    lent: &Option<(Pointer<'a>, SyncOnDrop<'_>)>,
    scale: Option<f64>,
) -> Option<Destination<Pointer<'a>>> {
    let (memory, _) = lent.as_ref()?;
    Some(Destination {
        memory: *memory,
        scale: scale?,
        accumulate: false,
    })
}

/// The launches of a kernel.
fn sequence<'a>(
    kernel: &Kernel,
    call: &Call<'_>,
    inputs: &Inputs<'a>,
    outputs: &Outputs<'a>,
) -> kernels::Result<Sequence<Pointer<'a>>> {
    let [gradient, target_gradient] = outputs.gradients;
    let call = device::Call {
        dtype: dtype(call.input),
        shape: call.shape,
        space: call.input.dims().get(2..).unwrap_or_default(),
        channel_axis: call.channel_axis,
        input: inputs.input,
        target: inputs.target,
        target_dtype: dtype(call.target),
        weight: inputs.weight.map(|memory| device::Weight {
            memory,
            shape: call.weight_shape,
        }),
        results: device::Results {
            value: Some(outputs.value),
            values: outputs.values,
            gradient,
            target_gradient,
        },
    };
    kernel.sequence(Grid::default(), &call)
}

/// Lends the memory of a contiguous tensor.
fn lend<T>(
    tensor: &Tensor,
    stream: &CudaStream,
    run: impl FnOnce(Pointer<'_>) -> Result<T>,
) -> Result<T> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else {
        return Err(candle_core::Error::msg("tensor is not in a CUDA device's memory").into());
    };
    let Some((start, end)) = layout.contiguous_offsets() else {
        return Err(candle_core::Error::msg("tensor is not contiguous").into());
    };
    macro_rules! lend {
        ($($variant:ident: $t:ty,)*) => {
            match storage.dtype() {
                $(DType::$variant => {
                    let view = storage.as_cuda_slice::<$t>()?.slice(start..end);
                    let (pointer, _guard) = Pointer::read(&view, stream);
                    run(pointer)
                })*
                other => {
                    let message = format!("dtype {other:?} is not supported");
                    Err(candle_core::Error::msg(message).into())
                }
            }
        };
    }
    lend! {
        F32: f32,
        F64: f64,
        F16: half::f16,
        BF16: half::bf16,
        U8: u8,
        U32: u32,
        I64: i64,
    }
}

/// Memory as a tensor off the tape.
fn tensor<R: CudaDType>(memory: CudaSlice<R>, device: &CudaDevice, shape: Shape) -> Tensor {
    let storage = CudaStorage::wrap_cuda_slice(memory, device.clone());
    Tensor::from_storage(Storage::Cuda(storage), shape, BackpropOp::none(), false)
}
