//! Losses of pixels over a softmax: the kernels of both dialects against those of this crate for the CPU.

use cvloss_kernels::device::{Destination, Term, Weight, site};
use cvloss_kernels::loops::site::Operands;
use cvloss_kernels::{Gradient, Normalizer, Reduction, View, ViewMut, cross_entropy, focal};

use crate::device::{Buffer, Device, GRID, Kind, Tensor, compare, contents};
use crate::labels::Labels;
use crate::numbers::Source;
use crate::program::{Build, DIALECTS, Dialect, Kernels, Mutation, has_compiler};

const KERNELS: Kernels = &[
    "loops/site.inl",
    "focal/kernel.inl",
    "cross_entropy/kernel.inl",
];
const SANITIZED: Kernels = KERNELS;

#[derive(Clone, Copy, Debug)]
enum Loss {
    CrossEntropy { label_smoothing: f64 },
    Focal { gamma: f64 },
}

#[derive(Clone, Debug)]
enum Target {
    Labels(Labels),
    Distribution(Vec<f64>),
}

#[derive(Clone)]
struct Call {
    kind: Kind,
    shape: [usize; 3],
    input: Vec<f64>,
    target: Target,
    /// (N, 1, S), or (N, 1, 1).
    weight: Option<Vec<f64>>,
    class_weights: Option<Vec<f64>>,
    ignore: Option<i64>,
    normalizer: Normalizer,
    reduction: Reduction,
    before: Option<Vec<f64>>,
    vector: bool,
}

const SCALE: f64 = 0.5;

/// Value, values, gradient.
type Found = (f64, Vec<f64>, Vec<f64>);

impl Call {
    fn new(kind: Kind, shape @ [items, classes, space]: [usize; 3]) -> Self {
        let mut source = Source::new(5);
        let input = kind.rounded(&source.many(items * classes * space, -5.0, 5.0));
        let labels: Vec<i64> = (0..items * space)
            .map(|_| source.below(classes) as i64)
            .collect();
        Self {
            kind,
            shape,
            input,
            target: Target::Labels(Labels::I64(labels)),
            weight: None,
            class_weights: None,
            ignore: None,
            normalizer: Normalizer::Elements,
            reduction: Reduction::Mean,
            before: None,
            vector: false,
        }
    }

    fn labels(&self) -> Vec<i64> {
        match &self.target {
            Target::Labels(Labels::I64(labels)) => labels.clone(),
            _ => panic!("the target is no list of i64"),
        }
    }

    fn pixels(&self) -> usize {
        self.shape[0] * self.shape[2]
    }

    fn weight_shape(&self, weight: &[f64]) -> [usize; 3] {
        let [items, _, space] = self.shape;
        [items, 1, if weight.len() == items { 1 } else { space }]
    }

    fn on_cpu(&self, loss: Loss) -> Found {
        let [items, _, space] = self.shape;
        let input = Tensor::new(self.kind, &self.input);
        let soft = match &self.target {
            Target::Distribution(shares) => Tensor::new(self.kind, shares),
            Target::Labels(_) => Tensor::new(self.kind, &[]),
        };
        let operands = Operands {
            input: input.view(self.shape),
            target: match &self.target {
                Target::Labels(labels) => labels.view([items, 1, space]),
                Target::Distribution(_) => soft.view(self.shape),
            },
            weight: self
                .weight
                .as_ref()
                .map(|w| View::new(w, self.weight_shape(w)).unwrap()),
            class_weights: self.class_weights.as_deref(),
            ignore: self.ignore,
        };
        let mut values = vec![0f64; self.pixels()];
        let mut gradient = self
            .before
            .clone()
            .unwrap_or_else(|| vec![0f64; self.input.len()]);
        let into = Some(Gradient {
            view: ViewMut::new(&mut gradient, self.shape).unwrap(),
            scale: SCALE,
            accumulate: self.before.is_some(),
        });
        let of_values = Some(ViewMut::new(&mut values, [items, 1, space]).unwrap());
        let (normalizer, reduction) = (self.normalizer, self.reduction);
        let value = match loss {
            Loss::CrossEntropy { label_smoothing } => {
                let options = cross_entropy::Options {
                    label_smoothing,
                    normalizer,
                    reduction,
                };
                cross_entropy::evaluate(&options, &operands, of_values, into)
            }
            Loss::Focal { gamma } => {
                focal::evaluate_softmax(gamma, normalizer, reduction, &operands, of_values, into)
            }
        };
        (value.unwrap(), values, gradient)
    }

    fn term(&self, loss: Loss) -> Term {
        match loss {
            Loss::CrossEntropy { label_smoothing } => {
                let options = cross_entropy::Options {
                    label_smoothing,
                    normalizer: self.normalizer,
                    reduction: self.reduction,
                };
                cross_entropy::term(&options, matches!(self.target, Target::Distribution(_)))
            }
            Loss::Focal { gamma } => focal::softmax_term(gamma),
        }
        .unwrap()
    }

