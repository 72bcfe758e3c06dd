//! A block of pixels of some items, tile by tile.

use std::any::Any;
use std::cell::Cell;

use crate::error::Result;
use crate::labels::{IGNORED, Target};
use crate::loops::site::target_row;
use crate::loops::softmax::{
    PIXELS, Place, RowOf, Source, WHOLE, clear_columns, tile_pixels, turn, turned_len, whole_len,
};
use crate::loops::sum::Lanes;
use crate::math::Real;
use crate::scalar::{Prim, with_scratch};
use crate::simd::{Isa, Task, dispatch};
use crate::view::View;

use super::terms::Terms;
use super::{Activation, Options};

/// What is read: everything, or the pixels of some items.
pub(super) struct Block<'i> {
    pub(super) options: Options,
    pub(super) input: View<'i>,
    pub(super) target: Target<'i>,
    pub(super) weight: Option<View<'i>>,
}

/// Pixels of a tile whose channels are taken one by one: the more, the less shows what is done once per tile.
const LONG: usize = 2048;

pub(super) type LongRow<P> = RowOf<P, LONG>;

/// Rows of work memory.
pub(super) struct Work<P> {
    pub(super) input: LongRow<P>,
    pub(super) target: LongRow<P>,
    pub(super) output: LongRow<P>,
    pub(super) dot: LongRow<P>,
    pub(super) terms: Terms<P>,
}

/// Label and weight of the pixels of a tile. An ignored pixel has weight 0.
pub(super) struct Points<P> {
    pub(super) labels: LongRow<P>,
    pub(super) weights: LongRow<P>,
    /// Whether any weight may not be 1.
    are_weighted: bool,
    pub(super) kept: f64,
}

/// What a thread keeps between pieces: to make it anew would take as long as a tile.
struct Memory<P> {
    work: Work<P>,
    points: Points<P>,
}

thread_local! {
    static MEMORY: Cell<Option<Box<dyn Any>>> = const { Cell::new(None) };
}

impl<P: Prim> Memory<P> {
    /// Lends this thread's.
    fn lend<T>(to: impl FnOnce(&mut Self) -> T) -> T {
        let kept = MEMORY.take().and_then(|memory| memory.downcast().ok());
        let mut memory = kept.unwrap_or_else(|| Box::new(Self::new()));
        let result = to(&mut memory);
        MEMORY.set(Some(memory));
        result
    }

    fn new() -> Self {
        let zeros = LongRow::new();
        Self {
            work: Work {
                input: zeros,
                target: zeros,
                output: zeros,
                dot: zeros,
                terms: Terms::new(),
            },
            points: Points {
                labels: zeros,
                weights: LongRow::filled(P::of(1.0)),
                are_weighted: false,
                kept: 0.0,
            },
        }
    }
}

impl Block<'_> {
    /// Whether the target is class indices and sums are plain.
    pub(super) fn is_simple(&self) -> bool {
        matches!(self.target, Target::Indices(..)) && !self.options.squared
    }

    /// Visits every tile: its surroundings, with its points or not; work memory for one number per class and pixel, as much
    /// as said for its gradient to be turned round, and rows. Fails at an index that is neither ignored nor a class.
    pub(super) fn tiles<P: Prim>(
        &self,
        reads_points: bool,
        turns_gradient: bool,
        mut visit: impl FnMut(&Site<'_, '_, P>, &mut [P], &mut [P], &mut Work<P>),
    ) -> Result<()> {
        let [items, classes, space] = self.input.shape();
        let is_turned = self.input.is_channels_last() || turns_gradient;
        let (stride, work) = match self.options.activation {
            Activation::Softmax => (tile_pixels(classes), classes * tile_pixels(classes)),
            Activation::Sigmoid | Activation::Identity if is_turned => (PIXELS, 0),
            Activation::Sigmoid | Activation::Identity => (LONG, 0),
        };
        let turned_input = turned_len(self.input.is_channels_last(), classes, stride);
        let turned_gradient = turned_len(turns_gradient, classes, stride);
        let len = work + turned_input + turned_gradient;
        let mut visit_all = |scratch: &mut [P], Memory { work: rows, points }: &mut Memory<P>| {
            points.forget_weights();
            let (tile, scratch) = scratch.split_at_mut(work);
            let (input, gradient) = scratch.split_at_mut(turned_input);
            for n in 0..items {
                for start in (0..space).step_by(stride) {
                    let pixels = stride.min(space - start);
                    let place = Place { n, start, pixels };
                    if reads_points {
                        self.load_points(points, place)?;
                    }
                    let beyond = pixels..pixels.next_multiple_of(WHOLE);
                    let len = classes * beyond.end;
                    points.labels[beyond.clone()].fill(P::of(IGNORED));
                    points.weights[beyond.clone()].fill(P::default());
                    let turned = turn(&self.input, place, &mut input[..len.min(turned_input)]);
                    let site = Site {
                        block: self,
                        points,
                        input: Source::new(turned.as_ref(), &self.input, place)
                            .with_labels(&self.target, place),
                        place,
                    };
                    let gradient = &mut gradient[..len.min(turned_gradient)];
                    visit(&site, &mut tile[..len.min(work)], gradient, rows);
                    points.weights[beyond].fill(P::of(1.0));
                }
            }
            Ok(())
        };
        with_scratch(len, |scratch: &mut [P]| {
            Memory::lend(|memory| visit_all(scratch, memory))
        })
    }

    fn load_points<P: Prim>(&self, points: &mut Points<P>, place: Place) -> Result<()> {
        let Place { n, start, pixels } = place;
        let labels = &mut points.labels[..pixels];
        let seen = self.target.read_labels(n, start, labels);
        let classes = labels_of(self.input.shape());
        if !seen.are_below(classes) {
            self.target.check(n, start..start + pixels, classes)?;
        }
        points.kept = (pixels - seen.ignored as usize) as f64;
        let are_weighted = self.weight.is_some() || seen.ignored > 0;
        if !are_weighted {
            points.forget_weights();
            return Ok(());
        }
        points.are_weighted = true;
        let weights = &mut points.weights[..pixels];
        if let Some(weight) = &self.weight {
            weight.read_row(n, 0, start, weights);
        }
        if seen.ignored > 0 {
            dispatch(DropIgnored {
                labels,
                weights,
                refill: self.weight.is_none(),
            });
        }
        Ok(())
    }
}

