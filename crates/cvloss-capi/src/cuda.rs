//! Calls on CUDA tensors: the caller's memory, stream and workspace. Nothing waits for the device.
//!
//! A call is a queue of sequences: what a kernel does not take is converted before it, and the chain rule comes after it.

use cvloss_kernels::DType;
use cvloss_kernels::device::convert::{self, Narrow};
use cvloss_kernels::device::{self, Destination, Grid, Kernel, Sequence, Weight};
use cvloss_kernels::launch::cuda::{self, Pointer};

use crate::eval::{CVL_EVAL_ACCUMULATE, borrow, cvl_eval_args};
use crate::loss::{Items, Loss, Target};
use crate::plan::{Plan, value_dtype};
use crate::status::{Error, Result, cvl_status};
use crate::tensor::{Tensor, size};

/// What pieces of work memory begin at multiples of.
const ALIGNMENT: usize = 256;

/// How much work memory a call needs. Touches no device.
pub(crate) fn work_memory(loss: &dyn Loss, plan: &Plan, args: &cvl_eval_args) -> Result<usize> {
    // Where the memory lies does not matter for how much it is.
    Ok(Queue::new(loss, plan, args, ALIGNMENT)?.work.bytes)
}

/// Queues a call on the caller's stream.
///
/// # Safety
/// Tensors and workspace are memory of the device, and the stream one of it, until the work queued there is done; nobody
/// else uses what is written meanwhile.
pub(crate) unsafe fn evaluate(
    loss: &dyn Loss,
    plan: &Plan,
    args: &cvl_eval_args,
    device: usize,
) -> Result<()> {
    let needed = work_memory(loss, plan, args)?;
    let is_lent = !args.workspace.is_null();
    if is_lent {
        borrow(plan, args, needed, ALIGNMENT)?;
    }
    let work = |stream: &cuda::Stream| -> Result<()> {
        if is_lent {
            return Queue::new(loss, plan, args, args.workspace.addr())?.run(stream);
        }
        // Freed in the stream's order.
        let mut own = cuda::memory::<u8>(stream, needed)?;
        let (memory, _guard) = Pointer::write(&mut own, stream);
        Queue::new(loss, plan, args, memory.address())?.run(stream)
    };
    // SAFETY: the caller's promise.
    unsafe { cuda::with_stream(device, args.stream, work) }?
}

/// Work memory, piece by piece.
struct Work {
    start: usize,
    bytes: usize,
}

impl Work {
    fn take(&mut self, elements: usize, dtype: DType) -> Pointer<'static> {
        let (at, bytes) = (self.start + self.bytes, elements * size(dtype));
        self.bytes += bytes.next_multiple_of(ALIGNMENT);
        // SAFETY: what is taken is less than the queue's work memory, whose length is checked before the queue runs.
        unsafe { Pointer::new(at as u64, bytes) }
    }
}

/// What is launched for a call, in order.
struct Queue {
    sequences: Vec<Sequence<Pointer<'static>>>,
    work: Work,
    /// Shared by all sequences, since they run one after the other.
    scratch: Pointer<'static>,
}

impl Queue {
    /// The launches of a call whose work memory begins at `start`.
    fn new(loss: &dyn Loss, plan: &Plan, args: &cvl_eval_args, start: usize) -> Result<Self> {
        let mut builder = Builder {
            plan,
            args,
            work: Work { start, bytes: 0 },
            before: Vec::new(),
            after: Vec::new(),
        };
        let kernel = builder.kernel(loss)?;
        let own = builder.sequence(loss, &kernel)?;
        let Builder {
            mut work,
            before: mut sequences,
            after,
            ..
        } = builder;
        sequences.push(own);
        sequences.extend(after);
        let scratch = sequences.iter().map(Sequence::scratch_bytes).max();
        let scratch = work.take(scratch.unwrap_or(0), DType::U8);
        Ok(Self {
            sequences,
            work,
            scratch,
        })
    }

    fn run(&self, stream: &cuda::Stream) -> Result<()> {
        for sequence in &self.sequences {
            cuda::run(sequence, stream, self.scratch)?;
        }
        Ok(())
    }
}

struct Builder<'a> {
    plan: &'a Plan,
    args: &'a cvl_eval_args,
    work: Work,
    before: Vec<Sequence<Pointer<'static>>>,
    after: Vec<Sequence<Pointer<'static>>>,
}

