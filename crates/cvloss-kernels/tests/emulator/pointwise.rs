//! Losses of elements: the kernels of both dialects against those of this crate for the CPU.

use cvloss_kernels::adversarial::{
    self, GanForm, GanLabels, GanSide, LogitGradients, Logits, Pairing, Plan,
};
use cvloss_kernels::device::{Destination, Formula, pointwise};
use cvloss_kernels::focal::SoftTargets;
use cvloss_kernels::loops::pointwise::Operands;
use cvloss_kernels::pixel::{self, Penalty, RobustShape};
use cvloss_kernels::{Gradient, Gradients, Normalizer, Reduction, View, ViewMut, bce, focal};

use crate::device::{Buffer, Device, GRID, Kind, Tensor, compare, contents};
use crate::numbers::Source;
use crate::program::{Build, DIALECTS, Dialect, Kernels, Mutation, has_compiler};

const KERNELS: Kernels = &[
    "loops/pointwise.inl",
    "bce/kernel.inl",
    "focal/kernel.inl",
    "pixel/kernel.inl",
    "adversarial/kernel.inl",
];
/// Enough to see the loop.
const SANITIZED: Kernels = &["loops/pointwise.inl", "bce/kernel.inl"];

/// A loss with its options.
#[derive(Clone, Debug)]
enum Loss {
    Bce(f64),
    Focal(focal::Options),
    Pixel(Penalty),
}

impl Loss {
    fn focal(soft_targets: SoftTargets, gamma: f64) -> Self {
        Self::Focal(focal::Options {
            alpha: Some(0.25),
            gamma,
            soft_targets,
            normalizer: Normalizer::Elements,
            reduction: Reduction::Mean,
        })
    }

    fn robust(shape: RobustShape, scale: f64) -> Self {
        Self::Pixel(Penalty::Robust { shape, scale })
    }

    fn on_cpu(
        &self,
        operands: &Operands<'_>,
        normalizer: Normalizer,
        reduction: Reduction,
        values: Option<ViewMut<'_>>,
        gradient: Gradient<'_>,
    ) -> f64 {
        match self {
            Self::Bce(label_smoothing) => {
                let options = bce::Options {
                    label_smoothing: *label_smoothing,
                    normalizer,
                    reduction,
                };
                bce::evaluate(&options, operands, values, Some(gradient))
            }
            Self::Focal(options) => {
                let options = focal::Options {
                    normalizer,
                    reduction,
                    ..*options
                };
                focal::evaluate(&options, operands, values, Some(gradient))
            }
            Self::Pixel(penalty) => {
                let gradients = Gradients {
                    input: Some(gradient),
                    target: None,
                };
                pixel::evaluate(*penalty, normalizer, reduction, operands, values, gradients)
            }
        }
        .unwrap()
    }

    fn on_device(&self) -> Formula {
        match self {
            Self::Bce(label_smoothing) => bce::formula(&bce::Options {
                label_smoothing: *label_smoothing,
                normalizer: Normalizer::Elements,
                reduction: Reduction::Mean,
            }),
            Self::Focal(options) => focal::formula(options),
            Self::Pixel(penalty) => pixel::formula(*penalty),
        }
        .unwrap()
    }
}

/// A tensor that is broadcast to (N, C, S).
#[derive(Clone)]
struct Operand {
    shape: [usize; 3],
    numbers: Vec<f64>,
}

impl Operand {
    fn view(&self) -> View<'_> {
        View::new(&self.numbers, self.shape).unwrap()
    }
}

/// A call, whatever the formula.
#[derive(Clone)]
struct Call {
    kind: Kind,
    shape: [usize; 3],
    input: Vec<f64>,
    target: Vec<f64>,
    auxiliary: Option<Operand>,
    weight: Option<Operand>,
    ignore: Option<f64>,
    reduction: Reduction,
    normalizer: Normalizer,
    /// What is there already, where the gradient is added.
    before: Option<Vec<f64>>,
    vector: bool,
}

/// What comes of a call.
struct Found {
    value: f64,
    values: Vec<f64>,
    gradient: Vec<f64>,
    target_gradient: Vec<f64>,
}

const SCALE: f64 = 0.5;
const TARGET_SCALE: f64 = -2.0;

