//! The last step of a convolution, while its sums are still in registers: bias and ReLU forward, the ReLU's mask backward.

use std::ops::Range;

use super::maps::Maps;
use super::product::{COLUMNS, DEPTH};
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::Isa;

/// What happens to the sums of a convolution before they are written.
///
/// No enum with the fields of each way: compilers test a field of one way before they know the way, which is harmless, and
/// which tools that look for memory without content report.
#[derive(Clone, Copy)]
pub(super) struct Finish<'a, T> {
    way: Way,
    bias: &'a [T],
    relu: bool,
    mask: &'a [u8],
}

#[derive(Clone, Copy)]
enum Way {
    Forward,
    Backward,
    MaskedBackward,
}

impl<'a, T> Finish<'a, T> {
    /// The bias of each output channel is added, and negative sums become 0 if `relu`.
    pub(super) fn forward(bias: &'a [T], relu: bool) -> Self {
        Self {
            way: Way::Forward,
            bias,
            relu,
            mask: &[],
        }
    }

    /// Sums where the mask is 0 become 0.
    pub(super) fn backward(mask: Option<&'a [u8]>) -> Self {
        Self {
            way: match mask {
                None => Way::Backward,
                Some(_) => Way::MaskedBackward,
            },
            bias: &[],
            relu: false,
            mask: mask.unwrap_or_default(),
        }
    }
}

/// The rows of output that one thread writes.
pub(super) struct Band<'a, T> {
    /// Rows, counted over all items.
    pub(super) rows: Range<usize>,
    /// Their numbers.
    pub(super) out: &'a mut [T],
    /// Where the mask of the ReLU goes, one byte a number.
    pub(super) mask: Option<&'a mut [u8]>,
}

/// Cuts the rows of `maps` at `cuts`, which go up from 0 to all rows.
pub(super) fn bands<'a, T>(
    row_len: usize,
    out: &'a mut [T],
    mask: Option<&'a mut [u8]>,
    cuts: &[usize],
) -> Vec<Band<'a, T>> {
    let (mut out, mut mask) = (out, mask);
    let mut bands = Vec::with_capacity(cuts.len());
    for pair in cuts.windows(2) {
        let len = (pair[1] - pair[0]) * row_len;
        let (own, rest) = out.split_at_mut(len);
        out = rest;
        let own_mask = match mask.take() {
            None => None,
            Some(all) => {
                let (own, rest) = all.split_at_mut(len);
                mask = Some(rest);
                Some(own)
            }
        };
        bands.push(Band {
            rows: pair[0]..pair[1],
            out: own,
            mask: own_mask,
        });
    }
    bands
}

/// The channels of some panels in a band: what one thread writes where threads have panels of their own.
pub(super) struct Strip<'a, T> {
    /// Rows, counted over all items.
    pub(super) rows: Range<usize>,
    /// Panels, counted over all channels.
    pub(super) panels: Range<usize>,
    /// Their numbers of each pixel.
    pub(super) out: Vec<&'a mut [T]>,
    /// Where the mask of the ReLU goes.
    pub(super) mask: Option<Vec<&'a mut [u8]>>,
}

impl<'a, T> Band<'a, T> {
    /// The band, whose pixels have `lanes` numbers, in strips of `each` panels.
    pub(super) fn strips(self, lanes: usize, each: usize) -> Vec<Strip<'a, T>> {
        let panels = lanes.div_ceil(COLUMNS);
        let pixels = self.out.len() / lanes.max(1);
        let mut strips: Vec<_> = (0..panels)
            .step_by(each)
            .map(|first| Strip {
                rows: self.rows.clone(),
                panels: first..panels.min(first + each),
                out: Vec::with_capacity(pixels),
                mask: self.mask.as_ref().map(|_| Vec::with_capacity(pixels)),
            })
            .collect();
        let len = each * COLUMNS;
        for pixel in self.out.chunks_mut(lanes.max(1)) {
            for (strip, part) in strips.iter_mut().zip(pixel.chunks_mut(len)) {
                strip.out.push(part);
            }
        }
        let masks = self.mask.into_iter();
        for pixel in masks.flat_map(|mask| mask.chunks_mut(lanes.max(1))) {
            for (strip, part) in strips.iter_mut().zip(pixel.chunks_mut(len)) {
                if let Some(mask) = &mut strip.mask {
                    mask.push(part);
                }
            }
        }
        strips
    }
}

