//! Random shapes and options, from fixed seeds.

#[path = "properties/games.rs"]
mod games;
#[path = "properties/pairs.rs"]
mod pairs;

use anyhow::{Result, ensure};
use candle_core::{DType, Device, Tensor};
use cvloss::{
    Absent, Activation, Average, BceLoss, ClassAverage, Classes, CrossEntropyLoss, DiceCeLoss,
    DiceForm, DiceLoss, FocalLoss, Intersection, JaccardLoss, Loss, Normalizer, Pooling, Reduction,
    Region, Smooth, SoftTargets, SoftmaxFocalLoss, Transform, TverskyLoss, VolumeWeight,
};
use cvloss_testkit::cases::{Case, Known};
use cvloss_testkit::checks;
use cvloss_testkit::compare::numbers;
use cvloss_testkit::sample::{Kind, Spec};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// Runs `check` on random values, the same ones each time.
fn run<S: Strategy>(strategy: S, check: impl Fn(S::Value) -> Result<()>) -> Result<()>
where
    S::Value: std::fmt::Debug + Send + Sync + 'static,
{
    let config = Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let check = |value| check(value).map_err(|error| TestCaseError::fail(format!("{error:#}")));
    Ok(runner.run(&strategy, check)?)
}

/// The checks that random cases pass.
fn check(case: &Case) -> Result<()> {
    checks::composed(case)?;
    checks::tape(case)?;
    checks::layouts(case)?;
    checks::permutation(case)?;
    checks::threads(case)?;
    checks::unit_weight(case)
}

/// (N, C, *) with one to three axes of space, or none.
fn shapes(classes: std::ops::Range<usize>) -> impl Strategy<Value = Vec<usize>> {
    (1..4usize, classes, prop::collection::vec(1..9usize, 0..4)).prop_map(
        |(items, classes, space)| {
            let mut shape = vec![items, classes];
            shape.extend(space);
            shape
        },
    )
}

fn reductions() -> impl Strategy<Value = Reduction> {
    prop::sample::select(vec![Reduction::None, Reduction::Sum, Reduction::Mean])
}

fn normalizers() -> impl Strategy<Value = Normalizer> {
    prop::sample::select(vec![
        Normalizer::Elements,
        Normalizer::Weights,
        Normalizer::Positives,
    ])
}

/// Weights for each of so many classes, or none.
fn class_weights(classes: usize) -> impl Strategy<Value = Option<Vec<f64>>> {
    prop::option::of(prop::collection::vec(0.1..3.0, classes))
}

fn spec(kind: Kind, shape: Vec<usize>, is_weighted: bool, ignored: Option<i64>) -> Spec {
    let spec = Spec {
        ignored,
        ..Spec::new(kind, &shape)
    };
    if is_weighted { spec.weighted() } else { spec }
}

