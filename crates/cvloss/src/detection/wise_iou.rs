//! Wise-IoU.

use candle_core::{DType, Tensor};
use cvloss_kernels::Reduction;
use cvloss_kernels::boxes::{Kind, WiseVersion};
use cvloss_kernels::loops::boxes::Denominator;

use super::IouLoss;
use super::boxes::{BoxLoss, Boxes, Overlap};
use crate::error::Result;
use crate::loss::Loss;

/// Wise intersection over union: distance as a factor, and a focus by how hard a pair is against all others.
///
/// ```text
/// L = r e^(ρ²/(c² + ε)) (1 − IoU)        c without a gradient
/// r = 1  |  β^γ  |  β/(δ α^(β − δ))      versions 1, 2, 3;  β = (1 − IoU)/mean, without a gradient
/// ```
///
/// `mean` is the running mean of `1 − IoU` over the training. It is state, and yours: keep a [`RunningMean`], take it
/// in before each step, and let it observe the step's boxes after.
///
/// # Shapes
/// As [`IouLoss`](crate::IouLoss).
///
/// # Edge cases
/// As [`IouLoss`](crate::IouLoss).
///
/// # Agrees with
/// The authors' code, which starts from a mean of 1 with momentum 0.01.
///
/// # Reference
/// Tong et al., *Wise-IoU: Bounding Box Regression Loss with Dynamic Focusing Mechanism*, 2023.
/// <https://arxiv.org/abs/2301.10051>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{WiseIouLoss, Loss};
///
/// let input = Tensor::new(&[[0f32, 0., 2., 2.]], &Device::Cpu)?;
/// let target = Tensor::new(&[[1f32, 1., 4., 3.]], &Device::Cpu)?;
/// let (value, _gradient) = WiseIouLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 1.01229).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct WiseIouLoss {
    /// How much pairs count. Default: version 1.
    pub version: WiseVersion,
    /// The running mean of `1 − IoU`, above 0. Default 1.
    pub mean: f64,
    /// Combinators over the overlap term and the penalties.
    pub overlap: Overlap,
    /// BoxFormat, ε, denominator, reduction.
    pub boxes: Boxes,
}

impl Default for WiseIouLoss {
    fn default() -> Self {
        Self {
            version: WiseVersion::V1,
            mean: 1.0,
            overlap: Overlap::default(),
            boxes: Boxes::default(),
        }
    }
}

impl BoxLoss for WiseIouLoss {
    const NAME: &'static str = "wise_iou";

    fn kind(&self) -> Kind {
        Kind::Wise {
            version: self.version,
            mean: self.mean,
        }
    }

    fn boxes(&self) -> &Boxes {
        &self.boxes
    }

    fn overlap(&self) -> Option<&Overlap> {
        Some(&self.overlap)
    }
}

/// The running mean of `1 − IoU` that [`WiseIouLoss`] compares with.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Boxes, Loss, RunningMean, WiseIouLoss, WiseVersion};
///
/// let version = WiseVersion::V3 { alpha: 1.7, delta: 2.7 };
/// let mut mean = RunningMean::default();
/// let input = Tensor::new(&[[0f32, 0., 2., 2.]], &Device::Cpu)?;
/// let target = Tensor::new(&[[1f32, 1., 4., 3.]], &Device::Cpu)?;
/// for _ in 0..3 {
///     let loss = WiseIouLoss { version, mean: mean.value, ..Default::default() };
///     loss.value_and_grad(&input, &target)?;
///     mean.observe(&input, &target, &Boxes::default())?;
/// }
/// assert!((mean.value - 0.996700).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RunningMean {
    /// The mean so far. Default 1.
    pub value: f64,
    /// The share of what is observed in the new mean. Default 0.01.
    pub momentum: f64,
}

impl Default for RunningMean {
    fn default() -> Self {
        Self {
            value: 1.0,
            momentum: 0.01,
        }
    }
}

impl RunningMean {
    /// Takes in the mean of `1 − IoU` of a step's boxes, and returns it. No boxes change nothing.
    pub fn observe(&mut self, input: &Tensor, target: &Tensor, boxes: &Boxes) -> Result<f64> {
        if input.elem_count() == 0 {
            return Ok(self.value);
        }
        let loss = IouLoss {
            boxes: Boxes {
                denominator: Denominator::Items,
                reduction: Reduction::Mean,
                ..boxes.clone()
            },
            ..IouLoss::default()
        };
        let (input, target) = (input.detach(), target.detach());
        let seen = loss.forward(&input, &target)?.to_dtype(DType::F64)?;
        let seen = seen.to_scalar::<f64>()?;
        self.value += self.momentum * (seen - self.value);
        Ok(seen)
    }
}