impl Call {
    fn new(kind: Kind, shape: [usize; 3], seed: u64) -> Self {
        let mut source = Source::new(seed);
        let len = shape.iter().product();
        let input = kind.rounded(&source.many(len, -6.0, 6.0));
        // Targets 0 and 1 among others.
        let targets = source.many(len, -0.5, 1.5);
        let target = kind.rounded(
            &targets
                .iter()
                .map(|t| t.clamp(0.0, 1.0))
                .collect::<Vec<_>>(),
        );
        Self {
            kind,
            shape,
            input,
            target,
            auxiliary: None,
            weight: None,
            ignore: None,
            reduction: Reduction::Mean,
            normalizer: Normalizer::Elements,
            before: None,
            vector: false,
        }
    }

    fn operand(&self, shape: [usize; 3], seed: u64) -> Operand {
        let len = shape.iter().product();
        let numbers = Source::new(seed).many(len, 0.25, 2.0);
        Operand {
            shape,
            numbers: Kind::F32.rounded(&numbers),
        }
    }

    fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// What this crate computes on the CPU.
    fn on_cpu(&self, loss: &Loss) -> Found {
        let input = Tensor::new(self.kind, &self.input);
        let target = Tensor::new(self.kind, &self.target);
        let operands = Operands {
            input: input.view(self.shape),
            target: target.view(self.shape),
            auxiliary: self.auxiliary.as_ref().map(Operand::view),
            weight: self.weight.as_ref().map(Operand::view),
            ignore: self.ignore,
        };
        let mut values = vec![0f64; self.len()];
        let mut gradient = self
            .before
            .clone()
            .unwrap_or_else(|| vec![0f64; self.len()]);
        let into = Gradient {
            view: ViewMut::new(&mut gradient, self.shape).unwrap(),
            scale: SCALE,
            accumulate: self.before.is_some(),
        };
        let of_values = Some(ViewMut::new(&mut values, self.shape).unwrap());
        let value = loss.on_cpu(&operands, self.normalizer, self.reduction, of_values, into);
        let mut target_gradient = vec![0f64; self.len()];
        let into = Gradient {
            view: ViewMut::new(&mut target_gradient, self.shape).unwrap(),
            scale: TARGET_SCALE,
            accumulate: false,
        };
        loss.on_cpu(&operands, self.normalizer, self.reduction, None, into);
        Found {
            value,
            values,
            gradient,
            target_gradient,
        }
    }

    /// The launches of a call, and where results are: value, values, gradient, target gradient.
    fn plan(&self, formula: &Formula) -> (Device, [Buffer; 4]) {
        let (kind, real) = (self.kind, self.kind.real());
        let mut device = Device::new(self.vector);
        let operand = |operand: &Option<Operand>, device: &mut Device| {
            operand.as_ref().map(|operand| pointwise::Operand {
                source: pointwise::Source::Memory(device.tensor(real, &operand.numbers)),
                shape: operand.shape,
            })
        };
        let auxiliary = operand(&self.auxiliary, &mut device);
        let weight = operand(&self.weight, &mut device);
        let gradient = match &self.before {
            Some(before) => device.tensor(real, before),
            None => device.output(real, self.len()),
        };
        let target_gradient = device.output(real, self.len());
        let values = device.output(real, self.len());
        let value = device.output(real, 1);
        let call = pointwise::Call {
            formula,
            dtype: kind.dtype(),
            shape: self.shape,
            input: device.tensor(kind, &self.input),
            target: device.tensor(kind, &self.target),
            auxiliary,
            weight,
            ignore: self.ignore,
            reduction: self.reduction,
            normalizer: self.normalizer,
            results: pointwise::Results {
                value: Some(value),
                values: Some(values),
                gradient: Some(Destination {
                    memory: gradient,
                    scale: SCALE,
                    accumulate: self.before.is_some(),
                }),
                target_gradient: Some(Destination {
                    memory: target_gradient,
                    scale: -TARGET_SCALE,
                    accumulate: false,
                }),
            },
        };
        device.queue(&pointwise::sequence(GRID, &call).unwrap());
        (device, [value, values, gradient, target_gradient])
    }

    /// Runs a build and compares.
    fn check(&self, build: Build, formula: &Formula, expected: &Found) -> Result<(), String> {
        let (device, results) = self.plan(formula);
        let buffers = device.settle(build)?;
        let (kind, real) = (self.kind, self.kind.real());
        let of = |buffer: Buffer, kind: Kind| contents(&buffers, buffer, kind);
        let [value, values, gradient, target_gradient] = results;
        compare("value", (kind, real), &of(value, real), &[expected.value])?;
        compare("values", (kind, real), &of(values, real), &expected.values)?;
        compare(
            "gradient",
            (kind, real),
            &of(gradient, real),
            &expected.gradient,
        )?;
        let found = of(target_gradient, real);
        compare(
            "target gradient",
            (kind, real),
            &found,
            &expected.target_gradient,
        )
    }

