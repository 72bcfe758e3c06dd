//! Kalman-filter IoU of rotated boxes.

use cvloss_kernels::rotated::{KfForm, Kind};

use super::{RotatedBoxes, RotatedLoss};

/// Kalman-filter intersection over union of rotated boxes: the overlap of Gaussians, and a smooth L1 of the centres.
///
/// ```text
/// KFIoU = V_f/(V + V_t − V_f + ε)        V = 4 √(det Σ),  V_f of the fused Gaussian Σ (Σ + Σ_t)⁻¹ Σ_t
/// L = Σ smooth(|Δcentre|) + 1 − KFIoU,  or −ln(KFIoU + ε),  or e^(1 − KFIoU) − 1;  at least 0
/// ```
///
/// Its greatest value is 1/3: that of equal boxes.
///
/// # Shapes
/// As [`RotatedIouLoss`](crate::RotatedIouLoss).
///
/// # Edge cases
/// As [`RotatedIouLoss`](crate::RotatedIouLoss); sizes are clamped to 1e-7..=1e7.
///
/// # Agrees with
/// mmrotate's `KFLoss`, whose centres are encoded offsets: give such boxes, or divide by the size of an anchor. Its ε
/// is 1e-6.
///
/// # Reference
/// Yang et al., *The KFIoU Loss for Rotated Object Detection*, 2022. <https://arxiv.org/abs/2201.12558>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{KfiouLoss, Loss};
///
/// let input = Tensor::new(&[[1f32, 1., 4., 2., 0.5]], &Device::Cpu)?;
/// let target = Tensor::new(&[[2f32, 1., 3., 2., 0.]], &Device::Cpu)?;
/// let (value, _gradient) = KfiouLoss::default().value_and_grad(&input, &target)?;
/// assert!((value.to_scalar::<f32>()? - 1.63813).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct KfiouLoss {
    /// What becomes of the IoU. Default: linear (mmrotate: `none`).
    pub form: KfForm,
    /// Where the smooth L1 becomes linear, above 0. Default 1/9 (mmrotate).
    pub beta: f64,
    /// ε, denominator, reduction.
    pub boxes: RotatedBoxes,
}

impl Default for KfiouLoss {
    fn default() -> Self {
        Self {
            form: KfForm::default(),
            beta: 1.0 / 9.0,
            boxes: RotatedBoxes::default(),
        }
    }
}

impl RotatedLoss for KfiouLoss {
    const NAME: &'static str = "kfiou";

    fn kind(&self) -> Kind {
        Kind::Kfiou {
            form: self.form,
            beta: self.beta,
        }
    }

    fn boxes(&self) -> &RotatedBoxes {
        &self.boxes
    }
}
