//! Cross-entropy whose points weigh by their distances to surfaces in the target.

#![forbid(unsafe_code)]

mod map;

use crate::cross_entropy::CrossEntropy;
use crate::distance_transform::check_spacing;
use crate::error::{Error, Result, check_class_weights, check_shape, check_weight};
use crate::labels::Target;
use crate::loops::site::{self, Operands};
use crate::options::{Gradient, Normalizer, Reduction};
use crate::parallel;
use crate::view::{View, ViewMut};

pub use map::{border_weights, point_weights};

/// How a point weighs.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum DistanceWeighting {
    /// `w_y`, and in the background `w0 exp(−(d1 + d2)² / 2σ²)` more: U-Net. `d1` and `d2` are the distances to the
    /// nearest two objects, which are connected regions of a class other than 0.
    Border {
        /// The most that it adds, at least 0.
        w0: f64,
        /// How far it reaches, above 0, in the unit of the spacing.
        sigma: f64,
    },
    /// `w_y (1 + (D − d) / (D − δ))`: Caliva et al. `d` is the distance to the nearest point of another class, `D` and
    /// `δ` are the largest and the least such distance in the class of this image.
    Penalty,
}

impl Default for DistanceWeighting {
    fn default() -> Self {
        Self::Border {
            w0: 10.0,
            sigma: 5.0,
        }
    }
}

/// Options of [`evaluate`].
#[derive(Clone, Debug)]
pub struct Options {
    /// How a point weighs.
    pub weighting: DistanceWeighting,
    /// The distance of neighbours along each axis of space; 1 where absent.
    pub spacing: Option<Vec<f64>>,
    /// What the mean divides by.
    pub normalizer: Normalizer,
    /// How points are reduced.
    pub reduction: Reduction,
}

impl Options {
    /// Fails if an option is out of range, or does not fit the number of axes of space.
    pub fn check(&self, axes: usize) -> Result<()> {
        self.weighting.check()?;
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

impl DistanceWeighting {
    /// Fails if a number is out of range.
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::Border { w0, sigma } => {
                check_weight("w0", w0)?;
                crate::pixel::check_positive("sigma", sigma)
            }
            Self::Penalty => Ok(()),
        }
    }
}

/// Cross-entropy times each point's weight, of logits (N, C, S) and class indices (N, 1, S); `space` has the extents of
/// the axes of space. An ignored point is of no class.
///
/// [`Normalizer::Weights`] sums these weights, times the weight map. See [`site::evaluate`].
pub fn evaluate(
    options: &Options,
    space: &[usize],
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let shape @ [items, classes, points] = operands.input.shape();
    options.check(space.len())?;
    check_shape("input", [items, classes, space.iter().product()], shape)?;
    if !operands.target.dtype().is_index() {
        return Err(Error::DType {
            argument: "target",
            expected: "u8, u32 or i64 class indices",
            got: operands.target.dtype(),
        });
    }
    if let Some(weights) = operands.class_weights {
        check_class_weights(weights, classes)?;
    }
    // Indices are classes from here on.
    Target::new(&operands.target, shape, classes, operands.ignore)?;
    let weight = match &operands.weight {
        Some(weight) => Some(weight.broadcast("weight", [items, 1, points])?),
        None => None,
    };
    let spacing = options.spacing_of(space.len());
    let mut map = vec![0.0; items * points];
    let rows = map.chunks_mut(points.max(1)).enumerate();
    let done = parallel::map(rows, |(n, row): (usize, &mut [f64])| {
        operands.target.read_row(n, 0, 0, row);
        let labels: Vec<_> = row.iter().map(|label| *label as i64).collect();
        let class = |label: &i64| match Some(*label) == operands.ignore {
            true => None,
            false => usize::try_from(*label).ok(),
        };
        let labels: Vec<_> = labels.iter().map(class).collect();
        if let Some(weight) = &weight {
            weight.read_row(n, 0, 0, row);
        } else {
            row.fill(1.0);
        }
        let found = point_weights(
            options.weighting,
            &labels,
            operands.class_weights,
            space,
            &spacing,
        )?;
        row.iter_mut()
            .zip(found)
            .for_each(|(to, found)| *to *= found);
        Ok(())
    });
    done.into_iter().collect::<Result<()>>()?;
    let weighted = Operands {
        weight: Some(View::new(&map, [items, 1, points])?),
        class_weights: None,
        ..operands.clone()
    };
    site::evaluate(
        CrossEntropy,
        &weighted,
        options.reduction,
        options.normalizer,
        values,
        gradient,
    )
}
