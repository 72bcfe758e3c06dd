//! Bounded IoU.

use cvloss_kernels::boxes::Kind;

use super::boxes::{BoxLoss, Boxes};

/// Bounded intersection over union: how far each of four numbers alone could leave the IoU from 1.
///
/// ```text
/// L = Σ smooth(1 − r)        smooth(l) = ½ l²/β if l < β, else l − ½ β
/// r = max((w_t − 2|x − x_t|)/(w_t + 2|x − x_t| + ε), 0)   of x, and the same of y
/// r = min(w_t/(w + ε), w/(w_t + ε))                       of w, and the same of h
/// ```
///
/// # Shapes
/// As [`IouLoss`](crate::IouLoss).
///
/// # Edge cases
/// As [`IouLoss`](crate::IouLoss).
///
/// # Agrees with
/// mmdetection's `BoundedIoULoss`, which has a mean over the four terms: a quarter of this. Its ε is 1e-3.
///
/// # Reference
/// Tychsen-Smith and Petersson, *Improving Object Localization with Fitness NMS and Bounded IoU Loss*, 2018.
/// <https://arxiv.org/abs/1711.00164>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{BoundedIouLoss, Loss};
///
/// let input = Tensor::new(&[[0f32, 0., 2., 2.]], &Device::Cpu)?;
/// let target = Tensor::new(&[[1f32, 1., 4., 3.]], &Device::Cpu)?;
/// let (value, _gradient) = BoundedIouLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 2.03333).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct BoundedIouLoss {
    /// Below it, a term is quadratic; above 0. Default 0.2 (mmdetection).
    pub beta: f64,
    /// BoxFormat, ε, denominator, reduction.
    pub boxes: Boxes,
}

impl Default for BoundedIouLoss {
    fn default() -> Self {
        Self {
            beta: 0.2,
            boxes: Boxes::default(),
        }
    }
}

impl BoxLoss for BoundedIouLoss {
    const NAME: &'static str = "bounded_iou";

    fn kind(&self) -> Kind {
        Kind::Bounded { beta: self.beta }
    }

    fn boxes(&self) -> &Boxes {
        &self.boxes
    }
}
