//! Losses at several scales of one prediction.

use cvloss::{
    BceLoss, CrossEntropyLoss, DiceLoss, L1Loss, MultiScale, Reduction, ScalePooling, ScaleWeights,
    UnevenScale,
};
use serde_json::json;

use super::{Case, Known, List, short_name};
use crate::sample::{Kind, Spec};

const EVEN: &[usize] = &[2, 3, 4, 8];
const FLAT: &[usize] = &[2, 3, 5, 7];
const LINE: &[usize] = &[2, 3, 11];
const VOLUME: &[usize] = &[1, 3, 3, 4, 5];
const LARGE: &[usize] = &[1, 2, 60, 44];

pub(super) fn add(list: &mut List) {
    let classes = |shape| Spec::new(Kind::Classes, shape);
    let soft = |shape| Spec::new(Kind::Distribution, shape);
    let (refuse, drop, small) = (
        UnevenScale::Refuse,
        UnevenScale::DropRest,
        UnevenScale::SmallCell,
    );
    let (average, nearest) = (ScalePooling::Average, ScalePooling::Nearest);
    let halving = ScaleWeights::Halving;
    let listed = ScaleWeights::Listed(vec![0.25, -1.5]);
    let entropy = CrossEntropyLoss::default;
    let dice = DiceLoss::default;
    each(
        list,
        "even",
        classes(EVEN),
        (entropy(), &[1, 2, 4]),
        (&halving, refuse, average),
    );
    each(
        list,
        "large",
        classes(LARGE).weighted(),
        (entropy(), &[2, 4]),
        (&halving, refuse, average),
    );
    each(
        list,
        "dice",
        classes(FLAT).weighted(),
        (dice(), &[3, 1]),
        (&listed, drop, nearest),
    );
    each(
        list,
        "soft",
        soft(FLAT).weighted(),
        (dice(), &[1, 2]),
        (&ScaleWeights::Half, small, average),
    );
    each(
        list,
        "soft-nearest",
        soft(FLAT),
        (dice(), &[2, 3]),
        (&ScaleWeights::Half, drop, nearest),
    );
    each(
        list,
        "line",
        classes(LINE),
        (entropy(), &[1, 4]),
        (&ScaleWeights::Same, small, average),
    );
    let volume = classes(VOLUME).keeping_axis();
    each(
        list,
        "volume",
        volume.clone(),
        (dice(), &[1, 2]),
        (&halving, small, nearest),
    );
    each(
        list,
        "volume-weighted",
        volume.weighted(),
        (entropy(), &[2, 1]),
        (&halving, drop, average),
    );
    let sum = CrossEntropyLoss {
        reduction: Reduction::Sum,
        label_smoothing: 0.2,
        ..entropy()
    };
    each(
        list,
        "sum",
        classes(FLAT),
        (sum, &[2]),
        (&halving, small, average),
    );
    let binary = Spec {
        is_elementwise: true,
        ..Spec::new(Kind::SoftBinary, FLAT).weighted()
    };
    each(
        list,
        "binary",
        binary,
        (BceLoss::default(), &[1, 2]),
        (&halving, drop, average),
    );
    let images = Spec {
        keeps_axis: true,
        ..Spec::new(Kind::Image, FLAT)
    };
    each(
        list,
        "images",
        images.clone(),
        (L1Loss::default(), &[1, 3]),
        (&halving, small, average),
    );
    each(
        list,
        "images-nearest",
        images,
        (L1Loss::default(), &[2]),
        (&halving, drop, nearest),
    );
}

/// Adds a case, whose options say of which type the loss is.
fn each<L: Known + Clone>(
    list: &mut List,
    name: &str,
    spec: Spec,
    (loss, factors): (L, &[usize]),
    (weights, uneven, pooling): (&ScaleWeights, UnevenScale, ScalePooling),
) {
    let family = loss.family();
    let inner = short_name::<L>();
    let name = format!("{}-{name}", loss.name());
    let loss = MultiScale {
        loss,
        factors: factors.to_vec(),
        weights: weights.clone(),
        uneven,
        pooling,
    };
    let mut options = serde_json::to_value(&loss).unwrap_or_default();
    options["type"] = json!(inner);
    list.0
        .push(Case::with_options(&name, spec, loss, &options, family));
}
