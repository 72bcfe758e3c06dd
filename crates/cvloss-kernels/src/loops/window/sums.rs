//! Weighted sums of rows and along rows.

use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task};

use super::tasks::LANES;

/// Groups of lanes whose sums are in registers together.
const GROUPS: usize = 4;
/// Windows, one below the other, that are summed side by side.
pub(super) const WINDOWS: usize = 4;

/// Weighted sums of rows, for several windows of which each begins a row after the one before:
/// `to[r · stride + i] = Σ_t taps[t] · from[starts[r + t] + i]`.
pub(super) struct Gather<'a, P> {
    pub(super) taps: &'a [P],
    /// Where rows begin: as many as there are taps, and one more for each further window.
    pub(super) starts: &'a [usize],
    pub(super) from: &'a [P],
    pub(super) to: &'a mut [P],
    pub(super) stride: usize,
    /// Length of a sum: whole groups of lanes.
    pub(super) len: usize,
}

impl<P: Prim> Task for Gather<'_, P> {
    type Prim = P;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Gather {
            taps, from, len, ..
        } = self;
        let windows = (self.starts.len() + 1).saturating_sub(taps.len());
        let mut first = 0;
        while taps.len() >= WINDOWS && first + WINDOWS <= windows {
            let starts = &self.starts[first..][..taps.len() + WINDOWS - 1];
            let mut to = self.to[first * self.stride..].chunks_mut(self.stride);
            let mut next = || &mut to.next().unwrap_or_default()[..len];
            let mut to = [next(), next(), next(), next()];
            let mut at = 0;
            while at + 2 * LANES <= len {
                windows_at::<P::Lane<I>, 2>(taps, starts, from, &mut to, at);
                at += 2 * LANES;
            }
            if at < len {
                windows_at::<P::Lane<I>, 1>(taps, starts, from, &mut to, at);
            }
            first += WINDOWS;
        }
        for first in first..windows {
            let starts = &self.starts[first..][..taps.len()];
            let to = &mut self.to[first * self.stride..][..len];
            blocks::<P::Lane<I>>(taps, from, |tap| starts[tap], to, false);
        }
    }
}

/// [`WINDOWS`] windows at some groups of lanes: a number is loaded once for all that see it.
#[inline(always)]
fn windows_at<R: Real, const N: usize>(
    taps: &[R::Prim],
    starts: &[usize],
    from: &[R::Prim],
    to: &mut [&mut [R::Prim]; WINDOWS],
    at: usize,
) {
    let row = |row: usize| &from[starts[row] + at..][..N * LANES];
    let last = taps.len() - 1;
    // One variable each, never indexed: so they stay in registers.
    let zeros = [[R::zero(); LANES]; N];
    let (mut a, mut b, mut c, mut d) = (zeros, zeros, zeros, zeros);
    // Rows that only the first windows see.
    add_row(taps[0], row(0), &mut a);
    add_row(taps[1], row(1), &mut a);
    add_row(taps[0], row(1), &mut b);
    add_row(taps[2], row(2), &mut a);
    add_row(taps[1], row(2), &mut b);
    add_row(taps[0], row(2), &mut c);
    // Rows that all see.
    for (at, taps) in taps.windows(WINDOWS).enumerate() {
        let row = row(at + WINDOWS - 1);
        add_row(taps[3], row, &mut a);
        add_row(taps[2], row, &mut b);
        add_row(taps[1], row, &mut c);
        add_row(taps[0], row, &mut d);
    }
    // Rows that only the last see.
    add_row(taps[last], row(last + 1), &mut b);
    add_row(taps[last - 1], row(last + 1), &mut c);
    add_row(taps[last - 2], row(last + 1), &mut d);
    add_row(taps[last], row(last + 2), &mut c);
    add_row(taps[last - 1], row(last + 2), &mut d);
    add_row(taps[last], row(last + 3), &mut d);
    for (to, sums) in to.iter_mut().zip([a, b, c, d]) {
        let to = &mut to[at..][..N * LANES];
        for group in 0..N {
            for lane in 0..LANES {
                to[group * LANES + lane] = sums[group][lane].get();
            }
        }
    }
}

#[inline(always)]
fn add_row<R: Real, const N: usize>(tap: R::Prim, row: &[R::Prim], sums: &mut [[R; LANES]; N]) {
    let tap = R::new(tap);
    for group in 0..N {
        for lane in 0..LANES {
            let number = R::new(row[group * LANES + lane]);
            sums[group][lane] = tap.mul_add(number, sums[group][lane]);
        }
    }
}

/// Weighted sums along a row: `to[i] = Σ_t taps[t] · from[i + t]`, or added to what is there.
pub(super) struct Slide<'a, P> {
    pub(super) taps: &'a [P],
    pub(super) from: &'a [P],
    pub(super) to: &'a mut [P],
    pub(super) add: bool,
}

impl<P: Prim> Task for Slide<'_, P> {
    type Prim = P;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let done = P::slide(self.taps, self.from, self.to, self.add);
        let (from, to) = (&self.from[done..], &mut self.to[done..]);
        blocks::<P::Lane<I>>(self.taps, from, |tap| tap, to, self.add);
    }
}

/// `to[i] = Σ_t taps[t] · from[start(t) + i]`, where `to` is whole groups of lanes.
#[inline(always)]
fn blocks<R: Real>(
    taps: &[R::Prim],
    from: &[R::Prim],
    start: impl Fn(usize) -> usize,
    to: &mut [R::Prim],
    add: bool,
) {
    let mut at = 0;
    while at + GROUPS * LANES <= to.len() {
        block::<R, GROUPS>(taps, from, |tap| start(tap) + at, &mut to[at..], add);
        at += GROUPS * LANES;
    }
    while at + LANES <= to.len() {
        block::<R, 1>(taps, from, |tap| start(tap) + at, &mut to[at..], add);
        at += LANES;
    }
}

/// Some groups of lanes, whose sums stay in registers.
#[inline(always)]
fn block<R: Real, const N: usize>(
    taps: &[R::Prim],
    from: &[R::Prim],
    start: impl Fn(usize) -> usize,
    to: &mut [R::Prim],
    add: bool,
) {
    let to = &mut to[..N * LANES];
    let mut sums = [[R::zero(); LANES]; N];
    for (t, tap) in taps.iter().enumerate() {
        let from = &from[start(t)..][..N * LANES];
        let tap = R::new(*tap);
        for group in 0..N {
            for lane in 0..LANES {
                let number = R::new(from[group * LANES + lane]);
                sums[group][lane] = tap.mul_add(number, sums[group][lane]);
            }
        }
    }
    if add {
        for group in 0..N {
            for lane in 0..LANES {
                sums[group][lane] += R::new(to[group * LANES + lane]);
            }
        }
    }
    for group in 0..N {
        for lane in 0..LANES {
            to[group * LANES + lane] = sums[group][lane].get();
        }
    }
}
