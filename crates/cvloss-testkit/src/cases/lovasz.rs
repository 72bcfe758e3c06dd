//! Lovász losses.

use cvloss::{Activation, LovaszClasses, LovaszHingeLoss, LovaszSoftmaxLoss, Pooling, Reduction};

use super::{Family, Known, List};
use crate::sample::{Kind, Spec};

const FLAT: &[usize] = &[2, 3, 5, 7];
const SINGLE: &[usize] = &[2, 1, 5, 7];
const MATRIX: &[usize] = &[7, 5];
const VOLUME: &[usize] = &[2, 3, 2, 4, 5];
const LONG: &[usize] = &[1, 2, 9, 11];

impl Known for LovaszSoftmaxLoss {
    fn family(&self) -> Family {
        Family::Region {
            activation: self.activation,
            has_extra: false,
        }
    }
}

impl Known for LovaszHingeLoss {
    fn family(&self) -> Family {
        // Infinite logits have infinite errors, as infinite probabilities would.
        Family::Region {
            activation: Activation::Identity,
            has_extra: false,
        }
    }
}

pub(super) fn add(list: &mut List) {
    softmax(list);
    hinge(list);
}

fn spec(kind: Kind, shape: &[usize]) -> Spec {
    Spec::new(kind, shape).ordered()
}

fn softmax(list: &mut List) {
    let plain = LovaszSoftmaxLoss::default();
    let with = |activation, classes, pooling, reduction| LovaszSoftmaxLoss {
        activation,
        classes,
        pooling,
        reduction,
        ..LovaszSoftmaxLoss::default()
    };
    let (present, all) = (LovaszClasses::Present, LovaszClasses::All);
    let listed = LovaszClasses::Listed(vec![2, 0]);
    let (image, batch) = (Pooling::Image, Pooling::Batch);
    let (mean, sum, none) = (Reduction::Mean, Reduction::Sum, Reduction::None);
    let (softmax, sigmoid) = (Activation::Softmax, Activation::Sigmoid);
    let identity = Activation::Identity;
    let classes = |shape| spec(Kind::Classes, shape);
    list.add("plain", classes(FLAT), plain.clone());
    list.add("matrix", classes(MATRIX), plain.clone());
    list.add("volume", classes(VOLUME).keeping_axis(), plain.clone());
    list.add("long", classes(LONG), plain.clone());
    list.add("one-hot", spec(Kind::OneHot, FLAT), plain.clone());
    list.add("lacking", classes(FLAT).lacking_classes(), plain.clone());
    list.add("weighted", classes(FLAT).weighted(), plain.clone());
    let masked = classes(FLAT).ignoring(-100).mask_is_ignore();
    list.add("ignore", masked, plain.clone());
    let ignoring = |ignore_index| LovaszSoftmaxLoss {
        ignore_index,
        pooling: batch,
        ..plain.clone()
    };
    let masked = classes(FLAT).ignoring(255).mask_is_ignore();
    list.add("ignore-batch", masked.weighted(), ignoring(Some(255)));
    list.add("ignore-none", classes(FLAT), ignoring(None));
    let case = |classes, pooling, reduction| with(softmax, classes, pooling, reduction);
    let lacking = || classes(FLAT).lacking_classes();
    list.add("batch", lacking(), case(present.clone(), batch, mean));
    list.add("all", lacking(), case(all.clone(), image, mean));
    list.add(
        "all-batch",
        lacking().weighted(),
        case(all.clone(), batch, sum),
    );
    list.add("listed", lacking(), case(listed.clone(), image, sum));
    list.add("listed-batch", classes(VOLUME), case(listed, batch, none));
    list.add("none", classes(FLAT), case(all.clone(), image, none));
    list.add(
        "none-matrix",
        classes(MATRIX),
        case(present.clone(), image, none),
    );
    let one = |activation| with(activation, present.clone(), image, mean);
    list.add("sigmoid", spec(Kind::Binary, FLAT), one(sigmoid));
    list.add("sigmoid-single", classes(SINGLE).weighted(), one(sigmoid));
    let probabilities = spec(Kind::OneHot, FLAT).probabilities();
    list.add("identity", probabilities, one(identity));
    let single = classes(SINGLE).probabilities().keeping_axis();
    list.add("identity-single", single, with(identity, all, batch, sum));
}

fn hinge(list: &mut List) {
    let plain = LovaszHingeLoss::default();
    let classes = |shape| spec(Kind::Classes, shape);
    list.add("plain", classes(SINGLE), plain.clone());
    list.add("classes", classes(FLAT), plain.clone());
    list.add("multilabel", spec(Kind::Binary, FLAT), plain.clone());
    list.add(
        "volume",
        spec(Kind::Binary, VOLUME).weighted(),
        plain.clone(),
    );
    let without_axis = spec(Kind::Binary, SINGLE).dropping_axis();
    list.add("without-axis", without_axis, plain.clone());
    for (name, pooling, reduction) in [
        ("batch", Pooling::Batch, Reduction::Mean),
        ("batch-none", Pooling::Batch, Reduction::None),
        ("none", Pooling::Image, Reduction::None),
        ("sum", Pooling::Image, Reduction::Sum),
    ] {
        let loss = LovaszHingeLoss {
            pooling,
            reduction,
            ..plain.clone()
        };
        list.add(name, classes(SINGLE).weighted(), loss);
    }
    for (name, chosen) in [
        ("present", LovaszClasses::Present),
        ("listed", LovaszClasses::Listed(vec![1])),
    ] {
        let loss = LovaszHingeLoss {
            classes: chosen,
            ignore_index: Some(255),
            ..plain.clone()
        };
        let masked = classes(FLAT).lacking_classes().ignoring(255);
        list.add(name, masked.mask_is_ignore(), loss);
    }
}
