//! From `--loss bce=0.5,dice=0.5` to a [`LossSum`].

use std::str::FromStr;

use anyhow::{Result, ensure};
use candle_core::{DType, Tensor};
use clap::ValueEnum;
use cvloss::{
    Activation, BceLoss, BoundaryLoss, ClDiceLoss, ComboLoss, CrossEntropyLoss, DiceCeLoss,
    DiceFocalLoss, DiceLoss, FocalLoss, FocalTverskyLoss, JaccardLoss, LossSum, LovaszClasses,
    LovaszSoftmaxLoss, Region, SoftmaxFocalLoss, TverskyLoss,
};

/// The losses by their names on the command line.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Bce,
    Focal,
    Dice,
    Jaccard,
    Tversky,
    FocalTversky,
    Combo,
    DiceCe,
    DiceFocal,
    Ce,
    SoftmaxFocal,
    Lovasz,
    Boundary,
    Cldice,
}

impl Kind {
    /// How many logits per pixel the loss insists on, if it does.
    fn outputs(self) -> Option<usize> {
        match self {
            Self::Bce | Self::Focal | Self::Combo => Some(1),
            Self::Ce | Self::SoftmaxFocal => Some(2),
            _ => None,
        }
    }
}

/// One wanted term of the loss: `name` or `name=weight`.
#[derive(Clone)]
pub(crate) struct Choice {
    kind: Kind,
    name: String,
    weight: f64,
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, weight) = text.split_once('=').unwrap_or((text, "1"));
        let kind = Kind::from_str(name, false).map_err(|_| {
            let known = Kind::value_variants().iter();
            let names: Vec<_> = known.filter_map(Kind::to_possible_value).collect();
            let names: Vec<_> = names.iter().map(|value| value.get_name()).collect();
            format!("no loss `{name}`; there are {}", names.join(", "))
        })?;
        let weight = weight
            .parse()
            .ok()
            .filter(|weight: &f64| weight.is_finite())
            .ok_or_else(|| format!("`{weight}` is no weight"))?;
        Ok(Self {
            kind,
            name: name.to_owned(),
            weight,
        })
    }
}

/// The loss, with the kind of logits and targets it takes.
pub(crate) struct Objective {
    pub(crate) loss: LossSum,
    /// 1: one logit per pixel, for a sigmoid; 2: background and coin, for a softmax.
    pub(crate) outputs: usize,
}

impl Objective {
    pub(crate) fn new(choices: &[Choice]) -> Result<Self> {
        let mut wanted = choices.iter().filter_map(|choice| choice.kind.outputs());
        let outputs = wanted.next().unwrap_or(1);
        ensure!(
            wanted.all(|count| count == outputs),
            "bce, focal and combo take one logit per pixel, ce and softmax-focal two: choose"
        );
        let loss = choices
            .iter()
            .fold(LossSum::new(), |sum, choice| add_term(sum, choice, outputs));
        Ok(Self { loss, outputs })
    }

    /// The 0/1 mask as the losses take it: class indices for a softmax.
    pub(crate) fn target(&self, truth: &Tensor) -> candle_core::Result<Tensor> {
        match self.outputs {
            1 => Ok(truth.clone()),
            _ => truth.to_dtype(DType::U32),
        }
    }

    /// The probability of a coin at each pixel.
    pub(crate) fn probability(&self, logits: &Tensor) -> candle_core::Result<Tensor> {
        match self.outputs {
            1 => candle_nn::ops::sigmoid(logits),
            _ => candle_nn::ops::softmax(logits, 1)?.narrow(1, 1, 1),
        }
    }
}

fn add_term(sum: LossSum, choice: &Choice, outputs: usize) -> LossSum {
    let (name, weight) = (choice.name.as_str(), choice.weight);
    let activation = match outputs {
        1 => Activation::Sigmoid,
        _ => Activation::Softmax,
    };
    let region = Region {
        activation,
        ..Region::default()
    };
    let dice = DiceLoss {
        region: region.clone(),
        ..DiceLoss::default()
    };
    match choice.kind {
        Kind::Bce => sum.term(name, weight, BceLoss::default()),
        Kind::Focal => sum.term(name, weight, FocalLoss::default()),
        Kind::Dice => sum.term(name, weight, dice),
        Kind::Jaccard => {
            let jaccard = JaccardLoss {
                region,
                ..JaccardLoss::default()
            };
            sum.term(name, weight, jaccard)
        }
        Kind::Tversky => {
            let tversky = TverskyLoss {
                region,
                ..TverskyLoss::default()
            };
            sum.term(name, weight, tversky)
        }
        Kind::FocalTversky => {
            let focal_tversky = FocalTverskyLoss {
                region,
                ..FocalTverskyLoss::default()
            };
            sum.term(name, weight, focal_tversky)
        }
        Kind::Combo => sum.term(name, weight, ComboLoss::default()),
        Kind::DiceCe => {
            let dice_ce = DiceCeLoss {
                dice,
                ..DiceCeLoss::default()
            };
            sum.term(name, weight, dice_ce)
        }
        Kind::DiceFocal => {
            let dice_focal = DiceFocalLoss {
                dice,
                ..DiceFocalLoss::default()
            };
            sum.term(name, weight, dice_focal)
        }
        Kind::Ce => sum.term(name, weight, CrossEntropyLoss::default()),
        Kind::SoftmaxFocal => sum.term(name, weight, SoftmaxFocalLoss::default()),
        Kind::Lovasz => {
            let lovasz = LovaszSoftmaxLoss {
                activation,
                // A crop without coins still has to be found empty.
                classes: LovaszClasses::All,
                ..LovaszSoftmaxLoss::default()
            };
            sum.term(name, weight, lovasz)
        }
        Kind::Boundary => {
            let boundary = BoundaryLoss {
                activation,
                ..BoundaryLoss::default()
            };
            sum.term(name, weight, boundary)
        }
        Kind::Cldice => {
            let cl_dice = ClDiceLoss {
                activation,
                ..ClDiceLoss::default()
            };
            sum.term(name, weight, cl_dice)
        }
    }
}