#[test]
fn cross_entropy() -> Result<()> {
    let options = (
        reductions(),
        normalizers(),
        0.0..0.5,
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    let weighted = shapes(2..7).prop_flat_map(|shape| {
        let weights = class_weights(shape[1]);
        (Just(shape), weights)
    });
    run(
        (weighted, options),
        |(
            (shape, class_weights),
            (reduction, normalizer, smoothing, is_smooth, is_soft, is_weighted),
        )| {
            let label_smoothing = if is_smooth { smoothing } else { 0.0 };
            let kind = if is_soft {
                Kind::Distribution
            } else {
                Kind::Classes
            };
            let ignored = (!is_soft).then_some(-100);
            let loss = CrossEntropyLoss {
                class_weights,
                label_smoothing,
                normalizer,
                reduction,
                ..Default::default()
            };
            check(&Case::new(
                "random",
                spec(kind, shape, is_weighted, ignored),
                loss,
            ))
        },
    )
}

#[test]
fn softmax_focal() -> Result<()> {
    let options = (
        shapes(2..7),
        reductions(),
        normalizers(),
        0.0..4.0,
        any::<bool>(),
    );
    run(
        options,
        |(shape, reduction, normalizer, gamma, is_weighted)| {
            let loss = SoftmaxFocalLoss {
                gamma,
                normalizer,
                reduction,
                ..Default::default()
            };
            check(&Case::new(
                "random",
                spec(Kind::Classes, shape, is_weighted, Some(-100)),
                loss,
            ))
        },
    )
}

#[test]
fn focal() -> Result<()> {
    let soft = prop::sample::select(vec![SoftTargets::Mixture, SoftTargets::Linear]);
    let alpha = prop::option::of(0.0..1.0);
    let options = (
        shapes(1..5),
        reductions(),
        normalizers(),
        0.0..4.0,
        soft,
        alpha,
        any::<bool>(),
    );
    run(
        options,
        |(shape, reduction, normalizer, gamma, soft_targets, alpha, is_weighted)| {
            let ignore_index = Some(255.0);
            let loss = FocalLoss {
                alpha,
                gamma,
                soft_targets,
                ignore_index,
                normalizer,
                reduction,
                pos_weight: None,
            };
            check(&Case::new(
                "random",
                spec(Kind::SoftBinary, shape, is_weighted, Some(255)),
                loss,
            ))
        },
    )
}

fn regions(classes: usize) -> impl Strategy<Value = Region> {
    let activation = prop::sample::select(vec![Activation::Softmax, Activation::Sigmoid]);
    let pooling = prop::sample::select(vec![Pooling::Image, Pooling::Batch]);
    let average = prop::sample::select(vec![Average::Macro, Average::Micro]);
    let absent = prop::sample::select(vec![Absent::Count, Absent::Skip, Absent::Zero]);
    let chosen = prop::sample::select(vec![
        Classes::All,
        Classes::Foreground,
        Classes::Listed(vec![classes - 1]),
    ]);
    let class_average = prop::sample::select(vec![ClassAverage::Count, ClassAverage::Weights]);
    let smooth = (1e-3..2.0, 1e-3..2.0);
    let policies = (activation, pooling, average, absent, chosen, class_average);
    (policies, class_weights(classes), smooth, reductions()).prop_map(
        |(policies, class_weights, smooth, reduction)| {
            let (activation, pooling, average, absent, classes, class_average) = policies;
            let smooth = Smooth {
                numerator: smooth.0,
                denominator: smooth.1,
                floor: 0.0,
            };
            let intersection = Intersection::Product;
            let ignore_index = Some(-100);
            Region {
                activation,
                pooling,
                average,
                intersection,
                smooth,
                absent,
                classes,
                class_weights,
                class_average,
                ignore_index,
                reduction,
            }
        },
    )
}

/// A random region, and inputs for it.
fn region_cases() -> impl Strategy<Value = (Spec, Region)> {
    let strategy = shapes(2..6).prop_flat_map(|shape| {
        let region = regions(shape[1]);
        (
            Just(shape),
            region,
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
        )
    });
    strategy.prop_map(|(shape, region, is_soft, is_weighted, lacks_classes)| {
        let kind = if is_soft {
            Kind::Distribution
        } else {
            Kind::Classes
        };
        let spec = spec(kind, shape, is_weighted, (!is_soft).then_some(-100));
        (
            Spec {
                lacks_classes,
                ..spec
            },
            region,
        )
    })
}

fn check_region<L: Known>(spec: Spec, loss: L) -> Result<()> {
    let case = Case::new("random", spec, loss);
    check(&case)?;
    checks::gradient(&case)?;
    checks::pooled(&case)
}

#[test]
fn dice() -> Result<()> {
    let form = prop::sample::select(vec![
        DiceForm::Plain,
        DiceForm::Squared,
        DiceForm::Generalized(VolumeWeight::Square),
        DiceForm::Generalized(VolumeWeight::Simple),
    ]);
    let transform = prop::sample::select(vec![
        Transform::Linear,
        Transform::LogCosh,
        Transform::Negative,
    ]);
    run(
        (region_cases(), form, transform),
        |((spec, region), form, transform)| {
            check_region(
                spec,
                DiceLoss {
                    form,
                    transform,
                    region,
                },
            )
        },
    )
}

#[test]
fn tversky() -> Result<()> {
    run(
        (region_cases(), 0.0..1.0, 0.0..1.0),
        |((spec, region), alpha, beta)| {
            check_region(
                spec,
                TverskyLoss {
                    alpha,
                    beta,
                    transform: Transform::Linear,
                    region,
                },
            )
        },
    )
}

#[test]
fn dice_ce() -> Result<()> {
    run(
        (region_cases(), 0.0..0.5),
        |((spec, region), label_smoothing)| {
            let class_weights = region.class_weights.clone();
            let dice = DiceLoss {
                region,
                ..Default::default()
            };
            check_region(
                spec,
                DiceCeLoss {
                    dice,
                    class_weights,
                    label_smoothing,
                    ..Default::default()
                },
            )
        },
    )
}

/// Inputs (2, 3, n) and targets of random size.
fn volumes() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    (1..40usize).prop_flat_map(|n| {
        let numbers = prop::collection::vec(-8.0..8.0, 6 * n);
        (numbers, prop::collection::vec(0.0..1.0, 6 * n))
    })
}

fn tensors((input, target): (Vec<f64>, Vec<f64>)) -> Result<(Tensor, Tensor)> {
    let shape = (2, 3, input.len() / 6);
    let input = Tensor::from_vec(input, shape, &Device::Cpu)?;
    Ok((input, Tensor::from_vec(target, shape, &Device::Cpu)?))
}

