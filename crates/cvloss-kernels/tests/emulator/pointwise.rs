//! Losses of elements: the kernels of both dialects against those of this crate for the CPU.

mod adversarial;
mod faults;
mod options;

use cvloss_kernels::device::{Destination, Formula, pointwise};
use cvloss_kernels::focal::SoftTargets;
use cvloss_kernels::loops::pointwise::Operands;
use cvloss_kernels::pixel::{self, Penalty, RobustShape};
use cvloss_kernels::{Gradient, Gradients, Normalizer, Reduction, View, ViewMut, bce, focal};

use crate::device::{Buffer, Device, GRID, Kind, Tensor, compare, contents};
use crate::numbers::Source;
use crate::program::{Build, DIALECTS, Dialect, Kernels, has_compiler};

const KERNELS: Kernels = &[
    "loops/pointwise.inl",
    "bce/kernel.inl",
    "focal/kernel.inl",
    "pixel/kernel.inl",
    "adversarial/kernel.inl",
];

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
