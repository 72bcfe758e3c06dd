//! Losses of boxes: the kernels of both dialects against those of this crate for the CPU.

use cvloss_kernels::boxes::{
    self, BoxFormat, Combinators, IouForm, Kind as BoxKind, Options, SiouSign, WeightSlope,
    WiseVersion,
};
use cvloss_kernels::device::{self, Destination, Weight};
use cvloss_kernels::loops::boxes::{Denominator, Gradients, Operands};
use cvloss_kernels::{Gradient, Reduction, View, ViewMut};

use crate::device::{Buffer, Device, GRID, Kind, Tensor, compare, contents};
use crate::numbers::Source;
use crate::program::{Build, DIALECTS, Dialect, Kernels, Mutation, has_compiler};

const KERNELS: Kernels = &["loops/pointwise.inl", "boxes/kernel.inl"];
const KINDS: [Kind; 4] = [Kind::F32, Kind::F16, Kind::BF16, Kind::F64];
const SCALES: [f64; 2] = [0.5, -2.0];

#[derive(Clone)]
struct Call {
    kind: Kind,
    options: Options,
    input: Vec<f64>,
    target: Vec<f64>,
    weight: Option<Vec<f64>>,
    /// What is there already, where gradients are added.
    before: Option<Vec<f64>>,
    vector: bool,
}

fn options(kind: BoxKind) -> Options {
    Options {
        kind,
        format: BoxFormat::Xyxy,
        eps: 1e-7,
        combinators: Combinators::default(),
        denominator: Denominator::Items,
        reduction: Reduction::Mean,
    }
}

impl Call {
    /// Boxes that overlap and that do not, equal ones, and ones without area or turned inside out.
    fn new(kind: Kind, options: Options, pairs: usize) -> Self {
        let mut source = Source::new(21);
        let (mut input, mut target) = (Vec::new(), Vec::new());
        for i in 0..pairs {
            let mut one = || {
                let [x, y] = [0, 1].map(|_| source.between(0.0, 8.0));
                let [w, h] = [0, 1].map(|_| source.between(0.5, 6.0));
                match options.format {
                    BoxFormat::Xyxy => [x, y, x + w, y + h],
                    BoxFormat::Xywh | BoxFormat::Cxcywh => [x, y, w, h],
                }
            };
            let (mut a, mut b) = (one(), one());
            match i {
                1 => b = a,
                2 => a = [3.0, 3.0, 3.0, 3.0],
                3 => b = [a[0], a[1], a[2] + 1.0, a[3]],
                4 => (a, b) = ([0.0; 4], [0.0; 4]),
                5 => a = [a[2], a[3], a[0], a[1]],
                6 => b = [20.0, 20.0, 22.0, 21.0],
                _ => {}
            }
            input.extend(a);
            target.extend(b);
        }
        Self {
            kind,
            options,
            input: kind.rounded(&input),
            target: kind.rounded(&target),
            weight: None,
            before: None,
            vector: false,
        }
    }

    fn pairs(&self) -> usize {
        self.input.len() / 4
    }

    /// Value, values and both gradients as this crate computes them on the CPU.
    fn on_cpu(&self) -> [Vec<f64>; 4] {
        let pairs = self.pairs();
        let shape = [pairs, 1, 4];
        let (input, target) = (
            Tensor::new(self.kind, &self.input),
            Tensor::new(self.kind, &self.target),
        );
        let operands = Operands {
            input: input.view(shape),
            target: target.view(shape),
            weight: self
                .weight
                .as_ref()
                .map(|weight| View::new(weight, [pairs, 1, 1]).unwrap()),
        };
        let mut values = vec![0f64; pairs];
        let before = || self.before.clone().unwrap_or(vec![0.0; 4 * pairs]);
        let (mut first, mut second) = (before(), before());
        let accumulate = self.before.is_some();
        let into = |memory, scale| {
            Some(Gradient {
                view: ViewMut::new(memory, shape).unwrap(),
                scale,
                accumulate,
            })
        };
        let gradients = Gradients {
            input: into(&mut first, SCALES[0]),
            target: into(&mut second, SCALES[1]),
        };
        let of_values = ViewMut::new(&mut values, [pairs, 1, 1]).unwrap();
        let value = boxes::evaluate(&self.options, &operands, Some(of_values), gradients).unwrap();
        [vec![value], values, first, second]
    }

