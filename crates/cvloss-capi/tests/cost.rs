//! What a call costs beside the kernel: memory and time.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Result, ensure};
use candle_core::DType;
use cvloss_capi::*;
use cvloss_kernels::loops::pointwise::Operands;
use cvloss_kernels::{Gradient, Normalizer, Reduction, View, ViewMut, bce};
use support::{Handle, Memory, arguments, pointers};

/// Counts what is allocated.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that a call allocates, once its threads and their work memory are there.
fn allocated(loss: &Handle, side: usize, channels: usize, target: DType) -> Result<usize> {
    let input = Memory::zeros(DType::F32, &[2, channels, side, side])?;
    let target = match channels {
        1 => Memory::zeros(target, &[2, 1, side, side])?,
        _ => Memory::zeros(target, &[2, side, side])?,
    };
    let gradient = Memory::zeros(DType::F32, &input.dims())?;
    let value = Memory::zeros(DType::F32, &[])?;
    let pointers = pointers(&[Some(&input), Some(&target)]);
    let grads = [gradient.descriptor(), ptr::null()];
    let args = cvl_eval_args {
        value: value.descriptor(),
        ..arguments(&pointers, &grads)
    };
    let mut least = usize::MAX;
    for _ in 0..20 {
        let before = ALLOCATED.load(Ordering::Relaxed);
        loss.run(&args)?;
        least = least.min(ALLOCATED.load(Ordering::Relaxed) - before);
    }
    Ok(least)
}

/// Lists of work and partial sums have a bound; nothing is as large as a tensor.
#[test]
fn a_call_allocates_no_tensor() -> Result<()> {
    let losses = [
        (Handle::new(&cvl_focal_config::default(), cvl_focal_new)?, 1),
        (
            Handle::new(&cvl_cross_entropy_config::default(), cvl_cross_entropy_new)?,
            4,
        ),
        (
            Handle::new(&cvl_dice_ce_config::default(), cvl_dice_ce_new)?,
            4,
        ),
    ];
    for (loss, channels) in losses {
        let tiny = allocated(&loss, 8, channels, DType::U8)?;
        let (small, large, huge) = (
            allocated(&loss, 512, channels, DType::U8)?,
            allocated(&loss, 1024, channels, DType::U8)?,
            allocated(&loss, 2048, channels, DType::U8)?,
        );
        println!("{channels} channels: {tiny}, {small}, {large}, {huge} bytes allocated");
        // At most 64 pieces of work with some KiB each. The largest gradient has 32 MiB a channel.
        ensure!(tiny < 16 << 10 && small < 1 << 20, "{tiny} {small}");
        ensure!(huge < large + large / 4 && huge < 1 << 20, "{large} {huge}");
    }
    Ok(())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Microseconds of one call, the median of many.
fn microseconds(mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..400 {
        let start = Instant::now();
        for _ in 0..100 {
            call()?;
        }
        times.push(start.elapsed().as_secs_f64() * 1e4);
    }
    Ok(median(times))
}

#[test]
#[ignore = "measures time: run it alone"]
fn overhead_over_the_kernel() -> Result<()> {
    let shape = [1, 1, 64];
    let input = Memory::zeros(DType::F32, &[1, 1, 8, 8])?;
    let target = Memory::zeros(DType::F32, &[1, 1, 8, 8])?;
    let gradient = Memory::zeros(DType::F32, &[1, 1, 8, 8])?;
    let value = Memory::zeros(DType::F32, &[])?;
    let loss = Handle::new(&cvl_bce_config::default(), cvl_bce_new)?;
    let pointers = pointers(&[Some(&input), Some(&target)]);
    let grads = [gradient.descriptor(), ptr::null()];
    let args = cvl_eval_args {
        value: value.descriptor(),
        ..arguments(&pointers, &grads)
    };
    let through_c = microseconds(|| loss.run(&args))?;

    let (x, t, mut g) = ([0f32; 64], [0f32; 64], [0f32; 64]);
    let options = bce::Options {
        label_smoothing: 0.0,
        normalizer: Normalizer::Elements,
        reduction: Reduction::Mean,
    };
    let direct = microseconds(|| {
        let operands = Operands {
            input: View::new(&x, shape)?,
            target: View::new(&t, shape)?,
            auxiliary: None,
            weight: None,
            ignore: None,
        };
        let gradient = Gradient::new(ViewMut::new(&mut g, shape)?);
        bce::evaluate(&options, &operands, None, Some(gradient))?;
        Ok(())
    })?;
    println!("through C {through_c:.3} µs, kernel {direct:.3} µs");
    ensure!(through_c - direct < 2.0, "{:.3} µs", through_c - direct);
    Ok(())
}
