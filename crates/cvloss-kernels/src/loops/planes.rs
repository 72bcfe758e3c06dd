//! Losses of whole planes of probabilities, one class of one image each: what is inside, how far from where, how thin.
//!
//! Probabilities of all classes are kept; a loss makes slopes with respect to them, plane by plane and in parallel, which
//! then go back to the input.

use std::ops::Range;

use crate::error::{Error, Result, check_shape};
use crate::labels::{IGNORED, Target};
use crate::loops::overlap::{Activation, Operands};
use crate::loops::softmax::{
    AddProducts, Back, PIXELS, cut, cut_mut, pieces, probability_tiles, tile_pixels,
};
use crate::math::Real;
use crate::options::Gradient;
use crate::parallel;
use crate::region::Classes;
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};
use crate::view::{View, ViewMut};

/// Probabilities, targets and weights by plane.
pub(crate) struct Planes<'a, P> {
    activation: Activation,
    shape: [usize; 3],
    p: Vec<P>,
    target: Target<'a>,
    weight: Option<View<'a>>,
}

impl<'a, P: Prim> Planes<'a, P> {
    /// Checks the operands, and evaluates the activation. Ignored points have probability 0.
    pub(crate) fn new(activation: Activation, operands: &'a Operands<'_>) -> Result<Self> {
        let shape @ [items, classes, space] = operands.input.shape();
        if activation == Activation::Softmax && classes == 1 {
            let expected = "Sigmoid for 1 channel";
            return Err(Error::option(
                "activation",
                "Softmax over 1 channel",
                expected,
            ));
        }
        let weight = match &operands.weight {
            Some(weight) => Some(weight.broadcast("weight", [items, 1, space])?),
            None => None,
        };
        let (target, _) = Target::new(&operands.target, shape, classes.max(2), operands.ignore)?;
        let mut p = vec![P::default(); items * classes * space];
        let work = ViewMut::of(&mut p, shape)?;
        let cuts = pieces(shape);
        let inputs = cut(operands.input.reborrow(), cuts).into_iter();
        let work = inputs.zip(cut_mut(work, cuts));
        parallel::map(work, |(input, mut work)| match activation {
            Activation::Softmax => probability_tiles::<P>(&input, |tile, n, start, pixels| {
                for (c, p) in tile.chunks_exact(pixels).enumerate() {
                    work.write_row(n, c, start, p, false);
                }
            }),
            _ => each_row::<P>(&input, |n, c, range, row| {
                if activation == Activation::Sigmoid {
                    dispatch(Sigmoid { row });
                }
                work.write_row(n, c, range.start, row, false);
            }),
        });
        let mut planes = Self {
            activation,
            shape,
            p,
            target,
            weight,
        };
        planes.drop_ignored();
        Ok(planes)
    }

    fn drop_ignored(&mut self) {
        let [_, classes, space] = self.shape;
        if !self.target.ignores() || space == 0 {
            return;
        }
        let target = &self.target;
        let items = self.p.chunks_mut(classes * space).enumerate();
        parallel::map(items, |(n, planes): (usize, &mut [P])| {
            let mut labels = vec![P::default(); space];
            target.read_labels(n, 0, &mut labels);
            for plane in planes.chunks_mut(space) {
                for (p, label) in plane.iter_mut().zip(&labels) {
                    if *label == P::of(IGNORED) {
                        *p = P::default();
                    }
                }
            }
        });
    }

    /// The probabilities of a class of an image.
    pub(crate) fn plane(&self, n: usize, c: usize) -> &[P] {
        let [_, classes, space] = self.shape;
        let start = (n * classes + c) * space;
        &self.p[start..start + space]
    }

    /// The target of a class of an image; 0 at ignored points.
    pub(crate) fn target(&self, n: usize, c: usize) -> Vec<P> {
        self.target_in(n, c, 0..self.shape[2])
    }

    /// As [`target`](Self::target), of some points.
    pub(crate) fn target_in(&self, n: usize, c: usize, points: Range<usize>) -> Vec<P> {
        let classes = self.shape[1];
        let mut row = vec![P::default(); points.len()];
        match &self.target {
            Target::Soft(view) => view.read_row(n, c, points.start, &mut row),
            indices => {
                // With one channel, index 1 is the foreground.
                let class = P::of(if classes == 1 { 1.0 } else { c as f64 });
                indices.read_labels(n, points.start, &mut row);
                for label in &mut row {
                    *label = P::of(f64::from(u8::from(*label == class)));
                }
            }
        }
        row
    }

    /// The weights of an image's points, 0 where ignored, and how many are not.
    pub(crate) fn weights(&self, n: usize) -> (Vec<P>, f64) {
        self.weights_in(n, 0..self.shape[2])
    }

    /// As [`weights`](Self::weights), of some points.
    pub(crate) fn weights_in(&self, n: usize, points: Range<usize>) -> (Vec<P>, f64) {
        let mut weights = vec![P::of(1.0); points.len()];
        if let Some(weight) = &self.weight {
            weight.read_row(n, 0, points.start, &mut weights);
        }
        let mut kept = points.len();
        if self.target.ignores() {
            let mut labels = vec![P::default(); points.len()];
            self.target.read_labels(n, points.start, &mut labels);
            for (weight, label) in weights.iter_mut().zip(&labels) {
                if *label == P::of(IGNORED) {
                    *weight = P::default();
                    kept -= 1;
                }
            }
        }
        (weights, kept as f64)
    }

