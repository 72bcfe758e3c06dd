//! One loss at several scales: which points, which shapes, one buffer.

use anyhow::{Result, ensure};
use candle_core::{DType, Device, Tensor};
use cvloss::{
    CrossEntropyLoss, Inputs, L1Loss, Loss, LossSum, MseLoss, MultiScale, Regularizer,
    ScalePooling, ScaleWeights, TotalVariation, UnevenScale,
};
use cvloss_testkit::compare::{assert_close, numbers};

fn of<L: Loss>(loss: L, factors: &[usize], uneven: UnevenScale) -> MultiScale<L> {
    MultiScale {
        factors: factors.to_vec(),
        uneven,
        ..MultiScale::new(loss)
    }
}

fn ramp(shape: &[usize]) -> Result<Tensor> {
    let count: usize = shape.iter().product();
    let numbers: Vec<f64> = (0..count).map(|i| (i * 37 % 101) as f64 / 16.0).collect();
    Ok(Tensor::from_vec(numbers, shape, &Device::Cpu)?)
}

/// The labels that count at a scale, found by the loss of a prediction that is sure of class 1 everywhere.
fn picked(len: usize, factor: usize, uneven: UnevenScale) -> Result<Vec<usize>> {
    let x = Tensor::new(&[-100f64, 100.], &Device::Cpu)?.reshape((1, 2, 1))?;
    let x = x.broadcast_as((1, 2, len))?;
    let mut picked = Vec::new();
    for at in 0..len {
        let labels: Vec<u8> = (0..len).map(|i| u8::from(i != at)).collect();
        let labels = Tensor::from_vec(labels, (1, len), &Device::Cpu)?;
        let value = of(CrossEntropyLoss::default(), &[factor], uneven).forward(&x, &labels)?;
        if value.to_scalar::<f64>()? > 1.0 {
            picked.push(at);
        }
    }
    Ok(picked)
}

#[test]
fn labels_are_those_in_the_middle() -> Result<()> {
    let (refuse, drop, small) = (
        UnevenScale::Refuse,
        UnevenScale::DropRest,
        UnevenScale::SmallCell,
    );
    ensure!(picked(8, 2, refuse)? == [1, 3, 5, 7]);
    ensure!(picked(9, 3, refuse)? == [1, 4, 7]);
    ensure!(picked(8, 4, refuse)? == [2, 6]);
    ensure!(picked(10, 4, drop)? == [2, 6]);
    // The last cell has 8 and 9, then 8 alone.
    ensure!(picked(10, 4, small)? == [2, 6, 9]);
    ensure!(picked(9, 4, small)? == [2, 6, 8]);
    ensure!(picked(3, 4, small)? == [1]);
    Ok(())
}

/// An ignored label counts where it is in the middle of a cell, and nowhere else.
#[test]
fn ignored_points_are_those_in_the_middle() -> Result<()> {
    let x = ramp(&[1, 3, 4])?;
    let loss = of(CrossEntropyLoss::default(), &[2], UnevenScale::Refuse);
    let value = |labels: [i64; 4]| -> Result<f64> {
        let labels = Tensor::new(&[labels], &Device::Cpu)?;
        Ok(loss.forward(&x, &labels)?.to_scalar()?)
    };
    ensure!(value([-100, 1, -100, 2])? == value([0, 1, 0, 2])?);
    ensure!(value([0, -100, 0, -100])? == 0.0);
    Ok(())
}

