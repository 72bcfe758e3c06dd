//! What a probability and a target add to a class's sums, and the slope of that.

use crate::loops::softmax::whole_len;
use crate::loops::sum::Lanes;
use crate::math::Real;
use crate::scalar::Prim;

use super::block::LongRow;
use super::{Intersection, Options};

/// What the options make of a probability and a target, as numbers so that one loop serves all.
pub(super) struct Shape<R> {
    /// Sums of `p t`, `p` and `t`.
    pub(super) is_plain: bool,
    minimum: bool,
    linear: R,
    square: R,
}

impl<R: Real> Shape<R> {
    #[inline(always)]
    pub(super) fn new(options: &Options) -> Self {
        let squared = f64::from(options.squared);
        Self {
            is_plain: options.is_plain(),
            minimum: options.intersection == Intersection::Minimum,
            linear: R::of(1.0 - squared),
            square: R::of(squared),
        }
    }

    /// `∂L/∂p` of a point.
    #[inline(always)]
    pub(super) fn slope(&self, p: R, t: R, by_intersection: R, by_volume: R) -> R {
        let tie = R::select(p == t, R::of(0.5), R::zero());
        let minimum = R::select(p < t, R::one(), tie);
        let intersection = R::select(self.minimum, minimum, t);
        let volume = (self.square + self.square).mul_add(p, self.linear);
        by_intersection.mul_add(intersection, by_volume * volume)
    }
}

/// A class's sums, point by point.
pub(super) struct Terms<P> {
    pub(super) i: LongRow<P>,
    pub(super) p: LongRow<P>,
    pub(super) t: LongRow<P>,
}

impl<P: Prim> Terms<P> {
    pub(super) fn new() -> Self {
        let zeros = LongRow::new();
        Self {
            i: zeros,
            p: zeros,
            t: zeros,
        }
    }

    /// Adds the terms of rows of probabilities, targets and weights. A point of weight 0 counts nothing, whatever its
    /// logits.
    #[inline(always)]
    pub(super) fn add<R: Real<Prim = P>>(
        &mut self,
        shape: &Shape<R>,
        rows: [&[P]; 3],
        into: &mut [Lanes; 3],
    ) {
        let n = whole_len(rows[0].len());
        let [p, t, weights] = rows.map(|row| &row[..n]);
        let (intersection, volume) = (&mut self.i[..n], &mut self.p[..n]);
        let target = &mut self.t[..n];
        for i in 0..n {
            let (p, t, w) = (R::new(p[i]), R::new(t[i]), R::new(weights[i]));
            let p = R::select(w != R::zero(), p, R::zero());
            let (pw, tw) = (p * w, t * w);
            intersection[i] = R::select(shape.minimum, p.at_most(t) * w, pw * t).get();
            volume[i] = (pw * p.mul_add(shape.square, shape.linear)).get();
            target[i] = (tw * t.mul_add(shape.square, shape.linear)).get();
        }
        for (into, row) in into.iter_mut().zip([intersection, volume, target]) {
            into.add::<R>(row);
        }
    }
}
