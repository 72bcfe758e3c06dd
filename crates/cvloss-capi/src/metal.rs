//! Calls on Metal buffers: the caller's buffers, command queue and workspace. Nothing waits for the device.

use std::ffi::c_void;

use cvloss_kernels::DType;
use cvloss_kernels::launch::metal::{self, Buffer, Slice};

use crate::eval::{borrow, cvl_eval_args};
use crate::loss::Loss;
use crate::plan::Plan;
use crate::queue::{self, Lender, Queue};
use crate::status::{Error, Result, cvl_status};
use crate::tensor::Tensor;

/// How much work memory a call needs. Touches no device.
pub(crate) fn work_memory(loss: &dyn Loss, plan: &Plan, args: &cvl_eval_args) -> Result<usize> {
    if plan.tensors().any(|tensor| tensor.dtype == DType::F64) {
        let message = "tensors are float64, and Metal has no doubles";
        return Err(Error::new(cvl_status::Unsupported, message));
    }
    queue::work_memory(loss, plan, args)
}

/// Commits a call as a command buffer of the caller's queue.
///
/// # Safety
/// Tensors and workspace are buffers of the queue's device, and the queue is one; nobody else uses what is written until
/// the work queued there is done.
pub(crate) unsafe fn evaluate(loss: &dyn Loss, plan: &Plan, args: &cvl_eval_args) -> Result<()> {
    let needed = work_memory(loss, plan, args)?;
    let is_lent = !args.workspace.is_null();
    if is_lent {
        // Buffers are objects: there is no address to be aligned.
        borrow(plan, args, needed, 1)?;
    }
    if args.stream.is_null() {
        return Err(Error::null("stream"));
    }
    // SAFETY: the caller's promise; the command buffer retains what it uses until its work is done.
    let retain = |buffer: *mut c_void| unsafe { metal::buffer(buffer) };
    let mut buffers = Vec::new();
    for tensor in plan.tensors().filter(|tensor| tensor.span().1 > 0) {
        buffers.push((tensor.buffer(), retain(tensor.buffer())?));
    }
    let work = |device: &metal::Device, encoder: &metal::ComputeCommandEncoder| {
        let work = match is_lent {
            true => retain(args.workspace)?,
            false => metal::memory(device, needed)?,
        };
        let buffers = Buffers {
            tensors: &buffers,
            work: &work,
        };
        let queue = Queue::new(&buffers, loss, plan, args)?;
        let scratch = buffers.work(queue.scratch, needed - queue.scratch)?;
        for sequence in &queue.sequences {
            metal::run(sequence, device, encoder, scratch)?;
        }
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { metal::with_queue(args.stream, work) }?
}

/// Buffers by the address of the object.
struct Buffers<'a> {
    tensors: &'a [(*mut c_void, Buffer)],
    work: &'a Buffer,
}

impl<'a> Lender for Buffers<'a> {
    type Memory = Slice<'a>;

    fn tensor(&self, tensor: Tensor) -> Result<Slice<'a>> {
        let (offset, bytes) = tensor.span();
        let mut found = self.tensors.iter();
        match found.find(|(object, _)| *object == tensor.buffer()) {
            Some((_, buffer)) => Ok(Slice::new(buffer, offset, bytes)?),
            // No elements are behind it.
            None => Ok(Slice::new(self.work, 0, 0)?),
        }
    }

    fn work(&self, offset: usize, bytes: usize) -> Result<Slice<'a>> {
        Ok(Slice::new(self.work, offset, bytes)?)
    }
}
