//! Gradient harmonised classification loss, and what harmonised losses share.

use candle_core::{DType, Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::imbalance::{
    DensityKind, bin_of, bin_weights, check_bins, check_densities, gradient_counts,
};
use kernels::loops::pointwise::Operands;
use kernels::{Normalizer, Reduction};

use crate::error::{self, Error};
use crate::loss::{Call, Checked, Fused, Geometry, Gradients, Inputs};
use crate::ops;
use crate::segmentation::bce::{element_items, finish_elements};

/// Gradient harmonised loss (GHM-C) over sigmoids, for dense detection: elements that are as hard as very many others, be
/// they easy or outliers, weigh less.
///
/// ```text
/// L = Σ_i w_b(i) CE(x_i, t_i) / n        w_b = n / (density_b · M)
/// ```
///
/// The length of an element's gradient, `|p − t|`, puts it into one of `bins` equal bins. `density_b` is the number of
/// elements in bin `b`, `M` the number of bins that hold any, `n` the number of elements that count: those that are neither
/// ignored nor of weight 0. Weights count as constant.
///
/// `densities` may be running means over steps, which the caller owns ([`GradientDensity`]); a bin whose mean is 0 has its
/// number of this step.
///
/// # Shapes
/// As [`BceLoss`](crate::BceLoss).
///
/// # Edge cases
/// Empty, all ignored, or weights of 0: value and gradient are 0. NaN in, NaN out. The composed form counts on the host.
///
/// # Agrees with
/// mmdetection's `GHMC`.
///
/// # Reference
/// Li et al., *Gradient Harmonized Single-stage Detector*, 2018. <https://arxiv.org/abs/1811.05181>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{GhmLoss, Loss};
///
/// let logits = Tensor::new(&[-3f32, -3., -3., 2.], &Device::Cpu)?;
/// let target = Tensor::new(&[0u8, 0, 0, 0], &Device::Cpu)?;
/// let (value, _gradient) = GhmLoss::default().value_and_grad(&logits, &target)?;
/// // Two bins, of three and one: each is half of the loss.
/// assert!((value.to_scalar::<f32>()? - (0.048_587_4 + 2.126_928) / 2.).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct GhmLoss {
    /// How many bins, 1 to 65536. Default 10 (mmdetection; the paper 30).
    pub bins: usize,
    /// The density of each bin. Default: the number of elements of this call.
    pub densities: Option<Vec<f64>>,
    /// Elements with this target do not count.
    pub ignore_index: Option<f64>,
    /// Default: mean, over the elements that count.
    pub reduction: Reduction,
}

impl Default for GhmLoss {
    fn default() -> Self {
        Self {
            bins: 10,
            densities: None,
            ignore_index: None,
            reduction: Reduction::default(),
        }
    }
}

/// Running means of how many elements fall into each bin, over steps.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GradientDensity {
    /// What stays of a mean at each step, in `[0, 1)`. mmdetection has 0 or 0.75.
    pub momentum: f64,
    /// The mean of each bin, 0 at first.
    pub means: Vec<f64>,
}

impl GradientDensity {
    /// Means of 0 for so many bins.
    pub fn new(bins: usize, momentum: f64) -> Self {
        Self {
            momentum,
            means: vec![0.0; bins],
        }
    }

    /// Takes in a step's inputs and targets, as `loss`, a [`GhmLoss`] or
    /// [`GhmRegressionLoss`](crate::GhmRegressionLoss), ignores and weighs them; bins without an element keep their
    /// mean.
    ///
    /// Inputs must be in host memory.
    #[allow(private_bounds)]
    pub fn update<L: Harmonised>(&mut self, loss: &L, inputs: &Inputs<'_>) -> error::Result<()> {
        let name = L::NAME;
        if !(0.0..1.0).contains(&self.momentum) {
            return Err(Error::Option {
                loss: name,
                message: format!("momentum is {}, expected a number in 0..1", self.momentum),
            });
        }
        let checked = Checked::new(name, L::GEOMETRY, inputs)?;
        let bins = self.means.len();
        let counts = checked.call(None, Gradients::default(), |call| {
            gradient_counts(loss.kind(), bins, &operands(&call, loss.ignored()))
        })?;
        for (mean, count) in self.means.iter_mut().zip(counts) {
            if count > 0.0 {
                *mean = self.momentum * *mean + (1.0 - self.momentum) * count;
            }
        }
        Ok(())
    }
}

