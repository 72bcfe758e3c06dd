//! Channels by themselves.

use crate::loops::softmax::Sink;
use crate::loops::sum::add_plain;
use crate::math::{Odds, Real};
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

use super::terms::Shape;
use super::{ItemSlopes, ItemSums, SigmoidExtra, Site, Work};

pub(super) struct RowStatistics<'a, 'i, 'o, E, P> {
    pub(super) site: Site<'a, 'i, P>,
    pub(super) extra: E,
    pub(super) work: &'a mut Work<P>,
    pub(super) found: &'a mut ItemSums,
    /// Where odds are to be left; it lends its rows.
    pub(super) stash: Option<Sink<'a, 'o>>,
}

impl<E: SigmoidExtra, P: Prim> RowStatistics<'_, '_, '_, E, P> {
    /// Through a sigmoid (`LOGITS`) or as they are.
    pub(super) fn evaluate<const LOGITS: bool>(self) {
        let Self {
            site,
            extra,
            work,
            found,
            stash,
        } = self;
        if E::PRESENT {
            dispatch(Values {
                site: &site,
                extra,
                work: &mut *work,
                found: &mut *found,
            });
        }
        dispatch(RowSums {
            site,
            work,
            found,
            logits: LOGITS,
            stash,
        });
    }
}

/// The values of what rides along.
struct Values<'a, 'i, E, P> {
    site: &'a Site<'a, 'i, P>,
    extra: E,
    work: &'a mut Work<P>,
    found: &'a mut ItemSums,
}

impl<E: SigmoidExtra, P: Prim> Task for Values<'_, '_, E, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<E: SigmoidExtra, P: Prim> Values<'_, '_, E, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self {
            site,
            extra,
            work,
            found,
        } = self;
        let n = site.pixels;
        let Work {
            input,
            target,
            output,
            ..
        } = work;
        let (output, weights) = (&mut output[..n], &site.points.weights[..n]);
        for c in 0..site.classes() {
            let x = &site.input.row(c, &mut input[..n])[..n];
            let t = site.target_row::<R>(c, &mut target[..n]);
            let auxiliary = R::of(extra.auxiliary(c));
            for i in 0..n {
                let (x, t, w) = (R::new(x[i]), R::new(t[i]), R::new(weights[i]));
                let (value, _) = extra.eval(x, t, auxiliary);
                output[i] = R::select(w != R::zero(), value * w, R::zero()).get();
            }
            found.extra.add::<R>(output);
        }
    }
}

/// The sums of each channel.
struct RowSums<'a, 'i, 'o, P> {
    site: Site<'a, 'i, P>,
    work: &'a mut Work<P>,
    found: &'a mut ItemSums,
    /// Through a sigmoid, or as they are.
    logits: bool,
    stash: Option<Sink<'a, 'o>>,
}

impl<P: Prim> Task for RowSums<'_, '_, '_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

/// The probability of a logit as the smaller of `p` and `1 − p`, negative for the latter: with all digits of both.
#[inline(always)]
fn pack<R: Real>(logit: R, Odds { p, q }: Odds<R>) -> R {
    R::select(logit > R::zero(), -q, p)
}

/// The inverse of [`pack`].
#[inline(always)]
fn unpack<R: Real>(packed: R) -> Odds<R> {
    let smaller = packed.abs();
    let larger = R::one() - smaller;
    let is_negative = packed < R::zero();
    Odds {
        p: R::select(is_negative, larger, smaller),
        q: R::select(is_negative, smaller, larger),
    }
}

impl<P: Prim> RowSums<'_, '_, '_, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self {
            site,
            work,
            found,
            logits,
            mut stash,
        } = self;
        let n = site.pixels;
        let Work {
            input,
            target,
            output,
            terms,
        } = work;
        let output = &mut output[..n];
        let weights = &site.points.weights[..n];
        let shape = Shape::<R>::new(&site.block.options);
        site.add_mass::<R>(&mut found.mass);
        for (c, sums) in found.classes.iter_mut().enumerate() {
            let x = &site.input.row(c, &mut input[..n])[..n];
            let t = site.target_row::<R>(c, &mut target[..n]);
            if let Some(stash) = &mut stash {
                let row = &mut stash.row(c, &mut terms.t[..n])[..n];
                for i in 0..n {
                    let logit = R::new(x[i]);
                    let odds = Odds::new(logit);
                    row[i] = pack(logit, odds).get();
                    output[i] = odds.p.get();
                }
            } else if logits {
                for i in 0..n {
                    output[i] = Odds::new(R::new(x[i])).p.get();
                }
            } else {
                output.copy_from_slice(x);
            }
            if site.is_weighted() {
                for i in 0..n {
                    let p = R::new(output[i]);
                    output[i] = R::select(weights[i] != P::default(), p, R::zero()).get();
                }
            }
            if shape.is_plain && site.is_weighted() {
                add_plain::<R, true>(sums, [output, t, weights]);
            } else if shape.is_plain {
                add_plain::<R, false>(sums, [output, t, weights]);
            } else {
                for i in 0..n {
                    let (p, t, w) = (R::new(output[i]), R::new(t[i]), R::new(weights[i]));
                    terms.set(i, &shape, p, t, w);
                }
                terms.add_to::<R>(n, sums);
            }
        }
    }
}

