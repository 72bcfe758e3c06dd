//! Masks that are empty, full, or of a single point: losses for unequal classes have the documented values.

use anyhow::{Result, ensure};
use candle_core::{DType, Device, Tensor};
use cvloss::{
    Activation, AsymmetricLoss, BalancedBceLoss, GaussianFocalLoss, GhmLoss, GhmRegressionLoss,
    GradientDensity, Inputs, Loss, MccLoss, MinedMean, OhemCrossEntropyLoss, Reduction, SoftF1Loss,
    TopKCrossEntropyLoss, effective_number_weights,
};

const SHAPE: (usize, usize, usize, usize) = (2, 1, 150, 170);

fn logits(channels: usize, dtype: DType) -> Result<Tensor> {
    let (n, _, height, width) = SHAPE;
    let count = n * channels * height * width;
    let numbers: Vec<f64> = (0..count)
        .map(|i| ((i * 7919 % 1009) as f64 - 504.0) / 200.0)
        .collect();
    Ok(Tensor::from_vec(numbers, (n, channels, height, width), &Device::Cpu)?.to_dtype(dtype)?)
}

fn scalar(tensor: &Tensor) -> Result<f64> {
    Ok(tensor.to_dtype(DType::F64)?.to_scalar()?)
}

fn largest(tensor: &Tensor) -> Result<f64> {
    scalar(&tensor.abs()?.flatten_all()?.max(0)?)
}

/// Against an empty or a full mask no correlation is defined: 1, without a gradient, in sums of f32 too.
#[test]
fn mcc_of_constant_masks() -> Result<()> {
    for dtype in [DType::F32, DType::F64] {
        for label in [0u8, 1] {
            let x = logits(1, dtype)?;
            let target = (Tensor::ones(x.shape(), DType::U8, &Device::Cpu)? * f64::from(label))?;
            let (value, gradient) = MccLoss::binary().value_and_grad(&x, &target)?;
            ensure!(
                (scalar(&value)? - 1.0).abs() < 1e-6,
                "sigmoid, {label} in {dtype:?}: {value}"
            );
            ensure!(
                largest(&gradient)? < 1e-6,
                "sigmoid, {label} in {dtype:?}: {}",
                largest(&gradient)?
            );
            let x = logits(2, dtype)?;
            let target = target.squeeze(1)?;
            let (value, gradient) = MccLoss::default().value_and_grad(&x, &target)?;
            ensure!(
                (scalar(&value)? - 1.0).abs() < 1e-6,
                "softmax, {label} in {dtype:?}: {value}"
            );
            ensure!(
                largest(&gradient)? < 1e-6,
                "softmax, {label} in {dtype:?}: {}",
                largest(&gradient)?
            );
        }
    }
    Ok(())
}

/// A prediction that is exactly right costs nothing, whatever the mask.
#[test]
fn right_predictions_cost_nothing() -> Result<()> {
    for positives in [0, 1, 100, 150 * 170] {
        let mut mask = vec![0f32; 150 * 170];
        mask[..positives].fill(1.0);
        let mask = Tensor::from_vec(mask, (1, 1, 150, 170), &Device::Cpu)?;
        let x = mask.affine(400.0, -200.0)?;
        let is_constant = positives == 0 || positives == 150 * 170;
        let mcc = MccLoss::binary().forward(&x, &mask)?;
        // A sigmoid is 1 in the end, but never 0.
        let expected = f64::from(u8::from(positives == 0));
        ensure!(
            (scalar(&mcc)? - expected).abs() < 1e-6,
            "mcc, {positives}: {mcc}"
        );
        let mut exact = MccLoss::binary();
        exact.region.activation = Activation::Identity;
        let mcc = exact.forward(&mask, &mask)?;
        ensure!(
            scalar(&mcc)?.abs() < 1e-6,
            "mcc of probabilities, {positives}: {mcc}"
        );
        for loss in [
            &BalancedBceLoss::default() as &dyn Loss,
            &AsymmetricLoss::default(),
            &GaussianFocalLoss::default(),
            &GhmLoss::default(),
        ] {
            let (value, gradient) = loss.value_and_grad(&x, &mask)?;
            let name = loss.name();
            ensure!(scalar(&value)?.abs() < 1e-6, "{name}, {positives}: {value}");
            ensure!(largest(&gradient)? < 1e-6, "{name}, {positives}");
        }
        // Of a side that is absent the score is 0.
        let f1 = SoftF1Loss::binary().forward(&x, &mask)?;
        let expected = if is_constant { 0.5 } else { 0.0 };
        ensure!(
            (scalar(&f1)? - expected).abs() < 1e-5,
            "soft F1, {positives}: {f1}"
        );
    }
    Ok(())
}