    fn plan(&self, loss: Loss) -> (Device, [Buffer; 3]) {
        let (kind, real) = (self.kind, self.kind.real());
        let mut device = Device::new(self.vector);
        let input = device.tensor(kind, &self.input);
        let target = match &self.target {
            Target::Labels(labels) => site::Target::Labels(labels.on(&mut device, self.ignore)),
            Target::Distribution(shares) => site::Target::Distribution(device.tensor(kind, shares)),
        };
        let weight = self.weight.as_ref().map(|weight| Weight {
            memory: device.tensor(real, weight),
            shape: self.weight_shape(weight),
        });
        let gradient = match &self.before {
            Some(before) => device.tensor(real, before),
            None => device.output(real, self.input.len()),
        };
        let values = device.output(real, self.pixels());
        let value = device.output(real, 1);
        let call = site::Call {
            term: &self.term(loss),
            dtype: kind.dtype(),
            shape: self.shape,
            input,
            target,
            weight,
            class_weights: self.class_weights.as_deref(),
            reduction: self.reduction,
            normalizer: self.normalizer,
            results: site::Results {
                value: Some(value),
                values: Some(values),
                gradient: Some(Destination {
                    memory: gradient,
                    scale: SCALE,
                    accumulate: self.before.is_some(),
                }),
            },
        };
        device.queue(&site::sequence(GRID, &call).unwrap());
        (device, [value, values, gradient])
    }

    fn run(&self, build: Build, loss: Loss) -> Result<Found, String> {
        let (device, [value, values, gradient]) = self.plan(loss);
        let buffers = device.settle(build)?;
        let real = self.kind.real();
        let value = contents(&buffers, value, real)[0];
        let values = contents(&buffers, values, real);
        Ok((value, values, contents(&buffers, gradient, real)))
    }

    fn check(&self, build: Build, loss: Loss) -> Result<(), String> {
        let (kind, real) = (self.kind, self.kind.real());
        let expected = self.on_cpu(loss);
        let found = self.run(build, loss)?;
        compare("value", (kind, real), &[found.0], &[expected.0])?;
        compare("values", (kind, real), &found.1, &expected.1)?;
        compare("gradient", (kind, real), &found.2, &expected.2)
    }

    fn check_all(&self, loss: Loss) {
        for dialect in DIALECTS {
            if (dialect == Dialect::Cuda || self.kind != Kind::F64)
                && let Err(message) = self.check(Build::plain(dialect, KERNELS), loss)
            {
                panic!(
                    "{loss:?} {dialect:?} {:?} {:?}: {message}",
                    self.kind, self.shape
                );
            }
        }
    }
}

const KINDS: [Kind; 4] = [Kind::F32, Kind::F16, Kind::BF16, Kind::F64];
const SHAPES: [[usize; 3]; 5] = [[2, 5, 37], [1, 1, 9], [3, 21, 40], [7, 4, 1], [1, 3, 1]];

fn losses() -> Vec<Loss> {
    let mut all = vec![
        Loss::CrossEntropy {
            label_smoothing: 0.0,
        },
        Loss::CrossEntropy {
            label_smoothing: 0.1,
        },
    ];
    all.extend([0.0, 1.5, 2.0].map(|gamma| Loss::Focal { gamma }));
    all
}

#[test]
fn emulator_site() {
    if !has_compiler() {
        return;
    }
    for kind in KINDS {
        for shape in SHAPES {
            let call = Call::new(kind, shape);
            for loss in losses() {
                call.check_all(loss);
                if shape[2].is_multiple_of(8) {
                    let call = Call {
                        vector: true,
                        ..call.clone()
                    };
                    call.check_all(loss);
                }
            }
        }
    }
}

#[test]
fn emulator_site_options() {
    if !has_compiler() {
        return;
    }
    for kind in KINDS {
        let plain = Call::new(kind, [3, 5, 40]);
        let mut source = Source::new(8);
        let weight = Kind::F32.rounded(&source.many(plain.pixels(), 0.0, 2.0));
        let per_item = Kind::F32.rounded(&source.many(3, 0.5, 2.0));
        let class_weights = Kind::F32.rounded(&source.many(5, 0.1, 3.0));
        let before = kind
            .real()
            .rounded(&source.many(plain.input.len(), -0.01, 0.01));
        for loss in losses() {
            for normalizer in [
                Normalizer::Elements,
                Normalizer::Weights,
                Normalizer::Positives,
            ] {
                for (weight, class_weights) in [
                    (None, Some(&class_weights)),
                    (Some(&weight), None),
                    (Some(&per_item), Some(&class_weights)),
                ] {
                    let call = Call {
                        weight: weight.cloned(),
                        class_weights: class_weights.cloned(),
                        normalizer,
                        ignore: Some(2),
                        vector: weight.is_some(),
                        ..plain.clone()
                    };
                    call.check_all(loss);
                }
            }
            for reduction in [Reduction::None, Reduction::Sum] {
                let call = Call {
                    reduction,
                    before: Some(before.clone()),
                    ..plain.clone()
                };
                call.check_all(loss);
            }
        }
    }
}

