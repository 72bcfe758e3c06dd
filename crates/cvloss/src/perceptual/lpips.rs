//! LPIPS.

use candle_core::{Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::perceptual::Lpips;

use super::content::{as_kernel, check_trunk};
use super::heads;
use super::networks::{FeatureNetwork, InputRange, Normalization, Trunk};
use super::run::{MEMORY, OfFeatures, Plan, check_images, items, mean_of_items};
use super::weights::Weights;
use crate::error::Result;
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::ops;

/// The network of an [`LpipsLoss`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LpipsNetwork {
    /// AlexNet: the authors' advice for comparing images.
    #[default]
    Alex,
    /// VGG16: the authors' advice for optimisation.
    Vgg,
    /// SqueezeNet 1.1: the smallest.
    Squeeze,
}

impl LpipsNetwork {
    /// Which weights it needs.
    pub fn trunk(self) -> Trunk {
        match self {
            Self::Alex => Trunk::AlexNet,
            Self::Vgg => Trunk::Vgg16,
            Self::Squeeze => Trunk::SqueezeNet,
        }
    }

    fn layers(self) -> Vec<String> {
        let names: &[&str] = match self {
            Self::Alex => &["relu1", "relu2", "relu3", "relu4", "relu5"],
            Self::Vgg => &["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"],
            Self::Squeeze => &[
                "relu1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9",
            ],
        };
        names.iter().map(|name| (*name).into()).collect()
    }

    fn heads(self) -> &'static [u8] {
        match self {
            Self::Alex => heads::ALEX,
            Self::Vgg => heads::VGG,
            Self::Squeeze => heads::SQUEEZE,
        }
    }
}

/// The options of an [`LpipsLoss`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct LpipsOptions {
    /// Which network. Default: AlexNet, as `lpips`.
    pub network: LpipsNetwork,
    /// What the numbers of images mean. Default: 0 to 1, which is not `lpips`'s default: there it is −1 to 1, and
    /// confusing both is the most common mistake with LPIPS.
    pub range: InputRange,
    /// One value per image. Default: their mean.
    pub reduction: Reduction,
    /// About how many bytes may be used at a time. Default: 1 GiB.
    pub memory: usize,
}

impl Default for LpipsOptions {
    fn default() -> Self {
        Self {
            network: LpipsNetwork::Alex,
            range: InputRange::ZeroOne,
            reduction: Reduction::Mean,
            memory: MEMORY,
        }
    }
}

/// Learned perceptual image patch similarity, version 0.1.
///
/// ```text
/// L = Σ_l mean_p Σ_c w_lc (x̂_lc(p) − t̂_lc(p))²        x̂ = φ(x) / (‖φ(x)‖ + 1e-10)
/// ```
///
/// over layers `l`, pixels `p` and channels `c`. The weights `w` are the authors' and part of this crate. Gradients flow to
/// both images.
///
/// # Shapes
/// As [`PerceptualLoss`](super::PerceptualLoss). [`spatial`](Self::spatial) gives a map `(N, 1, H, W)`.
///
/// # Edge cases
/// Where all features of a pixel are 0, its slope is 0; that of `lpips` is NaN. Else as
/// [`PerceptualLoss`](super::PerceptualLoss).
///
/// # Agrees with
/// `lpips.LPIPS(net=…, version="0.1")`, whose value per image is this one's with [`Reduction::None`].
///
/// # Reference
/// Zhang et al., *The unreasonable effectiveness of deep features as a perceptual metric*, 2018.
/// <https://arxiv.org/abs/1801.03924>
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::perceptual::networks::Trunk;
/// use cvloss::perceptual::weights::Weights;
/// use cvloss::perceptual::{LpipsLoss, LpipsOptions};
/// use cvloss::Loss;
///
/// let loss = LpipsLoss::new(Weights::random(Trunk::AlexNet, 0), LpipsOptions::default())?;
/// let image = Tensor::ones((1, 3, 64, 64), DType::F32, &Device::Cpu)?;
/// assert_eq!(loss.forward(&image, &image)?.to_scalar::<f32>()?, 0.0);
/// assert!(loss.forward(&image, &(&image * 0.5)?)?.to_scalar::<f32>()? > 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LpipsLoss {
    network: FeatureNetwork,
    options: LpipsOptions,
    heads: Vec<Vec<f64>>,
}

