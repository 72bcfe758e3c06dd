//! Errors, and what the sorted errors add up to.

use crate::loops::overlap::Activation;
use crate::loops::sort::{Key, Pair};
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task};

use super::{BEYOND, Form, OWN};

/// The errors of a row of one class.
pub(super) struct Errors<'a, P> {
    pub(super) form: Form,
    pub(super) scores: &'a [P],
    pub(super) targets: &'a [P],
    pub(super) errors: &'a mut [P],
}

impl<P: Prim> Task for Errors<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        match self.form {
            Form::Hinge => self.eval::<P::Lane<I>>(hinge),
            Form::Probability(Activation::Sigmoid) => self.eval::<P::Lane<I>>(sigmoid),
            Form::Probability(_) => self.eval::<P::Lane<I>>(probability),
        }
    }
}

impl<P: Prim> Errors<'_, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self, error: impl Fn(R, bool) -> R) {
        let n = self.errors.len();
        let (scores, targets) = (&self.scores[..n], &self.targets[..n]);
        for i in 0..n {
            let t = R::new(targets[i]);
            let error = error(R::new(scores[i]), t > R::of(0.5));
            // NaN in a target is NaN in its error.
            self.errors[i] = (error + t * R::zero()).get();
        }
    }
}

#[inline(always)]
fn hinge<R: Real>(z: R, is_own: bool) -> R {
    R::one() - R::select(is_own, z, -z)
}

/// `1 − σ(z) = σ(−z)` for points of the class, without cancellation.
#[inline(always)]
fn sigmoid<R: Real>(z: R, is_own: bool) -> R {
    R::one() / (R::one() + R::select(is_own, z, -z).exp())
}

#[inline(always)]
fn probability<R: Real>(p: R, is_own: bool) -> R {
    R::select(is_own, R::one() - p, p).abs()
}

/// The sum over sorted errors, and its slopes.
pub(super) struct Steps<'a, P> {
    /// The weight of the points of the class.
    pub(super) own: f64,
    /// The weight of each point; 1 where absent.
    pub(super) weights: Option<&'a [P]>,
    /// Multiplies the slopes.
    pub(super) factor: f64,
    /// The score is a logit `z` whose sigmoid the errors are of: `|∂e/∂z| = e (1 − e)`.
    pub(super) bends: bool,
}

impl<P: Key> Steps<'_, P> {
    /// Slopes with respect to the scores go to `out`, if it is not empty, by point.
    pub(super) fn run(&self, pairs: &[Pair<P::Bits>], out: &mut [P]) -> f64 {
        let (mut intersection, mut union) = (self.own, self.own);
        let mut sum = 0.0;
        for (bits, tag) in pairs {
            let error = P::from_bits(*bits).to_f64();
            let point = (tag & !(OWN | BEYOND)) as usize;
            let weight = self.weights.map_or(1.0, |weights| weights[point].to_f64());
            let is_own = tag & OWN != 0;
            let step = if is_own {
                intersection -= weight;
                weight / union
            } else {
                let before = union;
                union += weight;
                match before == 0.0 {
                    true => 1.0,
                    false => intersection * weight / (before * union),
                }
            };
            sum += error * step;
            if let Some(out) = out.get_mut(point) {
                let falls = is_own != (tag & BEYOND != 0);
                let slope = if falls { -step } else { step };
                let bend = if self.bends {
                    error * (1.0 - error)
                } else {
                    1.0
                };
                let slope = slope * bend * self.factor;
                *out = P::of(if error.is_nan() { error } else { slope });
            }
        }
        sum
    }
}
