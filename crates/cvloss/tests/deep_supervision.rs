//! Deep supervision: a weighted sum over scales, of targets brought to each.

use anyhow::{Result, ensure};
use candle_core::{DType, Device, Tensor, Var};
use cvloss::{CrossEntropyLoss, DeepSupervision, DiceLoss, Loss, Reduction, ScaleWeights};

fn logits(height: usize, width: usize) -> Result<Tensor> {
    let count = 2 * 3 * height * width;
    let numbers: Vec<f64> = (0..count)
        .map(|i| ((i * 37 % 101) as f64 - 50.0) / 20.0)
        .collect();
    Ok(Tensor::from_vec(
        numbers,
        (2, 3, height, width),
        &Device::Cpu,
    )?)
}

fn labels() -> Result<Tensor> {
    let labels: Vec<u8> = (0..2 * 5 * 7).map(|i| (i * 11 % 3) as u8).collect();
    Ok(Tensor::from_vec(labels, (2, 5, 7), &Device::Cpu)?)
}

/// What torch's "nearest-exact" takes: rows 1 and 3 of 5; columns 1, 3 and 5 of 7; and each twice but the last, from 5 to 9.
fn at(rows: &[u32], columns: &[u32]) -> Result<Tensor> {
    let index = |numbers: &[u32]| Tensor::new(numbers, &Device::Cpu);
    let rows = labels()?.index_select(&index(rows)?, 1)?;
    Ok(rows.index_select(&index(columns)?, 2)?)
}

fn scalar(tensor: &Tensor) -> Result<f64> {
    Ok(tensor.to_scalar::<f64>()?)
}

#[test]
fn is_the_weighted_sum() -> Result<()> {
    let inputs = [logits(5, 7)?, logits(2, 3)?, logits(9, 7)?];
    let targets = [
        labels()?,
        at(&[1, 3], &[1, 3, 5])?,
        at(&[0, 0, 1, 1, 2, 3, 3, 4, 4], &[0, 1, 2, 3, 4, 5, 6])?,
    ];
    for (weights, expected) in [
        (ScaleWeights::Halving, [1.0, 0.5, 0.25]),
        (ScaleWeights::Same, [1.0; 3]),
        (ScaleWeights::Half, [1.0, 0.5, 0.5]),
        (
            ScaleWeights::Listed(vec![0.2, 3.0, -1.0, 9.0]),
            [0.2, 3.0, -1.0],
        ),
    ] {
        let deep = DeepSupervision {
            loss: DiceLoss::default(),
            weights,
        };
        let mut sum = 0.0;
        let mut slopes = Vec::new();
        for ((input, target), weight) in inputs.iter().zip(&targets).zip(expected) {
            let (value, gradient) = deep.loss.value_and_grad(input, target)?;
            sum += weight * scalar(&value)?;
            slopes.push((gradient * weight)?);
        }
        let (value, gradients) = deep.value_and_grads(&inputs, &labels()?)?;
        ensure!((scalar(&value)? - sum).abs() < 1e-12, "{:?}", deep.weights);
        let vars: Vec<_> = inputs
            .iter()
            .map(Var::from_tensor)
            .collect::<Result<_, _>>()?;
        let tracked: Vec<_> = vars.iter().map(|var| var.as_tensor().clone()).collect();
        let taped = deep.forward(&tracked, &labels()?)?;
        ensure!(
            (scalar(&taped)? - sum).abs() < 1e-12,
            "{:?} on the tape",
            deep.weights
        );
        let store = taped.backward()?;
        for ((gradient, slopes), var) in gradients.iter().zip(&slopes).zip(&vars) {
            let on_tape = store
                .get(var)
                .ok_or_else(|| anyhow::anyhow!("no gradient"))?;
            for found in [gradient, on_tape] {
                let apart = (found - slopes)?.abs()?.max_all()?;
                ensure!(scalar(&apart)? < 1e-15, "gradients of {:?}", deep.weights);
            }
        }
    }
    Ok(())
}

#[test]
fn masks_are_resized_too() -> Result<()> {
    let deep = DeepSupervision::new(CrossEntropyLoss::default());
    let mut mask = vec![1f64; 2 * 5 * 7];
    mask[7 + 1] = 0.0; // row 1, column 1 of the first image: kept at both scales
    let mask = Tensor::from_vec(mask, (2, 5, 7), &Device::Cpu)?;
    let small = Tensor::new(
        &[0f64, 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.],
        &Device::Cpu,
    )?;
    let small = small.reshape((2, 2, 3))?;
    let inputs = [logits(5, 7)?, logits(2, 3)?];
    let value = deep.forward_weighted(&inputs, &labels()?, &mask)?;
    let fine = deep.loss.forward_weighted(&inputs[0], &labels()?, &mask)?;
    let coarse = deep
        .loss
        .forward_weighted(&inputs[1], &at(&[1, 3], &[1, 3, 5])?, &small)?;
    let expected = scalar(&fine)? + 0.5 * scalar(&coarse)?;
    ensure!((scalar(&value)? - expected).abs() < 1e-12);
    Ok(())
}

#[test]
fn refuses() -> Result<()> {
    let words = |result: cvloss::Result<Tensor>| match result {
        Ok(value) => Err(anyhow::anyhow!("{value}")),
        Err(error) => Ok(error.to_string()),
    };
    let plain = DeepSupervision::new(CrossEntropyLoss::default());
    ensure!(words(plain.forward(&[], &labels()?))?.contains("there is no input"));
    let short = DeepSupervision {
        weights: ScaleWeights::Listed(vec![1.0]),
        ..plain.clone()
    };
    let inputs = [logits(5, 7)?, logits(2, 3)?];
    ensure!(words(short.forward(&inputs, &labels()?))?.contains("expected 2 finite numbers"));
    let loss = CrossEntropyLoss {
        reduction: Reduction::None,
        ..plain.loss.clone()
    };
    let none = DeepSupervision::new(loss);
    ensure!(words(none.forward(&inputs, &labels()?))?.contains("do not add up"));
    let flat = Tensor::zeros(3, DType::U8, &Device::Cpu)?;
    ensure!(words(plain.forward(&inputs, &flat))?.contains("target has shape"));
    Ok(())
}

/// As every configuration: the test crate turns the feature `serde` on.
#[test]
fn is_serializable() -> Result<()> {
    let deep = DeepSupervision {
        loss: DiceLoss::smp(),
        weights: ScaleWeights::Listed(vec![0.2, 3.0]),
    };
    let text = serde_json::to_string(&deep)?;
    ensure!(
        serde_json::from_str::<DeepSupervision<DiceLoss>>(&text)? == deep,
        "{text}"
    );
    Ok(())
}