/// Each point's own number tells which were chosen.
#[test]
fn hardest_points_are_chosen() -> Result<()> {
    // −ln p of class 0 falls with its logit.
    let own = [3f64, -2., 0.5, -2., 4., 1.];
    let numbers: Vec<f64> = own.iter().copied().chain([0.0; 6]).collect();
    let x = Tensor::from_vec(numbers, (1, 2, 6), &Device::Cpu)?;
    let target = Tensor::zeros((1, 6), DType::U8, &Device::Cpu)?;
    let chosen = |loss: &dyn Loss, weight: Option<&Tensor>| -> Result<Vec<usize>> {
        let values = match weight {
            Some(weight) => loss.forward_weighted(&x, &target, weight)?,
            None => loss.forward(&x, &target)?,
        };
        let values: Vec<f64> = values.flatten_all()?.to_vec1()?;
        Ok((0..6).filter(|i| values[*i] != 0.0).collect())
    };
    let top = |share| TopKCrossEntropyLoss {
        share,
        reduction: Reduction::None,
        ..TopKCrossEntropyLoss::default()
    };
    // Of two equal points the first comes first; one is kept at least.
    ensure!(chosen(&top(0.0), None)? == [1]);
    ensure!(chosen(&top(0.34), None)? == [1, 3]);
    ensure!(chosen(&top(0.5), None)? == [1, 2, 3]);
    ensure!(chosen(&top(1.0), None)? == [0, 1, 2, 3, 4, 5]);
    // A masked point is no candidate.
    let mask = Tensor::new(&[[1f64, 0., 1., 1., 1., 1.]], &Device::Cpu)?;
    ensure!(chosen(&top(0.4), Some(&mask))? == [2, 3]);
    let ohem = |threshold, min_kept| OhemCrossEntropyLoss {
        threshold,
        min_kept,
        reduction: Reduction::None,
        ..OhemCrossEntropyLoss::default()
    };
    ensure!(chosen(&ohem(0.5, 0), None)? == [1, 3]);
    ensure!(chosen(&ohem(0.7, 0), None)? == [1, 2, 3]);
    ensure!(chosen(&ohem(0.5, 4), None)? == [1, 2, 3, 5]);
    ensure!(chosen(&ohem(0.01, 1), None)? == [1]);
    ensure!(chosen(&ohem(0.01, 0), None)?.is_empty());
    let nothing = OhemCrossEntropyLoss {
        reduction: Reduction::Mean,
        mean: MinedMean::Selected,
        ..ohem(0.01, 0)
    };
    let (value, gradient) = nothing.value_and_grad(&x, &target)?;
    ensure!(scalar(&value)? == 0.0 && largest(&gradient)? == 0.0);
    Ok(())
}

/// NaN is never left out as an easy point, whatever its sign.
#[test]
fn nan_is_hard() -> Result<()> {
    for nan in [f64::NAN, -f64::NAN] {
        let x = Tensor::from_vec(vec![nan, 1., 2., 0., 0., 0.], (1, 2, 3), &Device::Cpu)?;
        let target = Tensor::zeros((1, 3), DType::U8, &Device::Cpu)?;
        let top = TopKCrossEntropyLoss {
            share: 0.5,
            ..TopKCrossEntropyLoss::default()
        };
        let ohem = OhemCrossEntropyLoss {
            threshold: 0.01,
            min_kept: 0,
            ..OhemCrossEntropyLoss::default()
        };
        for loss in [&top as &dyn Loss, &ohem] {
            ensure!(
                scalar(&loss.forward(&x, &target)?)?.is_nan(),
                "{}",
                loss.name()
            );
        }
    }
    Ok(())
}

