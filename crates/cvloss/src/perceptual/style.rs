//! Style losses: distances of Gram matrices.

use candle_core::{Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::perceptual::{Gram, GramMetric, GramNormalization};

use super::content::{FeatureWeight, as_kernel, check_trunk};
use super::networks::{FeatureNetwork, InputRange, Normalization, Trunk};
use super::run::{MEMORY, OfFeatures, Plan, check_images, items, mean_of_items};
use super::weights::Weights;
use crate::error::Result;
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::ops;

/// The options of a [`StyleLoss`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct StyleOptions {
    /// Which network. Default: VGG16.
    pub trunk: Trunk,
    /// Which features, in the network's order. Default: `relu1_2`, `relu2_2`, `relu3_3`, `relu4_3`.
    pub layers: Vec<FeatureWeight>,
    /// What Gram matrices are divided by. Default: `C·H·W`.
    pub normalization: GramNormalization,
    /// How they are compared. Default: the sum of squares.
    pub metric: GramMetric,
    /// What the numbers of images mean. Default: 0 to 1.
    pub range: InputRange,
    /// How images are normalised. Default: as the networks were trained.
    pub image: Normalization,
    /// One value per image. Default: their mean.
    pub reduction: Reduction,
    /// About how many bytes may be used at a time. Default: 1 GiB.
    pub memory: usize,
}

impl Default for StyleOptions {
    fn default() -> Self {
        Self::johnson()
    }
}

impl StyleOptions {
    fn of(trunk: Trunk, layers: &[(&str, f64)]) -> Self {
        Self {
            trunk,
            layers: FeatureWeight::list(layers),
            normalization: GramNormalization::default(),
            metric: GramMetric::default(),
            range: InputRange::default(),
            image: Normalization::default(),
            reduction: Reduction::Mean,
            memory: MEMORY,
        }
    }

    /// Johnson et al.: four layers of VGG16, `Σ(ΔG)²` of matrices divided by `C·H·W`.
    pub fn johnson() -> Self {
        let layers = ["relu1_2", "relu2_2", "relu3_3", "relu4_3"].map(|name| (name, 1.0));
        Self::of(Trunk::Vgg16, &layers)
    }

    /// Gatys et al.: five layers of VGG19 with a fifth of the weight each, `Σ(ΔG)² / (4 C² M²)`.
    pub fn gatys() -> Self {
        let layers =
            ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"].map(|name| (name, 0.2));
        Self {
            normalization: GramNormalization::Gatys,
            ..Self::of(Trunk::Vgg19, &layers)
        }
    }
}

/// A style loss: the distance of Gram matrices of two images' features.
///
/// ```text
/// G_l = Σ_p φ_l(p) φ_l(p)ᵀ / d_l          L = Σ_l w_l ‖G_l(x) − G_l(t)‖²
/// ```
///
/// with `d` as [`GramNormalization`] says, or another distance ([`GramMetric`]). Gradients flow to both images.
///
/// # Shapes
/// As [`PerceptualLoss`](super::PerceptualLoss).
///
/// # Edge cases
/// As [`PerceptualLoss`](super::PerceptualLoss).
///
/// # Agrees with
/// `piq.StyleLoss` (`GramNormalization::None`, `GramMetric::SquaredMean`); Johnson's and Gatys's papers.
///
/// # Reference
/// Gatys et al., *A neural algorithm of artistic style*, 2015 <https://arxiv.org/abs/1508.06576>; Johnson et al., 2016
/// <https://arxiv.org/abs/1603.08155>.
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::perceptual::networks::Trunk;
/// use cvloss::perceptual::weights::Weights;
/// use cvloss::perceptual::{StyleLoss, StyleOptions};
/// use cvloss::Loss;
///
/// let loss = StyleLoss::new(Weights::random(Trunk::Vgg16, 0), StyleOptions::johnson())?;
/// let image = Tensor::rand(0f32, 1., (1, 3, 16, 16), &Device::Cpu)?;
/// // Where things are does not matter.
/// let value = loss.forward(&image, &image)?.to_scalar::<f32>()?;
/// assert_eq!(value, 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct StyleLoss {
    network: FeatureNetwork,
    options: StyleOptions,
}

impl StyleLoss {
    /// Fails if the weights are of another network, or a layer is not in it.
    pub fn new(weights: Weights, options: StyleOptions) -> Result<Self> {
        let mut loss = Self::with_network(FeatureNetwork::new(weights), options)?;
        let names = FeatureWeight::names(&loss.options.layers);
        loss.network = loss.network.up_to(Self::NAME, &names)?;
        Ok(loss)
    }

    /// The same of a network that other losses use too.
    pub fn with_network(network: FeatureNetwork, options: StyleOptions) -> Result<Self> {
        check_trunk(Self::NAME, &network, options.trunk)?;
        let loss = Self { network, options };
        loss.plan()?;
        Ok(loss)
    }

    /// Its options.
    pub fn options(&self) -> &StyleOptions {
        &self.options
    }

    fn plan(&self) -> Result<Plan<'_>> {
        let options = &self.options;
        Plan::new(
            Self::NAME,
            &self.network,
            &FeatureWeight::names(&options.layers),
            (options.range, options.image),
            (options.memory, options.reduction),
        )
    }
}

impl OfFeatures for StyleLoss {}

impl Fused for StyleLoss {
    const NAME: &'static str = "style";
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
        let comparison = Gram {
            weights: self
                .options
                .layers
                .iter()
                .map(|layer| layer.weight)
                .collect(),
            normalization: self.options.normalization,
            metric: self.options.metric,
        };
        plan.run(&comparison, call)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> candle_core::Result<Tensor> {
        let plan = self.plan()?;
        let (own, other) = (plan.compose(inputs.input)?, plan.compose(inputs.target)?);
        let mut values = Tensor::zeros(inputs.input.dim(0)?, own[0].dtype(), own[0].device())?;
        for ((own, other), layer) in own.iter().zip(&other).zip(&self.options.layers) {
            let (_, channels, height, width) = own.dims4()?;
            let size = (channels * height * width).max(1) as f64;
            let factor = match self.options.normalization {
                GramNormalization::None => 1.0,
                GramNormalization::Chw => 1.0 / size,
                GramNormalization::Gatys => 0.5 / size,
            };
            let gram = |features: &Tensor| {
                let features = features.flatten_from(2)?.contiguous()?;
                features.matmul(&features.t()?.contiguous()?)? * factor
            };
            let d = (gram(own)? - gram(other)?)?;
            let entries = (channels * channels) as f64;
            let value = match self.options.metric {
                GramMetric::SquaredSum => mean_of_items(&d.sqr()?, 1.0)?,
                GramMetric::SquaredMean => mean_of_items(&d.sqr()?, entries)?,
                GramMetric::AbsoluteMean => mean_of_items(&ops::abs(&d)?, entries)?,
            };
            values = (values + (value * layer.weight)?)?;
        }
        plan.reduce(&values)
    }
}
