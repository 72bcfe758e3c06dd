//! The C ABI on memory of a CUDA device against the same calls on memory of the host. Without a device the tests say so;
//! `crates/cvloss-kernels/tests/emulator/cuda.sh` runs them on an emulated driver.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests"
)]

#[path = "cuda/calls.rs"]
mod calls;
#[path = "cuda/kernels.rs"]
mod kernels;
mod support;

use std::ffi::c_void;
use std::process::Command;
use std::ptr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use cvloss_capi::*;
use cvloss_kernels::launch::cuda::cudarc::driver::{CudaContext, CudaSlice, CudaStream, DevicePtr};
use cvloss_kernels::launch::cuda::has_driver;
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

/// Memory of results, not zero before.
fn results(dtype: DType, dims: &[usize]) -> Result<Memory> {
    let count = dims.iter().product::<usize>();
    let before = Tensor::full(0.25f32, count, &Device::Cpu)?.to_dtype(dtype)?;
    Memory::of(&before.reshape(dims)?)
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
