//! From two boxes to a base loss, directly or through combinators, and the way back.

#![forbid(unsafe_code)]

use super::axis::{Axis, Ends, Overlap};
use super::base::{Any, Base, First, Outcome, Parts, Power};
use crate::loops::boxes::{Over, Pair};
use crate::math::Real;

/// `1 − IoU` and what a base makes of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain<B> {
    pub(super) base: B,
    pub(super) ends: Ends,
    pub(super) eps: f64,
}

impl<B: Base> Pair<4> for Plain<B> {
    #[inline(always)]
    fn eval<R: Real>(&self, a: [R; 4], b: [R; 4]) -> (R, [[R; 4]; 2]) {
        let axes = self.ends.axes(a, b);
        let parts = measure(axes, R::of(self.eps));
        let outcome = self.base.eval(&parts, R::one() - parts.overlap.iou, First);
        let iou = outcome.iou - outcome.term;
        let [x, y] = pull(axes, &parts, &outcome, iou);
        (outcome.value, self.ends.pull(x, y))
    }
}

#[inline(always)]
fn measure<R: Real>([x, y]: [Axis<R>; 2], eps: R) -> Parts<R> {
    let (x, y) = (x.extent(), y.extent());
    let overlap = Overlap::new(&x, &y, eps);
    Parts { x, y, overlap, eps }
}

/// Slopes with respect to the ends of the boxes; `iou` is the whole slope through the IoU.
#[inline(always)]
fn pull<R: Real>(
    axes: [Axis<R>; 2],
    parts: &Parts<R>,
    outcome: &Outcome<R>,
    iou: R,
) -> [Axis<R>; 2] {
    let mut extents = [outcome.x, outcome.y];
    let Parts { x, y, overlap, .. } = parts;
    overlap.pull(iou, outcome.union, x, y, &mut extents);
    [axes[0].pull(extents[0]), axes[1].pull(extents[1])]
}

/// What becomes of the IoU before the penalties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum IouForm {
    /// `1 − IoU`.
    #[default]
    Linear,
    /// `−ln IoU`, of an IoU of at least ε.
    Log,
    /// `1 − IoU²`.
    Square,
}

/// The overlap term of scaled boxes, by a form of their IoU, which is stretched over an interval and raised to a power.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    pub(super) ends: Ends,
    pub(super) eps: f64,
    pub(super) form: IouForm,
    pub(super) alpha: f64,
    /// The boxes whose IoU counts are scaled about their centres.
    pub(super) ratio: f64,
    /// The interval of IoU that becomes 0 to 1.
    pub(super) interval: (f64, f64),
}

impl Term {
    /// The overlap term of an IoU, and its slope.
    #[inline(always)]
    fn of<R: Real>(&self, iou: R) -> (R, R) {
        let (low, high) = self.interval;
        let (zero, one, eps) = (R::zero(), R::one(), R::of(self.eps));
        let steepness = R::of(1.0 / (high - low));
        let stretched = (iou - R::of(low)) * steepness;
        let is_outside = stretched < zero || stretched > one;
        let stretched = stretched.at_least(zero).at_most(one);
        let steepness = R::select(is_outside, zero, steepness);
        let alpha = R::of(self.alpha);
        let exponent = match self.form {
            IouForm::Square => 2.0 * self.alpha,
            IouForm::Linear | IouForm::Log => self.alpha,
        };
        let (power, slope) = Any(exponent).of(stretched);
        let safe = stretched.at_least(eps);
        let log = -(alpha * safe.ln());
        let log_slope = R::select(stretched < eps, zero, -(alpha / safe));
        let is_log = self.form == IouForm::Log;
        let value = R::select(is_log, log, one - power);
        (value, R::select(is_log, log_slope, -slope) * steepness)
    }
}

impl Pair<4> for Term {
    #[inline(always)]
    fn eval<R: Real>(&self, a: [R; 4], b: [R; 4]) -> (R, [[R; 4]; 2]) {
        let scaled = self.ends.axes(a, b).map(|axis| axis.scaled(self.ratio));
        let parts = measure(scaled, R::of(self.eps));
        let (term, steepness) = self.of(parts.overlap.iou);
        // Scaling is symmetric: its transpose is itself.
        let [x, y] = pull(scaled, &parts, &Outcome::of(term), steepness)
            .map(|slopes| slopes.scaled(self.ratio));
        (term, self.ends.pull(x, y))
    }
}

/// What a base makes of a [`Term`], with penalties raised to a power.
#[derive(Clone, Copy, Debug)]
pub(super) struct Penalised<B> {
    pub(super) base: B,
    pub(super) ends: Ends,
    pub(super) eps: f64,
    pub(super) alpha: f64,
}

impl<B: Base> Over<4> for Penalised<B> {
    #[inline(always)]
    fn eval<R: Real>(
        &self,
        a: [R; 4],
        b: [R; 4],
        term: R,
        of_term: [[R; 4]; 2],
    ) -> (R, [[R; 4]; 2]) {
        let axes = self.ends.axes(a, b);
        let parts = measure(axes, R::of(self.eps));
        let outcome = self.base.eval(&parts, term, Any(self.alpha));
        let [x, y] = pull(axes, &parts, &outcome, outcome.iou);
        let mut slopes = self.ends.pull(x, y);
        for k in 0..2 {
            for d in 0..4 {
                slopes[k][d] = outcome.term.mul_add(of_term[k][d], slopes[k][d]);
            }
        }
        (outcome.value, slopes)
    }
}
