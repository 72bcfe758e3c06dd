//! Feature matching.

use candle_core::{Result as CandleResult, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::adversarial::{
    FeatureDistance, FeatureOptions, FeaturePooling, LogitGradients, Logits, Plan,
};

use super::composed;
use super::gan::{Scales, element_items};
use crate::error::{self, Error, Result};
use crate::loss::{Call, Fused, Geometry, Inputs, Loss};

/// Feature matching: a generator's loss that makes the discriminator's features of fake items like those of real ones.
///
/// ```text
/// Items         L = mean |f − r|                    over items, channels and space
/// BatchMeans    L = mean |E_n f − E_n r|            over channels and space
/// ```
///
/// or squares instead of absolute values. Gradients flow to both; detach the real features to train the generator
/// alone.
///
/// # Shapes
/// - input: features of fake items, `(N, C, *)`
/// - target: features of real items, the same shape and dtype
/// - weight: `(N, *)` or `(N, 1, *)`; multiplies distances, or features before their mean
/// - value: `[]`, or the input's shape with [`Reduction::None`], which `BatchMeans` has not
///
/// Layers of different shapes: [`forward_layers`](Self::forward_layers).
///
/// # Edge cases
/// Empty: 0. The slope of an absolute value at 0 is 0. NaN in, NaN out.
///
/// # Agrees with
/// pix2pixHD (`Items`, `Absolute`, [`Scales::Sum`] and its own weights); StudioGAN's `feature_matching_loss`
/// (`BatchMeans`, `Absolute`); torchgan's (`Items`, `Squared`).
///
/// # Reference
/// Salimans et al., *Improved techniques for training GANs*, 2016 <https://arxiv.org/abs/1606.03498>; Wang et al.,
/// *pix2pixHD*, 2018.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{FeatureMatchingLoss, FeaturePooling, Loss};
///
/// let fake = Tensor::new(&[[0f32, 2.], [4., 0.]], &Device::Cpu)?;
/// let real = Tensor::new(&[[1f32, 1.], [1., 1.]], &Device::Cpu)?;
/// let loss = FeatureMatchingLoss::default();
/// assert_eq!(loss.forward(&fake, &real)?.to_scalar::<f32>()?, 1.5);
/// let loss = FeatureMatchingLoss { pooling: FeaturePooling::BatchMeans, ..loss };
/// assert_eq!(loss.forward(&fake, &real)?.to_scalar::<f32>()?, 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct FeatureMatchingLoss {
    /// Default: absolute values.
    pub distance: FeatureDistance,
    /// Which features are compared. Default: those of each item.
    pub pooling: FeaturePooling,
    /// How the losses of several layers become one. Default: their mean.
    pub layers: Scales,
    /// Default: mean.
    pub reduction: Reduction,
}

impl FeatureMatchingLoss {
    /// The loss of several layers, on candle's tape.
    pub fn forward_layers(&self, fake: &[Tensor], real: &[Tensor]) -> Result<Tensor> {
        let message = match self.reduction {
            _ if fake.len() != real.len() => {
                format!(
                    "{} layers of fake features, {} of real",
                    fake.len(),
                    real.len()
                )
            }
            _ if fake.is_empty() => "no layers, expected 1 at least".to_owned(),
            Reduction::None => {
                "reduction is None, expected Sum or Mean for several layers".to_owned()
            }
            _ => {
                let values: Vec<_> = fake
                    .iter()
                    .zip(real)
                    .map(|(fake, real)| self.forward(fake, real))
                    .collect::<Result<_>>()?;
                let total = Tensor::stack(&values, 0)?.sum_all()?;
                return Ok((total * self.layers.weight(fake.len()))?);
            }
        };
        Err(Error::Option {
            loss: Self::NAME,
            message,
        })
    }

    fn options(&self) -> FeatureOptions {
        FeatureOptions {
            distance: self.distance,
            pooling: self.pooling,
            reduction: self.reduction,
        }
    }
}

impl Fused for FeatureMatchingLoss {
    const NAME: &'static str = "feature_matching";
    const GEOMETRY: Geometry = Geometry::Sites;
    const TARGET_GRADIENT: bool = true;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        element_items(self.reduction, input)
    }

    fn check(&self, _: &Tensor) -> error::Result<()> {
        if (self.pooling, self.reduction) == (FeaturePooling::BatchMeans, Reduction::None) {
            let message = "reduction is None, expected Sum or Mean: a mean over the batch ties all items together";
            return Err(Error::Option {
                loss: Self::NAME,
                message: message.into(),
            });
        }
        Ok(())
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
        kernels::adversarial::evaluate_features(&self.options(), &logits, call.values, gradients)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> CandleResult<Tensor> {
        let plan = Plan::Pairs {
            curve: self.options().curve(),
            sign: 1.0,
            toward: 1.0,
        };
        let (fake, real, weight) = (inputs.input, inputs.target, inputs.weight);
        if self.pooling == FeaturePooling::Items {
            return composed::plan(plan, fake, real, weight, self.reduction);
        }
        let mean = |x: &Tensor| {
            let x = match weight {
                Some(weight) => x.broadcast_mul(weight)?,
                None => x.clone(),
            };
            x.sum(0)? / x.dim(0)?.max(1) as f64
        };
        composed::plan(plan, &mean(fake)?, &mean(real)?, None, self.reduction)
    }
}
