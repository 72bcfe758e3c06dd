//! The formula of balanced L1.

#![forbid(unsafe_code)]

use crate::loops::pointwise::Pointwise;
use crate::math::Real;

/// `α/b (b d + 1) ln(b d/β + 1) − α d` for `d < β`, `γ d + γ/b − α β` above: slopes promote points that are nearly
/// right.
#[derive(Clone, Copy, Debug)]
pub struct BalancedL1 {
    pub(super) alpha: f64,
    pub(super) gamma: f64,
    pub(super) beta: f64,
    /// `e^(γ/α) − 1`, with which both slopes meet at `β = 1`.
    pub(super) b: f64,
}

impl Pointwise for BalancedL1 {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, _: R) -> (R, R) {
        let difference = x - t;
        let d = difference.abs();
        let (alpha, gamma, beta, b) = (
            R::of(self.alpha),
            R::of(self.gamma),
            R::of(self.beta),
            R::of(self.b),
        );
        let grown = b * d + R::one();
        let inner = b * d / beta + R::one();
        let ln = inner.ln();
        let small = alpha / b * grown * ln - alpha * d;
        // d/dd of α/b (b d + 1) ln(b d/β + 1)
        let small_slope = alpha * ln + alpha * grown / (beta * inner) - alpha;
        let large = gamma * d + gamma / b - alpha * beta;
        let is_small = d < beta;
        let zero = R::zero();
        let slope = R::select(is_small, small_slope, gamma);
        let sign = R::select(
            difference > zero,
            R::one(),
            R::select(difference < zero, -R::one(), difference),
        );
        (R::select(is_small, small, large), slope * sign)
    }
}
