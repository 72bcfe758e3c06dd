//! Times kernels on a CUDA device: one program that needs nothing but the driver. `benches/device.py` runs it beside torch.
//!
//! ```sh
//! device_timing [--only KEY] [--repeat N] [--smoke]
//! ```
//!
//! A time is value and gradient, queued on one stream and measured by events, warm: the median of N. The floor is what
//! must be moved, each input read and each gradient written once, at the speed of a copy on the same device; `fraction` is
//! floor over time. The result is one line of JSON. `--smoke` has tiny sizes, to see that the program runs.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::sync::Arc;

use cvloss_kernels::boxes::{self, BoxFormat, Combinators, Kind};
use cvloss_kernels::device::{Call, Destination, Grid, Kernel, Results, Sequence};
use cvloss_kernels::focal::{self, SoftTargets};
use cvloss_kernels::launch::cuda::cudarc::driver::{
    CudaContext, CudaSlice, CudaStream, DevicePtr, DeviceRepr, sys,
};
use cvloss_kernels::launch::cuda::{self, Pointer};
use cvloss_kernels::loops::boxes::Denominator;
use cvloss_kernels::pixel::Penalty;
use cvloss_kernels::region::{self, Score};
use cvloss_kernels::ssim::{self, Channels, Similarity};
use cvloss_kernels::{DType, Normalizer, Reduction, cross_entropy};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A loss at a size.
struct Case {
    key: &'static str,
    kernel: Kernel,
    /// (N, C, S), and the axes of space.
    shape: [usize; 3],
    space: Vec<usize>,
    /// Classes of a target that holds indices.
    classes: Option<usize>,
}

impl Case {
    fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Bytes that must be moved: f32, and indices of 64 bits.
    fn bytes(&self) -> usize {
        let [items, _, space] = self.shape;
        let target = match self.classes {
            Some(_) => items * space * 8,
            None => self.elements() * 4,
        };
        self.elements() * 4 * 2 + target
    }
}

fn cases(smoke: bool) -> Outcome<Vec<Case>> {
    let (normalizer, reduction) = (Normalizer::Elements, Reduction::Mean);
    let mut all = Vec::new();
    let sizes: &[usize] = if smoke {
        &[4096]
    } else {
        &[1 << 20, 1 << 24, 1 << 26]
    };
    for elements in sizes {
        let shape = [1, 1, *elements];
        let mut add = |key, kernel| {
            all.push(Case {
                key,
                kernel,
                shape,
                space: vec![*elements],
                classes: None,
            });
        };
        let l1 = Kernel::pixel(Penalty::L1, normalizer, reduction)?;
        add("l1", l1.ok_or("no kernel")?);
        let options = focal::Options {
            alpha: Some(0.25),
            gamma: 2.0,
            soft_targets: SoftTargets::Mixture,
            normalizer,
            reduction,
        };
        let focal = Kernel::Elements {
            formula: focal::formula(&options)?,
            pos_weight: None,
            ignore: None,
            normalizer,
            reduction,
        };
        add("focal", focal);
    }
    let sides: &[usize] = if smoke { &[16] } else { &[256, 512, 1024] };
    for side in sides {
        let (classes, space) = (21, side * side);
        let mut add = |key, kernel| {
            all.push(Case {
                key,
                kernel,
                shape: [4, classes, space],
                space: vec![*side, *side],
                classes: Some(classes),
            });
        };
        let options = cross_entropy::Options {
            label_smoothing: 0.0,
            normalizer,
            reduction,
        };
        let sites = Kernel::Sites {
            term: cross_entropy::term(&options, false)?,
            class_weights: None,
            ignore: None,
            normalizer,
            reduction,
        };
        add("cross_entropy", sites);
        let options = region::Options::new(Score::DICE);
        let ignore = None;
        add("dice", Kernel::Region { options, ignore });
    }
    let images: &[[usize; 4]] = match smoke {
        true => &[[1, 1, 24, 24]],
        false => &[[4, 3, 256, 256], [5, 3, 1080, 1920]],
    };
    for [items, channels, rows, columns] in images.iter().copied() {
        all.push(Case {
            key: "ssim",
            kernel: Kernel::Windows(ssim::Options {
                similarity: Similarity::new(1.0),
                similarity_weight: 1.0,
                pixel_weight: 0.0,
                channels: Channels::Average,
                reduction,
            }),
            shape: [items, channels, rows * columns],
            space: vec![rows, columns],
            classes: None,
        });
    }
    let pairs: &[usize] = if smoke {
        &[512]
    } else {
        &[1 << 16, 1 << 20, 1 << 24]
    };
    for pairs in pairs {
        all.push(Case {
            key: "ciou",
            kernel: Kernel::Boxes(boxes::Options {
                kind: Kind::Ciou,
                format: BoxFormat::Xyxy,
                eps: 1e-7,
                combinators: Combinators::default(),
                denominator: Denominator::Items,
                reduction,
            }),
            shape: [*pairs, 1, 4],
            space: Vec::new(),
            classes: None,
        });
    }
    Ok(all)
}

