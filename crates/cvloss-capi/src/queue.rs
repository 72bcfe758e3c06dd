//! Calls on devices as launches, whatever the device. Nothing here touches one.
//!
//! A call is a queue of sequences: what a kernel does not take is converted before it, and the chain rule comes after it.

use cvloss_kernels::DType;
use cvloss_kernels::device::convert::{self, Narrow};
use cvloss_kernels::device::{self, Destination, Grid, Kernel, Memory, Sequence, Weight};

use crate::eval::{CVL_EVAL_ACCUMULATE, cvl_eval_args};
use crate::loss::{Items, Loss, Target};
use crate::plan::{Plan, value_dtype};
use crate::status::{Error, Result, cvl_status};
use crate::tensor::{Place, Tensor, size};

/// What pieces of work memory begin at multiples of.
pub(crate) const ALIGNMENT: usize = 256;

/// Lends memory of a kind to launches.
pub(crate) trait Lender {
    /// The kind.
    type Memory: Memory;
    /// The memory of a tensor.
    fn tensor(&self, tensor: Tensor) -> Result<Self::Memory>;
    /// A piece of work memory.
    fn work(&self, offset: usize, bytes: usize) -> Result<Self::Memory>;
}

/// Lends nothing but lengths: how much work memory a call needs is seen without any memory.
struct Lengths;

#[derive(Clone, Copy)]
struct Length {
    bytes: usize,
    is_aligned: bool,
}

impl Memory for Length {
    fn bytes(self) -> usize {
        self.bytes
    }

    fn is_aligned(self) -> bool {
        self.is_aligned
    }
}

impl Lender for Lengths {
    type Memory = Length;

    fn tensor(&self, tensor: Tensor) -> Result<Length> {
        let (start, bytes) = tensor.span();
        Ok(Length {
            bytes,
            is_aligned: start.is_multiple_of(16),
        })
    }

    fn work(&self, _: usize, bytes: usize) -> Result<Length> {
        Ok(Length {
            bytes,
            is_aligned: true,
        })
    }
}

/// How much work memory a call needs.
pub(crate) fn work_memory(loss: &dyn Loss, plan: &Plan, args: &cvl_eval_args) -> Result<usize> {
    Ok(Queue::new(&Lengths, loss, plan, args)?.work_bytes)
}

/// Work memory, piece by piece.
struct Work<'a, L> {
    lender: &'a L,
    bytes: usize,
}

impl<L: Lender> Work<'_, L> {
    fn take(&mut self, elements: usize, dtype: DType) -> Result<L::Memory> {
        let (at, bytes) = (self.bytes, elements * size(dtype));
        self.bytes += bytes.next_multiple_of(ALIGNMENT);
        self.lender.work(at, bytes)
    }
}

/// What is launched for a call, in order.
pub(crate) struct Queue<M> {
    pub(crate) sequences: Vec<Sequence<M>>,
    /// Where the sequences' scratch memory begins in the work memory. They share it, since they run one after the other.
    pub(crate) scratch: usize,
    pub(crate) work_bytes: usize,
}

impl<M: Memory> Queue<M> {
    /// The launches of a call on memory that is lent.
    pub(crate) fn new<L: Lender<Memory = M>>(
        lender: &L,
        loss: &dyn Loss,
        plan: &Plan,
        args: &cvl_eval_args,
    ) -> Result<Self> {
        let mut builder = Builder {
            plan,
            args,
            work: Work { lender, bytes: 0 },
            before: Vec::new(),
            after: Vec::new(),
        };
        let kernel = builder.kernel(loss)?;
        let own = builder.sequence(loss, &kernel)?;
        let Builder {
            work,
            before: mut sequences,
            after,
            ..
        } = builder;
        sequences.push(own);
        sequences.extend(after);
        let most = sequences.iter().map(Sequence::scratch_bytes).max();
        Ok(Self {
            sequences,
            scratch: work.bytes,
            work_bytes: work.bytes + most.unwrap_or(0).next_multiple_of(ALIGNMENT),
        })
    }
}

struct Builder<'a, L: Lender> {
    plan: &'a Plan,
    args: &'a cvl_eval_args,
    work: Work<'a, L>,
    before: Vec<Sequence<L::Memory>>,
    after: Vec<Sequence<L::Memory>>,
}

impl<L: Lender> Builder<'_, L> {
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
        let devices = match self.plan.place() {
            Place::Metal => "Metal",
            Place::Host | Place::Cuda(_) => "CUDA",
        };
        loss.kernel(target)?.filter(takes).ok_or_else(|| {
            let message = format!(
                "there is no kernel for {devices} devices with these options and an input of shape {dims:?}"
            );
            Error::new(cvl_status::Unsupported, message)
        })
    }

    fn sequence(&mut self, loss: &dyn Loss, kernel: &Kernel) -> Result<Sequence<L::Memory>> {
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
    fn target(&mut self, kernel: &Kernel, input: Tensor) -> Result<(L::Memory, DType)> {
        let target = self.plan.inputs[1].unwrap_or(input);
        let memory = self.dense(target)?;
        if !target.dtype.is_index() || !kernel.takes_numbers() {
            return Ok((memory, target.dtype));
        }
        let elements = target.shape.len();
        let numbers = self.work.take(elements, input.dtype)?;
        let (from, to) = ((memory, target.dtype), (numbers, input.dtype));
        let sequence = convert::indices(Grid::default(), elements, from, to)?;
        self.before.push(sequence);
        Ok((numbers, input.dtype))
    }

    /// A weight in what is computed in.
    fn weight(&mut self, weight: Tensor) -> Result<Weight<L::Memory>> {
        let found = self.repeated(weight)?;
        let computes = value_dtype(weight.dtype);
        if weight.dtype == computes {
            return Ok(found);
        }
        let elements = found.shape.iter().product();
        let memory = self.work.take(elements, computes)?;
        let from = (found.memory, weight.dtype);
        let sequence = convert::widen(Grid::default(), elements, from, memory)?;
        self.before.push(sequence);
        Ok(Weight { memory, ..found })
    }

    /// Where the kernel writes a gradient: the caller's memory, or work memory from where the chain rule brings it there.
    fn gradient(&mut self, gradient: Option<Tensor>) -> Result<Option<Destination<L::Memory>>> {
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
        let slopes = self.work.take(gradient.shape.len(), computes)?;
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
    fn dense(&self, tensor: Tensor) -> Result<L::Memory> {
        if tensor.shape.len() == 1 {
            return self.work.lender.tensor(tensor);
        }
        let found = self.repeated(tensor)?;
        match found.shape == self.plan.axes.shape(tensor.shape.dims()) {
            true => Ok(found.memory),
            false => Err(not_dense(tensor)),
        }
    }

    /// A tensor that is dense but for axes with a stride of 0, which have length 1 then.
    fn repeated(&self, tensor: Tensor) -> Result<Weight<L::Memory>> {
        let (mut shape, strides) = tensor.merged(&self.plan.axes)?;
        for (dim, stride) in shape.iter_mut().zip(strides) {
            *dim = if stride == 0 { 1 } else { *dim };
        }
        let [_, channels, space] = shape;
        let dense = [channels * space, space, 1];
        let is_dense = (0..3).all(|axis| shape[axis] == 1 || strides[axis] == dense[axis]);
        match is_dense {
            true => Ok(Weight {
                memory: self.work.lender.tensor(tensor)?,
                shape,
            }),
            false => Err(not_dense(tensor)),
        }
    }
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
