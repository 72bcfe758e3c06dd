//! Where the gradient of a discriminator is penalised.

use candle_core::{Device, Result as CandleResult, Tensor};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::error::{Error, Result};
use crate::loss::value_dtype;

/// Where the gradient of a discriminator is penalised.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PenaltyPoints {
    /// At real items: R1.
    Real,
    /// At fake items: R2.
    Fake,
    /// At both, the mean over all of them: WGAN-div.
    RealAndFake,
    /// Between a real and a fake item, each pair with its own share `u r + (1 − u) f`, `u` uniform in `[0, 1)`:
    /// WGAN-GP.
    #[default]
    Interpolates,
    /// Beside real items, at `r + u · scale · std(r) · U`: DRAGAN. `u` is uniform in `[0, 1)` for each item, `U` for
    /// each number; `std` is over all of the batch.
    Noisy {
        /// 0.5 in the paper and StudioGAN.
        scale: f64,
    },
}

impl PenaltyPoints {
    /// The points, off the tape, drawn from `seed`: the same seed, the same points.
    ///
    /// `real` and `fake` are `(N, …)`; with `Interpolates` they have the same shape.
    pub fn draw(self, real: &Tensor, fake: &Tensor, seed: u64) -> Result<Tensor> {
        let (real, fake) = (real.detach(), fake.detach());
        match self {
            Self::Real => Ok(real),
            Self::Fake => Ok(fake),
            Self::RealAndFake => {
                self.check(&real, &fake)?;
                Ok(Tensor::cat(&[real, fake], 0)?)
            }
            Self::Interpolates => {
                self.check(&real, &fake)?;
                let share = per_sample(&real, &mut StdRng::seed_from_u64(seed))?;
                let gap = (wide(&real)? - wide(&fake)?)?;
                let points = (wide(&fake)? + gap.broadcast_mul(&share)?)?;
                Ok(points.to_dtype(real.dtype())?)
            }
            Self::Noisy { scale } => {
                if !(scale >= 0.0 && scale.is_finite()) {
                    return Err(Error::Option {
                        loss: NAME,
                        message: format!(
                            "scale is {scale}, expected a finite number of at least 0"
                        ),
                    });
                }
                let mut rng = StdRng::seed_from_u64(seed);
                let share = per_sample(&real, &mut rng)?;
                let noise = uniform(real.dims(), &real, &mut rng)?;
                let x = wide(&real)?;
                let noise = noise
                    .broadcast_mul(&share)?
                    .broadcast_mul(&(deviation(&x)? * scale)?)?;
                Ok((x + noise)?.to_dtype(real.dtype())?)
            }
        }
    }

    fn check(self, real: &Tensor, fake: &Tensor) -> Result<()> {
        let fits = match self {
            Self::RealAndFake => real.dims().get(1..) == fake.dims().get(1..),
            _ => real.dims() == fake.dims(),
        };
        if !fits {
            return Err(Error::Shape {
                loss: NAME,
                argument: "fake",
                expected: format!("{:?}", real.dims()),
                got: fake.shape().clone(),
            });
        }
        if real.dtype() != fake.dtype() {
            return Err(Error::DType {
                loss: NAME,
                argument: "fake",
                expected: format!("{:?}", real.dtype()),
                got: fake.dtype(),
            });
        }
        Ok(())
    }
}

const NAME: &str = super::penalty::NAME;

fn wide(x: &Tensor) -> CandleResult<Tensor> {
    x.to_dtype(value_dtype(x.dtype()))
}

/// One number per sample, (N, 1, …).
fn per_sample(like: &Tensor, rng: &mut StdRng) -> CandleResult<Tensor> {
    let mut shape = vec![1; like.rank()];
    if let (Some(first), Some(samples)) = (shape.first_mut(), like.dims().first()) {
        *first = *samples;
    }
    uniform(&shape, like, rng)
}

/// Numbers in [0, 1).
fn uniform(shape: &[usize], like: &Tensor, rng: &mut StdRng) -> CandleResult<Tensor> {
    let count = shape.iter().product();
    let numbers: Vec<f64> = (0..count).map(|_| rng.random()).collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu)?
        .to_dtype(value_dtype(like.dtype()))?
        .to_device(like.device())
}

/// The deviation of all numbers; of one it is 0.
fn deviation(x: &Tensor) -> CandleResult<Tensor> {
    let freedom = x.elem_count().saturating_sub(1).max(1) as f64;
    let centred = x.broadcast_sub(&x.mean_all()?)?;
    let variance = (centred.sqr()?.sum_all()? / freedom)?;
    variance.sqrt()
}
