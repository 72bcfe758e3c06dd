//! Loops in intrinsics.

use std::arch::x86_64::{
    __m256, __m256i, __m512, _mm256_add_pd, _mm256_add_ps, _mm256_castps_si256,
    _mm256_castps256_ps128, _mm256_castsi256_ps, _mm256_cvtps_pd, _mm256_div_ps,
    _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_fmsub_ps, _mm256_loadu_pd, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_mul_ps, _mm256_or_ps, _mm256_or_si256, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_storeu_pd, _mm256_storeu_ps,
    _mm256_stream_si256, _mm256_sub_ps, _mm256_testz_si256, _mm256_xor_ps, _mm512_add_ps,
    _mm512_alignr_epi32, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    _mm512_stream_si512,
};
use std::array::from_fn;
use std::f32::consts::LOG2_E;

use super::{LANES, LaneSums};
use crate::math::{NEAR_BITS, NEAR_EXP2, NEAR_MAGIC};
use crate::scalar::{LINE, Prim};

/// A cache line.
#[repr(align(64))]
struct Line([u8; LINE]);

/// [`super::stream`], given how a line is copied.
macro_rules! stream {
    ($name:ident, $features:literal, $copy:expr) => {
        #[target_feature(enable = $features)]
        pub(super) fn $name<P: Prim>(from: &[P], to: &mut [P]) {
            assert_eq!(from.len(), to.len());
            // SAFETY: every content of a line is a `P`, which is `f32` or `f64`, and the other way round.
            let (head, lines, tail) = unsafe { to.align_to_mut::<Line>() };
            let (from_head, from) = from.split_at(head.len());
            let (from, from_tail) = from.split_at(from.len() - tail.len());
            // A copy of nothing would be a call too.
            if !head.is_empty() {
                head.copy_from_slice(from_head);
            }
            if !tail.is_empty() {
                tail.copy_from_slice(from_tail);
            }
            for (from, to) in from.chunks_exact(LINE / size_of::<P>()).zip(lines) {
                // SAFETY: both are as long as a line, and the second starts where lines do.
                unsafe { $copy(from.as_ptr().cast(), (&raw mut to.0).cast()) };
            }
        }
    };
}
stream!(stream_avx512, "avx512f", |from, to| _mm512_stream_si512(
    to,
    _mm512_loadu_si512(from)
));
stream!(
    stream_avx2,
    "avx2",
    |from: *const __m256i, to: *mut __m256i| {
        _mm256_stream_si256(to, _mm256_loadu_si256(from));
        _mm256_stream_si256(to.add(1), _mm256_loadu_si256(from.add(1)));
    }
);

/// See [`super::sigmoid_products`], and [`exp_minus_near`](crate::math::Real::exp_minus_near) for the exponential.
///
/// Two vectors side by side share what is loaded of constants. Left to itself, the compiler takes one after the other, with
/// a seventh more instructions: the whole loss took a twentieth longer.
#[inline(never)]
#[target_feature(enable = "avx2,fma")]
pub(super) fn sigmoid_products(
    logits: &[f32],
    target: &[f32],
    products: &mut [f32],
    sums: LaneSums<'_>,
) -> bool {
    let set = |x: f32| _mm256_set1_ps(x);
    let bits = |x: __m256| _mm256_castps_si256(x);
    let float = |x: __m256i| _mm256_castsi256_ps(x);
    let load = |group: &[f32; LANES]| -> [__m256; 2] {
        // SAFETY: both halves lie inside `group`.
        from_fn(|n| unsafe { _mm256_loadu_ps(group[8 * n..].as_ptr()) })
    };
    let store = |group: &mut [f32; LANES], vectors: [__m256; 2]| {
        for (half, vector) in group.chunks_exact_mut(8).zip(vectors) {
            // SAFETY: `half` has room for a vector.
            unsafe { _mm256_storeu_ps(half.as_mut_ptr(), vector) };
        }
    };
    let (factor, magic, one) = (set(-LOG2_E), set(NEAR_MAGIC), set(1.0));
    let zero = _mm256_setzero_ps();
    let (mut far, mut soft) = (zero, zero);
    let [mut both, mut volume, mut sum_of_t] = [[zero; 2]; 3];
    let (logits, _) = logits.as_chunks::<LANES>();
    let (target, _) = target.as_chunks::<LANES>();
    let (products, _) = products.as_chunks_mut::<LANES>();
    for ((logits, target), products) in logits.iter().zip(target).zip(products) {
        let x = load(logits);
        let shifted = x.map(|x| _mm256_fmadd_ps(x, factor, magic));
        let k = shifted.map(|shifted| _mm256_sub_ps(shifted, magic));
        let fraction: [_; 2] = from_fn(|n| _mm256_fmsub_ps(x[n], factor, k[n]));
        let [rest @ .., last] = NEAR_EXP2;
        let mut e = [set(last); 2];
        for term in rest.into_iter().rev().map(set) {
            e = from_fn(|n| _mm256_fmadd_ps(e[n], fraction[n], term));
        }
        let power = shifted.map(|shifted| float(_mm256_slli_epi32::<23>(bits(shifted))));
        let e: [_; 2] = from_fn(|n| _mm256_mul_ps(e[n], power[n]));
        let p = e.map(|e| _mm256_div_ps(one, _mm256_add_ps(one, e)));
        let t = load(target);
        let negated = t.map(|t| float(_mm256_slli_epi32::<8>(bits(t))));
        store(
            products,
            from_fn(|n| {
                let q = _mm256_mul_ps(e[n], p[n]);
                _mm256_or_ps(_mm256_mul_ps(p[n], q), negated[n])
            }),
        );
        for n in 0..2 {
            far = _mm256_or_ps(far, _mm256_xor_ps(shifted[n], set(NEAR_BITS)));
            soft = _mm256_or_ps(soft, _mm256_fmsub_ps(t[n], t[n], t[n]));
            both[n] = _mm256_fmadd_ps(p[n], t[n], both[n]);
            volume[n] = _mm256_add_ps(volume[n], p[n]);
            sum_of_t[n] = _mm256_add_ps(sum_of_t[n], t[n]);
        }
    }
    let unfit = _mm256_or_si256(_mm256_srli_epi32::<7>(bits(far)), bits(soft));
    for (sum, vectors) in sums.into_iter().zip([both, volume, sum_of_t]) {
        let halves = vectors.map(|v| [_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v)]);
        for (lanes, half) in sum.chunks_exact_mut(4).zip(halves.as_flattened()) {
            // SAFETY: `lanes` is as long as a vector.
            unsafe {
                let old = _mm256_loadu_pd(lanes.as_ptr());
                let new = _mm256_add_pd(old, _mm256_cvtps_pd(*half));
                _mm256_storeu_pd(lanes.as_mut_ptr(), new);
            }
        }
    }
    _mm256_testz_si256(unfit, unfit) == 1
}

