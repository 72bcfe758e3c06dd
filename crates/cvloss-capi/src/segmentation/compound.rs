//! A region loss and a loss of points that is averaged beside it.

use std::ffi::CStr;

use cvloss_kernels::imbalance::{Points, evaluate_compound};
use cvloss_kernels::region::{Operands, Options};
use cvloss_kernels::{Geometry, Result as KernelResult};

use super::cross_entropy::check_classes;
use super::region::{RegionLoss, region_items};
use crate::loss::{Call, Items, Loss};
use crate::single::through_single;
use crate::status::Result;

/// The loss of points, for so many classes.
pub(super) type PointsOf = Box<dyn Fn(usize) -> Points + Send + Sync>;

struct Compound {
    name: &'static CStr,
    ignore: Option<i64>,
    region: Options,
    points: PointsOf,
}

/// Both losses in one, the options of the points checked.
pub(super) fn compound(region: RegionLoss, points: PointsOf) -> Result<Box<dyn Loss>> {
    points(2).kind.check()?;
    Ok(Box::new(Compound {
        name: region.name,
        ignore: region.ignore,
        region: region.options,
        points,
    }))
}

impl Loss for Compound {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn geometry(&self) -> Geometry {
        Geometry::Sites
    }

    fn items(&self) -> Items {
        region_items(self.region.reduction, self.region.pooling)
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        check_classes(dims)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let points = (self.points)(call.input.shape()[1]);
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            ignore: self.ignore,
        };
        through_single(call.gradient, |gradient| {
            evaluate_compound(&self.region, &points, &operands, call.values, gradient)
        })
    }
}