/// Images: means of cells, by hand, and both gradients.
#[test]
fn images_have_both_gradients() -> Result<()> {
    let (x, t) = (ramp(&[1, 2, 5, 7])?, (ramp(&[1, 2, 5, 7])? * 0.3)?);
    let loss = MultiScale {
        weights: ScaleWeights::Listed(vec![2.0]),
        ..of(MseLoss::default(), &[3], UnevenScale::SmallCell)
    };
    let inputs = Inputs {
        input: &x,
        target: &t,
        weight: None,
    };
    let (value, gradient, slopes) = loss.value_and_grads(&inputs)?;
    let (d, mut expected, mut sum) = (numbers(&(&x - &t)?)?, vec![0.0; 70], 0.0);
    let cells = (0..2).flat_map(|c| (0..2).flat_map(move |y| (0..3).map(move |x| (c, y, x))));
    for (c, y, x) in cells {
        let points: Vec<usize> = (3 * y..5.min(3 * y + 3))
            .flat_map(|row| (3 * x..7.min(3 * x + 3)).map(move |at| c * 35 + row * 7 + at))
            .collect();
        let mean = points.iter().map(|at| d[*at]).sum::<f64>() / points.len() as f64;
        sum += 2.0 * mean * mean / 12.0;
        for at in &points {
            expected[*at] = 2.0 * 2.0 * mean / 12.0 / points.len() as f64;
        }
    }
    let expected = Tensor::from_vec(expected, x.shape(), &Device::Cpu)?;
    ensure!((value.to_scalar::<f64>()? - sum).abs() < 1e-12);
    assert_close(&gradient, &expected, 1e-12)?;
    assert_close(&slopes, &expected.neg()?, 1e-12)?;
    // A target that is picked has none.
    let nearest = MultiScale {
        pooling: ScalePooling::Nearest,
        ..loss
    };
    ensure!(!nearest.differentiates_target() && nearest.value_and_grads(&inputs).is_err());
    Ok(())
}

/// It is a term like others, and takes a loss without a target.
#[test]
fn enters_a_sum() -> Result<()> {
    let (x, t) = (ramp(&[2, 1, 4, 6])?, ramp(&[2, 1, 4, 6])?.affine(0.5, 0.1)?);
    let scales = || of(L1Loss::default(), &[1, 2], UnevenScale::Refuse);
    let smooth = of(
        TotalVariation::default().into_loss(),
        &[2],
        UnevenScale::Refuse,
    );
    let sum = LossSum::new()
        .term("l1", 1.0, L1Loss::default())
        .term("scales", -0.5, scales())
        .term("smooth", 3.0, smooth.clone());
    let (value, gradient) = sum.value_and_grad(&x, &t)?;
    let (a, of_a) = L1Loss::default().value_and_grad(&x, &t)?;
    let (b, of_b) = scales().value_and_grad(&x, &t)?;
    let (c, of_c) = smooth.value_and_grad(&x, &t)?;
    assert_close(&value, &((a - (b * 0.5)?)? + (c * 3.0)?)?, 1e-12)?;
    assert_close(
        &gradient,
        &((of_a - (of_b * 0.5)?)? + (of_c * 3.0)?)?,
        1e-12,
    )?;
    Ok(())
}

#[test]
fn other_extents_are_refused() -> Result<()> {
    let loss = of(CrossEntropyLoss::default(), &[2], UnevenScale::DropRest);
    let labels = |shape: &[usize]| Tensor::zeros(shape, DType::U8, &Device::Cpu);
    let x = ramp(&[2, 3, 4, 5])?;
    let words = |result: cvloss::Result<Tensor>| match result {
        Ok(value) => format!("has value {value}"),
        Err(error) => error.to_string(),
    };
    // Pooled, 4 by 4 would fit 4 by 5.
    for shape in [&[2usize, 4, 4][..], &[2, 2, 2], &[2], &[4, 5, 2]] {
        let message = words(loss.forward(&x, &labels(shape)?));
        ensure!(
            message.contains("multi_scale: target has shape"),
            "{message}"
        );
    }
    let weight = Tensor::ones((2, 4, 4), DType::F64, &Device::Cpu)?;
    let message = words(loss.forward_weighted(&x, &labels(&[2, 4, 5])?, &weight));
    ensure!(
        message.contains("multi_scale: weight has shape"),
        "{message}"
    );
    let message = words(loss.forward(&ramp(&[7, 3])?, &labels(&[7])?));
    ensure!(
        message.contains("multi_scale: input has shape"),
        "{message}"
    );
    let message = words(loss.forward(&x.to_dtype(DType::U8)?, &labels(&[2, 4, 5])?));
    ensure!(
        message.contains("multi_scale: input has dtype"),
        "{message}"
    );
    Ok(())
}
