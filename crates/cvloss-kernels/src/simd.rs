//! Run-time choice of the instruction set.
//!
//! A loop is a [`Task`]: plain Rust, generic over the [`Isa`], with everything inside `#[inline(always)]`. [`dispatch`]
//! runs it inside a function compiled for the best instruction set of this machine, where LLVM vectorises it.

#[cfg(target_arch = "x86_64")]
mod x86;

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::math::{Lane, Real};
use crate::scalar::{LINE, Prim};

/// Numbers side by side: an AVX-512 register of `f32`.
pub(crate) const LANES: usize = 16;

/// An instruction set, as the types of its arithmetic.
pub trait Isa: Send + Sync + 'static {
    /// `f32` arithmetic.
    type F32: Real<Prim = f32>;
    /// `f64` arithmetic.
    type F64: Real<Prim = f64>;
}

/// Instruction sets with fused multiply-add: AVX-512, AVX2 with FMA, NEON.
pub struct Fused;
impl Isa for Fused {
    type F32 = Lane<f32, true>;
    type F64 = Lane<f64, true>;
}

/// What every target has.
pub struct Portable;
impl Isa for Portable {
    type F32 = Lane<f32, false>;
    type F64 = Lane<f64, false>;
}

/// A loop to be compiled once per instruction set. `run` must be `#[inline(always)]`, and so must all that it calls.
pub trait Task {
    /// What it computes in.
    type Prim: Prim;
    /// What it returns.
    type Output;
    /// Runs the loop.
    fn run<I: Isa>(self) -> Self::Output;
}

/// Instruction sets from the least to the most capable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// What the target guarantees (SSE2 on x86-64).
    Portable = 1,
    /// Fused multiply-add with 128 or 256 bits: NEON, or AVX2 with FMA.
    Fma = 2,
    /// AVX-512 F, BW, DQ, VL.
    Avx512 = 3,
}

/// What this crate itself is compiled for: there is no code for less.
const BASE: Level = if cfg!(all(
    target_feature = "avx2",
    target_feature = "fma",
    target_feature = "bmi2"
)) {
    Level::Fma
} else {
    Level::Portable
};

static LIMIT: AtomicU8 = AtomicU8::new(Level::Avx512 as u8);
static FOUND: AtomicU8 = AtomicU8::new(0);

/// Uses no instruction set above `level` from now on, in the whole process.
///
/// Results differ in the last bits between levels; a limit makes them the same on different machines. A limit below what
/// this crate is compiled for (`-C target-cpu`) counts as that.
pub fn limit(level: Level) {
    LIMIT.store(level as u8, Ordering::Relaxed);
}

