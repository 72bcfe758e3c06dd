//! Relativistic average losses, cut at their sums.
//!
//! Each side is measured from the mean of the other: `L = Σ_i real(r_i − f̄) + Σ_j fake(f_j − r̄)`, so that the slope
//! of a logit has a second part, through its own mean:
//!
//! ```text
//! ∂L/∂r_i = real'(r_i − f̄) − (1/n) Σ_j fake'(f_j − r̄)
//! ```
//!
//! Three steps: [`GanMoments`] give the means, [`GanSums`] the slopes' sums at those means, and then every logit has its
//! gradient. Processes that share a batch pool both before they go on.

#![forbid(unsafe_code)]

use super::{
    Alone, AloneSweep, AnyCurve, Curve, GanSide, Linear, LogitGradients, Logits, Options, Plan,
    SlopeOf, Sweep, Visit, check_logits,
};
use crate::error::{Error, Result};
use crate::options::{Gradient, Reduction};
use crate::view::View;

/// Sums of logits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GanMoments {
    /// Of the real logits.
    pub real: f64,
    /// Of the fake logits.
    pub fake: f64,
    /// How many there are on each side.
    pub count: usize,
}

impl GanMoments {
    /// Adds those of another part of the batch.
    pub fn pool(&mut self, other: &Self) {
        self.real += other.real;
        self.fake += other.fake;
        self.count += other.count;
    }

    fn means(&self) -> (f64, f64) {
        let count = self.count.max(1) as f64;
        (self.real / count, self.fake / count)
    }
}

/// Sums of values and slopes at given means.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GanSums {
    /// Of values, both sides.
    pub value: f64,
    /// Of the real logits' slopes.
    pub real: f64,
    /// Of the fake logits' slopes.
    pub fake: f64,
}

impl GanSums {
    /// Adds those of another part of the batch.
    pub fn pool(&mut self, other: &Self) {
        self.value += other.value;
        self.real += other.real;
        self.fake += other.fake;
    }

    /// The value of the whole batch.
    pub fn value(&self, options: &Options, moments: &GanMoments) -> f64 {
        self.value * factor(options, moments)
    }
}

fn factor(options: &Options, moments: &GanMoments) -> f64 {
    match (options.reduction, moments.count) {
        (Reduction::Mean, 0) => 0.0,
        (Reduction::Mean, count) => 1.0 / count as f64,
        _ => 1.0,
    }
}

/// First step: the sums that means are made of. Weights do not change them.
pub fn moments(logits: &Logits<'_>) -> Result<GanMoments> {
    check_logits(logits)?;
    let unweighted = Logits {
        weight: None,
        ..logits.clone()
    };
    let sum = |view: &View<'_>| {
        let formula = Alone {
            curve: Linear { slope: 1.0 },
            sign: 1.0,
            shift: 0.0,
            extra: 0.0,
        };
        Sweep::over(view, view, &unweighted, Reduction::Sum).run(formula, None, None)
    };
    Ok(GanMoments {
        real: sum(&logits.real)?,
        fake: sum(&logits.fake)?,
        count: logits.real.len(),
    })
}

/// The curves of both sides.
struct Centred {
    real: AnyCurve,
    fake: AnyCurve,
    sign: f64,
}

impl Centred {
    fn new(options: &Options, side: GanSide) -> Result<Self> {
        match Plan::new(options, side)? {
            Plan::Sides {
                real: Some(real),
                fake,
                sign,
                centred: true,
            } => Ok(Self { real, fake, sign }),
            _ => Err(Error::option(
                "pairing",
                format!("{:?}", options.pairing),
                "Average",
            )),
        }
    }
}

/// Second step: sums of values and slopes at the means that `moments` give.
pub fn sums(
    options: &Options,
    side: GanSide,
    logits: &Logits<'_>,
    moments: &GanMoments,
) -> Result<GanSums> {
    let plan = Centred::new(options, side)?;
    check_logits(logits)?;
    let (real_mean, fake_mean) = moments.means();
    let of = |curve: AnyCurve, view: &View<'_>, shift: f64| {
        let sweep = || Sweep::over(view, view, logits, Reduction::Sum);
        let value = curve.accept(AloneSweep {
            sweep: sweep(),
            sign: plan.sign,
            shift,
            extra: 0.0,
            values: None,
            gradient: None,
        })?;
        let slope = curve.accept(SlopeSweep {
            sweep: sweep(),
            sign: plan.sign,
            shift,
        })?;
        Result::Ok((value, slope))
    };
    let (real_value, real) = of(plan.real, &logits.real, fake_mean)?;
    let (fake_value, fake) = of(plan.fake, &logits.fake, real_mean)?;
    Ok(GanSums {
        value: real_value + fake_value,
        real,
        fake,
    })
}

/// Third step: the gradients, from the sums of the whole batch.
pub fn gradients(
    options: &Options,
    side: GanSide,
    logits: &Logits<'_>,
    moments: &GanMoments,
    sums: &GanSums,
    gradients: LogitGradients<'_>,
) -> Result<()> {
    let plan = Centred::new(options, side)?;
    check_logits(logits)?;
    let (real_mean, fake_mean) = moments.means();
    let factor = factor(options, moments);
    let count = moments.count.max(1) as f64;
    let write =
        |curve: AnyCurve, view: &View<'_>, shift, opposite: f64, gradient: Option<Gradient<'_>>| {
            let Some(gradient) = gradient else {
                return Ok(());
            };
            let scale = factor * gradient.scale;
            let gradient = Gradient { scale, ..gradient };
            curve
                .accept(AloneSweep {
                    sweep: Sweep::over(view, view, logits, Reduction::Sum),
                    sign: plan.sign,
                    shift,
                    extra: -opposite / count,
                    values: None,
                    gradient: Some(gradient),
                })
                .map(drop)
        };
    write(
        plan.real,
        &logits.real,
        fake_mean,
        sums.fake,
        gradients.real,
    )?;
    write(
        plan.fake,
        &logits.fake,
        real_mean,
        sums.real,
        gradients.fake,
    )
}

/// All three steps.
pub(super) fn evaluate(
    options: &Options,
    side: GanSide,
    logits: &Logits<'_>,
    into: LogitGradients<'_>,
) -> Result<f64> {
    let moments = moments(logits)?;
    let sums = sums(options, side, logits, &moments)?;
    gradients(options, side, logits, &moments, &sums, into)?;
    Ok(sums.value(options, &moments))
}

/// [`SlopeOf`] over one side.
struct SlopeSweep<'a> {
    sweep: Sweep<'a>,
    sign: f64,
    shift: f64,
}

impl Visit for SlopeSweep<'_> {
    type Output = Result<f64>;
    fn visit<C: Curve>(self, curve: C) -> Result<f64> {
        let formula = Alone {
            curve,
            sign: self.sign,
            shift: self.shift,
            extra: 0.0,
        };
        self.sweep.run(SlopeOf(formula), None, None)
    }
}
