//! Content losses: distances of features.

use candle_core::{Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::conv::Maps;
use kernels::perceptual::{Content, Extractor, FeatureMetric};
use kernels::{Axes, Reduction};

use super::networks::{Computed, FeatureNetwork, InputRange, Normalization, Trunk};
use super::run::{MEMORY, OfFeatures, Plan, check_images, items, mean_of_items};
use super::weights::Weights;
use crate::error::{Error, Result};
use crate::host;
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::ops;

/// A layer and its weight.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FeatureWeight {
    /// The feature's name, as `relu3_3`, or `conv5_4` before the ReLU.
    pub name: String,
    /// The factor of its distance.
    pub weight: f64,
}

impl FeatureWeight {
    /// A list of them.
    pub(crate) fn list(layers: &[(&str, f64)]) -> Vec<Self> {
        let layer = |(name, weight): &(&str, f64)| Self {
            name: (*name).into(),
            weight: *weight,
        };
        layers.iter().map(layer).collect()
    }

    /// The names of a list.
    pub(super) fn names(layers: &[Self]) -> Vec<String> {
        layers.iter().map(|layer| layer.name.clone()).collect()
    }
}

/// The options of a [`PerceptualLoss`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct PerceptualOptions {
    /// Which network. Default: VGG19.
    pub trunk: Trunk,
    /// Which features, in the network's order. Default: `conv5_4`, before the ReLU, as ESRGAN.
    pub layers: Vec<FeatureWeight>,
    /// How they are compared. Default: L1, as ESRGAN.
    pub metric: FeatureMetric,
    /// What the numbers of images mean. Default: 0 to 1.
    pub range: InputRange,
    /// How images are normalised. Default: as the networks were trained.
    pub normalization: Normalization,
    /// One value per image. Default: their mean.
    pub reduction: Reduction,
    /// About how many bytes may be used at a time; images are done one after the other where they take more. Default:
    /// 1 GiB.
    pub memory: usize,
}

impl Default for PerceptualOptions {
    fn default() -> Self {
        Self::esrgan()
    }
}

impl PerceptualOptions {
    fn of(trunk: Trunk, layers: &[(&str, f64)], metric: FeatureMetric) -> Self {
        Self {
            trunk,
            layers: FeatureWeight::list(layers),
            metric,
            range: InputRange::default(),
            normalization: Normalization::default(),
            reduction: Reduction::Mean,
            memory: MEMORY,
        }
    }

    /// ESRGAN: `conv5_4` of VGG19, before the ReLU, L1 (BasicSR's `PerceptualLoss` with its defaults).
    pub fn esrgan() -> Self {
        Self::of(Trunk::Vgg19, &[("conv5_4", 1.0)], FeatureMetric::L1)
    }

    /// Real-ESRGAN: five layers of VGG19 before the ReLU, L1.
    pub fn real_esrgan() -> Self {
        let layers = [
            ("conv1_2", 0.1),
            ("conv2_2", 0.1),
            ("conv3_4", 1.0),
            ("conv4_4", 1.0),
            ("conv5_4", 1.0),
        ];
        Self::of(Trunk::Vgg19, &layers, FeatureMetric::L1)
    }

    /// SRGAN's VGG54: `relu5_4` of VGG19, squared. The paper's factor of 0.006 is left to the caller.
    pub fn srgan() -> Self {
        Self::of(Trunk::Vgg19, &[("relu5_4", 1.0)], FeatureMetric::SquaredL2)
    }

    /// Johnson et al.: `relu3_3` of VGG16, squared (the content of style transfer there is `relu2_2` in later code).
    pub fn johnson() -> Self {
        Self::of(Trunk::Vgg16, &[("relu3_3", 1.0)], FeatureMetric::SquaredL2)
    }
}

