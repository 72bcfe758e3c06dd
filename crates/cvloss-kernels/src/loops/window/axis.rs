//! One axis of a window sweep: where windows have their centres, what lies beyond the border, how work is cut.

use std::ops::Range;

/// What a window sees beyond the border of an image, and where windows have their centres.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Border {
    /// Nothing: only windows that lie inside the image count.
    #[default]
    Valid,
    /// The image mirrored at its outermost pixels, which are not repeated: torch's `reflect`.
    Reflect,
    /// The outermost pixels, repeated: torch's `replicate`.
    Replicate,
    /// Zeros.
    Zero,
}

/// An axis of an image with the window that slides along it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) len: usize,
    /// Taps on either side of a window's centre.
    pub(super) radius: usize,
    pub(super) border: Border,
}

/// A part of an axis. Positions are those of pixels; outside of `0..len` lies what the border puts there.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// The pixels of this part.
    pub(super) own: Range<isize>,
    /// Pixels and what is beyond the border next to them, which have a gradient.
    pub(super) slopes: Range<isize>,
    /// Centres of windows that reach `slopes`; without a gradient, those of `counted`.
    pub(super) centres: Range<isize>,
    /// Centres among the own pixels.
    pub(super) counted: Range<isize>,
    /// What these windows see.
    pub(super) inputs: Range<isize>,
}

pub(super) fn overlap(a: Range<isize>, b: Range<isize>) -> Range<isize> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}

impl Axis {
    /// Whether gradients beyond the border return to pixels.
    pub(super) fn folds(&self) -> bool {
        self.radius > 0 && matches!(self.border, Border::Reflect | Border::Replicate)
    }

    /// Where windows have their centres.
    pub(super) fn centres(&self) -> Range<isize> {
        let (len, radius) = (self.len as isize, self.radius as isize);
        match self.border {
            Border::Valid => radius..(len - radius).max(radius),
            Border::Reflect | Border::Replicate | Border::Zero => 0..len,
        }
    }

    /// The pixel that a position shows; none where there are zeros.
    pub(super) fn pixel(&self, at: isize) -> Option<usize> {
        let last = self.len as isize - 1;
        match self.border {
            Border::Reflect if at < 0 => Some((-at) as usize),
            Border::Reflect if at > last => Some((2 * last - at) as usize),
            Border::Replicate => Some(at.clamp(0, last) as usize),
            Border::Valid | Border::Reflect | Border::Zero => {
                (0..=last).contains(&at).then_some(at as usize)
            }
        }
    }

    /// Whether the gradient at `at` is the first to come to its pixel, positions being visited in order.
    pub(super) fn is_first(&self, at: isize) -> bool {
        let (len, radius) = (self.len as isize, self.radius as isize);
        match self.border {
            Border::Valid | Border::Zero => true,
            Border::Reflect => at < 0 || (at < len && !(1..=radius).contains(&at)),
            Border::Replicate => at == -radius || (1..len).contains(&at),
        }
    }

    /// The part with the pixels `own`, which are more than `radius` unless they are all.
    pub(super) fn part(&self, own: Range<usize>, has_gradient: bool) -> Part {
        let (len, radius) = (self.len as isize, self.radius as isize);
        let own = own.start as isize..own.end as isize;
        let beyond = |is_end: bool| if self.folds() && is_end { radius } else { 0 };
        let slopes = own.start - beyond(own.start == 0)..own.end + beyond(own.end == len);
        let counted = overlap(own.clone(), self.centres());
        let centres = match has_gradient {
            true => overlap(slopes.start - radius..slopes.end + radius, self.centres()),
            false => counted.clone(),
        };
        let inputs = centres.start - radius..centres.end + radius;
        Part {
            own,
            slopes,
            centres,
            counted,
            inputs,
        }
    }

    /// Cuts into parts of about `size` pixels, each longer than the radius unless it is the only one.
    pub(super) fn cut(&self, size: usize) -> Vec<Range<usize>> {
        let least = (self.radius + 1).max(size);
        let count = (self.len / least.max(1)).max(1);
        let bound = |part: usize| part * self.len / count;
        (0..count).map(|i| bound(i)..bound(i + 1)).collect()
    }

    /// How often windows with these taps see each pixel, by weight: 1 but near a border.
    pub(super) fn coverage(&self, taps: &[f64]) -> Vec<f64> {
        let mut coverage = vec![0.0; self.len];
        let radius = (taps.len() / 2) as isize;
        for centre in self.centres() {
            for (at, tap) in (centre - radius..).zip(taps) {
                if let Some(pixel) = self.pixel(at) {
                    coverage[pixel] += tap;
                }
            }
        }
        coverage
    }
}
