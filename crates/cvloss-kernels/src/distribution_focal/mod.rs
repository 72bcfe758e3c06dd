//! Distribution focal loss: the cross-entropy of bins with a target between two of them.

#![forbid(unsafe_code)]

mod cpu;

use crate::error::{Error, Result, check_shape};
use crate::loops::boxes::{Denominator, Gradients};
use crate::loops::softmax::{Row, WHOLE, cut, cut_mut, pieces, tile_pixels};
use crate::options::{Gradient, Reduction};
use crate::parallel::{self, parts};
use crate::scalar::{Prim, in_precision, with_scratch};
use crate::simd::dispatch;
use crate::view::{View, ViewMut, check_view};

use cpu::Eval;

/// What the loss reads.
#[derive(Clone, Debug)]
pub struct Operands<'a> {
    /// Logits (N, C, S) of C bins.
    pub input: View<'a>,
    /// Where the truth lies between bins, (N, 1, S) of the input's type.
    pub target: View<'a>,
    /// Multiplies each point's value and slopes, (N, 1, S).
    pub weight: Option<View<'a>>,
}

/// Options of [`evaluate`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Targets are clamped to `0..=C − 1 − margin`.
    pub margin: f64,
    /// What the mean divides by.
    pub denominator: Denominator,
    /// How points are reduced.
    pub reduction: Reduction,
}

/// Returns the reduced value; with [`Reduction::None`] it writes one value per point to `values`, (N, 1, S), and
/// returns their sum.
pub fn evaluate(
    options: &Options,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradients: Gradients<'_>,
) -> Result<f64> {
    let shape = operands.input.shape();
    let [items, bins, space] = shape;
    let points = [items, 1, space];
    if bins < 2 {
        return Err(Error::Shape {
            argument: "input",
            expected: [items, 2, space],
            got: shape,
        });
    }
    if !(0.0..1.0).contains(&options.margin) {
        return Err(Error::option("margin", options.margin, "a number in 0..1"));
    }
    check_view("target", points, &operands.target)?;
    if let Some(weight) = &operands.weight {
        check_view("weight", points, weight)?;
    }
    if let Some(values) = &values {
        check_shape("values", points, values.shape())?;
    }
    if let Some(gradient) = &gradients.input {
        check_shape("gradient", shape, gradient.view.shape())?;
    }
    if let Some(gradient) = &gradients.target {
        check_shape("target gradient", points, gradient.view.shape())?;
    }
    let weight = operands.weight.as_ref();
    let factor = options
        .denominator
        .factor(options.reduction, items * space, weight)?;
    let call = Call {
        input: operands.input.reborrow(),
        target: operands.target.reborrow(),
        weight: operands.weight.as_ref().map(View::reborrow),
        values,
        gradients,
        last: (bins - 1) as f64 - options.margin,
        factor,
    };
    // Rows of one point: the points become the row.
    let call = if space == 1 { call.swap() } else { call };
    in_precision!(operands.input.dtype(), P => Ok(call.run::<P>()))
}

struct Call<'i, 'v, 'g> {
    input: View<'i>,
    target: View<'i>,
    weight: Option<View<'i>>,
    values: Option<ViewMut<'v>>,
    gradients: Gradients<'g>,
    last: f64,
    factor: f64,
}

