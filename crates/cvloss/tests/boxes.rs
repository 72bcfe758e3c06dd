//! What is particular to losses of boxes: shapely's polygons, pairwise matrices, and boxes that peers cannot take.

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use cvloss::{
    BoxFormat, Boxes, CiouLoss, GiouLoss, IouForm, IouLoss, Loss, Reduction, RotatedBoxes,
    RotatedIouLoss, pairwise_giou, pairwise_iou,
};
use cvloss_testkit::compare::{assert_close, assert_same_bits, numbers};
use cvloss_testkit::sample::{Kind, Spec};

/// The exact IoU is that of shapely's polygons: to 1e-9 in `f64`, and to 1e-6 in `f32`.
#[test]
fn rotated_iou_is_that_of_polygons() -> Result<()> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/shapely.safetensors"
    );
    let tensors = candle_core::safetensors::load(path, &Device::Cpu)?;
    let loss = RotatedIouLoss {
        boxes: RotatedBoxes {
            eps: 1e-30,
            reduction: Reduction::None,
            ..RotatedBoxes::default()
        },
        form: IouForm::Linear,
    };
    let kinds: Vec<_> = tensors
        .keys()
        .filter_map(|key| key.strip_suffix(".iou"))
        .collect();
    ensure!(kinds.len() == 7, "{kinds:?}");
    for kind in kinds {
        let get = |part: &str| {
            let key = format!("{kind}.{part}");
            tensors.get(&key).context(key)
        };
        for (dtype, allowed) in [(DType::F64, 1e-9), (DType::F32, 1e-6)] {
            let (input, target) = (
                get("input")?.to_dtype(dtype)?,
                get("target")?.to_dtype(dtype)?,
            );
            let (values, gradient) = loss.value_and_grad(&input, &target)?;
            let pairs = numbers(&values)?.into_iter().zip(numbers(get("iou")?)?);
            for (i, (value, iou)) in pairs.enumerate() {
                let error = (1.0 - value - iou).abs();
                ensure!(
                    error <= allowed,
                    "{kind} {i} in {dtype:?}: {error:e} from {iou}"
                );
            }
            let slopes = numbers(&gradient)?;
            ensure!(
                slopes.iter().all(|slope| slope.is_finite()),
                "{kind}: slopes"
            );
        }
    }
    Ok(())
}

/// Rows and columns of the matrix are what the losses say of single pairs.
#[test]
fn pairwise_is_the_loss_of_each_pair() -> Result<()> {
    for (dtype, rtol) in [(DType::F64, 1e-12), (DType::F32, 1e-6), (DType::BF16, 1e-6)] {
        for format in [BoxFormat::Xyxy, BoxFormat::Xywh, BoxFormat::Cxcywh] {
            for (n, m) in [(3, 5), (1, 1), (130, 150), (4, 0), (0, 4)] {
                let draw =
                    |len, seed| Spec::new(Kind::Boxes(format), &[len, 4]).sample(seed, dtype);
                let (a, b) = (draw(n, 1)?.input, draw(m, 2)?.target);
                let boxes = Boxes {
                    format,
                    eps: 1e-30,
                    reduction: Reduction::None,
                    ..Boxes::default()
                };
                let each = |tensor: &Tensor, axis| -> Result<Tensor> {
                    Ok(tensor
                        .unsqueeze(axis)?
                        .broadcast_as((n, m, 4))?
                        .contiguous()?)
                };
                let (left, right) = (each(&a, 1)?, each(&b, 0)?);
                let iou = IouLoss {
                    boxes: boxes.clone(),
                    ..IouLoss::default()
                };
                let giou = GiouLoss {
                    boxes,
                    ..GiouLoss::default()
                };
                let similarity = |loss: &dyn Loss| -> Result<Tensor> {
                    Ok(loss.forward(&left, &right)?.affine(-1.0, 1.0)?)
                };
                assert_close(&pairwise_iou(&a, &b, format)?, &similarity(&iou)?, rtol)?;
                assert_close(&pairwise_giou(&a, &b, format)?, &similarity(&giou)?, rtol)?;
            }
        }
    }
    Ok(())
}

#[test]
fn pairwise_edges() -> Result<()> {
    let flat = Tensor::new(&[[1f32, 1., 1., 1.]], &Device::Cpu)?;
    assert_eq!(
        numbers(&pairwise_iou(&flat, &flat, BoxFormat::Xyxy)?)?,
        [0.0]
    );
    assert_eq!(
        numbers(&pairwise_giou(&flat, &flat, BoxFormat::Xyxy)?)?,
        [0.0]
    );
    let nan = (&flat * f64::NAN)?;
    assert!(numbers(&pairwise_iou(&nan, &flat, BoxFormat::Xyxy)?)?[0].is_nan());
    let bad = Tensor::zeros((2, 5), DType::F32, &Device::Cpu)?;
    let message = |result: cvloss::Result<Tensor>| result.err().map(|error| error.to_string());
    let got = message(pairwise_iou(&flat, &bad, BoxFormat::Xyxy)).context("five numbers")?;
    ensure!(got.starts_with("pairwise_iou: b has shape"), "{got}");
    let got = message(pairwise_iou(
        &flat,
        &flat.to_dtype(DType::F64)?,
        BoxFormat::Xyxy,
    ));
    let got = got.context("two dtypes")?;
    ensure!(got.starts_with("pairwise_iou: b has dtype"), "{got}");
    let got = message(pairwise_giou(
        &flat.to_dtype(DType::U32)?,
        &flat,
        BoxFormat::Xyxy,
    ));
    ensure!(got.is_some_and(|got| got.contains("a has dtype")));
    Ok(())
}