impl LpipsLoss {
    /// Fails if the weights are of another network.
    pub fn new(weights: Weights, options: LpipsOptions) -> Result<Self> {
        let divisor = weights.divisor();
        let heads = heads::lists(options.network.heads(), "lin", ".weight", divisor)?;
        let network = FeatureNetwork::new(weights);
        check_trunk(Self::NAME, &network, options.network.trunk())?;
        let loss = Self {
            network,
            options,
            heads,
        };
        loss.plan()?;
        Ok(loss)
    }

    /// Its options.
    pub fn options(&self) -> &LpipsOptions {
        &self.options
    }

    /// Where the images differ: `(N, 1, H, W)`, whose mean is about the loss, composed of candle operations.
    ///
    /// Each layer's map is brought to the images' size by bilinear interpolation with pixel centres (`align_corners =
    /// False`), as `lpips` does with `spatial=True`.
    pub fn spatial(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        check_images(Self::NAME, input)?;
        let (_, _, height, width) = input.dims4()?;
        let mut sum: Option<Tensor> = None;
        for map in self.maps(input, target)? {
            let (_, _, rows, columns) = map.dims4()?;
            let down = interpolation(&map, rows, height)?;
            let across = interpolation(&map, columns, width)?.t()?.contiguous()?;
            let map = down.broadcast_matmul(&map)?.broadcast_matmul(&across)?;
            sum = Some(match sum {
                None => map,
                Some(sum) => (sum + map)?,
            });
        }
        Ok(sum.unwrap_or(input.zeros_like()?))
    }

    /// One map (N, 1, h, w) per layer.
    fn maps(&self, input: &Tensor, target: &Tensor) -> candle_core::Result<Vec<Tensor>> {
        let plan = self.plan()?;
        let (own, other) = (plan.compose(input)?, plan.compose(target)?);
        let mut maps = Vec::with_capacity(own.len());
        for ((own, other), head) in own.iter().zip(&other).zip(&self.heads) {
            let d = (unit(own)? - unit(other)?)?;
            let weighted = d.sqr()?.broadcast_mul(&ops::per_class(head, &d)?)?;
            maps.push(weighted.sum_keepdim(1)?);
        }
        Ok(maps)
    }

    fn plan(&self) -> Result<Plan<'_>> {
        let options = &self.options;
        Plan::new(
            Self::NAME,
            &self.network,
            &options.network.layers(),
            (options.range, Normalization::Lpips),
            (options.memory, options.reduction),
        )
    }
}

/// Features divided by their norm over channels; 0, with slope 0, where all are 0.
fn unit(features: &Tensor) -> candle_core::Result<Tensor> {
    let norm = ops::root(&features.sqr()?.sum_keepdim(1)?)?;
    let is_zero = norm.eq(0.0)?.broadcast_as(features.shape())?;
    let divided = features.broadcast_div(&(norm + 1e-10)?)?;
    is_zero.where_cond(&divided.zeros_like()?, &divided)
}

/// The matrix (`to`, `from`) of linear interpolation between pixel centres.
fn interpolation(like: &Tensor, from: usize, to: usize) -> candle_core::Result<Tensor> {
    let mut matrix = vec![0.0; from * to];
    for (i, row) in matrix.chunks_mut(from.max(1)).enumerate() {
        let at = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
        let low = (at as usize).min(from - 1);
        let high = (low + 1).min(from - 1);
        let share = at - low as f64;
        row[low] += 1.0 - share;
        row[high] += share;
    }
    Tensor::from_vec(matrix, (to, from), like.device())?.to_dtype(like.dtype())
}

impl OfFeatures for LpipsLoss {}

impl Fused for LpipsLoss {
    const NAME: &'static str = "lpips";
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
        let comparison = Lpips {
            heads: self.heads.clone(),
        };
        plan.run(&comparison, call)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> candle_core::Result<Tensor> {
        let mut values: Option<Tensor> = None;
        for map in self.maps(inputs.input, inputs.target)? {
            let (_, _, height, width) = map.dims4()?;
            let value = mean_of_items(&map, (height * width).max(1) as f64)?;
            values = Some(match values {
                None => value,
                Some(values) => (values + value)?,
            });
        }
        match values {
            Some(values) => self.plan()?.reduce(&values),
            None => inputs.input.zeros_like()?.sum_all(),
        }
    }
}
