//! What losses of elements for unequal classes share.

use std::ffi::CStr;

use cvloss_kernels::imbalance::{Kind, evaluate};
use cvloss_kernels::loops::pointwise::Operands;
use cvloss_kernels::{Geometry, Normalizer, Reduction, Result as KernelResult};

use super::bce::{element_items, ignored_target};
use crate::loss::{Call, Items, Loss};
use crate::options::{normalizer, reduction};
use crate::status::Result;

/// A loss of elements that has no options but these.
struct ElementLoss {
    name: &'static CStr,
    kind: Kind,
    ignore: Option<f64>,
    normalizer: Normalizer,
    reduction: Reduction,
}

/// A loss of elements, its options checked.
pub(crate) fn element_loss(
    name: &'static CStr,
    kind: Kind,
    ignore_index: f64,
    normalizer_number: u32,
    reduction_number: u32,
) -> Result<Box<dyn Loss>> {
    kind.check()?;
    Ok(Box::new(ElementLoss {
        name,
        kind,
        ignore: ignored_target(ignore_index),
        normalizer: normalizer(normalizer_number)?,
        reduction: reduction(reduction_number)?,
    }))
}

impl Loss for ElementLoss {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn geometry(&self) -> Geometry {
        Geometry::Elements
    }

    fn items(&self) -> Items {
        element_items(self.reduction)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            auxiliary: None,
            weight: call.weight,
            ignore: self.ignore,
        };
        let (normalizer, reduction) = (self.normalizer, self.reduction);
        evaluate(
            self.kind,
            normalizer,
            reduction,
            &operands,
            call.values,
            call.gradient,
        )
    }
}