#[test]
fn densities_run() -> Result<()> {
    let x = Tensor::new(&[-3f32, -3., -3., 2.], &Device::Cpu)?;
    let target = Tensor::new(&[0u8, 0, 0, 0], &Device::Cpu)?;
    let inputs = Inputs {
        input: &x,
        target: &target,
        weight: None,
    };
    let mut loss = GhmLoss::default();
    let mut density = GradientDensity::new(10, 0.75);
    density.update(&loss, &inputs)?;
    let expected = |fill: [f64; 2]| {
        let mut means = vec![0.0; 10];
        (means[0], means[8]) = (fill[0], fill[1]);
        means
    };
    ensure!(
        density.means == expected([0.75, 0.25]),
        "{:?}",
        density.means
    );
    // Masked points do not count, and bins without a point keep their mean.
    let mask = Tensor::new(&[1f32, 0., 1., 0.], &Device::Cpu)?;
    density.update(
        &loss,
        &Inputs {
            weight: Some(&mask),
            ..inputs
        },
    )?;
    ensure!(
        density.means == expected([0.75 * 0.75 + 0.25 * 2.0, 0.25]),
        "{:?}",
        density.means
    );
    let plain = scalar(&loss.forward(&x, &target)?)?;
    loss.densities = Some(expected([1.5, 0.5]));
    ensure!((scalar(&loss.forward(&x, &target)?)? - 2.0 * plain).abs() < 1e-6);
    density.momentum = 1.0;
    ensure!(density.update(&loss, &inputs).is_err());
    Ok(())
}

/// Densities of differences: three next to nothing, and one far above `μ`.
#[test]
fn densities_of_distances_run() -> Result<()> {
    let x = Tensor::new(&[0f32, 0., 0., 2.], &Device::Cpu)?;
    let target = Tensor::new(&[0.001f32, -0.001, 0.001, 0.], &Device::Cpu)?;
    let mask = Tensor::new(&[1f32, 0., 1., 0.], &Device::Cpu)?;
    let inputs = Inputs {
        input: &x,
        target: &target,
        weight: None,
    };
    let mut loss = GhmRegressionLoss::default();
    let mut density = GradientDensity::new(10, 0.75);
    density.update(&loss, &inputs)?;
    density.update(
        &loss,
        &Inputs {
            weight: Some(&mask),
            ..inputs
        },
    )?;
    let mut expected = vec![0.0; 10];
    (expected[0], expected[9]) = (0.75 * 0.75 + 0.25 * 2.0, 0.25);
    ensure!(density.means == expected, "{:?}", density.means);
    // Twice as dense is half the loss.
    let plain = scalar(&loss.forward(&x, &target)?)?;
    let mut twice = vec![0.0; 10];
    (twice[0], twice[9]) = (6.0, 2.0);
    loss.densities = Some(twice);
    ensure!((scalar(&loss.forward(&x, &target)?)? - 0.5 * plain).abs() < 1e-6);
    Ok(())
}

#[test]
fn class_weights() -> Result<()> {
    let weights = effective_number_weights(&[1000.0, 10.0, 0.0], 0.0)?;
    ensure!(weights == [1.0; 3]);
    // Towards 1, weights are as 1/n; an absent class counts as one point.
    let weights = effective_number_weights(&[1000.0, 10.0, 0.0], 1.0 - 1e-12)?;
    ensure!(
        (weights[1] / weights[0] - 100.0).abs() < 1e-3
            && (weights[2] / weights[1] - 10.0).abs() < 1e-3
    );
    ensure!((weights.iter().sum::<f64>() - 3.0).abs() < 1e-12);
    for (counts, beta) in [
        (vec![], 0.5),
        (vec![-1.0], 0.5),
        (vec![f64::NAN], 0.5),
        (vec![1.0], 1.0),
    ] {
        ensure!(effective_number_weights(&counts, beta).is_err());
    }
    Ok(())
}
