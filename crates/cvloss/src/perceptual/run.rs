//! What losses of features share: how images enter a network, in both forms.

use candle_core::{Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::conv::Tap;
use kernels::perceptual::{Comparison, Extractor, Operands, Results, evaluate};
use kernels::{DType, Reduction};

use super::networks::{FeatureNetwork, InputRange, Normalization};
use crate::error::{Error, Result};
use crate::loss::{Call, Fused, Loss};
use crate::ops;

/// A loss of images by their features, on memory that a caller lends instead of candle's tensors: what bindings to other
/// languages call.
pub trait FeatureLoss: Loss {
    /// One value per image, or their mean or sum.
    fn reduction(&self) -> Reduction;

    /// Compares images of three channels on the CPU, and returns the reduced value.
    fn evaluate_views(&self, operands: Operands<'_>, results: Results<'_>) -> kernels::Result<f64>;
}

/// A loss of this room.
pub(super) trait OfFeatures {}

#[allow(private_bounds)]
impl<L: Fused + OfFeatures> FeatureLoss for L {
    fn reduction(&self) -> Reduction {
        Fused::reduction(self)
    }

    fn evaluate_views(&self, operands: Operands<'_>, results: Results<'_>) -> kernels::Result<f64> {
        self.run(Call {
            input: operands.input,
            target: operands.target,
            weight: None,
            values: results.values,
            gradient: results.input,
            target_gradient: results.target,
            channel_axis: 1,
            space: &[operands.space.0, operands.space.1],
        })
    }
}

/// Where a loss's features come from.
pub(super) struct Plan<'a> {
    pub(super) network: &'a FeatureNetwork,
    pub(super) taps: Vec<Tap>,
    pub(super) affine: Vec<(f64, f64)>,
    /// Factor and offset of the image itself, if it is compared too.
    pub(super) image: Option<(f64, f64)>,
    pub(super) memory: usize,
    pub(super) reduction: Reduction,
}

/// Bytes that a chunk of items may take, by default: 1 GiB.
pub(super) const MEMORY: usize = 1 << 30;

impl<'a> Plan<'a> {
    pub(super) fn new(
        loss: &'static str,
        network: &'a FeatureNetwork,
        names: &[String],
        (range, normalization): (InputRange, Normalization),
        (memory, reduction): (usize, Reduction),
    ) -> Result<Self> {
        let found = network.find(loss, names)?;
        let taps: Vec<Tap> = found.into_iter().map(|(tap, _)| tap).collect();
        let places: Vec<_> = taps.iter().map(place).collect();
        if taps.is_empty() || !places.is_sorted_by(|a, b| a < b) {
            return Err(Error::Option {
                loss,
                message: format!(
                    "layers are {}, expected names of features, in the network's order: {}",
                    names.join(", "),
                    network.names().join(", ")
                ),
            });
        }
        Ok(Self {
            network,
            taps,
            affine: range.to_network(normalization),
            image: None,
            memory,
            reduction,
        })
    }

    /// Compares in the kernel.
    pub(super) fn run<C>(&self, comparison: &C, call: Call<'_, '_>) -> kernels::Result<f64>
    where
        C: Comparison<f32> + Comparison<f64>,
    {
        match call.input.dtype() {
            DType::F64 => self.run_in::<f64>(comparison, call),
            _ => self.run_in::<f32>(comparison, call),
        }
    }

    fn run_in<T: super::networks::Computed>(
        &self,
        comparison: &impl Comparison<T>,
        call: Call<'_, '_>,
    ) -> kernels::Result<f64> {
        let [height, width] = call.space else {
            return Err(kernels::Error::Layout {
                argument: "input",
                reason: "expected (N, 3, H, W)".into(),
            });
        };
        let extractor = Extractor {
            network: T::network(self.network)?,
            taps: &self.taps,
            affine: &self.affine,
            image: self.image,
            memory: self.memory,
        };
        let operands = Operands {
            input: call.input,
            target: call.target,
            space: (*height, *width),
        };
        let results = Results {
            values: call.values,
            input: call.gradient,
            target: call.target_gradient,
        };
        evaluate(&extractor, comparison, operands, results, self.reduction)
    }

    /// Features composed of candle operations.
    pub(super) fn compose(&self, image: &Tensor) -> candle_core::Result<Vec<Tensor>> {
        let factors: Vec<f64> = self.affine.iter().map(|(scale, _)| *scale).collect();
        let offsets: Vec<f64> = self.affine.iter().map(|(_, shift)| *shift).collect();
        let image = image
            .broadcast_mul(&ops::per_class(&factors, image)?)?
            .broadcast_add(&ops::per_class(&offsets, image)?)?;
        let mut features = self.network.compose(&image, &self.taps)?;
        if let Some((scale, shift)) = self.image {
            // Undo the network's own, so that one tensor is on the tape.
            let original = image
                .broadcast_sub(&ops::per_class(&offsets, &image)?)?
                .broadcast_div(&ops::per_class(&factors, &image)?)?;
            features.insert(0, original.affine(scale, shift)?);
        }
        Ok(features)
    }

    /// Reduces one value per item.
    pub(super) fn reduce(&self, values: &Tensor) -> candle_core::Result<Tensor> {
        reduce(values, self.reduction)
    }
}

/// Reduces one value per item.
pub(super) fn reduce(values: &Tensor, reduction: Reduction) -> candle_core::Result<Tensor> {
    match reduction {
        Reduction::None => Ok(values.clone()),
        Reduction::Sum => ops::total(values),
        Reduction::Mean => ops::total(values)? / values.elem_count().max(1) as f64,
    }
}

fn place(tap: &Tap) -> (usize, bool) {
    (tap.layer, !tap.before_relu)
}

/// The shape of values, one per item, and the same with axes put in.
pub(super) fn items(reduction: Reduction, input: &Shape) -> (Shape, Shape) {
    match (reduction, input.dims()) {
        (Reduction::None, [items, ..]) => (Shape::from(*items), Shape::from((*items, 1, 1, 1))),
        _ => (Shape::from(()), Shape::from(())),
    }
}

/// Fails unless `input` is a batch of images of three channels.
pub(super) fn check_images(loss: &'static str, input: &Tensor) -> Result<()> {
    match input.dims() {
        [_, 3, _, _] => Ok(()),
        _ => Err(Error::Shape {
            loss,
            argument: "input",
            expected: "(N, 3, H, W)".into(),
            got: input.shape().clone(),
        }),
    }
}

/// Sums of features (N, C, H, W) over all axes but the first, divided by `count`.
pub(super) fn mean_of_items(tensor: &Tensor, count: f64) -> candle_core::Result<Tensor> {
    let mut sums = tensor.clone();
    while sums.rank() > 1 {
        sums = sums.sum(sums.rank() - 1)?;
    }
    sums / count
}
