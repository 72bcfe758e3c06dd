//! LeCam regularisation.

use candle_core::{DType, Result as CandleResult, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::adversarial::{LecamForm, LecamOptions, LogitGradients, Logits};

use super::composed;
use super::gan::element_items;
use crate::error::{self, Error, Result};
use crate::loss::{Call, Fused, Geometry, Inputs};

/// LeCam regularisation: holds the discriminator's logits near the running mean of the other side, for training on
/// little data.
///
/// ```text
/// L = max(0, r − f̄)² + max(0, r̄ − f)²
/// ```
///
/// with the running means `r̄` of real and `f̄` of fake logits, which the caller owns ([`RunningMeans`]) and which are
/// constants here. The input holds real logits, the target fake ones. The authors weigh it with 0.3 down to 0.01, and
/// begin when the means have settled.
///
/// # Shapes
/// As [`AdversarialLoss`](crate::AdversarialLoss).
///
/// # Edge cases
/// As [`AdversarialLoss`](crate::AdversarialLoss).
///
/// # Agrees with
/// `lecam_reg` of StudioGAN and of the authors; [`LecamForm::Squared`] is the paper's equation.
///
/// # Reference
/// Tseng et al., *Regularizing GANs under limited data*, 2021. <https://arxiv.org/abs/2104.03310>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{LecamLoss, Loss, RunningMeans};
///
/// let real = Tensor::new(&[1f32, 3.], &Device::Cpu)?;
/// let fake = Tensor::new(&[-1f32, 0.], &Device::Cpu)?;
/// let mut means = RunningMeans::default();
/// means.update(&real, &fake)?;
/// assert_eq!((means.real, means.fake), (2.0, -0.5));
/// let value = LecamLoss::new(&means).forward(&real, &fake)?;
/// assert_eq!(value.to_scalar::<f32>()?, (1.5f32.powi(2) + 3.5f32.powi(2) + 3f32.powi(2) + 2f32.powi(2)) / 2.);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct LecamLoss {
    /// The running mean of real logits.
    pub real_mean: f64,
    /// The running mean of fake logits.
    pub fake_mean: f64,
    /// Which distances count. Default: the authors' code.
    pub form: LecamForm,
    /// Default: mean.
    pub reduction: Reduction,
}

impl LecamLoss {
    /// With the given means.
    pub fn new(means: &RunningMeans) -> Self {
        Self {
            real_mean: means.real,
            fake_mean: means.fake,
            ..Self::default()
        }
    }

    fn options(&self) -> LecamOptions {
        LecamOptions {
            form: self.form,
            real_mean: self.real_mean,
            fake_mean: self.fake_mean,
            reduction: self.reduction,
        }
    }
}

/// Exponential means of the logits of both sides.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct RunningMeans {
    /// Of real logits.
    pub real: f64,
    /// Of fake logits.
    pub fake: f64,
    /// What stays of a mean at each step, in `[0, 1)`. Default 0.99, as the authors.
    pub decay: f64,
    /// Whether there has been a step: the first sets the means.
    pub has_begun: bool,
}

impl Default for RunningMeans {
    fn default() -> Self {
        Self {
            real: 0.0,
            fake: 0.0,
            decay: 0.99,
            has_begun: false,
        }
    }
}

impl RunningMeans {
    /// Takes in a batch's logits; an empty batch changes nothing.
    pub fn update(&mut self, real: &Tensor, fake: &Tensor) -> Result<()> {
        if !(0.0..1.0).contains(&self.decay) {
            return Err(Error::Option {
                loss: LecamLoss::NAME,
                message: format!("decay is {}, expected a number in 0..1", self.decay),
            });
        }
        if real.elem_count() == 0 || fake.elem_count() == 0 {
            return Ok(());
        }
        let mean = |x: &Tensor| -> CandleResult<f64> {
            let x = x.detach().to_dtype(DType::F32)?;
            Ok(f64::from(x.mean_all()?.to_scalar::<f32>()?))
        };
        let decay = if self.has_begun { self.decay } else { 0.0 };
        self.real = decay * self.real + (1.0 - decay) * mean(real)?;
        self.fake = decay * self.fake + (1.0 - decay) * mean(fake)?;
        self.has_begun = true;
        Ok(())
    }
}

impl Fused for LecamLoss {
    const NAME: &'static str = "lecam";
    const GEOMETRY: Geometry = Geometry::Alike;
    const TARGET_GRADIENT: bool = true;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        element_items(self.reduction, input)
    }

    fn check(&self, _: &Tensor) -> error::Result<()> {
        let named = |source| Error::Kernel {
            loss: Self::NAME,
            source,
        };
        self.options().plan().map(drop).map_err(named)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let logits = Logits {
            real: call.input,
            fake: call.target,
            weight: call.weight,
        };
        let gradients = LogitGradients {
            real: call.gradient,
            fake: call.target_gradient,
        };
        kernels::adversarial::evaluate_lecam(&self.options(), &logits, call.values, gradients)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> CandleResult<Tensor> {
        let plan = self.options().plan().map_err(candle_core::Error::wrap)?;
        let (real, fake) = (inputs.input, inputs.target);
        composed::plan(plan, real, fake, inputs.weight, self.reduction)
    }
}
