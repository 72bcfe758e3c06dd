//! From options to curves: which curve the real logits see, and which the fake ones.

#![forbid(unsafe_code)]

use super::cpu::{Absolute, CrossEntropy, Curve, Hinge, Linear, Rectified, Square};
use super::{GanForm, GanLabels, GanSide, Options, Pairing};
use crate::error::{Error, Result};

/// One of the curves, chosen at run time.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum AnyCurve {
    CrossEntropy(CrossEntropy),
    Square(Square),
    Linear(Linear),
    Hinge(Hinge),
    Rectified(Rectified),
    Absolute(Absolute),
}

/// What to do with a curve whose type is known.
pub(super) trait Visit {
    /// What comes of it.
    type Output;
    /// Does it.
    fn visit<C: Curve>(self, curve: C) -> Self::Output;
}

/// As [`Visit`], with two curves of one kind.
pub(super) trait VisitTwo {
    /// What comes of it.
    type Output;
    /// Does it.
    fn visit<C: Curve>(self, own: C, other: C) -> Self::Output;
}

impl AnyCurve {
    /// Fails if the curves differ in kind: those of a form do not.
    pub(super) fn accept_both<T, V: VisitTwo<Output = Result<T>>>(
        self,
        other: Self,
        visit: V,
    ) -> Result<T> {
        match (self, other) {
            (Self::CrossEntropy(own), Self::CrossEntropy(other)) => visit.visit(own, other),
            (Self::Square(own), Self::Square(other)) => visit.visit(own, other),
            (Self::Linear(own), Self::Linear(other)) => visit.visit(own, other),
            (Self::Hinge(own), Self::Hinge(other)) => visit.visit(own, other),
            (Self::Rectified(own), Self::Rectified(other)) => visit.visit(own, other),
            (Self::Absolute(own), Self::Absolute(other)) => visit.visit(own, other),
            _ => Err(Error::option(
                "reduction",
                "None",
                "Sum or Mean: the two sides have curves of different kinds",
            )),
        }
    }

    pub(super) fn accept<V: Visit>(self, visit: V) -> V::Output {
        match self {
            Self::CrossEntropy(curve) => visit.visit(curve),
            Self::Square(curve) => visit.visit(curve),
            Self::Linear(curve) => visit.visit(curve),
            Self::Hinge(curve) => visit.visit(curve),
            Self::Rectified(curve) => visit.visit(curve),
            Self::Absolute(curve) => visit.visit(curve),
        }
    }

    fn linear(slope: f64) -> Self {
        Self::Linear(Linear { slope })
    }

    fn hinge(sign: f64) -> Self {
        Self::Hinge(Hinge { sign })
    }
}

/// A side of the game, spelt out.
#[derive(Clone, Copy, Debug)]
pub enum Plan {
    /// `sign · (real(r − E f) + fake(f − E r))`; the means are 0 unless `centred`.
    Sides {
        /// The curve of the real logits, if they count.
        real: Option<AnyCurve>,
        /// The curve of the fake logits.
        fake: AnyCurve,
        /// 1, or −1 for a generator that maximises the discriminator's loss.
        sign: f64,
        /// Whether each side is measured from the other's mean.
        centred: bool,
    },
    /// `sign · curve(toward · (r − f))`, pair by pair.
    Pairs {
        /// The curve of the difference.
        curve: AnyCurve,
        /// 1 or −1.
        sign: f64,
        /// 1 from fake to real, −1 from real to fake.
        toward: f64,
    },
}

impl Plan {
    /// The plan of a side; fails if options are out of range or do not go together.
    pub fn new(options: &Options, side: GanSide) -> Result<Self> {
        check(options)?;
        let Options {
            form,
            pairing,
            labels,
            ..
        } = *options;
        let (real, fake) = (real_curve(form, labels.real), fake_curve(form, labels.fake));
        let saturates = form == GanForm::Minimax;
        Ok(match (pairing, side) {
            (Pairing::Paired, GanSide::Discriminator) => Self::Pairs {
                curve: real,
                sign: 1.0,
                toward: 1.0,
            },
            (Pairing::Paired, GanSide::Generator) if saturates => Self::Pairs {
                curve: real,
                sign: -1.0,
                toward: 1.0,
            },
            (Pairing::Paired, GanSide::Generator) => Self::Pairs {
                curve: real_curve(form, labels.generator),
                sign: 1.0,
                toward: -1.0,
            },
            (_, GanSide::Discriminator) => Self::Sides {
                real: Some(real),
                fake,
                sign: 1.0,
                centred: pairing == Pairing::Average,
            },
            (Pairing::Standard, GanSide::Generator) => Self::Sides {
                real: None,
                fake: match form {
                    GanForm::Minimax => fake,
                    GanForm::Hinge => AnyCurve::linear(-1.0),
                    _ => real_curve(form, labels.generator),
                },
                sign: if saturates { -1.0 } else { 1.0 },
                centred: false,
            },
            (Pairing::Average, GanSide::Generator) if saturates => Self::Sides {
                real: Some(real),
                fake,
                sign: -1.0,
                centred: true,
            },
            // The discriminator's loss with the roles exchanged.
            (Pairing::Average, GanSide::Generator) => Self::Sides {
                real: Some(fake),
                fake: real_curve(form, labels.generator),
                sign: 1.0,
                centred: true,
            },
        })
    }
}

/// What pulls a logit up to `label`.
fn real_curve(form: GanForm, label: f64) -> AnyCurve {
    match form {
        GanForm::Minimax | GanForm::NonSaturating => AnyCurve::CrossEntropy(CrossEntropy { label }),
        GanForm::LeastSquares { factor } => AnyCurve::Square(Square { label, factor }),
        GanForm::Wasserstein => AnyCurve::linear(-1.0),
        GanForm::Hinge => AnyCurve::hinge(1.0),
    }
}

/// What pulls a logit down to `label`.
fn fake_curve(form: GanForm, label: f64) -> AnyCurve {
    match form {
        GanForm::Wasserstein => AnyCurve::linear(1.0),
        GanForm::Hinge => AnyCurve::hinge(-1.0),
        _ => real_curve(form, label),
    }
}

fn check(options: &Options) -> Result<()> {
    let GanLabels {
        real,
        fake,
        generator,
    } = options.labels;
    let named = [
        ("labels.real", real, 1.0),
        ("labels.fake", fake, 0.0),
        ("labels.generator", generator, 1.0),
    ];
    for (name, label, default) in named {
        let (fits, expected) = match options.form {
            GanForm::Minimax | GanForm::NonSaturating => {
                ((0.0..=1.0).contains(&label), "a number in 0..=1".into())
            }
            GanForm::LeastSquares { .. } => (label.is_finite(), "a finite number".into()),
            GanForm::Wasserstein | GanForm::Hinge => (
                label == default,
                format!("{default}: this form has no labels"),
            ),
        };
        if !fits {
            return Err(Error::option(name, label, expected));
        }
        let is_unread = match options.pairing {
            Pairing::Paired => name == "labels.fake",
            _ => false,
        };
        if is_unread && label != default {
            let expected = format!("{default}: pairs have one term, of the real label");
            return Err(Error::option(name, label, expected));
        }
    }
    match options.form {
        GanForm::LeastSquares { factor } if !(factor > 0.0 && factor.is_finite()) => {
            Err(Error::option("factor", factor, "a finite number above 0"))
        }
        _ => Ok(()),
    }
}