pub(super) struct RowGradient<'a, 'i, 'o, E, P> {
    pub(super) site: Site<'a, 'i, P>,
    pub(super) extra: E,
    pub(super) work: &'a mut Work<P>,
    pub(super) slopes: &'a ItemSlopes,
    pub(super) scale: f64,
    pub(super) into: Sink<'a, 'o>,
    /// Odds are there already.
    pub(super) stashed: bool,
}

impl<E: SigmoidExtra, P: Prim> RowGradient<'_, '_, '_, E, P> {
    /// Through a sigmoid (`LOGITS`) or as they are.
    pub(super) fn evaluate<const LOGITS: bool>(self) {
        let Self {
            site,
            extra,
            work,
            slopes,
            scale,
            into,
            stashed,
        } = self;
        if stashed {
            dispatch(FromOdds {
                site,
                work,
                slopes,
                scale,
                into,
            });
        } else {
            dispatch(FromInput::<_, _, LOGITS> {
                site,
                extra,
                work,
                slopes,
                scale,
                into,
            });
        }
    }
}

struct FromInput<'a, 'i, 'o, E, P, const LOGITS: bool> {
    site: Site<'a, 'i, P>,
    extra: E,
    work: &'a mut Work<P>,
    slopes: &'a ItemSlopes,
    scale: f64,
    into: Sink<'a, 'o>,
}

impl<E: SigmoidExtra, P: Prim, const LOGITS: bool> Task for FromInput<'_, '_, '_, E, P, LOGITS> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<E: SigmoidExtra, P: Prim, const LOGITS: bool> FromInput<'_, '_, '_, E, P, LOGITS> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self {
            site,
            extra,
            work,
            slopes,
            scale,
            mut into,
        } = self;
        let n = site.pixels;
        let Work {
            input,
            target,
            output,
            ..
        } = work;
        let output = &mut output[..n];
        let weights = &site.points.weights[..n];
        let shape = Shape::<R>::new(&site.block.options);
        let factor = R::of(slopes.extra * scale);
        for (c, slopes) in slopes.classes.iter().enumerate() {
            let t = site.target_row::<R>(c, &mut target[..n]);
            let [by_intersection, by_volume] = slopes.map(|slope| R::of(slope * scale));
            let x = &site.input.row(c, &mut input[..n])[..n];
            let auxiliary = R::of(extra.auxiliary(c));
            let row = &mut into.row(c, output)[..n];
            for i in 0..n {
                let (x, t, w) = (R::new(x[i]), R::new(t[i]), R::new(weights[i]));
                let (p, inner) = if LOGITS {
                    let odds = Odds::new(x);
                    (odds.p, odds.p * odds.q)
                } else {
                    (x, R::one())
                };
                let mut g = shape.slope(p, t, by_intersection, by_volume) * inner;
                if E::PRESENT {
                    let (_, slope) = extra.eval(x, t, auxiliary);
                    g = slope.mul_add(factor, g);
                }
                row[i] = R::select(w != R::zero(), g * w, R::zero()).get();
            }
            into.flush(c, output);
        }
    }
}

/// A gradient in place of the odds that were left there.
struct FromOdds<'a, 'i, 'o, P> {
    site: Site<'a, 'i, P>,
    work: &'a mut Work<P>,
    slopes: &'a ItemSlopes,
    scale: f64,
    into: Sink<'a, 'o>,
}

impl<P: Prim> Task for FromOdds<'_, '_, '_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<P: Prim> FromOdds<'_, '_, '_, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self {
            site,
            work,
            slopes,
            scale,
            mut into,
        } = self;
        let n = site.pixels;
        let Work { target, output, .. } = work;
        let weights = &site.points.weights[..n];
        let shape = Shape::<R>::new(&site.block.options);
        for (c, slopes) in slopes.classes.iter().enumerate() {
            let t = site.target_row::<R>(c, &mut target[..n]);
            let slopes = slopes.map(|slope| R::of(slope * scale));
            let row = &mut into.row(c, &mut output[..n])[..n];
            match (shape.is_plain, site.is_weighted()) {
                (true, false) => from_odds::<R, true, false>(&shape, t, weights, slopes, row),
                (true, true) => from_odds::<R, true, true>(&shape, t, weights, slopes, row),
                (false, _) => from_odds::<R, false, true>(&shape, t, weights, slopes, row),
            }
        }
    }
}

/// Slopes in place of packed odds. Unless `WEIGHTED`, each weight is 1.
#[inline(always)]
fn from_odds<R: Real, const PLAIN: bool, const WEIGHTED: bool>(
    shape: &Shape<R>,
    t: &[R::Prim],
    weights: &[R::Prim],
    [by_intersection, by_volume]: [R; 2],
    row: &mut [R::Prim],
) {
    let n = row.len();
    let (t, weights) = (&t[..n], &weights[..n]);
    for i in 0..n {
        let Odds { p, q } = unpack(R::new(row[i]));
        let (t, w) = (R::new(t[i]), R::new(weights[i]));
        let slope = if PLAIN {
            by_intersection.mul_add(t, by_volume)
        } else {
            shape.slope(p, t, by_intersection, by_volume)
        };
        let g = slope * (p * q);
        row[i] = if WEIGHTED {
            R::select(w != R::zero(), g * w, R::zero()).get()
        } else {
            g.get()
        };
    }
}
