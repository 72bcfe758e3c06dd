//! Forward-mode derivatives: a number with its slopes with respect to `N` others.

use std::ops::{Add, Mul, Neg, Sub};

use crate::math::Real;

/// A number and its slopes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dual<R, const N: usize> {
    pub(super) value: R,
    pub(super) slopes: [R; N],
}

impl<R: Real, const N: usize> Dual<R, N> {
    /// The `at`-th of the numbers that slopes are taken with respect to.
    #[inline(always)]
    pub(super) fn variable(value: R, at: usize) -> Self {
        let mut slopes = [R::zero(); N];
        slopes[at] = R::one();
        Self { value, slopes }
    }

    /// A function of one number, by its value and its slope.
    #[inline(always)]
    pub(super) fn map(self, value: R, slope: R) -> Self {
        let mut slopes = self.slopes;
        for k in 0..N {
            slopes[k] = slopes[k] * slope;
        }
        Self { value, slopes }
    }

    #[inline(always)]
    pub(super) fn times(self, factor: f64) -> Self {
        self.map(self.value * R::of(factor), R::of(factor))
    }

    #[inline(always)]
    pub(super) fn plus(self, addend: f64) -> Self {
        let value = self.value + R::of(addend);
        Self { value, ..self }
    }

    #[inline(always)]
    pub(super) fn square(self) -> Self {
        self.map(self.value * self.value, self.value + self.value)
    }

    #[inline(always)]
    pub(super) fn recip(self) -> Self {
        let value = R::one() / self.value;
        self.map(value, -(value * value))
    }

    /// Slope 0 at 0.
    #[inline(always)]
    pub(super) fn sqrt(self) -> Self {
        let is_zero = self.value <= R::zero();
        let value = self.value.at_least(R::zero()).sqrt();
        let slope = R::of(0.5) / R::select(is_zero, R::one(), value);
        self.map(value, R::select(is_zero, R::zero(), slope))
    }

    #[inline(always)]
    pub(super) fn ln(self) -> Self {
        self.map(self.value.ln(), R::one() / self.value)
    }

    #[inline(always)]
    pub(super) fn exp(self) -> Self {
        let value = self.value.exp();
        self.map(value, value)
    }

    /// Slope 0 below.
    #[inline(always)]
    pub(super) fn at_least(self, floor: f64) -> Self {
        let floor = R::of(floor);
        let slope = R::select(self.value < floor, R::zero(), R::one());
        self.map(self.value.at_least(floor), slope)
    }

    /// Slope 0 above.
    #[inline(always)]
    pub(super) fn at_most(self, ceiling: f64) -> Self {
        let ceiling = R::of(ceiling);
        let slope = R::select(self.value > ceiling, R::zero(), R::one());
        self.map(self.value.at_most(ceiling), slope)
    }

    /// `yes` if `condition`, else `no`.
    #[inline(always)]
    pub(super) fn select(condition: bool, yes: Self, no: Self) -> Self {
        let mut slopes = no.slopes;
        for k in 0..N {
            slopes[k] = R::select(condition, yes.slopes[k], no.slopes[k]);
        }
        Self {
            value: R::select(condition, yes.value, no.value),
            slopes,
        }
    }
}

impl<R: Real, const N: usize> Add for Dual<R, N> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let mut slopes = self.slopes;
        for k in 0..N {
            slopes[k] += other.slopes[k];
        }
        Self {
            value: self.value + other.value,
            slopes,
        }
    }
}

impl<R: Real, const N: usize> Neg for Dual<R, N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.map(-self.value, -R::one())
    }
}

impl<R: Real, const N: usize> Sub for Dual<R, N> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl<R: Real, const N: usize> Mul for Dual<R, N> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let mut slopes = self.slopes;
        for k in 0..N {
            slopes[k] = other.slopes[k].mul_add(self.value, slopes[k] * other.value);
        }
        Self {
            value: self.value * other.value,
            slopes,
        }
    }
}