impl Call<'_, '_, '_> {
    fn swap(self) -> Self {
        let Gradients { input, target } = self.gradients;
        Self {
            input: self.input.swap_items_and_space(),
            target: self.target.swap_items_and_space(),
            weight: self.weight.map(View::swap_items_and_space),
            values: self.values.map(ViewMut::swap_items_and_space),
            gradients: Gradients {
                input: input.map(swap),
                target: target.map(swap),
            },
            ..self
        }
    }

    fn run<P: Prim>(self) -> f64 {
        let cuts = pieces(self.input.shape());
        let Gradients {
            input: of_input,
            target: of_target,
        } = self.gradients;
        let scale = |gradient: &Option<Gradient<'_>>| {
            let (scale, accumulate) = gradient
                .as_ref()
                .map_or((0.0, false), |g| (g.scale, g.accumulate));
            (scale * self.factor, accumulate)
        };
        let (to_input, to_target) = (scale(&of_input), scale(&of_target));
        let mut targets = cut(self.target, cuts).into_iter();
        // What is absent has no parts.
        let mut weights = parts(self.weight.map(|view| cut(view, cuts)));
        let mut values = parts(self.values.map(|view| cut_mut(view, cuts)));
        let mut inputs = parts(of_input.map(|g| cut_mut(g.view, cuts)));
        let mut positions = parts(of_target.map(|g| cut_mut(g.view, cuts)));
        let mut pieces = Vec::new();
        for input in cut(self.input, cuts) {
            let Some(target) = targets.next() else { break };
            pieces.push(Piece {
                input,
                target,
                weight: weights.next(),
                values: values.next(),
                slopes: inputs.next(),
                position_slopes: positions.next(),
                last: self.last,
                to_input,
                to_target,
            });
        }
        let sums = parallel::map(pieces, Piece::run::<P>);
        sums.into_iter().sum::<f64>() * self.factor
    }
}

fn swap(gradient: Gradient<'_>) -> Gradient<'_> {
    Gradient {
        view: gradient.view.swap_items_and_space(),
        ..gradient
    }
}

/// Some points, and where their results go.
struct Piece<'i, 'v, 'g> {
    input: View<'i>,
    target: View<'i>,
    weight: Option<View<'i>>,
    values: Option<ViewMut<'v>>,
    slopes: Option<ViewMut<'g>>,
    position_slopes: Option<ViewMut<'g>>,
    last: f64,
    /// The factor of a gradient, and whether it is added.
    to_input: (f64, bool),
    to_target: (f64, bool),
}

impl Piece<'_, '_, '_> {
    /// Evaluates tile by tile; returns the sum of all values.
    fn run<P: Prim>(mut self) -> f64 {
        let [items, bins, space] = self.input.shape();
        let stride = tile_pixels(bins);
        with_scratch(bins * stride, |tile: &mut [P]| {
            let mut total = 0.0;
            for n in 0..items {
                for start in (0..space).step_by(stride) {
                    let points = stride.min(space - start);
                    let len = bins * points.next_multiple_of(WHOLE);
                    total += self.tile(&mut tile[..len], points, n, start);
                }
            }
            total
        })
    }

    fn tile<P: Prim>(&mut self, tile: &mut [P], points: usize, n: usize, start: usize) -> f64 {
        let len = points.next_multiple_of(WHOLE);
        let (mut targets, mut weights) = (Row::new(), Row::new());
        let (mut values, mut positions) = (Row::new(), Row::new());
        self.target.read_row(n, 0, start, &mut targets[..points]);
        // What is beyond the last point has weight 0.
        match &self.weight {
            Some(weight) => weight.read_row(n, 0, start, &mut weights[..points]),
            None => weights[..points].fill(P::of(1.0)),
        }
        if self.input.is_channels_last() {
            self.input.read_pixels(n, start, points, tile);
        } else {
            for (bin, row) in tile.chunks_exact_mut(len).enumerate() {
                self.input.read_row(n, bin, start, &mut row[..points]);
                row[points..].fill(P::default());
            }
        }
        let total = dispatch(Eval {
            tile: &mut *tile,
            targets: &targets[..len],
            weights: &weights[..len],
            values: &mut values[..len],
            positions: &mut positions[..len],
            last: P::of(self.last),
            scales: [self.to_input.0, self.to_target.0].map(P::of),
        });
        match &mut self.slopes {
            Some(view) if view.is_channels_last() => {
                view.write_pixels(n, start, points, tile, self.to_input.1);
            }
            Some(view) => {
                for (bin, row) in tile.chunks_exact(len).enumerate() {
                    view.write_row(n, bin, start, &row[..points], self.to_input.1);
                }
            }
            None => {}
        }
        if let Some(view) = &mut self.position_slopes {
            view.write_row(n, 0, start, &positions[..points], self.to_target.1);
        }
        if let Some(view) = &mut self.values {
            view.write_row(n, 0, start, &values[..points], false);
        }
        total
    }
}
