//! The formulas of pixel losses: functions of the difference `d = x − t`.
//!
//! Small differences keep their relative accuracy, and large ones do not overflow before their value does.

#![forbid(unsafe_code)]

use crate::loops::pointwise::Difference;
use crate::math::{Real, exp_m1, ln_1p};

/// The sign of `d`: 0 at 0, NaN at NaN.
#[inline(always)]
fn sign<R: Real>(d: R) -> R {
    R::select(
        d > R::zero(),
        R::one(),
        R::select(d < R::zero(), -R::one(), d),
    )
}

/// `√(a² + b²)` for `a ≥ 0` and `b > 0`.
#[inline(always)]
pub(crate) fn hypotenuse<R: Real>(a: R, b: R) -> R {
    let long = a.at_least(b);
    let ratio = a.at_most(b) / long;
    long * ratio.mul_add(ratio, R::one()).sqrt()
}

/// `|d|`.
#[derive(Clone, Copy, Debug)]
pub struct L1;
impl Difference for L1 {
    #[inline(always)]
    fn eval<R: Real>(&self, d: R) -> (R, R) {
        (d.abs(), sign(d))
    }
}

/// `d²`.
#[derive(Clone, Copy, Debug)]
pub struct L2;
impl Difference for L2 {
    #[inline(always)]
    fn eval<R: Real>(&self, d: R) -> (R, R) {
        (d * d, d + d)
    }
}

/// `d²/2` up to `|d| = δ`, `δ (|d| − δ/2)` beyond; all times `factor`.
#[derive(Clone, Copy, Debug)]
pub struct Huber {
    /// Where the parabola ends.
    pub delta: f64,
    /// 1, or for the smooth L1 loss `1/δ`.
    pub factor: f64,
}
impl Difference for Huber {
    #[inline(always)]
    fn eval<R: Real>(&self, d: R) -> (R, R) {
        let (delta, factor) = (R::of(self.delta), R::of(self.factor));
        let a = d.abs();
        let q = a.at_most(delta);
        let value = q * (a - R::of(0.5) * q);
        (value * factor, d.at_least(-delta).at_most(delta) * factor)
    }
}

/// `√(d² + ε²)`.
#[derive(Clone, Copy, Debug)]
pub struct Charbonnier {
    /// `ε`, above 0.
    pub eps: f64,
}
impl Difference for Charbonnier {
    #[inline(always)]
    fn eval<R: Real>(&self, d: R) -> (R, R) {
        let value = hypotenuse(d.abs(), R::of(self.eps));
        (value, d / value)
    }
}

/// Barron's general loss, `|α − 2|/α · ((z²/|α − 2| + 1)^(α/2) − 1)` with `z = d/c`, for `α` other than 0, 1, 2.
#[derive(Clone, Copy, Debug)]
pub struct General {
    /// `α`.
    pub alpha: f64,
    /// `c`.
    pub scale: f64,
}
impl Difference for General {
    #[inline(always)]
    fn eval<R: Real>(&self, d: R) -> (R, R) {
        let b = (self.alpha - 2.0).abs();
        let z = d * R::of(1.0 / self.scale);
        let log = ln_1p_square(z.abs() * R::of(1.0 / b.sqrt()));
        let value = R::of(b / self.alpha) * exp_m1(R::of(self.alpha / 2.0) * log);
        let slope = (R::of(self.alpha / 2.0 - 1.0) * log).exp();
        (value, z * (slope * R::of(1.0 / self.scale)))
    }
}

/// `ln(1 + y²)` for `y ≥ 0`, of which the square may overflow.
#[inline(always)]
fn ln_1p_square<R: Real>(y: R) -> R {
    let is_large = y > R::of(1e9);
    let square = R::select(is_large, y, y * y);
    let log = ln_1p(square);
    R::select(is_large, log + log, log)
}

/// `α = 2`: `z²/2`.
#[derive(Clone, Copy, Debug)]
pub struct Quadratic {
    /// `c`.
    pub scale: f64,
}
impl Difference for Quadratic {
    #[inline(always)]
    fn eval<R: Real>(&self, d: R) -> (R, R) {
        let r = R::of(1.0 / self.scale);
        let z = d * r;
        (R::of(0.5) * (z * z), z * r)
    }
}

