//! The way down a pyramid: what each level adds to the gradient.

#![forbid(unsafe_code)]

use super::super::options::Similarity;
use super::{Stage, quotient};
use crate::error::Result;
use crate::loops::halve::{Halving, Level};
use crate::loops::window::{self, Outputs, Pair};
use crate::math::Real;
use crate::options::Gradient;
use crate::parallel;
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};
use crate::view::ViewMut;

/// Multiplies numbers, and writes them to a gradient or adds them to it.
fn scale_into<P: Prim>(gradient: &mut Gradient<'_>, numbers: &mut [P]) {
    let [items, channels, space] = gradient.view.shape();
    let mut rows = numbers.chunks_exact_mut(space.max(1));
    for n in 0..items {
        for c in 0..channels {
            let row = rows.next().unwrap_or_default();
            for number in &mut *row {
                *number = P::of(number.to_f64() * gradient.scale);
            }
            gradient.view.write_row(n, c, 0, row, gradient.accumulate);
        }
    }
}

/// The way down the pyramid: each level's gradient, and what the smaller one's makes of it.
pub(super) struct Descent<'a, P> {
    pub(super) similarity: &'a Similarity,
    pub(super) unbias: f64,
    /// What a plane counts in the value.
    pub(super) share: f64,
    pub(super) stages: &'a [Stage<'a>],
    pub(super) halvings: &'a [Halving],
    pub(super) smaller: &'a [Level<P>],
}

/// A level's gradients.
pub(super) type Own<P> = [Option<Vec<P>>; 2];

/// What the first pass leaves.
pub(super) struct Levels<P> {
    /// The mean loss of each plane at each level.
    pub(super) losses: Vec<Vec<f64>>,
    /// The gradients of these means, but those in the caller's memory.
    pub(super) gradients: Vec<Own<P>>,
}

impl<P: Prim> Descent<'_, P> {
    /// Evaluates each level by itself; the gradients of the first one go to the caller's memory, if it [`lends`] that.
    pub(super) fn levels(&self, gradients: &mut [Option<Gradient<'_>>; 2]) -> Result<Levels<P>> {
        let (mut losses, mut all) = (Vec::new(), Vec::new());
        for (level, stage) in self.stages.iter().enumerate() {
            let shape @ [_, channels, _] = stage.operands.input.shape();
            let mut own: Own<P> = [None, None];
            let outputs = if level == 0 && lends::<P>(gradients) {
                gradients
                    .each_mut()
                    .map(|g| g.as_mut().map(Gradient::reborrow))
            } else {
                // Halves are rounded once, after levels are added up.
                let len = shape.iter().product();
                own = gradients
                    .each_ref()
                    .map(|gradient| gradient.as_ref().map(|_| vec![P::default(); len]));
                let [input, target] = own.each_mut().map(|own| lend(own, shape));
                [input?, target?]
            };
            let sums = self.level(level, outputs)?;
            let mean = |(plane, sum): (usize, &Pair)| {
                quotient(sum.windows, stage.denominators[plane / channels].windows)
            };
            losses.push(sums.iter().enumerate().map(mean).collect());
            all.push(own);
        }
        Ok(Levels {
            losses,
            gradients: all,
        })
    }

    /// Gradients from what [`levels`](Self::levels) left, and each level's `slopes`, one per plane.
    pub(super) fn run(
        &self,
        mut gradients: [Option<Gradient<'_>>; 2],
        mut all: Vec<Own<P>>,
        slopes: &[Vec<f64>],
    ) -> Result<()> {
        if gradients.iter().all(Option::is_none) {
            return Ok(());
        }
        let mut below: Own<P> = [None, None];
        while let Some(mut own) = all.pop() {
            let level = all.len();
            let shape = self.stages[level].operands.input.shape();
            for (own, below) in own.iter_mut().zip(&below) {
                if let Some(mut gradient) = lend(own, shape)? {
                    scale_planes::<P>(gradient.view.reborrow(), &slopes[level]);
                    self.add(level, below, &mut gradient);
                }
            }
            if level > 0 {
                below = own;
                continue;
            }
            for ((gradient, own), below) in gradients.iter_mut().zip(&mut own).zip(&below) {
                match (gradient, own) {
                    (Some(gradient), Some(numbers)) => scale_into(gradient, numbers),
                    (Some(gradient), None) => {
                        scale_planes::<P>(gradient.view.reborrow(), &slopes[level]);
                        self.add(level, below, gradient);
                    }
                    (None, _) => {}
                }
            }
        }
        Ok(())
    }

    /// Evaluates a level: its sums, and gradients of its planes' means.
    fn level(&self, level: usize, [input, target]: [Option<Gradient<'_>>; 2]) -> Result<Vec<Pair>> {
        let stage = &self.stages[level];
        let [items, channels, _] = stage.operands.input.shape();
        let slopes = (0..items * channels).map(|plane| Pair {
            windows: quotient(self.share, stage.denominators[plane / channels].windows),
            pixels: 0.0,
        });
        window::evaluate(
            &stage.options(self.similarity, self.unbias),
            &stage.operands,
            &slopes.collect::<Vec<_>>(),
            Outputs {
                input,
                target,
                map: None,
            },
        )
    }

    /// Adds what the smaller level's gradient makes of this one's.
    fn add(&self, level: usize, below: &Option<Vec<P>>, gradient: &mut Gradient<'_>) {
        if let (Some(below), Some(halving)) = (below, self.halvings.get(level)) {
            let weight = self.stages[level].operands.weight.as_ref();
            let means = self.smaller[level].weight.as_deref();
            halving.add_gradient(below, weight.zip(means), gradient);
        }
    }
}

/// Whether gradients may be left in the caller's memory, to be multiplied later.
fn lends<P: Prim>(gradients: &mut [Option<Gradient<'_>>; 2]) -> bool {
    let mut gradients = gradients.iter_mut().flatten();
    gradients.all(|gradient| !gradient.accumulate && gradient.view.lends::<P>())
}

fn lend<P: Prim>(own: &mut Option<Vec<P>>, shape: [usize; 3]) -> Result<Option<Gradient<'_>>> {
    let own = own.as_mut();
    own.map(|numbers| ViewMut::of::<P>(numbers, shape).map(Gradient::new))
        .transpose()
}

/// Multiplies each plane by a factor. Its rows must be lent.
fn scale_planes<P: Prim>(view: ViewMut<'_>, factors: &[f64]) {
    let [_, _, space] = view.shape();
    let items = view.split(0, 1).into_iter();
    let planes = items.flat_map(|item| item.split(1, 1)).zip(factors);
    parallel::map(planes, |(mut plane, factor)| {
        if let Some(row) = plane.row::<P>(0, 0, 0, space) {
            let factor = P::of(*factor);
            dispatch(ScaleRow { factor, row });
        }
    });
}

struct ScaleRow<'a, P> {
    pub(super) factor: P,
    pub(super) row: &'a mut [P],
}

impl<P: Prim> Task for ScaleRow<'_, P> {
    type Prim = P;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let factor = P::Lane::<I>::new(self.factor);
        for x in self.row {
            *x = (factor * P::Lane::<I>::new(*x)).get();
        }
    }
}
