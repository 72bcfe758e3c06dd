//! Sorting of many numbers, largest first, each with what it belongs to: digit by digit, in linear time.
//!
//! Numbers are at least 0 or NaN, so that their bits are in the order of their values. Equal numbers keep their order.
//! Segments (a class of an image) are sorted in parallel, each as a whole.

use std::cell::Cell;
use std::thread::LocalKey;

use crate::scalar::Prim;

/// Bits of a digit: a table of counts of this many entries stays in the first-level cache.
const DIGIT: usize = 11;
const DIGITS: usize = 1 << DIGIT;
/// Fewer numbers are sorted by comparison.
const FEW: usize = 512;

/// A number to sort by, and the tag that comes with it.
pub(crate) type Pair<B> = (B, u32);

/// Memory for the pairs of a segment, and as much again.
pub(crate) type Memory<B> = (Vec<Pair<B>>, Vec<Pair<B>>);

/// A number to sort by.
pub(crate) trait Key: Prim {
    /// Its bits, turned over so that the largest comes first.
    type Bits: Copy + Default + Ord + Send + Sync + 'static;
    /// How many digits.
    const PASSES: usize;

    fn bits(self) -> Self::Bits;
    fn from_bits(bits: Self::Bits) -> Self;
    fn digit(bits: Self::Bits, pass: usize) -> usize;
    /// This thread's work memory, kept between calls.
    fn memory() -> &'static LocalKey<Cell<Memory<Self::Bits>>>;
}

macro_rules! key {
    ($t:ident, $bits:ident) => {
        impl Key for $t {
            type Bits = $bits;
            const PASSES: usize = ($bits::BITS as usize).div_ceil(DIGIT);

            #[inline(always)]
            fn bits(self) -> $bits {
                // Without the sign, which NaN may have.
                !self.abs().to_bits()
            }
            #[inline(always)]
            fn from_bits(bits: $bits) -> Self {
                $t::from_bits(!bits)
            }
            #[inline(always)]
            fn digit(bits: $bits, pass: usize) -> usize {
                (bits >> (pass * DIGIT)) as usize % DIGITS
            }
            fn memory() -> &'static LocalKey<Cell<Memory<$bits>>> {
                thread_local!(static MEMORY: Cell<Memory<$bits>> = const { Cell::new((Vec::new(), Vec::new())) });
                &MEMORY
            }
        }
    };
}
key!(f32, u32);
key!(f64, u64);

/// Lends this thread's memory, of any content.
pub(crate) fn with_memory<K: Key, T>(work: impl FnOnce(&mut Memory<K::Bits>) -> T) -> T {
    let mut memory = K::memory().take();
    let result = work(&mut memory);
    K::memory().set(memory);
    result
}

/// Sorts the pairs, largest number first.
pub(crate) fn descending<K: Key>((pairs, spare): &mut Memory<K::Bits>) {
    if pairs.len() < FEW {
        pairs.sort_by_key(|pair| pair.0);
        return;
    }
    spare.resize(pairs.len(), Default::default());
    let mut counts = vec![[0u32; DIGITS]; K::PASSES];
    for (bits, _) in pairs.iter() {
        for (pass, counts) in counts.iter_mut().enumerate() {
            counts[K::digit(*bits, pass)] += 1;
        }
    }
    let all = pairs.len() as u32;
    for (pass, counts) in counts.iter_mut().enumerate() {
        // A digit that all share moves nothing.
        if counts[K::digit(pairs[0].0, pass)] == all {
            continue;
        }
        let mut start = 0;
        for count in counts.iter_mut() {
            start += std::mem::replace(count, start);
        }
        for pair in pairs.iter() {
            let place = &mut counts[K::digit(pair.0, pass)];
            spare[*place as usize] = *pair;
            *place += 1;
        }
        std::mem::swap(pairs, spare);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<K: Key + std::fmt::Debug>(count: u32) {
        let mut state = 1u64;
        let mut random = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            state >> 33
        };
        // Few values, so that many are equal; of very different sizes.
        let numbers: Vec<K> = (0..count)
            .map(|_| K::of((random() % 400) as f64 * 10f64.powi((random() % 60) as i32 - 30)))
            .collect();
        let mut expected: Vec<(K, u32)> = numbers.iter().copied().zip(0..).collect();
        expected.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap_or(std::cmp::Ordering::Equal));
        with_memory::<K, _>(|memory| {
            memory.0.clear();
            memory
                .0
                .extend(numbers.iter().zip(0..).map(|(x, i)| (x.bits(), i)));
            descending::<K>(memory);
            let got: Vec<(K, u32)> = memory
                .0
                .iter()
                .map(|(b, i)| (K::from_bits(*b), *i))
                .collect();
            assert_eq!(got, expected);
        });
    }

    #[test]
    fn equals_a_stable_sort() {
        for count in [0, 1, 2, 100, 511, 512, 513, 5000] {
            check::<f32>(count);
            check::<f64>(count);
        }
    }

    #[test]
    fn nan_comes_first() {
        let mut memory = (Vec::new(), Vec::new());
        let numbers = [1f32, -f32::NAN, f32::INFINITY, 0.0];
        memory
            .0
            .extend(numbers.iter().zip(0..).map(|(x, i)| (x.bits(), i)));
        descending::<f32>(&mut memory);
        let order: Vec<u32> = memory.0.iter().map(|pair| pair.1).collect();
        assert_eq!(order, [1, 2, 0, 3]);
    }
}
