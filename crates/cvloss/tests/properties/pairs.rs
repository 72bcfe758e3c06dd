//! Losses of two images: pixels and windows.

use anyhow::{Result, ensure};
use candle_core::{Device, Tensor};
use cvloss::{
    Border, Channels, CharbonnierEps, CharbonnierLoss, HuberLoss, Inputs, L1Loss, L1SsimLoss,
    LogCoshLoss, Loss, MseLoss, Normalizer, PsnrLoss, PsnrPooling, Reduction, RobustLoss,
    RobustShape, Similarity, SmoothL1Loss, SsimForm, SsimLoss, Taps, Variance, Window, WingLoss,
    ssim_map,
};
use cvloss_testkit::cases::{Case, Known};
use cvloss_testkit::compare::numbers;
use cvloss_testkit::sample::{Kind, Spec};
use proptest::prelude::*;

use super::{check, normalizers, reductions, run, shapes, spec};

pub(super) fn check_pair<L: Known>(
    kind: Kind,
    shape: Vec<usize>,
    is_weighted: bool,
    loss: L,
) -> Result<()> {
    check(&Case::new(
        "random",
        spec(kind, shape, is_weighted, None),
        loss,
    ))
}

/// A loss of single differences, by its number among them, and its options.
fn check_pixels(
    which: usize,
    (a, b): (f64, f64),
    (normalizer, reduction): (Normalizer, Reduction),
    shape: Vec<usize>,
    is_weighted: bool,
) -> Result<()> {
    macro_rules! check {
        ($loss:ident { $($field:ident: $value:expr),* }) => {{
            let loss = $loss { $($field: $value,)* normalizer, reduction };
            check_pair(Kind::Image, shape, is_weighted, loss)
        }};
    }
    match which {
        0 => check!(L1Loss {}),
        1 => check!(MseLoss {}),
        2 => check!(HuberLoss { delta: a }),
        3 => check!(SmoothL1Loss { beta: a }),
        4 => check!(CharbonnierLoss {
            eps: a,
            form: CharbonnierEps::Squared
        }),
        5 => check!(LogCoshLoss {}),
        6 => check!(RobustLoss {
            scale: a,
            // Near 0, the composed form in f32 has no digits left.
            shape: RobustShape::Alpha(if b < 1.0 { -0.5 - b } else { b - 0.5 })
        }),
        _ => check!(WingLoss {
            width: a,
            curvature: b
        }),
    }
}

#[test]
fn pixels() -> Result<()> {
    let policies = (normalizers(), reductions());
    let options = (0..8usize, (0.05..2.0, 0.1..1.9), policies);
    run(
        (options, shapes(1..5), any::<bool>()),
        |((which, numbers, policies), shape, is_weighted)| {
            check_pixels(which, numbers, policies, shape, is_weighted)
        },
    )
}

#[test]
fn psnr() -> Result<()> {
    let pooling = prop::sample::select(vec![PsnrPooling::Image, PsnrPooling::Batch]);
    let policies = (normalizers(), reductions(), pooling);
    run(
        (policies, 0.5..3.0, shapes(1..5), any::<bool>()),
        |((normalizer, reduction, pooling), data_range, shape, is_weighted)| {
            let loss = PsnrLoss {
                data_range,
                pooling,
                normalizer,
                reduction,
                ..PsnrLoss::default()
            };
            // Rows without space are no images.
            let shape = if shape.len() < 3 {
                vec![2, 1, 5]
            } else {
                shape
            };
            check_pair(Kind::Image, shape, is_weighted, loss)
        },
    )
}

/// A window that fits the shape, whatever the border.
fn windows() -> impl Strategy<Value = (Vec<usize>, Similarity)> {
    let border = prop::sample::select(vec![
        Border::Valid,
        Border::Reflect,
        Border::Replicate,
        Border::Zero,
    ]);
    let variance = prop::sample::select(vec![Variance::Clamped, Variance::Plain]);
    let space = prop::collection::vec(7..15usize, 1..4);
    let window = (0..4usize, 0.6..2.0, any::<bool>());
    (1..3usize, 1..3usize, space, window, border, variance).prop_map(
        |(items, channels, space, (radius, sigma, is_uniform), border, variance)| {
            let mut shape = vec![items, channels];
            shape.extend(space);
            let taps = match is_uniform {
                true => Taps::Uniform,
                false => Taps::Gaussian(vec![sigma]),
            };
            let size = vec![2 * radius + 1];
            let similarity = Similarity {
                window: Window { size, taps },
                border,
                variance,
                ..Similarity::new(1.0)
            };
            (shape, similarity)
        },
    )
}

fn images(shape: &[usize], is_weighted: bool) -> Spec {
    let spec = Spec::new(Kind::Image, shape).probabilities();
    if is_weighted { spec.weighted() } else { spec }
}

#[test]
fn ssim() -> Result<()> {
    let channels = prop::sample::select(vec![Channels::Average, Channels::Separate]);
    let form = prop::sample::select(vec![SsimForm::Whole, SsimForm::Half]);
    run(
        (windows(), channels, form, reductions(), any::<bool>()),
        |((shape, similarity), channels, form, reduction, is_weighted)| {
            let loss = SsimLoss {
                similarity,
                form,
                channels,
                reduction,
            };
            check(&Case::new("random", images(&shape, is_weighted), loss))
        },
    )
}