/// The instruction set in use.
pub fn level() -> Level {
    let mut found = FOUND.load(Ordering::Relaxed);
    if found == 0 {
        found = detect() as u8;
        FOUND.store(found, Ordering::Relaxed);
    }
    match found.min(LIMIT.load(Ordering::Relaxed)) {
        3 => Level::Avx512,
        2 => Level::Fma,
        _ => BASE,
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    let fma = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("bmi2");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    match (fma, avx512) {
        (true, true) => Level::Avx512,
        (true, false) => Level::Fma,
        _ => Level::Portable,
    }
}

// NEON and its fused multiply-add belong to every AArch64 target of Rust.
#[cfg(target_arch = "aarch64")]
fn detect() -> Level {
    Level::Fma
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detect() -> Level {
    Level::Portable
}

/// Runs `task` with the best instruction set that this machine has and [`limit`] allows.
#[inline]
pub fn dispatch<T: Task>(task: T) -> T::Output {
    match level() {
        Level::Portable if matches!(BASE, Level::Portable) => portable(task),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `level` returned it, so every feature that `avx512` enables was detected on this machine.
        Level::Avx512 if T::Prim::IS_WIDE => unsafe { avx512(task) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above, for `avx2`, whose features AVX-512 includes; or this crate itself is compiled for them.
        _ => unsafe { avx2(task) },
        #[cfg(target_arch = "aarch64")]
        _ => task.run::<Fused>(),
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        _ => portable(task),
    }
}

/// Not inlined: callers would have a copy each.
#[inline(never)]
fn portable<T: Task>(task: T) -> T::Output {
    task.run::<Portable>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2")]
fn avx512<T: Task>(task: T) -> T::Output {
    task.run::<Fused>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi2")]
fn avx2<T: Task>(task: T) -> T::Output {
    task.run::<Fused>()
}

/// Asks for `row` to be brought into the cache. Changes nothing else; does nothing where the target has no such hint.
#[inline(always)]
pub(crate) fn prefetch<T>(row: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start = row.as_ptr().cast::<i8>();
        for offset in (0..size_of_val(row)).step_by(LINE) {
            // SAFETY: a prefetch reads nothing, and `offset` lies inside `row`.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add(offset)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

/// Memory to be brought into the cache block by block, between other work: all at once, it would keep that waiting.
#[derive(Clone, Copy)]
pub(crate) struct Ahead<'a> {
    start: *const i8,
    len: usize,
    per_block: usize,
    row: PhantomData<&'a ()>,
}

impl<'a> Ahead<'a> {
    /// A row, a block of it with each block.
    #[inline(always)]
    pub(crate) fn new<T>(row: &'a [T]) -> Self {
        Self {
            start: row.as_ptr().cast(),
            len: size_of_val(row),
            per_block: LANES * size_of::<T>(),
            row: PhantomData,
        }
    }

    /// Nothing.
    #[inline(always)]
    pub(crate) fn none() -> Self {
        Self::new::<u8>(&[])
    }

    /// The `nth` of so many parts, a line with each block.
    #[inline(always)]
    pub(crate) fn part(self, nth: usize, parts: usize) -> Self {
        let len = self.len.div_ceil(parts.max(1)).next_multiple_of(LINE);
        let first = (nth * len).min(self.len);
        Self {
            start: self.start.wrapping_add(first),
            len: len.min(self.len - first),
            per_block: LINE,
            ..self
        }
    }

    /// Brings what belongs to a block of [`LANES`].
    #[inline(always)]
    pub(crate) fn bring(self, block: usize) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let first = block * self.per_block;
            for offset in (first..first + self.per_block).step_by(LINE) {
                if offset < self.len {
                    // SAFETY: a prefetch reads nothing, and `offset` lies inside the row.
                    unsafe { _mm_prefetch::<_MM_HINT_T0>(self.start.add(offset)) };
                }
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (block, self.per_block);
    }
}

/// As [`prefetch`], of the first and the last number where they lie within a cache line.
#[inline(always)]
pub(crate) fn prefetch_ends<T>(row: &[T]) {
    let [start, end] = [row.as_ptr_range().start, row.as_ptr_range().end];
    if !start.addr().is_multiple_of(LINE) {
        prefetch(&row[..row.len().min(1)]);
    }
    if !end.addr().is_multiple_of(LINE) {
        prefetch(&row[row.len().saturating_sub(1)..]);
    }
}

/// Copies `from` to `to`, of the same length, past the caches where the target can: what is written whole lines at a time
/// need not be read first, and drives nothing out.
///
/// Another thread may see it late, unless [`settle`] comes before what it waits for: each piece of
/// [`parallel::map`](crate::parallel::map) ends with that.
pub(crate) fn stream<P: Prim>(from: &[P], to: &mut [P]) {
    #[cfg(target_arch = "x86_64")]
    match level() {
        // SAFETY: `level` returned it, so AVX-512 F was detected on this machine.
        Level::Avx512 => return unsafe { x86::stream_avx512(from, to) },
        // SAFETY: as above, of AVX2; or this crate itself is compiled for it.
        Level::Fma => return unsafe { x86::stream_avx2(from, to) },
        Level::Portable => {}
    }
    to.copy_from_slice(from);
}

/// Has all that was [streamed](stream) seen before what is written from here on.
#[inline]
pub(crate) fn settle() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has it.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

/// `to[i] = Σ_t taps[t] · from[i + t]`, or added to what is there, for the first few of `to`: returns for how many. They
/// are whole groups of 16; none where there is no AVX-512, or `from` ends too early.
///
/// A vector that straddles two cache lines takes as long to load as three that do not. Here every other tap's vectors
/// are put together from two that were loaded whole: shuffles and loads share the work.
pub(crate) fn slide(taps: &[f32], from: &[f32], to: &mut [f32], add: bool) -> usize {
    #[cfg(target_arch = "x86_64")]
    if level() == Level::Avx512 {
        // SAFETY: `level` returned it, so AVX-512 F was detected on this machine.
        return unsafe { x86::slide(taps, from, to, add) };
    }
    let _ = (taps, from, to, add);
    0
}

/// `p (1 − p)` of logits, negative where the target is 1, by hand where the compiler has too few registers for it: AVX2
/// without AVX-512. `None` elsewhere. The rows are of one length, whole groups of [`LANES`], and so short that `f32` does
/// for their sums; these, of `p t`, `p` and `t`, are added to `sums`.
///
/// Whether each target is 0 or 1 and each logit [near 0](Real::exp_minus_near), without which the rest is of no use.
#[inline(always)]
pub(crate) fn sigmoid_products(
    logits: &[f32],
    target: &[f32],
    products: &mut [f32],
    sums: LaneSums<'_>,
) -> Option<bool> {
    #[cfg(target_arch = "x86_64")]
    if level() == Level::Fma {
        // SAFETY: `level` is this only where AVX2 and FMA were detected, or this crate itself is compiled for them.
        return Some(unsafe { x86::sigmoid_products(logits, target, products, sums) });
    }
    let _ = (logits, target, products, sums);
    None
}

/// Three sums, each in lanes.
pub(crate) type LaneSums<'a> = [&'a mut [f64; LANES]; 3];
