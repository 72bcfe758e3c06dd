//! The formula of cross-entropy.

#![forbid(unsafe_code)]

use crate::loops::site::Term;
use crate::math::Real;

/// `−ln p` of the true class.
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropy;

impl Term for CrossEntropy {
    #[inline(always)]
    fn eval<R: Real>(&self, minus_ln_p: R, _: R, _: R) -> (R, R) {
        (minus_ln_p, R::one())
    }
}
