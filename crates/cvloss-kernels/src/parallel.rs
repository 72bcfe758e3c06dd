//! Deterministic parallelism: work is cut by shape alone, and results come back in order.

use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// The most pieces that a tensor is cut into; bounds the memory for partial sums.
const MOST: usize = 128;

/// Maps over `pieces`, in parallel where there are several, keeping their order.
pub(crate) fn map<T: Send, R: Send>(pieces: Vec<T>, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    if pieces.len() < 2 {
        return pieces.into_iter().map(work).collect();
    }
    let mut slots: Vec<_> = pieces
        .into_iter()
        .map(|piece| (Some(piece), None))
        .collect();
    let mut tasks: Vec<_> = slots
        .iter_mut()
        .map(|(piece, result)| || *result = piece.take().map(&work))
        .collect();
    run(tasks.iter_mut().map(|task| task as _).collect());
    slots.into_iter().filter_map(|(_, result)| result).collect()
}

/// Not generic: rayon's machinery, compiled for each kind of piece, was a quarter of this library.
fn run(tasks: Vec<&mut (dyn FnMut() + Send)>) {
    tasks.into_par_iter().for_each(|task| task());
}

/// The length of pieces of `0..len`, a multiple of `unit`, such that each is worth a task and there are not too many.
pub(crate) fn piece_len(len: usize, unit: usize, least: usize) -> usize {
    len.div_ceil(MOST).max(least).max(1).next_multiple_of(unit)
}

/// The parts of an operand; none of an absent one.
pub(crate) fn parts<T>(cut: Option<Vec<T>>) -> std::vec::IntoIter<T> {
    cut.unwrap_or_default().into_iter()
}

/// Runs `work` on a thread of the pool, where it starts parallel work without waking a thread each time.
///
/// From outside, each parallel loop wakes a thread that wakes others, and a kernel may put two of them on one core for
/// milliseconds: several loops in a row took twice as long.
pub(crate) fn enter<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::join(work, || ()).0
}
