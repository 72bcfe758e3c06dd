//! Options out of range.

use cvloss::{
    Activation, BceLoss, Border, CharbonnierEps, CharbonnierLoss, ClassAlpha, Classes, ComboLoss,
    Covariance, CrossEntropyLoss, DiceCeLoss, DiceFocalLoss, DiceLoss, EdgeBorder, EdgeLoss,
    EdgePenalty, FftL1Loss, FocalFrequencyLoss, FocalLoss, FocalPower, FocalTverskyLoss, HuberLoss,
    JaccardLoss, L1SsimLoss, LossSum, MsSsimL1Loss, MsSsimLoss, PsnrLoss, Reduction, Region,
    Regularizer, RobustLoss, RobustShape, Similarity, SmallImage, Smooth, SmoothL1Loss,
    SoftTargets, SoftmaxFocalLoss, SpectrumPeak, SsimLoss, Taps, TotalVariation, Transform,
    TverskyLoss, Window, WingLoss,
};

use super::Outcome;
use crate::cases::{Case, Known};
use crate::sample::{Kind, Spec};

/// A loss whose options are out of range.
pub struct BadOption {
    /// The loss and its inputs.
    pub case: Case,
    /// What must come of it.
    pub expected: Outcome,
}

#[derive(Default)]
pub(super) struct List(Vec<BadOption>);

impl List {
    pub(super) fn add<L: Known>(
        &mut self,
        name: &str,
        kind: Kind,
        loss: L,
        words: &'static [&'static str],
    ) {
        self.add_value(name, kind, loss, Outcome::Error(words));
    }

    /// A loss that is made of options and more.
    pub(super) fn add_case(&mut self, case: Case, words: &'static [&'static str]) {
        let expected = Outcome::Error(words);
        self.0.push(BadOption { case, expected });
    }

    pub(super) fn add_single<L: Known>(
        &mut self,
        name: &str,
        kind: Kind,
        loss: L,
        words: &'static [&'static str],
    ) {
        let case = Case::new(name, Spec::new(kind, &[2, 1, 4, 5]), loss);
        self.0.push(BadOption {
            case,
            expected: Outcome::Error(words),
        });
    }

    /// A loss that has a value nevertheless.
    fn add_value<L: Known>(&mut self, name: &str, kind: Kind, loss: L, expected: Outcome) {
        let case = Case::new(name, Spec::new(kind, &[2, 3, 4, 5]), loss);
        self.0.push(BadOption { case, expected });
    }
}

/// All of them.
pub fn bad_options() -> Vec<BadOption> {
    let mut list = List::default();
    super::adversarial::add(&mut list);
    super::imbalance::add(&mut list);
    super::surfaces::add(&mut list);
    super::wasserstein::add(&mut list);
    super::multi_scale::add(&mut list);
    bce(&mut list);
    focal(&mut list);
    cross_entropy(&mut list);
    softmax_focal(&mut list);
    region(&mut list);
    tversky(&mut list);
    combined(&mut list);
    similarity(&mut list);
    sums(&mut list);
    pixels(&mut list);
    spatial(&mut list);
    list.0.extend(super::boxes::bad_options());
    list.0
}

const NAN: f64 = f64::NAN;
const INFINITY: f64 = f64::INFINITY;

