//! Real numbers as the kernels see them: arithmetic and elementary functions that the compiler can vectorise.
//!
//! Every function here is branch-free and `#[inline(always)]`, so that a loop over a slice becomes vector code for
//! whatever instruction set the loop is compiled for (see [`crate::simd`]). The polynomials interpolate at Chebyshev
//! nodes on the stated interval; `tests/math.rs` measures their error against the standard library.

mod lane;

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

use crate::scalar::Prim;

pub use lane::Lane;
#[cfg(target_arch = "x86_64")]
pub(crate) use lane::{NEAR_BITS, NEAR_EXP2, NEAR_MAGIC};

/// A real number in a kernel's inner loop: `f32` or `f64`, with or without fused multiply-add.
///
/// Comparisons that involve NaN choose so that NaN survives: NaN in gives NaN out.
pub trait Real:
    Copy
    + Debug
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + Send
    + Sync
{
    /// The primitive type in memory.
    type Prim: Prim;

    /// Wraps a primitive.
    fn new(value: Self::Prim) -> Self;
    /// The primitive inside.
    fn get(self) -> Self::Prim;
    /// Rounds an `f64` constant.
    fn of(value: f64) -> Self;
    /// `self * factor + addend`; fused where the instruction set has it.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// 0 for `+0.0` alone. Marks are joined by `|`, where comparisons would have to be counted.
    fn mark(self) -> u32;
    /// Whether the sign is set: of `−0.0` and of some NaNs too. Cheaper than a comparison, where instructions select by it.
    fn is_negative(self) -> bool;
    /// Negated if `flag` is 1, as it is if that is 0, for `self ≥ 0`; of no use for other flags.
    fn negated_by(self, flag: Self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// `e^self`; 0 below the normal range, infinite above it.
    fn exp(self) -> Self;
    /// `e^self` for `self ≤ 0`, at least some 1e-38 (`f32`) or 1e-308 (`f64`); cheaper than [`exp`](Self::exp).
    fn exp_nonpositive(self) -> Self;
    /// `e^−|self|`, as [`exp_nonpositive`](Self::exp_nonpositive).
    fn exp_minus_abs(self) -> Self;
    /// `e^−self`, and whether to trust it: a [mark](Self::mark), which is 0 within ±44 (`f32`) or ±700 (`f64`), and not 0
    /// beyond and of NaN. Cheaper than [`exp_minus_abs`](Self::exp_minus_abs), to a unit more in the last place of `f32`.
    fn exp_minus_near(self) -> (Self, u32);
    /// `e^self`; arguments beyond ±80 (`f32`) or ±700 (`f64`) count as about that. Cheaper than [`exp`](Self::exp).
    fn exp_moderate(self) -> Self;
    /// Natural logarithm; −∞ at 0, NaN below.
    fn ln(self) -> Self;
    /// Natural logarithm of a positive normal number; NaN of NaN and ∞. Cheaper than [`ln`](Self::ln).
    fn ln_normal(self) -> Self;
    /// `ln(1 + self)` for `self` in `[0, 1]`, accurate relative to the result.
    fn ln_1p_unit(self) -> Self;
    /// Arc tangent for `self` in `[1 − √2, √2 − 1]`.
    fn atan_octant(self) -> Self;
    /// Sine and cosine of an angle of up to 8192 (`f32`) or a million (`f64`) radians; NaN beyond.
    fn sin_cos(self) -> (Self, Self);

    /// The angle of the point (`x`, `self`) for `x ≥ 0`, in `[−π/2, π/2]`; 0 at the origin.
    #[inline(always)]
    fn atan2_right(self, x: Self) -> Self {
        let y = self.abs();
        let is_steep = y > x;
        let (small, large) = (Self::select(is_steep, x, y), Self::select(is_steep, y, x));
        // Above tan π/8, the angle is counted from π/4.
        let is_diagonal = small > large * Self::of(0.414_213_562_373_095_05);
        let numerator = Self::select(is_diagonal, small - large, small);
        let denominator = Self::select(is_diagonal, small + large, large);
        let is_origin = large == Self::zero();
        let z = numerator / Self::select(is_origin, Self::one(), denominator);
        let start = Self::select(
            is_diagonal,
            Self::of(std::f64::consts::FRAC_PI_4),
            Self::zero(),
        );
        let angle = start + z.atan_octant();
        let angle = Self::select(
            is_steep,
            Self::of(std::f64::consts::FRAC_PI_2) - angle,
            angle,
        );
        Self::select(self < Self::zero(), -angle, angle)
    }

    /// Zero.
    #[inline(always)]
    fn zero() -> Self {
        Self::of(0.0)
    }

    /// One.
    #[inline(always)]
    fn one() -> Self {
        Self::of(1.0)
    }

    /// `yes` if `condition`, else `no`, without a branch.
    #[inline(always)]
    fn select(condition: bool, yes: Self, no: Self) -> Self {
        if condition { yes } else { no }
    }

    /// The larger one; `self` if it is NaN.
    #[inline(always)]
    fn at_least(self, floor: Self) -> Self {
        Self::select(self < floor, floor, self)
    }

    /// The smaller one; `self` if it is NaN.
    #[inline(always)]
    fn at_most(self, ceiling: Self) -> Self {
        Self::select(self > ceiling, ceiling, self)
    }
}

/// `e^x − 1`, accurate relative to the result.
///
/// The rounding of `y = e^x` is undone by `ln y`, which has the same (Kahan).
#[inline(always)]
pub fn exp_m1<R: Real>(x: R) -> R {
    let y = x.exp();
    let far = y - R::one();
    let near = R::select(far == R::zero(), x, far * (x / y.ln()));
    R::select(x.abs() < R::one(), near, far)
}

/// `ln(1 + x)` for `x ≥ 0`, accurate relative to the result.
#[inline(always)]
pub fn ln_1p<R: Real>(x: R) -> R {
    let near = x.at_most(R::one()).ln_1p_unit();
    R::select(x < R::one(), near, (R::one() + x).ln())
}

/// A logit's probability and that of the opposite, each accurate on its own however large the logit.
#[derive(Clone, Copy, Debug)]
pub struct Odds<R> {
    /// `σ(x)`.
    pub p: R,
    /// `1 − σ(x)`.
    pub q: R,
}

impl<R: Real> Odds<R> {
    /// Evaluates both at `x`.
    #[inline(always)]
    pub fn new(x: R) -> Self {
        Self::with_exp(x, x.exp_minus_abs())
    }

    /// Evaluates both at `x` near 0, and says by a mark whether it is: see [`Real::exp_minus_near`].
    #[inline(always)]
    pub(crate) fn near(x: R) -> (Self, u32) {
        let (e, mark) = x.exp_minus_near();
        let p = R::one() / (R::one() + e);
        (Self { p, q: e * p }, mark)
    }

    /// As [`new`](Self::new), given `e^(−|x|)`.
    #[inline(always)]
    fn with_exp(x: R, e: R) -> Self {
        // A division, not Newton steps: they take longer.
        let larger = R::one() / (R::one() + e);
        let smaller = e * larger;
        let is_negative = x.is_negative();
        Self {
            p: R::select(is_negative, smaller, larger),
            q: R::select(is_negative, larger, smaller),
        }
    }
}

/// A logit's probability and softplus, each accurate on its own however large the logit.
#[derive(Clone, Copy, Debug)]
pub struct Logistic<R> {
    /// `σ(x)` and `1 − σ(x)`.
    pub odds: Odds<R>,
    /// `−ln σ(x)`.
    pub minus_ln_p: R,
    /// `−ln (1 − σ(x))`.
    pub minus_ln_q: R,
}

impl<R: Real> Logistic<R> {
    /// Evaluates all four at `x`.
    #[inline(always)]
    pub fn new(x: R) -> Self {
        let e = x.exp_minus_abs();
        Self::with(x, e, e.ln_1p_unit())
    }

    /// As [`new`](Self::new), given `e = e^−|x|` and `l = ln(1 + e)`.
    #[inline(always)]
    pub(crate) fn with(x: R, e: R, l: R) -> Self {
        Self {
            odds: Odds::with_exp(x, e),
            minus_ln_p: (-x).at_least(R::zero()) + l,
            minus_ln_q: x.at_least(R::zero()) + l,
        }
    }

    /// Binary cross-entropy with target `t`, positives weighted by `a`, and its derivative.
    #[inline(always)]
    pub fn cross_entropy(self, t: R, a: R) -> (R, R) {
        let (ta, n) = (t * a, R::one() - t);
        let value = ta.mul_add(self.minus_ln_p, n * self.minus_ln_q);
        let slope = n.mul_add(self.odds.p, -(ta * self.odds.q));
        (value, slope)
    }
}
