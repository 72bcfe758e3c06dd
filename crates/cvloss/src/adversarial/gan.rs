//! Both sides of an adversarial game.

use candle_core::{Result as CandleResult, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::adversarial::{
    GanForm, GanLabels, GanSide, LogitGradients, Logits, Options, Pairing, Plan, average,
};

use super::composed;
use crate::error::{self, Error, Result};
use crate::loss::{
    Accumulator, Call, Checked, Fused, Geometry, Gradients, Inputs, Kernel, Loss, Value,
};

/// An adversarial game: what the discriminator minimises, and what the generator does.
///
/// ```text
/// form            discriminator                       generator
/// NonSaturating   softplus(−r) + softplus(f)          softplus(−f)
/// Minimax         softplus(−r) + softplus(f)          −softplus(f)
/// LeastSquares    ½ (r − b)² + ½ (f − a)²             ½ (f − c)²
/// Wasserstein     f − r                               −f
/// Hinge           max(0, 1 − r) + max(0, 1 + f)       −f
/// ```
///
/// with `r` and `f` the discriminator's logits of real and fake items, each side's mean taken on its own and both
/// added. Cross-entropies with labels `t` other than 1 and 0 are `t softplus(−x) + (1 − t) softplus(x)`; `a`, `b`, `c`
/// are [`GanLabels`] too.
///
/// [`Pairing::Paired`] (RpGAN) has one term: the real side's function of `r − f`, and of `f − r` for the generator.
/// [`Pairing::Average`] (RaGAN) puts `r − E f` for `r` and `f − E r` for `f`; the generator's loss is the
/// discriminator's with the roles exchanged. `E` is the mean over all logits of the tensor, and gradients go through
/// it. `Minimax` always gives the generator the discriminator's loss with the sign changed.
///
/// The sides are losses of their own, with everything that [`Loss`] has: [`DiscriminatorLoss`] and [`GeneratorLoss`].
/// The methods here are for training loops.
///
/// # Shapes
/// - real and fake: logits of any shape, the same: `(N)`, `(N, 1)`, or one per patch `(N, 1, H, W)`
/// - value: `[]`, or the logits' shape with [`Reduction::None`]
///
/// Several discriminators or scales are slices of such tensors, reduced as [`Scales`] says.
///
/// # Edge cases
/// Finite for all finite logits of at most 1e18 (least squares square them). Empty: 0. NaN in, NaN out. At its kink the
/// slope of a hinge is 0, as torch's.
///
/// # Agrees with
/// The formulas of torchgan, StudioGAN, StyleGAN3 (logistic) and BasicSR in torch (tests/golden/discriminator.py and
/// generator.py). BasicSR and MONAI have no ½ in least squares: `LeastSquares { factor: 1.0 }`; BasicSR's
/// `real_label_val` holds for both sides: `labels.real` and `labels.generator`. MONAI's hinge applies tanh first, and
/// ESRGAN halves the sum of its two terms: neither is here.
///
/// # Reference
/// Goodfellow et al. 2014; Mao et al., *Least Squares GAN*, 2017; Arjovsky et al., *Wasserstein GAN*, 2017; Lim and Ye,
/// *Geometric GAN*, 2017; Jolicoeur-Martineau, *The relativistic discriminator*, 2018
/// <https://arxiv.org/abs/1807.00734>.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{AdversarialLoss, GanForm};
///
/// let real = Tensor::new(&[2f32, -0.5], &Device::Cpu)?;
/// let fake = Tensor::new(&[-3f32, 0.5], &Device::Cpu)?;
/// let game = AdversarialLoss { form: GanForm::Hinge, ..AdversarialLoss::default() };
/// let value = game.discriminator(&real, &fake)?;
/// assert_eq!(value.to_scalar::<f32>()?, (0. + 1.5) / 2. + (0. + 1.5) / 2.);
/// assert_eq!(game.generator(&fake, None)?.to_scalar::<f32>()?, 1.25);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct AdversarialLoss {
    /// The function. Default: non-saturating cross-entropy, as StyleGAN.
    pub form: GanForm,
    /// What a logit is compared with. Default: nothing.
    pub pairing: Pairing,
    /// What logits are drawn to; only of cross-entropy and least squares.
    pub labels: GanLabels,
    /// How the losses of several scales become one. Default: their mean.
    pub scales: Scales,
    /// Default: mean.
    pub reduction: Reduction,
}

