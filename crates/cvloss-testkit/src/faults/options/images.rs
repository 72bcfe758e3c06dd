//! Options of losses of two images that are out of range.

use cvloss::{
    Border, CharbonnierEps, CharbonnierLoss, Covariance, EdgeBorder, EdgeLoss, EdgePenalty,
    FftL1Loss, FocalFrequencyLoss, HuberLoss, L1SsimLoss, MsSsimL1Loss, MsSsimLoss, PsnrLoss,
    Reduction, Regularizer, RobustLoss, RobustShape, Similarity, SmallImage, SmoothL1Loss,
    SpectrumPeak, SsimLoss, Taps, TotalVariation, Window, WingLoss,
};

use super::super::Outcome;
use super::{BadOption, INFINITY, List, NAN, NOT_POSITIVE, NOT_SHARES, NOT_SIZES};
use crate::cases::Case;
use crate::sample::{Kind, Spec};

pub(super) fn pixels(list: &mut List) {
    for bad in NOT_POSITIVE {
        let huber = HuberLoss {
            delta: bad,
            ..HuberLoss::default()
        };
        let squared = CharbonnierLoss {
            eps: bad,
            ..CharbonnierLoss::default()
        };
        let plain = CharbonnierLoss {
            form: CharbonnierEps::Plain,
            ..squared.clone()
        };
        let robust = RobustLoss {
            scale: bad,
            ..RobustLoss::default()
        };
        let width = WingLoss {
            width: bad,
            ..WingLoss::default()
        };
        let curvature = WingLoss {
            curvature: bad,
            ..WingLoss::default()
        };
        let range = PsnrLoss {
            data_range: bad,
            ..PsnrLoss::default()
        };
        let name = |option: &str| format!("{option} {bad}");
        list.add(
            &name("delta"),
            Kind::Image,
            huber,
            &["delta is", "expected"],
        );
        list.add(&name("eps"), Kind::Image, squared, &["eps is", "expected"]);
        list.add(&name("plain eps"), Kind::Image, plain, &["eps is"]);
        list.add(&name("scale"), Kind::Image, robust, &["scale is"]);
        list.add(&name("width"), Kind::Image, width, &["width is"]);
        list.add(
            &name("curvature"),
            Kind::Image,
            curvature,
            &["curvature is"],
        );
        list.add(&name("data_range"), Kind::Image, range, &["data_range is"]);
    }
    for bad in NOT_SIZES {
        let smooth = SmoothL1Loss {
            beta: bad,
            ..SmoothL1Loss::default()
        };
        let psnr = PsnrLoss {
            eps: bad,
            ..PsnrLoss::default()
        };
        list.add(&format!("beta {bad}"), Kind::Image, smooth, &["beta is"]);
        list.add(&format!("eps {bad}"), Kind::Image, psnr, &["eps is"]);
    }
    for bad in [NAN, INFINITY, -INFINITY] {
        let robust = RobustLoss {
            shape: RobustShape::Alpha(bad),
            ..RobustLoss::default()
        };
        list.add(&format!("alpha {bad}"), Kind::Image, robust, &["alpha is"]);
    }
}