/// `α = 1`: `√(z² + 1) − 1`.
#[derive(Clone, Copy, Debug)]
pub struct PseudoHuber {
    /// `c`.
    pub scale: f64,
}
impl Difference for PseudoHuber {
    #[inline(always)]
    fn eval<R: Real>(&self, d: R) -> (R, R) {
        let r = R::of(1.0 / self.scale);
        let z = d * r;
        let root = hypotenuse(z.abs(), R::one());
        (z * (z / (root + R::one())), z / root * r)
    }
}

/// `α = 0`: `ln(z²/2 + 1)`.
#[derive(Clone, Copy, Debug)]
pub struct Cauchy {
    /// `c`.
    pub scale: f64,
}
impl Difference for Cauchy {
    #[inline(always)]
    fn eval<R: Real>(&self, d: R) -> (R, R) {
        let y = d * R::of(std::f64::consts::FRAC_1_SQRT_2 / self.scale);
        let slope = y / y.mul_add(y, R::one());
        let value = ln_1p_square(y.abs());
        (value, slope * R::of(std::f64::consts::SQRT_2 / self.scale))
    }
}

/// `α = −2`: `2 z² / (z² + 4)`.
#[derive(Clone, Copy, Debug)]
pub struct GemanMcClure {
    /// `c`.
    pub scale: f64,
}
impl Difference for GemanMcClure {
    #[inline(always)]
    fn eval<R: Real>(&self, d: R) -> (R, R) {
        // With y = z/2: 2 y²/(y² + 1), and 1/0 is what a square of 0 needs.
        let y = d * R::of(0.5 / self.scale);
        let square = y * y;
        let value = R::of(2.0) / (R::one() + R::one() / square);
        let below = R::one() + square;
        (value, y / below * (R::of(2.0 / self.scale) / below))
    }
}

/// `α = −∞`: `1 − e^(−z²/2)`.
#[derive(Clone, Copy, Debug)]
pub struct Welsch {
    /// `c`.
    pub scale: f64,
}
impl Difference for Welsch {
    #[inline(always)]
    fn eval<R: Real>(&self, d: R) -> (R, R) {
        let r = R::of(1.0 / self.scale);
        let z = d * r;
        let exponent = R::of(-0.5) * (z * z);
        (-exp_m1(exponent), z * (exponent.exp() * r))
    }
}

/// `ln cosh d`.
///
/// With `m = e^(−2|d|) − 1`: `sinh² d = m² / (4 (1 + m))`, `tanh |d| = −m / (2 + m)`.
#[derive(Clone, Copy, Debug)]
pub struct LogCosh;
impl Difference for LogCosh {
    #[inline(always)]
    fn eval<R: Real>(&self, d: R) -> (R, R) {
        let a = d.abs();
        let m = exp_m1(-(a + a));
        let sinh2 = m * m / (R::of(4.0) * (R::one() + m));
        let small = R::of(0.5) * sinh2.at_most(R::one()).ln_1p_unit();
        let large = a + ((R::one() + m).ln_1p_unit() - R::of(std::f64::consts::LN_2));
        let value = R::select(sinh2 < R::one(), small, large);
        (value, -(sign(d) * (m / (R::of(2.0) + m))))
    }
}

/// `ω ln(1 + |d|/ε)` up to `|d| = ω`, then a line of slope 1.
#[derive(Clone, Copy, Debug)]
pub struct Wing {
    width: f64,
    curvature: f64,
    /// What makes both parts meet.
    offset: f64,
}
impl Wing {
    /// From `ω` and `ε`.
    pub fn new(width: f64, curvature: f64) -> Self {
        let offset = width - width * (width / curvature).ln_1p();
        Self {
            width,
            curvature,
            offset,
        }
    }
}
impl Difference for Wing {
    #[inline(always)]
    fn eval<R: Real>(&self, d: R) -> (R, R) {
        let Self {
            width,
            curvature,
            offset,
        } = *self;
        let a = d.abs();
        let is_near = a < R::of(width);
        let near = R::of(width) * ln_1p(a * R::of(1.0 / curvature));
        let value = R::select(is_near, near, a - R::of(offset));
        let steep = R::of(width) / (R::of(curvature) + a);
        (value, sign(d) * R::select(is_near, steep, R::one()))
    }
}
