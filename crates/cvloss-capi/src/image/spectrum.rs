//! What losses of spectra share.

use std::ffi::CStr;

use cvloss_kernels::frequency::{Options, SpectrumPooling, evaluate};
use cvloss_kernels::{Geometry, Result as KernelResult};

use super::pixel::{check_rank, per_image, plane, split};
use crate::loss::{Call, Input, Items, Loss, PAIR_WEIGHT};
use crate::status::Result;

/// A loss of Fourier coefficients.
pub(super) struct Spectrum {
    name: &'static CStr,
    options: Options,
}

impl Spectrum {
    /// Checks the options, and makes the loss.
    pub(super) fn build(name: &'static CStr, options: Options) -> Result<Box<dyn Loss>> {
        options.check()?;
        Ok(Box::new(Self { name, options }))
    }
}

impl Loss for Spectrum {
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
        match self.options.pooling {
            SpectrumPooling::Image => per_image(self.options.reduction),
            SpectrumPooling::Batch => Items::One,
        }
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        check_rank(dims, 4..=4, "(N, C, H, W)")
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let space = plane(call.dims);
        let (operands, values, gradients) = split(call);
        let (input, target, weight) = (&operands.input, &operands.target, operands.weight.as_ref());
        evaluate(
            &self.options,
            space,
            input,
            target,
            weight,
            values,
            gradients,
        )
    }
}
