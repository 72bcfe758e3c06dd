//! A region loss and a loss of points.

use cvloss::{
    Classes, ComboLoss, DiceCeLoss, DiceFocalLoss, DiceForm, DiceLoss, Pooling, Reduction, Region,
};

use super::super::List;
use super::policies::some_regions;
use super::{
    FLAT, LONG, MATRIX, SINGLE, VOLUME, classes, multilabel, smooth, soft, soft_multilabel, three,
};

pub(super) fn dice_ce(list: &mut List) {
    let plain = DiceCeLoss::default();
    let binary = DiceCeLoss::binary();
    let with = |region: Region| DiceCeLoss {
        dice: DiceLoss {
            region,
            ..DiceLoss::default()
        },
        ..plain.clone()
    };
    let weights = DiceCeLoss {
        class_weights: three(),
        ..plain.clone()
    };
    let smoothed = DiceCeLoss {
        label_smoothing: 0.1,
        ..weights.clone()
    };
    let pos_weight = DiceCeLoss {
        class_weights: three(),
        label_smoothing: 0.2,
        ..binary.clone()
    };
    for (name, spec, region) in some_regions() {
        // The sigmoid form counts points that a mask hides.
        list.add(name, spec, with(region));
    }
    list.add("matrix", classes(MATRIX), plain.clone());
    list.add("volume", classes(VOLUME), plain.clone());
    list.add("long", classes(LONG).weighted(), plain.clone());
    list.add(
        "lambdas",
        soft(FLAT),
        DiceCeLoss {
            lambda_dice: 0.3,
            lambda_ce: 1.7,
            ..plain.clone()
        },
    );
    list.add(
        "dice-only",
        classes(FLAT),
        DiceCeLoss {
            lambda_ce: 0.0,
            ..plain.clone()
        },
    );
    list.add(
        "sum",
        classes(FLAT).weighted(),
        with(Region {
            reduction: Reduction::Sum,
            ..Region::default()
        }),
    );
    list.add(
        "foreground",
        classes(FLAT),
        with(Region {
            classes: Classes::Foreground,
            ..Region::default()
        }),
    );
    list.add("class-weights", classes(FLAT).weighted(), weights.clone());
    list.add("class-weights-soft", soft(FLAT).weighted(), weights.clone());
    let squared = DiceLoss {
        form: DiceForm::Squared,
        ..DiceLoss::smp()
    };
    list.add(
        "class-weights-batch",
        classes(FLAT),
        DiceCeLoss {
            dice: squared,
            ..weights
        },
    );
    list.add(
        "smoothing",
        classes(FLAT).ignoring(-100).mask_is_ignore(),
        smoothed.clone(),
    );
    list.add("smoothing-soft", soft(FLAT), smoothed);
    list.add("binary", multilabel(SINGLE).dropping_axis(), binary.clone());
    list.add(
        "binary-classes",
        classes(SINGLE).weighted().ignoring(-100),
        binary,
    );
    list.add("pos-weight", soft_multilabel(FLAT), pos_weight.clone());
    let none = Region {
        reduction: Reduction::None,
        ..Region::binary()
    };
    let dice = DiceLoss {
        region: none,
        ..DiceLoss::default()
    };
    list.add(
        "pos-weight-none",
        multilabel(FLAT).weighted(),
        DiceCeLoss { dice, ..pos_weight },
    );
}

pub(super) fn dice_focal(list: &mut List) {
    let plain = DiceFocalLoss::default();
    let binary = DiceFocalLoss::binary();
    let with = |region: Region| DiceFocalLoss {
        dice: DiceLoss {
            region,
            ..DiceLoss::default()
        },
        ..plain.clone()
    };
    for (gamma, name) in [(0.0, "0"), (0.5, "0.5"), (1.5, "1.5"), (3.0, "3")] {
        list.add(
            &format!("gamma-{name}"),
            classes(FLAT),
            DiceFocalLoss {
                gamma,
                ..plain.clone()
            },
        );
        let soft = DiceFocalLoss {
            gamma,
            alpha: Some(0.4),
            ..binary.clone()
        };
        list.add(&format!("binary-gamma-{name}"), soft_multilabel(FLAT), soft);
    }
    list.add("plain", classes(FLAT), plain.clone());
    list.add(
        "alpha",
        classes(FLAT).weighted(),
        DiceFocalLoss {
            alpha: Some(0.3),
            ..plain.clone()
        },
    );
    // Squares need the whole softmax, also of class indices.
    list.add(
        "squared",
        classes(FLAT).weighted(),
        DiceFocalLoss {
            dice: DiceLoss {
                form: DiceForm::Squared,
                ..DiceLoss::default()
            },
            gamma: 1.5,
            alpha: Some(0.3),
            ..plain.clone()
        },
    );
    list.add(
        "lambdas",
        classes(FLAT),
        DiceFocalLoss {
            lambda_dice: 0.3,
            lambda_focal: 1.7,
            ..plain.clone()
        },
    );
    list.add(
        "none",
        classes(FLAT).ignoring(-100),
        with(Region {
            reduction: Reduction::None,
            ..Region::default()
        }),
    );
    list.add(
        "sum",
        classes(FLAT),
        with(Region {
            reduction: Reduction::Sum,
            ..Region::default()
        }),
    );
    list.add(
        "batch",
        classes(FLAT).ignoring(-100),
        with(Region {
            pooling: Pooling::Batch,
            ..Region::default()
        }),
    );
    list.add(
        "alpha-multilabel",
        multilabel(FLAT).weighted(),
        DiceFocalLoss {
            gamma: 1.5,
            alpha: Some(0.3),
            ..binary.clone()
        },
    );
    list.add("volume", classes(VOLUME), plain);
    list.add("binary", classes(SINGLE).ignoring(-100), binary.clone());
    list.add("binary-long", multilabel(LONG).weighted(), binary);
}

pub(super) fn combo(list: &mut List) {
    let plain = ComboLoss::default();
    list.add("plain", multilabel(FLAT).nothing(-0.5), plain.clone());
    list.add("single", classes(SINGLE).nothing(-0.5), plain.clone());
    list.add(
        "soft",
        soft_multilabel(VOLUME).weighted().nothing(-0.5),
        plain.clone(),
    );
    list.add(
        "alpha",
        multilabel(FLAT).nothing(-0.8),
        ComboLoss {
            alpha: 0.2,
            beta: 0.7,
            ..plain.clone()
        },
    );
    list.add(
        "ignore",
        classes(SINGLE).ignoring(255).nothing(-0.5),
        ComboLoss {
            ignore_index: Some(255),
            ..plain.clone()
        },
    );
    list.add(
        "smooth",
        multilabel(LONG).nothing(-0.25),
        ComboLoss {
            smooth: smooth(0.5, 1.0, 0.0),
            ..plain
        },
    );
}
