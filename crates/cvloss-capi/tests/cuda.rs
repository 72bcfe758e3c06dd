//! The C ABI on memory of a CUDA device against the same calls on memory of the host. Without a device the tests say so;
//! `crates/cvloss-kernels/tests/emulator/cuda.sh` runs them on an emulated driver.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests"
)]

mod support;

use std::collections::BTreeSet;
use std::ffi::c_void;
use std::process::Command;
use std::ptr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use cvloss::Loss;
use cvloss_capi::*;
use cvloss_kernels::launch::cuda::cudarc::driver::{
    CudaContext, CudaSlice, CudaStream, DevicePtr, result,
};
use cvloss_kernels::launch::cuda::has_driver;
use cvloss_testkit::cases::{Case, cases, each};
use support::entries::{WITHOUT_ENTRY, create};
use support::equality::{inputs, lend};
use support::{Handle, Memory, arguments, last_error};

/// A stream of the first device, if there is one.
fn stream() -> Option<Arc<CudaStream>> {
    if !has_driver() {
        println!("SKIPPED: there is no CUDA driver");
        return None;
    }
    match CudaContext::new(0) {
        Ok(context) => Some(context.new_stream().unwrap()),
        Err(error) => {
            println!("SKIPPED: there is no CUDA device: {error:?}");
            None
        }
    }
}

/// A copy of host memory on the device, with a descriptor.
struct Copied {
    host: Memory,
    device: CudaSlice<u8>,
    tensor: cvl_tensor,
}

impl Copied {
    fn of(stream: &Arc<CudaStream>, mut host: Memory) -> Result<Self> {
        let device = stream.clone_htod(host.as_bytes_mut())?;
        let (address, _) = device.device_ptr(stream);
        // SAFETY: a descriptor of live memory.
        let tensor = unsafe { ptr::read(host.descriptor()) };
        let tensor = cvl_tensor {
            data: address as *mut c_void,
            device: cvl_device { r#type: 2, id: 0 },
            ..tensor
        };
        stream.synchronize()?;
        Ok(Self {
            host,
            device,
            tensor,
        })
    }

    fn descriptor(&self) -> *const cvl_tensor {
        &raw const self.tensor
    }

    /// What the device holds, brought back.
    fn numbers(&mut self, stream: &Arc<CudaStream>) -> Result<Vec<f64>> {
        stream.context().synchronize()?;
        let bytes = stream.clone_dtoh(&self.device)?;
        stream.synchronize()?;
        self.host.as_bytes_mut().copy_from_slice(&bytes);
        Ok(self.host.numbers())
    }
}

fn copies(stream: &Arc<CudaStream>, memory: Vec<Option<Memory>>) -> Result<Vec<Option<Copied>>> {
    let copy = |memory: Option<Memory>| memory.map(|memory| Copied::of(stream, memory)).transpose();
    memory.into_iter().map(copy).collect()
}

fn descriptors(memory: &[Option<Copied>]) -> Vec<*const cvl_tensor> {
    let of = |memory: &Option<Copied>| memory.as_ref().map_or(ptr::null(), Copied::descriptor);
    memory.iter().map(of).collect()
}

/// Fails unless numbers are close, or NaN in both.
fn close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) -> Result<()> {
    ensure!(found.len() == expected.len(), "{what}: another count");
    let finite = expected.iter().filter(|x| x.is_finite());
    let largest = finite.fold(0f64, |most, x| most.max(x.abs()));
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let allowed = tolerance * (expected.abs() + largest) + 1e-30;
        let is_same = found == expected || (found.is_nan() && expected.is_nan());
        ensure!(
            is_same || (found - expected).abs() <= allowed,
            "{what}: {found} at {at}, expected {expected}"
        );
    }
    Ok(())
}

/// How a call is made.
#[derive(Clone, Copy, Debug)]
struct Manner {
    dtype: DType,
    /// Gradients in the input's type, where that is half.
    narrow: bool,
    upstream: bool,
    accumulate: bool,
    /// Work memory of the caller.
    lends: bool,
    /// The default stream instead of one of its own.
    default_stream: bool,
}

const PLAIN: Manner = Manner {
    dtype: DType::F32,
    narrow: false,
    upstream: false,
    accumulate: false,
    lends: false,
    default_stream: false,
};

