//! The normalisation of a tempered softmax, by Newton's method.

#![forbid(unsafe_code)]

use crate::loops::softmax::{Row, Source, whole_len};
use crate::math::{Real, exp_m1};
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};

use super::cpu::{Temperature, Tempered};

/// How far each logit is below the largest, into `below`; and `λ`, by which all are to be lowered so that the tempered
/// exponentials of the rest add up to 1.
pub(super) struct Normalise<'a, 'i, P> {
    pub(super) temperature: Temperature,
    pub(super) input: Source<'a, 'i>,
    pub(super) below: &'a mut [P],
    pub(super) lambda: &'a mut [P],
}

impl<P: Prim> Task for Normalise<'_, '_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        self.eval::<P::Lane<I>>();
    }
}

impl<P: Prim> Normalise<'_, '_, P> {
    #[inline(always)]
    fn eval<R: Real<Prim = P>>(self) {
        let Self {
            temperature,
            input,
            below,
            lambda,
        } = self;
        let n = whole_len(lambda.len());
        let zeros = Row::new();
        let (mut buffer, mut first, mut largest) = (zeros, zeros, zeros);
        let (buffer, first, largest) = (&mut buffer[..n], &mut first[..n], &mut largest[..n]);
        for c in 0..below.len() / n.max(1) {
            let logits = input.row(c, buffer);
            first_largest::<R>(P::of(c as f64), logits, largest, first);
        }
        for (c, below) in below.chunks_exact_mut(n).enumerate() {
            subtract::<R>(largest, input.row(c, buffer), below);
        }
        // A relative change below which the next is beyond the last digit.
        let enough = R::of(if size_of::<P>() == 4 { 1e-5 } else { 1e-9 });
        let (mut rest, mut escorts) = (zeros, zeros);
        let (rest, escorts) = (&mut rest[..n], &mut escorts[..n]);
        let (mut minus_ln, mut base) = (zeros, zeros);
        let (minus_ln, base) = (&mut minus_ln[..n], &mut base[..n]);
        // 1 until a pixel's own step is short enough: what its neighbours need is not its business.
        let mut moves = Row::filled(R::one().get());
        lambda.fill(P::default());
        for _ in 0..temperature.steps() {
            rest.fill(P::default());
            escorts.fill(P::default());
            for (c, below) in below.chunks_exact(n).enumerate() {
                dispatch(Tempered {
                    temperature,
                    lambda,
                    below,
                    minus_ln,
                    base,
                });
                // The largest apart: of 1 less that, digits are not lost.
                let rows = [&*first, minus_ln, base];
                add_others::<R>(P::of(c as f64), rows, rest, escorts);
            }
            dispatch(Tempered {
                temperature,
                lambda,
                below: &zeros,
                minus_ln,
                base,
            });
            let rows = [&*rest, escorts, minus_ln, base];
            if !step::<R>(temperature, enough, rows, lambda, &mut moves) {
                break;
            }
        }
    }
}

/// The largest logit so far, and the first class that has it.
#[inline(always)]
fn first_largest<R: Real>(
    class: R::Prim,
    logits: &[R::Prim],
    largest: &mut [R::Prim],
    first: &mut [R::Prim],
) {
    let n = first.len();
    let (logits, largest) = (&logits[..n], &mut largest[..n]);
    for i in 0..n {
        let is_larger = (class == R::Prim::default()) | (logits[i] > largest[i]);
        largest[i] = R::select(is_larger, R::new(logits[i]), R::new(largest[i])).get();
        first[i] = R::select(is_larger, R::new(class), R::new(first[i])).get();
    }
}

#[inline(always)]
fn subtract<R: Real>(largest: &[R::Prim], logits: &[R::Prim], below: &mut [R::Prim]) {
    let n = below.len();
    let (largest, logits) = (&largest[..n], &logits[..n]);
    for i in 0..n {
        below[i] = (R::new(largest[i]) - R::new(logits[i])).get();
    }
}

/// Adds a class's probability and escort, where it is not the largest.
#[inline(always)]
fn add_others<R: Real>(
    class: R::Prim,
    rows: [&[R::Prim]; 3],
    rest: &mut [R::Prim],
    escorts: &mut [R::Prim],
) {
    let n = rest.len();
    let ([first, minus_ln, base], escorts) = (rows.map(|row| &row[..n]), &mut escorts[..n]);
    for i in 0..n {
        let p = (-R::new(minus_ln[i])).exp_nonpositive();
        let p = R::select(first[i] == class, R::zero(), p);
        rest[i] = (R::new(rest[i]) + p).get();
        escorts[i] = (R::new(escorts[i]) + p / R::new(base[i])).get();
    }
}

/// One step of each pixel that still moves; whether any moves on.
#[inline(always)]
fn step<R: Real>(
    temperature: Temperature,
    enough: R,
    rows: [&[R::Prim]; 4],
    lambda: &mut [R::Prim],
    moves: &mut [R::Prim],
) -> bool {
    let n = whole_len(lambda.len());
    let [rest, escorts, minus_ln, base] = rows.map(|row| &row[..n]);
    let (lambda, moves) = (&mut lambda[..n], &mut moves[..n]);
    let mut moving = 0u32;
    for i in 0..n {
        let minus_ln_p = R::new(minus_ln[i]);
        let excess = R::new(rest[i]) + exp_m1(-minus_ln_p);
        let escort = R::new(escorts[i]) + (-minus_ln_p).exp_nonpositive() / R::new(base[i]);
        let step = temperature.step(excess, escort);
        let next = (R::new(lambda[i]) + step).at_least(R::zero());
        let may_move = R::new(moves[i]) > R::zero();
        let moves_on = may_move & (step.abs() > enough * next);
        moving += u32::from(moves_on);
        lambda[i] = R::select(may_move, next, R::new(lambda[i])).get();
        moves[i] = R::select(moves_on, R::one(), R::zero()).get();
    }
    moving != 0
}