impl Builder<'_> {
    fn input(&self) -> Result<Tensor> {
        self.plan.inputs[0].ok_or_else(|| Error::null("input"))
    }

    /// The loss's kernel, if it takes these tensors.
    fn kernel(&self, loss: &dyn Loss) -> Result<Kernel> {
        let dims = self.plan.shape.dims();
        let [_, target, weight] = self.plan.inputs;
        let target = Target {
            channels: dims.get(1).copied().unwrap_or(1),
            is_index: target.is_some_and(|target| target.dtype.is_index()),
        };
        let shape = self.plan.axes.shape(dims);
        let space = dims.get(2..).unwrap_or_default();
        let takes = |kernel: &Kernel| kernel.takes(shape, space, weight.is_some());
        loss.kernel(target)?.filter(takes).ok_or_else(|| {
            let message = format!(
                "there is no kernel for CUDA devices with these options and an input of shape {dims:?}"
            );
            Error::new(cvl_status::Unsupported, message)
        })
    }

    fn sequence(&mut self, loss: &dyn Loss, kernel: &Kernel) -> Result<Sequence<Pointer<'static>>> {
        let input = self.input()?;
        let dims = self.plan.shape.dims();
        let (target, target_dtype) = self.target(kernel, input)?;
        let weight = match self.plan.inputs[2] {
            None => None,
            Some(weight) => Some(self.weight(weight)?),
        };
        let value = self.plan.value.map(|value| self.dense(value)).transpose()?;
        let (value, values) = match self.plan.items {
            Items::One => (value, None),
            _ => (None, value),
        };
        let [gradient, target_gradient] = [
            self.gradient(self.plan.gradients[0])?,
            self.gradient(self.plan.gradients[1])?,
        ];
        let call = device::Call {
            dtype: input.dtype,
            shape: self.plan.axes.shape(dims),
            space: dims.get(2..).unwrap_or_default(),
            channel_axis: loss.geometry().channel_axis(dims.len()),
            input: self.dense(input)?,
            target,
            target_dtype,
            weight,
            results: device::Results {
                value,
                values,
                gradient,
                target_gradient,
            },
        };
        Ok(kernel.sequence(Grid::default(), &call)?)
    }

    /// The target as the kernel takes it; where there is none, the input.
    fn target(&mut self, kernel: &Kernel, input: Tensor) -> Result<(Pointer<'static>, DType)> {
        let target = self.plan.inputs[1].unwrap_or(input);
        let memory = self.dense(target)?;
        if !target.dtype.is_index() || !kernel.takes_numbers() {
            return Ok((memory, target.dtype));
        }
        let elements = target.shape.len();
        let numbers = self.work.take(elements, input.dtype);
        let (from, to) = ((memory, target.dtype), (numbers, input.dtype));
        let sequence = convert::indices(Grid::default(), elements, from, to)?;
        self.before.push(sequence);
        Ok((numbers, input.dtype))
    }

    /// A weight in what is computed in.
    fn weight(&mut self, weight: Tensor) -> Result<Weight<Pointer<'static>>> {
        let found = self.repeated(weight)?;
        let computes = value_dtype(weight.dtype);
        if weight.dtype == computes {
            return Ok(found);
        }
        let elements = found.shape.iter().product();
        let memory = self.work.take(elements, computes);
        let from = (found.memory, weight.dtype);
        let sequence = convert::widen(Grid::default(), elements, from, memory)?;
        self.before.push(sequence);
        Ok(Weight { memory, ..found })
    }

    /// Where the kernel writes a gradient: the caller's memory, or work memory from where the chain rule brings it there.
    fn gradient(
        &mut self,
        gradient: Option<Tensor>,
    ) -> Result<Option<Destination<Pointer<'static>>>> {
        let Some(gradient) = gradient else {
            return Ok(None);
        };
        let (memory, scale) = (self.dense(gradient)?, self.args.grad_scale);
        let accumulate = self.args.flags & CVL_EVAL_ACCUMULATE != 0;
        let computes = value_dtype(self.input()?.dtype);
        if self.plan.upstream.is_none() && gradient.dtype == computes {
            return Ok(Some(Destination {
                memory,
                scale,
                accumulate,
            }));
        }
        let slopes = self.work.take(gradient.shape.len(), computes);
        let factors = match (self.plan.upstream, self.plan.items) {
            (None, _) => None,
            (Some(upstream), Items::One) => Some(Weight {
                memory: self.dense(upstream)?,
                shape: [1; 3],
            }),
            (Some(upstream), _) => Some(self.repeated(upstream)?),
        };
        let narrow = Narrow {
            shape: self.plan.axes.shape(gradient.shape.dims()),
            slopes: Some(slopes),
            factors,
            to: memory,
            dtype: gradient.dtype,
            accumulate,
        };
        self.after.push(convert::narrow(Grid::default(), &narrow)?);
        Ok(Some(Destination {
            memory: slopes,
            scale,
            accumulate: false,
        }))
    }

    /// The memory of a dense tensor.
    fn dense(&self, tensor: Tensor) -> Result<Pointer<'static>> {
        if tensor.shape.len() == 1 {
            return Ok(pointer(tensor));
        }
        let found = self.repeated(tensor)?;
        match found.shape == self.plan.axes.shape(tensor.shape.dims()) {
            true => Ok(found.memory),
            false => Err(not_dense(tensor)),
        }
    }

    /// A tensor that is dense but for axes with a stride of 0, which have length 1 then.
    fn repeated(&self, tensor: Tensor) -> Result<Weight<Pointer<'static>>> {
        let (mut shape, strides) = tensor.merged(&self.plan.axes)?;
        for (dim, stride) in shape.iter_mut().zip(strides) {
            *dim = if stride == 0 { 1 } else { *dim };
        }
        let [_, channels, space] = shape;
        let dense = [channels * space, space, 1];
        let is_dense = (0..3).all(|axis| shape[axis] == 1 || strides[axis] == dense[axis]);
        match is_dense {
            true => Ok(Weight {
                memory: pointer(tensor),
                shape,
            }),
            false => Err(not_dense(tensor)),
        }
    }
}

fn pointer(tensor: Tensor) -> Pointer<'static> {
    let (start, bytes) = tensor.span();
    // SAFETY: `evaluate`'s caller promises that it is device memory until the work is done; nothing else uses it.
    unsafe { Pointer::new(start as u64, bytes) }
}

fn not_dense(tensor: Tensor) -> Error {
    let message = format!(
        "{} of shape {:?} has strides {:?}: on a device tensors are dense, last axis fastest",
        tensor.name,
        tensor.shape.dims(),
        tensor.shape.strides()
    );
    Error::new(cvl_status::Layout, message)
}