/// How the losses of several discriminators, scales or layers become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Scales {
    /// Their mean: MONAI, BasicSR.
    #[default]
    Mean,
    /// Their sum: pix2pixHD.
    Sum,
}

impl Scales {
    /// What each of `count` losses is multiplied by.
    pub(super) fn weight(self, count: usize) -> f64 {
        match self {
            Self::Mean => 1.0 / count.max(1) as f64,
            Self::Sum => 1.0,
        }
    }
}

/// The discriminator's side: the input holds real logits, the target fake ones. See [`AdversarialLoss`].
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{AdversarialLoss, DiscriminatorLoss, Inputs, Loss};
///
/// let real = Tensor::new(&[1f64], &Device::Cpu)?;
/// let fake = Tensor::new(&[0f64], &Device::Cpu)?;
/// let side = DiscriminatorLoss(AdversarialLoss::default());
/// let inputs = Inputs { input: &real, target: &fake, weight: None };
/// let (value, of_real, of_fake) = side.value_and_grads(&inputs)?;
/// // softplus(−1) + softplus(0); σ(1) − 1 and σ(0).
/// assert!((value.to_scalar::<f64>()? - 1.006_409).abs() < 1e-6);
/// assert!((of_real.to_vec1::<f64>()?[0] + 0.268_941).abs() < 1e-6);
/// assert!((of_fake.to_vec1::<f64>()?[0] - 0.5).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DiscriminatorLoss(pub AdversarialLoss);

/// The generator's side: the input holds fake logits, the target real ones, which only relativistic losses read.
///
/// See [`AdversarialLoss`].
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{AdversarialLoss, GeneratorLoss, Loss, Pairing};
///
/// let (fake, real) = (Tensor::new(&[0f64], &Device::Cpu)?, Tensor::new(&[1f64], &Device::Cpu)?);
/// let game = AdversarialLoss { pairing: Pairing::Paired, ..AdversarialLoss::default() };
/// let value = GeneratorLoss(game).forward(&fake, &real)?;
/// assert!((value.to_scalar::<f64>()? - 1f64.exp().ln_1p()).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GeneratorLoss(pub AdversarialLoss);

impl AdversarialLoss {
    /// The discriminator's loss, on the tape of both tensors.
    pub fn discriminator(&self, real: &Tensor, fake: &Tensor) -> Result<Tensor> {
        DiscriminatorLoss(self.clone()).forward(real, fake)
    }

    /// The generator's loss, on the tape of `fake`, and of `real` where the loss is relativistic, which needs it.
    pub fn generator(&self, fake: &Tensor, real: Option<&Tensor>) -> Result<Tensor> {
        let real = self.opponents(fake, real)?;
        GeneratorLoss(self.clone()).forward(fake, &real)
    }

    /// The discriminator's loss of several scales.
    pub fn discriminator_scales(&self, real: &[Tensor], fake: &[Tensor]) -> Result<Tensor> {
        let name = DiscriminatorLoss::NAME;
        let side = |real: &Tensor, fake: &Tensor| self.discriminator(real, fake);
        self.over_scales(name, real, fake, side)
    }

    /// The generator's loss of several scales.
    pub fn generator_scales(&self, fake: &[Tensor], real: Option<&[Tensor]>) -> Result<Tensor> {
        let name = GeneratorLoss::NAME;
        match real {
            Some(real) => self.over_scales(name, fake, real, |fake, real| {
                self.generator(fake, Some(real))
            }),
            None => self.over_scales(name, fake, fake, |fake, _| self.generator(fake, None)),
        }
    }

    /// The discriminator's loss of several scales, with the gradients of all real and of all fake logits, without a
    /// tape.
    pub fn discriminator_scales_value_and_grads(
        &self,
        real: &[Tensor],
        fake: &[Tensor],
    ) -> Result<(Tensor, Vec<Tensor>, Vec<Tensor>)> {
        let side = DiscriminatorLoss(self.clone());
        self.scale_gradients(DiscriminatorLoss::NAME, &side, real, fake)
    }

