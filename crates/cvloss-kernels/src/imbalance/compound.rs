//! A region loss and a loss of points, added.

#![forbid(unsafe_code)]

use super::sites::{SiteKind, evaluate_sites};
use crate::error::{Error, Result, check_class_weights, check_shape};
use crate::loops::site;
use crate::options::{Gradient, Normalizer, Reduction};
use crate::region::{self, Pooling};
use crate::view::ViewMut;

/// A loss of points beside a region loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    /// The loss.
    pub kind: SiteKind,
    /// Its factor.
    pub weight: f64,
    /// One weight per class; 1 where absent.
    pub class_weights: Option<Vec<f64>>,
}

/// `region` with its own weight, plus `points`, averaged over all points, or over each image's without a mean of images.
pub fn evaluate_compound(
    region: &region::Options,
    points: &Points,
    operands: &region::Operands<'_>,
    mut values: Option<ViewMut<'_>>,
    mut gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    // Before the region loss writes anything.
    points.kind.check()?;
    if !operands.target.dtype().is_index() {
        return Err(Error::DType {
            argument: "target",
            expected: "u8, u32 or i64 class indices",
            got: operands.target.dtype(),
        });
    }
    if let Some(weights) = &points.class_weights {
        check_class_weights(weights, operands.input.shape()[1])?;
    }
    let value = region::evaluate(
        region,
        operands,
        values.as_mut().map(ViewMut::reborrow),
        gradient.as_mut().map(Gradient::reborrow),
    )?;
    if points.weight == 0.0 {
        // An infinite loss of points would make it NaN.
        return Ok(value);
    }
    let operands = site::Operands {
        input: operands.input.reborrow(),
        target: operands.target.reborrow(),
        weight: operands.weight.as_ref().map(|weight| weight.reborrow()),
        class_weights: points.class_weights.as_deref(),
        ignore: operands.ignore,
    };
    let gradient = gradient.map(|gradient| Gradient {
        scale: gradient.scale * points.weight,
        accumulate: true,
        ..gradient
    });
    let mean = |operands: &site::Operands<'_>, gradient| {
        let (elements, mean) = (Normalizer::Elements, Reduction::Mean);
        evaluate_sites(points.kind, elements, mean, operands, None, gradient)
    };
    let is_one = region.reduction == Reduction::Mean || region.pooling == Pooling::Batch;
    if is_one {
        let sum = value + points.weight * mean(&operands, gradient)?;
        if let Some(values) = &mut values {
            values.write_row(0, 0, 0, &[sum], false);
        }
        return Ok(sum);
    }
    let items = operands.input.shape()[0];
    if let Some(values) = &values {
        check_shape("values", [items, 1, 1], values.shape())?;
    }
    let (scale, mut slopes) = match gradient {
        Some(gradient) => (gradient.scale, Some(gradient.view.split(0, 1).into_iter())),
        None => (0.0, None),
    };
    let mut total = value;
    for n in 0..items {
        let item = site::Operands {
            input: operands.input.clone().narrow(0, n, 1),
            target: operands.target.clone().narrow(0, n, 1),
            weight: operands.weight.clone().map(|weight| weight.narrow(0, n, 1)),
            ..operands.clone()
        };
        let gradient = slopes.as_mut().and_then(Iterator::next);
        let gradient = gradient.map(|view| Gradient {
            view,
            scale,
            accumulate: true,
        });
        let added = points.weight * mean(&item, gradient)?;
        if let Some(values) = &mut values {
            values.write_row(n, 0, 0, &[added], true);
        }
        total += added;
    }
    Ok(total)
}
