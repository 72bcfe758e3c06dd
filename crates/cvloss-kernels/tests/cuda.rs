//! Launches on device memory and on a stream of the caller's, against this crate's kernels for the CPU. Without a device
//! the tests say so; `tests/emulator/cuda.sh` runs them on an emulated driver.

#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use cvloss_kernels::device::{self, Destination, Grid, Sequence};
use cvloss_kernels::launch::cuda::cudarc::driver::{
    CudaContext, CudaSlice, CudaStream, DevicePtr, DeviceRepr, DeviceSlice,
};
use cvloss_kernels::launch::cuda::{self, Pointer};
use cvloss_kernels::pixel::Penalty;
use cvloss_kernels::region::{self, Score};
use cvloss_kernels::ssim::{self, Channels, Similarity};
use cvloss_kernels::{DType, Error, Gradient, Gradients, Normalizer, Reduction, View, ViewMut};
use cvloss_kernels::{cross_entropy, loops, pixel};

/// A stream of the first device, if there is one.
fn stream() -> Option<Arc<CudaStream>> {
    if !cuda::has_driver() {
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

/// Numbers in −1..1 without a pattern.
fn numbers(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

fn assert_close(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0f32, |most, x| most.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let allowed = 1e-5 * expected.abs() + 1e-6 * largest;
        let is_close = (found - expected).abs() <= allowed;
        assert!(is_close, "{what}: {found} at {i}, expected {expected}");
    }
}

fn pointer<T: DeviceRepr>(memory: &CudaSlice<T>) -> Pointer<'static> {
    let (address, _) = memory.device_ptr(memory.stream());
    // SAFETY: the tests keep the memory until the stream is done.
    unsafe { Pointer::new(address, memory.num_bytes()) }
}

/// Memory for the value, and for a gradient that is NaN before.
struct Results {
    stream: Arc<CudaStream>,
    value: CudaSlice<f32>,
    gradient: CudaSlice<f32>,
}

impl Results {
    fn new(stream: &Arc<CudaStream>, len: usize) -> Self {
        Self {
            stream: Arc::clone(stream),
            value: stream.clone_htod(&[f32::NAN]).unwrap(),
            gradient: stream.clone_htod(&vec![f32::NAN; len]).unwrap(),
        }
    }

    fn value(&self) -> Option<Pointer<'static>> {
        Some(pointer(&self.value))
    }

    fn gradient(&self) -> Option<Destination<Pointer<'static>>> {
        Some(Destination {
            memory: pointer(&self.gradient),
            scale: 2.0,
            accumulate: false,
        })
    }

    /// Runs a sequence twice, which must give the same bits, and compares.
    fn compare(self, sequence: &Sequence<Pointer<'_>>, value: f64, gradient: &[f32]) {
        let bytes = sequence.scratch_bytes();
        let scratch = cuda::memory::<u8>(&self.stream, bytes).unwrap();
        let run = || {
            cuda::run(sequence, &self.stream, pointer(&scratch)).unwrap();
            let value = self.stream.clone_dtoh(&self.value).unwrap();
            let gradient = self.stream.clone_dtoh(&self.gradient).unwrap();
            self.stream.synchronize().unwrap();
            (value, gradient)
        };
        let first = run();
        assert_eq!(first, run());
        assert_close("value", &first.0, &[value as f32]);
        assert_close("gradient", &first.1, gradient);
    }
}

