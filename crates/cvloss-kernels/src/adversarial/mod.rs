//! Adversarial losses: what a discriminator and a generator minimise, from logits.
//!
//! Every form is a curve of one number ([`Curve`]). Without a relation the curves are of the real and of the fake
//! logits; relativistic losses take curves of differences, pair by pair or from the mean of the other side. The mean
//! makes a loss batch-pooled: see [`average`].

#![forbid(unsafe_code)]

pub mod average;
mod cpu;
mod device;
mod features;
mod lecam;
mod plan;

use crate::error::{Error, Result, check_shape};
use crate::loops::pointwise::{self, Operands, Pointwise};
use crate::options::{Gradient, Normalizer, Reduction};
use crate::scalar::DType;
use crate::view::{View, ViewMut};

pub use cpu::{
    Absolute, Alone, CrossEntropy, Curve, Difference, Given, Hinge, Linear, Rectified, SlopeOf,
    Square, Two,
};
pub use device::{alone, kernel, opposed, two};
pub use features::{FeatureDistance, FeatureOptions, FeaturePooling, evaluate_features};
pub use lecam::{LecamForm, LecamOptions, evaluate_lecam};
pub use plan::{AnyCurve, Plan};

use plan::{Visit, VisitTwo};

/// The function behind an adversarial loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum GanForm {
    /// Cross-entropy, which the generator maximises: its gradient vanishes where the discriminator is sure.
    Minimax,
    /// Cross-entropy on both sides, each with its own labels.
    #[default]
    NonSaturating,
    /// `factor (x − label)²`.
    LeastSquares {
        /// ½ in the paper, torchgan and StudioGAN; 1 in BasicSR and MONAI.
        factor: f64,
    },
    /// The logits themselves.
    Wasserstein,
    /// `max(0, 1 ∓ x)`; the generator takes the logits themselves, unless the loss is relativistic.
    Hinge,
}

/// What a logit is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Pairing {
    /// With nothing.
    #[default]
    Standard,
    /// With the logit at its place on the other side: RpGAN.
    Paired,
    /// With the mean of the other side: RaGAN.
    Average,
}

/// What the logits are drawn to, by cross-entropy or least squares.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct GanLabels {
    /// Of real items, for the discriminator; `b` of LSGAN. Default 1; 0.9 is one-sided label smoothing.
    pub real: f64,
    /// Of fake items, for the discriminator; `a` of LSGAN. Default 0.
    pub fake: f64,
    /// Of fake items, for the generator; `c` of LSGAN. Default 1.
    pub generator: f64,
}

impl Default for GanLabels {
    fn default() -> Self {
        Self {
            real: 1.0,
            fake: 0.0,
            generator: 1.0,
        }
    }
}

/// Whose loss it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GanSide {
    /// Who tells real from fake.
    Discriminator,
    /// Who makes fakes.
    Generator,
}

/// Options of [`evaluate`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The function.
    pub form: GanForm,
    /// What a logit is compared with.
    pub pairing: Pairing,
    /// What logits are drawn to.
    pub labels: GanLabels,
    /// How elements are reduced. [`Reduction::None`] has no gradient of its own with [`Pairing::Average`].
    pub reduction: Reduction,
}

/// What an adversarial loss reads.
#[derive(Clone, Debug)]
pub struct Logits<'a> {
    /// The discriminator's opinion of real items.
    pub real: View<'a>,
    /// And of fake ones, in the same shape.
    pub fake: View<'a>,
    /// Multiplies value and slope of both, broadcast; 1 where absent.
    pub weight: Option<View<'a>>,
}

/// Where gradients go.
#[derive(Debug, Default)]
pub struct LogitGradients<'a> {
    /// With respect to the real logits.
    pub real: Option<Gradient<'a>>,
    /// With respect to the fake logits.
    pub fake: Option<Gradient<'a>>,
}

/// An adversarial loss and its gradients with respect to real and fake logits.
///
/// The mean is over real logits plus that over fake ones. Returns the reduced value; with [`Reduction::None`] it writes
/// one value per pair of logits to `values` and returns their sum.
pub fn evaluate(
    options: &Options,
    side: GanSide,
    logits: &Logits<'_>,
    values: Option<ViewMut<'_>>,
    gradients: LogitGradients<'_>,
) -> Result<f64> {
    let plan = Plan::new(options, side)?;
    check_logits(logits)?;
    match plan {
        Plan::Sides { centred: true, .. } => {
            if options.reduction == Reduction::None {
                let expected = "Sum or Mean: a mean over the batch ties all logits together";
                return Err(Error::option("reduction", "None", expected));
            }
            average::evaluate(options, side, logits, gradients)
        }
        plan => run(plan, logits, options.reduction, values, gradients),
    }
}

/// Fails unless both are floating and of one shape.
pub(crate) fn check_logits(logits: &Logits<'_>) -> Result<()> {
    check_shape("target", logits.real.shape(), logits.fake.shape())?;
    for (argument, view) in [("input", &logits.real), ("target", &logits.fake)] {
        if !matches!(
            view.dtype(),
            DType::F32 | DType::F64 | DType::F16 | DType::BF16
        ) {
            return Err(Error::DType {
                argument,
                expected: "f32, f64, f16 or bf16",
                got: view.dtype(),
            });
        }
    }
    Ok(())
}

