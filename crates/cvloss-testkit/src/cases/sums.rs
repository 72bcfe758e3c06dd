//! Weighted sums of losses.

use cvloss::{
    BceLoss, CrossEntropyLoss, DiceCeLoss, DiceLoss, FocalLoss, JaccardLoss, LossSum, Pooling,
    Reduction, Region, SoftmaxFocalLoss, TverskyLoss,
};

use super::List;
use crate::sample::{Kind, Spec};

const FLAT: &[usize] = &[2, 3, 5, 7];
const LONG: &[usize] = &[1, 2, 61, 37];

pub(super) fn add(list: &mut List) {
    let classes = |shape: &[usize]| Spec::new(Kind::Classes, shape);
    list.add_sum("empty", classes(FLAT), LossSum::new());
    list.add_sum(
        "single",
        classes(FLAT),
        LossSum::new().term("dice", 0.7, DiceLoss::default()),
    );
    list.add_sum("multiclass", classes(FLAT).weighted(), multiclass());
    list.add_sum(
        "multiclass-long",
        classes(LONG).ignoring(-100),
        multiclass(),
    );
    list.add_sum("binary", Spec::new(Kind::Binary, FLAT), binary());
    list.add_sum(
        "binary-soft",
        Spec::new(Kind::SoftBinary, FLAT).weighted().keeping_axis(),
        binary(),
    );
    list.add_sum("nested", classes(FLAT), nested());
}

fn multiclass() -> LossSum {
    let batch = Region {
        pooling: Pooling::Batch,
        ..Region::default()
    };
    LossSum::new()
        .term("cross-entropy", 0.5, CrossEntropyLoss::default())
        .term(
            "dice",
            1.5,
            DiceLoss {
                region: batch,
                ..DiceLoss::default()
            },
        )
        .term(
            "focal",
            -0.25,
            SoftmaxFocalLoss {
                reduction: Reduction::Sum,
                ..SoftmaxFocalLoss::default()
            },
        )
}

fn binary() -> LossSum {
    LossSum::new()
        .term(
            "bce",
            0.5,
            BceLoss {
                reduction: Reduction::Sum,
                ..BceLoss::default()
            },
        )
        .term("focal", 20.0, FocalLoss::default())
        .term("jaccard", 1.0, JaccardLoss::binary())
}

fn nested() -> LossSum {
    let inner = LossSum::new()
        .term("tversky", 2.0, TverskyLoss::default())
        .term("ce", -0.5, CrossEntropyLoss::default());
    let mut sum = LossSum::new().term("inner", 0.3, inner);
    sum.push("dice-ce", 1.0, Box::new(DiceCeLoss::default()));
    sum
}
