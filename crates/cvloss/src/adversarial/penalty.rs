//! Gradient penalties of discriminators.

use candle_core::{Result as CandleResult, Tensor};

use super::composed;
use super::critic::{self, Derivative, Penalty};
use super::points::PenaltyPoints;
use crate::error::{Error, Result};

pub(super) const NAME: &str = "gradient_penalty";

/// A penalty on the gradient of a discriminator with respect to its input.
///
/// ```text
/// P = weight · mean_n form(‖∇_x D(x_n)‖)
/// ```
///
/// with the norm of each sample on its own, at the points that [`PenaltyPoints`] says. A discriminator with several
/// outputs per sample counts with the gradient of their sum.
///
/// | constructor | points | form | weight |
/// |---|---|---|---|
/// | [`wgan_gp`](Self::wgan_gp) | interpolates | `(‖g‖ − 1)²` | 10 |
/// | [`wgan_lp`](Self::wgan_lp) | interpolates | `max(0, ‖g‖ − 1)²` | 10 |
/// | [`wgan_div`](Self::wgan_div) | real and fake | `‖g‖⁶` | 2 |
/// | [`r1`](Self::r1), [`r2`](Self::r2) | real, fake | `‖g‖²` | γ/2 |
/// | [`dragan`](Self::dragan) | beside real | `(‖g‖ − 1)²` | 10 |
///
/// # Cost
/// The value costs a forward and a backward pass of the discriminator over the points. With [`Derivative::Difference`]
/// its backward is that of two more forward passes. Together a penalty over N points is three passes of N; the loss
/// itself is two, over real and fake, so that a step of the discriminator costs 2.5 times as much and some overhead.
/// [`Derivative::Exact`] keeps the tape of the first backward pass and goes through it again. A penalty on every k-th
/// step with k times the weight costs a k-th (lazy regularisation; StyleGAN2 has k = 16).
///
/// # Shapes
/// - real, fake, points: `(N, …)`, f32, f64, or halves if the discriminator has halves
/// - the discriminator's output: any shape
/// - value: `[]`; norms: `(N)`; f32, f64 for f64
///
/// # Edge cases
/// Where the gradient is 0, so is the slope of its norm. NaN in, NaN out. A discriminator whose output is not on the
/// tape of its input is an error, and so is a batch of no samples. Gradients reach the discriminator's parameters, not
/// the points: real and fake items are detached.
///
/// The discriminator is evaluated three times: layers that change state (running means of a batch normalisation) or
/// draw (dropout) must do so the same way each time.
///
/// # Agrees with
/// `torch.autograd.grad(create_graph=True)` on the formulas of StudioGAN (tests/penalties.rs). BasicSR takes its norm
/// over channels alone and has no ½ in R1; torchgan takes one norm and one share for the whole batch.
///
/// # Reference
/// Gulrajani et al., *Improved training of Wasserstein GANs*, 2017; Petzka et al. 2018 (LP); Wu et al. 2018 (div);
/// Mescheder et al., *Which training methods for GANs do actually converge?*, 2018 <https://arxiv.org/abs/1801.04406>;
/// Kodali et al. 2017 (DRAGAN).
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use cvloss::GradientPenalty;
///
/// // D(x) = w x₁²: the gradient is (2 w x₁, 0).
/// let w = Var::new(3f64, &Device::Cpu)?;
/// let critic = |x: &Tensor| x.narrow(1, 0, 1)?.sqr()?.broadcast_mul(&w);
/// let real = Tensor::new(&[[0.5f64, 2.], [1., 7.]], &Device::Cpu)?;
/// let penalty = GradientPenalty::r1(1.0).at(critic, &real)?;
/// assert_eq!(penalty.norms.to_vec1::<f64>()?, [3., 6.]);
/// // ½ mean (2 w x₁)², and its derivative mean 4 w x₁².
/// assert!((penalty.value.to_scalar::<f64>()? - 11.25).abs() < 1e-12);
/// let slope = penalty.value.backward()?.get(&w).map(|g| g.to_scalar::<f64>()).transpose()?;
/// assert!((slope.unwrap_or(0.) - 7.5).abs() < 1e-8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct GradientPenalty {
    /// Where the gradient is taken. Default: interpolates.
    pub points: PenaltyPoints,
    /// What becomes of its norm. Default: `(‖g‖ − 1)²`.
    pub form: PenaltyForm,
    /// Multiplies the mean. Default 10.
    pub weight: f64,
    /// How it reaches the parameters. Default: by a central difference.
    pub derivative: Derivative,
}

