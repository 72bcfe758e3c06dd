//! Losses of elements for unequal classes: relatives of sigmoid focal loss, asymmetric loss, balanced cross-entropy.

#![forbid(unsafe_code)]

mod asymmetric;
mod balanced;
mod compound;
mod density;
mod focal;
mod mined;
mod single_label;
mod sites;

use crate::error::{Error, Result, check_share, check_weight};
use crate::focal::{Any, Four, Two, Zero, check_gamma};
use crate::loops::pointwise::{self, Operands, Pointwise};
use crate::options::{Gradient, Normalizer, Reduction};
use crate::view::ViewMut;

pub use asymmetric::Asymmetric;
pub use balanced::{Balance, BalancedBce, evaluate_balanced};
pub use compound::{Points, evaluate_compound};
pub use density::{
    DensityKind, bin_of, bin_weights, check_bins, check_densities, evaluate_density,
    gradient_counts,
};
pub use focal::{Gaussian, Poly, Quality, Reduced, Varifocal};
pub use mined::{MinedMean, Mining, evaluate_mined};
pub use sites::{SiteKind, UnifiedForm, evaluate_sites};

/// What reduced focal loss divides `1 − p_t` by, once it damps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ReducedScale {
    /// The threshold: the paper, segmentation_models_pytorch. The loss jumps there unless the threshold is ½.
    #[default]
    Threshold,
    /// One less the threshold, so that the loss is continuous: pytorch-toolbelt.
    Continuous,
}

/// Whether a weight made of the prediction has a slope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FocusSlope {
    /// It does: the derivative of the formula.
    #[default]
    Included,
    /// It does not: the weight is a constant, timm's `disable_torch_grad_focal_loss`.
    Ignored,
}

/// What a positive weighs in varifocal loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PositiveWeight {
    /// Its quality: mmdetection's `iou_weighted=True`, ultralytics.
    #[default]
    Quality,
    /// 1.
    One,
}

/// A loss of elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `α_t (m^γ CE + ε m^(γ+1))`, `m = 1 − p_t`.
    Poly {
        /// The factor of the first polynomial term, finite.
        epsilon: f64,
        /// Weight of positives in `[0, 1]`; negatives have `1 − alpha`.
        alpha: Option<f64>,
        /// Focusing parameter, at least 0.
        gamma: f64,
    },
    /// `α_t CE` below a threshold of `p_t`, `α_t (m/scale)^γ CE` above.
    Reduced {
        /// Weight of positives in `[0, 1]`; negatives have `1 − alpha`.
        alpha: Option<f64>,
        /// Focusing parameter, at least 0.
        gamma: f64,
        /// The threshold, in (0, 1).
        threshold: f64,
        /// The scale.
        scale: ReducedScale,
    },
    /// Asymmetric loss.
    Asymmetric {
        /// Power of positives, at least 0.
        gamma_positive: f64,
        /// Power of negatives, at least 0.
        gamma_negative: f64,
        /// Margin of negatives in `[0, 1)`.
        clip: f64,
        /// Whether the weight has a slope.
        focus: FocusSlope,
    },
    /// `|p − t|^β CE`.
    Quality {
        /// Power of the distance, at least 1.
        beta: f64,
    },
    /// `t CE` for positives, `α p^γ CE` for negatives.
    Varifocal {
        /// Factor of negatives, at least 0.
        alpha: f64,
        /// Power of a negative's probability, at least 0.
        gamma: f64,
        /// What positives weigh.
        positives: PositiveWeight,
    },
    /// `−q^α ln p` at peaks, `−(1 − t)^γ p^α ln q` elsewhere.
    Gaussian {
        /// Power of the probability, at least 0.
        alpha: f64,
        /// Power of the distance from a peak, at least 0.
        gamma: f64,
    },
}

