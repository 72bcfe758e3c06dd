//! One evaluation for every loss.

use std::ffi::c_void;
use std::ptr;

use cvloss_kernels::{DType, Gradient, ViewMut, upstream};

use crate::config::{self, init, versioned};
use crate::loss::{Call, Items, Loss, MAX_INPUTS, cvl_loss};
use crate::plan::{Plan, first_input, value_dtype};
use crate::shape::Shape;
use crate::status::{Error, Result, cvl_status, guard};
use crate::tensor::{Place, Tensor, cvl_tensor};
use crate::{cuda, metal};

/// In `cvl_eval_args.flags`: add to the gradients instead of overwriting them.
pub const CVL_EVAL_ACCUMULATE: u32 = 1;

/// What a call reads and where its results go. Initialise it with `cvl_eval_args_init`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_eval_args {
    /// Set by `cvl_eval_args_init`.
    pub struct_size: usize,
    /// `num_inputs` tensors in the order that `cvl_NAME_new` documents; an optional one may be NULL or left out at the end.
    pub inputs: *const *const cvl_tensor,
    /// NULL, or `num_inputs` tensors; a NULL entry is a gradient that is not wanted. A gradient has its input's shape and
    /// element type, or float32 for half inputs.
    pub grads: *const *const cvl_tensor,
    /// How many inputs.
    pub num_inputs: u32,
    /// 0 or CVL_EVAL_ACCUMULATE.
    pub flags: u32,
    /// Where the value goes; NULL if it is not wanted. A scalar, or one number per item with CVL_REDUCTION_NONE, of
    /// float32, or float64 for float64 inputs.
    pub value: *const cvl_tensor,
    /// The gradient with respect to the value, in its shape and element type; NULL for ones.
    pub upstream: *const cvl_tensor,
    /// Multiplies gradients, not the value: the loss's weight, or a loss scale. Default 1.
    pub grad_scale: f64,
    /// The stream of a device: a CUstream or cudaStream_t, NULL for the default stream; an `id<MTLCommandQueue>`. Ignored for
    /// host memory.
    pub stream: *mut c_void,
    /// Work memory of `cvl_loss_workspace` bytes where the tensors are, aligned to 8, on a CUDA device to 256; with Metal an
    /// `id<MTLBuffer>`. NULL if the library is to allocate.
    pub workspace: *mut c_void,
    /// Bytes of `workspace`.
    pub workspace_size: usize,
}

versioned!(cvl_eval_args {
    struct_size, inputs, grads, num_inputs, flags, value, upstream, grad_scale, stream, workspace, workspace_size;
});

impl Default for cvl_eval_args {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            inputs: ptr::null(),
            grads: ptr::null(),
            num_inputs: 0,
            flags: 0,
            value: ptr::null(),
            upstream: ptr::null(),
            grad_scale: 1.0,
            stream: ptr::null_mut(),
            workspace: ptr::null_mut(),
            workspace_size: 0,
        }
    }
}

/// Writes the defaults: no tensors, `grad_scale` 1. `struct_size` is `sizeof *args`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_eval_args_init(args: *mut cvl_eval_args, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(args, struct_size) }
}

/// The value and the wanted gradients, in one pass where the loss allows. Nothing is written if arguments are refused. On
/// a device the work is queued on `stream`, and nothing waits for it.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_loss_eval(
    loss: *const cvl_loss,
    args: *const cvl_eval_args,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    let run = |loss: &dyn Loss, args: &cvl_eval_args| unsafe { evaluate(loss, args) };
    // SAFETY: as above.
    guard(|| unsafe { with(loss, args, run) })
}

/// How much work memory the same call needs; 0 in host memory unless it accumulates gradients with an upstream gradient
/// per item. No device is touched.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_loss_workspace(
    loss: *const cvl_loss,
    args: *const cvl_eval_args,
    out_bytes: *mut usize,
) -> cvl_status {
    let run = |loss: &dyn Loss, args: &cvl_eval_args| {
        if out_bytes.is_null() {
            return Err(Error::null("out_bytes"));
        }
        // SAFETY: as the header asks of all pointers.
        let plan = unsafe { Plan::read(loss, args) }?;
        let bytes = work_memory(loss, &plan, args)?;
        // SAFETY: not NULL, so it is the caller's place for one number, as the header asks; it need not be aligned.
        unsafe { out_bytes.write_unaligned(bytes) };
        Ok(())
    };
    // SAFETY: NULL or valid, as the header asks of all pointers.
    guard(|| unsafe { with(loss, args, run) })
}