pub(super) fn spatial(list: &mut List) {
    for eps in NOT_SIZES {
        let variation = TotalVariation {
            eps,
            ..TotalVariation::default()
        };
        let loss = variation.into_loss();
        list.add(&format!("eps {eps}"), Kind::Image, loss, &["eps is"]);
        let frequency = FocalFrequencyLoss {
            alpha: eps,
            ..FocalFrequencyLoss::default()
        };
        list.add(
            &format!("alpha {eps}"),
            Kind::Image,
            frequency,
            &["alpha is"],
        );
    }
    for eps in NOT_POSITIVE {
        let edge = EdgeLoss {
            penalty: EdgePenalty::Charbonnier(eps),
            ..EdgeLoss::default()
        };
        list.add(&format!("eps {eps}"), Kind::Image, edge, &["eps is"]);
    }
    for patch_factor in [0, 3] {
        let loss = FocalFrequencyLoss {
            patch_factor,
            ..FocalFrequencyLoss::default()
        };
        list.add(
            &format!("patch_factor {patch_factor}"),
            Kind::Image,
            loss,
            &["patch_factor is", "a divisor of the height 4"],
        );
    }
    let values = FocalFrequencyLoss {
        peak: SpectrumPeak::Batch,
        reduction: Reduction::None,
        ..FocalFrequencyLoss::default()
    };
    list.add(
        "values with one peak",
        Kind::Image,
        values,
        &["expected reduction"],
    );
    let reflect = EdgeLoss {
        border: EdgeBorder::Reflect,
        ..EdgeLoss::default()
    };
    let wrong = |shape: &[usize], loss: Case, words| BadOption {
        case: Case {
            spec: Spec::new(Kind::Image, shape),
            ..loss
        },
        expected: Outcome::Error(words),
    };
    let spec = || Spec::new(Kind::Image, &[1]);
    let thin = Case::new("thin", spec(), reflect);
    list.0
        .push(wrong(&[1, 2, 1, 4], thin, &["at least 2 pixels"]));
    let rank = &["input has shape", "expected (N, C"];
    for shape in [vec![3, 4], vec![1, 1, 1, 2, 2, 2]] {
        let case = Case::new("rank", spec(), TotalVariation::default().into_loss());
        list.0.push(wrong(&shape, case, rank));
        let case = Case::new("rank", spec(), EdgeLoss::default());
        list.0.push(wrong(&shape, case, rank));
        let case = Case::new("rank", spec(), FftL1Loss::default());
        list.0.push(wrong(&shape, case, rank));
        let case = Case::new("rank", spec(), FocalFrequencyLoss::default());
        list.0.push(wrong(&shape, case, rank));
    }
    let case = Case::new("rank", spec(), PsnrLoss::default());
    list.0.push(wrong(&[3, 4], case, rank));
}

pub(super) fn similarity(list: &mut List) {
    for (name, similarity, words) in bad_similarities() {
        let ssim = SsimLoss {
            similarity: similarity.clone(),
            ..SsimLoss::new(1.0)
        };
        let l1_ssim = L1SsimLoss {
            similarity: similarity.clone(),
            ..L1SsimLoss::new(1.0)
        };
        let ms_ssim = MsSsimLoss {
            similarity,
            weights: vec![1.0],
            ..MsSsimLoss::new(1.0)
        };
        list.add(&name, Kind::Image, ssim, words);
        list.add(&name, Kind::Image, l1_ssim, words);
        list.add(&name, Kind::Image, ms_ssim, words);
    }
    let small: &[&str] = &["input", "[4, 5] pixels", "expected at least [11, 11]"];
    list.add("small", Kind::Image, SsimLoss::new(1.0), small);
    let reflected: &[&str] = &["input", "[4, 5] pixels", "expected at least [6, 6]"];
    list.add(
        "small reflected",
        Kind::Image,
        SsimLoss::kornia(1.0),
        reflected,
    );
    let least: &[&str] = &["input", "expected at least [176, 176] for 5 levels"];
    list.add("small pyramid", Kind::Image, MsSsimLoss::new(1.0), least);
    let fewer = MsSsimLoss {
        small: SmallImage::FewerLevels,
        ..MsSsimLoss::new(1.0)
    };
    let least: &[&str] = &["input", "expected at least [11, 11] for 1 levels"];
    list.add("smaller than a window", Kind::Image, fewer, least);
    for weights in [
        vec![],
        vec![-1.0, 2.0],
        vec![NAN],
        vec![0.0, 0.0],
        vec![1.0; 17],
    ] {
        let name = format!("weights {weights:?}");
        let loss = MsSsimLoss {
            weights,
            ..MsSsimLoss::new(1.0)
        };
        list.add(&name, Kind::Image, loss, &["weights is", "expected"]);
    }
    for lambda in [NAN, INFINITY] {
        let of_l1 = L1SsimLoss {
            similarity: fitting(),
            lambda_l1: lambda,
            ..L1SsimLoss::new(1.0)
        };
        let of_ssim = L1SsimLoss {
            lambda_l1: 0.8,
            lambda_ssim: lambda,
            ..of_l1.clone()
        };
        list.add(
            &format!("lambda_l1 {lambda}"),
            Kind::Image,
            of_l1,
            &["lambda_l1 is"],
        );
        list.add(
            &format!("lambda_ssim {lambda}"),
            Kind::Image,
            of_ssim,
            &["lambda_ssim is"],
        );
    }
    mixed_similarity(list);
}

/// A similarity for small images.
fn fitting() -> Similarity {
    Similarity {
        window: Window::gaussian(3, 1.0),
        ..Similarity::new(1.0)
    }
}