    fn check(&self, build: Build) -> Result<(), String> {
        let (kind, real) = (self.kind, self.kind.real());
        let mut device = Device::new(self.vector);
        let gradient = |device: &mut Device, scale| {
            let memory = match &self.before {
                Some(before) => device.tensor(real, before),
                None => device.output(real, self.input.len()),
            };
            Destination {
                memory,
                scale,
                accumulate: self.before.is_some(),
            }
        };
        let [first, second] = SCALES.map(|scale| gradient(&mut device, scale));
        let values = device.output(real, self.pairs());
        let value = device.output(real, 1);
        let weight = self.weight.as_ref().map(|weight| Weight {
            memory: device.tensor(real, weight),
            shape: [self.pairs(), 1, 1],
        });
        let call = device::boxes::Call {
            options: &self.options,
            dtype: kind.dtype(),
            pairs: self.pairs(),
            input: device.tensor(kind, &self.input),
            target: device.tensor(kind, &self.target),
            weight,
            results: device::boxes::Results {
                value: Some(value),
                values: Some(values),
                gradient: Some(first),
                target_gradient: Some(second),
            },
        };
        device.queue(&device::boxes::sequence(GRID, &call).unwrap());
        let buffers = device.settle(build)?;
        let results: [(&str, Buffer); 4] = [
            ("value", value),
            ("values", values),
            ("gradient", first.memory),
            ("target gradient", second.memory),
        ];
        for ((what, buffer), expected) in results.into_iter().zip(self.on_cpu()) {
            let found = contents(&buffers, buffer, real);
            compare(what, (kind, real), &found, &expected)?;
        }
        Ok(())
    }

    fn check_all(&self) {
        for dialect in DIALECTS {
            if dialect == Dialect::Metal && self.kind == Kind::F64 {
                continue;
            }
            if let Err(message) = self.check(Build::plain(dialect, KERNELS)) {
                panic!("{:?} {dialect:?} {:?}: {message}", self.options, self.kind);
            }
        }
    }
}

fn check(options: impl IntoIterator<Item = Options>) {
    if !has_compiler() {
        return;
    }
    for options in options {
        for kind in KINDS {
            let call = Call::new(kind, options, 401);
            call.check_all();
            let call = Call {
                vector: true,
                ..call
            };
            call.check_all();
        }
    }
}

fn all_kinds() -> Vec<BoxKind> {
    use SiouSign::{MmDetection, Paper};
    use WeightSlope::{Constant, Through};
    let efficient = |gamma, slope| BoxKind::Efficient { gamma, slope };
    let siou = |theta, sign| BoxKind::Siou { theta, sign };
    let wise = |version| BoxKind::Wise { version, mean: 0.4 };
    let third = WiseVersion::V3 {
        alpha: 1.7,
        delta: 2.7,
    };
    vec![
        BoxKind::Iou,
        BoxKind::Giou,
        BoxKind::Diou,
        BoxKind::Ciou,
        efficient(0.0, Through),
        efficient(0.5, Through),
        efficient(2.0, Constant),
        siou(4.0, Paper),
        siou(2.0, MmDetection),
        BoxKind::Mpdiou {
            image: (20.0, 12.0),
        },
        wise(WiseVersion::V1),
        wise(WiseVersion::V2 { gamma: 0.5 }),
        wise(third),
        BoxKind::Extended { smooth_point: 0.4 },
        BoxKind::Nwd { constant: 3.0 },
        BoxKind::Bounded { beta: 0.2 },
    ]
}

#[test]
fn emulator_boxes() {
    check(all_kinds().into_iter().map(options));
}

#[test]
fn emulator_boxes_formats() {
    for format in [BoxFormat::Xywh, BoxFormat::Cxcywh] {
        check(
            [BoxKind::Ciou, BoxKind::Nwd { constant: 3.0 }].map(|kind| Options {
                format,
                ..options(kind)
            }),
        );
    }
}

