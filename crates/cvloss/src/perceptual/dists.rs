//! DISTS.

use candle_core::{Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::perceptual::Statistics;

use super::content::{as_kernel, check_trunk};
use super::heads;
use super::networks::{FeatureNetwork, InputRange, Normalization, Trunk};
use super::run::{MEMORY, OfFeatures, Plan, check_images, items};
use super::weights::Weights;
use crate::error::Result;
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::ops;

/// The options of a [`DistsLoss`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct DistsOptions {
    /// What the numbers of images mean. Default: 0 to 1.
    pub range: InputRange,
    /// One value per image. Default: their mean.
    pub reduction: Reduction,
    /// About how many bytes may be used at a time. Default: 1 GiB.
    pub memory: usize,
}

impl Default for DistsOptions {
    fn default() -> Self {
        Self {
            range: InputRange::ZeroOne,
            reduction: Reduction::Mean,
            memory: MEMORY,
        }
    }
}

/// Deep image structure and texture similarity, as a loss: 0 for equal images.
///
/// ```text
/// L = 1 − Σ_l Σ_c ( α_lc (2 μx μt + c)/(μx² + μt² + c) + β_lc (2 σxt + c)/(σx² + σt² + c) )        c = 1e-6
/// ```
///
/// over the image itself and five layers of VGG16 whose pooling is the root of blurred squares. The weights are the
/// authors' and part of this crate; all of `α` and `β` together sum to 1. Gradients flow to both images.
///
/// # Shapes
/// As [`PerceptualLoss`](super::PerceptualLoss). The authors' code resizes large images to 256 pixels when it is used as a
/// metric; here images are taken as they come.
///
/// # Edge cases
/// As [`PerceptualLoss`](super::PerceptualLoss).
///
/// # Agrees with
/// `DISTS_pytorch.DISTS` of its authors, with `require_grad=True`.
///
/// # Reference
/// Ding et al., *Image quality assessment: unifying structure and texture similarity*, 2020.
/// <https://arxiv.org/abs/2004.07728>
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::perceptual::networks::Trunk;
/// use cvloss::perceptual::weights::Weights;
/// use cvloss::perceptual::{DistsLoss, DistsOptions};
/// use cvloss::Loss;
///
/// let loss = DistsLoss::new(Weights::random(Trunk::Vgg16, 0), DistsOptions::default())?;
/// let image = Tensor::ones((1, 3, 32, 32), DType::F32, &Device::Cpu)?;
/// assert!(loss.forward(&image, &image)?.to_scalar::<f32>()?.abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct DistsLoss {
    network: FeatureNetwork,
    options: DistsOptions,
    alpha: Vec<Vec<f64>>,
    beta: Vec<Vec<f64>>,
}

impl DistsLoss {
    /// Fails unless the weights are VGG16's.
    pub fn new(weights: Weights, options: DistsOptions) -> Result<Self> {
        let divisor = weights.divisor();
        let mut alpha = heads::lists(heads::DISTS, "alpha", "", divisor)?;
        let mut beta = heads::lists(heads::DISTS, "beta", "", divisor)?;
        let total: f64 = alpha.iter().chain(&beta).flatten().sum();
        for weight in alpha.iter_mut().chain(&mut beta).flatten() {
            *weight /= total;
        }
        let network = FeatureNetwork::with_l2_pooling(weights);
        check_trunk(Self::NAME, &network, Trunk::Vgg16)?;
        let loss = Self {
            network,
            options,
            alpha,
            beta,
        };
        loss.plan()?;
        Ok(loss)
    }

    /// Its options.
    pub fn options(&self) -> &DistsOptions {
        &self.options
    }

    fn plan(&self) -> Result<Plan<'_>> {
        let options = &self.options;
        let names = ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"].map(String::from);
        let mut plan = Plan::new(
            Self::NAME,
            &self.network,
            &names,
            (options.range, Normalization::ImageNet),
            (options.memory, options.reduction),
        )?;
        plan.image = Some(options.range.to_unit());
        Ok(plan)
    }
}

impl OfFeatures for DistsLoss {}

impl Fused for DistsLoss {
    const NAME: &'static str = "dists";
    const GEOMETRY: Geometry = Geometry::Images;
    const TARGET_GRADIENT: bool = true;
    const TAKES_WEIGHT: bool = false;

    fn reduction(&self) -> Reduction {
        self.options.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        items(self.options.reduction, input)
    }

    fn check(&self, input: &Tensor) -> Result<()> {
        check_images(Self::NAME, input)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let plan = self.plan().map_err(as_kernel)?;
        let comparison = Statistics {
            alpha: self.alpha.clone(),
            beta: self.beta.clone(),
        };
        plan.run(&comparison, call)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> candle_core::Result<Tensor> {
        let plan = self.plan()?;
        let (own, other) = (plan.compose(inputs.input)?, plan.compose(inputs.target)?);
        let mut values = Tensor::ones(inputs.input.dim(0)?, own[0].dtype(), own[0].device())?;
        let mean = |x: &Tensor| x.mean_keepdim(3)?.mean_keepdim(2);
        for (layer, (x, y)) in own.iter().zip(&other).enumerate() {
            let (mx, my) = (mean(x)?, mean(y)?);
            let (dx, dy) = (x.broadcast_sub(&mx)?, y.broadcast_sub(&my)?);
            let (vx, vy, cov) = (mean(&dx.sqr()?)?, mean(&dy.sqr()?)?, mean(&(dx * dy)?)?);
            let means = (((&mx * &my)? * 2.0)? + 1e-6)?.div(&((mx.sqr()? + my.sqr()?)? + 1e-6)?)?;
            let covariances = ((cov * 2.0)? + 1e-6)?.div(&((vx + vy)? + 1e-6)?)?;
            let alpha = ops::per_class(&self.alpha[layer], &means)?;
            let beta = ops::per_class(&self.beta[layer], &means)?;
            let sum = (means.broadcast_mul(&alpha)? + covariances.broadcast_mul(&beta)?)?;
            values = (values - sum.flatten_from(1)?.sum(1)?)?;
        }
        plan.reduce(&values)
    }
}