fn bad_similarities() -> Vec<(String, Similarity, &'static [&'static str])> {
    let mut list: Vec<(String, Similarity, &'static [&'static str])> = Vec::new();
    for number in [0.0, -1.0, NAN, INFINITY] {
        let range = Similarity {
            data_range: number,
            ..fitting()
        };
        list.push((
            format!("data_range {number}"),
            range,
            &["data_range is", "expected"],
        ));
        let sigma = Similarity {
            window: Window::gaussian(3, number),
            ..fitting()
        };
        list.push((
            format!("sigma {number}"),
            sigma,
            &["window.taps is", "expected"],
        ));
    }
    for number in NOT_SIZES {
        let (mut first, mut second) = (fitting(), fitting());
        first.k1 = number;
        second.k2 = number;
        list.push((format!("k1 {number}"), first, &["k1 is", "expected"]));
        list.push((format!("k2 {number}"), second, &["k2 is", "expected"]));
    }
    for size in [0, 2, 35] {
        let window = Window::uniform(size);
        let even = Similarity {
            window,
            ..fitting()
        };
        list.push((
            format!("size {size}"),
            even,
            &["window.size is", "an odd number"],
        ));
    }
    let three = Window {
        size: vec![3, 3, 3],
        taps: Taps::Gaussian(vec![1.0]),
    };
    let two = Window {
        size: vec![3],
        taps: Taps::Gaussian(vec![1.0, 1.0, 1.0]),
    };
    for (name, window, words) in [
        (
            "sizes",
            three,
            &["window.size is 3 numbers", "expected 1, or 2"] as &[_],
        ),
        (
            "sigmas",
            two,
            &["window.taps is 3 numbers", "expected 1, or 2"],
        ),
    ] {
        list.push((
            name.into(),
            Similarity {
                window,
                ..fitting()
            },
            words,
        ));
    }
    let pixel = Similarity {
        window: Window::uniform(1),
        covariance: Covariance::Sample,
        ..fitting()
    };
    list.push((
        "one pixel".into(),
        pixel,
        &["covariance is Sample", "expected"],
    ));
    list
}

fn mixed_similarity(list: &mut List) {
    let plain = MsSsimL1Loss {
        sigmas: vec![0.5, 1.0],
        size: 3,
        ..MsSsimL1Loss::new(1.0)
    };
    for sigmas in [vec![], vec![1.0; 9], vec![1.0, NAN], vec![0.0], vec![-1.0]] {
        let name = format!("sigmas {sigmas:?}");
        let loss = MsSsimL1Loss {
            sigmas,
            ..plain.clone()
        };
        list.add(&name, Kind::Image, loss, &["expected"]);
    }
    for size in [0, 4, 35] {
        let loss = MsSsimL1Loss {
            size,
            ..plain.clone()
        };
        list.add(
            &format!("size {size}"),
            Kind::Image,
            loss,
            &["size is", "an odd number"],
        );
    }
    for alpha in NOT_SHARES {
        let loss = MsSsimL1Loss {
            alpha,
            ..plain.clone()
        };
        list.add(
            &format!("alpha {alpha}"),
            Kind::Image,
            loss,
            &["alpha is", "expected"],
        );
    }
    for number in [NAN, INFINITY] {
        let scale = MsSsimL1Loss {
            scale: number,
            ..plain.clone()
        };
        let range = MsSsimL1Loss {
            data_range: number,
            ..plain.clone()
        };
        let k1 = MsSsimL1Loss {
            k1: number,
            ..plain.clone()
        };
        let k2 = MsSsimL1Loss {
            k2: number,
            ..plain.clone()
        };
        list.add(
            &format!("scale {number}"),
            Kind::Image,
            scale,
            &["scale is", "expected"],
        );
        list.add(
            &format!("data_range {number}"),
            Kind::Image,
            range,
            &["data_range is"],
        );
        list.add(
            &format!("k1 {number}"),
            Kind::Image,
            k1,
            &["k1 is", "expected"],
        );
        list.add(
            &format!("k2 {number}"),
            Kind::Image,
            k2,
            &["k2 is", "expected"],
        );
    }
    let small = MsSsimL1Loss {
        size: 7,
        border: Border::Valid,
        ..plain
    };
    list.add(
        "small",
        Kind::Image,
        small,
        &["input", "expected at least [7, 7]"],
    );
}