#[test]
fn emulator_boxes_combinators() {
    let none = Combinators::default();
    let combinators = [
        Combinators { alpha: 3.0, ..none },
        Combinators { inner: 0.7, ..none },
        Combinators {
            focaler: (0.1, 0.9),
            ..none
        },
        Combinators {
            form: IouForm::Log,
            inner: 1.25,
            ..none
        },
        Combinators {
            form: IouForm::Square,
            alpha: 0.5,
            ..none
        },
    ];
    for combinators in combinators {
        let is_base = |kind: &BoxKind| {
            !matches!(
                kind,
                BoxKind::Extended { .. } | BoxKind::Nwd { .. } | BoxKind::Bounded { .. }
            )
        };
        check(all_kinds().into_iter().filter(is_base).map(|kind| Options {
            combinators,
            ..options(kind)
        }));
    }
}

/// Every option of the loop, which all formulas share.
#[test]
fn emulator_boxes_options() {
    if !has_compiler() {
        return;
    }
    for kind in KINDS {
        let real = kind.real();
        for pairs in [1, 3, 700] {
            let weights = Kind::F32.rounded(&Source::new(5).many(pairs, 0.0, 2.0));
            let before = real.rounded(&Source::new(6).many(4 * pairs, -0.1, 0.1));
            for reduction in [Reduction::None, Reduction::Sum, Reduction::Mean] {
                for denominator in [
                    Denominator::Items,
                    Denominator::Weights,
                    Denominator::AvgFactor(3.0),
                ] {
                    for (weight, before) in [
                        (None, None),
                        (Some(&weights), None),
                        (Some(&weights), Some(&before)),
                    ] {
                        let options = Options {
                            reduction,
                            denominator,
                            ..options(BoxKind::Giou)
                        };
                        let call = Call {
                            weight: weight.cloned(),
                            before: before.cloned(),
                            vector: pairs == 3,
                            ..Call::new(kind, options, pairs)
                        };
                        call.check_all();
                    }
                }
            }
        }
    }
}

#[test]
fn emulator_boxes_nan() {
    if !has_compiler() {
        return;
    }
    for kind in all_kinds() {
        let mut call = Call::new(Kind::F32, options(kind), 12);
        call.input[33] = f64::NAN;
        call.check_all();
        assert!(call.on_cpu()[0][0].is_nan());
    }
}

#[test]
fn emulator_boxes_under_sanitizers() {
    if !has_compiler() {
        return;
    }
    for dialect in DIALECTS {
        let options = Options {
            denominator: Denominator::Weights,
            ..options(BoxKind::Ciou)
        };
        let call = Call {
            weight: Some(vec![0.5; 77]),
            vector: true,
            ..Call::new(Kind::F32, options, 77)
        };
        call.check(Build::sanitized(dialect, KERNELS)).unwrap();
    }
}

/// That these tests can fail.
#[test]
fn emulator_boxes_mutations_are_caught() {
    if !has_compiler() {
        return;
    }
    let mutations = [
        (
            "loops/boxes.h",
            "SIDES * i, is_vector, pair.b",
            "SIDES * (i ^ 1), is_vector, pair.b",
        ),
        (
            "loops/boxes.h",
            "write_slopes(found.slopes.b",
            "write_slopes(found.slopes.a",
        ),
        (
            "boxes/math.h",
            "R area = union_ - steepness",
            "R area = union_ + steepness",
        ),
        (
            "boxes/math.h",
            "outcome.x.size[1] = -(second * ht)",
            "outcome.x.size[1] = second * ht",
        ),
    ];
    for (file, from, to) in mutations {
        for dialect in DIALECTS {
            let build = Build::plain(dialect, KERNELS).mutated(Mutation { file, from, to });
            let call = Call::new(Kind::F32, options(BoxKind::Ciou), 64);
            assert!(
                call.check(build).is_err(),
                "{dialect:?}: {file}: {to} passes"
            );
        }
    }
}
