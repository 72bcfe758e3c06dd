//! Losses of pairs of axis-aligned boxes: IoU and its relatives.
//!
//! What is measured of two boxes separates by axis (`axis.rs`), and so does the way back from slopes to corners. A base
//! loss (`base.rs`) is a few lines on top of that; combinators (`combine.rs`) change the overlap term beneath it.
//!
//! A box whose high end lies below its low end has length 0 along that axis.

#![forbid(unsafe_code)]

mod axis;
mod base;
mod combine;
mod device;
mod direct;
pub mod pairwise;

use crate::error::{Error, Result};
use crate::loops::boxes::{self, Denominator, Gradients, Operands, Pair};
use crate::options::Reduction;
use crate::view::ViewMut;

pub use axis::BoxFormat;
use axis::Ends;
use base::{Base, Ciou, Diou, Efficient, Focus, Giou, Iou, Mpdiou, Siou, Wise};
pub use combine::IouForm;
use combine::{Penalised, Plain, Term};
pub(crate) use device::ends;
pub use device::formula;
use direct::{Bounded, Extended, Nwd};

/// Whether a factor that grows with the IoU has a slope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum WeightSlope {
    /// It does: the derivative of the formula.
    #[default]
    Through,
    /// It does not: a weight of the pair.
    Constant,
}

/// The sign of SIoU's distance cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SiouSign {
    /// `1 − e^(−(2 − Λ) ρ)`, which grows with the distance: the paper, mmdetection with `neg_gamma=True`.
    #[default]
    Paper,
    /// `1 − e^((2 − Λ) ρ)`, which falls with the distance, and the loss clamped to [0, 2]: mmdetection's default.
    MmDetection,
}

/// How much a pair counts in Wise-IoU.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum WiseVersion {
    /// Version 1: all pairs the same.
    V1,
    /// Version 2: `β^γ`, hard pairs more.
    V2 {
        /// At least 0. The authors' code: 0.5.
        gamma: f64,
    },
    /// Version 3: `β/(δ α^(β − δ))`, neither easy pairs nor outliers.
    V3 {
        /// Above 1. The authors' code: 1.7; the paper: 1.9.
        alpha: f64,
        /// Above 0. The authors' code: 2.7; the paper: 3.
        delta: f64,
    },
}

/// Which loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `1 − IoU`, or another [`IouForm`].
    Iou,
    /// Generalised.
    Giou,
    /// Distance.
    Diou,
    /// Complete.
    Ciou,
    /// Efficient; with a focus `IoU^γ` if `gamma` is above 0.
    Efficient {
        /// At least 0.
        gamma: f64,
        /// Of the focus.
        slope: WeightSlope,
    },
    /// Extended, with a quadratic below `smooth_point`.
    Extended {
        /// Above 0.
        smooth_point: f64,
    },
    /// SCYLLA.
    Siou {
        /// The power of the shape cost, above 0.
        theta: f64,
        /// Of the distance cost.
        sign: SiouSign,
    },
    /// By the distances of corners in an image of this width and height.
    Mpdiou {
        /// In the boxes' units.
        image: (f64, f64),
    },
    /// Normalised Gaussian Wasserstein distance.
    Nwd {
        /// A typical size of the boxes, in their units.
        constant: f64,
    },
    /// Wise.
    Wise {
        /// How much pairs count.
        version: WiseVersion,
        /// The running mean of `1 − IoU`.
        mean: f64,
    },
    /// Bounded, with a quadratic below `beta`.
    Bounded {
        /// Above 0.
        beta: f64,
    },
}

/// Changes of the overlap term and powers, over any loss of an IoU and penalties.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Combinators {
    /// What becomes of the IoU.
    pub form: IouForm,
    /// The power of the IoU and of each penalty: α-IoU. 1: none.
    pub alpha: f64,
    /// The boxes whose IoU counts are scaled by this: Inner-IoU. 1: not scaled.
    pub inner: f64,
    /// The IoU that counts as 0, and the one that counts as 1: Focaler-IoU. (0, 1): all.
    pub focaler: (f64, f64),
}

impl Default for Combinators {
    fn default() -> Self {
        Self {
            form: IouForm::Linear,
            alpha: 1.0,
            inner: 1.0,
            focaler: (0.0, 1.0),
        }
    }
}

/// Options of [`evaluate`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Which loss.
    pub kind: Kind,
    /// The numbers of a box.
    pub format: BoxFormat,
    /// Added to what is divided by.
    pub eps: f64,
    /// For all but Extended, NWD and Bounded, which have no such term.
    pub combinators: Combinators,
    /// What the mean divides by.
    pub denominator: Denominator,
    /// How pairs are reduced.
    pub reduction: Reduction,
}