/// Vectors of sums in registers.
const GROUPS: usize = 4;

/// See [`super::slide`].
#[target_feature(enable = "avx512f")]
pub(super) fn slide(taps: &[f32], from: &[f32], to: &mut [f32], add: bool) -> usize {
    // Taps are taken by the vector, so that up to a vector more is loaded than is used.
    let room = from
        .len()
        .saturating_sub(taps.len().next_multiple_of(LANES));
    let len = to.len().min(room) / LANES * LANES;
    let to = &mut to[..len];
    let mut at = 0;
    while at + GROUPS * LANES <= len {
        block::<GROUPS>(taps, &from[at..], &mut to[at..], add);
        at += GROUPS * LANES;
    }
    while at < len {
        block::<1>(taps, &from[at..], &mut to[at..], add);
        at += LANES;
    }
    len
}

/// Some vectors of sums. `from` holds as many, and the taps' whole vectors.
#[inline]
#[target_feature(enable = "avx512f")]
fn block<const N: usize>(taps: &[f32], from: &[f32], to: &mut [f32], add: bool) {
    let mut sums = [_mm512_setzero_ps(); N];
    for (taps, first) in taps.chunks(LANES).zip((0..).step_by(LANES)) {
        let from = &from[first..];
        let whole: [__m512; N] = std::array::from_fn(|n| load(from, n * LANES));
        let last = load(from, N * LANES);
        macro_rules! add_taps {
            ($($tap:literal)*) => {$(
                if let Some(tap) = taps.get($tap) {
                    let tap = _mm512_set1_ps(*tap);
                    for n in 0..N {
                        let seen = if $tap % 2 == 0 {
                            let next = *whole.get(n + 1).unwrap_or(&last);
                            join::<$tap>(whole[n], next)
                        } else {
                            load(from, n * LANES + $tap)
                        };
                        sums[n] = _mm512_fmadd_ps(tap, seen, sums[n]);
                    }
                }
            )*};
        }
        add_taps!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    }
    for n in 0..N {
        if add {
            sums[n] = _mm512_add_ps(sums[n], load(to, n * LANES));
        }
        let to = &mut to[n * LANES..][..LANES];
        // SAFETY: `to` is as long as a vector.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), sums[n]) };
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(from: &[f32], at: usize) -> __m512 {
    let from = &from[at..][..LANES];
    // SAFETY: `from` is as long as a vector.
    unsafe { _mm512_loadu_ps(from.as_ptr()) }
}

/// The vector that begins `AT` numbers after `low`, which `high` follows.
#[inline]
#[target_feature(enable = "avx512f")]
fn join<const AT: i32>(low: __m512, high: __m512) -> __m512 {
    let (low, high) = (_mm512_castps_si512(low), _mm512_castps_si512(high));
    _mm512_castsi512_ps(_mm512_alignr_epi32::<AT>(high, low))
}