/// The gradient of a kernel for the CPU, scaled as that on the device.
fn with_gradient(shape: [usize; 3], run: impl FnOnce(Gradient<'_>) -> f64) -> (f64, Vec<f32>) {
    let mut gradient = vec![0f32; shape.iter().product()];
    let value = run(Gradient {
        view: ViewMut::new(&mut gradient, shape).unwrap(),
        scale: 2.0,
        accumulate: false,
    });
    (value, gradient)
}

#[test]
fn elements() {
    let Some(stream) = stream() else { return };
    let shape = [3, 5, 701];
    let (input, target) = (numbers(3 * 5 * 701, 1), numbers(3 * 5 * 701, 2));
    let penalty = Penalty::Huber { delta: 0.5 };
    let (normalizer, reduction) = (Normalizer::Elements, Reduction::Mean);
    let operands = loops::pointwise::Operands {
        input: View::new(&input, shape).unwrap(),
        target: View::new(&target, shape).unwrap(),
        auxiliary: None,
        weight: None,
        ignore: None,
    };
    let (value, gradient) = with_gradient(shape, |gradient| {
        let gradients = Gradients {
            input: Some(gradient),
            target: None,
        };
        pixel::evaluate(penalty, normalizer, reduction, &operands, None, gradients).unwrap()
    });
    let (input, target) = (
        stream.clone_htod(&input).unwrap(),
        stream.clone_htod(&target).unwrap(),
    );
    let results = Results::new(&stream, gradient.len());
    let call = device::pointwise::Call {
        formula: &pixel::formula(penalty).unwrap(),
        dtype: DType::F32,
        shape,
        input: pointer(&input),
        target: pointer(&target),
        auxiliary: None,
        weight: None,
        ignore: None,
        reduction,
        normalizer,
        results: device::pointwise::Results {
            value: results.value(),
            values: None,
            gradient: results.gradient(),
            target_gradient: None,
        },
    };
    let sequence = device::pointwise::sequence(Grid::default(), &call).unwrap();
    results.compare(&sequence, value, &gradient);
    // Memory that is too short is refused before anything is launched.
    let input = input.slice(1..);
    let (address, _) = input.device_ptr(&stream);
    // SAFETY: as above.
    let short = unsafe { Pointer::new(address, input.num_bytes()) };
    let call = device::pointwise::Call {
        input: short,
        ..call
    };
    let found = device::pointwise::sequence(Grid::default(), &call);
    assert!(matches!(found, Err(Error::Layout { .. })), "{found:?}");
}

#[test]
fn pixels() {
    let Some(stream) = stream() else { return };
    let shape = [2, 19, 333];
    let input = numbers(2 * 19 * 333, 3);
    let labels: Vec<u8> = (0..2 * 333).map(|i| (i * 7 % 19) as u8).collect();
    let class_weights: Vec<f64> = (1..=19).map(f64::from).collect();
    let options = cross_entropy::Options {
        label_smoothing: 0.1,
        normalizer: Normalizer::Weights,
        reduction: Reduction::Mean,
    };
    let operands = loops::site::Operands {
        input: View::new(&input, shape).unwrap(),
        target: View::new(&labels, [2, 1, 333]).unwrap(),
        weight: None,
        class_weights: Some(&class_weights),
        ignore: Some(3),
    };
    let (value, gradient) = with_gradient(shape, |gradient| {
        cross_entropy::evaluate(&options, &operands, None, Some(gradient)).unwrap()
    });
    let (input, labels) = (
        stream.clone_htod(&input).unwrap(),
        stream.clone_htod(&labels).unwrap(),
    );
    let results = Results::new(&stream, gradient.len());
    let call = device::site::Call {
        term: &cross_entropy::term(&options, false).unwrap(),
        dtype: DType::F32,
        shape,
        input: pointer(&input),
        target: device::site::Target::Labels(device::Labels {
            memory: pointer(&labels),
            dtype: DType::U8,
            ignore: Some(3),
        }),
        weight: None,
        class_weights: Some(&class_weights),
        reduction: options.reduction,
        normalizer: options.normalizer,
        results: device::site::Results {
            value: results.value(),
            values: None,
            gradient: results.gradient(),
        },
    };
    let sequence = device::site::sequence(Grid::default(), &call).unwrap();
    results.compare(&sequence, value, &gradient);
}

#[test]
fn regions() {
    let Some(stream) = stream() else { return };
    let shape = [2, 6, 1000];
    let input = numbers(2 * 6 * 1000, 4);
    let labels: Vec<i64> = (0..2 * 1000).map(|i| i * 5 % 6).collect();
    let options = region::Options::new(Score::DICE);
    let operands = region::Operands {
        input: View::new(&input, shape).unwrap(),
        target: View::new(&labels, [2, 1, 1000]).unwrap(),
        weight: None,
        ignore: None,
    };
    let (value, gradient) = with_gradient(shape, |gradient| {
        region::evaluate(&options, &operands, None, Some(gradient)).unwrap()
    });
    let (input, labels) = (
        stream.clone_htod(&input).unwrap(),
        stream.clone_htod(&labels).unwrap(),
    );
    let results = Results::new(&stream, gradient.len());
    let call = device::overlap::Call {
        options: &options,
        dtype: DType::F32,
        shape,
        input: pointer(&input),
        target: device::overlap::Target::Labels(device::Labels {
            memory: pointer(&labels),
            dtype: DType::I64,
            ignore: None,
        }),
        weight: None,
        results: device::overlap::Results {
            value: results.value(),
            values: None,
            gradient: results.gradient(),
        },
    };
    let sequence = device::overlap::sequence(Grid::default(), &call).unwrap();
    results.compare(&sequence, value, &gradient);
}

#[test]
fn windows() {
    let Some(stream) = stream() else { return };
    let [items, channels, rows, columns] = [1, 3, 40, 50];
    let shape = [items, channels, rows * columns];
    let (input, target) = (numbers(6000, 5), numbers(6000, 6));
    let options = ssim::Options {
        similarity: Similarity::new(2.0),
        similarity_weight: 1.0,
        pixel_weight: 0.0,
        channels: Channels::Average,
        reduction: Reduction::Mean,
    };
    let operands = ssim::Operands {
        input: View::new(&input, shape).unwrap(),
        target: View::new(&target, shape).unwrap(),
        weight: None,
        space: &[rows, columns],
    };
    let (value, gradient) = with_gradient(shape, |gradient| {
        let results = ssim::Results {
            input: Some(gradient),
            ..ssim::Results::default()
        };
        ssim::evaluate(&options, &operands, results).unwrap()
    });
    let (input, target) = (
        stream.clone_htod(&input).unwrap(),
        stream.clone_htod(&target).unwrap(),
    );
    let results = Results::new(&stream, gradient.len());
    let call = device::window::Call {
        options: &options,
        dtype: DType::F32,
        shape: [items, channels, rows, columns],
        input: pointer(&input),
        target: pointer(&target),
        results: device::window::Results {
            value: results.value(),
            values: None,
            gradient: results.gradient(),
            target_gradient: None,
        },
    };
    let sequence = device::window::sequence(Grid::default(), &call).unwrap();
    results.compare(&sequence, value, &gradient);
    // A scratch memory that is too short is refused.
    let scratch = cuda::memory::<u8>(&stream, sequence.scratch_bytes() - 1).unwrap();
    let found = cuda::run(&sequence, &stream, pointer(&scratch));
    assert!(matches!(found, Err(Error::Layout { .. })), "{found:?}");
}
