//! Generalised Wasserstein Dice.

use cvloss::{Activation, GeneralizedWassersteinDiceLoss, Reduction, WassersteinWeighting};

use super::{Family, Known, List};
use crate::sample::{Kind, Spec};

const FLAT: &[usize] = &[2, 3, 5, 7];
const MATRIX: &[usize] = &[7, 5];
const VOLUME: &[usize] = &[1, 3, 3, 4, 5];
const LONG: &[usize] = &[1, 2, 61, 37];

impl Known for GeneralizedWassersteinDiceLoss {
    fn family(&self) -> Family {
        Family::Region {
            activation: Activation::Softmax,
            has_extra: false,
        }
    }
}

pub(super) fn add(list: &mut List) {
    let classes = |shape| Spec::new(Kind::Classes, shape);
    // Not symmetric, and not normalised.
    let distances = Some(vec![
        vec![0.0, 2.0, 1.5],
        vec![1.0, 0.0, 0.5],
        vec![2.0, 0.25, 0.0],
    ]);
    for (weighting, name) in [
        (WassersteinWeighting::Foreground, "foreground"),
        (WassersteinWeighting::Volume, "volume"),
    ] {
        let plain = GeneralizedWassersteinDiceLoss {
            weighting,
            ..Default::default()
        };
        let apart = GeneralizedWassersteinDiceLoss {
            distances: distances.clone(),
            ..plain.clone()
        };
        let smoothed = GeneralizedWassersteinDiceLoss {
            smooth_nr: 1.0,
            smooth_dr: 2.0,
            reduction: Reduction::Sum,
            ..apart.clone()
        };
        let none = GeneralizedWassersteinDiceLoss {
            reduction: Reduction::None,
            ignore_index: Some(255),
            ..apart.clone()
        };
        for (what, spec, loss) in [
            ("plain", classes(FLAT), plain.clone()),
            ("matrix", classes(MATRIX), plain.clone()),
            ("long", classes(LONG), plain.clone()),
            ("volume", classes(VOLUME).keeping_axis(), apart.clone()),
            ("weighted", classes(FLAT).weighted(), apart.clone()),
            ("lacking", classes(FLAT).lacking_classes(), apart.clone()),
            (
                "ignore",
                classes(FLAT).ignoring(-100).mask_is_ignore(),
                apart,
            ),
            ("none", classes(FLAT).weighted().ignoring(255), none),
            ("smoothed", classes(FLAT).nothing(1.0), smoothed),
        ] {
            list.add(&format!("{what}-{name}"), spec, loss);
        }
    }
}