/// A loss over the density of equally hard elements.
pub(crate) trait Harmonised: Fused {
    /// The loss as the kernel knows it.
    fn kind(&self) -> DensityKind;

    /// The target of elements that do not count.
    fn ignored(&self) -> Option<f64> {
        None
    }
}

/// What a harmonised loss reads.
pub(super) fn operands<'i>(call: &Call<'i, '_>, ignore: Option<f64>) -> Operands<'i> {
    Operands {
        input: call.input.clone(),
        target: call.target.clone(),
        auxiliary: None,
        weight: call.weight.clone(),
        ignore,
    }
}

/// Fails if bins or densities are out of range.
pub(super) fn check_harmony<L: Harmonised>(
    loss: &L,
    bins: usize,
    densities: Option<&[f64]>,
) -> error::Result<()> {
    let checked = loss.kind().check().and_then(|()| check_bins(bins));
    checked
        .and_then(|()| check_densities(densities, bins))
        .map_err(Error::kernel(L::NAME))
}

/// The composed form of elements with `values` and gradients of such `lengths`; it counts on the host.
pub(super) fn harmonise<L: Harmonised>(
    loss: &L,
    (bins, densities): (usize, Option<&[f64]>),
    inputs: &Inputs<'_>,
    values: &Tensor,
    lengths: &Tensor,
) -> Result<Tensor> {
    let x = inputs.input;
    let t = inputs.target.to_dtype(x.dtype())?;
    let (ignore, reduction) = (loss.ignored(), loss.reduction());
    let mask = ops::keep_mask(&t, ignore, x.dtype())?;
    let weights = match inputs.weight {
        Some(weight) => mask.broadcast_mul(weight)?,
        None => mask,
    };
    let numbers = |tensor: &Tensor| -> Result<Vec<f64>> {
        let tensor = tensor.detach().to_dtype(DType::F64)?;
        tensor.flatten_all()?.to_vec1()
    };
    let (lengths, counting) = (numbers(lengths)?, numbers(&weights)?);
    let found: Vec<_> = lengths.iter().map(|d| bin_of(d.abs(), bins)).collect();
    let mut counts = vec![0.0; bins];
    for (bin, weight) in found.iter().zip(&counting) {
        if let (Some(bin), true) = (bin, *weight != 0.0) {
            counts[*bin] += 1.0;
        }
    }
    let by_bin = bin_weights(&counts, densities);
    let harmony: Vec<_> = found
        .iter()
        .zip(&counting)
        .map(|(bin, weight)| match (bin, *weight == 0.0) {
            (_, true) => 0.0,
            (None, false) => f64::NAN,
            (Some(bin), false) => by_bin[*bin],
        })
        .collect();
    let harmony = Tensor::from_vec(harmony, x.shape(), x.device())?.to_dtype(x.dtype())?;
    let values = (values * harmony)?;
    let (reduction, factor) = match reduction {
        Reduction::None => (Reduction::None, 1.0),
        Reduction::Sum => (Reduction::Sum, 1.0),
        Reduction::Mean => {
            let counted: f64 = counts.iter().sum();
            (Reduction::Sum, 1.0 / counted.max(1.0))
        }
    };
    let elements = Normalizer::Elements;
    finish_elements(&values, &t, inputs.weight, ignore, reduction, elements)? * factor
}

impl Harmonised for GhmLoss {
    fn kind(&self) -> DensityKind {
        DensityKind::CrossEntropy
    }

    fn ignored(&self) -> Option<f64> {
        self.ignore_index
    }
}

impl Fused for GhmLoss {
    const NAME: &'static str = "ghm";
    const GEOMETRY: Geometry = Geometry::Elements;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        element_items(self.reduction, input)
    }

    fn check(&self, _: &Tensor) -> error::Result<()> {
        check_harmony(self, self.bins, self.densities.as_deref())
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let operands = operands(&call, self.ignore_index);
        let densities = self.densities.as_deref();
        kernels::imbalance::evaluate_density(
            self.kind(),
            self.bins,
            densities,
            self.reduction,
            &operands,
            call.values,
            call.gradient,
        )
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let x = inputs.input;
        let t = inputs.target.to_dtype(x.dtype())?;
        let positive = (&t * ops::softplus(&x.neg()?)?)?;
        let negative = (t.affine(-1.0, 1.0)? * ops::softplus(x)?)?;
        let lengths = (ops::sigmoid(x)? - t)?;
        let bins = (self.bins, self.densities.as_deref());
        harmonise(self, bins, inputs, &(positive + negative)?, &lengths)
    }
}