fn images_of(shape: &[usize], seed: u64) -> Result<(Tensor, Tensor)> {
    let sample = Spec::new(Kind::Image, shape)
        .probabilities()
        .sample(seed, candle_core::DType::F64)?;
    Ok((sample.input, sample.target))
}

/// Value and both gradients, of a pair and of the pair the other way round.
fn both_ways(loss: &dyn Loss, x: &Tensor, t: &Tensor) -> Result<[Vec<f64>; 6]> {
    let inputs = |input, target| Inputs {
        input,
        target,
        weight: None,
    };
    let (value, of_x, of_t) = loss.value_and_grads(&inputs(x, t))?;
    let (swapped, of_t_first, of_x_second) = loss.value_and_grads(&inputs(t, x))?;
    Ok([
        numbers(&value)?,
        numbers(&of_x)?,
        numbers(&of_t)?,
        numbers(&swapped)?,
        numbers(&of_x_second)?,
        numbers(&of_t_first)?,
    ])
}

pub(super) fn close(what: &str, a: &[f64], b: &[f64]) -> Result<()> {
    ensure!(a.len() == b.len(), "{what}: {} and {}", a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        let far = (a - b).abs() > 1e-12 * (1.0 + a.abs());
        ensure!(!far, "{what}: {a} and {b}");
    }
    Ok(())
}

/// Which image is the target makes no difference.
#[test]
fn images_change_places() -> Result<()> {
    run((windows(), any::<u64>()), |((shape, similarity), seed)| {
        let (x, t) = images_of(&shape, seed)?;
        let ssim = SsimLoss {
            similarity: similarity.clone(),
            ..SsimLoss::new(1.0)
        };
        let mixed = L1SsimLoss {
            similarity,
            ..L1SsimLoss::new(1.0)
        };
        for loss in [
            &ssim as &dyn Loss,
            &mixed,
            &L1Loss::default(),
            &MseLoss::default(),
            &HuberLoss::default(),
            &CharbonnierLoss::default(),
            &LogCoshLoss::default(),
            &WingLoss::default(),
            &PsnrLoss::default(),
        ] {
            let [value, of_x, of_t, swapped, of_x_swapped, of_t_swapped] = both_ways(loss, &x, &t)?;
            close(loss.name(), &value, &swapped)?;
            close(loss.name(), &of_x, &of_x_swapped)?;
            close(loss.name(), &of_t, &of_t_swapped)?;
        }
        Ok(())
    })
}

/// Losses of two images are not negative, and 0 with gradient 0 for the same image twice; structural similarity is at
/// most 2.
#[test]
fn ranges_of_images() -> Result<()> {
    run((windows(), any::<u64>()), |((shape, similarity), seed)| {
        let (x, t) = images_of(&shape, seed)?;
        let ssim = SsimLoss {
            similarity: similarity.clone(),
            ..SsimLoss::new(1.0)
        };
        let mixed = L1SsimLoss {
            similarity,
            ..L1SsimLoss::new(1.0)
        };
        for (loss, most) in [
            (&ssim as &dyn Loss, 2.0),
            (&mixed, 2.0),
            (&L1Loss::default(), 1.0),
            (&MseLoss::default(), 1.0),
            (&HuberLoss::default(), 0.5),
            (&LogCoshLoss::default(), 0.5),
            (&WingLoss::default(), f64::INFINITY),
        ] {
            let value = numbers(&loss.forward(&x, &t)?)?[0];
            ensure!((0.0..=most).contains(&value), "{}: {value}", loss.name());
            let (value, gradient) = loss.value_and_grad(&x, &x)?;
            let all = [numbers(&value)?, numbers(&gradient)?].concat();
            ensure!(
                all.iter().all(|number| *number == 0.0),
                "{} of an image and itself: {:?}",
                loss.name(),
                all[0]
            );
        }
        Ok(())
    })
}

/// Rounding makes variances of constant windows negative. Clamped, they keep contrast, and so similarity, in range.
#[test]
fn clamped_variances_keep_similarity_in_range() -> Result<()> {
    let (bands, width, height) = (40, 24, 16);
    // Bands of one grey each, wide enough for whole windows.
    let image = |step: f32| {
        let row: Vec<_> = (0..bands * width)
            .map(|column| 0.1 + 0.8 * ((column / width) as f32 * step).fract())
            .collect();
        Tensor::from_vec(
            row.repeat(height),
            (1, 1, height, bands * width),
            &Device::Cpu,
        )
    };
    let (x, y) = (image(0.618)?, image(0.414)?);
    let largest = |variance| -> Result<f64> {
        let similarity = Similarity {
            variance,
            // Constants far below what rounding leaves of a variance.
            ..Similarity::new(1e-5)
        };
        let map = numbers(&ssim_map(&similarity, &x, &y)?)?;
        Ok(map.into_iter().map(f64::abs).fold(0.0, f64::max))
    };
    let (clamped, plain) = (largest(Variance::Clamped)?, largest(Variance::Plain)?);
    ensure!(clamped <= 1.0 + 1e-6, "{clamped}");
    ensure!(plain > 1.1, "{plain}: nothing to clamp");
    Ok(())
}