/// A perceptual (content) loss: the distance of two images' features.
///
/// ```text
/// SquaredL2   L = Σ_l w_l ‖φ_l(x) − φ_l(t)‖² / (C_l H_l W_l)
/// L1          L = Σ_l w_l ‖φ_l(x) − φ_l(t)‖₁ / (C_l H_l W_l)
/// L2          L = Σ_l w_l ‖φ_l(x) − φ_l(t)‖ / √(C_l H_l W_l)
/// ```
///
/// Gradients flow to both images; weights of the network have none.
///
/// # Shapes
/// - input, target: `(N, 3, H, W)`, as [`InputRange`] says
/// - weight: none
/// - value: `[]`, or `(N)` with [`Reduction::None`]
///
/// # Edge cases
/// Images that are smaller than the network can take are an error. Slopes of absolute values and roots at 0 are 0. NaN in,
/// NaN out.
///
/// # Agrees with
/// `piq.ContentLoss` (`SquaredL2` or `L1`) with weights times the number of channels, over which piq sums; BasicSR's
/// `PerceptualLoss` (`L1`).
///
/// # Reference
/// Johnson et al., *Perceptual losses for real-time style transfer and super-resolution*, 2016.
/// <https://arxiv.org/abs/1603.08155>
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::perceptual::networks::Trunk;
/// use cvloss::perceptual::weights::Weights;
/// use cvloss::perceptual::{PerceptualLoss, PerceptualOptions};
/// use cvloss::Loss;
///
/// let weights = Weights::random(Trunk::Vgg16, 0);
/// let loss = PerceptualLoss::new(weights, PerceptualOptions::johnson())?;
/// let image = Tensor::ones((1, 3, 16, 16), DType::F32, &Device::Cpu)?;
/// let (value, gradient) = loss.value_and_grad(&image, &image)?;
/// assert_eq!(value.to_scalar::<f32>()?, 0.0);
/// assert_eq!(gradient.abs()?.sum_all()?.to_scalar::<f32>()?, 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PerceptualLoss {
    network: FeatureNetwork,
    options: PerceptualOptions,
}

/// A target's features, to be compared with several inputs; made by [`PerceptualLoss::target_features`].
#[derive(Clone, Debug)]
pub struct TargetFeatures(Cached);

#[derive(Clone, Debug)]
enum Cached {
    F32(Vec<Maps<f32>>),
    F64(Vec<Maps<f64>>),
}

impl PerceptualLoss {
    /// Fails if the weights are of another network, or a layer is not in it.
    pub fn new(weights: Weights, options: PerceptualOptions) -> Result<Self> {
        let mut loss = Self::with_network(FeatureNetwork::new(weights), options)?;
        let names = FeatureWeight::names(&loss.options.layers);
        loss.network = loss.network.up_to(Self::NAME, &names)?;
        Ok(loss)
    }

    /// The same of a network that other losses use too.
    pub fn with_network(network: FeatureNetwork, options: PerceptualOptions) -> Result<Self> {
        check_trunk(Self::NAME, &network, options.trunk)?;
        let loss = Self { network, options };
        loss.plan()?;
        Ok(loss)
    }

    /// Its options.
    pub fn options(&self) -> &PerceptualOptions {
        &self.options
    }

    /// The features of a target that does not change, so that they are computed once. On the CPU.
    pub fn target_features(&self, target: &Tensor) -> Result<TargetFeatures> {
        check_images(Self::NAME, target)?;
        Ok(TargetFeatures(match target.dtype() {
            candle_core::DType::F64 => Cached::F64(self.features(target)?),
            _ => Cached::F32(self.features(target)?),
        }))
    }

    /// Value and gradient of an input against features that are already there.
    pub fn value_and_grad_with(
        &self,
        input: &Tensor,
        target: &TargetFeatures,
    ) -> Result<(Tensor, Tensor)> {
        check_images(Self::NAME, input)?;
        match (&target.0, input.dtype()) {
            (Cached::F64(target), candle_core::DType::F64) => self.with_features(input, target),
            (Cached::F32(target), dtype) if dtype != candle_core::DType::F64 => {
                self.with_features(input, target)
            }
            (_, got) => Err(Error::DType {
                loss: Self::NAME,
                argument: "input",
                expected: "that of the target's features".into(),
                got,
            }),
        }
    }

