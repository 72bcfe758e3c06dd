//! Structural similarity: the kernels of both dialects against those of this crate for the CPU.

use cvloss_kernels::device::{Destination, window};
use cvloss_kernels::ssim::{
    self, Border, Channels, Covariance, Operands, Options, Results, Similarity, Taps, Variance,
    Window,
};
use cvloss_kernels::{Gradient, Reduction, ViewMut};

use crate::device::{Buffer, Device, GRID, Kind, Tensor, compare, contents};
use crate::numbers::Source;
use crate::program::{Build, DIALECTS, Dialect, Kernels, Mutation, has_compiler};

const KERNELS: Kernels = &["ssim/kernel.inl"];
const SANITIZED: Kernels = KERNELS;

#[derive(Clone)]
struct Call {
    kind: Kind,
    shape: [usize; 4],
    input: Vec<f64>,
    target: Vec<f64>,
    similarity: Similarity,
    channels: Channels,
    reduction: Reduction,
    before: Option<Vec<f64>>,
}

const SCALE: f64 = 4.0;
const TARGET_SCALE: f64 = -1.0;

struct Found {
    value: f64,
    values: Vec<f64>,
    gradients: [Vec<f64>; 2],
}

impl Call {
    fn new(kind: Kind, shape: [usize; 4], size: usize) -> Self {
        let len = shape.iter().product();
        let mut source = Source::new(31);
        let input = source.many(len, 0.0, 1.0);
        let noise = source.many(len, -0.2, 0.2);
        let target: Vec<f64> = input.iter().zip(noise).map(|(x, e)| x + e).collect();
        let similarity = Similarity {
            window: Window::gaussian(size, 1.5),
            ..Similarity::new(1.0)
        };
        Self {
            kind,
            shape,
            input: kind.rounded(&input),
            target: kind.rounded(&target),
            similarity,
            channels: Channels::Average,
            reduction: Reduction::Mean,
            before: None,
        }
    }

    fn flat(&self) -> [usize; 3] {
        let [items, channels, rows, columns] = self.shape;
        [items, channels, rows * columns]
    }

    /// How many values there are, and how many planes each is a mean of.
    fn items(&self) -> (usize, usize) {
        let [items, channels, ..] = self.shape;
        match self.channels {
            Channels::Average => (items, channels),
            Channels::Separate => (items * channels, 1),
        }
    }

    fn options(&self) -> Options {
        Options {
            similarity: self.similarity.clone(),
            similarity_weight: 1.0,
            pixel_weight: 0.0,
            channels: self.channels,
            reduction: self.reduction,
        }
    }

    fn on_cpu(&self) -> Found {
        let (input, target) = (
            Tensor::new(self.kind, &self.input),
            Tensor::new(self.kind, &self.target),
        );
        let operands = Operands {
            input: input.view(self.flat()),
            target: target.view(self.flat()),
            weight: None,
            space: &self.shape[2..],
        };
        let options = self.options();
        let [items, channels, _] = self.flat();
        let across = match self.channels {
            Channels::Average => 1,
            Channels::Separate => channels,
        };
        let mut values = vec![0f64; self.items().0];
        let before = self.before.clone();
        let mut of_input = before
            .clone()
            .unwrap_or_else(|| vec![0f64; self.input.len()]);
        let mut of_target = vec![0f64; self.input.len()];
        let into = |memory, scale, accumulate| {
            let view = ViewMut::new(memory, self.flat()).unwrap();
            Some(Gradient {
                view,
                scale,
                accumulate,
            })
        };
        let results = Results {
            values: Some(ViewMut::new(&mut values, [items, across, 1]).unwrap()),
            input: into(&mut of_input, SCALE, before.is_some()),
            target: into(&mut of_target, TARGET_SCALE, false),
        };
        let value = ssim::evaluate(&options, &operands, results).unwrap();
        Found {
            value,
            values,
            gradients: [of_input, of_target],
        }
    }

    fn plan(&self) -> (Device, [Buffer; 4]) {
        let (kind, real) = (self.kind, self.kind.real());
        let mut device = Device::new(true);
        let input = device.tensor(kind, &self.input);
        let target = device.tensor(kind, &self.target);
        let values = device.output(real, self.items().0);
        let value = device.output(real, 1);
        let gradient = match &self.before {
            Some(before) => device.tensor(real, before),
            None => device.output(real, self.input.len()),
        };
        let target_gradient = device.output(real, self.input.len());
        let options = self.options();
        let call = window::Call {
            options: &options,
            dtype: kind.dtype(),
            shape: self.shape,
            input,
            target,
            results: window::Results {
                value: Some(value),
                values: Some(values),
                gradient: Some(Destination {
                    memory: gradient,
                    scale: SCALE,
                    accumulate: self.before.is_some(),
                }),
                target_gradient: Some(Destination {
                    memory: target_gradient,
                    scale: TARGET_SCALE,
                    accumulate: false,
                }),
            },
        };
        device.queue(&window::sequence(GRID, &call).unwrap());
        (device, [value, values, gradient, target_gradient])
    }

