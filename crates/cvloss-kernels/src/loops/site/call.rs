//! A call, piece by piece and tile by tile.

use crate::labels::{IGNORED, Target};
use crate::loops::softmax::{
    PIXELS, Place, Row, Sink, Source, Store, WHOLE, cut, cut_mut, pieces, tile_pixels, turn,
    turned_len, write_turned,
};
use crate::options::{Gradient, Normalizer, Reduction};
use crate::parallel;
use crate::scalar::{Prim, with_scratch};
use crate::view::{View, ViewMut};

use super::{Kernel, Tile};

/// A checked call.
pub(super) struct Call<'i, 'v, 'g> {
    /// See [`Formula::ROWS`].
    pub(super) rows: usize,
    /// How many points are not ignored.
    pub(super) kept: f64,
    pub(super) input: View<'i>,
    pub(super) target: Target<'i>,
    pub(super) weight: Option<View<'i>>,
    pub(super) class_weights: Option<&'i [f64]>,
    pub(super) values: Option<ViewMut<'v>>,
    pub(super) gradient: Option<Gradient<'g>>,
}

impl Call<'_, '_, '_> {
    /// N×C logits as one image of N pixels, so that tiles are full.
    pub(super) fn swap_items_and_space(self) -> Self {
        Self {
            input: self.input.swap_items_and_space(),
            target: self.target.swap_items_and_space(),
            weight: self.weight.map(View::swap_items_and_space),
            values: self.values.map(ViewMut::swap_items_and_space),
            gradient: self.gradient.map(|gradient| Gradient {
                view: gradient.view.swap_items_and_space(),
                ..gradient
            }),
            ..self
        }
    }

    pub(super) fn reduce<P: Prim>(
        mut self,
        kernel: Kernel<'_, P>,
        reduction: Reduction,
        normalizer: Normalizer,
    ) -> f64 {
        let denominator = match reduction {
            Reduction::None | Reduction::Sum => 1.0,
            Reduction::Mean => self.denominator::<P>(normalizer),
        };
        let factor = if denominator > 0.0 {
            1.0 / denominator
        } else {
            0.0
        };
        if let Some(gradient) = &mut self.gradient {
            gradient.scale *= factor;
        }
        self.run(kernel) * factor
    }

    fn denominator<P: Prim>(&self, normalizer: Normalizer) -> f64 {
        match normalizer {
            Normalizer::Elements => self.kept,
            Normalizer::Weights if self.is_soft_target() => match self.weight {
                None => self.kept,
                Some(_) => self.count::<P>(|_, weight| weight.to_f64()),
            },
            Normalizer::Weights => match (self.class_weights, &self.weight) {
                (None, None) => self.kept,
                (class_weights, _) => self.count::<P>(|label, weight| {
                    if label == P::of(IGNORED) {
                        return 0.0;
                    }
                    let class = label.to_f64() as usize;
                    weight.to_f64() * class_weights.map_or(1.0, |weights| weights[class])
                }),
            },
            Normalizer::Positives => self
                .count::<P>(|label, _| f64::from(label > P::of(0.0)))
                .max(1.0),
        }
    }

    fn is_soft_target(&self) -> bool {
        matches!(self.target, Target::Soft(_))
    }

    /// Sums `count` of label and weight over all pixels.
    fn count<P: Prim>(&self, count: impl Fn(P, P) -> f64 + Sync + Send) -> f64 {
        let [items, _, space] = self.input.shape();
        let blocks =
            (0..items).flat_map(|n| (0..space).step_by(PIXELS * 32).map(move |start| (n, start)));
        let sums = parallel::map(blocks, |(n, first)| {
            let mut labels = Row::new();
            let mut weights = Row::filled(P::of(1.0));
            let mut sum = 0.0;
            for start in (first..space.min(first + PIXELS * 32)).step_by(PIXELS) {
                let len = PIXELS.min(space - start);
                self.target.read_labels(n, start, &mut labels[..len]);
                if let Some(weight) = &self.weight {
                    weight.read_row(n, 0, start, &mut weights[..len]);
                }
                let pairs = labels[..len].iter().zip(&weights[..len]);
                sum += pairs
                    .map(|(label, weight)| count(*label, *weight))
                    .sum::<f64>();
            }
            sum
        });
        sums.into_iter().sum()
    }

    fn run<P: Prim>(self, kernel: Kernel<'_, P>) -> f64 {
        let cuts = pieces(self.input.shape());
        let (scale, store) = match &self.gradient {
            Some(gradient) => (
                gradient.scale,
                Store::new(self.input.shape(), gradient.accumulate),
            ),
            None => (0.0, Store::Write),
        };
        let mut weight = self.weight.map(|view| cut(view, cuts).into_iter());
        let mut values = self.values.map(|view| cut_mut(view, cuts).into_iter());
        let mut gradient = self.gradient.map(|g| cut_mut(g.view, cuts).into_iter());
        let inputs = cut(self.input, cuts).into_iter().zip(self.target.cut(cuts));
        let pieces = inputs.map(|(input, target)| Piece {
            rows: self.rows,
            input,
            target,
            weight: weight.as_mut().and_then(Iterator::next),
            class_weights: self.class_weights,
            values: values.as_mut().and_then(Iterator::next),
            gradient: gradient.as_mut().and_then(Iterator::next),
            scale,
            store,
        });
        let sums = parallel::map(pieces, |piece| piece.run(kernel));
        sums.into_iter().sum()
    }
}

