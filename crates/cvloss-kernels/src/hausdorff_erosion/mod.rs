//! Hausdorff loss by erosion: how often the squared error can be eroded before nothing is left.

#![forbid(unsafe_code)]

mod cpu;

use crate::error::{Error, Result, check_shape, check_weight};
use crate::loops::overlap::{Activation, Operands};
use crate::loops::planes::{Planes, counted};
use crate::options::{Gradient, Reduction};
use crate::parallel;
use crate::region::Classes;
use crate::scalar::{Prim, in_precision};
use crate::view::ViewMut;

use cpu::Plane;

/// Options of [`evaluate`].
#[derive(Clone, Debug)]
pub struct Options {
    /// How the input becomes probabilities.
    pub activation: Activation,
    /// Which classes count.
    pub classes: Classes,
    /// How often errors are eroded, 1 to 1000.
    pub erosions: usize,
    /// What is left after `k` erosions counts `k^alpha`; at least 0.
    pub alpha: f64,
    /// How images are reduced.
    pub reduction: Reduction,
}

impl Options {
    /// Fails if an option is out of range, or does not fit the number of classes or the axes of space.
    pub fn check(&self, classes: usize, axes: usize) -> Result<()> {
        counted(&self.classes, classes)?;
        check_weight("alpha", self.alpha)?;
        if !(1..=1000).contains(&self.erosions) {
            let expected = "a number in 1..=1000";
            return Err(Error::option("erosions", self.erosions, expected));
        }
        match (1..=3).contains(&axes) {
            true => Ok(()),
            false => {
                let expected = "1 to 3 axes of space";
                Err(Error::option("shape", format!("{axes} axes"), expected))
            }
        }
    }
}

/// The mean over the points of each class of each image that are not ignored, then over classes, then over images;
/// `space` has the extents of the axes of space.
///
/// `values`, (N, 1, 1), receives one value per image with [`Reduction::None`]. Ignored points are outside of every
/// class.
pub fn evaluate(
    options: &Options,
    space: &[usize],
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let shape @ [items, classes, points] = operands.input.shape();
    options.check(classes, space.len())?;
    check_shape("input", [items, classes, space.iter().product()], shape)?;
    if let Some(gradient) = &gradient {
        check_shape("gradient", shape, gradient.view.shape())?;
    }
    if let Some(values) = &values {
        check_shape("values", [items, 1, 1], values.shape())?;
    }
    in_precision!(operands.input.dtype(), P => run::<P>(options, space, operands, values, gradient))
        .map(|value| if points == 0 { 0.0 } else { value })
}

fn run<P: Prim>(
    options: &Options,
    space: &[usize],
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let [items, classes, points] = operands.input.shape();
    let planes = Planes::<P>::new(options.activation, operands)?;
    let counted = counted(&options.classes, classes)?;
    let share = 1.0 / counted.iter().filter(|counted| **counted).count().max(1) as f64;
    let needs_slopes = gradient.is_some();
    let mut slopes = vec![P::default(); items * classes * points];
    let losses = parallel::map(planes.units(&mut slopes), |(n, c, slopes)| {
        if !counted[c] || points == 0 {
            return 0.0;
        }
        let (weights, kept) = planes.weights(n);
        let plane = Plane {
            p: planes.plane(n, c),
            t: &planes.target(n, c),
            weights: &weights,
            factor: share / kept.max(1.0),
            space,
            erosions: options.erosions,
            alpha: options.alpha,
        };
        plane.eval(needs_slopes.then_some(slopes))
    });
    let images: Vec<f64> = match classes {
        0 => vec![0.0; items],
        _ => losses
            .chunks(classes)
            .map(|losses| losses.iter().sum())
            .collect(),
    };
    let outer = match options.reduction {
        Reduction::Mean => 1.0 / items.max(1) as f64,
        Reduction::None | Reduction::Sum => 1.0,
    };
    if let Some(mut values) = values {
        for (n, image) in images.iter().enumerate() {
            values.write_row(n, 0, 0, &[*image], false);
        }
    }
    if let Some(gradient) = gradient {
        planes.finish(&mut slopes, &vec![outer; items], gradient)?;
    }
    Ok(images.iter().sum::<f64>() * outer)
}
