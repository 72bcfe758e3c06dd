//! Losses of pairs of rotated boxes: centre, width, height, angle in radians.
//!
//! The angle turns the width from the x axis towards the y axis. A negative width or height counts as 0.

#![forbid(unsafe_code)]

mod clip;
mod dual;
mod frame;
mod gaussian;

use crate::boxes::{IouForm, check_eps, check_positive};
use crate::error::{Error, Result};
use crate::loops::boxes::{self, Denominator, Gradients, Operands, Pair};
use crate::options::Reduction;
use crate::view::ViewMut;

use clip::Exact;
use gaussian::{Gaussian, Gwd, Kfiou, Kld, ProbIou};

/// A function of a distance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Scale {
    /// The distance itself.
    Linear,
    /// Its root, of at least 1e-7.
    Sqrt,
    /// `ln(1 + ·)`.
    #[default]
    Log1p,
}

/// Which divergence of two Gaussians.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Divergence {
    /// Kullback-Leibler of the target from the prediction: mmrotate's `kld`.
    #[default]
    Forward,
    /// The mean of both directions: `jd`.
    Jeffreys,
    /// The larger of both directions: `kld_symmax`.
    Largest,
    /// The smaller of both directions: `kld_symmin`.
    Smallest,
}

/// What becomes of the IoU of fused Gaussians.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum KfForm {
    /// `1 − ·`: mmrotate's `none`.
    #[default]
    Linear,
    /// `−ln(· + ε)`: `ln`.
    Log,
    /// `e^(1 − ·) − 1`: `exp`.
    Exp,
}

/// Which loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Exact IoU of the polygons.
    Iou {
        /// What becomes of it.
        form: IouForm,
    },
    /// Gaussian Wasserstein distance.
    Gwd {
        /// The function of it.
        scale: Scale,
        /// From 1 on: `1 − 1/(τ + ·)`.
        tau: f64,
        /// The weight of shape against centre, above 0.
        alpha: f64,
        /// Whether it is divided by twice the size of the boxes.
        is_normalized: bool,
    },
    /// Kullback-Leibler divergence.
    Kld {
        /// Which direction.
        divergence: Divergence,
        /// Whether its root is taken.
        has_root: bool,
        /// The function of it.
        scale: Scale,
        /// From 1 on: `1 − 1/(τ + ·)`.
        tau: f64,
        /// The weight of shape against centre, above 0.
        alpha: f64,
    },
    /// Kalman-filter IoU.
    Kfiou {
        /// What becomes of the IoU.
        form: KfForm,
        /// Where the smooth L1 of the centres becomes linear, above 0.
        beta: f64,
    },
    /// Probabilistic IoU.
    ProbIou,
}

/// Options of [`evaluate`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Which loss.
    pub kind: Kind,
    /// Added to what is divided by.
    pub eps: f64,
    /// What the mean divides by.
    pub denominator: Denominator,
    /// How pairs are reduced.
    pub reduction: Reduction,
}

/// Evaluates a loss of rotated boxes, (N, 1, 5). See [`boxes::evaluate`].
pub fn evaluate(
    options: &Options,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradients: Gradients<'_>,
) -> Result<f64> {
    let eps = options.eps;
    check_eps(eps)?;
    let call = Call {
        options,
        operands,
        values,
        gradients,
    };
    match options.kind {
        Kind::Iou { form } => call.run(Exact { form, eps }),
        Kind::Gwd {
            scale,
            tau,
            alpha,
            is_normalized,
        } => {
            check_tau(tau)?;
            check_positive("alpha", alpha)?;
            call.run(Gaussian(Gwd {
                scale,
                tau,
                alpha,
                is_normalized,
            }))
        }
        Kind::Kld {
            divergence,
            has_root,
            scale,
            tau,
            alpha,
        } => {
            check_tau(tau)?;
            check_positive("alpha", alpha)?;
            call.run(Gaussian(Kld {
                divergence,
                has_root,
                scale,
                tau,
                alpha,
            }))
        }
        Kind::Kfiou { form, beta } => {
            check_positive("beta", beta)?;
            call.run(Gaussian(Kfiou { form, beta, eps }))
        }
        Kind::ProbIou => call.run(Gaussian(ProbIou { eps })),
    }
}

fn check_tau(tau: f64) -> Result<()> {
    if tau == 0.0 || (tau >= 1.0 && tau.is_finite()) {
        Ok(())
    } else {
        Err(Error::option(
            "tau",
            tau,
            "0, or a finite number of at least 1",
        ))
    }
}

struct Call<'a, 'i, 'v, 'g> {
    options: &'a Options,
    operands: &'a Operands<'i>,
    values: Option<ViewMut<'v>>,
    gradients: Gradients<'g>,
}

impl Call<'_, '_, '_, '_> {
    fn run(self, formula: impl Pair<5>) -> Result<f64> {
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
