//! Channels by themselves.

use crate::loops::softmax::{Sink, whole_len};
use crate::loops::sum::add_plain;
use crate::math::{Odds, Real};
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

use super::products::{Products, PullRow};
use super::terms::Shape;
use super::{ItemSlopes, ItemSums, SigmoidExtra, Site, Work};

pub(super) struct RowStatistics<'a, 'i, 'o, E, P> {
    pub(super) site: &'a Site<'a, 'i, P>,
    pub(super) extra: E,
    pub(super) work: &'a mut Work<P>,
    pub(super) found: &'a mut ItemSums,
    /// Where what the second sweep needs is to be left, which lends its rows, and a note of what it is.
    pub(super) stash: Option<(Sink<'a, 'o>, &'a mut Vec<Left>)>,
}

/// What the first sweep leaves of a row in the gradient's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// Odds, [packed](pack).
    Odds,
    /// `p (1 − p)`, negative where the target is 1. The others are 0, weights are 1 and sums are plain: nothing else is needed.
    Products,
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
                site,
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
        let n = site.len();
        let Work {
            input,
            target,
            output,
            ..
        } = work;
        let (output, weights) = (&mut output[..n], &*site.points.weights);
        for c in 0..site.classes() {
            let x = site.input.row(c, &mut input[..n]);
            let t = site.target_row::<R>(c, &mut target[..n]);
            value_row(extra, R::of(extra.auxiliary(c)), [x, t, weights], output);
            found.extra.add::<R>(output);
        }
    }
}

#[inline(always)]
fn value_row<E: SigmoidExtra, R: Real>(
    extra: E,
    auxiliary: R,
    rows: [&[R::Prim]; 3],
    values: &mut [R::Prim],
) {
    let n = values.len();
    let [x, t, weights] = rows.map(|row| &row[..n]);
    for i in 0..n {
        let w = R::new(weights[i]);
        let (value, _) = extra.eval(R::new(x[i]), R::new(t[i]), auxiliary);
        values[i] = R::select(w != R::zero(), value * w, R::zero()).get();
    }
}

/// The sums of each channel.
struct RowSums<'a, 'i, 'o, P> {
    site: &'a Site<'a, 'i, P>,
    work: &'a mut Work<P>,
    found: &'a mut ItemSums,
    /// Through a sigmoid, or as they are.
    logits: bool,
    stash: Option<(Sink<'a, 'o>, &'a mut Vec<Left>)>,
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
        let n = site.len();
        let Work {
            input,
            target,
            output,
            terms,
            ..
        } = work;
        let output = &mut output[..n];
        let weights = &site.points.weights[..n];
        let shape = Shape::<R>::new(&site.block.options);
        let may_be_hard = P::IS_WIDE && logits && shape.is_plain && !site.is_weighted();
        site.add_mass::<R>(&mut found.mass);
        for (c, sums) in found.classes.iter_mut().enumerate() {
            let x = &site.input.row(c, &mut input[..n])[..n];
            let t = site.target_row::<R>(c, &mut target[..n]);
            let buffer = &mut terms.t[..n];
            // Without a stash too, though products are of no use there: sums are the same with a gradient and without.
            let is_hard = may_be_hard && {
                let products = match &mut stash {
                    Some((stash, _)) => stash.row(c, &mut *buffer),
                    None => &mut *output,
                };
                dispatch(Products {
                    logits: x,
                    target: t,
                    products,
                    sums: &mut *sums,
                })
            };
            match &mut stash {
                Some((stash, left)) if P::IS_WIDE => {
                    if !is_hard {
                        pack_row::<R>(x, stash.row(c, &mut *buffer), output);
                    }
                    left.push(if is_hard { Left::Products } else { Left::Odds });
                    stash.flush(c, buffer);
                }
                _ if is_hard => {}
                _ if logits => sigmoid_row::<R>(x, output),
                _ => output.copy_from_slice(x),
            }
            if is_hard {
                continue;
            }
            if site.is_weighted() {
                drop_weightless::<R>(weights, output);
            }
            if shape.is_plain {
                add_plain::<R>(sums, [output, t, weights]);
            } else {
                terms.add::<R>(&shape, [output, t, weights], sums);
            }
        }
    }
}

/// Packed odds, and probabilities.
#[inline(always)]
fn pack_row<R: Real>(logits: &[R::Prim], packed: &mut [R::Prim], p: &mut [R::Prim]) {
    let n = p.len();
    let (logits, packed) = (&logits[..n], &mut packed[..n]);
    for i in 0..n {
        let logit = R::new(logits[i]);
        let odds = Odds::new(logit);
        packed[i] = pack(logit, odds).get();
        p[i] = odds.p.get();
    }
}

#[inline(always)]
fn sigmoid_row<R: Real>(logits: &[R::Prim], p: &mut [R::Prim]) {
    let n = p.len();
    let logits = &logits[..n];
    for i in 0..n {
        p[i] = Odds::new(R::new(logits[i])).p.get();
    }
}

#[inline(always)]
fn drop_weightless<R: Real>(weights: &[R::Prim], p: &mut [R::Prim]) {
    let n = p.len();
    let weights = &weights[..n];
    for i in 0..n {
        let counts = weights[i] != R::Prim::default();
        p[i] = R::select(counts, R::new(p[i]), R::zero()).get();
    }
}