/// Numbers in 0..1 without a pattern.
fn numbers(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    (0..len).map(|_| next()).collect()
}

fn pointer<T: DeviceRepr>(memory: &CudaSlice<T>) -> Pointer<'static> {
    let (address, _) = memory.device_ptr(memory.stream());
    // SAFETY: the program keeps the memory until the stream is done.
    unsafe { Pointer::new(address, memory.num_bytes()) }
}

/// Milliseconds of `work` by events: the median, and the least.
fn time(
    stream: &Arc<CudaStream>,
    repeat: usize,
    mut work: impl FnMut() -> Outcome<()>,
) -> Outcome<[f64; 2]> {
    for _ in 0..3 {
        work()?;
    }
    let timing = Some(sys::CUevent_flags::CU_EVENT_DEFAULT);
    let mut times = Vec::new();
    for _ in 0..repeat.max(1) {
        let start = stream.record_event(timing)?;
        work()?;
        let end = stream.record_event(timing)?;
        times.push(f64::from(start.elapsed_ms(&end)?));
    }
    times.sort_by(f64::total_cmp);
    Ok([times[times.len() / 2], times[0]])
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at + 1)
    };
    let smoke = arguments.iter().any(|argument| argument == "--smoke");
    let repeat = after("--repeat").map_or(Ok(50), |n| n.parse())?;
    let context = CudaContext::new(0)?;
    let stream = context.new_stream()?;

    let copied = if smoke { 1 << 16 } else { 1 << 28 };
    let from = stream.alloc_zeros::<u8>(copied)?;
    let mut to = stream.alloc_zeros::<u8>(copied)?;
    let [copy, _] = time(&stream, repeat, || Ok(stream.memcpy_dtod(&from, &mut to)?))?;
    drop((from, to));
    let bandwidth = 2.0 * copied as f64 / copy / 1e6;

    let mut results = Vec::new();
    for case in cases(smoke)? {
        if after("--only").is_some_and(|only| only != case.key) {
            continue;
        }
        let [median, least] = run(&stream, &case, repeat)?;
        let floor = case.bytes() as f64 / bandwidth / 1e6;
        results.push(format!(
            "{{\"key\": \"{}\", \"shape\": {:?}, \"space\": {:?}, \"ms\": {median}, \"least_ms\": {least}, \
             \"floor_ms\": {floor}, \"fraction\": {}}}",
            case.key,
            case.shape,
            case.space,
            floor / median
        ));
    }
    println!(
        "{{\"device\": \"{}\", \"copy_gb_per_s\": {bandwidth}, \"results\": [{}]}}",
        context.name()?,
        results.join(", ")
    );
    Ok(())
}

fn run(stream: &Arc<CudaStream>, case: &Case, repeat: usize) -> Outcome<[f64; 2]> {
    let elements = case.elements();
    let input = stream.clone_htod(&numbers(elements, 1))?;
    let target = stream.clone_htod(&numbers(elements, 2))?;
    let labels = match case.classes {
        None => None,
        Some(classes) => {
            let [items, _, space] = case.shape;
            let labels = (0..items * space).map(|i| (i * 7 % classes) as i64);
            Some(stream.clone_htod(&labels.collect::<Vec<_>>())?)
        }
    };
    let value = stream.alloc_zeros::<f32>(1)?;
    let gradient = stream.alloc_zeros::<f32>(elements)?;
    let (target, target_dtype) = match &labels {
        Some(labels) => (pointer(labels), DType::I64),
        None => (pointer(&target), DType::F32),
    };
    let call = Call {
        dtype: DType::F32,
        shape: case.shape,
        space: &case.space,
        channel_axis: 1,
        input: pointer(&input),
        target,
        target_dtype,
        weight: None,
        results: Results {
            value: Some(pointer(&value)),
            values: None,
            gradient: Some(Destination {
                memory: pointer(&gradient),
                scale: 1.0,
                accumulate: false,
            }),
            target_gradient: None,
        },
    };
    let sequence: Sequence<Pointer<'_>> = case.kernel.sequence(Grid::default(), &call)?;
    let scratch = cuda::memory::<u8>(stream, sequence.scratch_bytes())?;
    let found = time(stream, repeat, || {
        Ok(cuda::run(&sequence, stream, pointer(&scratch))?)
    })?;
    let value = stream.clone_dtoh(&value)?;
    stream.synchronize()?;
    match value[0].is_finite() {
        true => Ok(found),
        false => Err(format!("{} is {}", case.key, value[0]).into()),
    }
}