    /// Memory for the slopes of every plane: image, class, slopes.
    pub(crate) fn units<'s>(&self, slopes: &'s mut [P]) -> Vec<(usize, usize, &'s mut [P])> {
        let [items, classes, space] = self.shape;
        let mut rest = slopes;
        let mut units = Vec::with_capacity(items * classes);
        for n in 0..items {
            for c in 0..classes {
                let (plane, tail) = std::mem::take(&mut rest).split_at_mut(space);
                rest = tail;
                units.push((n, c, plane));
            }
        }
        units
    }

    /// Turns slopes with respect to probabilities into the gradient; each image's is multiplied by its factor.
    pub(crate) fn finish(
        &self,
        slopes: &mut [P],
        factors: &[f64],
        gradient: Gradient<'_>,
    ) -> Result<()> {
        let [_, _, space] = self.shape;
        check_shape("gradient", self.shape, gradient.view.shape())?;
        let cuts @ (cut_items, cut_pixels) = pieces(self.shape);
        let per_row = space.div_ceil(cut_pixels.max(1)).max(1);
        let (scale, accumulate) = (gradient.scale, gradient.accumulate);
        let slopes = ViewMut::of(slopes, self.shape)?;
        let p = View::of(&self.p, self.shape)?;
        let work = cut(p, cuts).into_iter();
        let work = work
            .zip(cut_mut(slopes, cuts))
            .zip(cut_mut(gradient.view, cuts));
        parallel::map(work.enumerate(), |(index, ((p, mut slopes), mut into))| {
            let first = index / per_row * cut_items;
            let [items, classes, space] = p.shape();
            let stride = tile_pixels(classes);
            for n in 0..items {
                let factor = P::of(factors[first + n] * scale);
                for start in (0..space).step_by(stride) {
                    let pixels = stride.min(space - start);
                    let mut dot = [P::default(); PIXELS];
                    let dot = &mut dot[..pixels];
                    let rows = |c: usize, slopes: &mut ViewMut<'_>, dot: &mut [P], back: bool| {
                        let p = p.row::<P>(n, c, start, pixels);
                        let (Some(p), Some(slopes)) = (p, slopes.row::<P>(n, c, start, pixels))
                        else {
                            return;
                        };
                        match (self.activation, back) {
                            (Activation::Softmax, false) => {
                                dispatch(AddProducts { p, slopes, dot })
                            }
                            (Activation::Softmax, true) => dispatch(Back { p, slopes, dot }),
                            (Activation::Sigmoid, true) => dispatch(BackSigmoid { p, slopes }),
                            _ => {}
                        }
                    };
                    (0..classes).for_each(|c| rows(c, &mut slopes, dot, false));
                    for c in 0..classes {
                        rows(c, &mut slopes, dot, true);
                        if let Some(row) = slopes.row::<P>(n, c, start, pixels) {
                            dispatch(Times { row, factor });
                            into.write_row(n, c, start, row, accumulate);
                        }
                    }
                }
            }
        });
        Ok(())
    }
}

/// Whether each class counts.
pub(crate) fn counted(chosen: &Classes, classes: usize) -> Result<Vec<bool>> {
    if let Classes::Listed(list) = chosen
        && let Some(class) = list.iter().find(|class| **class >= classes)
    {
        let expected = format!("classes below {classes}");
        return Err(Error::option("classes", class, expected));
    }
    let counts = |class: usize| match chosen {
        Classes::All => true,
        Classes::Foreground => class > 0 || classes == 1,
        Classes::Listed(list) => list.contains(&class),
    };
    Ok((0..classes).map(counts).collect())
}

/// Visits rows of so many pixels, converted.
fn each_row<P: Prim>(
    input: &View<'_>,
    mut visit: impl FnMut(usize, usize, Range<usize>, &mut [P]),
) {
    let [items, classes, space] = input.shape();
    let mut row = [P::default(); PIXELS];
    for n in 0..items {
        for c in 0..classes {
            for start in (0..space).step_by(PIXELS) {
                let range = start..space.min(start + PIXELS);
                let row = &mut row[..range.len()];
                input.read_row(n, c, start, row);
                visit(n, c, range, row);
            }
        }
    }
}

/// `σ(x)` in place.
struct Sigmoid<'a, P> {
    row: &'a mut [P],
}

impl<P: Prim> Task for Sigmoid<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        for x in self.row.iter_mut() {
            let one = P::Lane::<I>::one();
            *x = (one / (one + (-P::Lane::<I>::new(*x)).exp())).get();
        }
    }
}

/// `s = s p (1 − p)`.
struct BackSigmoid<'a, P> {
    p: &'a [P],
    slopes: &'a mut [P],
}

impl<P: Prim> Task for BackSigmoid<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let p = &self.p[..self.slopes.len()];
        for i in 0..p.len() {
            let (p, s) = (P::Lane::<I>::new(p[i]), P::Lane::<I>::new(self.slopes[i]));
            self.slopes[i] = (s * p * (P::Lane::<I>::one() - p)).get();
        }
    }
}

/// `x = x · factor`.
struct Times<'a, P> {
    row: &'a mut [P],
    factor: P,
}

impl<P: Prim> Task for Times<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let factor = P::Lane::<I>::new(self.factor);
        for x in self.row.iter_mut() {
            *x = (P::Lane::<I>::new(*x) * factor).get();
        }
    }
}