#[test]
fn emulator_site_distribution() {
    if !has_compiler() {
        return;
    }
    for kind in KINDS {
        let plain = Call::new(kind, [2, 5, 40]);
        let shares = kind.rounded(&Source::new(3).many(plain.input.len(), 0.0, 0.4));
        for vector in [false, true] {
            let call = Call {
                target: Target::Distribution(shares.clone()),
                class_weights: Some(vec![1.0, 0.5, 2.0, 1.0, 0.25]),
                vector,
                ..plain.clone()
            };
            call.check_all(Loss::CrossEntropy {
                label_smoothing: 0.0,
            });
            call.check_all(Loss::CrossEntropy {
                label_smoothing: 0.2,
            });
        }
    }
}

#[test]
fn emulator_site_labels_of_every_type() {
    if !has_compiler() {
        return;
    }
    let call = Call::new(Kind::F32, [2, 5, 40]);
    let mut far = call.labels();
    far[3] = -100;
    for (labels, ignore) in [(call.labels(), Some(1)), (far, Some(-100))] {
        for labels in Labels::all(&labels) {
            let call = Call {
                target: Target::Labels(labels),
                ignore,
                ..call.clone()
            };
            call.check_all(Loss::CrossEntropy {
                label_smoothing: 0.0,
            });
        }
    }
}

/// An index that is no class makes its own pixel NaN, and with it the value; no other pixel, and no read by it.
#[test]
fn emulator_sanitized_site_index_out_of_range() {
    if !has_compiler() {
        return;
    }
    let plain = Call {
        class_weights: Some(vec![1.0; 5]),
        normalizer: Normalizer::Weights,
        reduction: Reduction::Sum,
        ..Call::new(Kind::F32, [2, 5, 40])
    };
    for outside in [5, -1, i64::MAX, i64::MIN, 1 << 32] {
        let mut labels = plain.labels();
        labels[7] = outside;
        for (dialect, vector) in DIALECTS.into_iter().zip([true, false]) {
            let call = Call {
                target: Target::Labels(Labels::I64(labels.clone())),
                vector,
                ..plain.clone()
            };
            let build = Build::sanitized(dialect, SANITIZED);
            for loss in losses() {
                let (value, values, gradient) = call.run(build, loss).unwrap();
                assert!(value.is_nan() && values[7].is_nan());
                assert_eq!(values.iter().filter(|x| x.is_nan()).count(), 1);
                let slopes = gradient.iter().enumerate().filter(|(_, x)| x.is_nan());
                assert!(slopes.map(|(i, _)| i).eq((0..5).map(|c| c * 40 + 7)));
            }
        }
    }
}

/// Large logits, infinities and NaN, where the true class leads and where it does not.
#[test]
fn emulator_site_extreme_logits() {
    if !has_compiler() {
        return;
    }
    let extremes = [
        1e4,
        -1e4,
        80.0,
        -80.0,
        f64::NEG_INFINITY,
        f64::INFINITY,
        f64::NAN,
        0.0,
    ];
    for kind in [Kind::F32, Kind::F64] {
        let mut call = Call::new(kind, [1, 4, 40]);
        for (i, extreme) in extremes.into_iter().enumerate() {
            for c in 0..4 {
                call.input[c * 40 + i * 4 + c] = extreme;
            }
        }
        for loss in losses() {
            let expected = call.on_cpu(loss);
            for dialect in DIALECTS {
                if dialect == Dialect::Metal && kind == Kind::F64 {
                    continue;
                }
                let found = call.run(Build::plain(dialect, KERNELS), loss).unwrap();
                // Pixels without infinite numbers are equal; NaN is NaN.
                let is_tame = |i: &usize| !(16..24).contains(i);
                let tame = |values: &[f64]| -> Vec<f64> {
                    (0..40).filter(is_tame).map(|i| values[i]).collect()
                };
                compare("values", (kind, kind), &tame(&found.1), &tame(&expected.1)).unwrap();
                for i in 20..28 {
                    assert!(found.1[i].is_nan(), "{loss:?} {i}: {}", found.1[i]);
                }
            }
        }
    }
}

#[test]
fn emulator_catches_a_class_too_many() {
    if !has_compiler() {
        return;
    }
    let mutation = Mutation {
        file: "loops/labels.h",
        from: "label < cvl_i64(call.classes)",
        to: "label <= cvl_i64(call.classes)",
    };
    let mut call = Call {
        class_weights: Some(vec![1.0; 5]),
        reduction: Reduction::Sum,
        ..Call::new(Kind::F32, [2, 5, 40])
    };
    let mut labels = call.labels();
    labels[7] = 5;
    call.target = Target::Labels(Labels::I64(labels));
    let kernels = &["cross_entropy/kernel.inl"];
    let build = Build::sanitized(Dialect::Metal, kernels).mutated(mutation);
    let found = call.run(
        build,
        Loss::CrossEntropy {
            label_smoothing: 0.0,
        },
    );
    assert!(found.unwrap_err().contains("heap-buffer-overflow"));
}
