//! A right call, which leaves the context as it was, and hostile ones, which are refused.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use anyhow::{Result, ensure};
use candle_core::DType;
use cvloss_capi::*;
use cvloss_kernels::launch::cuda::cudarc::driver::{CudaStream, DevicePtr, result};

use super::support::{Handle, Memory, arguments, last_error};
use super::{Copied, results, stream};

/// A call of binary cross-entropy that is right: each test spoils one thing.
struct Right {
    loss: Handle,
    input: Copied,
    target: Copied,
    weight: Copied,
    value: Copied,
    gradient: Copied,
}

impl Right {
    const DIMS: [usize; 4] = [2, 3, 4, 5];

    fn new(stream: &Arc<CudaStream>) -> Result<Self> {
        let copy = |memory| Copied::of(stream, memory);
        Ok(Self {
            loss: Handle::new(&cvl_bce_config::default(), cvl_bce_new)?,
            input: copy(results(DType::F32, &Self::DIMS)?)?,
            target: copy(Memory::zeros(DType::U8, &Self::DIMS)?)?,
            weight: copy(results(DType::F32, &Self::DIMS)?)?,
            value: copy(results(DType::F32, &[])?)?,
            gradient: copy(results(DType::F32, &Self::DIMS)?)?,
        })
    }

    /// The status of a call with its arguments changed.
    fn call(&self, stream: &CudaStream, change: impl FnOnce(&mut cvl_eval_args)) -> cvl_status {
        let inputs = [&self.input, &self.target, &self.weight].map(Copied::descriptor);
        let grads = [self.gradient.descriptor(), ptr::null(), ptr::null()];
        let mut args = cvl_eval_args {
            value: self.value.descriptor(),
            stream: stream.cu_stream().cast(),
            ..arguments(&inputs, &grads)
        };
        change(&mut args);
        // SAFETY: descriptors of live memory.
        unsafe { cvl_loss_eval(self.loss.0, &args) }
    }

    /// Fails unless a changed call is refused so, and writes nothing.
    fn refuses(
        mut self,
        stream: &Arc<CudaStream>,
        (status, words): (cvl_status, &str),
        change: impl FnOnce(&mut Self),
        argument: impl FnOnce(&mut cvl_eval_args),
    ) -> Result<()> {
        change(&mut self);
        let found = self.call(stream, argument);
        let sentence = last_error();
        ensure!(
            found == status && sentence.contains(words),
            "{found:?}: {sentence}, expected {status:?}: {words}"
        );
        let value = self.value.numbers(stream)?;
        let gradient = self.gradient.numbers(stream)?;
        let is_untouched = value.iter().chain(&gradient).all(|x| *x == 0.25);
        ensure!(is_untouched, "{words}: something was written");
        Ok(())
    }
}