/// torchvision's gradient is NaN for a height of 0, and its value for a box without size.
#[test]
fn ciou_of_flat_boxes() -> Result<()> {
    let input = Tensor::new(&[[0f32, 0., 2., 0.], [1., 1., 1., 1.]], &Device::Cpu)?;
    let target = Tensor::new(&[[0f32, 0., 1., 2.], [0., 0., 2., 2.]], &Device::Cpu)?;
    let loss = CiouLoss {
        boxes: Boxes {
            reduction: Reduction::None,
            ..Boxes::default()
        },
        ..CiouLoss::default()
    };
    let (values, gradient) = loss.value_and_grad(&input, &target)?;
    // v = 4/π² (atan ½ − π/2)², and α = v/(1 + v).
    let v =
        4.0 / std::f64::consts::PI.powi(2) * (0.5f64.atan() - std::f64::consts::FRAC_PI_2).powi(2);
    let expected = [1.0 + 1.25 / 8.0 + v * v / (1.0 + v), 1.0];
    for (value, expected) in numbers(&values)?.iter().zip(expected) {
        ensure!(
            (value - expected).abs() < 1e-6,
            "{value}, expected {expected}"
        );
    }
    ensure!(numbers(&gradient)?.iter().all(|slope| slope.is_finite()));
    Ok(())
}

/// A box whose ends are swapped is a box without length: it shares nothing, and the hull still pulls on it.
#[test]
fn inverted_boxes() -> Result<()> {
    let input = Tensor::new(&[[3f32, 0., 1., 2.]], &Device::Cpu)?;
    let target = Tensor::new(&[[0f32, 0., 2., 2.]], &Device::Cpu)?;
    let (value, _) = IouLoss::default().value_and_grad(&input, &target)?;
    assert_eq!(numbers(&value)?, [1.0]);
    let (value, gradient) = GiouLoss::default().value_and_grad(&input, &target)?;
    // Hull 2 × 2: from the least low end to the largest high end.
    ensure!((numbers(&value)?[0] - 1.0).abs() < 1e-6);
    ensure!(numbers(&gradient)?.iter().all(|slope| slope.is_finite()));
    Ok(())
}

/// Equal angles in other turns are the same box; so is a box turned by a right angle with its sides exchanged.
#[test]
fn angles_repeat() -> Result<()> {
    let spec = Spec::new(Kind::Rotated, &[50, 5]);
    let sample = spec.sample(7, DType::F64)?;
    let turn = |by: f64, exchange: bool| -> Result<Tensor> {
        let part = |at, len| sample.input.narrow(1, at, len);
        let (w, h) = if exchange { (3, 2) } else { (2, 3) };
        let angle = (part(4, 1)? + by)?;
        Ok(Tensor::cat(
            &[part(0, 2)?, part(w, 1)?, part(h, 1)?, angle],
            1,
        )?)
    };
    let loss = RotatedIouLoss::default();
    let value = loss.forward(&sample.input, &sample.target)?;
    for (by, exchange) in [(1.0, false), (-2.0, false), (0.5, true), (1.5, true)] {
        let turned = turn(by * std::f64::consts::PI, exchange)?;
        assert_close(&loss.forward(&turned, &sample.target)?, &value, 1e-12)?;
    }
    Ok(())
}

/// Without an angle, the exact IoU is the IoU of the boxes.
#[test]
fn rotated_without_angle_is_plain() -> Result<()> {
    for dtype in [DType::F64, DType::F32] {
        let sample = Spec::new(Kind::Boxes(BoxFormat::Cxcywh), &[300, 4]).sample(3, dtype)?;
        let angle = Tensor::zeros((300, 1), dtype, &Device::Cpu)?;
        let flat = |tensor: &Tensor| Tensor::cat(&[tensor, &angle], 1);
        let boxes = Boxes {
            format: BoxFormat::Cxcywh,
            ..Boxes::default()
        };
        let plain = IouLoss {
            boxes,
            ..IouLoss::default()
        };
        let (value, gradient) = plain.value_and_grad(&sample.input, &sample.target)?;
        let (input, target) = (flat(&sample.input)?, flat(&sample.target)?);
        let (got, slopes) = RotatedIouLoss::default().value_and_grad(&input, &target)?;
        let rtol = if dtype == DType::F64 { 1e-12 } else { 1e-5 };
        assert_close(&got, &value, rtol)?;
        assert_close(&slopes.narrow(1, 0, 4)?, &gradient, rtol)?;
    }
    Ok(())
}

/// Both boxes change places, and so do their gradients.
#[test]
fn symmetric() -> Result<()> {
    let sample = Spec::new(Kind::Boxes(BoxFormat::Xyxy), &[40, 4]).sample(11, DType::F64)?;
    let loss = CiouLoss::default();
    let inputs = sample.inputs();
    let (value, first, second) = loss.value_and_grads(&inputs)?;
    let swapped = sample
        .with_input(sample.target.clone())
        .with_target(sample.input.clone());
    let (other, one, two) = loss.value_and_grads(&swapped.inputs())?;
    assert_close(&other, &value, 1e-14)?;
    assert_close(&one, &second, 1e-12)?;
    assert_close(&two, &first, 1e-12)?;
    let (again, _) = loss.value_and_grad(&sample.input, &sample.target)?;
    assert_same_bits(&again, &value)
}