fn value(loss: &impl Loss, input: &Tensor, target: &Tensor) -> Result<f64> {
    Ok(loss
        .forward(input, target)?
        .to_dtype(DType::F64)?
        .to_scalar()?)
}

/// Overlap losses of probabilities lie between 0 and 1; with them as the target they are least.
#[test]
fn ranges() -> Result<()> {
    run(volumes(), |drawn| {
        let (input, target) = tensors(drawn)?;
        let target = target.ge(0.5)?.to_dtype(DType::F64)?;
        for value in [
            value(&DiceLoss::binary(), &input, &target)?,
            value(&JaccardLoss::binary(), &input, &target)?,
            value(&TverskyLoss::binary(), &input, &target)?,
        ] {
            ensure!((0.0..=1.0).contains(&value), "{value}");
        }
        for value in [
            value(&BceLoss::default(), &input, &target)?,
            value(&FocalLoss::default(), &input, &target)?,
        ] {
            ensure!(value >= 0.0 && value.is_finite(), "{value}");
        }
        Ok(())
    })
}

/// Swapping foreground and background in logits and targets leaves BCE alone; swapping prediction and target, Dice.
#[test]
fn symmetry() -> Result<()> {
    run(volumes(), |drawn| {
        let (input, target) = tensors(drawn)?;
        let opposite = target.affine(-1.0, 1.0)?;
        let bce = BceLoss::default();
        let (one, other) = (
            value(&bce, &input, &target)?,
            value(&bce, &input.neg()?, &opposite)?,
        );
        ensure!((one - other).abs() <= 1e-12 * one, "{one} and {other}");
        let region = Region {
            activation: Activation::Identity,
            ..Region::default()
        };
        let dice = DiceLoss {
            region,
            ..DiceLoss::default()
        };
        let prediction = input.affine(1.0 / 16.0, 0.5)?;
        let (one, other) = (
            value(&dice, &prediction, &target)?,
            value(&dice, &target, &prediction)?,
        );
        ensure!((one - other).abs() <= 1e-12, "{one} and {other}");
        Ok(())
    })
}

/// A constant added to all logits of a point changes nothing under a softmax; gradients sum to 0 over classes.
#[test]
fn shift_invariance() -> Result<()> {
    run((volumes(), -50.0..50.0), |(drawn, shift)| {
        let (input, _) = tensors(drawn)?;
        let target = input.argmax(1)?;
        for loss in [
            &CrossEntropyLoss::default() as &dyn Loss,
            &SoftmaxFocalLoss::default(),
            &DiceLoss::default(),
        ] {
            let (one, gradient) = loss.value_and_grad(&input, &target)?;
            let (other, _) = loss.value_and_grad(&(&input + shift)?, &target)?;
            let (one, other) = (numbers(&one)?[0], numbers(&other)?[0]);
            ensure!(
                (one - other).abs() <= 1e-10,
                "{}: {one} and {other}",
                loss.name()
            );
            let largest = numbers(&gradient.sum(1)?)?
                .into_iter()
                .fold(0.0, |a: f64, b| a.max(b.abs()));
            ensure!(
                largest <= 1e-14,
                "{}: slopes sum to {largest:e}",
                loss.name()
            );
        }
        Ok(())
    })
}

/// Without focus or weights, focal losses are cross-entropies; Tversky with halves is Dice, with ones Jaccard.
#[test]
fn special_cases() -> Result<()> {
    run(volumes(), |drawn| {
        let (input, target) = tensors(drawn)?;
        let same = |a: &dyn Loss, b: &dyn Loss, target: &Tensor| -> Result<()> {
            let (one, other) = (a.forward(&input, target)?, b.forward(&input, target)?);
            cvloss_testkit::compare::assert_close(&one, &other, 1e-12)
        };
        let focal = FocalLoss {
            alpha: None,
            gamma: 0.0,
            ..Default::default()
        };
        same(&focal, &BceLoss::default(), &target)?;
        let labels = input.argmin(1)?;
        let focal = SoftmaxFocalLoss {
            gamma: 0.0,
            ..Default::default()
        };
        same(&focal, &CrossEntropyLoss::default(), &labels)?;
        let smooth = Smooth {
            numerator: 0.5e-5,
            denominator: 0.5e-5,
            floor: 0.0,
        };
        let region = Region {
            smooth,
            ..Region::default()
        };
        same(
            &TverskyLoss {
                region,
                ..Default::default()
            },
            &DiceLoss::default(),
            &labels,
        )?;
        let ones = TverskyLoss {
            alpha: 1.0,
            beta: 1.0,
            ..Default::default()
        };
        same(&ones, &JaccardLoss::default(), &labels)
    })
}
