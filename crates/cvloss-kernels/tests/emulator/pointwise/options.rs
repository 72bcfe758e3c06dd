//! Every option of the loop, and the numbers at its edges.

use cvloss_kernels::focal::SoftTargets;
use cvloss_kernels::pixel::Penalty;
use cvloss_kernels::{Normalizer, Reduction};

use super::{Call, KINDS, Loss};
use crate::device::Kind;
use crate::numbers::Source;
use crate::program::has_compiler;

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