pub(super) struct RowGradient<'a, 'i, 'o, E, P> {
    pub(super) site: &'a Site<'a, 'i, P>,
    pub(super) extra: E,
    pub(super) work: &'a mut Work<P>,
    pub(super) slopes: &'a ItemSlopes,
    /// `∂L/∂p` of each channel, where the target is 1 and where it is 0.
    pub(super) hard_slopes: &'a [[P; 2]],
    pub(super) scale: f64,
    pub(super) into: Sink<'a, 'o>,
    /// What the first sweep left there.
    pub(super) left: Option<&'a mut std::vec::IntoIter<Left>>,
}

impl<E: SigmoidExtra, P: Prim> RowGradient<'_, '_, '_, E, P> {
    /// Through a sigmoid (`LOGITS`) or as they are.
    pub(super) fn evaluate<const LOGITS: bool>(self) {
        let Self {
            site,
            extra,
            work,
            slopes,
            hard_slopes,
            scale,
            into,
            left,
        } = self;
        match left {
            Some(left) if P::IS_WIDE => dispatch(FromLeft {
                site,
                work,
                slopes,
                hard_slopes,
                scale,
                into,
                left,
            }),
            _ => dispatch(FromInput::<_, _, LOGITS> {
                site,
                extra,
                work,
                slopes,
                scale,
                into,
            }),
        }
    }
}

struct FromInput<'a, 'i, 'o, E, P, const LOGITS: bool> {
    site: &'a Site<'a, 'i, P>,
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
        let n = site.len();
        let Work {
            input,
            target,
            output,
            ..
        } = work;
        let output = &mut output[..n];
        let weights = &*site.points.weights;
        let shape = Shape::<R>::new(&site.block.options);
        let factor = R::of(slopes.extra * scale);
        for (c, slopes) in slopes.classes.iter().enumerate() {
            let t = site.target_row::<R>(c, &mut target[..n]);
            let x = site.input.row(c, &mut input[..n]);
            let class = Class {
                slopes: slopes.map(|slope| R::of(slope * scale)),
                auxiliary: R::of(extra.auxiliary(c)),
                factor,
            };
            let row = into.row(c, output);
            slope_row::<E, R, LOGITS>(extra, &shape, &class, [x, t, weights], row);
            into.flush(c, output);
        }
    }
}

/// What the slopes of a class are made of.
struct Class<R> {
    /// By its intersection and by its volume.
    slopes: [R; 2],
    auxiliary: R,
    /// Of what rides along.
    factor: R,
}

#[inline(always)]
fn slope_row<E: SigmoidExtra, R: Real, const LOGITS: bool>(
    extra: E,
    shape: &Shape<R>,
    class: &Class<R>,
    rows: [&[R::Prim]; 3],
    row: &mut [R::Prim],
) {
    let n = whole_len(row.len());
    let ([x, t, weights], row) = (rows.map(|row| &row[..n]), &mut row[..n]);
    let [by_intersection, by_volume] = class.slopes;
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
            let (_, slope) = extra.eval(x, t, class.auxiliary);
            g = slope.mul_add(class.factor, g);
        }
        row[i] = R::select(w != R::zero(), g * w, R::zero()).get();
    }
}

/// A gradient in place of what the first sweep left there.
struct FromLeft<'a, 'i, 'o, P> {
    site: &'a Site<'a, 'i, P>,
    work: &'a mut Work<P>,
    slopes: &'a ItemSlopes,
    hard_slopes: &'a [[P; 2]],
    scale: f64,
    into: Sink<'a, 'o>,
    left: &'a mut std::vec::IntoIter<Left>,
}

impl<P: Prim> Task for FromLeft<'_, '_, '_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<P: Prim> FromLeft<'_, '_, '_, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self {
            site,
            work,
            slopes,
            hard_slopes,
            scale,
            mut into,
            left,
        } = self;
        let n = site.len();
        let Work { target, output, .. } = work;
        let weights = &site.points.weights[..n];
        let shape = Shape::<R>::new(&site.block.options);
        for ((c, slopes), left) in slopes.classes.iter().enumerate().zip(left) {
            let buffer = &mut output[..n];
            let row = into.filled_row(c, buffer);
            match left {
                Left::Products => {
                    dispatch(PullRow {
                        row,
                        slopes: hard_slopes[c],
                    });
                }
                Left::Odds => {
                    let t = site.target_row::<R>(c, &mut target[..n]);
                    let slopes = slopes.map(|slope| R::of(slope * scale));
                    from_odds(&shape, t, weights, slopes, row);
                }
            }
            into.flush(c, buffer);
        }
    }
}

/// Slopes in place of [`Left::Odds`].
#[inline(always)]
fn from_odds<R: Real>(
    shape: &Shape<R>,
    t: &[R::Prim],
    weights: &[R::Prim],
    [by_intersection, by_volume]: [R; 2],
    row: &mut [R::Prim],
) {
    let n = whole_len(row.len());
    let (t, weights, row) = (&t[..n], &weights[..n], &mut row[..n]);
    for i in 0..n {
        let Odds { p, q } = unpack(R::new(row[i]));
        let (t, w) = (R::new(t[i]), R::new(weights[i]));
        let g = shape.slope(p, t, by_intersection, by_volume) * (p * q);
        row[i] = R::select(w != R::zero(), g * w, R::zero()).get();
    }
}