/// What becomes of the norm of a gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PenaltyForm {
    /// `(‖g‖ − target)²`.
    Centred {
        /// The norm that is not penalised.
        target: f64,
    },
    /// `max(0, ‖g‖ − target)²`.
    OneSided {
        /// The largest norm that is not penalised.
        target: f64,
    },
    /// `‖g‖^exponent`.
    Power {
        /// At least 2.
        exponent: f64,
    },
}

impl Default for GradientPenalty {
    fn default() -> Self {
        Self::wgan_gp()
    }
}

impl GradientPenalty {
    fn new(points: PenaltyPoints, form: PenaltyForm, weight: f64) -> Self {
        Self {
            points,
            form,
            weight,
            derivative: Derivative::default(),
        }
    }

    /// `10 (‖g‖ − 1)²` at interpolates.
    pub fn wgan_gp() -> Self {
        let form = PenaltyForm::Centred { target: 1.0 };
        Self::new(PenaltyPoints::Interpolates, form, 10.0)
    }

    /// `10 max(0, ‖g‖ − 1)²` at interpolates.
    pub fn wgan_lp() -> Self {
        let form = PenaltyForm::OneSided { target: 1.0 };
        Self::new(PenaltyPoints::Interpolates, form, 10.0)
    }

    /// `2 · ½ (‖g_r‖⁶ + ‖g_f‖⁶)` at real and fake items.
    pub fn wgan_div() -> Self {
        let form = PenaltyForm::Power { exponent: 6.0 };
        Self::new(PenaltyPoints::RealAndFake, form, 2.0)
    }

    /// `γ/2 ‖g‖²` at real items.
    pub fn r1(gamma: f64) -> Self {
        let form = PenaltyForm::Power { exponent: 2.0 };
        Self::new(PenaltyPoints::Real, form, gamma / 2.0)
    }

    /// `γ/2 ‖g‖²` at fake items.
    pub fn r2(gamma: f64) -> Self {
        let form = PenaltyForm::Power { exponent: 2.0 };
        Self::new(PenaltyPoints::Fake, form, gamma / 2.0)
    }

    /// `10 (‖g‖ − 1)²` beside real items.
    pub fn dragan() -> Self {
        let form = PenaltyForm::Centred { target: 1.0 };
        Self::new(PenaltyPoints::Noisy { scale: 0.5 }, form, 10.0)
    }

    /// The penalty at points drawn from `seed`, which should differ from step to step.
    pub fn forward(
        &self,
        critic: impl Fn(&Tensor) -> CandleResult<Tensor>,
        real: &Tensor,
        fake: &Tensor,
        seed: u64,
    ) -> Result<Penalty> {
        self.at(critic, &self.points.draw(real, fake, seed)?)
    }

    /// The penalty at the given points.
    pub fn at(
        &self,
        critic: impl Fn(&Tensor) -> CandleResult<Tensor>,
        points: &Tensor,
    ) -> Result<Penalty> {
        self.check()?;
        let measure = |gradient: &Tensor| self.measure(gradient);
        let norms = critic::sample_norms;
        critic::penalise(NAME, self.derivative, points, critic, measure, norms)
    }

    /// The penalty of a gradient (N, …), on its tape.
    fn measure(&self, gradient: &Tensor) -> CandleResult<Tensor> {
        let squares = critic::squares(gradient)?;
        let values = match self.form {
            PenaltyForm::Centred { target } => (critic::root(&squares)? - target)?.sqr()?,
            PenaltyForm::OneSided { target } => {
                let excess = (critic::root(&squares)? - target)?;
                composed::keep_nan(&excess, &excess.relu()?.sqr()?)?
            }
            PenaltyForm::Power { exponent: 2.0 } => squares,
            PenaltyForm::Power { exponent } => squares.powf(exponent / 2.0)?,
        };
        values.mean_all()? * self.weight
    }

    fn check(&self) -> Result<()> {
        let is_size = |number: f64| number >= 0.0 && number.is_finite();
        let message = match self.form {
            _ if !is_size(self.weight) => {
                format!(
                    "weight is {}, expected a finite number of at least 0",
                    self.weight
                )
            }
            PenaltyForm::Centred { target } | PenaltyForm::OneSided { target }
                if !is_size(target) =>
            {
                format!("target is {target}, expected a finite number of at least 0")
            }
            PenaltyForm::Power { exponent } if !(exponent >= 2.0 && exponent.is_finite()) => {
                format!("exponent is {exponent}, expected a finite number of at least 2")
            }
            _ => return Ok(()),
        };
        let loss = NAME;
        Err(Error::Option { loss, message })
    }
}