    fn check_all(&self, loss: &Loss) {
        let (formula, expected) = (loss.on_device(), self.on_cpu(loss));
        for dialect in DIALECTS {
            if dialect == Dialect::Metal && self.kind == Kind::F64 {
                continue;
            }
            let build = Build::plain(dialect, KERNELS);
            if let Err(message) = self.check(build, &formula, &expected) {
                panic!(
                    "{loss:?} {dialect:?} {:?} {:?}: {message}",
                    self.kind, self.shape
                );
            }
        }
    }
}

const KINDS: [Kind; 4] = [Kind::F32, Kind::F16, Kind::BF16, Kind::F64];

/// Losses over all dtypes, once in scalar and once in vector accesses, in a size that fills neither.
fn check(losses: impl IntoIterator<Item = Loss>) {
    if !has_compiler() {
        return;
    }
    for loss in losses {
        for kind in KINDS {
            let call = Call::new(kind, [3, 2, 523], 7);
            call.check_all(&loss);
            let call = Call {
                vector: true,
                ..call
            };
            call.check_all(&loss);
        }
    }
}

#[test]
fn emulator_bce() {
    check([Loss::Bce(0.0), Loss::Bce(0.1)]);
}

#[test]
fn emulator_focal() {
    for soft_targets in [SoftTargets::Mixture, SoftTargets::Linear] {
        check([0.0, 0.5, 1.5, 2.0, 4.0].map(|gamma| Loss::focal(soft_targets, gamma)));
    }
}

#[test]
fn emulator_pixel() {
    check([Penalty::L1, Penalty::L2, Penalty::LogCosh].map(Loss::Pixel));
    check([1.0, 0.3].map(|delta| Loss::Pixel(Penalty::Huber { delta })));
    check([Loss::Pixel(Penalty::SmoothL1 { beta: 0.3 })]);
    check([1e-3, 2.0].map(|eps| Loss::Pixel(Penalty::Charbonnier { eps })));
    let wing = |(width, curvature)| Loss::Pixel(Penalty::Wing { width, curvature });
    check([(3.0, 0.5), (10.0, 2.0)].map(wing));
}

#[test]
fn emulator_robust() {
    let alpha = RobustShape::Alpha;
    let named = [
        RobustShape::Cauchy,
        RobustShape::GemanMcClure,
        RobustShape::Welsch,
    ];
    for scale in [1.0, 0.3] {
        check(named.map(|shape| Loss::robust(shape, scale)));
        check([-1.0, 1.0, 1.5, 2.0].map(|power| Loss::robust(alpha(power), scale)));
    }
}

/// Every option of the loop, which all formulas share.
#[test]
fn emulator_pointwise_options() {
    if !has_compiler() {
        return;
    }
    let loss = Loss::Bce(0.0);
    for kind in KINDS {
        for shape in [[1, 1, 1], [2, 3, 7], [1, 1, 4001], [5, 1, 1]] {
            let call = Call::new(kind, shape, 3);
            let [items, channels, space] = shape;
            let full = call.operand(shape, 5);
            let per_channel = call.operand([1, channels, 1], 6);
            let per_item = call.operand([items, 1, 1], 7);
            let map = call.operand([items, 1, space], 8);
            let operands = [
                (None, None),
                (Some(&per_channel), Some(&map)),
                (None, Some(&per_item)),
            ];
            for normalizer in [
                Normalizer::Elements,
                Normalizer::Weights,
                Normalizer::Positives,
            ] {
                for (auxiliary, weight) in operands {
                    for ignore in [None, Some(1.0)] {
                        let call = Call {
                            auxiliary: auxiliary.cloned(),
                            weight: weight.cloned(),
                            ignore,
                            normalizer,
                            ..call.clone()
                        };
                        call.check_all(&loss);
                    }
                }
            }
            let before = kind
                .real()
                .rounded(&Source::new(9).many(call.len(), -0.01, 0.01));
            for reduction in [Reduction::None, Reduction::Sum, Reduction::Mean] {
                let call = Call {
                    auxiliary: Some(full.clone()),
                    weight: Some(full.clone()),
                    before: Some(before.clone()),
                    ignore: Some(0.0),
                    reduction,
                    vector: true,
                    ..call.clone()
                };
                call.check_all(&loss);
            }
        }
    }
}

