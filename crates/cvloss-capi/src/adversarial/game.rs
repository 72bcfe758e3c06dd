//! Both sides of an adversarial game.

use std::ffi::CStr;

use cvloss_kernels::adversarial::{
    GanForm, GanLabels, GanSide, Options, Pairing, Plan, evaluate, kernel,
};
use cvloss_kernels::device::Kernel;
use cvloss_kernels::{Geometry, Reduction, Result as KernelResult};

use super::logits::{FAKE, FAKE_REAL, REAL_FAKE, split, swap};
use crate::config::{Versioned, choose, init, unused, versioned};
use crate::loss::{Call, Config, Input, Items, Loss, Target, create, cvl_loss};
use crate::options::{cvl_reduction, reduction};
use crate::segmentation::element_items;
use crate::status::{Error, Result, cvl_status};

/// The function behind an adversarial loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_gan_form {
    /// Cross-entropy, which the generator maximises: its gradient vanishes where the discriminator is sure.
    Minimax = 0,
    /// Cross-entropy on both sides, each with its own labels.
    NonSaturating,
    /// `factor (x - label)^2`.
    LeastSquares,
    /// The logits themselves.
    Wasserstein,
    /// `max(0, 1 -+ x)`; the generator takes the logits themselves, unless the loss is relativistic.
    Hinge,
}

/// What a logit is compared with.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_pairing {
    /// With nothing.
    Standard = 0,
    /// With the logit at its place on the other side: RpGAN.
    Paired,
    /// With the mean of the other side: RaGAN; not with CVL_REDUCTION_NONE.
    Average,
}

/// Options of an adversarial loss: the same struct makes the discriminator's loss and the generator's.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_adversarial_config {
    /// Set by `cvl_adversarial_config_init`.
    pub struct_size: usize,
    /// Of CVL_GAN_FORM_LEAST_SQUARES, above 0. Default 0.5.
    pub factor: f64,
    /// What cross-entropy and least squares draw real logits to; 0.9 is one-sided label smoothing. Default 1.
    pub label_real: f64,
    /// And fake logits, for the discriminator. Default 0.
    pub label_fake: f64,
    /// And fake logits, for the generator. Default 1.
    pub label_generator: f64,
    /// A `cvl_gan_form`. Default CVL_GAN_FORM_NON_SATURATING.
    pub form: u32,
    /// A `cvl_pairing`. Default CVL_PAIRING_STANDARD.
    pub pairing: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_adversarial_config {
    struct_size, factor, label_real, label_fake, label_generator, form, pairing, reduction, reserved;
});

impl Default for cvl_adversarial_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            factor: 0.5,
            label_real: 1.0,
            label_fake: 0.0,
            label_generator: 1.0,
            form: cvl_gan_form::NonSaturating as u32,
            pairing: cvl_pairing::Standard as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_adversarial_config_init(
    config: *mut cvl_adversarial_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// The discriminator's side of an adversarial game. NULL `config`: defaults.
///
/// `L = mean f(real) + mean g(fake)`, or of differences by `pairing`.
///
/// Inputs: logits of real items; logits of fake items, of the same shape and type; optionally weights that broadcast to
/// that shape. Both logits have a gradient. Value: [], or the same shape: one per pair.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_discriminator_new(
    config: *const cvl_adversarial_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config.cast::<Side<DISCRIMINATOR>>(), out) }
}

/// The generator's side of an adversarial game. NULL `config`: defaults.
///
/// Inputs: logits of fake items; logits of real items, of the same shape and type, or NULL with CVL_PAIRING_STANDARD,
/// which does not compare; optionally weights that broadcast to that shape. Both logits have a gradient: do not ask for
/// that of the real ones where they are constants. Value: [], or the same shape.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_generator_new(
    config: *const cvl_adversarial_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config.cast::<Side<GENERATOR>>(), out) }
}

/// A configuration, and for whom a loss is made of it.
#[repr(transparent)]
#[derive(Clone, Copy, Default)]
struct Side<const IS_GENERATOR: bool>(cvl_adversarial_config);

const DISCRIMINATOR: bool = false;
const GENERATOR: bool = true;

// SAFETY: the struct that it wraps.
unsafe impl<const IS_GENERATOR: bool> Versioned for Side<IS_GENERATOR> {
    const NAME: &'static str = cvl_adversarial_config::NAME;
    const FIRST_SIZE: usize = cvl_adversarial_config::FIRST_SIZE;
}

impl<const IS_GENERATOR: bool> Config for Side<IS_GENERATOR> {
    const LOSS: &'static str = if IS_GENERATOR {
        "generator"
    } else {
        "discriminator"
    };

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        let side = match IS_GENERATOR {
            true => GanSide::Generator,
            false => GanSide::Discriminator,
        };
        let options = self.0.options()?;
        Plan::new(&options, side)?;
        if (options.pairing, options.reduction) == (Pairing::Average, Reduction::None) {
            return Err(Error::invalid(
                "reduction is CVL_REDUCTION_NONE, but a mean over the batch ties all logits together",
            ));
        }
        Ok(Box::new(Game { side, options }))
    }
}

impl cvl_adversarial_config {
    fn options(&self) -> Result<Options> {
        unused(self.reserved)?;
        use GanForm::{Hinge, LeastSquares, Minimax, NonSaturating, Wasserstein};
        let factor = self.factor;
        let forms = [
            Minimax,
            NonSaturating,
            LeastSquares { factor },
            Wasserstein,
            Hinge,
        ];
        let pairings = [Pairing::Standard, Pairing::Paired, Pairing::Average];
        Ok(Options {
            form: choose("form", self.form, &forms)?,
            pairing: choose("pairing", self.pairing, &pairings)?,
            labels: GanLabels {
                real: self.label_real,
                fake: self.label_fake,
                generator: self.label_generator,
            },
            reduction: reduction(self.reduction)?,
        })
    }
}

struct Game {
    side: GanSide,
    options: Options,
}

impl Loss for Game {
    fn name(&self) -> &'static CStr {
        match self.side {
            GanSide::Discriminator => c"discriminator",
            GanSide::Generator => c"generator",
        }
    }

    fn inputs(&self) -> &'static [Input] {
        match (self.side, self.options.pairing) {
            (GanSide::Discriminator, _) => REAL_FAKE,
            (GanSide::Generator, Pairing::Standard) => FAKE,
            (GanSide::Generator, _) => FAKE_REAL,
        }
    }

    fn geometry(&self) -> Geometry {
        Geometry::Alike
    }

    fn items(&self) -> Items {
        element_items(self.options.reduction)
    }

    fn kernel(&self, _: Target) -> KernelResult<Option<Kernel>> {
        kernel(&self.options, self.side)
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let call = match self.side {
            GanSide::Discriminator => call,
            GanSide::Generator => swap(call),
        };
        let (logits, values, gradients) = split(call);
        evaluate(&self.options, self.side, &logits, values, gradients)
    }
}