/// A block of pixels of some items and where their results go.
struct Piece<'i, 'v, 'g> {
    rows: usize,
    input: View<'i>,
    target: Target<'i>,
    weight: Option<View<'i>>,
    class_weights: Option<&'i [f64]>,
    values: Option<ViewMut<'v>>,
    gradient: Option<ViewMut<'g>>,
    scale: f64,
    store: Store,
}

/// Numbers per pixel of a tile, made once per piece: clearing them for each tile would show.
struct Rows<P> {
    labels: Row<P>,
    weights: Row<P>,
    values: Row<P>,
    work: [Row<P>; 4],
}

impl<P: Prim> Rows<P> {
    fn new() -> Self {
        let zeros = Row::new();
        Self {
            labels: zeros,
            weights: zeros,
            values: zeros,
            work: [zeros; 4],
        }
    }
}

impl Piece<'_, '_, '_> {
    /// Evaluates tile by tile; returns the sum of all values.
    fn run<P: Prim>(mut self, kernel: Kernel<'_, P>) -> f64 {
        let [items, classes, space] = self.input.shape();
        let stride = tile_pixels(classes);
        let turned_input = turned_len(self.input.is_channels_last(), classes, stride);
        let turned_gradient = self.gradient.as_ref().map_or(0, |view| {
            turned_len(view.is_channels_last(), classes, stride)
        });
        let len = self.rows * classes * stride;
        with_scratch(
            len + turned_input + turned_gradient,
            |memory: &mut [P]| {
                let (memory, turned) = memory.split_at_mut(len);
                let mut rows = Rows::new();
                let mut total = 0.0;
                for n in 0..items {
                    for start in (0..space).step_by(stride) {
                        let pixels = stride.min(space - start);
                        let place = Place { n, start, pixels };
                        let len = classes * pixels.next_multiple_of(WHOLE);
                        let (input, gradient) = turned.split_at_mut(turned_input);
                        let turned = [
                            &mut input[..len.min(turned_input)],
                            &mut gradient[..len.min(turned_gradient)],
                        ];
                        let memory = &mut memory[..self.rows * len];
                        total += self.tile(kernel, memory, &mut rows, turned, place);
                    }
                }
                total
            },
        )
    }

    /// Evaluates the pixels of one place. `turned` is where logits and gradient are turned round.
    fn tile<P: Prim>(
        &mut self,
        kernel: Kernel<'_, P>,
        memory: &mut [P],
        rows: &mut Rows<P>,
        [turned, turned_gradient]: [&mut [P]; 2],
        place: Place,
    ) -> f64 {
        let Place { n, start, pixels } = place;
        let len = pixels.next_multiple_of(WHOLE);
        let Rows {
            labels,
            weights,
            values,
            work,
        } = rows;
        let (labels, weights, values) =
            (&mut labels[..len], &mut weights[..len], &mut values[..len]);
        self.target.read_labels(n, start, &mut labels[..pixels]);
        if let Some(weight) = &self.weight {
            weight.read_row(n, 0, start, &mut weights[..pixels]);
        } else {
            weights.fill(P::of(1.0));
        }
        // Some formulas add to them.
        values.fill(P::default());
        labels[pixels..].fill(P::of(IGNORED));
        weights[pixels..].fill(P::default());
        let turned = turn(&self.input, place, turned);
        let mut total = 0.0;
        let mut evaluate = |gradient: Option<Sink<'_, '_>>| {
            total = kernel(Tile {
                input: Source::new(turned.as_ref(), &self.input, place)
                    .with_labels(&self.target, place),
                place,
                memory: &mut *memory,
                rows: &mut *work,
                target: &self.target,
                class_weights: self.class_weights,
                labels,
                ignores: self.target.ignores(),
                weights: &mut *weights,
                scale: P::of(self.scale),
                values: &mut *values,
                gradient,
            });
        };
        match &mut self.gradient {
            Some(view) => {
                let store = self.store;
                write_turned(view, place, store, turned_gradient, &mut |sink| {
                    evaluate(Some(sink));
                });
            }
            None => evaluate(None),
        }
        if let Some(view) = &mut self.values {
            view.write_row(n, 0, start, &values[..pixels], false);
        }
        // With distributions, no label is read over these.
        labels[pixels..].fill(P::default());
        total
    }
}
