//! From logits to probabilities, and from slopes with respect to these back to logits.

use crate::loops::softmax::{
    AddProducts, Back, PIXELS, clear_columns, cut, cut_mut, pieces, probability_tiles,
};
use crate::parallel;
use crate::simd::dispatch;
use crate::view::{View, ViewMut};

use super::{Call, Key, Points};

/// The softmax of the input, into `work`, which lends rows.
pub(super) fn probabilities<P: Key>(call: &Call<'_>, work: ViewMut<'_>) {
    let cuts = pieces(call.input.shape());
    let inputs = cut(call.input.reborrow(), cuts).into_iter();
    let work = inputs.zip(cut_mut(work, cuts));
    parallel::map(work, |(input, mut work)| {
        probability_tiles::<P>(&input, |tile, n, start, pixels| {
            for (c, p) in tile.chunks_exact(pixels).enumerate() {
                work.write_row(n, c, start, p, false);
            }
        });
    });
}

/// `∂L/∂z_c = p_c (s_c − Σ_k s_k p_k)` with the slopes `s = ∂L/∂p` in `work`; in their place, or stored in or added
/// to `into`.
pub(super) fn gradient<P: Key>(
    call: &Call<'_>,
    work: ViewMut<'_>,
    into: Option<ViewMut<'_>>,
    accumulate: bool,
) {
    let cuts @ (cut_items, cut_pixels) = pieces(call.input.shape());
    let per_row = call.input.shape()[2].div_ceil(cut_pixels).max(1);
    let mut into = into.map(|into| cut_mut(into, cuts).into_iter());
    let inputs = cut(call.input.reborrow(), cuts).into_iter();
    let work = inputs
        .zip(cut_mut(work, cuts))
        .map(|(input, work)| (input, work, into.as_mut().and_then(Iterator::next)))
        .enumerate();
    let run = |(index, (input, mut work, mut into)): (usize, (View<'_>, ViewMut<'_>, _))| {
        let into: &mut Option<ViewMut<'_>> = &mut into;
        let (item, pixel) = (index / per_row * cut_items, index % per_row * cut_pixels);
        let mut points = Points::<P>::new();
        probability_tiles::<P>(&input, |tile, n, start, pixels| {
            points.load(call, item + n, pixel + start, pixels);
            let may_be = call.target.ignores() || call.weight.is_some();
            clear_columns(tile, pixels, may_be, |i| !points.keeps(i));
            let mut dot = [P::default(); PIXELS];
            let dot = &mut dot[..pixels];
            for (c, p) in tile.chunks_exact(pixels).enumerate() {
                if let Some(slopes) = work.row(n, c, start, pixels) {
                    dispatch(AddProducts { p, slopes, dot });
                }
            }
            for (c, p) in tile.chunks_exact(pixels).enumerate() {
                let Some(slopes) = work.row(n, c, start, pixels) else {
                    continue;
                };
                dispatch(Back { p, slopes, dot });
                if let Some(into) = into.as_mut() {
                    into.write_row(n, c, start, slopes, accumulate);
                }
            }
        });
    };
    parallel::map(work, run);
}