impl<P: Prim> Points<P> {
    /// Has all weights be 1.
    fn forget_weights(&mut self) {
        if self.are_weighted {
            self.weights.fill(P::of(1.0));
            self.are_weighted = false;
        }
    }
}

/// How many indices there are: one channel is foreground (1) against background (0).
pub(super) fn labels_of([_, classes, _]: [usize; 3]) -> usize {
    classes.max(2)
}

/// Gives ignored pixels weight 0, and others 1 if `refill`.
struct DropIgnored<'a, P> {
    labels: &'a [P],
    weights: &'a mut [P],
    refill: bool,
}

impl<P: Prim> Task for DropIgnored<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let (labels, weights) = (self.labels, &mut self.weights[..self.labels.len()]);
        let (one, zero) = (P::of(1.0), P::Lane::<I>::zero());
        for i in 0..labels.len() {
            let keep = labels[i] != P::of(IGNORED);
            // Not as it is read: see `at_least_row`.
            let old = (P::Lane::<I>::new(weights[i]) + zero).get();
            let weight = if self.refill { one } else { old };
            weights[i] = if keep { weight } else { P::default() };
        }
    }
}

/// A tile's surroundings: what it is part of, its points and its logits.
pub(super) struct Site<'a, 'i, P> {
    pub(super) block: &'a Block<'i>,
    pub(super) points: &'a Points<P>,
    pub(super) input: Source<'a, 'i>,
    pub(super) place: Place,
}

impl<P: Prim> Site<'_, '_, P> {
    /// The length of the tile's rows.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        whole_len(self.place.pixels.next_multiple_of(WHOLE))
    }

    /// The target's row of class `c`. A single channel is class 1 against class 0.
    #[inline(always)]
    pub(super) fn target_row<'b, R: Real<Prim = P>>(
        &'b self,
        c: usize,
        buffer: &'b mut [P],
    ) -> &'b [P] {
        let target = &self.block.target;
        let one_channel = self.block.input.shape()[1] == 1;
        let class = match target {
            Target::Indices(..) if one_channel => 1,
            _ => c,
        };
        let labels = &self.points.labels[..self.len()];
        &target_row::<R>(target, self.place, class, labels, buffer)[..self.len()]
    }

    pub(super) fn classes(&self) -> usize {
        self.block.input.shape()[1]
    }

    /// Whether any weight may not be 1.
    pub(super) fn is_weighted(&self) -> bool {
        let is_cut = !self.place.pixels.is_multiple_of(WHOLE);
        self.points.are_weighted || is_cut
    }

    /// Adds the pixels' weights.
    #[inline(always)]
    pub(super) fn add_mass<R: Real<Prim = P>>(&self, mass: &mut Lanes) {
        if self.is_weighted() {
            mass.add::<R>(&self.points.weights[..self.len()]);
        } else {
            mass.add_ones(self.len());
        }
    }

    /// Clears the pixels of weight 0 in rows of a tile, so that whatever their logits are does not count.
    pub(super) fn drop_weightless(&self, rows: &mut [P]) {
        let may_be = self.is_weighted();
        let weightless = |i: usize| self.points.weights[i] == P::of(0.0);
        clear_columns(rows, self.len(), may_be, weightless);
    }
}
