//! What the layers of a network need number by number: the ReLU, its mask, and sums of gradients.

use rayon::prelude::*;

use super::super::finish;
use super::super::maps::Maps;
use super::super::product::DEPTH;
use super::Network;
use crate::math::Real;
use crate::scalar::{Prim, Scalar};
use crate::simd::{self, Isa, Task};

impl<T: Prim> Network<T> {
    pub(super) fn add(&self, mut sum: Maps<T>, other: Maps<T>) -> Maps<T> {
        let numbers = sum.numbers_mut().par_chunks_mut(PIECE);
        numbers
            .zip(other.numbers().par_chunks(PIECE))
            .for_each(|(sum, other)| Scalar::add_slice(other, sum));
        self.reuse(other);
        sum
    }
}

/// A ReLU, and its mask.
pub(super) fn rectify<T: Prim>(maps: &mut Maps<T>, keep: bool) -> Option<Vec<u8>> {
    simd::dispatch(Rectify(maps.numbers_mut()));
    let is_above = |x: &T| {
        let is_below = *x <= T::default();
        u8::from(!is_below)
    };
    keep.then(|| maps.numbers().iter().map(is_above).collect())
}

/// Zeros where `mask` is 0.
pub(in crate::conv) fn apply<T: Prim>(gradient: &mut Maps<T>, mask: &[u8]) {
    let numbers = gradient.numbers_mut().par_chunks_mut(PIECE);
    numbers
        .zip(mask.par_chunks(PIECE))
        .for_each(|(numbers, mask)| {
            simd::dispatch(Apply { numbers, mask });
        });
}

/// Numbers that one thread takes at a time.
const PIECE: usize = 64 * 1024;

struct Apply<'a, T> {
    numbers: &'a mut [T],
    mask: &'a [u8],
}

impl<T: Prim> Task for Apply<'_, T> {
    type Prim = T;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let chunks = self.numbers.as_chunks_mut::<DEPTH>().0.iter_mut();
        for (numbers, mask) in chunks.zip(self.mask.as_chunks::<DEPTH>().0) {
            *numbers = finish::masked::<I, T>(numbers, mask);
        }
    }
}

struct Rectify<'a, T>(&'a mut [T]);

impl<T: Prim> Task for Rectify<'_, T> {
    type Prim = T;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for x in self.0 {
            *x = <T::Lane<I>>::new(*x).at_least(<T::Lane<I>>::zero()).get();
        }
    }
}
