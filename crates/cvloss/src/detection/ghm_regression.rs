//! Gradient harmonised regression loss.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::imbalance::DensityKind;

use super::ghm::{Harmonised, check_harmony, harmonise, operands};
use crate::error;
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::segmentation::bce::element_items;

/// Gradient harmonised regression loss (GHM-R) of box offsets: a smooth L1 of which elements that are as far off as
/// very many others weigh less, be they nearly right or outliers.
///
/// ```text
/// L = Σ_i w_b(i) (√(d_i² + μ²) − μ) / n        w_b = n / (density_b · M)        d = x − t
/// ```
///
/// The length of an element's gradient, `|d|/√(d² + μ²)`, puts it into one of `bins` equal bins of `[0, 1]`.
/// `density_b` is the number of elements in bin `b`, `M` the number of bins that hold any, `n` the number of elements
/// whose weight is not 0. Bins count as constant.
///
/// `densities` may be running means over steps, which the caller owns ([`GradientDensity`](crate::GradientDensity)); a
/// bin whose mean is 0 has its number of this step.
///
/// # Shapes
/// - input, target: any shape, f16, bf16, f32 or f64
/// - weight: one that broadcasts to the input; elements of weight 0 do not count, the value of others is multiplied
/// - value: `[]`, or the input's shape with [`Reduction::None`]
///
/// # Edge cases
/// Empty, or weights of 0: value and gradient are 0. Equal numbers have slope 0. NaN in, NaN out. The composed form
/// counts on the host.
///
/// # Agrees with
/// mmdetection's `GHMR`, whose weights are a mask.
///
/// # Reference
/// Li et al., *Gradient Harmonized Single-stage Detector*, 2018. <https://arxiv.org/abs/1811.05181>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{GhmRegressionLoss, Loss};
///
/// let input = Tensor::new(&[0f32, 0., 0., 2.], &Device::Cpu)?;
/// let target = Tensor::new(&[0.001f32, -0.001, 0.001, 0.], &Device::Cpu)?;
/// let (value, _gradient) = GhmRegressionLoss::default().value_and_grad(&input, &target)?;
/// // Two bins, of three and one: each is half of the loss.
/// assert!((value.to_scalar::<f32>()? - (0.000_025 + 1.980_1) / 2.).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct GhmRegressionLoss {
    /// `μ`, above 0: differences below it count little. Default 0.02 (the paper).
    pub mu: f64,
    /// How many bins, 1 to 65536. Default 10 (mmdetection).
    pub bins: usize,
    /// The density of each bin. Default: the number of elements of this call.
    pub densities: Option<Vec<f64>>,
    /// Default: mean, over the elements that count.
    pub reduction: Reduction,
}

impl Default for GhmRegressionLoss {
    fn default() -> Self {
        Self {
            mu: 0.02,
            bins: 10,
            densities: None,
            reduction: Reduction::default(),
        }
    }
}

impl Harmonised for GhmRegressionLoss {
    fn kind(&self) -> DensityKind {
        DensityKind::Distance { mu: self.mu }
    }
}

impl Fused for GhmRegressionLoss {
    const NAME: &'static str = "ghm_regression";
    const GEOMETRY: Geometry = Geometry::Alike;

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
        let operands = operands(&call, None);
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
        let d = (inputs.input - inputs.target)?;
        // √(d² + μ²) of parts that are 1 at most: squares of large differences overflow.
        let long = d.abs()?.maximum(self.mu)?.detach();
        let short = (long.recip()? * self.mu)?;
        let root = (((&d / &long)?.sqr()? + short.sqr()?)?.sqrt()? * &long)?;
        // The root less μ, without the cancellation where d is small.
        let is_small = long.le(self.mu)?;
        let small = is_small.where_cond(&d, &d.zeros_like()?)?;
        let small = (&small * (&small / (&root + self.mu)?)?)?;
        let values = is_small.where_cond(&small, &(&root - self.mu)?)?;
        let bins = (self.bins, self.densities.as_deref());
        harmonise(self, bins, inputs, &values, &(d / root)?)
    }
}
