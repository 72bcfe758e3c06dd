//! Functions of images' means: the kernels of both dialects against those of this crate for the CPU.

use cvloss_kernels::device::{Destination, Results, Weight, psnr, variation};
use cvloss_kernels::loops::pointwise::Operands;
use cvloss_kernels::pixel::{PsnrOptions, PsnrPooling, evaluate_psnr};
use cvloss_kernels::total_variation::{self, VariationNorm, VariationScale};
use cvloss_kernels::{Gradient, Gradients, Normalizer, Reduction, View, ViewMut};

use crate::device::{Buffer, Device, GRID, Kind, Tensor, compare, contents};
use crate::numbers::Source;
use crate::program::{Build, DIALECTS, Dialect, Kernels, Mutation, has_compiler};

const KERNELS: Kernels = &[
    "loops/items.inl",
    "loops/convert.inl",
    "pixel/psnr.inl",
    "total_variation/kernel.inl",
];
const KINDS: [Kind; 4] = [Kind::F32, Kind::F16, Kind::BF16, Kind::F64];
const SCALES: [f64; 2] = [8.0, -3.0];

enum Loss {
    Psnr(PsnrOptions),
    /// With depth, height and width.
    Variation(total_variation::Options, [usize; 3]),
}

struct Call {
    kind: Kind,
    shape: [usize; 3],
    input: Vec<f64>,
    target: Vec<f64>,
    weight: Option<(Vec<f64>, [usize; 3])>,
    before: Option<Vec<f64>>,
    vector: bool,
}

impl Call {
    fn new(kind: Kind, shape: [usize; 3]) -> Self {
        let len = shape.iter().product();
        let mut source = Source::new(31);
        Self {
            kind,
            shape,
            input: kind.rounded(&source.many(len, 0.0, 1.0)),
            target: kind.rounded(&source.many(len, -0.2, 1.0)),
            weight: None,
            before: None,
            vector: false,
        }
    }

    /// With a weight map that is repeated over channels, and memory that is added to.
    fn weighted(self) -> Self {
        let [items, _, space] = self.shape;
        let weight = Kind::F32.rounded(&Source::new(8).many(items * space, 0.0, 2.0));
        let before = self
            .kind
            .rounded(&Source::new(9).many(self.input.len(), -0.1, 0.1));
        Self {
            weight: Some((weight, [items, 1, space])),
            before: Some(before),
            ..self
        }
    }

    fn groups(&self, loss: &Loss) -> usize {
        match loss {
            Loss::Psnr(options) if options.pooling == PsnrPooling::Batch => 1,
            _ => self.shape[0],
        }
    }

    /// Value, values of items, and both gradients.
    fn on_cpu(&self, loss: &Loss) -> [Vec<f64>; 4] {
        let tensors = [&self.input, &self.target].map(|numbers| Tensor::new(self.kind, numbers));
        let [input, target] = tensors.each_ref().map(|tensor| tensor.view(self.shape));
        let weight = self.weight.as_ref();
        let weight = weight.map(|(numbers, shape)| View::new(numbers, *shape).unwrap());
        let start = || match &self.before {
            Some(before) => before.clone(),
            None => vec![0.0; self.input.len()],
        };
        let (mut first, mut second) = (start(), start());
        let mut values = vec![0f64; self.groups(loss)];
        let of_values = ViewMut::new(&mut values, [self.groups(loss), 1, 1]).unwrap();
        let accumulate = self.before.is_some();
        let into = |memory, scale| Gradient {
            view: ViewMut::new(memory, self.shape).unwrap(),
            scale,
            accumulate,
        };
        let value = match loss {
            Loss::Psnr(options) => {
                let operands = Operands {
                    input,
                    target,
                    auxiliary: None,
                    weight,
                    ignore: None,
                };
                let gradients = Gradients {
                    input: Some(into(&mut first, SCALES[0])),
                    target: Some(into(&mut second, SCALES[1])),
                };
                evaluate_psnr(options, &operands, Some(of_values), gradients)
            }
            Loss::Variation(options, space) => total_variation::evaluate(
                options,
                *space,
                &input,
                weight.as_ref(),
                Some(of_values),
                Some(into(&mut first, SCALES[0])),
            ),
        };
        [vec![value.unwrap()], values, first, second]
    }

    fn check(&self, build: Build, loss: &Loss) -> Result<(), String> {
        let (kind, real) = (self.kind, self.kind.real());
        let mut device = Device::new(self.vector);
        let destination = |device: &mut Device, scale| Destination {
            memory: match &self.before {
                Some(before) => device.tensor(real, before),
                None => device.output(real, self.input.len()),
            },
            scale,
            accumulate: self.before.is_some(),
        };
        let [first, second] = SCALES.map(|scale| destination(&mut device, scale));
        let value = device.output(real, 1);
        let values = device.output(real, self.groups(loss));
        let [input, target] = [&self.input, &self.target].map(|x| device.tensor(kind, x));
        let weight = self.weight.as_ref().map(|(numbers, shape)| Weight {
            memory: device.tensor(real, numbers),
            shape: *shape,
        });
        let results = Results {
            value: Some(value),
            values: Some(values),
            gradient: Some(first),
            target_gradient: Some(second),
        };
        let (dtype, shape) = (kind.dtype(), self.shape);
        let sequence = match loss {
            Loss::Psnr(options) => psnr::sequence(
                GRID,
                &psnr::Call {
                    options,
                    dtype,
                    shape,
                    input,
                    target,
                    weight,
                    results,
                },
            ),
            Loss::Variation(options, space) => variation::sequence(
                GRID,
                &variation::Call {
                    options,
                    dtype,
                    planes: [shape[0], shape[1]],
                    space: *space,
                    input,
                    weight,
                    results,
                },
            ),
        };
        device.queue(&sequence.unwrap());
        let buffers = device.settle(build)?;
        let found: [(&str, Buffer); 4] = [
            ("value", value),
            ("values", values),
            ("gradient", first.memory),
            ("target gradient", second.memory),
        ];
        for ((what, buffer), expected) in found.into_iter().zip(self.on_cpu(loss)) {
            let found = contents(&buffers, buffer, real);
            compare(what, (kind, real), &found, &expected)?;
        }
        Ok(())
    }

