//! Region losses: the kernels of both dialects against those of this crate for the CPU.

mod extras;
mod scores;

use cvloss_kernels::device::{Destination, Weight, overlap};
use cvloss_kernels::region::{
    self, Activation, Extra, Intersection, Operands, Options, Pooling, Score,
};
use cvloss_kernels::{Gradient, View, ViewMut};

use crate::device::{Buffer, Device, GRID, Kind, Tensor, compare, contents};
use crate::labels::Labels;
use crate::numbers::Source;
use crate::program::{Build, DIALECTS, Dialect, Kernels, Mutation, has_compiler};

const KERNELS: Kernels = &["loops/overlap.inl", "region/kernel.inl"];
const SANITIZED: Kernels = KERNELS;
/// With what rides along.
const RIDING: Kernels = &["loops/overlap.inl", "region/kernel.inl", "region/extra.inl"];

#[derive(Clone, Debug)]
enum Target {
    Labels(Labels),
    Soft(Vec<f64>),
}

#[derive(Clone)]
struct Call {
    kind: Kind,
    shape: [usize; 3],
    input: Vec<f64>,
    target: Target,
    /// (N, 1, S).
    weight: Option<Vec<f64>>,
    ignore: Option<i64>,
    before: Option<Vec<f64>>,
    vector: bool,
}

const SCALE: f64 = 8.0;
/// Value, values of items, gradient.
type Found = (f64, Vec<f64>, Vec<f64>);

fn options(activation: Activation) -> Options {
    Options {
        activation,
        ..Options::new(Score::DICE)
    }
}

impl Call {
    fn new(kind: Kind, shape @ [items, classes, space]: [usize; 3]) -> Self {
        let mut source = Source::new(21);
        let input = kind.rounded(&source.many(items * classes * space, -3.0, 3.0));
        let labels = (0..items * space).map(|_| source.below(classes.max(2)) as i64);
        Self {
            kind,
            shape,
            input,
            target: Target::Labels(Labels::I64(labels.collect())),
            weight: None,
            ignore: None,
            before: None,
            vector: false,
        }
    }

    /// With soft targets; and with probabilities as input.
    fn soft(self) -> Self {
        let soft = Source::new(4).many(self.input.len(), -0.2, 1.2);
        let soft: Vec<_> = soft.iter().map(|t| t.clamp(0.0, 1.0)).collect();
        Self {
            target: Target::Soft(self.kind.rounded(&soft)),
            ..self
        }
    }

    fn probabilities(self) -> Self {
        let input = Source::new(6).many(self.input.len(), 0.0, 1.0);
        Self {
            input: self.kind.rounded(&input),
            ..self
        }
    }

    fn groups(&self, options: &Options) -> usize {
        match options.pooling {
            Pooling::Image => self.shape[0],
            Pooling::Batch => 1,
        }
    }

    fn on_cpu(&self, options: &Options) -> Found {
        let [items, _, space] = self.shape;
        let input = Tensor::new(self.kind, &self.input);
        let soft = match &self.target {
            Target::Soft(soft) => Tensor::new(self.kind, soft),
            Target::Labels(_) => Tensor::new(self.kind, &[]),
        };
        let operands = Operands {
            input: input.view(self.shape),
            target: match &self.target {
                Target::Labels(labels) => labels.view([items, 1, space]),
                Target::Soft(_) => soft.view(self.shape),
            },
            weight: self
                .weight
                .as_ref()
                .map(|w| View::new(w, [items, 1, space]).unwrap()),
            ignore: self.ignore,
        };
        let groups = self.groups(options);
        let mut values = vec![0f64; groups];
        let mut gradient = self
            .before
            .clone()
            .unwrap_or_else(|| vec![0f64; self.input.len()]);
        let into = Gradient {
            view: ViewMut::new(&mut gradient, self.shape).unwrap(),
            scale: SCALE,
            accumulate: self.before.is_some(),
        };
        let of_values = ViewMut::new(&mut values, [groups, 1, 1]).unwrap();
        let value = region::evaluate(options, &operands, Some(of_values), Some(into)).unwrap();
        (value, values, gradient)
    }

    fn plan(&self, options: &Options) -> (Device, [Buffer; 3]) {
        let (kind, real) = (self.kind, self.kind.real());
        let [items, _, space] = self.shape;
        let mut device = Device::new(self.vector);
        let input = device.tensor(kind, &self.input);
        let target = match &self.target {
            Target::Labels(labels) => overlap::Target::Labels(labels.on(&mut device, self.ignore)),
            Target::Soft(soft) => overlap::Target::Soft(device.tensor(kind, soft)),
        };
        let weight = self.weight.as_ref().map(|weight| Weight {
            memory: device.tensor(real, weight),
            shape: [items, 1, space],
        });
        let values = device.output(real, self.groups(options));
        let value = device.output(real, 1);
        let gradient = match &self.before {
            Some(before) => device.tensor(real, before),
            None => device.output(real, self.input.len()),
        };
        let call = overlap::Call {
            options,
            dtype: kind.dtype(),
            shape: self.shape,
            input,
            target,
            weight,
            results: overlap::Results {
                value: Some(value),
                values: Some(values),
                gradient: Some(Destination {
                    memory: gradient,
                    scale: SCALE,
                    accumulate: self.before.is_some(),
                }),
            },
        };
        device.queue(&overlap::sequence(GRID, &call).unwrap());
        (device, [value, values, gradient])
    }

    fn run(&self, build: Build, options: &Options) -> Result<Found, String> {
        let (device, [value, values, gradient]) = self.plan(options);
        let buffers = device.settle(build)?;
        let real = self.kind.real();
        let value = contents(&buffers, value, real)[0];
        let values = contents(&buffers, values, real);
        Ok((value, values, contents(&buffers, gradient, real)))
    }

