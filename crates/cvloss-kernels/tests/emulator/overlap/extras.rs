//! Losses of pixels or elements that ride along with a region loss.

use cvloss_kernels::Reduction;
use cvloss_kernels::region::{Activation, Extra, Options, Pooling};

use super::{Call, KINDS, RIDING, Target, calls, options};
use crate::device::{Kind, compare};
use crate::labels::Labels;
use crate::numbers::Source;
use crate::program::{Build, DIALECTS, Dialect, Mutation, has_compiler};

/// Everything that rides along over this activation, for class indices or soft targets of 5 classes.
fn extras(activation: Activation, target: &Target) -> Vec<Extra> {
    let is_softmax = activation == Activation::Softmax;
    let mut all = Vec::new();
    for class_weights in [None, Some(vec![1.0, 0.5, 2.0, 3.0, 0.25])] {
        for label_smoothing in [0.0, 0.2] {
            all.push(Extra::CrossEntropy {
                weight: 0.7,
                class_weights: class_weights.clone(),
                label_smoothing,
            });
        }
    }
    if !is_softmax || matches!(target, Target::Labels(_)) {
        for (alpha, gamma) in [(None, 2.0), (Some(0.3), 1.5), (Some(0.6), 0.0)] {
            all.push(Extra::Focal {
                weight: 1.5,
                alpha,
                gamma,
            });
        }
    }
    if !is_softmax {
        all.push(Extra::BalancedBce {
            weight: 2.0,
            beta: 0.3,
        });
    }
    all
}

/// A loss of pixels or elements on top.
#[test]
fn emulator_overlap_extras() {
    if !has_compiler() {
        return;
    }
    let shape = [3, 5, 40];
    let weight = Kind::F32.rounded(&Source::new(8).many(120, -0.5, 2.0));
    let weight: Vec<_> = weight.iter().map(|w| w.max(0.0)).collect();
    for kind in KINDS {
        for activation in [Activation::Softmax, Activation::Sigmoid] {
            for (k, call) in calls(kind, shape, activation).into_iter().enumerate() {
                let before = kind.rounded(&Source::new(9).many(call.input.len(), -0.1, 0.1));
                let masked = Call {
                    weight: Some(weight.clone()),
                    before: Some(before),
                    ignore: Some(1),
                    ..call.clone()
                };
                for (j, extra) in extras(activation, &call.target).into_iter().enumerate() {
                    let plain = Options {
                        extra,
                        weight: 0.8,
                        ..options(activation)
                    };
                    call.check_all(&plain);
                    let reductions = [Reduction::Mean, Reduction::Sum, Reduction::None];
                    let other = Options {
                        reduction: reductions[(j + k) % 3],
                        pooling: [Pooling::Image, Pooling::Batch][j % 2],
                        squared: k % 2 == 0,
                        ..plain
                    };
                    masked.check_all(&other);
                }
            }
        }
    }
}

/// A confident pixel keeps its digits, and a single channel is class 1 against class 0.
#[test]
fn emulator_overlap_extras_of_confident_and_single_channels() {
    if !has_compiler() {
        return;
    }
    let extra = Extra::CrossEntropy {
        weight: 1.0,
        class_weights: None,
        label_smoothing: 0.0,
    };
    // Alone, since one less a score has no digits here.
    let of = |activation| Options {
        extra: extra.clone(),
        weight: 0.0,
        ..options(activation)
    };
    for kind in KINDS {
        let mut call = Call::new(kind, [1, 2, 24]);
        if let Target::Labels(Labels::I64(labels)) = &call.target {
            for (s, label) in labels.iter().enumerate() {
                call.input[s] = if *label == 0 { 18.0 } else { -2.0 };
                call.input[24 + s] = if *label == 0 { -2.0 } else { 18.0 };
            }
        }
        // The value alone: the gradient has digits that the CPU's has not.
        let options = of(Activation::Softmax);
        let (expected, _, _) = call.on_cpu(&options);
        for dialect in DIALECTS {
            if dialect == Dialect::Cuda || kind != Kind::F64 {
                let (found, _, _) = call.run(Build::plain(dialect, RIDING), &options).unwrap();
                compare("value", (kind, kind.real()), &[found], &[expected]).unwrap();
            }
        }
        Call::new(kind, [2, 1, 19]).check_all(&of(Activation::Sigmoid));
    }
}

#[test]
fn emulator_sanitized_overlap_extras() {
    if !has_compiler() {
        return;
    }
    for dialect in DIALECTS {
        let build = Build::sanitized(dialect, RIDING);
        for activation in [Activation::Softmax, Activation::Sigmoid] {
            for kind in [Kind::F32, Kind::F16] {
                for call in calls(kind, [2, 5, 40], activation) {
                    let call = Call {
                        weight: Some(vec![0.5; 80]),
                        ..call
                    };
                    for extra in extras(activation, &call.target) {
                        let options = Options {
                            extra,
                            ..options(activation)
                        };
                        assert_eq!(call.check(build, &options), Ok(()), "{options:?}");
                    }
                }
            }
        }
        let mut call = Call::new(Kind::F32, [2, 5, 40]);
        if let Target::Labels(Labels::I64(labels)) = &mut call.target {
            labels[3] = 5;
        }
        for extra in extras(Activation::Softmax, &call.target) {
            let options = Options {
                extra,
                ..options(Activation::Softmax)
            };
            let (value, _, _) = call.run(build, &options).unwrap();
            assert!(value.is_nan());
        }
    }
}

#[test]
fn emulator_catches_a_wrong_slope_of_what_rides_along() {
    if !has_compiler() {
        return;
    }
    let mutation = Mutation {
        file: "region/extra.h",
        from: "norms.of[3].at[k] = -(pull * found.q);",
        to: "norms.of[3].at[k] = pull * found.q;",
    };
    let build = Build::plain(Dialect::Metal, RIDING).mutated(mutation);
    let call = Call::new(Kind::F32, [2, 5, 37]);
    let options = Options {
        extra: extras(Activation::Softmax, &call.target).swap_remove(0),
        ..options(Activation::Softmax)
    };
    assert!(
        call.check(build, &options)
            .unwrap_err()
            .contains("gradient")
    );
}
