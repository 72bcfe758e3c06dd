//! Normalised Gaussian Wasserstein distance.

use cvloss_kernels::boxes::Kind;

use super::boxes::{BoxLoss, Boxes};

/// Normalised Gaussian Wasserstein distance, for tiny objects: boxes as Gaussians, which overlap always.
///
/// ```text
/// L = 1 − e^(−W/C)        W² = (x − x_t)² + (y − y_t)² + ((w − w_t)² + (h − h_t)²)/4
/// ```
///
/// # Shapes
/// As [`IouLoss`](crate::IouLoss).
///
/// # Edge cases
/// As [`IouLoss`](crate::IouLoss). Equal boxes, where the distance has a kink, have gradient 0.
///
/// # Agrees with
/// The paper's formula.
///
/// # Reference
/// Wang et al., *A Normalized Gaussian Wasserstein Distance for Tiny Object Detection*, 2021.
/// <https://arxiv.org/abs/2110.13389>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{NwdLoss, Loss};
///
/// let input = Tensor::new(&[[0f32, 0., 2., 2.]], &Device::Cpu)?;
/// let target = Tensor::new(&[[1f32, 1., 4., 3.]], &Device::Cpu)?;
/// let (value, _gradient) = NwdLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 0.13598).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct NwdLoss {
    /// `C`, a typical size of the boxes, in their units. Default 12.8 (the mean of AI-TOD, the paper's data).
    pub constant: f64,
    /// BoxFormat, ε, denominator, reduction.
    pub boxes: Boxes,
}

impl Default for NwdLoss {
    fn default() -> Self {
        Self {
            constant: 12.8,
            boxes: Boxes::default(),
        }
    }
}

impl BoxLoss for NwdLoss {
    const NAME: &'static str = "nwd";

    fn kind(&self) -> Kind {
        Kind::Nwd {
            constant: self.constant,
        }
    }

    fn boxes(&self) -> &Boxes {
        &self.boxes
    }
}
