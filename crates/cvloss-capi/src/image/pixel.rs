//! What losses of single differences share.

use std::ffi::CStr;
use std::ops::RangeInclusive;

use cvloss_kernels::device::Kernel;
use cvloss_kernels::loops::pointwise::Operands;
use cvloss_kernels::pixel::{Penalty, evaluate};
use cvloss_kernels::{
    Geometry, Gradients, Normalizer, Reduction, Result as KernelResult, View, ViewMut,
};

use crate::loss::{Call, Input, Items, Loss, PAIR_WEIGHT, Target};
use crate::status::{Error, Result, cvl_status};

/// A loss of the difference of two tensors, element by element.
pub(super) struct PixelLoss {
    name: &'static CStr,
    penalty: Penalty,
    normalizer: Normalizer,
    reduction: Reduction,
}

impl PixelLoss {
    /// Checks the options, and makes the loss.
    pub(super) fn build(
        name: &'static CStr,
        penalty: Penalty,
        normalizer: Normalizer,
        reduction: Reduction,
    ) -> Result<Box<dyn Loss>> {
        let loss = Self {
            name,
            penalty,
            normalizer,
            reduction,
        };
        // The kernel checks its options whatever the tensors are, those without elements too.
        loss.evaluate(
            &operands(nothing()?, nothing()?, None),
            None,
            Gradients::default(),
        )?;
        Ok(Box::new(loss))
    }

    fn evaluate(
        &self,
        operands: &Operands<'_>,
        values: Option<ViewMut<'_>>,
        gradients: Gradients<'_>,
    ) -> KernelResult<f64> {
        let (normalizer, reduction) = (self.normalizer, self.reduction);
        evaluate(
            self.penalty,
            normalizer,
            reduction,
            operands,
            values,
            gradients,
        )
    }
}

/// A tensor without elements.
pub(super) fn nothing() -> KernelResult<View<'static>> {
    View::new::<f32>(&[], [0; 3])
}

/// Height and width of (N, C, H, W).
pub(super) fn plane(dims: &[usize]) -> [usize; 2] {
    match dims {
        [_, _, height, width] => [*height, *width],
        _ => [0; 2],
    }
}

/// One value per image, or less.
pub(super) fn per_image(reduction: Reduction) -> Items {
    match reduction {
        Reduction::None => Items::Images,
        Reduction::Sum | Reduction::Mean => Items::One,
    }
}

/// Fails unless the input has as many axes as `expected` says.
pub(super) fn check_rank(
    dims: &[usize],
    ranks: RangeInclusive<usize>,
    expected: &str,
) -> Result<()> {
    if ranks.contains(&dims.len()) {
        return Ok(());
    }
    let message = format!("input has shape {dims:?}, expected {expected}");
    Err(Error::new(cvl_status::Shape, message))
}

fn operands<'a>(input: View<'a>, target: View<'a>, weight: Option<View<'a>>) -> Operands<'a> {
    Operands {
        input,
        target,
        auxiliary: None,
        weight,
        ignore: None,
    }
}

/// A call's tensors as the kernels of pixels take them.
pub(super) fn split<'i, 'o>(
    call: Call<'i, 'o>,
) -> (Operands<'i>, Option<ViewMut<'o>>, Gradients<'o>) {
    let gradients = Gradients {
        input: call.gradient,
        target: call.target_gradient,
    };
    let operands = operands(call.input, call.target, call.weight);
    (operands, call.values, gradients)
}

impl Loss for PixelLoss {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn inputs(&self) -> &'static [Input] {
        PAIR_WEIGHT
    }

    fn geometry(&self) -> Geometry {
        Geometry::Alike
    }

    fn items(&self) -> Items {
        match self.reduction {
            Reduction::None => Items::Elements,
            Reduction::Sum | Reduction::Mean => Items::One,
        }
    }

    fn kernel(&self, _: Target) -> KernelResult<Option<Kernel>> {
        Kernel::pixel(self.penalty, self.normalizer, self.reduction)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let (operands, values, gradients) = split(call);
        self.evaluate(&operands, values, gradients)
    }
}