#[test]
fn hostile_calls_are_refused() -> Result<()> {
    use cvl_status::{Aliased, Backend, Device, InvalidArgument, Layout, Unsupported};
    let Some(stream) = stream() else {
        return Ok(());
    };
    let right = || Right::new(&stream);
    ensure!(
        right()?.call(&stream, |_| ()) == cvl_status::Ok,
        "{}",
        last_error()
    );

    // Devices.
    let words = "target is in host memory, expected it where the input is, on CUDA device 0";
    let to_host = |right: &mut Right| right.target.tensor.device.r#type = 1;
    right()?.refuses(&stream, (Device, words), to_host, |_| ())?;
    let words = "value is in host memory";
    let to_host = |right: &mut Right| right.value.tensor.device.r#type = 1;
    right()?.refuses(&stream, (Device, words), to_host, |_| ())?;
    let words = "weight is on CUDA device 1";
    let other = |right: &mut Right| right.weight.tensor.device.id = 1;
    right()?.refuses(&stream, (Device, words), other, |_| ())?;
    let elsewhere = |right: &mut Right| {
        for tensor in [
            &mut right.input,
            &mut right.target,
            &mut right.weight,
            &mut right.value,
            &mut right.gradient,
        ] {
            tensor.tensor.device.id = 4096;
        }
    };
    right()?.refuses(&stream, (Backend, ""), elsewhere, |_| ())?;

    // Layouts: channels last, which the host takes, and a slice.
    let strides = [60i64, 1, 15, 3];
    let last = |right: &mut Right| right.input.tensor.strides = strides.as_ptr();
    let words =
        "input of shape [2, 3, 4, 5] has strides [60, 1, 15, 3]: on a device tensors are dense";
    right()?.refuses(&stream, (Layout, words), last, |_| ())?;
    let slice = [120i64, 20, 5, 1];
    let sliced = |right: &mut Right| right.gradient.tensor.strides = slice.as_ptr();
    let words = "gradient of input of shape [2, 3, 4, 5] has strides";
    right()?.refuses(&stream, (Layout, words), sliced, |_| ())?;

    // Memory of two uses.
    let same = |right: &mut Right| right.gradient.tensor.data = right.input.tensor.data;
    right()?.refuses(&stream, (Aliased, "overlap"), same, |_| ())?;

    // Work memory: too short, not aligned, in use. Binary targets and sums need some.
    let lent = stream.clone_htod(&vec![0u8; 1 << 16])?;
    let (address, _) = lent.device_ptr(&stream);
    let lend = |at: usize, size: usize| {
        move |args: &mut cvl_eval_args| {
            args.workspace = (address as usize + at) as *mut c_void;
            args.workspace_size = size;
        }
    };
    let (words, change) = ("workspace_size is 256", |_: &mut Right| ());
    right()?.refuses(&stream, (InvalidArgument, words), change, lend(0, 256))?;
    let words = "not aligned to 256";
    right()?.refuses(&stream, (Layout, words), change, lend(8, 1 << 15))?;
    let input = |right: &Right| {
        let (memory, _) = right.input.device.device_ptr(&stream);
        memory as *mut c_void
    };
    let with_use = right()?;
    let memory = input(&with_use);
    let lend = |args: &mut cvl_eval_args| {
        args.workspace = memory;
        args.workspace_size = 1 << 16;
    };
    with_use.refuses(&stream, (Aliased, "overlap"), change, lend)?;

    // What has no kernel, and nothing to do.
    let iou = Handle::new(&cvl_kld_config::default(), cvl_kld_new)?;
    let boxes = |right: &mut Right| {
        right.loss = iou;
        right.target = Copied::of(&stream, results(DType::F32, &[2, 3, 4, 5]).unwrap()).unwrap();
    };
    let words = "kld: there is no kernel for CUDA devices";
    right()?.refuses(&stream, (Unsupported, words), boxes, |args| {
        args.num_inputs = 2
    })?;
    let empty = [0i64, 3, 4, 5];
    let none = |right: &mut Right| {
        for tensor in [
            &mut right.input,
            &mut right.target,
            &mut right.weight,
            &mut right.gradient,
        ] {
            tensor.tensor.shape = empty.as_ptr();
        }
    };
    let words = "an input of shape [0, 3, 4, 5]";
    right()?.refuses(&stream, (Unsupported, words), none, |_| ())
}

/// Other libraries' current context is left as it was.
#[test]
fn contexts_are_restored() -> Result<()> {
    let Some(stream) = stream() else {
        return Ok(());
    };
    let right = Right::new(&stream)?;
    // SAFETY: no context at all.
    unsafe { result::ctx::set_current(ptr::null_mut()) }?;
    ensure!(
        right.call(&stream, |_| ()) == cvl_status::Ok,
        "{}",
        last_error()
    );
    ensure!(result::ctx::get_current()?.is_none(), "the context stayed");
    stream.context().bind_to_thread()?;
    let before = result::ctx::get_current()?;
    ensure!(
        right.call(&stream, |_| ()) == cvl_status::Ok,
        "{}",
        last_error()
    );
    ensure!(result::ctx::get_current()? == before, "the context changed");
    Ok(())
}