/// The shape of the value of a call with these inputs: `shape` has room for 8 numbers, of which `*ndim` are written.
///
/// Only `inputs` and `num_inputs` of `args` are read.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_loss_value_shape(
    loss: *const cvl_loss,
    args: *const cvl_eval_args,
    shape: *mut i64,
    ndim: *mut i32,
) -> cvl_status {
    let run = |loss: &dyn Loss, args: &cvl_eval_args| {
        if shape.is_null() || ndim.is_null() {
            let missing = if shape.is_null() { "shape" } else { "ndim" };
            return Err(Error::null(missing));
        }
        // SAFETY: as the header asks of all pointers.
        let input = unsafe { first_input(loss, args) }?;
        let values = loss.items().dims(input.shape.dims());
        for (at, dim) in values.dims().iter().enumerate() {
            #[expect(
                clippy::cast_possible_wrap,
                reason = "it was an int64_t that is not negative"
            )]
            let dim = *dim as i64;
            // SAFETY: there is room for 8 numbers, the most axes that a tensor has.
            unsafe { shape.add(at).write_unaligned(dim) };
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "at most 8"
        )]
        let rank = values.dims().len() as i32;
        // SAFETY: not NULL, so it is a place for a number.
        unsafe { ndim.write_unaligned(rank) };
        Ok(())
    };
    // SAFETY: NULL or valid, as the header asks of all pointers.
    guard(|| unsafe { with(loss, args, run) })
}

/// Reads handle and arguments, and puts the loss's name before what is wrong.
///
/// # Safety
/// `loss` is NULL or a handle, `args` is NULL or a struct of the size that it says.
unsafe fn with(
    loss: *const cvl_loss,
    args: *const cvl_eval_args,
    run: impl FnOnce(&dyn Loss, &cvl_eval_args) -> Result<()>,
) -> Result<()> {
    // SAFETY: NULL or a handle that has not been freed.
    let Some(loss) = (unsafe { loss.as_ref() }) else {
        return Err(Error::null("loss"));
    };
    let loss = &*loss.inner;
    let body = || {
        if args.is_null() {
            return Err(Error::null("args"));
        }
        // SAFETY: the caller's promise.
        let args = unsafe { config::read(args) }?;
        if args.flags & !CVL_EVAL_ACCUMULATE != 0 {
            let message = format!(
                "flags is {:#x}, expected 0 or CVL_EVAL_ACCUMULATE",
                args.flags
            );
            return Err(Error::invalid(message));
        }
        run(loss, &args)
    };
    body().map_err(|error| error.of(&loss.name().to_string_lossy()))
}

/// Bytes of work memory of a call.
fn work_memory(loss: &dyn Loss, plan: &Plan, args: &cvl_eval_args) -> Result<usize> {
    match plan.place() {
        Place::Host => Ok(plan.workspace(args).bytes),
        Place::Cuda(_) => cuda::work_memory(loss, plan, args),
        Place::Metal => metal::work_memory(loss, plan, args),
    }
}

/// Work memory of a call: the gradients before the chain rule, one after the other.
struct Workspace {
    dtype: DType,
    bytes: usize,
}

impl Plan {
    fn workspace(&self, args: &cvl_eval_args) -> Workspace {
        let input = self.inputs[0].map_or(DType::F32, |input| input.dtype);
        let dtype = value_dtype(input);
        let is_needed = self.items != Items::One
            && self.upstream.is_some()
            && args.flags & CVL_EVAL_ACCUMULATE != 0;
        let gradients = self.gradients.iter().flatten();
        let bytes = gradients
            .map(|gradient| work_bytes(dtype, &gradient.shape))
            .sum();
        Workspace {
            dtype,
            bytes: if is_needed { bytes } else { 0 },
        }
    }
}

/// # Safety
/// Pointers in `args` are NULL or point at what the header says.
unsafe fn evaluate(loss: &dyn Loss, args: &cvl_eval_args) -> Result<()> {
    // SAFETY: the caller's promise.
    let plan = unsafe { Plan::read(loss, args) }?;
    match plan.place() {
        Place::Host => {}
        // SAFETY: the caller's promise.
        Place::Cuda(device) => return unsafe { cuda::evaluate(loss, &plan, args, device) },
        // SAFETY: the caller's promise.
        Place::Metal => return unsafe { metal::evaluate(loss, &plan, args) },
    }
    let needed = plan.workspace(args);
    let mut own = Vec::<u64>::new();
    let mut work = match needed.bytes {
        0 => ptr::null_mut(),
        bytes if args.workspace.is_null() => allocate(&mut own, bytes)?,
        bytes => {
            borrow(&plan, args, bytes, 8)?;
            args.workspace.cast()
        }
    };
    let accumulate = args.flags & CVL_EVAL_ACCUMULATE != 0;
    let mut scale = args.grad_scale;
    let mut chain = plan.upstream;
    if let (Items::One, Some(upstream)) = (plan.items, plan.upstream) {
        // SAFETY: one element, as the plan checked; outputs do not overlap it.
        scale *= unsafe { upstream.scalar() };
        chain = None;
    }
    // Where kernels write: the caller's gradient, or work memory that is added to it afterwards.
    let mut direct = [None; MAX_INPUTS];
    for (direct, gradient) in direct.iter_mut().zip(&plan.gradients) {
        *direct = *gradient;
        if let (Some(gradient), false) = (gradient, work.is_null()) {
            // SAFETY: the workspace has room for each gradient in turn.
            let dense = unsafe { Tensor::dense(work, needed.dtype, gradient.shape.dims()) };
            // SAFETY: as above.
            work = unsafe { work.add(work_bytes(needed.dtype, &dense.shape)) };
            *direct = Some(dense);
        }
    }
    // SAFETY: the plan checked that no output overlaps anything else, so that views of inputs are only read and views of
    // outputs are the only ones of their memory. They end with this call.
    let value = unsafe { run(loss, &plan, &direct, scale, accumulate && work.is_null()) }?;
    if let Some(upstream) = chain {
        for (gradient, direct) in plan.gradients.iter().zip(&direct) {
            if let (Some(gradient), Some(direct)) = (gradient, direct) {
                // SAFETY: as above; the kernel's views are gone.
                unsafe { apply(&plan, upstream, gradient, direct, !work.is_null()) }?;
            }
        }
    }
    if let (Items::One, Some(place)) = (plan.items, plan.value) {
        // SAFETY: one element of the value's type, as the plan checked.
        unsafe { place.set_scalar(value) };
    }
    Ok(())
}