/// Memory of results, not zero before.
fn results(dtype: DType, dims: &[usize]) -> Result<Memory> {
    let count = dims.iter().product::<usize>();
    let before = Tensor::full(0.25f32, count, &Device::Cpu)?.to_dtype(dtype)?;
    Memory::of(&before.reshape(dims)?)
}

/// Value and gradients of a case on the host and on the device, compared. False if there is no kernel.
fn agrees(stream: &Arc<CudaStream>, case: &Case, manner: Manner) -> Result<bool> {
    let loss = create(case.type_name, &case.options)?;
    let dtype = manner.dtype;
    let wide = if dtype == DType::F64 {
        dtype
    } else {
        DType::F32
    };
    let sample = case.sample(dtype)?;
    let host = inputs(case, &sample)?;
    let dims = loss.value_dims(&lend(&host))?;
    let both = case.loss.differentiates_target() && host[1].is_some();
    let wanted: &[usize] = if both { &[0, 1] } else { &[0] };
    let of_gradient = if manner.narrow { dtype } else { wide };
    let outputs = || -> Result<Vec<Memory>> {
        let mut all = vec![results(wide, &dims)?];
        for at in wanted {
            let dims = host[*at].as_ref().context("no input")?.dims();
            all.push(results(of_gradient, &dims)?);
        }
        Ok(all)
    };
    let count = dims.iter().product::<usize>() as u32;
    let upstream = Tensor::arange(0u32, count, &Device::Cpu)?
        .to_dtype(wide)?
        .affine(0.25, -1.5)?
        .reshape(dims.as_slice())?;
    let upstream = Memory::of(&upstream)?;
    let flags = if manner.accumulate {
        CVL_EVAL_ACCUMULATE
    } else {
        0
    };
    let run = |inputs: &[*const cvl_tensor],
               outputs: &[*const cvl_tensor],
               upstream: *const cvl_tensor,
               device: Option<&Arc<CudaStream>>| {
        let mut grads = vec![ptr::null(); inputs.len()];
        for (at, gradient) in wanted.iter().zip(&outputs[1..]) {
            grads[*at] = *gradient;
        }
        let mut args = cvl_eval_args {
            value: outputs[0],
            upstream: if manner.upstream {
                upstream
            } else {
                ptr::null()
            },
            grad_scale: 2.0,
            flags,
            ..arguments(inputs, &grads)
        };
        let mut lent = None;
        if let Some(stream) = device {
            if !manner.default_stream {
                args.stream = stream.cu_stream().cast();
            }
            let mut bytes = usize::MAX;
            // SAFETY: valid arguments.
            let status = unsafe { cvl_loss_workspace(loss.0, &args, &mut bytes) };
            if status != cvl_status::Ok {
                return Ok(status);
            }
            if manner.lends {
                // Exactly as long as it must be, and not zero.
                let memory = stream.clone_htod(&vec![0xffu8; bytes])?;
                stream.synchronize()?;
                let (address, _) = memory.device_ptr(stream);
                args.workspace = address as *mut c_void;
                args.workspace_size = bytes;
                lent = Some(memory);
            }
        }
        // SAFETY: descriptors of live memory.
        let status = unsafe { cvl_loss_eval(loss.0, &args) };
        if let Some(stream) = device {
            stream.context().synchronize()?;
        }
        drop(lent);
        anyhow::Ok(status)
    };
    let expected = outputs()?;
    let pointers: Vec<_> = expected.iter().map(Memory::descriptor).collect();
    let status = run(
        &support::pointers(&lend(&host)),
        &pointers,
        upstream.descriptor(),
        None,
    )?;
    ensure!(status == cvl_status::Ok, "on the host: {}", last_error());
    let mut found = copies(stream, outputs()?.into_iter().map(Some).collect())?;
    let on_device = copies(stream, host)?;
    let upstream = Copied::of(stream, upstream)?;
    let status = run(
        &descriptors(&on_device),
        &descriptors(&found),
        upstream.descriptor(),
        Some(stream),
    )?;
    if status == cvl_status::Unsupported {
        ensure!(last_error().contains("kernel for CUDA"), "{}", last_error());
        return Ok(false);
    }
    ensure!(status == cvl_status::Ok, "{status:?}: {}", last_error());
    for (at, (found, expected)) in found.iter_mut().flatten().zip(&expected).enumerate() {
        let is_narrow = at > 0 && manner.narrow;
        let tolerance = match (is_narrow, dtype) {
            (true, DType::F16) => 2e-3,
            (true, DType::BF16) => 1.6e-2,
            (_, DType::F64) => 1e-11,
            _ => 1e-5,
        };
        let what = ["value", "gradient", "target's gradient"][at];
        close(
            what,
            &found.numbers(stream)?,
            &expected.numbers(),
            tolerance,
        )
        .with_context(|| format!("{manner:?}"))?;
    }
    Ok(true)
}

