//! What one pixel adds to the total variation, from the differences to its next neighbours.

#![forbid(unsafe_code)]

use crate::math::Real;

/// The formula of a total variation.
pub trait Variation: Copy + Send + Sync {
    /// The value of the differences `d` along width, height and depth (0 where there is no neighbour), and its
    /// derivatives.
    ///
    /// `c` are the factors of the axes. Must be `#[inline(always)]` and branch-free.
    fn eval<R: Real>(&self, d: [R; 3], c: [R; 3]) -> (R, [R; 3]);
}

/// `Σ_a c_a |d_a|`.
#[derive(Clone, Copy, Debug)]
pub struct Anisotropic;
impl Variation for Anisotropic {
    #[inline(always)]
    fn eval<R: Real>(&self, d: [R; 3], c: [R; 3]) -> (R, [R; 3]) {
        let mut slopes = d;
        let mut value = R::zero();
        for a in 0..3 {
            value += c[a] * d[a].abs();
            let sign = R::select(d[a] < R::zero(), -R::one(), d[a]);
            slopes[a] = c[a] * R::select(d[a] > R::zero(), R::one(), sign);
        }
        (value, slopes)
    }
}

/// `Σ_a c_a d_a²`.
#[derive(Clone, Copy, Debug)]
pub struct Squared;
impl Variation for Squared {
    #[inline(always)]
    fn eval<R: Real>(&self, d: [R; 3], c: [R; 3]) -> (R, [R; 3]) {
        let mut slopes = d;
        let mut value = R::zero();
        for a in 0..3 {
            let cd = c[a] * d[a];
            value += cd * d[a];
            slopes[a] = cd + cd;
        }
        (value, slopes)
    }
}

/// `c (√(Σ_a d_a² + ε²) − ε)`, with the first factor for all axes.
#[derive(Clone, Copy, Debug)]
pub struct Isotropic {
    /// `ε`; for 0, the slope at 0 is 0.
    pub eps: f64,
}
impl Variation for Isotropic {
    #[inline(always)]
    fn eval<R: Real>(&self, d: [R; 3], c: [R; 3]) -> (R, [R; 3]) {
        let eps = R::of(self.eps);
        let square = d[0].mul_add(d[0], d[1].mul_add(d[1], d[2].mul_add(d[2], eps * eps)));
        let length = square.sqrt();
        let factor = c[0] / length.at_least(R::of(1e-30));
        let slopes = [d[0] * factor, d[1] * factor, d[2] * factor];
        (c[0] * (length - eps), slopes)
    }
}
