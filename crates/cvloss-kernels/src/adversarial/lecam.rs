//! LeCam regularisation: logits are held near the running mean of the other side.

#![forbid(unsafe_code)]

use super::{AnyCurve, LogitGradients, Logits, Plan, Rectified, Square, check_logits, run};
use crate::error::{Error, Result};
use crate::options::Reduction;
use crate::view::ViewMut;

/// Which distances count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LecamForm {
    /// Only those on the side that the discriminator tends to: the authors' code, StudioGAN.
    #[default]
    Rectified,
    /// All: the paper's formula.
    Squared,
}

/// Options of [`evaluate_lecam`].
#[derive(Clone, Copy, Debug)]
pub struct LecamOptions {
    /// Which distances count.
    pub form: LecamForm,
    /// The running mean of real logits.
    pub real_mean: f64,
    /// The running mean of fake logits.
    pub fake_mean: f64,
    /// How pairs are reduced.
    pub reduction: Reduction,
}

/// `max(0, r − f̄)² + max(0, r̄ − f)²`. See [`super::evaluate`].
pub fn evaluate_lecam(
    options: &LecamOptions,
    logits: &Logits<'_>,
    values: Option<ViewMut<'_>>,
    gradients: LogitGradients<'_>,
) -> Result<f64> {
    let plan = options.plan()?;
    check_logits(logits)?;
    run(plan, logits, options.reduction, values, gradients)
}

impl LecamOptions {
    /// The curves of both sides.
    pub fn plan(&self) -> Result<Plan> {
        for (name, mean) in [("real_mean", self.real_mean), ("fake_mean", self.fake_mean)] {
            if !mean.is_finite() {
                return Err(Error::option(name, mean, "a finite number"));
            }
        }
        let curve = |sign, anchor| match self.form {
            LecamForm::Rectified => AnyCurve::Rectified(Rectified { sign, anchor }),
            LecamForm::Squared => AnyCurve::Square(Square {
                label: anchor,
                factor: 1.0,
            }),
        };
        Ok(Plan::Sides {
            real: Some(curve(1.0, self.fake_mean)),
            fake: curve(-1.0, self.real_mean),
            sign: 1.0,
            centred: false,
        })
    }
}
