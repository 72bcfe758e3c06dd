//! The formula of binary cross-entropy.

#![forbid(unsafe_code)]

use crate::loops::pointwise::Pointwise;
use crate::math::{Logistic, Real};

/// `a t softplus(−x) + (1 − t) softplus(x)`, with the target smoothed first.
#[derive(Clone, Copy, Debug)]
pub struct Bce {
    /// Targets move this far towards their opposite.
    pub label_smoothing: f64,
}

impl Pointwise for Bce {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R) {
        let s = R::of(self.label_smoothing);
        let t = t * (R::one() - s) + (R::one() - t) * s;
        Logistic::new(x).cross_entropy(t, a)
    }
}
