//! Contextual losses: of a network's features, and of features that are given.

use candle_core::{Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::perceptual::{Contextual, Results, evaluate_features};

use super::content::{FeatureWeight, as_kernel, check_trunk};
use super::networks::{FeatureNetwork, InputRange, Normalization, Trunk};
use super::run::{MEMORY, OfFeatures, Plan, check_images, items, reduce};
use super::weights::Weights;
use crate::error::{Error, Result};
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::ops;

/// The options of a [`ContextualLoss`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct ContextualOptions {
    /// Which network. Default: VGG19.
    pub trunk: Trunk,
    /// Which features, in the network's order. Default: `relu3_4`.
    pub layers: Vec<FeatureWeight>,
    /// The bandwidth `h`: the smaller, the more a feature must be like one alone. Default: 0.5, as the authors' code.
    pub bandwidth: f64,
    /// What the numbers of images mean. Default: 0 to 1.
    pub range: InputRange,
    /// How images are normalised. Default: as the networks were trained.
    pub normalization: Normalization,
    /// One value per image. Default: their mean.
    pub reduction: Reduction,
    /// About how many bytes the network may use at a time. Default: 1 GiB.
    pub memory: usize,
}

impl Default for ContextualOptions {
    fn default() -> Self {
        Self {
            trunk: Trunk::Vgg19,
            layers: FeatureWeight::list(&[("relu3_4", 1.0)]),
            bandwidth: 0.5,
            range: InputRange::default(),
            normalization: Normalization::default(),
            reduction: Reduction::Mean,
            memory: MEMORY,
        }
    }
}

/// A contextual loss: how well the target's features are found in the input, wherever they are. For images that are not
/// aligned.
///
/// ```text
/// d_ij = 1 − cos(x_i − μ, y_j − μ)          μ = mean_j y_j
/// s_ij = w_ij / Σ_k w_ik                    w_ij = exp((1 − d_ij/(min_k d_ik + ε))/h),   ε = 1e-5
/// L = Σ_l w_l · −ln(mean_j max_i s_ij + ε)
/// ```
///
/// over pixels `i` of the input's features `x` and `j` of the target's features `y`. The matrix of all pairs never exists:
/// memory grows with the features alone. Gradients flow to both images, through the least distance and through `μ` too.
///
/// # Shapes
/// As [`PerceptualLoss`](super::PerceptualLoss).
///
/// # Edge cases
/// Of several equal largest or least ones, the first has the slope. Features that are `μ` are at distance 1 of all, with
/// slope 0. Else as [`PerceptualLoss`](super::PerceptualLoss). The composed form has the matrix of all pairs.
///
/// # Agrees with
/// The paper's formulas, written out in torch in `f64` (`tests/golden/perceptual.py`): neither kornia nor piq has this
/// loss. The paper's `L` has no `ε` under the logarithm; the common PyTorch port has.
///
/// # Reference
/// Mechrez et al., *The contextual loss for image transformation with non-aligned data*, 2018.
/// <https://arxiv.org/abs/1803.02077>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::Loss;
/// use cvloss::perceptual::networks::Trunk;
/// use cvloss::perceptual::weights::Weights;
/// use cvloss::perceptual::{ContextualLoss, ContextualOptions};
///
/// let loss = ContextualLoss::new(Weights::random(Trunk::Vgg19, 0), ContextualOptions::default())?;
/// let image = Tensor::rand(0f32, 1., (1, 3, 32, 32), &Device::Cpu)?;
/// // Every feature is found: −ln(1 + ε).
/// assert!(loss.forward(&image, &image)?.to_scalar::<f32>()?.abs() < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ContextualLoss {
    network: FeatureNetwork,
    options: ContextualOptions,
}

impl ContextualLoss {
    /// Fails if the weights are of another network, a layer is not in it, or the bandwidth is not positive.
    pub fn new(weights: Weights, options: ContextualOptions) -> Result<Self> {
        let mut loss = Self::with_network(FeatureNetwork::new(weights), options)?;
        let names = FeatureWeight::names(&loss.options.layers);
        loss.network = loss.network.up_to(Self::NAME, &names)?;
        Ok(loss)
    }

    /// The same of a network that other losses use too.
    pub fn with_network(network: FeatureNetwork, options: ContextualOptions) -> Result<Self> {
        check_trunk(Self::NAME, &network, options.trunk)?;
        Contextual::check(options.bandwidth).map_err(Error::kernel(Self::NAME))?;
        let loss = Self { network, options };
        loss.plan()?;
        Ok(loss)
    }

    /// Its options.
    pub fn options(&self) -> &ContextualOptions {
        &self.options
    }

    fn plan(&self) -> Result<Plan<'_>> {
        let options = &self.options;
        Plan::new(
            Self::NAME,
            &self.network,
            &FeatureWeight::names(&options.layers),
            (options.range, options.normalization),
            (options.memory, options.reduction),
        )
    }
}

impl OfFeatures for ContextualLoss {}

