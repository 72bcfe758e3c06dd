//! Path length regularisation of generators.

use std::cell::RefCell;

use candle_core::{DType, Device, Result as CandleResult, Tensor};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;

use super::critic::{self, Derivative, Penalty};
use crate::error::{Error, Result};
use crate::loss::value_dtype;

const NAME: &str = "path_length";

/// Path length regularisation: a step in a generator's latent space should change its images by the same length
/// everywhere.
///
/// ```text
/// P = weight · mean_n (ℓ_n − a)²        ℓ = ‖Jᵀ y‖,  Jᵀ y = ∇_w ⟨G(w), y⟩,  a ← a + decay (mean ℓ − a)
/// ```
///
/// with `y` normal noise of the image's shape, divided by `√(H W)`. The mean `a` takes in this batch before it is used,
/// and gradients go through that, as in StyleGAN2 and 3.
///
/// # Shapes
/// - latents: `(N, D)`, or one per layer `(N, L, D)`, whose squared lengths are averaged over layers
/// - the generator's output: `(N, C, *)`, or `(N, C)`
/// - value: `[]`; norms, the lengths: `(N)`
///
/// # Cost and edge cases
/// As [`GradientPenalty`](crate::GradientPenalty), of the generator.
///
/// # Agrees with
/// `pl_lengths` of StyleGAN3's `StyleGAN2Loss` and `g_path_regularize` of BasicSR, in torch (tests/penalties.rs).
///
/// # Reference
/// Karras et al., *Analyzing and improving the image quality of StyleGAN*, 2020. <https://arxiv.org/abs/1912.04958>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use cvloss::PathLengthPenalty;
///
/// let w = Var::new(&[[2f64, 0.], [0., 3.]], &Device::Cpu)?;
/// let latents = Tensor::new(&[[1f64, 1.], [0.5, -1.]], &Device::Cpu)?;
/// let mut mean = 0.0;
/// let penalty = PathLengthPenalty::default().forward(|z| z.matmul(&w), &latents, &mut mean, 7)?;
/// let lengths = penalty.norms.to_vec1::<f64>()?;
/// assert!((mean - 0.01 * (lengths[0] + lengths[1]) / 2.).abs() < 1e-12);
/// let value = lengths.iter().map(|l| (l - mean).powi(2)).sum::<f64>();
/// assert!((penalty.value.to_scalar::<f64>()? - value).abs() < 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct PathLengthPenalty {
    /// Multiplies the mean. Default 2, as StyleGAN.
    pub weight: f64,
    /// How much of a batch's mean length the running mean takes in, in `[0, 1]`. Default 0.01, as StyleGAN.
    pub decay: f64,
    /// How it reaches the parameters. Default: by a central difference.
    pub derivative: Derivative,
}

impl Default for PathLengthPenalty {
    fn default() -> Self {
        Self {
            weight: 2.0,
            decay: 0.01,
            derivative: Derivative::default(),
        }
    }
}

impl PathLengthPenalty {
    /// The penalty at `latents` with noise drawn from `seed`; `mean` is the running mean, 0 at first, and takes them
    /// in.
    pub fn forward(
        &self,
        generator: impl Fn(&Tensor) -> CandleResult<Tensor>,
        latents: &Tensor,
        mean: &mut f64,
        seed: u64,
    ) -> Result<Penalty> {
        self.with_noise(generator, latents, mean, |shape| normal(shape, seed))
    }

    /// As [`forward`](Self::forward), with given noise `y` of the output's shape, already divided by `√(H W)`.
    pub fn forward_along(
        &self,
        generator: impl Fn(&Tensor) -> CandleResult<Tensor>,
        latents: &Tensor,
        mean: &mut f64,
        noise: &Tensor,
    ) -> Result<Penalty> {
        self.with_noise(generator, latents, mean, |_| Ok(noise.clone()))
    }

    fn with_noise(
        &self,
        generator: impl Fn(&Tensor) -> CandleResult<Tensor>,
        latents: &Tensor,
        mean: &mut f64,
        noise: impl Fn(&[usize]) -> CandleResult<Tensor>,
    ) -> Result<Penalty> {
        self.check(latents, *mean)?;
        let dtype = value_dtype(latents.dtype());
        // The shape of an image is known once there is one; the noise stays the same then.
        let drawn = RefCell::new(None);
        let projected = |latents: &Tensor| {
            let images = generator(latents)?.to_dtype(dtype)?;
            let known = drawn.borrow().clone();
            let noise = match known {
                Some(noise) => noise,
                None => {
                    let noise = noise(images.dims())?;
                    let noise: Tensor = noise.to_dtype(dtype)?.to_device(images.device())?;
                    *drawn.borrow_mut() = Some(noise.clone());
                    noise
                }
            };
            images * noise
        };
        let old = *mean;
        let measure = |gradient: &Tensor| {
            let lengths = lengths(gradient)?;
            let mean = lengths
                .mean_all()?
                .affine(self.decay, (1.0 - self.decay) * old)?;
            lengths.broadcast_sub(&mean)?.sqr()?.mean_all()? * self.weight
        };
        let penalty =
            critic::penalise(NAME, self.derivative, latents, projected, measure, lengths)?;
        let batch = penalty.norms.mean_all()?.to_device(&Device::Cpu)?;
        *mean = old + self.decay * (batch.to_dtype(DType::F64)?.to_scalar::<f64>()? - old);
        Ok(penalty)
    }

    fn check(&self, latents: &Tensor, mean: f64) -> Result<()> {
        let loss = NAME;
        if !matches!(latents.rank(), 2 | 3) {
            return Err(Error::Shape {
                loss,
                argument: "latents",
                expected: "(N, D) or (N, L, D)".into(),
                got: latents.shape().clone(),
            });
        }
        let message = if !(self.weight >= 0.0 && self.weight.is_finite()) {
            format!(
                "weight is {}, expected a finite number of at least 0",
                self.weight
            )
        } else if !(0.0..=1.0).contains(&self.decay) {
            format!("decay is {}, expected a number in 0..=1", self.decay)
        } else if !mean.is_finite() {
            format!("mean is {mean}, expected a finite number")
        } else {
            return Ok(());
        };
        Err(Error::Option { loss, message })
    }
}

/// The length of each sample's gradient (N, D), or the root of the mean over L of (N, L, D).
fn lengths(gradient: &Tensor) -> CandleResult<Tensor> {
    let layers = match gradient.dims() {
        [_, layers, _] => *layers,
        _ => 1,
    };
    critic::root(&(critic::squares(gradient)? / layers as f64)?)
}

/// Normal noise over the root of the number of pixels.
fn normal(shape: &[usize], seed: u64) -> CandleResult<Tensor> {
    let mut rng = StdRng::seed_from_u64(seed);
    let pixels: usize = shape.iter().skip(2).product();
    let scale = 1.0 / (pixels.max(1) as f64).sqrt();
    let numbers: Vec<f64> = (0..shape.iter().product())
        .map(|_| rng.sample::<f64, _>(StandardNormal) * scale)
        .collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu)
}
