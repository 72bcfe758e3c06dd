//! Focal losses: cross-entropy damped by `(1 − p_t)^γ`, over a sigmoid or a softmax.

#![forbid(unsafe_code)]

mod cpu;
mod device;

use crate::error::{Result, check_share, check_weight};
use crate::loops::pointwise::{self, Pointwise};
use crate::loops::site;
use crate::options::{Gradient, Normalizer, Reduction};
use crate::view::ViewMut;

pub(crate) use cpu::entropy;
pub use cpu::{Any, Exponent, Four, Linear, Mixture, Softmax, Two, Zero};
pub use device::{formula, softmax_term};

/// What sigmoid focal loss means where a target lies between 0 and 1. Both meanings agree at 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SoftTargets {
    /// `p_t = p t + (1 − p)(1 − t)`, once, in a cross-entropy with soft targets: torchvision, fvcore.
    #[default]
    Mixture,
    /// The loss of a positive times `t` plus the loss of a negative times `1 − t`: kornia.
    Linear,
}

/// Options of [`evaluate`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Weight of positives in `[0, 1]`; negatives have `1 − alpha`. Both 1 if absent.
    pub alpha: Option<f64>,
    /// Focusing parameter, at least 0.
    pub gamma: f64,
    /// The meaning of soft targets.
    pub soft_targets: SoftTargets,
    /// What the mean divides by.
    pub normalizer: Normalizer,
    /// How elements are reduced.
    pub reduction: Reduction,
}

impl Options {
    /// Fails if an option is out of range.
    pub fn check(&self) -> Result<()> {
        check_gamma(self.gamma)?;
        self.alpha
            .map_or(Ok(()), |alpha| check_share("alpha", alpha))
    }
}

/// The weight of each class in a softmax focal loss.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ClassAlpha {
    /// 1 for all.
    #[default]
    None,
    /// The same for all: mmcv.
    Uniform(f64),
    /// `1 − α` for class 0, `α` for the others: kornia, MONAI.
    Background(f64),
    /// One per class.
    PerClass(Vec<f64>),
}

impl ClassAlpha {
    /// Fails if `α` is no share. Weights per class are checked against the input.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Uniform(alpha) | Self::Background(alpha) => check_share("alpha", *alpha),
            Self::None | Self::PerClass(_) => Ok(()),
        }
    }

    /// One weight per class, unless all are 1.
    pub fn weights(&self, classes: usize) -> Option<Vec<f64>> {
        match self {
            Self::None => None,
            Self::Uniform(alpha) => Some(vec![*alpha; classes]),
            Self::Background(alpha) => {
                let mut weights = vec![*alpha; classes];
                if let Some(first) = weights.first_mut() {
                    *first = 1.0 - alpha;
                }
                Some(weights)
            }
            Self::PerClass(weights) => Some(weights.clone()),
        }
    }
}

/// Sigmoid focal loss; the auxiliary operand is the weight of positives. See [`pointwise::evaluate`].
pub fn evaluate(
    options: &Options,
    operands: &pointwise::Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    options.check()?;
    let alpha = options
        .alpha
        .map_or((1.0, 1.0), |alpha| (alpha, 1.0 - alpha));
    let call = SigmoidCall {
        options,
        operands,
        values,
        gradient,
    };
    match (options.soft_targets, options.gamma) {
        (SoftTargets::Mixture, 0.0) => call.run(Mixture { alpha, gamma: Zero }),
        (SoftTargets::Mixture, 2.0) => call.run(Mixture { alpha, gamma: Two }),
        (SoftTargets::Mixture, gamma) => call.run(Mixture {
            alpha,
            gamma: Any(gamma),
        }),
        (SoftTargets::Linear, 0.0) => call.run(Linear { alpha, gamma: Zero }),
        (SoftTargets::Linear, 2.0) => call.run(Linear { alpha, gamma: Two }),
        (SoftTargets::Linear, gamma) => call.run(Linear {
            alpha,
            gamma: Any(gamma),
        }),
    }
}

/// The arguments that do not depend on the formula.
struct SigmoidCall<'a, 'i, 'v, 'g> {
    options: &'a Options,
    operands: &'a pointwise::Operands<'i>,
    values: Option<ViewMut<'v>>,
    gradient: Option<Gradient<'g>>,
}

impl SigmoidCall<'_, '_, '_, '_> {
    fn run(self, formula: impl Pointwise) -> Result<f64> {
        let Options {
            reduction,
            normalizer,
            ..
        } = *self.options;
        pointwise::evaluate(
            formula,
            self.operands,
            reduction,
            normalizer,
            self.values,
            self.gradient,
        )
    }
}

/// Softmax focal loss with class indices. Class weights are its alpha. See [`site::evaluate`].
pub fn evaluate_softmax(
    gamma: f64,
    normalizer: Normalizer,
    reduction: Reduction,
    operands: &site::Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    check_gamma(gamma)?;
    if gamma == 2.0 {
        let term = Softmax { gamma: Two };
        site::evaluate(term, operands, reduction, normalizer, values, gradient)
    } else {
        let term = Softmax { gamma: Any(gamma) };
        site::evaluate(term, operands, reduction, normalizer, values, gradient)
    }
}

/// Fails unless a focusing parameter is finite and at least 0.
pub fn check_gamma(gamma: f64) -> Result<()> {
    check_weight("gamma", gamma)
}
