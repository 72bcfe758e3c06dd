//! Deterministic parallelism: work is cut by shape alone, and results come back in order.

use crate::simd::settle;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// The most pieces that a tensor is cut into; bounds the memory for partial sums.
const MOST: usize = 64;

/// Maps over `pieces`, in parallel where there are several, keeping their order.
pub(crate) fn map<T: Send, R: Send>(
    pieces: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> R + Sync + Send,
) -> Vec<R> {
    map_in(Order::Forth, pieces, work)
}

/// Which pieces come first. What a sweep saw last is still in a cache for one that goes the other way.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    /// The first.
    Forth,
    /// The last.
    Back,
}

/// As [`map`]. Results are in the order of pieces all the same.
pub(crate) fn map_in<T: Send, R: Send>(
    order: Order,
    pieces: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> R + Sync + Send,
) -> Vec<R> {
    let slots = pieces.into_iter().map(|piece| Slot {
        piece: Some(piece),
        result: None,
        work: &work,
    });
    let mut slots: Vec<_> = slots.collect();
    let mut ordered: Vec<_> = slots.iter_mut().map(|slot| slot as _).collect();
    match order {
        Order::Forth => {}
        Order::Back => ordered.reverse(),
    }
    run(ordered);
    let mut results = Vec::with_capacity(slots.len());
    results.extend(slots.into_iter().filter_map(|slot| slot.result));
    results
}

/// A piece of work and what came of it.
struct Slot<'w, T, R, F> {
    piece: Option<T>,
    result: Option<R>,
    work: &'w F,
}

trait Run: Send {
    fn run(&mut self);
}

impl<T: Send, R: Send, F: Fn(T) -> R + Sync> Run for Slot<'_, T, R, F> {
    fn run(&mut self) {
        self.result = self.piece.take().map(self.work);
        settle();
    }
}

/// Not generic: rayon's machinery, compiled for each kind of piece, was a quarter of this library.
fn run(mut slots: Vec<&mut dyn Run>) {
    match slots.as_mut_slice() {
        [slot] => slot.run(),
        _ => slots.into_par_iter().for_each(|slot| slot.run()),
    }
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
