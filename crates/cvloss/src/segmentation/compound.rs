//! A region loss and a loss of points that is averaged beside it.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::imbalance::{Points, SiteKind};
use kernels::region::{Operands, Options, Pooling};

use super::asymmetric_softmax::asymmetric_values;
use super::cross_entropy::{check_classes, class_target};
use super::region::{compose as compose_region, region_items};
use crate::error::{self, Error};
use crate::loss::{Call, Inputs};
use crate::ops;

/// A region loss over a softmax, and a loss of points. [`fused_compound`] makes it a [`crate::Loss`].
pub(super) trait CompoundLoss {
    const NAME: &'static str;

    /// The region loss, with its factor.
    fn region(&self) -> Options;

    /// The loss of points, for so many classes.
    fn points(&self, classes: usize) -> Points;

    fn ignore_index(&self) -> Option<i64>;

    /// Fails if an option is out of range that the kernels do not know by name.
    fn check(&self) -> kernels::Result<()>;
}

/// Implements [`crate::loss::Fused`].
macro_rules! fused_compound {
    ($($loss:ty)*) => {$(
        impl $crate::loss::Fused for $loss {
            const NAME: &'static str = <$loss as CompoundLoss>::NAME;
            const GEOMETRY: $crate::loss::Geometry = $crate::loss::Geometry::Sites;

            fn reduction(&self) -> cvloss_kernels::Reduction {
                self.region().reduction
            }

            fn items(
                &self,
                input: &candle_core::Shape,
            ) -> (candle_core::Shape, candle_core::Shape) {
                $crate::segmentation::compound::items(self, input)
            }

            fn check(&self, input: &candle_core::Tensor) -> $crate::error::Result<()> {
                $crate::segmentation::compound::check(self, input)
            }

            fn run(&self, call: $crate::loss::Call<'_, '_>) -> cvloss_kernels::Result<f64> {
                $crate::segmentation::compound::run(self, call)
            }

            fn compose(
                &self,
                inputs: &$crate::loss::Inputs<'_>,
            ) -> candle_core::Result<candle_core::Tensor> {
                $crate::segmentation::compound::compose(self, inputs)
            }
        }
    )*};
}
pub(super) use fused_compound;

pub(super) fn items<L: CompoundLoss>(loss: &L, input: &Shape) -> (Shape, Shape) {
    let options = loss.region();
    region_items(options.reduction, options.pooling, input)
}

pub(super) fn check<L: CompoundLoss>(loss: &L, input: &Tensor) -> error::Result<()> {
    check_classes(L::NAME, input)?;
    let kinds = loss.check().and_then(|()| loss.points(2).kind.check());
    kinds.map_err(Error::kernel(L::NAME))
}

pub(super) fn run<L: CompoundLoss>(loss: &L, call: Call<'_, '_>) -> kernels::Result<f64> {
    let points = loss.points(call.input.shape()[1]);
    let operands = Operands {
        input: call.input,
        target: call.target,
        weight: call.weight,
        ignore: loss.ignore_index(),
    };
    let region = loss.region();
    kernels::imbalance::evaluate_compound(&region, &points, &operands, call.values, call.gradient)
}

pub(super) fn compose<L: CompoundLoss>(loss: &L, inputs: &Inputs<'_>) -> Result<Tensor> {
    let (x, region) = (inputs.input, loss.region());
    let points = loss.points(x.dim(1)?);
    let (hot, mask) = class_target(x, inputs.target, loss.ignore_index())?;
    let ln_p = ops::log_softmax(x)?;
    let own = (&ln_p * &hot)?.sum_keepdim(1)?.neg()?;
    let others = (ln_p.exp()? * hot.affine(-1.0, 1.0)?)?.sum_keepdim(1)?;
    let values = match points.kind {
        SiteKind::Poly { epsilon } => (own + (others * epsilon)?)?,
        SiteKind::Power { gamma } => ops::power(&own, gamma)?,
        SiteKind::Focal {
            gamma,
            background_only,
        } => {
            let damped = (ops::power(&others, gamma)? * &own)?;
            match background_only {
                true => hot.narrow(1, 0, 1)?.gt(0.5)?.where_cond(&damped, &own)?,
                false => damped,
            }
        }
        SiteKind::Asymmetric {
            gamma_positive,
            gamma_negative,
            smoothing,
        } => asymmetric_values(&ln_p, &hot, (gamma_positive, gamma_negative, smoothing))?,
    };
    let values = match &points.class_weights {
        Some(weights) => {
            let weights = hot.broadcast_mul(&ops::per_class(weights, x)?)?;
            (values * weights.sum_keepdim(1)?)?
        }
        None => values,
    };
    let values = match inputs.weight {
        Some(weight) => (values * weight)?,
        None => values,
    };
    // `ne` keeps points whose mask is NaN: they report an index outside the classes.
    let kept = mask.ne(0.0)?;
    let values = kept.where_cond(&(values * &mask)?, &mask.zeros_like()?)?;
    let is_one = region.reduction == Reduction::Mean || region.pooling == Pooling::Batch;
    let mean = match is_one {
        true => (ops::total(&values)? / ops::total(&mask)?.maximum(1e-37)?)?,
        false => {
            let sums = |values: &Tensor| values.flatten_from(1)?.sum(1);
            (sums(&values)? / sums(&mask)?.maximum(1e-37)?)?
        }
    };
    let mean = (mean * points.weight)?;
    let value = compose_region(&region, loss.ignore_index(), inputs)?;
    match region.reduction {
        Reduction::Sum if !is_one => value + mean.sum_all()?,
        _ => value + mean,
    }
}
