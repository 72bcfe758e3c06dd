//! The formulas of adversarial losses: curves of one logit, and how logits reach them.

#![forbid(unsafe_code)]

use crate::loops::pointwise::Pointwise;
use crate::math::{Logistic, Real};

/// A function of one number: its value and derivative.
pub trait Curve: Copy + Send + Sync {
    /// Value and derivative at `z`. Must be `#[inline(always)]` and branch-free.
    fn eval<R: Real>(self, z: R) -> (R, R);
}

/// Binary cross-entropy of the logit `z`: `t softplus(−z) + (1 − t) softplus(z)`.
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropy {
    /// `t`.
    pub label: f64,
}

impl Curve for CrossEntropy {
    #[inline(always)]
    fn eval<R: Real>(self, z: R) -> (R, R) {
        Logistic::new(z).cross_entropy(R::of(self.label), R::one())
    }
}

/// `factor (z − label)²`.
#[derive(Clone, Copy, Debug)]
pub struct Square {
    /// Where it is 0.
    pub label: f64,
    /// What it is multiplied by.
    pub factor: f64,
}

impl Curve for Square {
    #[inline(always)]
    fn eval<R: Real>(self, z: R) -> (R, R) {
        let d = z - R::of(self.label);
        let slope = R::of(self.factor) * d;
        (slope * d, slope + slope)
    }
}

/// `slope · z`.
#[derive(Clone, Copy, Debug)]
pub struct Linear {
    /// Its derivative.
    pub slope: f64,
}

impl Curve for Linear {
    #[inline(always)]
    fn eval<R: Real>(self, z: R) -> (R, R) {
        (R::of(self.slope) * z, R::of(self.slope))
    }
}

/// `max(0, 1 − sign · z)`; its slope at the kink is 0.
#[derive(Clone, Copy, Debug)]
pub struct Hinge {
    /// 1 or −1.
    pub sign: f64,
}

impl Curve for Hinge {
    #[inline(always)]
    fn eval<R: Real>(self, z: R) -> (R, R) {
        let sign = R::of(self.sign);
        let gap = R::one() - sign * z;
        let slope = R::select(gap > R::zero(), -sign, R::zero());
        (gap.at_least(R::zero()), slope)
    }
}

/// `max(0, sign · (z − anchor))²`.
#[derive(Clone, Copy, Debug)]
pub struct Rectified {
    /// 1 or −1.
    pub sign: f64,
    /// Where it begins to rise.
    pub anchor: f64,
}

impl Curve for Rectified {
    #[inline(always)]
    fn eval<R: Real>(self, z: R) -> (R, R) {
        let sign = R::of(self.sign);
        let d = (sign * (z - R::of(self.anchor))).at_least(R::zero());
        (d * d, sign * (d + d))
    }
}

/// `|z|`; its slope at 0 is 0.
#[derive(Clone, Copy, Debug)]
pub struct Absolute;

impl Curve for Absolute {
    #[inline(always)]
    fn eval<R: Real>(self, z: R) -> (R, R) {
        let below = R::select(z < R::zero(), -R::one(), R::zero());
        (z.abs(), R::select(z > R::zero(), R::one(), below))
    }
}

/// The slope, or NaN where `z` is NaN: some curves have constant slopes.
#[inline(always)]
pub(super) fn keep_nan<R: Real>(z: R, slope: R) -> R {
    R::select(z.abs() >= R::zero(), slope, z)
}

/// `sign · a · curve(x − shift)`, with `extra` added to the slope.
#[derive(Clone, Copy, Debug)]
pub struct Alone<C> {
    /// The curve.
    pub curve: C,
    /// Multiplies value and slope.
    pub sign: f64,
    /// What is taken from the logit first: the mean of its opponents.
    pub shift: f64,
    /// What the logit's own mean passes on to each logit.
    pub extra: f64,
}

impl<C: Curve> Pointwise for Alone<C> {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, _: R, a: R) -> (R, R) {
        let z = x - R::of(self.shift);
        let (value, slope) = self.curve.eval(z);
        let factor = R::of(self.sign) * a;
        let slope = slope.mul_add(factor, R::of(self.extra));
        (factor * value, keep_nan(z, slope))
    }
}

/// The slope of [`Alone`] as a value, to sum it.
#[derive(Clone, Copy, Debug)]
pub struct SlopeOf<C>(pub Alone<C>);

impl<C: Curve> Pointwise for SlopeOf<C> {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R) {
        (self.0.eval(x, t, a).1, R::zero())
    }
}

/// `sign · a · curve(toward · (x − t))`.
#[derive(Clone, Copy, Debug)]
pub struct Difference<C> {
    /// The curve.
    pub curve: C,
    /// Multiplies value and slope.
    pub sign: f64,
    /// 1, or −1 where `x` is what is taken away.
    pub toward: f64,
}

impl<C: Curve> Pointwise for Difference<C> {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R) {
        let toward = R::of(self.toward);
        let z = toward * (x - t);
        let (value, slope) = self.curve.eval(z);
        let factor = R::of(self.sign) * a;
        (factor * value, keep_nan(z, factor * toward * slope))
    }
}

/// `a · (own(x) + other(t))`: the sum of both sides of a pair of logits.
#[derive(Clone, Copy, Debug)]
pub struct Two<C> {
    /// The curve of `x`.
    pub own: C,
    /// The curve of `t`.
    pub other: C,
}

impl<C: Curve> Pointwise for Two<C> {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R) {
        let (value, slope) = self.own.eval(x);
        let (other, _) = self.other.eval(t);
        (a * (value + other), keep_nan(x, a * slope))
    }
}

/// A slope that is already there, `a`; no value.
#[derive(Clone, Copy, Debug)]
pub struct Given;

impl Pointwise for Given {
    #[inline(always)]
    fn eval<R: Real>(&self, _: R, _: R, a: R) -> (R, R) {
        (R::zero(), a)
    }
}