    fn check_all(&self, loss: &Loss) {
        for dialect in DIALECTS {
            if (dialect == Dialect::Cuda || self.kind != Kind::F64)
                && let Err(message) = self.check(Build::plain(dialect, KERNELS), loss)
            {
                let of = match loss {
                    Loss::Psnr(options) => format!("{options:?}"),
                    Loss::Variation(options, space) => format!("{options:?} {space:?}"),
                };
                panic!(
                    "{of} {dialect:?} {:?} {:?}: {message}",
                    self.kind, self.shape
                );
            }
        }
    }
}

fn ratios() -> Vec<PsnrOptions> {
    let mut all = Vec::new();
    for pooling in [PsnrPooling::Image, PsnrPooling::Batch] {
        for (normalizer, reduction) in [
            (Normalizer::Elements, Reduction::Mean),
            (Normalizer::Weights, Reduction::Sum),
            (Normalizer::Positives, Reduction::None),
        ] {
            all.push(PsnrOptions {
                data_range: 2.0,
                eps: 1e-3,
                pooling,
                normalizer,
                reduction,
            });
        }
    }
    all
}

fn variations() -> Vec<total_variation::Options> {
    use VariationNorm::{Anisotropic, Isotropic, Root, Squared};
    let mut all = Vec::new();
    for norm in [Anisotropic, Isotropic, Squared, Root] {
        for (scale, reduction) in [
            (VariationScale::Differences, Reduction::Mean),
            (VariationScale::Total, Reduction::None),
        ] {
            all.push(total_variation::Options {
                norm,
                eps: 0.01,
                scale,
                reduction,
            });
        }
    }
    all
}

#[test]
fn emulator_psnr() {
    if !has_compiler() {
        return;
    }
    for kind in KINDS {
        for options in ratios() {
            let loss = Loss::Psnr(options);
            for shape in [[2, 3, 37], [3, 1, 1], [1, 2, 1024]] {
                Call::new(kind, shape).check_all(&loss);
                Call::new(kind, shape).weighted().check_all(&loss);
            }
            let aligned = |call| Call {
                vector: true,
                ..call
            };
            aligned(Call::new(kind, [2, 3, 40])).check_all(&loss);
            aligned(Call::new(kind, [2, 3, 40]).weighted()).check_all(&loss);
        }
    }
}

/// Equal images, with an epsilon: no slope, though its factor is large.
#[test]
fn emulator_psnr_of_equal_images() {
    if !has_compiler() {
        return;
    }
    let mut call = Call::new(Kind::F32, [2, 2, 30]);
    call.target.clone_from(&call.input);
    for eps in [0.0, 1e-8] {
        let options = PsnrOptions {
            data_range: 1.0,
            eps,
            pooling: PsnrPooling::Image,
            normalizer: Normalizer::Elements,
            reduction: Reduction::Mean,
        };
        call.check_all(&Loss::Psnr(options));
    }
}

#[test]
fn emulator_variation() {
    if !has_compiler() {
        return;
    }
    for kind in KINDS {
        for options in variations() {
            for space in [[1, 1, 50], [1, 7, 9], [3, 4, 5], [1, 1, 1], [2, 1, 1]] {
                let shape = [2, 3, space.iter().product()];
                let loss = Loss::Variation(options, space);
                Call::new(kind, shape).check_all(&loss);
                Call::new(kind, shape).weighted().check_all(&loss);
            }
        }
    }
}

/// A flat image has no slope.
#[test]
fn emulator_variation_of_flat_images() {
    if !has_compiler() {
        return;
    }
    let mut call = Call::new(Kind::F32, [2, 1, 42]);
    call.input.fill(0.5);
    for options in variations() {
        let options = total_variation::Options {
            eps: 0.0,
            ..options
        };
        call.check_all(&Loss::Variation(options, [1, 6, 7]));
    }
}

#[test]
fn emulator_sanitized_items() {
    if !has_compiler() {
        return;
    }
    for dialect in DIALECTS {
        let build = Build::sanitized(dialect, KERNELS);
        for kind in [Kind::F32, Kind::F16] {
            for vector in [false, true] {
                let call = Call {
                    vector,
                    ..Call::new(kind, [2, 2, 24]).weighted()
                };
                let psnr = ratios().into_iter().map(Loss::Psnr);
                let of_space = |options| Loss::Variation(options, [2, 3, 4]);
                for loss in psnr.chain(variations().into_iter().map(of_space)) {
                    assert_eq!(call.check(build, &loss), Ok(()));
                }
            }
        }
    }
}

#[test]
fn emulator_catches_a_neighbour_that_is_not_there() {
    if !has_compiler() {
        return;
    }
    let mutation = Mutation {
        file: "total_variation/math.h",
        from: "bool has_behind = plane % call.depth + 1 < call.depth;",
        to: "bool has_behind = plane % call.depth < call.depth;",
    };
    let build = Build::sanitized(Dialect::Cuda, KERNELS).mutated(mutation);
    let loss = Loss::Variation(variations()[0], [2, 3, 4]);
    let found = Call::new(Kind::F32, [2, 2, 24]).check(build, &loss);
    assert!(found.unwrap_err().contains("heap-buffer-overflow"));
}
