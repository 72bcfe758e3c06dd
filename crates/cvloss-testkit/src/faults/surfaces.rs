//! Options of losses of order, distance and topology.

use cvloss::{
    BoundaryLoss, ClDiceLoss, Classes, DiceClDiceLoss, DistanceCrossEntropyLoss, DistanceWeighting,
    HausdorffErosionLoss, HausdorffLoss, LovaszClasses, LovaszHingeLoss, LovaszSoftmaxLoss,
};

use super::options::List;
use crate::sample::Kind;

pub(super) fn add(list: &mut List) {
    lovasz(list);
    distance(list);
    distance_cross_entropy(list);
    erosion(list);
    cl_dice(list);
}

fn distance(list: &mut List) {
    let words = &["spacing is", "expected 2 finite numbers above 0"];
    for bad in [vec![1.0], vec![1.0; 3], vec![1.0, 0.0], vec![f64::NAN, 1.0]] {
        let name = format!("spacing {bad:?}");
        let boundary = BoundaryLoss {
            spacing: Some(bad.clone()),
            ..BoundaryLoss::default()
        };
        let hausdorff = HausdorffLoss {
            spacing: Some(bad),
            ..HausdorffLoss::default()
        };
        list.add(&name, Kind::Classes, boundary, words);
        list.add(&name, Kind::Classes, hausdorff, words);
    }
    for alpha in [-0.5, f64::NAN, f64::INFINITY] {
        let loss = HausdorffLoss {
            alpha,
            ..HausdorffLoss::default()
        };
        list.add(
            &format!("alpha {alpha}"),
            Kind::Classes,
            loss,
            &["alpha is", "expected"],
        );
    }
    let loss = BoundaryLoss {
        classes: Classes::Listed(vec![3]),
        ..BoundaryLoss::default()
    };
    list.add(
        "class 3 of 3",
        Kind::Classes,
        loss,
        &["classes is 3", "below 3"],
    );
    let single = BoundaryLoss::default();
    list.add_single(
        "one channel",
        Kind::Classes,
        single,
        &["input", "2 classes"],
    );
}

fn distance_cross_entropy(list: &mut List) {
    let plain = DistanceCrossEntropyLoss::default();
    for bad in [-0.5, f64::NAN, f64::INFINITY] {
        let with = |w0, sigma| DistanceCrossEntropyLoss {
            weighting: DistanceWeighting::Border { w0, sigma },
            ..plain.clone()
        };
        let name = |option: &str| format!("{option} {bad}");
        list.add(
            &name("w0"),
            Kind::Classes,
            with(bad, 1.0),
            &["w0 is", "expected"],
        );
        list.add(
            &name("sigma"),
            Kind::Classes,
            with(1.0, bad),
            &["sigma is", "expected"],
        );
    }
    let words = &["spacing is", "expected 2 finite numbers above 0"];
    for bad in [vec![1.0], vec![1.0, 0.0]] {
        let loss = DistanceCrossEntropyLoss {
            spacing: Some(bad),
            ..plain.clone()
        };
        list.add("spacing", Kind::Classes, loss, words);
    }
    let loss = DistanceCrossEntropyLoss {
        class_weights: Some(vec![1.0]),
        ..plain.clone()
    };
    list.add("weights", Kind::Classes, loss, &["class_weights"]);
    let words = &["target has dtype", "class indices"];
    list.add("soft", Kind::Distribution, plain, words);
}

fn erosion(list: &mut List) {
    for erosions in [0, 1001] {
        let loss = HausdorffErosionLoss {
            erosions,
            ..HausdorffErosionLoss::default()
        };
        let name = format!("erosions {erosions}");
        list.add(&name, Kind::Classes, loss, &["erosions is", "1..=1000"]);
    }
    for alpha in [-0.5, f64::NAN, f64::INFINITY] {
        let loss = HausdorffErosionLoss {
            alpha,
            ..HausdorffErosionLoss::default()
        };
        let name = format!("alpha {alpha}");
        list.add(&name, Kind::Classes, loss, &["alpha is", "expected"]);
    }
    let loss = HausdorffErosionLoss {
        classes: Classes::Listed(vec![3]),
        ..HausdorffErosionLoss::default()
    };
    list.add(
        "class 3 of 3",
        Kind::Classes,
        loss,
        &["classes is 3", "below 3"],
    );
    list.add_single(
        "one channel",
        Kind::Classes,
        HausdorffErosionLoss::default(),
        &["input", "2 classes"],
    );
}

fn cl_dice(list: &mut List) {
    for bad in [-0.5, f64::NAN, f64::INFINITY] {
        let plain = ClDiceLoss::default();
        let numerator = ClDiceLoss {
            smooth_nr: bad,
            ..plain.clone()
        };
        let denominator = ClDiceLoss {
            smooth_dr: bad,
            ..plain.clone()
        };
        let mean = ClDiceLoss {
            smooth: bad,
            ..plain
        };
        let share = DiceClDiceLoss {
            alpha: bad,
            ..DiceClDiceLoss::default()
        };
        let name = |option: &str| format!("{option} {bad}");
        list.add(
            &name("smooth_nr"),
            Kind::Classes,
            numerator,
            &["smooth_nr is", "expected"],
        );
        list.add(
            &name("smooth_dr"),
            Kind::Classes,
            denominator,
            &["smooth_dr is", "expected"],
        );
        list.add(
            &name("smooth"),
            Kind::Classes,
            mean,
            &["smooth is", "expected"],
        );
        list.add(
            &name("alpha"),
            Kind::Classes,
            share,
            &["alpha is", "expected"],
        );
    }
    let single = ClDiceLoss::default();
    list.add_single(
        "one channel",
        Kind::Classes,
        single,
        &["input", "2 classes"],
    );
}

fn lovasz(list: &mut List) {
    let classes = LovaszClasses::Listed(vec![0, 3]);
    let hinge = LovaszHingeLoss {
        classes: classes.clone(),
        ..LovaszHingeLoss::default()
    };
    let softmax = LovaszSoftmaxLoss {
        classes,
        ..LovaszSoftmaxLoss::default()
    };
    let words = &["classes is 3", "expected classes below 3"];
    list.add("class 3 of 3", Kind::Classes, hinge, words);
    list.add("class 3 of 3", Kind::Classes, softmax, words);
    list.add_single(
        "softmax of one channel",
        Kind::Classes,
        LovaszSoftmaxLoss::default(),
        &["activation is Softmax", "Sigmoid"],
    );
}