    /// The generator's loss of several scales, with the gradients of all fake logits, without a tape.
    pub fn generator_scales_value_and_grads(
        &self,
        fake: &[Tensor],
        real: Option<&[Tensor]>,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        if let (None, Some(first)) = (real, fake.first()) {
            self.opponents(first, None)?;
        }
        let side = GeneratorLoss(self.clone());
        let real = real.unwrap_or(fake);
        let (value, gradients, _) = self.scale_gradients(GeneratorLoss::NAME, &side, fake, real)?;
        Ok((value, gradients))
    }

    /// First step of [`Pairing::Average`] over several processes: the sums behind the means of this part of the batch.
    pub fn moments(&self, real: &Tensor, fake: &Tensor) -> Result<average::GanMoments> {
        self.lend(real, fake, Gradients::default(), |logits, _| {
            average::moments(&logits)
        })
    }

    /// Second step: sums of values and slopes of this part of the batch, given the moments of the whole.
    pub fn sums(
        &self,
        side: GanSide,
        real: &Tensor,
        fake: &Tensor,
        moments: &average::GanMoments,
    ) -> Result<average::GanSums> {
        self.lend(real, fake, Gradients::default(), |logits, _| {
            average::sums(&self.options(), side, &logits, moments)
        })
    }

    /// Third step: the value of the whole batch, and its gradients with respect to this part's real and fake logits.
    pub fn value_and_grads_from(
        &self,
        side: GanSide,
        real: &Tensor,
        fake: &Tensor,
        moments: &average::GanMoments,
        sums: &average::GanSums,
    ) -> Result<(Tensor, Tensor, Tensor)> {
        let options = self.options();
        let (mut of_real, mut of_fake) = (Accumulator::new(real), Accumulator::new(fake));
        let into = Gradients {
            input: Some(&mut of_real),
            target: Some(&mut of_fake),
        };
        self.lend(real, fake, into, |logits, gradients| {
            average::gradients(&options, side, &logits, moments, sums, gradients)
        })?;
        let value = Value::scalar(sums.value(&options, moments), real)?;
        Ok((value.tensor, of_real.into_tensor()?, of_fake.into_tensor()?))
    }

    fn lend<T>(
        &self,
        real: &Tensor,
        fake: &Tensor,
        gradients: Gradients<'_>,
        run: impl FnOnce(Logits<'_>, LogitGradients<'_>) -> kernels::Result<T>,
    ) -> Result<T> {
        let inputs = Inputs {
            input: real,
            target: fake,
            weight: None,
        };
        let checked = Checked::new(DiscriminatorLoss::NAME, Geometry::Alike, &inputs)?;
        checked.call(None, gradients, |call| {
            let logits = Logits {
                real: call.input,
                fake: call.target,
                weight: call.weight,
            };
            let gradients = LogitGradients {
                real: call.gradient,
                fake: call.target_gradient,
            };
            run(logits, gradients)
        })
    }

    fn options(&self) -> Options {
        Options {
            form: self.form,
            pairing: self.pairing,
            labels: self.labels,
            reduction: self.reduction,
        }
    }

    /// The real logits; any tensor where they are not read.
    fn opponents(&self, fake: &Tensor, real: Option<&Tensor>) -> Result<Tensor> {
        match (real, self.pairing) {
            (Some(real), _) => Ok(real.clone()),
            (None, Pairing::Standard) => Ok(fake.detach()),
            (None, pairing) => Err(Error::Option {
                loss: GeneratorLoss::NAME,
                message: format!(
                    "pairing {pairing:?} compares with real logits, but there are none"
                ),
            }),
        }
    }

    fn check_scales(&self, loss: &'static str, count: usize, other: usize) -> Result<f64> {
        let message = match self.reduction {
            _ if count != other => format!("{count} scales on one side, {other} on the other"),
            _ if count == 0 => "no scales, expected 1 at least".to_owned(),
            Reduction::None => {
                "reduction is None, expected Sum or Mean for several scales".to_owned()
            }
            _ => return Ok(self.scales.weight(count)),
        };
        Err(Error::Option { loss, message })
    }

    fn over_scales(
        &self,
        loss: &'static str,
        one: &[Tensor],
        other: &[Tensor],
        side: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let weight = self.check_scales(loss, one.len(), other.len())?;
        let values: Vec<_> = one
            .iter()
            .zip(other)
            .map(|(one, other)| side(one, other))
            .collect::<Result<_>>()?;
        Ok((Tensor::stack(&values, 0)?.sum_all()? * weight)?)
    }