#[test]
fn emulator_all_ignored_is_zero() {
    if !has_compiler() {
        return;
    }
    let mut call = Call::new(Kind::F32, [2, 1, 50], 1);
    call.target = vec![1.0; 100];
    call.input[3] = f64::NAN;
    call.ignore = Some(1.0);
    let loss = Loss::Bce(0.0);
    call.check_all(&loss);
    assert_eq!(call.on_cpu(&loss).value, 0.0);
}

#[test]
fn emulator_extreme_logits_and_nan() {
    if !has_compiler() {
        return;
    }
    for kind in KINDS {
        let mut call = Call::new(kind, [1, 3, 11], 2);
        let extremes = [-1e4, 1e4, 88.0, -88.0, 0.0, -0.0, 1e-4, 30.0, -30.0];
        call.input[..9].copy_from_slice(&kind.rounded(&extremes));
        call.check_all(&Loss::Bce(0.0));
        call.check_all(&Loss::focal(SoftTargets::Mixture, 1.5));
        call.input[4] = f64::NAN;
        call.check_all(&Loss::Bce(0.0));
        let loss = Loss::Pixel(Penalty::L1);
        call.check_all(&loss);
        assert!(call.on_cpu(&loss).gradient[4].is_nan());
    }
}

/// The loss of one side, by its plan's curves: of pairs at once, of real and fake logits one after the other.
#[test]
fn emulator_adversarial() {
    if !has_compiler() {
        return;
    }
    let forms = [
        GanForm::Minimax,
        GanForm::NonSaturating,
        GanForm::LeastSquares { factor: 0.5 },
        GanForm::Wasserstein,
        GanForm::Hinge,
    ];
    for kind in KINDS {
        let call = Call::new(kind, [3, 2, 101], 11);
        // The targets' kind of numbers are no logits.
        let call = Call {
            target: kind.rounded(&Source::new(12).many(call.len(), -4.0, 4.0)),
            weight: None,
            auxiliary: Some(call.operand([3, 1, 1], 4)),
            ..call
        };
        for form in forms {
            for pairing in [Pairing::Standard, Pairing::Paired] {
                for side in [GanSide::Discriminator, GanSide::Generator] {
                    check_side(&call, form, pairing, side);
                }
            }
        }
    }
}

fn check_side(call: &Call, form: GanForm, pairing: Pairing, side: GanSide) {
    let options = adversarial::Options {
        form,
        pairing,
        labels: GanLabels::default(),
        reduction: Reduction::Mean,
    };
    let (real, fake) = (
        Tensor::new(call.kind, &call.input),
        Tensor::new(call.kind, &call.target),
    );
    let logits = Logits {
        real: real.view(call.shape),
        fake: fake.view(call.shape),
        weight: call.auxiliary.as_ref().map(Operand::view),
    };
    let (mut of_real, mut of_fake) = (vec![0f64; call.len()], vec![0f64; call.len()]);
    let into = |memory| Some(Gradient::new(ViewMut::new(memory, call.shape).unwrap()));
    let gradients = LogitGradients {
        real: into(&mut of_real),
        fake: into(&mut of_fake),
    };
    let value = adversarial::evaluate(&options, side, &logits, None, gradients).unwrap();
    let computes = (call.kind, call.kind.real());
    let run = |call: &Call, formula: &Formula, dialect| {
        let (device, [value, _, gradient, _]) = call.plan(formula);
        let buffers = device.settle(Build::plain(dialect, KERNELS)).unwrap();
        let value = contents(&buffers, value, call.kind.real())[0];
        let gradient = contents(&buffers, gradient, call.kind.real());
        (
            value,
            gradient.iter().map(|x| x / SCALE).collect::<Vec<_>>(),
        )
    };
    for dialect in DIALECTS {
        if dialect == Dialect::Metal && call.kind == Kind::F64 {
            continue;
        }
        let swapped = Call {
            input: call.target.clone(),
            target: call.input.clone(),
            ..call.clone()
        };
        let (found, found_real, found_fake) = match Plan::new(&options, side).unwrap() {
            Plan::Pairs {
                curve,
                sign,
                toward,
            } => {
                let formula = adversarial::opposed(curve, sign, toward);
                let (value, of_real) = run(call, &formula, dialect);
                let formula = adversarial::opposed(curve, sign, -toward);
                let (_, of_fake) = run(&swapped, &formula, dialect);
                (value, of_real, of_fake)
            }
            Plan::Sides {
                real, fake, sign, ..
            } => {
                let alone =
                    |call: &Call, curve| run(call, &adversarial::alone(curve, sign), dialect);
                let (fake_value, of_fake) = alone(&swapped, fake);
                let (real_value, of_real) = match real {
                    Some(real) => alone(call, real),
                    None => (0.0, vec![0.0; call.len()]),
                };
                (real_value + fake_value, of_real, of_fake)
            }
        };
        let what = |part: &str| {
            format!(
                "{part} of {form:?} {pairing:?} {side:?} {dialect:?} {:?}",
                call.kind
            )
        };
        compare(&what("value"), computes, &[found], &[value]).unwrap();
        let holds = (call.kind, call.kind.real());
        compare(&what("real"), holds, &found_real, &of_real).unwrap();
        compare(&what("fake"), holds, &found_fake, &of_fake).unwrap();
    }
}