/// Every `step` rows of each item, as far as its height goes: where bands may begin. At most about `most` bands.
pub(super) fn cuts<T>(maps: &Maps<T>, step: usize, most: usize) -> Vec<usize> {
    let steps = maps.height.div_ceil(step);
    let total = steps * maps.items;
    let bands = total.min(most.max(1));
    let mut cuts: Vec<usize> = (0..=bands)
        .map(|band| {
            let at = band * total / bands.max(1);
            let (item, step_at) = (at / steps.max(1), at % steps.max(1));
            item * maps.height + (step_at * step).min(maps.height)
        })
        .collect();
    cuts.dedup();
    cuts
}

impl<T: Prim> Finish<'_, T> {
    /// Finishes one pixel's sums of panel `panel` and writes them, in whole chunks. `at` is where they go within the whole
    /// output.
    #[inline(always)]
    pub(super) fn write<I: Isa>(
        &self,
        panel: usize,
        sums: &[T; COLUMNS],
        out: &mut [T],
        kept: Option<&mut [u8]>,
        at: usize,
    ) {
        let len = out.len();
        let chunks = sums.as_chunks::<DEPTH>().0.iter();
        let chunks = chunks.zip(out.as_chunks_mut::<DEPTH>().0);
        match self.way {
            Way::Forward => {
                let relu = self.relu;
                let bias = self.bias[panel * COLUMNS..][..len].as_chunks::<DEPTH>().0;
                match kept {
                    None => {
                        for ((sums, out), bias) in chunks.zip(bias) {
                            *out = forward::<I, T>(sums, bias, relu);
                        }
                    }
                    Some(kept) => {
                        let kept = kept.as_chunks_mut::<DEPTH>().0;
                        for (((sums, out), bias), kept) in chunks.zip(bias).zip(kept) {
                            *out = forward::<I, T>(sums, bias, relu);
                            *kept = mask::<I, T>(out);
                        }
                    }
                }
            }
            Way::Backward => chunks.for_each(|(sums, out)| *out = *sums),
            Way::MaskedBackward => {
                let mask = self.mask[at..][..len].as_chunks::<DEPTH>().0;
                for ((sums, out), mask) in chunks.zip(mask) {
                    *out = masked::<I, T>(sums, mask);
                }
            }
        }
    }
}

#[inline(always)]
fn forward<I: Isa, T: Prim>(sums: &[T; DEPTH], bias: &[T; DEPTH], relu: bool) -> [T; DEPTH] {
    // Negative numbers become 0, and NaN stays.
    let floor = if relu { 0.0 } else { f64::NEG_INFINITY };
    let floor = <T::Lane<I>>::of(floor);
    let mut out = [T::default(); DEPTH];
    for j in 0..DEPTH {
        let x = <T::Lane<I>>::new(sums[j]) + <T::Lane<I>>::new(bias[j]);
        out[j] = x.at_least(floor).get();
    }
    out
}

/// Where numbers are above 0, or NaN, whose gradient goes on.
#[inline(always)]
pub(super) fn mask<I: Isa, T: Prim>(numbers: &[T; DEPTH]) -> [u8; DEPTH] {
    let zero = <T::Lane<I>>::zero();
    let mut kept = [0; DEPTH];
    for j in 0..DEPTH {
        let is_below = <T::Lane<I>>::new(numbers[j]) <= zero;
        kept[j] = u8::from(!is_below);
    }
    kept
}

/// Zeros where `mask` is 0.
#[inline(always)]
pub(super) fn masked<I: Isa, T: Prim>(numbers: &[T; DEPTH], mask: &[u8; DEPTH]) -> [T; DEPTH] {
    let zero = <T::Lane<I>>::zero();
    let mut out = [T::default(); DEPTH];
    for j in 0..DEPTH {
        out[j] = <T::Lane<I>>::select(mask[j] == 0, zero, <T::Lane<I>>::new(numbers[j])).get();
    }
    out
}
