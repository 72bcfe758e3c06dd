//! Deterministic parallelism: work is cut by shape alone, and results come back in order.

use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// The most pieces that a tensor is cut into; bounds the memory for partial sums.
const MOST: usize = 128;

/// Maps over `pieces`, in parallel where there are several, keeping their order.
pub(crate) fn map<T: Send, R: Send>(pieces: Vec<T>, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    if pieces.len() < 2 {
        pieces.into_iter().map(work).collect()
    } else {
        pieces.into_par_iter().map(work).collect()
    }
}

/// The length of pieces of `0..len`, a multiple of `unit`, such that each is worth a task and there are not too many.
pub(crate) fn piece_len(len: usize, unit: usize, least: usize) -> usize {
    len.div_ceil(MOST).max(least).max(1).next_multiple_of(unit)
}
