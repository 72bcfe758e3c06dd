//! Adversarial losses: two sides, of one or two formulas each.

use cvloss_kernels::adversarial::{
    self, GanForm, GanLabels, GanSide, LogitGradients, Logits, Pairing, Plan,
};
use cvloss_kernels::device::Formula;
use cvloss_kernels::{Gradient, Reduction, ViewMut};

use super::{Call, KERNELS, KINDS, Operand, SCALE};
use crate::device::{Kind, Tensor, compare, contents};
use crate::numbers::Source;
use crate::program::{Build, DIALECTS, Dialect, has_compiler};

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
