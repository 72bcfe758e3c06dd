//! From a loss's own parameters to the options of the kernel: what the losses of this family are.

#![forbid(unsafe_code)]

use super::{
    Absent, Activation, Average, ClassAverage, Classes, Extra, Intersection, Options, Pooling,
    Score, Smooth, Transform, VolumeWeight,
};
use crate::error::{Error, Result, check_share, check_weight};
use crate::options::Reduction;
use crate::pixel::check_positive;

/// What Dice's sums are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum DiceForm {
    /// Probabilities.
    #[default]
    Plain,
    /// Their squares in `P` and `T`: V-Net, MONAI's `squared_pred`.
    Squared,
    /// One score of all classes, each weighted by its volume; the average over classes has no effect.
    Generalized(VolumeWeight),
}

/// What soft F1 loss has a score of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum F1Sides {
    /// Positives, and negatives by themselves: the mean of both.
    #[default]
    Both,
    /// Positives: pytorch-toolbelt.
    Positives,
}

/// Where focal Tversky loss takes its power.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FocalPower {
    /// Of each class's loss, before the average: the paper.
    #[default]
    PerClass,
    /// Of the average: segmentation_models_pytorch.
    AfterMean,
}

impl Options {
    /// A score by itself: over a softmax, each image alone, all classes with one weight.
    pub fn new(score: Score) -> Self {
        Self {
            activation: Activation::Softmax,
            intersection: Intersection::Product,
            score,
            background: None,
            squared: false,
            smooth: Smooth {
                numerator: 1e-5,
                denominator: 1e-5,
                floor: 0.0,
            },
            transform: Transform::Linear,
            power: 1.0,
            pooling: Pooling::Image,
            average: Average::Macro,
            absent: Absent::Count,
            classes: Classes::All,
            class_weights: None,
            class_average: ClassAverage::Count,
            reduction: Reduction::Mean,
            weight: 1.0,
            extra: Extra::None,
        }
    }

    /// Dice loss in a form.
    pub fn with_form(self, form: DiceForm) -> Self {
        Self {
            squared: form == DiceForm::Squared,
            average: match form {
                DiceForm::Generalized(weight) => Average::Generalized(weight),
                DiceForm::Plain | DiceForm::Squared => self.average,
            },
            ..self
        }
    }

    /// Focal Tversky loss with the power `gamma`.
    pub fn with_focal_power(self, gamma: f64, power: FocalPower) -> Self {
        match power {
            FocalPower::PerClass => Self {
                transform: Transform::Power(gamma),
                ..self
            },
            FocalPower::AfterMean => Self {
                power: gamma,
                ..self
            },
        }
    }

    /// Combo loss of Taghanaki et al.
    pub fn combo(alpha: f64, beta: f64, smooth: Smooth) -> Self {
        Self {
            activation: Activation::Sigmoid,
            pooling: Pooling::Batch,
            average: Average::Micro,
            smooth,
            transform: Transform::Negative,
            weight: 1.0 - alpha,
            extra: Extra::BalancedBce {
                weight: alpha,
                beta,
            },
            ..Self::new(Score::DICE)
        }
    }
}

/// Fails unless Tversky's weights of false positives and false negatives are finite and at least 0.
pub fn check_tversky(alpha: f64, beta: f64) -> Result<()> {
    check_weight("alpha", alpha)?;
    check_weight("beta", beta)
}

/// Fails unless the activation is a softmax.
fn check_softmax(activation: Activation) -> Result<()> {
    match activation {
        Activation::Softmax => Ok(()),
        other => Err(Error::option("activation", format!("{other:?}"), "Softmax")),
    }
}

/// Fails if a parameter of unified focal loss is out of range.
pub fn check_unified(weight: f64, delta: f64, gamma: f64, activation: Activation) -> Result<()> {
    check_share("weight", weight)?;
    check_share("delta", delta)?;
    check_share("gamma", gamma)?;
    check_softmax(activation)
}

/// Fails if a factor or power of exponential logarithmic loss (Dice's, cross-entropy's) is out of range.
pub fn check_exp_log(lambdas: [f64; 2], gammas: [f64; 2], activation: Activation) -> Result<()> {
    check_weight("lambda_dice", lambdas[0])?;
    check_weight("lambda_ce", lambdas[1])?;
    check_positive("gamma_dice", gammas[0])?;
    check_positive("gamma_ce", gammas[1])?;
    check_softmax(activation)
}
