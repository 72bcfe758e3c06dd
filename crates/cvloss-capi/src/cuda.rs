//! Calls on CUDA tensors: the caller's memory, stream and workspace. Nothing waits for the device.

use cvloss_kernels::launch::cuda::{self, Pointer};

use crate::eval::{borrow, cvl_eval_args};
use crate::loss::Loss;
use crate::plan::Plan;
use crate::queue::{ALIGNMENT, Lender, Queue};
use crate::status::Result;
use crate::tensor::Tensor;

pub(crate) use crate::queue::work_memory;

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
    let run = |stream: &cuda::Stream, start: usize| -> Result<()> {
        let lender = Addresses { start };
        let queue = Queue::new(&lender, loss, plan, args)?;
        let scratch = lender.work(queue.scratch, needed - queue.scratch)?;
        for sequence in &queue.sequences {
            cuda::run(sequence, stream, scratch)?;
        }
        Ok(())
    };
    let work = |stream: &cuda::Stream| -> Result<()> {
        if is_lent {
            return run(stream, args.workspace.addr());
        }
        // Freed in the stream's order.
        let mut own = cuda::memory::<u8>(stream, needed)?;
        let (memory, _guard) = Pointer::write(&mut own, stream);
        run(stream, memory.address())
    };
    // SAFETY: the caller's promise.
    unsafe { cuda::with_stream(device, args.stream, work) }?
}

/// Memory by its address; work memory begins at `start`.
struct Addresses {
    start: usize,
}

impl Lender for Addresses {
    type Memory = Pointer<'static>;

    fn tensor(&self, tensor: Tensor) -> Result<Pointer<'static>> {
        let (start, bytes) = tensor.span();
        // SAFETY: `evaluate`'s caller promises that it is device memory until the work is done; nothing else uses it.
        Ok(unsafe { Pointer::new(start as u64, bytes) })
    }

    fn work(&self, offset: usize, bytes: usize) -> Result<Pointer<'static>> {
        // SAFETY: no more is taken than a call needs, and that much work memory there is.
        Ok(unsafe { Pointer::new((self.start + offset) as u64, bytes) })
    }
}
