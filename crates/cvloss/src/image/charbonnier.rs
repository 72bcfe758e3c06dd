//! Charbonnier loss.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::pixel::Penalty;
use kernels::{Normalizer, Reduction};

use super::pixel;
use crate::loss::{Call, Fused, Geometry, Inputs, Kernel};

/// Charbonnier loss, an L1 loss that is smooth at 0.
///
/// ```text
/// L = √(d² + ε²)  or  √(d² + ε)        d = x − t
/// ```
///
/// # Shapes
/// As [`L1Loss`](crate::L1Loss).
///
/// # Edge cases
/// Equal tensors: the value is `ε` (or `√ε`), not 0, as in the peers. Empty: the mean is 0. NaN in, NaN out.
///
/// # Agrees with
/// BasicSR's `CharbonnierLoss(eps)` with [`CharbonnierEps::Plain`] (1e-12 there). `kornia.losses.charbonnier_loss` is
/// another function: `√(d² + 1) − 1`, the [`RobustLoss`](crate::RobustLoss) of shape 1.
///
/// # Reference
/// Lai et al., *Deep Laplacian Pyramid Networks for Fast and Accurate Super-Resolution*, 2017.
/// <https://arxiv.org/abs/1704.03915>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{CharbonnierLoss, Loss};
///
/// let input = Tensor::new(&[0.5f32, -1., 2.], &Device::Cpu)?;
/// let target = Tensor::new(&[0f32, 0.5, 2.25], &Device::Cpu)?;
/// let loss = CharbonnierLoss { eps: 0.5, ..CharbonnierLoss::default() };
/// let (value, _gradient) = loss.value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.949_080_4).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct CharbonnierLoss {
    /// `ε`, above 0. Default 1e-3 (the paper).
    pub eps: f64,
    /// Whether it is squared under the root. Default: squared (the paper).
    pub form: CharbonnierEps,
    /// What the mean divides by. Default: elements. `Weights` makes a mask leave the mean.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

/// How `ε` stands under the root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum CharbonnierEps {
    /// `√(d² + ε²)`, as the paper.
    #[default]
    Squared,
    /// `√(d² + ε)`, as BasicSR and pyiqa.
    Plain,
}

impl CharbonnierLoss {
    /// `ε` as it would be if squared.
    fn squared_eps(&self) -> f64 {
        match self.form {
            CharbonnierEps::Squared => self.eps,
            CharbonnierEps::Plain => self.eps.sqrt(),
        }
    }
}

impl Default for CharbonnierLoss {
    fn default() -> Self {
        Self {
            eps: 1e-3,
            form: CharbonnierEps::default(),
            normalizer: Normalizer::default(),
            reduction: Reduction::default(),
        }
    }
}

impl CharbonnierLoss {
    /// The kernel's.
    fn penalty(&self) -> Penalty {
        match self.eps < 0.0 {
            // Named as it was given: its root would be NaN.
            true => Penalty::Charbonnier { eps: self.eps },
            false => Penalty::Charbonnier {
                eps: self.squared_eps(),
            },
        }
    }
}

impl Fused for CharbonnierLoss {
    const NAME: &'static str = "charbonnier";
    const GEOMETRY: Geometry = Geometry::Alike;
    const TARGET_GRADIENT: bool = true;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        pixel::items(self.reduction, input)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        pixel::run(self.penalty(), self.normalizer, self.reduction, call)
    }

    fn kernel(&self, _: &Inputs<'_>) -> kernels::Result<Option<Kernel>> {
        Kernel::pixel(self.penalty(), self.normalizer, self.reduction)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        pixel::compose(inputs, self.normalizer, self.reduction, |d| {
            (d.sqr()? + self.squared_eps().powi(2))?.sqrt()
        })
    }
}