/// Bytes of work memory for a gradient.
fn work_bytes(dtype: DType, shape: &Shape) -> usize {
    let size = if dtype == DType::F64 { 8 } else { 4 };
    (shape.len() * size).next_multiple_of(8)
}

/// Memory for a call whose caller gives none.
fn allocate(own: &mut Vec<u64>, bytes: usize) -> Result<*mut u8> {
    let words = bytes / 8;
    own.try_reserve_exact(words)
        .map_err(|_| Error::new(cvl_status::NoMemory, format!("no memory for {bytes} bytes")))?;
    own.resize(words, 0);
    Ok(own.as_mut_ptr().cast())
}

/// Fails unless the caller's work memory is long enough, aligned, and of no other use.
pub(crate) fn borrow(
    plan: &Plan,
    args: &cvl_eval_args,
    bytes: usize,
    alignment: usize,
) -> Result<()> {
    if args.workspace_size < bytes {
        return Err(Error::invalid(format!(
            "workspace_size is {}, expected at least {bytes}",
            args.workspace_size
        )));
    }
    if !args.workspace.addr().is_multiple_of(alignment) {
        let message = format!(
            "workspace is at {:#x}, not aligned to {alignment}",
            args.workspace.addr()
        );
        return Err(Error::new(cvl_status::Layout, message));
    }
    let workspace = Tensor::workspace(args.workspace, bytes, plan.place())?;
    plan.check_overlaps(Some(workspace))
}

/// Lends all tensors to the kernel.
///
/// # Safety
/// No tensor that is written overlaps another.
unsafe fn run(
    loss: &dyn Loss,
    plan: &Plan,
    gradients: &[Option<Tensor>; MAX_INPUTS],
    scale: f64,
    accumulate: bool,
) -> Result<f64> {
    let axes = &plan.axes;
    // SAFETY: the caller's promise.
    let read = |tensor: Tensor| unsafe { tensor.view(axes) };
    // SAFETY: the caller's promise.
    let write = |tensor: Tensor| unsafe { tensor.view_mut(axes) };
    let gradient = |tensor: Option<Tensor>| -> Result<Option<Gradient<'_>>> {
        let Some(tensor) = tensor else {
            return Ok(None);
        };
        Ok(Some(Gradient {
            view: write(tensor)?,
            scale,
            accumulate,
        }))
    };
    let [input, target, weight] = plan.inputs;
    let Some(input) = input else {
        return Err(Error::null("input"));
    };
    let values: Option<ViewMut<'_>> = match (plan.items, plan.value) {
        (Items::One, _) | (_, None) => None,
        (_, Some(values)) => Some(write(values)?),
    };
    let call = Call {
        input: read(input)?,
        target: read(target.unwrap_or(input))?,
        weight: weight.map(read).transpose()?,
        values,
        gradient: gradient(gradients[0])?,
        target_gradient: gradient(gradients[1])?,
        channel_axis: loss.geometry().channel_axis(plan.shape.dims().len()),
        dims: plan.shape.dims(),
    };
    Ok(loss.run(call)?)
}

/// The chain rule: a gradient times the upstream gradient of each item.
///
/// # Safety
/// As [`run`].
unsafe fn apply(
    plan: &Plan,
    upstream: Tensor,
    gradient: &Tensor,
    direct: &Tensor,
    in_work: bool,
) -> Result<()> {
    // SAFETY: the caller's promise.
    let (into, factors) = unsafe { (gradient.view_mut(&plan.axes)?, upstream.view(&plan.axes)?) };
    if in_work {
        // SAFETY: the caller's promise; work memory is dense.
        let slopes = unsafe { direct.view(&plan.axes) }?;
        upstream::multiply_add(into, &slopes, &factors)?;
    } else {
        upstream::multiply(into, &factors)?;
    }
    Ok(())
}
