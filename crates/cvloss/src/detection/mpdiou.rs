//! Minimum points distance IoU.

use cvloss_kernels::boxes::Kind;

use super::boxes::{BoxLoss, Boxes, Overlap};

/// Minimum points distance intersection over union.
///
/// ```text
/// L = 1 − IoU + (d₁² + d₂²)/(W² + H²)        d₁, d₂: distances of the low corners and of the high corners
/// ```
///
/// # Shapes
/// As [`IouLoss`](crate::IouLoss).
///
/// # Edge cases
/// As [`IouLoss`](crate::IouLoss).
///
/// # Agrees with
/// The paper's formula.
///
/// # Reference
/// Ma and Xu, *MPDIoU: A Loss for Efficient and Accurate Bounding Box Regression*, 2023.
/// <https://arxiv.org/abs/2307.07662>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{MpdiouLoss, Loss};
///
/// let input = Tensor::new(&[[0f32, 0., 2., 2.]], &Device::Cpu)?;
/// let target = Tensor::new(&[[1f32, 1., 4., 3.]], &Device::Cpu)?;
/// let (value, _gradient) = MpdiouLoss { image: (10., 10.), ..Default::default() }.value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.92389).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct MpdiouLoss {
    /// Width and height of the image, `(W, H)`, in the boxes' units. Default 640 each (a common input size).
    pub image: (f64, f64),
    /// Combinators over the overlap term and the penalties.
    pub overlap: Overlap,
    /// BoxFormat, ε, denominator, reduction.
    pub boxes: Boxes,
}

impl Default for MpdiouLoss {
    fn default() -> Self {
        Self {
            image: (640.0, 640.0),
            overlap: Overlap::default(),
            boxes: Boxes::default(),
        }
    }
}

impl BoxLoss for MpdiouLoss {
    const NAME: &'static str = "mpdiou";

    fn kind(&self) -> Kind {
        Kind::Mpdiou { image: self.image }
    }

    fn boxes(&self) -> &Boxes {
        &self.boxes
    }

    fn overlap(&self) -> Option<&Overlap> {
        Some(&self.overlap)
    }
}