    fn scale_gradients(
        &self,
        name: &'static str,
        side: &impl Loss,
        one: &[Tensor],
        other: &[Tensor],
    ) -> Result<(Tensor, Vec<Tensor>, Vec<Tensor>)> {
        let weight = self.check_scales(name, one.len(), other.len())?;
        let (mut values, mut of_one, mut of_other) = (Vec::new(), Vec::new(), Vec::new());
        for (input, target) in one.iter().zip(other) {
            let inputs = Inputs {
                input,
                target,
                weight: None,
            };
            let (value, own, others) = side.value_and_grads(&inputs)?;
            values.push(value);
            of_one.push((own * weight)?);
            of_other.push((others * weight)?);
        }
        let value = (Tensor::stack(&values, 0)?.sum_all()? * weight)?;
        Ok((value, of_one, of_other))
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        element_items(self.reduction, input)
    }

    fn compose(
        &self,
        side: GanSide,
        real: &Tensor,
        fake: &Tensor,
        weight: Option<&Tensor>,
    ) -> CandleResult<Tensor> {
        let plan = Plan::new(&self.options(), side).map_err(candle_core::Error::wrap)?;
        composed::plan(plan, real, fake, weight, self.reduction)
    }

    fn check(&self, loss: &'static str, side: GanSide) -> error::Result<()> {
        let named = |source| Error::Kernel { loss, source };
        Plan::new(&self.options(), side).map_err(named)?;
        if (self.pairing, self.reduction) == (Pairing::Average, Reduction::None) {
            let message = "reduction is None, expected Sum or Mean: a mean over the batch ties all logits together";
            return Err(Error::Option {
                loss,
                message: message.into(),
            });
        }
        Ok(())
    }
}

/// Shapes of per-element values.
pub(super) fn element_items(reduction: Reduction, input: &Shape) -> (Shape, Shape) {
    match reduction {
        Reduction::None => (input.clone(), input.clone()),
        _ => (Shape::from(()), Shape::from(())),
    }
}

impl Fused for DiscriminatorLoss {
    const NAME: &'static str = "discriminator";
    const GEOMETRY: Geometry = Geometry::Alike;
    const TARGET_GRADIENT: bool = true;

    fn reduction(&self) -> Reduction {
        self.0.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        self.0.items(input)
    }

    fn check(&self, _: &Tensor) -> error::Result<()> {
        self.0.check(Self::NAME, GanSide::Discriminator)
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
        let options = self.0.options();
        let side = GanSide::Discriminator;
        kernels::adversarial::evaluate(&options, side, &logits, call.values, gradients)
    }

    fn kernel(&self, _: &Inputs<'_>) -> kernels::Result<Option<Kernel>> {
        kernels::adversarial::kernel(&self.0.options(), GanSide::Discriminator)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> CandleResult<Tensor> {
        let (real, fake) = (inputs.input, inputs.target);
        self.0
            .compose(GanSide::Discriminator, real, fake, inputs.weight)
    }
}

impl Fused for GeneratorLoss {
    const NAME: &'static str = "generator";
    const GEOMETRY: Geometry = Geometry::Alike;
    const TARGET_GRADIENT: bool = true;

    fn reduction(&self) -> Reduction {
        self.0.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        self.0.items(input)
    }

    fn check(&self, _: &Tensor) -> error::Result<()> {
        self.0.check(Self::NAME, GanSide::Generator)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let logits = Logits {
            real: call.target,
            fake: call.input,
            weight: call.weight,
        };
        let gradients = LogitGradients {
            real: call.target_gradient,
            fake: call.gradient,
        };
        let options = self.0.options();
        let side = GanSide::Generator;
        kernels::adversarial::evaluate(&options, side, &logits, call.values, gradients)
    }

    fn kernel(&self, _: &Inputs<'_>) -> kernels::Result<Option<Kernel>> {
        kernels::adversarial::kernel(&self.0.options(), GanSide::Generator)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> CandleResult<Tensor> {
        let (real, fake) = (inputs.target, inputs.input);
        self.0
            .compose(GanSide::Generator, real, fake, inputs.weight)
    }
}
