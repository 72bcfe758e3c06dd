//! One loss of several scales.

use candle_core::{DType, Device, Tensor};
use cvloss_kernels::scales::ScaleWeights;

use crate::error::{Error, Result};
use crate::loss::Loss;

/// Deep supervision: a weighted sum of one loss over predictions at several scales, against one target.
///
/// ```text
/// L = Σ_k w_k loss(x_k, target at the scale of x_k)
/// ```
///
/// Targets and weight maps are brought to a prediction's scale by the nearest point, torch's `"nearest-exact"`: point `i` of
/// `n` is point `⌊(i + ½) m/n⌋` of `m`. Class indices stay class indices.
///
/// # Shapes
/// - inputs: a list of `(N, C, *)`, each with its own extents of space
/// - target, weight: as the loss takes them for the largest, or any other, extents of space
/// - value: `[]`; the loss must reduce its values
///
/// # Agrees with
/// `monai.losses.DeepSupervisionLoss`.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{CrossEntropyLoss, DeepSupervision, Loss};
///
/// let fine = Tensor::randn(0f32, 1., (1, 3, 8, 8), &Device::Cpu)?;
/// let coarse = Tensor::randn(0f32, 1., (1, 3, 4, 4), &Device::Cpu)?;
/// let target = Tensor::zeros((1, 8, 8), candle_core::DType::U8, &Device::Cpu)?;
/// let loss = DeepSupervision::new(CrossEntropyLoss::default());
/// let value = loss.forward(&[fine.clone(), coarse.clone()], &target)?.to_scalar::<f32>()?;
/// let small = Tensor::zeros((1, 4, 4), candle_core::DType::U8, &Device::Cpu)?;
/// let expected = loss.loss.forward(&fine, &target)?.to_scalar::<f32>()?
///     + 0.5 * loss.loss.forward(&coarse, &small)?.to_scalar::<f32>()?;
/// assert!((value - expected).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DeepSupervision<L> {
    /// The loss of each scale.
    pub loss: L,
    /// Their weights. Default: each half of the one before.
    pub weights: ScaleWeights,
}

impl<L: Loss> DeepSupervision<L> {
    /// With weights that halve.
    pub fn new(loss: L) -> Self {
        Self {
            loss,
            weights: ScaleWeights::default(),
        }
    }

    /// The loss on candle's tape.
    pub fn forward(&self, inputs: &[Tensor], target: &Tensor) -> Result<Tensor> {
        self.sum(
            inputs,
            target,
            None,
            |loss, input, target, weight| match weight {
                Some(weight) => loss.forward_weighted(input, target, weight),
                None => loss.forward(input, target),
            },
        )
    }

    /// As [`forward`](Self::forward), with a weight map or mask.
    pub fn forward_weighted(
        &self,
        inputs: &[Tensor],
        target: &Tensor,
        weight: &Tensor,
    ) -> Result<Tensor> {
        self.sum(
            inputs,
            target,
            Some(weight),
            |loss, input, target, weight| match weight {
                Some(weight) => loss.forward_weighted(input, target, weight),
                None => loss.forward(input, target),
            },
        )
    }

    /// The loss and its gradient with respect to each input, without a tape.
    pub fn value_and_grads(
        &self,
        inputs: &[Tensor],
        target: &Tensor,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let weights = self.scale_weights(inputs.len())?;
        let mut gradients = Vec::new();
        let value = self.sum(inputs, target, None, |loss, input, target, _| {
            let (value, gradient) = loss.value_and_grad(input, target)?;
            gradients.push((gradient * weights[gradients.len()])?);
            Ok(value)
        })?;
        Ok((value, gradients))
    }

    fn sum(
        &self,
        inputs: &[Tensor],
        target: &Tensor,
        weight: Option<&Tensor>,
        mut evaluate: impl FnMut(&L, &Tensor, &Tensor, Option<&Tensor>) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let weights = self.scale_weights(inputs.len())?;
        let mut sum = Tensor::zeros((), DType::F32, &Device::Cpu)?;
        for (k, (input, factor)) in inputs.iter().zip(weights).enumerate() {
            let target = at_scale_of(input, target)?;
            let weight = weight
                .map(|weight| at_scale_of(input, weight))
                .transpose()?;
            let value = evaluate(&self.loss, input, &target, weight.as_ref())?;
            if value.rank() > 0 {
                return Err(self.error("values of items do not add up over scales".into()));
            }
            let value = (value * factor)?;
            sum = if k == 0 { value } else { (sum + value)? };
        }
        Ok(sum)
    }

    fn scale_weights(&self, scales: usize) -> Result<Vec<f64>> {
        if scales == 0 {
            return Err(self.error("there is no input, expected one per scale".into()));
        }
        self.weights
            .of(scales)
            .map_err(Error::kernel(self.loss.name()))
    }

    fn error(&self, message: String) -> Error {
        Error::Option {
            loss: self.loss.name(),
            message,
        }
    }
}

/// A target or weight map with the input's extents of space, by the nearest point.
fn at_scale_of(input: &Tensor, tensor: &Tensor) -> Result<Tensor> {
    let space = input.dims().get(2..).unwrap_or_default();
    let mut resized = tensor.clone();
    // A tensor without axes of space is for the loss to refuse.
    let Some(first) = tensor.rank().checked_sub(space.len()) else {
        return Ok(resized);
    };
    for (axis, &to) in (first..).zip(space) {
        let from = resized.dim(axis)?;
        if from == to || from == 0 {
            continue;
        }
        let nearest = |i: usize| ((2 * i + 1) * from / (2 * to)).min(from - 1) as u32;
        let indices: Vec<u32> = (0..to).map(nearest).collect();
        let indices = Tensor::from_vec(indices, to, tensor.device())?;
        resized = resized.contiguous()?.index_select(&indices, axis)?;
    }
    Ok(resized)
}