impl Fused for ContextualLoss {
    const NAME: &'static str = "contextual";
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
        let layers = self.options.layers.iter();
        let comparison = Contextual {
            weights: layers.map(|layer| layer.weight).collect(),
            bandwidth: self.options.bandwidth,
        };
        plan.run(&comparison, call)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> candle_core::Result<Tensor> {
        let plan = self.plan()?;
        let (own, other) = (plan.compose(inputs.input)?, plan.compose(inputs.target)?);
        let mut values = Tensor::zeros(inputs.input.dim(0)?, own[0].dtype(), own[0].device())?;
        for ((own, other), layer) in own.iter().zip(&other).zip(&self.options.layers) {
            let value = contextual(own, other, self.options.bandwidth)?;
            values = (values + (value * layer.weight)?)?;
        }
        plan.reduce(&values)
    }
}

/// The contextual loss of features that are given, of any network: that of [`ContextualLoss`] for one layer.
///
/// # Shapes
/// - input, target: `(N, C, *)`
/// - weight: none
/// - value: `[]`, or `(N)` with [`Reduction::None`]
///
/// # Edge cases
/// No points: 0. Else as [`ContextualLoss`].
///
/// # Agrees with
/// As [`ContextualLoss`].
///
/// # Reference
/// As [`ContextualLoss`].
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::Loss;
/// use cvloss::perceptual::FeatureContextualLoss;
///
/// // The same features in another order.
/// let input = Tensor::new(&[[[1f32, 0., 2.], [0., 1., 3.]]], &Device::Cpu)?;
/// let target = Tensor::new(&[[[2f32, 1., 0.], [3., 0., 1.]]], &Device::Cpu)?;
/// let loss = FeatureContextualLoss::default();
/// assert!(loss.forward(&input, &target)?.to_scalar::<f32>()?.abs() < 1e-3);
/// // What is missing in the input is found nowhere.
/// let missing = input.narrow(2, 0, 1)?.broadcast_as((1, 2, 3))?;
/// assert!(loss.forward(&missing, &target)?.to_scalar::<f32>()? > 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct FeatureContextualLoss {
    /// The bandwidth `h`. Default: 0.5.
    pub bandwidth: f64,
    /// One value per item. Default: their mean.
    pub reduction: Reduction,
}

impl Default for FeatureContextualLoss {
    fn default() -> Self {
        Self {
            bandwidth: 0.5,
            reduction: Reduction::Mean,
        }
    }
}

impl Fused for FeatureContextualLoss {
    const NAME: &'static str = "feature_contextual";
    const GEOMETRY: Geometry = Geometry::Images;
    const TARGET_GRADIENT: bool = true;
    const TAKES_WEIGHT: bool = false;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        match (self.reduction, input.dims()) {
            (Reduction::None, [items, rest @ ..]) => {
                let ones = rest.iter().map(|_| 1);
                let wide: Vec<usize> = [*items].into_iter().chain(ones).collect();
                (Shape::from(*items), Shape::from(wide))
            }
            _ => (Shape::from(()), Shape::from(())),
        }
    }

    fn check(&self, _: &Tensor) -> Result<()> {
        Contextual::check(self.bandwidth).map_err(Error::kernel(Self::NAME))
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let results = Results {
            values: call.values,
            input: call.gradient,
            target: call.target_gradient,
        };
        let features = (call.input, call.target);
        evaluate_features(self.bandwidth, features, results, self.reduction)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> candle_core::Result<Tensor> {
        let values = contextual(inputs.input, inputs.target, self.bandwidth)?;
        reduce(&values, self.reduction)
    }
}

/// One value per item of features (N, C, *).
fn contextual(own: &Tensor, other: &Tensor, bandwidth: f64) -> candle_core::Result<Tensor> {
    const EPSILON: f64 = 1e-5;
    let (own, other) = (own.flatten_from(2)?, other.flatten_from(2)?);
    let mean = other.mean_keepdim(2)?;
    let directions = |features: &Tensor| -> candle_core::Result<Tensor> {
        let centred = features.broadcast_sub(&mean)?;
        let norm = ops::root(&centred.sqr()?.sum_keepdim(1)?)?;
        // Where the norm is 0, so is the direction.
        let is_zero = norm.eq(0.0)?.to_dtype(norm.dtype())?;
        centred.broadcast_div(&(norm + is_zero)?)
    };
    let own = directions(&own)?.t()?.contiguous()?;
    let cosines = own.matmul(&directions(&other)?.contiguous()?)?;
    let at = cosines.detach().argmax_keepdim(2)?;
    let best = cosines.gather(&at, 2)?;
    let scale = best
        .affine(-bandwidth, bandwidth * (1.0 + EPSILON))?
        .recip()?;
    let weights = cosines.broadcast_sub(&best)?.broadcast_mul(&scale)?.exp()?;
    let shares = weights.broadcast_div(&weights.sum_keepdim(2)?)?;
    let rows = shares.detach().argmax_keepdim(1)?;
    let found = shares.gather(&rows, 1)?.mean((1, 2))?;
    // A largest one is none where others are NaN.
    let poison = (cosines.sum((1, 2))? * 0.0)?;
    ((found + EPSILON)?.log()? + poison)?.neg()
}