/// Runs a plan that needs no means.
fn run(
    plan: Plan,
    logits: &Logits<'_>,
    reduction: Reduction,
    values: Option<ViewMut<'_>>,
    gradients: LogitGradients<'_>,
) -> Result<f64> {
    match plan {
        Plan::Pairs {
            curve,
            sign,
            toward,
        } => pairs(curve, sign, toward, logits, reduction, values, gradients),
        Plan::Sides {
            real, fake, sign, ..
        } => {
            let own_real = || Sweep::over(&logits.real, &logits.real, logits, reduction);
            let own_fake = || Sweep::over(&logits.fake, &logits.fake, logits, reduction);
            let plain = |curve: AnyCurve, sweep: Sweep<'_>, values, gradient| {
                let shift = 0.0;
                let extra = 0.0;
                curve.accept(AloneSweep {
                    sweep,
                    sign,
                    shift,
                    extra,
                    values,
                    gradient,
                })
            };
            let Some(real) = real else {
                if let Some(gradient) = gradients.real {
                    untouched(&logits.real, gradient)?;
                }
                return plain(fake, own_fake(), values, gradients.fake);
            };
            if let Some(values) = values {
                // A value per pair is the sum of both sides.
                let sweep = Sweep::over(&logits.real, &logits.fake, logits, reduction);
                let total = real.accept_both(
                    fake,
                    TwoSweep {
                        sweep,
                        values,
                        gradient: gradients.real,
                    },
                )?;
                if gradients.fake.is_some() {
                    plain(fake, own_fake(), None, gradients.fake)?;
                }
                return Ok(total);
            }
            let of_real = plain(real, own_real(), None, gradients.real)?;
            let of_fake = plain(fake, own_fake(), None, gradients.fake)?;
            Ok(of_real + of_fake)
        }
    }
}

/// A curve of the difference of each pair.
pub(crate) fn pairs(
    curve: AnyCurve,
    sign: f64,
    toward: f64,
    logits: &Logits<'_>,
    reduction: Reduction,
    values: Option<ViewMut<'_>>,
    gradients: LogitGradients<'_>,
) -> Result<f64> {
    let sweep = |x, t, toward, values, gradient| {
        let sweep = Sweep::over(x, t, logits, reduction);
        curve.accept(DifferenceSweep {
            sweep,
            sign,
            toward,
            values,
            gradient,
        })
    };
    let (real, fake) = (&logits.real, &logits.fake);
    let value = sweep(real, fake, toward, values, gradients.real)?;
    if gradients.fake.is_some() {
        sweep(fake, real, -toward, None, gradients.fake)?;
    }
    Ok(value)
}

/// A gradient of 0.
fn untouched(like: &View<'_>, gradient: Gradient<'_>) -> Result<()> {
    check_shape("gradient", like.shape(), gradient.view.shape())?;
    if !gradient.accumulate {
        let mut view = gradient.view;
        view.clear();
    }
    Ok(())
}

/// One pass of the pointwise loop.
pub(crate) struct Sweep<'a> {
    operands: Operands<'a>,
    reduction: Reduction,
}

impl<'a> Sweep<'a> {
    /// The weight is the formula's auxiliary number: slopes may have parts that it does not multiply.
    pub(crate) fn over(
        x: &'a View<'_>,
        t: &'a View<'_>,
        logits: &'a Logits<'_>,
        reduction: Reduction,
    ) -> Self {
        Self {
            operands: Operands {
                input: x.reborrow(),
                target: t.reborrow(),
                auxiliary: logits.weight.as_ref().map(View::reborrow),
                weight: None,
                ignore: None,
            },
            reduction,
        }
    }

    pub(crate) fn run(
        self,
        formula: impl Pointwise,
        values: Option<ViewMut<'_>>,
        gradient: Option<Gradient<'_>>,
    ) -> Result<f64> {
        pointwise::evaluate(
            formula,
            &self.operands,
            self.reduction,
            Normalizer::Elements,
            values,
            gradient,
        )
    }
}

/// [`Alone`] over one side.
pub(crate) struct AloneSweep<'a, 'v, 'g> {
    pub(crate) sweep: Sweep<'a>,
    pub(crate) sign: f64,
    pub(crate) shift: f64,
    pub(crate) extra: f64,
    pub(crate) values: Option<ViewMut<'v>>,
    pub(crate) gradient: Option<Gradient<'g>>,
}

impl Visit for AloneSweep<'_, '_, '_> {
    type Output = Result<f64>;
    fn visit<C: Curve>(self, curve: C) -> Result<f64> {
        let formula = Alone {
            curve,
            sign: self.sign,
            shift: self.shift,
            extra: self.extra,
        };
        self.sweep.run(formula, self.values, self.gradient)
    }
}

/// [`Difference`] over pairs.
struct DifferenceSweep<'a, 'v, 'g> {
    sweep: Sweep<'a>,
    sign: f64,
    toward: f64,
    values: Option<ViewMut<'v>>,
    gradient: Option<Gradient<'g>>,
}

impl Visit for DifferenceSweep<'_, '_, '_> {
    type Output = Result<f64>;
    fn visit<C: Curve>(self, curve: C) -> Result<f64> {
        let formula = Difference {
            curve,
            sign: self.sign,
            toward: self.toward,
        };
        self.sweep.run(formula, self.values, self.gradient)
    }
}

/// [`Two`] over pairs.
struct TwoSweep<'a, 'v, 'g> {
    sweep: Sweep<'a>,
    values: ViewMut<'v>,
    gradient: Option<Gradient<'g>>,
}

impl VisitTwo for TwoSweep<'_, '_, '_> {
    type Output = Result<f64>;
    fn visit<C: Curve>(self, own: C, other: C) -> Result<f64> {
        let formula = Two { own, other };
        self.sweep.run(formula, Some(self.values), self.gradient)
    }
}