/// The loop under sanitizers: vector and scalar accesses, broadcast operands, sizes that end in the middle.
#[test]
fn emulator_sanitized_pointwise() {
    if !has_compiler() {
        return;
    }
    let loss = Loss::Bce(0.0);
    for dialect in DIALECTS {
        for kind in [Kind::F32, Kind::BF16] {
            let call = Call::new(kind, [3, 2, 523], 7);
            let calls = [
                Call {
                    vector: true,
                    weight: Some(call.operand(call.shape, 1)),
                    ..call.clone()
                },
                Call {
                    auxiliary: Some(call.operand([1, 2, 1], 1)),
                    normalizer: Normalizer::Positives,
                    ..call.clone()
                },
            ];
            let build = Build::sanitized(dialect, SANITIZED);
            for call in calls {
                let found = call.check(build, &loss.on_device(), &call.on_cpu(&loss));
                assert_eq!(found, Ok(()));
            }
        }
    }
}

/// Whether a mutated source is caught; says by what.
fn caught(mutation: Mutation, sanitized: bool, vector: bool) -> Option<String> {
    if !has_compiler() {
        return None;
    }
    let call = Call {
        vector,
        ..Call::new(Kind::F32, [3, 2, 523], 7)
    };
    let build = match sanitized {
        false => Build::plain(Dialect::Cuda, SANITIZED),
        true => Build::sanitized(Dialect::Cuda, SANITIZED),
    };
    let build = build.mutated(mutation);
    let loss = Loss::Bce(0.0);
    match call.check(build, &loss.on_device(), &call.on_cpu(&loss)) {
        Ok(()) => panic!("nobody notices {mutation:?}"),
        Err(message) => Some(message),
    }
}

#[test]
fn emulator_catches_a_removed_barrier() {
    let mutation = Mutation {
        file: "loops/portable.h",
        from: "    CVL_BARRIER();\n    v = place",
        to: "    v = place",
    };
    caught(mutation, false, false);
}

#[test]
fn emulator_catches_a_barrier_that_some_threads_miss() {
    let mutation = Mutation {
        file: "loops/portable.h",
        from: "    CVL_BARRIER();\n    v = place",
        to: "    if (place.index < 32) {\n        CVL_BARRIER();\n    }\n    v = place",
    };
    if let Some(message) = caught(mutation, false, false) {
        let is_named = message.contains("deadlock") || message.contains("barrier");
        assert!(is_named, "{message}");
    }
}

#[test]
fn emulator_catches_a_shifted_index() {
    let mutation = Mutation {
        file: "loops/pointwise.h",
        from: "i < call.elements; i += place.all()) {\n        sum += pointwise_one",
        to: "i <= call.elements; i += place.all()) {\n        sum += pointwise_one",
    };
    if let Some(message) = caught(mutation, true, false) {
        assert!(message.contains("heap-buffer-overflow"), "{message}");
    }
}

#[test]
fn emulator_catches_a_flipped_sign() {
    let mutation = Mutation {
        file: "math.h",
        from: "mul_add(n, odds.p, -(ta * odds.q))",
        to: "mul_add(n, odds.p, ta * odds.q)",
    };
    if let Some(message) = caught(mutation, false, true) {
        assert!(message.contains("gradient"), "{message}");
    }
}
