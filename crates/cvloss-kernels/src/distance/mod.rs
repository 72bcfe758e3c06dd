//! Losses of distances to the target's surface: boundary loss, and Hausdorff distance by distance transforms.
//!
//! Distances count as constants: they jump where a probability crosses 0.5, and have slope 0 elsewhere.

#![forbid(unsafe_code)]

use crate::distance_transform::{check_spacing, signed_distances, surface_squares};
use crate::error::{Error, Result, check_shape, check_weight};
use crate::loops::overlap::{Activation, Operands};
use crate::loops::planes::{Planes, counted};
use crate::options::{Gradient, Reduction};
use crate::parallel;
use crate::region::Classes;
use crate::scalar::{Prim, in_precision};
use crate::view::ViewMut;

/// What the target of a boundary loss is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum BoundaryTarget {
    /// Classes, whose signed distances are computed here.
    #[default]
    Mask,
    /// Signed distances, negative inside, as a data loader may compute once.
    Distances,
}

/// From a Hausdorff loss to the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum HausdorffTransform {
    /// As it is.
    #[default]
    Linear,
    /// `ln(1 + L)`, MONAI's `LogHausdorffDTLoss`; of the reduced loss, or of each image's.
    Log,
}

/// A loss of distances.
#[derive(Clone, Copy, Debug)]
pub enum Formula {
    /// `p φ`, `φ` being the signed distance to the target's surface.
    Boundary(BoundaryTarget),
    /// `(p − t)² (D_p^α + D_t^α)`, `D` being distances to the surfaces of prediction and target.
    Hausdorff {
        /// How much large distances count, at least 0.
        alpha: f64,
        /// From the loss to the result.
        transform: HausdorffTransform,
    },
}

/// Options of [`evaluate`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The loss.
    pub formula: Formula,
    /// How the input becomes probabilities.
    pub activation: Activation,
    /// Which classes count.
    pub classes: Classes,
    /// The distance of neighbours along each axis of space; 1 where absent.
    pub spacing: Option<Vec<f64>>,
    /// How images are reduced.
    pub reduction: Reduction,
}

impl Options {
    /// Fails if an option is out of range, or does not fit the number of classes or the axes of space.
    pub fn check(&self, classes: usize, axes: usize) -> Result<()> {
        counted(&self.classes, classes)?;
        if let Formula::Hausdorff { alpha, .. } = self.formula {
            check_weight("alpha", alpha)?;
        }
        check_spacing(&self.spacing_of(axes), axes)
    }

    /// The spacing of so many axes.
    pub fn spacing_of(&self, axes: usize) -> Vec<f64> {
        match &self.spacing {
            Some(spacing) => spacing.clone(),
            None => vec![1.0; axes],
        }
    }
}

/// The mean of the loss over the points of each class of each image that are not ignored, then over classes, then over
/// images; `space` has the extents of the axes of space.
///
/// `values`, (N, 1, 1), receives one value per image with [`Reduction::None`]. Ignored points are outside of every class.
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
    let is_given = matches!(
        options.formula,
        Formula::Boundary(BoundaryTarget::Distances)
    );
    if is_given && operands.target.dtype().is_index() {
        return Err(Error::DType {
            argument: "target",
            expected: "the input's: signed distances",
            got: operands.target.dtype(),
        });
    }
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
    let spacing = options.spacing_of(space.len());
    let mut slopes = vec![P::default(); items * classes * points];
    let losses = parallel::map(planes.units(&mut slopes), |(n, c, slopes)| {
        if !counted[c] {
            return Ok(0.0);
        }
        let (weights, kept) = planes.weights(n);
        let plane = Plane {
            p: planes.plane(n, c),
            t: planes.target(n, c),
            weights,
            factor: share / kept.max(1.0),
        };
        plane.eval(options, space, &spacing, slopes)
    });
    let losses = losses.into_iter().collect::<Result<Vec<f64>>>()?;
    let mut images: Vec<f64> = match classes {
        0 => vec![0.0; items],
        _ => losses
            .chunks(classes)
            .map(|losses| losses.iter().sum())
            .collect(),
    };
    let is_log = matches!(
        options.formula,
        Formula::Hausdorff {
            transform: HausdorffTransform::Log,
            ..
        }
    );
    let outer = match options.reduction {
        Reduction::Mean => 1.0 / items.max(1) as f64,
        _ => 1.0,
    };
    let mut factors = vec![outer; items];
    let mut value = images.iter().sum::<f64>() * outer;
    if is_log && options.reduction == Reduction::None {
        for (factor, image) in factors.iter_mut().zip(&mut images) {
            *factor = 1.0 / (1.0 + *image);
            *image = image.ln_1p();
        }
        value = images.iter().sum();
    } else if is_log {
        factors.iter_mut().for_each(|factor| *factor /= 1.0 + value);
        value = value.ln_1p();
    }
    if let Some(mut values) = values {
        for (n, image) in images.iter().enumerate() {
            values.write_row(n, 0, 0, &[*image], false);
        }
    }
    if let Some(gradient) = gradient {
        planes.finish(&mut slopes, &factors, gradient)?;
    }
    Ok(value)
}

/// A class of an image.
struct Plane<'a, P> {
    p: &'a [P],
    t: Vec<P>,
    weights: Vec<P>,
    /// Multiplies the sum over points.
    factor: f64,
}

impl<P: Prim> Plane<'_, P> {
    fn eval(
        &self,
        options: &Options,
        space: &[usize],
        spacing: &[f64],
        slopes: &mut [P],
    ) -> Result<f64> {
        let mask = |x: &[P]| x.iter().map(|x| *x > P::of(0.5)).collect::<Vec<_>>();
        match options.formula {
            Formula::Boundary(BoundaryTarget::Distances) => {
                let map = self.t.iter().map(|t| t.to_f64());
                Ok(self.sum(slopes, map, |p, _, map| (p * map, map)))
            }
            Formula::Boundary(BoundaryTarget::Mask) => {
                let map = signed_distances(&mask(&self.t), space, spacing)?;
                // NaN in the target is NaN in the value.
                Ok(self.sum(slopes, map.into_iter(), |p, t, map| {
                    let map = map + t * 0.0;
                    (p * map, map)
                }))
            }
            Formula::Hausdorff { alpha, .. } => {
                // Of squared distances.
                let power = |d: f64| match alpha {
                    2.0 => d,
                    1.0 => d.sqrt(),
                    alpha => d.powf(alpha / 2.0),
                };
                let of_target = surface_squares(&mask(&self.t), space, spacing)?;
                let of_input = surface_squares(&mask(self.p), space, spacing)?;
                let map = of_target.into_iter().zip(of_input);
                let map = map.map(|(a, b)| power(a) + power(b));
                Ok(self.sum(slopes, map, |p, t, map| {
                    let error = p - t;
                    (error * error * map, 2.0 * error * map)
                }))
            }
        }
    }

    /// The weighted sum of a formula of probability, target and map, which gives value and slope.
    fn sum(
        &self,
        slopes: &mut [P],
        map: impl Iterator<Item = f64>,
        formula: impl Fn(f64, f64, f64) -> (f64, f64),
    ) -> f64 {
        let mut total = 0.0;
        let points = self.p.iter().zip(&self.t).zip(&self.weights);
        for (((p, t), weight), (map, slope)) in points.zip(map.zip(slopes)) {
            let p = p.to_f64();
            let (value, rise) = formula(p, t.to_f64(), map);
            let factor = weight.to_f64() * self.factor;
            total += value * factor;
            // NaN in a probability is NaN in its slope.
            *slope = P::of((rise + p * 0.0) * factor);
        }
        total
    }
}
