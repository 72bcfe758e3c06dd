//! The formula of structural similarity, of the sum and the difference of two images.

#![forbid(unsafe_code)]

use crate::loops::window::{Formula, Local};
use crate::math::Real;

/// `1 − l·c` with `l = (2 μ_x μ_y + C1) / (μ_x² + μ_y² + C1)` and `c = (2 σ_xy + C2) / (σ_x² + σ_y² + C2)`.
///
/// With `s = x + y` and `d = x − y`, `4 μ_x μ_y = μ_s² − μ_d²` and `2 (μ_x² + μ_y²) = μ_s² + μ_d²`, so that
///
/// ```text
/// 1 − l = μ_d² / ((μ_s² + μ_d²)/2 + C1)        1 − c = σ_d² / ((σ_s² + σ_d²)/2 + C2)
/// ```
///
/// which keep their digits where the images are nearly equal.
#[derive(Clone, Copy, Debug)]
pub struct Dissimilarity {
    /// `C1`.
    pub c1: f64,
    /// `C2`.
    pub c2: f64,
    /// 1; or 0 for `1 − c` alone.
    pub luminance: f64,
}

/// `1 / x`, or 0 at 0.
#[inline(always)]
fn reciprocal<R: Real>(x: R) -> R {
    R::select(x == R::zero(), R::zero(), R::one() / x)
}

impl Formula for Dissimilarity {
    #[inline(always)]
    fn eval<R: Real>(&self, local: Local<R>) -> (R, Local<R>) {
        let (half, two, luminance) = (R::of(0.5), R::of(2.0), R::of(self.luminance));
        let (s, d) = (local.sum, local.difference);
        let (vs, vd) = (local.sum_variance, local.difference_variance);
        let l_share = reciprocal(half.mul_add(s.mul_add(s, d * d), R::of(self.c1)));
        let c_share = reciprocal(half.mul_add(vs + vd, R::of(self.c2)));
        // 1 − l and 1 − c.
        let l = luminance * (d * d * l_share);
        let c = vd * c_share;
        let value = (R::one() - l).mul_add(c, l);
        // How much the value changes with 1 − l, and with 1 − c.
        let of_l = (R::one() - c) * l_share;
        let of_c = (R::one() - l) * c_share;
        let slopes = Local {
            sum: -(of_l * l * s),
            difference: of_l * d * two.mul_add(luminance, -l),
            sum_variance: -(of_c * half * c),
            difference_variance: of_c * (R::one() - half * c),
        };
        (value, slopes)
    }
}