    fn features<T: Computed>(&self, image: &Tensor) -> Result<Vec<Maps<T>>> {
        let (plan, axes) = (self.plan()?, Axes::sites(4));
        let (_, _, height, width) = image.dims4()?;
        let image = host::viewable(image, &axes)?;
        let named = Error::kernel(Self::NAME);
        let extractor = self.extractor::<T>(&plan)?;
        host::with_view(&image, &axes, |view| {
            kernels::perceptual::features(&extractor, &view, (height, width)).map_err(named)
        })
    }

    fn with_features<T: Computed>(
        &self,
        input: &Tensor,
        target: &[Maps<T>],
    ) -> Result<(Tensor, Tensor)> {
        let (plan, axes) = (self.plan()?, Axes::sites(4));
        let (items, channels, height, width) = input.dims4()?;
        let viewable = host::viewable(input, &axes)?;
        let named = Error::kernel(Self::NAME);
        let extractor = self.extractor::<T>(&plan)?;
        let mut buffer = host::Buffer::new(input.dtype(), input.elem_count());
        let shape = [items, channels, height * width];
        let value = host::with_view(&viewable, &axes, |view| {
            let gradient = kernels::Gradient::new(buffer.view(shape).map_err(named)?);
            let value = kernels::perceptual::evaluate_with(
                &extractor,
                &self.comparison(),
                (view, target),
                (height, width),
                Some(gradient),
                self.options.reduction,
            );
            value.map_err(named)
        })?;
        let value = crate::loss::Value::scalar(value, input)?.tensor;
        Ok((value, buffer.into_tensor(input.shape().clone())?))
    }

    fn extractor<'a, T: Computed>(&'a self, plan: &'a Plan<'_>) -> Result<Extractor<'a, T>> {
        Ok(Extractor {
            network: T::network(&self.network).map_err(Error::kernel(Self::NAME))?,
            taps: &plan.taps,
            affine: &plan.affine,
            image: None,
            memory: plan.memory,
        })
    }

    fn comparison(&self) -> Content {
        Content {
            weights: self
                .options
                .layers
                .iter()
                .map(|layer| layer.weight)
                .collect(),
            metric: self.options.metric,
        }
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

/// Fails unless the weights are of the network that the options name.
pub(super) fn check_trunk(
    loss: &'static str,
    network: &FeatureNetwork,
    expected: Trunk,
) -> Result<()> {
    match network.trunk() == expected {
        true => Ok(()),
        false => Err(Error::Option {
            loss,
            message: format!("weights are of {}, expected {expected}", network.trunk()),
        }),
    }
}

/// What a kernel says of a plan that could not be made.
pub(super) fn as_kernel(error: Error) -> kernels::Error {
    kernels::Error::Layout {
        argument: "layers",
        reason: error.to_string(),
    }
}

impl OfFeatures for PerceptualLoss {}

impl Fused for PerceptualLoss {
    const NAME: &'static str = "perceptual";
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
        plan.run(&self.comparison(), call)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> candle_core::Result<Tensor> {
        let plan = self.plan()?;
        let (own, other) = (plan.compose(inputs.input)?, plan.compose(inputs.target)?);
        let mut values = Tensor::zeros(inputs.input.dim(0)?, own[0].dtype(), own[0].device())?;
        for ((own, other), layer) in own.iter().zip(&other).zip(&self.options.layers) {
            let count = (own.elem_count() / own.dim(0)?.max(1)).max(1) as f64;
            let d = (own - other)?;
            let value = match self.options.metric {
                FeatureMetric::L1 => mean_of_items(&ops::abs(&d)?, count)?,
                FeatureMetric::SquaredL2 => mean_of_items(&d.sqr()?, count)?,
                FeatureMetric::L2 => ops::root(&mean_of_items(&d.sqr()?, count)?)?,
            };
            values = (values + (value * layer.weight)?)?;
        }
        plan.reduce(&values)
    }
}