/// Cases that have a C entry.
fn entered() -> Vec<Case> {
    let is_entered = |case: &Case| {
        WITHOUT_ENTRY
            .iter()
            .all(|(name, _)| *name != case.type_name)
    };
    cases().into_iter().filter(is_entered).collect()
}

/// Cases of losses and options that have a kernel.
fn with_kernel(stream: &Arc<CudaStream>) -> Result<Vec<Case>> {
    let mut found = Vec::new();
    for case in entered() {
        if agrees(stream, &case, PLAIN).with_context(|| case.name.clone())? {
            found.push(case);
        }
    }
    Ok(found)
}

#[test]
fn every_kernel_in_every_manner() -> Result<()> {
    let Some(stream) = stream() else {
        return Ok(());
    };
    let cases = with_kernel(&stream)?;
    let names: BTreeSet<_> = cases.iter().map(Case::loss_name).collect();
    for name in [
        "bce",
        "charbonnier",
        "cross_entropy",
        "dice",
        "discriminator",
        "focal",
        "generator",
        "l1",
        "softmax_focal",
        "ssim",
        "tversky",
    ] {
        ensure!(
            names.contains(name),
            "{name} has no kernel; these have: {names:?}"
        );
    }
    let manners = [
        Manner {
            dtype: DType::F64,
            upstream: true,
            ..PLAIN
        },
        Manner {
            dtype: DType::F64,
            accumulate: true,
            lends: true,
            ..PLAIN
        },
        Manner {
            upstream: true,
            accumulate: true,
            lends: true,
            ..PLAIN
        },
        Manner {
            dtype: DType::F16,
            narrow: true,
            lends: true,
            ..PLAIN
        },
        Manner {
            dtype: DType::F16,
            accumulate: true,
            ..PLAIN
        },
        Manner {
            dtype: DType::BF16,
            narrow: true,
            upstream: true,
            accumulate: true,
            ..PLAIN
        },
        Manner {
            default_stream: true,
            ..PLAIN
        },
    ];
    each(&cases, |case| {
        for manner in manners {
            ensure!(agrees(&stream, case, manner)?, "no kernel: {manner:?}");
        }
        Ok(())
    })
}

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

/// One library serves machines with and without a driver.
#[test]
fn a_missing_driver_is_an_error() -> Result<()> {
    if has_driver() {
        println!("SKIPPED: there is a CUDA driver");
        return Ok(());
    }
    let loss = Handle::new(&cvl_l1_config::default(), cvl_l1_new)?;
    let mut input = Memory::zeros(DType::F32, &[4])?;
    let mut target = Memory::zeros(DType::F32, &[4])?;
    for memory in [&mut input, &mut target] {
        memory.raw().device.r#type = 2;
    }
    let inputs = [input.descriptor(), target.descriptor()];
    let args = arguments(&inputs, &[]);
    // SAFETY: no memory is touched without a driver.
    let status = unsafe { cvl_loss_eval(loss.0, &args) };
    ensure!(status == cvl_status::Backend, "{status:?}");
    ensure!(
        last_error() == "l1: there is no CUDA driver to load",
        "{}",
        last_error()
    );
    Ok(())
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

/// The program that a sanitizer of device memory runs: the library as a C program links it.
#[test]
fn a_c_program() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let source = compiler::root().join("crates/cvloss-capi/tests/c/cuda.c");
    let program = compiler::build(folder.path(), "cuda", &[source], &["-ldl"])?;
    let output = compiler::run(&mut Command::new(program.context("no C compiler")?))?;
    let line = compiler::last_line(&output);
    println!("{line}");
    ensure!(
        line.starts_with("result ") || line.starts_with("SKIPPED"),
        "{line}"
    );
    ensure!(stream().is_none() || line == "result failures=0", "{line}");
    Ok(())
}

#[path = "support/compiler.rs"]
mod compiler;
