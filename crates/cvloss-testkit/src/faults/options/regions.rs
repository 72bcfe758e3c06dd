//! Options of losses of regions that are out of range.

use cvloss::{
    Activation, Classes, ComboLoss, DiceCeLoss, DiceFocalLoss, DiceLoss, FocalPower,
    FocalTverskyLoss, JaccardLoss, Region, Smooth, Transform, TverskyLoss,
};

use super::super::Outcome;
use super::{List, NAN, NOT_SHARES, NOT_SIZES, bad_weights};
use crate::sample::Kind;

pub(super) fn region(list: &mut List) {
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

pub(super) fn tversky(list: &mut List) {
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

pub(super) fn combined(list: &mut List) {
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