/// Evaluates a loss of boxes. See [`boxes::evaluate`].
pub fn evaluate(
    options: &Options,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradients: Gradients<'_>,
) -> Result<f64> {
    check(options)?;
    let ends = Ends::from(options.format);
    let eps = options.eps;
    let call = Call {
        options,
        operands,
        values,
        gradients,
    };
    match options.kind {
        Kind::Iou => call.base(Iou),
        Kind::Giou => call.base(Giou),
        Kind::Diou => call.base(Diou),
        Kind::Ciou => call.base(Ciou),
        Kind::Efficient { gamma, slope } => call.base(Efficient {
            gamma,
            through: slope == WeightSlope::Through,
        }),
        Kind::Siou { theta, sign } => call.base(Siou {
            theta,
            is_mmdetection: sign == SiouSign::MmDetection,
        }),
        Kind::Mpdiou { image: (w, h) } => call.base(Mpdiou {
            per_diagonal: 1.0 / (w * w + h * h),
        }),
        Kind::Wise { version, mean } => call.base(Wise {
            focus: match version {
                WiseVersion::V1 => Focus::NONE,
                WiseVersion::V2 { gamma } => Focus::monotonic(gamma, mean),
                WiseVersion::V3 { alpha, delta } => Focus::non_monotonic(alpha, delta, mean),
            },
        }),
        Kind::Extended { smooth_point } => call.run(Extended {
            ends,
            eps,
            smooth_point,
        }),
        Kind::Nwd { constant } => call.run(Nwd {
            ends,
            per_constant: 1.0 / constant,
        }),
        Kind::Bounded { beta } => call.run(Bounded { ends, eps, beta }),
    }
}

/// The arguments that do not depend on the formula.
struct Call<'a, 'i, 'v, 'g> {
    options: &'a Options,
    operands: &'a Operands<'i>,
    values: Option<ViewMut<'v>>,
    gradients: Gradients<'g>,
}

impl Call<'_, '_, '_, '_> {
    fn base<B: Base>(self, base: B) -> Result<f64> {
        let Options {
            format,
            eps,
            combinators,
            ..
        } = *self.options;
        let ends = Ends::from(format);
        if combinators == Combinators::default() {
            return self.run(Plain { base, ends, eps });
        }
        let term = Term {
            ends,
            eps,
            form: combinators.form,
            alpha: combinators.alpha,
            ratio: combinators.inner,
            interval: combinators.focaler,
        };
        let formula = Penalised {
            base,
            ends,
            eps,
            alpha: combinators.alpha,
        };
        let by = (self.options.denominator, self.options.reduction);
        boxes::evaluate_over(
            term,
            formula,
            self.operands,
            by,
            self.values,
            self.gradients,
        )
    }

    fn run<F: Pair<4>>(self, formula: F) -> Result<f64> {
        let Options {
            denominator,
            reduction,
            ..
        } = *self.options;
        boxes::evaluate(
            formula,
            self.operands,
            denominator,
            reduction,
            self.values,
            self.gradients,
        )
    }
}

/// A positive divisor, kept large enough that its inverse is a number in `f32`.
pub(crate) fn check_eps(eps: f64) -> Result<()> {
    if (1e-30..=1.0).contains(&eps) {
        Ok(())
    } else {
        Err(Error::option("eps", eps, "a number in 1e-30..=1"))
    }
}

/// Fails unless `value` is finite and above 0.
pub(crate) fn check_positive(option: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(Error::option(option, value, "a finite number above 0"))
    }
}

fn check(options: &Options) -> Result<()> {
    check_eps(options.eps)?;
    let Combinators {
        alpha,
        inner,
        focaler: (low, high),
        ..
    } = options.combinators;
    check_positive("alpha", alpha)?;
    check_positive("inner", inner)?;
    if !(0.0 <= low && low < high && high <= 1.0) {
        let got = format!("{low}..{high}");
        return Err(Error::option("focaler", got, "an interval within 0..=1"));
    }
    match options.kind {
        Kind::Iou | Kind::Giou | Kind::Diou | Kind::Ciou => Ok(()),
        Kind::Efficient { gamma, .. } => crate::focal::check_gamma(gamma),
        Kind::Extended { smooth_point } => check_positive("smooth_point", smooth_point),
        Kind::Siou { theta, .. } => check_positive("theta", theta),
        Kind::Mpdiou { image: (w, h) } => {
            check_positive("image width", w)?;
            check_positive("image height", h)
        }
        Kind::Nwd { constant } => check_positive("constant", constant),
        Kind::Bounded { beta } => check_positive("beta", beta),
        Kind::Wise { version, mean } => {
            check_positive("mean", mean)?;
            match version {
                WiseVersion::V1 => Ok(()),
                WiseVersion::V2 { gamma } => crate::focal::check_gamma(gamma),
                WiseVersion::V3 { alpha, delta } => {
                    check_positive("delta", delta)?;
                    if alpha > 1.0 && alpha.is_finite() {
                        Ok(())
                    } else {
                        Err(Error::option("alpha", alpha, "a finite number above 1"))
                    }
                }
            }
        }
    }
}