    fn check(&self, build: Build, options: &Options) -> Result<(), String> {
        let (kind, real) = (self.kind, self.kind.real());
        let expected = self.on_cpu(options);
        let found = self.run(build, options)?;
        compare("value", (kind, real), &[found.0], &[expected.0])?;
        compare("values", (kind, real), &found.1, &expected.1)?;
        compare("gradient", (kind, real), &found.2, &expected.2)
    }

    fn check_all(&self, options: &Options) {
        let kernels = match options.extra {
            Extra::None => KERNELS,
            _ => RIDING,
        };
        for dialect in DIALECTS {
            if (dialect == Dialect::Cuda || self.kind != Kind::F64)
                && let Err(message) = self.check(Build::plain(dialect, kernels), options)
            {
                panic!(
                    "{options:?} {dialect:?} {:?} {:?}: {message}",
                    self.kind, self.shape
                );
            }
        }
    }
}

const KINDS: [Kind; 4] = [Kind::F32, Kind::F16, Kind::BF16, Kind::F64];
const ACTIVATIONS: [Activation; 3] = [
    Activation::Softmax,
    Activation::Sigmoid,
    Activation::Identity,
];

/// A call of every activation, with indices and with soft targets.
fn calls(kind: Kind, shape: [usize; 3], activation: Activation) -> Vec<Call> {
    let call = Call::new(kind, shape);
    let call = if activation == Activation::Identity {
        call.probabilities()
    } else {
        call
    };
    let hard = [call.clone(), call.soft()];
    let vectors = hard
        .clone()
        .into_iter()
        .filter(|_| shape[2].is_multiple_of(8));
    let vectors = vectors.map(|call| Call {
        vector: true,
        ..call
    });
    hard.iter().cloned().chain(vectors).collect()
}

#[test]
fn emulator_overlap() {
    if !has_compiler() {
        return;
    }
    for kind in KINDS {
        for activation in ACTIVATIONS {
            for shape in [[2, 5, 37], [1, 1, 11], [2, 3, 1], [2, 4, 1024], [1, 9, 200]] {
                if activation == Activation::Softmax && shape[1] == 1 {
                    continue;
                }
                for call in calls(kind, shape, activation) {
                    call.check_all(&options(activation));
                }
            }
        }
    }
}

/// Everything that the sweeps know.
#[test]
fn emulator_overlap_options() {
    if !has_compiler() {
        return;
    }
    for kind in KINDS {
        for activation in ACTIVATIONS {
            let shape = [3, 5, 40];
            let weight = Kind::F32.rounded(&Source::new(8).many(120, -0.5, 2.0));
            let weight: Vec<_> = weight.iter().map(|w| w.max(0.0)).collect();
            for call in calls(kind, shape, activation) {
                let before = kind.rounded(&Source::new(9).many(call.input.len(), -0.1, 0.1));
                let call = Call {
                    weight: Some(weight.clone()),
                    before: Some(before),
                    ignore: Some(1),
                    ..call
                };
                for squared in [false, true] {
                    for intersection in [Intersection::Product, Intersection::Minimum] {
                        let options = Options {
                            squared,
                            intersection,
                            ..options(activation)
                        };
                        call.check_all(&options);
                    }
                }
            }
        }
    }
}

#[test]
fn emulator_overlap_nothing_counts() {
    if !has_compiler() {
        return;
    }
    for activation in [Activation::Softmax, Activation::Sigmoid] {
        let mut call = Call::new(Kind::F32, [2, 3, 24]);
        call.input[5] = f64::NAN;
        call.weight = Some(vec![0.0; 48]);
        call.check_all(&options(activation));
        let extra = Extra::CrossEntropy {
            weight: 1.0,
            class_weights: None,
            label_smoothing: 0.0,
        };
        call.check_all(&Options {
            extra,
            ..options(activation)
        });
        let (_, _, gradient) = call.on_cpu(&options(activation));
        assert!(gradient.iter().all(|x| *x == 0.0));
    }
}

/// Memory is read and written where it should be; an index that is no class makes the value NaN.
#[test]
fn emulator_sanitized_overlap() {
    if !has_compiler() {
        return;
    }
    for dialect in DIALECTS {
        let build = Build::sanitized(dialect, SANITIZED);
        for activation in ACTIVATIONS {
            for kind in [Kind::F32, Kind::F16] {
                for shape in [[2, 5, 37], [2, 6, 40]] {
                    for call in calls(kind, shape, activation) {
                        assert_eq!(call.check(build, &options(activation)), Ok(()));
                    }
                }
            }
            let mut call = Call::new(Kind::F32, [2, 5, 40]);
            if let Target::Labels(Labels::I64(labels)) = &mut call.target {
                labels[3] = 5;
            }
            let (value, _, _) = call.run(build, &options(activation)).unwrap();
            assert!(value.is_nan());
        }
    }
}

#[test]
fn emulator_catches_a_wrong_stride() {
    if !has_compiler() {
        return;
    }
    let mutation = Mutation {
        file: "loops/overlap.h",
        from: "load(from.input + (item * call.classes + first + uint(j)) * call.space + start, row[j]);",
        to: "load(from.input + (item * call.classes + first + uint(j) + 1) * call.space + start, row[j]);",
    };
    let build = Build::sanitized(Dialect::Metal, SANITIZED).mutated(mutation);
    let call = Call::new(Kind::F32, [2, 5, 37]);
    let found = call.check(build, &options(Activation::Softmax));
    assert!(found.unwrap_err().contains("heap-buffer-overflow"));
}