/// Weights of three classes that are wrong.
fn bad_weights() -> [(&'static str, Vec<f64>); 5] {
    [
        ("of two", vec![1.0, 2.0]),
        ("of four", vec![1.0; 4]),
        ("negative", vec![1.0, -2.0, 1.0]),
        ("NaN", vec![1.0, 1.0, NAN]),
        ("infinite", vec![INFINITY, 1.0, 1.0]),
    ]
}

/// Numbers outside 0..=1.
const NOT_SHARES: [f64; 3] = [-0.1, 1.1, NAN];
/// Numbers that are negative or not finite.
const NOT_SIZES: [f64; 3] = [-0.5, NAN, INFINITY];

/// Numbers that are not above 0, or not finite.
const NOT_POSITIVE: [f64; 4] = [0.0, -0.5, NAN, INFINITY];

fn pixels(list: &mut List) {
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

fn spatial(list: &mut List) {
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

fn bce(list: &mut List) {
    for (name, weights) in bad_weights() {
        let loss = BceLoss {
            pos_weight: Some(weights),
            ..BceLoss::default()
        };
        list.add(
            &format!("pos_weight {name}"),
            Kind::Binary,
            loss,
            &["pos_weight", "expected"],
        );
    }
    for label_smoothing in NOT_SHARES {
        let loss = BceLoss {
            label_smoothing,
            ..BceLoss::default()
        };
        list.add(
            &format!("label_smoothing {label_smoothing}"),
            Kind::Binary,
            loss,
            &["label_smoothing is"],
        );
    }
}

fn focal(list: &mut List) {
    for soft_targets in [SoftTargets::Mixture, SoftTargets::Linear] {
        let plain = FocalLoss {
            soft_targets,
            ..FocalLoss::default()
        };
        for gamma in NOT_SIZES {
            let loss = FocalLoss {
                gamma,
                ..plain.clone()
            };
            list.add(
                &format!("{soft_targets:?} gamma {gamma}"),
                Kind::SoftBinary,
                loss,
                &["gamma is", "expected"],
            );
        }
        for alpha in NOT_SHARES {
            let loss = FocalLoss {
                alpha: Some(alpha),
                ..plain.clone()
            };
            list.add(
                &format!("{soft_targets:?} alpha {alpha}"),
                Kind::SoftBinary,
                loss,
                &["alpha is", "expected"],
            );
        }
    }
    for (name, weights) in bad_weights() {
        let loss = FocalLoss {
            pos_weight: Some(weights),
            ..FocalLoss::default()
        };
        list.add(
            &format!("pos_weight {name}"),
            Kind::Binary,
            loss,
            &["pos_weight", "expected"],
        );
    }
}

fn cross_entropy(list: &mut List) {
    for (name, weights) in bad_weights() {
        let loss = CrossEntropyLoss {
            class_weights: Some(weights),
            ..CrossEntropyLoss::default()
        };
        let name = format!("class_weights {name}");
        list.add(
            &name,
            Kind::Classes,
            loss.clone(),
            &["class_weights", "expected"],
        );
        list.add(
            &name,
            Kind::Distribution,
            loss,
            &["class_weights", "expected"],
        );
    }
    for label_smoothing in NOT_SHARES {
        let loss = CrossEntropyLoss {
            label_smoothing,
            ..CrossEntropyLoss::default()
        };
        list.add(
            &format!("label_smoothing {label_smoothing}"),
            Kind::Classes,
            loss,
            &["label_smoothing is"],
        );
    }
    // Over one class, every probability is 1.
    let weighted = CrossEntropyLoss {
        class_weights: Some(vec![1.0]),
        ..CrossEntropyLoss::default()
    };
    list.add_single(
        "one channel",
        Kind::Classes,
        CrossEntropyLoss::default(),
        &["input", "1"],
    );
    list.add_single(
        "one weighted channel",
        Kind::Classes,
        weighted,
        &["input", "1"],
    );
}

fn softmax_focal(list: &mut List) {
    let plain = SoftmaxFocalLoss::default();
    for gamma in NOT_SIZES {
        let loss = SoftmaxFocalLoss {
            gamma,
            ..plain.clone()
        };
        list.add(
            &format!("gamma {gamma}"),
            Kind::Classes,
            loss,
            &["gamma is", "expected"],
        );
    }
    for alpha in NOT_SHARES {
        let uniform = SoftmaxFocalLoss {
            alpha: ClassAlpha::Uniform(alpha),
            ..plain.clone()
        };
        let background = SoftmaxFocalLoss {
            alpha: ClassAlpha::Background(alpha),
            ..plain.clone()
        };
        list.add(
            &format!("uniform {alpha}"),
            Kind::Classes,
            uniform,
            &["alpha is", "expected"],
        );
        list.add(
            &format!("background {alpha}"),
            Kind::Classes,
            background,
            &["alpha is", "expected"],
        );
    }
    for (name, weights) in bad_weights() {
        let loss = SoftmaxFocalLoss {
            alpha: ClassAlpha::PerClass(weights),
            ..plain.clone()
        };
        list.add(
            &format!("per class {name}"),
            Kind::Classes,
            loss,
            &["expected"],
        );
    }
    list.add(
        "soft target",
        Kind::Distribution,
        plain.clone(),
        &["target has dtype", "class indices"],
    );
    list.add_single("one channel", Kind::Classes, plain, &["input", "1"]);
}

fn region(list: &mut List) {
    for (name, region, words) in bad_regions() {
        let dice = DiceLoss {
            region: region.clone(),
            ..DiceLoss::default()
        };
        let jaccard = JaccardLoss {
            region: region.clone(),
            ..JaccardLoss::default()
        };
        let tversky = TverskyLoss {
            region: region.clone(),
            ..TverskyLoss::default()
        };
        let focal_tversky = FocalTverskyLoss {
            region,
            ..FocalTverskyLoss::default()
        };
        let dice_ce = DiceCeLoss {
            dice: dice.clone(),
            ..DiceCeLoss::default()
        };
        let dice_focal = DiceFocalLoss {
            dice: dice.clone(),
            ..DiceFocalLoss::default()
        };
        list.add(&name, Kind::Classes, dice, words);
        list.add(&name, Kind::Classes, jaccard, words);
        list.add(&name, Kind::Classes, tversky, words);
        list.add(&name, Kind::Classes, focal_tversky, words);
        list.add(&name, Kind::Classes, dice_ce, words);
        list.add(&name, Kind::Classes, dice_focal, words);
    }
    let words: &[&str] = &["activation is Softmax", "Sigmoid"];
    list.add_single("one channel", Kind::Classes, DiceLoss::default(), words);
    list.add_single("one channel", Kind::Classes, DiceCeLoss::default(), words);
    for gamma in NOT_SIZES {
        let dice = DiceLoss {
            transform: Transform::Power(gamma),
            ..DiceLoss::default()
        };
        let jaccard = JaccardLoss {
            transform: Transform::Power(gamma),
            ..JaccardLoss::default()
        };
        list.add(
            &format!("power {gamma}"),
            Kind::Classes,
            dice,
            &["expected"],
        );
        list.add(
            &format!("power {gamma}"),
            Kind::Classes,
            jaccard,
            &["expected"],
        );
    }
}

fn bad_regions() -> Vec<(String, Region, &'static [&'static str])> {
    let plain = Region::default();
    let mut list: Vec<(String, Region, &'static [&'static str])> = Vec::new();
    for (name, weights) in bad_weights() {
        let region = Region {
            class_weights: Some(weights),
            ..plain.clone()
        };
        list.push((
            format!("class_weights {name}"),
            region,
            &["class_weights is", "expected"],
        ));
    }
    let listed = Region {
        classes: Classes::Listed(vec![0, 3]),
        ..plain.clone()
    };
    list.push(("classes".into(), listed, &["classes is 3", "expected"]));
    for number in NOT_SIZES {
        let with = |smooth| Region {
            smooth,
            ..plain.clone()
        };
        let smooth = plain.smooth;
        let numerator = with(Smooth {
            numerator: number,
            ..smooth
        });
        let denominator = with(Smooth {
            denominator: number,
            ..smooth
        });
        let floor = with(Smooth {
            floor: number,
            ..smooth
        });
        list.push((
            format!("numerator {number}"),
            numerator,
            &["smooth.numerator is", "expected"],
        ));
        list.push((
            format!("denominator {number}"),
            denominator,
            &["smooth.denominator is", "expected"],
        ));
        list.push((
            format!("floor {number}"),
            floor,
            &["smooth.floor is", "expected"],
        ));
    }
    list
}

fn tversky(list: &mut List) {
    for number in NOT_SIZES {
        let alpha = TverskyLoss {
            alpha: number,
            ..TverskyLoss::default()
        };
        let beta = TverskyLoss {
            beta: number,
            ..TverskyLoss::default()
        };
        list.add(
            &format!("alpha {number}"),
            Kind::Classes,
            alpha,
            &["alpha", "expected"],
        );
        list.add(
            &format!("beta {number}"),
            Kind::Classes,
            beta,
            &["beta", "expected"],
        );
        let alpha = FocalTverskyLoss {
            alpha: number,
            ..FocalTverskyLoss::default()
        };
        let beta = FocalTverskyLoss {
            beta: number,
            ..FocalTverskyLoss::default()
        };
        list.add(
            &format!("alpha {number}"),
            Kind::Classes,
            alpha,
            &["alpha", "expected"],
        );
        list.add(
            &format!("beta {number}"),
            Kind::Classes,
            beta,
            &["beta", "expected"],
        );
        for power in [FocalPower::PerClass, FocalPower::AfterMean] {
            let gamma = FocalTverskyLoss {
                gamma: number,
                power,
                ..FocalTverskyLoss::default()
            };
            list.add(
                &format!("{power:?} gamma {number}"),
                Kind::Classes,
                gamma,
                &["gamma", "expected"],
            );
        }
    }
}

fn combined(list: &mut List) {
    let identity = Region {
        activation: Activation::Identity,
        ..Region::default()
    };
    let dice = DiceLoss {
        region: identity,
        ..DiceLoss::default()
    };
    let dice_ce = DiceCeLoss {
        dice: dice.clone(),
        ..DiceCeLoss::default()
    };
    let dice_focal = DiceFocalLoss {
        dice,
        ..DiceFocalLoss::default()
    };
    list.add(
        "probabilities",
        Kind::Classes,
        dice_ce,
        &["activation is Identity", "expected"],
    );
    list.add(
        "probabilities",
        Kind::Classes,
        dice_focal,
        &["activation is Identity", "expected"],
    );
    list.add(
        "soft target",
        Kind::Distribution,
        DiceFocalLoss::default(),
        &["target has dtype", "class indices"],
    );
    for (name, weights) in bad_weights() {
        let loss = DiceCeLoss {
            class_weights: Some(weights),
            ..DiceCeLoss::default()
        };
        list.add(
            &format!("ce class_weights {name}"),
            Kind::Classes,
            loss,
            &["class_weights is", "expected"],
        );
    }
    for share in NOT_SHARES {
        let smoothed = DiceCeLoss {
            label_smoothing: share,
            ..DiceCeLoss::default()
        };
        let alpha = DiceFocalLoss {
            alpha: Some(share),
            ..DiceFocalLoss::default()
        };
        let beta = ComboLoss {
            beta: share,
            ..ComboLoss::default()
        };
        let combo_alpha = ComboLoss {
            alpha: share,
            ..ComboLoss::default()
        };
        list.add(
            &format!("label_smoothing {share}"),
            Kind::Classes,
            smoothed,
            &["label_smoothing is", "expected"],
        );
        list.add(
            &format!("alpha {share}"),
            Kind::Classes,
            alpha,
            &["alpha is", "expected"],
        );
        list.add(
            &format!("beta {share}"),
            Kind::Binary,
            beta,
            &["beta is", "expected"],
        );
        // A factor, not a share: it extrapolates.
        let of_alpha = if share.is_nan() {
            Outcome::Nan
        } else {
            Outcome::Finite
        };
        list.add_value(
            &format!("share {share}"),
            Kind::Binary,
            combo_alpha,
            of_alpha,
        );
    }
    for gamma in NOT_SIZES {
        let loss = DiceFocalLoss {
            gamma,
            ..DiceFocalLoss::default()
        };
        list.add(
            &format!("gamma {gamma}"),
            Kind::Classes,
            loss,
            &["gamma is", "expected"],
        );
    }
    let of_dice = DiceCeLoss {
        lambda_dice: NAN,
        ..DiceCeLoss::default()
    };
    let of_ce = DiceCeLoss {
        lambda_ce: NAN,
        ..DiceCeLoss::default()
    };
    let of_focal = DiceFocalLoss {
        lambda_focal: NAN,
        ..DiceFocalLoss::default()
    };
    list.add_value("lambda_dice", Kind::Classes, of_dice, Outcome::Nan);
    list.add_value("lambda_ce", Kind::Classes, of_ce, Outcome::Nan);
    list.add_value("lambda_focal", Kind::Classes, of_focal, Outcome::Nan);
    let smooth = Smooth {
        numerator: NAN,
        ..Smooth::default()
    };
    list.add(
        "smooth",
        Kind::Binary,
        ComboLoss {
            smooth,
            ..ComboLoss::default()
        },
        &["smooth.numerator is", "expected"],
    );
}

fn similarity(list: &mut List) {
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

fn sums(list: &mut List) {
    let none = CrossEntropyLoss {
        reduction: Reduction::None,
        ..CrossEntropyLoss::default()
    };
    let sum = LossSum::new()
        .term("dice", 1.0, DiceLoss::default())
        .term("pixels", 1.0, none);
    let case = Case::of_sum(
        "values of items",
        Spec::new(Kind::Classes, &[2, 3, 4, 5]),
        sum,
    );
    list.0.push(BadOption {
        case,
        expected: Outcome::Error(&["term pixels", "reduction"]),
    });
    let nan = LossSum::new().term("dice", NAN, DiceLoss::default());
    let case = Case::of_sum("weight NaN", Spec::new(Kind::Classes, &[2, 3, 4, 5]), nan);
    list.0.push(BadOption {
        case,
        expected: Outcome::Nan,
    });
}
