//! Every kernel in every manner of a call, against the same call on the host.

use std::collections::BTreeSet;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use cvloss::Loss;
use cvloss_capi::*;
use cvloss_kernels::launch::cuda::cudarc::driver::{CudaStream, DevicePtr};
use cvloss_testkit::cases::{Case, cases, each};

use super::support::entries::{WITHOUT_ENTRY, create};
use super::support::equality::{inputs, lend};
use super::support::{self, Memory, arguments, last_error};
use super::{Copied, results, stream};

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