    fn check(&self, build: Build) -> Result<(), String> {
        let expected = self.on_cpu();
        let (device, [value, values, gradient, target_gradient]) = self.plan();
        let buffers = device.settle(build)?;
        let (kind, real) = (self.kind, self.kind.real());
        let of = |buffer: Buffer, kind: Kind| contents(&buffers, buffer, kind);
        compare("value", (kind, real), &of(value, real), &[expected.value])?;
        compare("values", (kind, real), &of(values, real), &expected.values)?;
        let [of_input, of_target] = &expected.gradients;
        compare("gradient", (kind, real), &of(gradient, real), of_input)?;
        compare(
            "target gradient",
            (kind, real),
            &of(target_gradient, real),
            of_target,
        )
    }

    fn check_all(&self) {
        for dialect in DIALECTS {
            if (dialect == Dialect::Cuda || self.kind != Kind::F64)
                && let Err(message) = self.check(Build::plain(dialect, KERNELS))
            {
                let Similarity { window, border, .. } = &self.similarity;
                panic!(
                    "{dialect:?} {:?} {:?} {window:?} {border:?}: {message}",
                    self.kind, self.shape
                );
            }
        }
    }
}

const KINDS: [Kind; 4] = [Kind::F32, Kind::F16, Kind::BF16, Kind::F64];
const BORDERS: [Border; 4] = [
    Border::Valid,
    Border::Reflect,
    Border::Replicate,
    Border::Zero,
];

#[test]
fn emulator_window() {
    if !has_compiler() {
        return;
    }
    for kind in KINDS {
        for border in BORDERS {
            for (shape, size) in [
                ([1, 1, 17, 17], 17),
                ([2, 2, 21, 37], 11),
                ([1, 1, 12, 70], 7),
                ([1, 2, 4, 5], 3),
            ] {
                let mut call = Call::new(kind, shape, size);
                call.similarity.border = border;
                call.check_all();
            }
        }
    }
}

#[test]
fn emulator_window_options() {
    if !has_compiler() {
        return;
    }
    for kind in [Kind::F32, Kind::F64] {
        let plain = Call::new(kind, [2, 3, 13, 19], 5);
        let mut calls = Vec::new();
        for (variance, covariance) in [
            (Variance::Plain, Covariance::Population),
            (Variance::Clamped, Covariance::Sample),
        ] {
            let mut call = plain.clone();
            call.similarity.variance = variance;
            call.similarity.covariance = covariance;
            calls.push(call);
        }
        let mut call = plain.clone();
        call.similarity.window = Window {
            size: vec![3, 9],
            taps: Taps::Gaussian(vec![0.8, 2.0]),
        };
        call.similarity.border = Border::Reflect;
        calls.push(call);
        let mut call = plain.clone();
        call.similarity.window = Window::uniform(7);
        calls.push(call);
        for channels in [Channels::Average, Channels::Separate] {
            for reduction in [Reduction::None, Reduction::Sum, Reduction::Mean] {
                let before =
                    kind.real()
                        .rounded(&Source::new(9).many(plain.input.len(), -0.1, 0.1));
                calls.push(Call {
                    channels,
                    reduction,
                    before: Some(before),
                    ..plain.clone()
                });
            }
        }
        for call in calls {
            call.check_all();
        }
    }
}

/// Equal images have no loss and no gradient, exactly; a NaN is one in all windows that see it.
#[test]
fn emulator_window_equal_images_and_nan() {
    if !has_compiler() {
        return;
    }
    let mut call = Call::new(Kind::F32, [1, 1, 20, 40], 11);
    call.target = call.input.clone();
    call.check_all();
    assert_eq!(call.on_cpu().value, 0.0);
    call.input[3] = f64::NAN;
    for dialect in DIALECTS {
        let (device, [value, ..]) = call.plan();
        let buffers = device.settle(Build::plain(dialect, KERNELS)).unwrap();
        assert!(contents(&buffers, value, Kind::F32)[0].is_nan());
    }
}

#[test]
fn emulator_sanitized_window() {
    if !has_compiler() {
        return;
    }
    for dialect in DIALECTS {
        let build = Build::sanitized(dialect, SANITIZED);
        for border in BORDERS {
            for (shape, size) in [([1, 1, 17, 17], 17), ([1, 2, 19, 37], 5)] {
                let mut call = Call::new(Kind::F32, shape, size);
                call.similarity.border = border;
                assert_eq!(call.check(build), Ok(()));
            }
        }
    }
}

#[test]
fn emulator_catches_a_removed_barrier_of_a_tile() {
    if !has_compiler() {
        return;
    }
    let mutation = Mutation {
        file: "loops/window.h",
        from: "    CVL_BARRIER();\n    F formula",
        to: "    F formula",
    };
    let build = Build::plain(Dialect::Metal, KERNELS).mutated(mutation);
    let call = Call::new(Kind::F32, [1, 1, 21, 37], 11);
    assert!(call.check(build).is_err());
}
