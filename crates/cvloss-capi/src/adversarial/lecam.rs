//! LeCam regularisation.

use std::ffi::CStr;

use cvloss_kernels::adversarial::{LecamForm, LecamOptions, evaluate_lecam};
use cvloss_kernels::{Geometry, Result as KernelResult};

use super::logits::{REAL_FAKE, split};
use crate::config::{choose, init, versioned};
use crate::loss::{Call, Config, Input, Items, Loss, create, cvl_loss};
use crate::options::{cvl_reduction, reduction};
use crate::segmentation::element_items;
use crate::status::{Result, cvl_status};

/// Which distances of LeCam regularisation count.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_lecam_form {
    /// Only those on the side that the discriminator tends to: the authors' code.
    Rectified = 0,
    /// All: the formula of the paper.
    Squared,
}

/// Options of LeCam regularisation.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_lecam_config {
    /// Set by `cvl_lecam_config_init`.
    pub struct_size: usize,
    /// The running mean of real logits: state of yours. Make a new handle with both means for each step (that is
    /// cheap), and update them yourself: `0.99 mean + 0.01 (mean of the step's logits)` in the authors' code. Default
    /// 0.
    pub real_mean: f64,
    /// The running mean of fake logits. Default 0.
    pub fake_mean: f64,
    /// A `cvl_lecam_form`. Default CVL_LECAM_FORM_RECTIFIED.
    pub form: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
}

versioned!(cvl_lecam_config {
    struct_size, real_mean, fake_mean, form, reduction;
});

impl Default for cvl_lecam_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            real_mean: 0.0,
            fake_mean: 0.0,
            form: cvl_lecam_form::Rectified as u32,
            reduction: cvl_reduction::Mean as u32,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_lecam_config_init(config: *mut cvl_lecam_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// LeCam regularisation: holds the discriminator's logits near the running mean of the other side. NULL `config`:
/// defaults.
///
/// `L = max(0, r - fake_mean)^2 + max(0, real_mean - f)^2`.
///
/// Inputs and value: as `cvl_discriminator_new`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_lecam_new(
    config: *const cvl_lecam_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_lecam_config {
    const LOSS: &'static str = "lecam";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let forms = [LecamForm::Rectified, LecamForm::Squared];
        let options = LecamOptions {
            form: choose("form", self.form, &forms)?,
            real_mean: self.real_mean,
            fake_mean: self.fake_mean,
            reduction: reduction(self.reduction)?,
        };
        options.plan()?;
        Ok(Box::new(Lecam(options)))
    }
}

struct Lecam(LecamOptions);

impl Loss for Lecam {
    fn name(&self) -> &'static CStr {
        c"lecam"
    }

    fn inputs(&self) -> &'static [Input] {
        REAL_FAKE
    }

    fn geometry(&self) -> Geometry {
        Geometry::Alike
    }

    fn items(&self) -> Items {
        element_items(self.0.reduction)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let (logits, values, gradients) = split(call);
        evaluate_lecam(&self.0, &logits, values, gradients)
    }
}
