//! What rides along with the sums over regions.

use crate::loops::pointwise::Pointwise;
use crate::loops::site::Term;
use crate::math::Real;

/// A per-pixel loss over the softmax, evaluated in the same sweeps.
///
/// Its value is a function of `all = Σ_c v_c share_c`, `dot = Σ_c share_c d_c`, `rest = Σ_c (1 − t_c) e_c` and
/// `sum = Σ_c e_c`, where `share_c = k1 t_c + k0`, `d` are the shifted logits and `e` their exponentials.
pub trait SoftmaxExtra: Copy + Send + Sync {
    /// Whether there is anything to evaluate.
    const PRESENT: bool;
    /// `(k1, k0, v)` of a class.
    fn share(&self, class: usize) -> [f64; 3];
    /// The value, and `(a, b)` such that its derivative with respect to logit `c` is `a p_c − b share_c`.
    fn eval<R: Real>(&self, all: R, dot: R, rest: R, sum: R) -> (R, R, R);

    /// The same loss for class indices.
    type Hard: HardExtra;
    /// The same loss for class indices, if it is one of the true class alone.
    fn hard(&self) -> Option<Self::Hard>;
}

/// A per-pixel loss of the true class's probability, times a weight of that class.
pub trait HardExtra: Term {
    /// Whether there is anything to evaluate.
    const PRESENT: bool;
    /// Whether the slope depends on the probability.
    const BENDS: bool;
    /// The weight of a class, unless all are 1.
    fn weights(&self) -> Option<impl Fn(usize) -> f64>;
}

/// A per-element loss over sigmoids, evaluated in the same sweeps.
pub trait SigmoidExtra: Pointwise {
    /// Whether there is anything to evaluate.
    const PRESENT: bool;
    /// The formula's auxiliary number for a channel.
    fn auxiliary(&self, class: usize) -> f64;
}

/// Nothing rides along.
#[derive(Clone, Copy, Debug)]
pub struct NoExtra;

impl SoftmaxExtra for NoExtra {
    const PRESENT: bool = false;
    fn share(&self, _: usize) -> [f64; 3] {
        [0.0; 3]
    }
    #[inline(always)]
    fn eval<R: Real>(&self, _: R, _: R, _: R, _: R) -> (R, R, R) {
        (R::zero(), R::zero(), R::zero())
    }

    type Hard = Self;
    fn hard(&self) -> Option<Self> {
        Some(Self)
    }
}

impl Term for NoExtra {
    #[inline(always)]
    fn eval<R: Real>(&self, _: R, _: R, _: R) -> (R, R) {
        (R::zero(), R::zero())
    }
}

impl HardExtra for NoExtra {
    const PRESENT: bool = false;
    const BENDS: bool = false;
    fn weights(&self) -> Option<impl Fn(usize) -> f64> {
        None::<fn(usize) -> f64>
    }
}

impl Pointwise for NoExtra {
    #[inline(always)]
    fn eval<R: Real>(&self, _: R, _: R, _: R) -> (R, R) {
        (R::zero(), R::zero())
    }
}

impl SigmoidExtra for NoExtra {
    const PRESENT: bool = false;
    fn auxiliary(&self, _: usize) -> f64 {
        1.0
    }
}

/// Both forms of what rides along. Which one is used depends on the activation.
#[derive(Clone, Copy, Debug)]
pub struct Extras<M, S> {
    /// With [`Activation::Softmax`](super::Activation::Softmax).
    pub softmax: M,
    /// With [`Activation::Sigmoid`](super::Activation::Sigmoid).
    pub sigmoid: S,
}