impl Kind {
    /// Fails if an option is out of range.
    pub fn check(&self) -> Result<()> {
        let share = |alpha: Option<f64>| alpha.map_or(Ok(()), |alpha| check_share("alpha", alpha));
        match *self {
            Self::Poly {
                epsilon,
                alpha,
                gamma,
            } => {
                share(alpha)?;
                check_gamma(gamma)?;
                match epsilon.is_finite() {
                    true => Ok(()),
                    false => Err(Error::option("epsilon", epsilon, "a finite number")),
                }
            }
            Self::Reduced {
                alpha,
                gamma,
                threshold,
                ..
            } => {
                share(alpha)?;
                check_gamma(gamma)?;
                match threshold > 0.0 && threshold < 1.0 {
                    true => Ok(()),
                    false => Err(Error::option(
                        "threshold",
                        threshold,
                        "a number between 0 and 1",
                    )),
                }
            }
            Self::Asymmetric {
                gamma_positive,
                gamma_negative,
                clip,
                ..
            } => {
                check_weight("gamma_positive", gamma_positive)?;
                check_weight("gamma_negative", gamma_negative)?;
                match (0.0..1.0).contains(&clip) {
                    true => Ok(()),
                    false => Err(Error::option("clip", clip, "a number in 0..1")),
                }
            }
            Self::Quality { beta } => match beta >= 1.0 && beta.is_finite() {
                true => Ok(()),
                false => Err(Error::option("beta", beta, "a finite number of at least 1")),
            },
            Self::Varifocal { alpha, gamma, .. } | Self::Gaussian { alpha, gamma } => {
                check_weight("alpha", alpha)?;
                check_gamma(gamma)
            }
        }
    }
}

/// Weights of positives and negatives.
fn balance(alpha: Option<f64>) -> (f64, f64) {
    alpha.map_or((1.0, 1.0), |alpha| (alpha, 1.0 - alpha))
}

/// A loss of elements; the auxiliary operand, where there is one, is the weight of positives. See
/// [`pointwise::evaluate`].
pub fn evaluate(
    kind: Kind,
    normalizer: Normalizer,
    reduction: Reduction,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    kind.check()?;
    let call = Call {
        normalizer,
        reduction,
        operands,
        values,
        gradient,
    };
    // Powers that are usual have types of their own, without a logarithm.
    macro_rules! with_power {
        ($gamma:expr, [$($usual:literal => $power:expr),*], $name:ident => $formula:expr) => {
            match $gamma {
                $(gamma if gamma == $usual => { let $name = $power; call.run($formula) })*
                gamma => { let $name = Any(gamma); call.run($formula) }
            }
        };
    }
    match kind {
        Kind::Poly {
            epsilon,
            alpha,
            gamma,
        } => {
            let alpha = balance(alpha);
            with_power!(gamma, [0.0 => Zero, 2.0 => Two], gamma => Poly { alpha, gamma, epsilon })
        }
        Kind::Reduced {
            alpha,
            gamma,
            threshold,
            scale,
        } => {
            let alpha = balance(alpha);
            let scale = match scale {
                ReducedScale::Threshold => threshold,
                ReducedScale::Continuous => 1.0 - threshold,
            };
            let factor = scale.powf(-gamma);
            with_power!(gamma, [2.0 => Two], gamma => Reduced { alpha, gamma, threshold, factor })
        }
        Kind::Asymmetric {
            gamma_positive,
            gamma_negative,
            clip,
            focus,
        } => call.run(Asymmetric {
            gamma_positive,
            gamma_negative,
            clip,
            through: focus == FocusSlope::Included,
        }),
        Kind::Quality { beta } => with_power!(beta, [2.0 => Two], beta => Quality { beta }),
        Kind::Varifocal {
            alpha,
            gamma,
            positives,
        } => {
            let by_quality = positives == PositiveWeight::Quality;
            with_power!(gamma, [2.0 => Two], gamma => Varifocal { alpha, gamma, by_quality })
        }
        Kind::Gaussian { alpha, gamma } if (alpha, gamma) == (2.0, 4.0) => call.run(Gaussian {
            alpha: Two,
            gamma: Four,
        }),
        Kind::Gaussian { alpha, gamma } => call.run(Gaussian {
            alpha: Any(alpha),
            gamma: Any(gamma),
        }),
    }
}

/// The arguments that do not depend on the formula.
struct Call<'a, 'i, 'v, 'g> {
    normalizer: Normalizer,
    reduction: Reduction,
    operands: &'a Operands<'i>,
    values: Option<ViewMut<'v>>,
    gradient: Option<Gradient<'g>>,
}

impl Call<'_, '_, '_, '_> {
    fn run(self, formula: impl Pointwise) -> Result<f64> {
        let Self {
            normalizer,
            reduction,
            operands,
            values,
            gradient,
        } = self;
        pointwise::evaluate(formula, operands, reduction, normalizer, values, gradient)
    }
}
