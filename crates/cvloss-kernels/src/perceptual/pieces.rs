//! An item's features, cut into pieces that threads share, with results in order.

use super::Pair;
use crate::parallel;

/// Numbers per piece, about.
const PIECE: usize = 32 * 1024;

/// A run of pixels of a pair.
pub(super) struct Piece<'a, T> {
    pub(super) input: &'a [T],
    pub(super) target: &'a [T],
    pub(super) input_slopes: Option<&'a mut [T]>,
    pub(super) target_slopes: Option<&'a mut [T]>,
}

/// Pixels per piece of maps with so many lanes; depends on the shape alone.
fn pixels_per_piece(lanes: usize) -> usize {
    (PIECE / lanes.max(1)).max(1)
}

/// Maps over the pieces of a pair, in order.
pub(super) fn map<T: Send + Sync, R: Send>(
    pair: Pair<'_, T>,
    work: impl Fn(Piece<'_, T>) -> R + Sync + Send,
) -> Vec<R> {
    let lanes = pair.input.lanes;
    let len = pixels_per_piece(lanes) * lanes.max(1);
    let mut input_slopes = pair.input_slopes.map(|slopes| slopes.chunks_mut(len));
    let mut target_slopes = pair.target_slopes.map(|slopes| slopes.chunks_mut(len));
    let inputs = pair.input.numbers.chunks(len);
    let pieces = inputs.zip(pair.target.numbers.chunks(len));
    let pieces = pieces.map(|(input, target)| Piece {
        input,
        target,
        input_slopes: input_slopes.as_mut().and_then(Iterator::next),
        target_slopes: target_slopes.as_mut().and_then(Iterator::next),
    });
    parallel::map(pieces, work)
}
