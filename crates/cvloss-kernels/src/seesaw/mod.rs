//! Seesaw loss: cross-entropy whose other classes' exponentials are damped or raised, by how often classes were seen
//! and how wrong the prediction is.

#![forbid(unsafe_code)]

mod cpu;

use crate::error::{Error, Result, check_weight};
use crate::loops::site::{Operands, start};
use crate::options::{Gradient, Normalizer, Reduction};
use crate::view::ViewMut;

use cpu::Seesaw;

/// Options of [`evaluate`].
#[derive(Clone, Debug)]
pub struct Options {
    /// How many points of each class were seen, one number per class; equally many where absent.
    pub counts: Option<Vec<f64>>,
    /// Power of the mitigation by counts, at least 0.
    pub p: f64,
    /// Power of the compensation by probabilities, at least 0.
    pub q: f64,
    /// The least probability of the true class that the compensation divides by, above 0 and at most 1.
    pub eps: f64,
    /// What the mean divides by.
    pub normalizer: Normalizer,
    /// How pixels are reduced.
    pub reduction: Reduction,
}

impl Options {
    /// Fails if an option is out of range.
    pub fn check(&self) -> Result<()> {
        check_weight("p", self.p)?;
        check_weight("q", self.q)?;
        if !(self.eps > 0.0 && self.eps <= 1.0) {
            let expected = "a number above 0 and at most 1";
            return Err(Error::option("eps", self.eps, expected));
        }
        let mut counts = self.counts.iter().flatten();
        match counts.find(|count| !(**count >= 0.0 && count.is_finite())) {
            Some(bad) => Err(Error::option("counts", bad, "finite numbers of at least 0")),
            None => Ok(()),
        }
    }

    /// Fails unless there is a count for each of so many classes.
    pub fn check_classes(&self, classes: usize) -> Result<()> {
        match &self.counts {
            Some(counts) if counts.len() != classes => {
                let got = format!("{} numbers", counts.len());
                let expected = format!("{classes}, one per class");
                Err(Error::option("counts", got, expected))
            }
            _ => Ok(()),
        }
    }
}

/// `−w_y ln p_y` of the softmax of `x_c + ln S_yc`. The factors `S` count as constant. The target must be class
/// indices.
///
/// See [`site::evaluate`](crate::loops::site::evaluate).
pub fn evaluate(
    options: &Options,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    options.check()?;
    let classes = operands.input.shape()[1];
    options.check_classes(classes)?;
    // A class that was not seen counts as seen once.
    let ln_counts: Vec<f64> = match &options.counts {
        Some(counts) => counts.iter().map(|count| count.max(1.0).ln()).collect(),
        None => vec![0.0; classes],
    };
    let seesaw = Seesaw {
        ln_counts: &ln_counts,
        p: options.p,
        q: options.q,
        ln_eps: options.eps.ln(),
    };
    let (reduction, normalizer) = (options.reduction, options.normalizer);
    start(seesaw, operands, reduction, normalizer, values, gradient)
}
