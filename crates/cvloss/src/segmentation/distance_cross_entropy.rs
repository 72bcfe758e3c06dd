//! Cross-entropy weighted by distances to surfaces in the target.

use candle_core::{DType, Device, Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::distance_cross_entropy::{
    DistanceWeighting, Options, border_weights, evaluate, point_weights,
};
use kernels::loops::site::Operands;
use kernels::{Normalizer, Reduction};

use super::cross_entropy::{check_classes, class_target, finish_pixels, pixel_items};
use super::distance::check_space;
use crate::error::{self, Error};
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::ops;

/// Cross-entropy whose points weigh by how far they are from surfaces in the target.
///
/// ```text
/// L = −w(x) ln p_y        p = softmax(x)
///
/// Border:   w = w_y + [y = 0] w0 exp(−(d1 + d2)² / (2 σ²))
/// Penalty:  w = w_y (1 + (D − d) / (D − δ))
/// ```
///
/// `Border` is U-Net's: it presses for the background between objects that nearly touch. `d1` and `d2` are the
/// distances to the nearest two objects; objects are connected regions (neighbours share a face) of a class other than
/// 0. Where objects of a class touch, give [`border_weight_map`] their numbers, and add its map to the weights of
/// another cross-entropy.
///
/// `Penalty` is that of Caliva et al.: it presses for points near a surface. `d` is the distance to the nearest point
/// of another class, `D` and `δ` the largest and least in the point's class and image. Weights count as constant.
///
/// # Shapes
/// - input: logits `(N, C, *)` with one to three axes of space
/// - target: class indices `(N, *)` or `(N, 1, *)` as u8, u32, i64
/// - weight: `(N, *)` or `(N, 1, *)`
/// - value: `[]`, or `(N, *)` with [`Reduction::None`]
///
/// # Edge cases
/// As [`CrossEntropyLoss`](crate::CrossEntropyLoss). Fewer than two objects: `Border` adds nothing. A class whose
/// points are all equally far from others, or that is everywhere: `Penalty` adds nothing. An ignored point is of no
/// class: it is neither background nor object. The composed form makes its weights on the host.
///
/// # Agrees with
/// The formula of the U-Net paper on the background, where it is usually applied, and for two classes SegLossOdyssey's
/// distance map of `DisPenalizedCE`, which then leaves it out of its mean. Those distances are scipy's
/// `distance_transform_edt`, to the bit.
///
/// # Reference
/// Ronneberger et al., *U-Net: Convolutional Networks for Biomedical Image Segmentation*, 2015.
/// <https://arxiv.org/abs/1505.04597>. Caliva et al., *Distance Map Loss Penalty Term for Semantic Segmentation*, 2019.
/// <https://arxiv.org/abs/1908.03679>
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{DistanceCrossEntropyLoss, DistanceWeighting, Loss};
///
/// // The point between two objects is 1 from both: it weighs 1 + 2 e^(−4/2).
/// let logits = Tensor::zeros((1, 2, 3), DType::F32, &Device::Cpu)?;
/// let target = Tensor::new(&[[1u32, 0, 1]], &Device::Cpu)?;
/// let weighting = DistanceWeighting::Border { w0: 2., sigma: 1. };
/// let loss = DistanceCrossEntropyLoss { weighting, ..DistanceCrossEntropyLoss::default() };
/// let value = loss.forward(&logits, &target)?;
/// let expected = 2f32.ln() * (3. + 2. * (-2f32).exp()) / 3.;
/// assert!((value.to_scalar::<f32>()? - expected).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct DistanceCrossEntropyLoss {
    /// How a point weighs. Default: `Border` with `w0` 10 and `σ` 5 (U-Net).
    pub weighting: DistanceWeighting,
    /// One weight per class; 1 where absent.
    pub class_weights: Option<Vec<f64>>,
    /// The distance of neighbours along each axis of space. Default: 1.
    pub spacing: Option<Vec<f64>>,
    /// Points with this index have value 0 and leave the mean's denominator. Default −100.
    pub ignore_index: Option<i64>,
    /// What the mean divides by; `Weights` are those by distance. Default: the number of points.
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for DistanceCrossEntropyLoss {
    fn default() -> Self {
        Self {
            weighting: DistanceWeighting::default(),
            class_weights: None,
            spacing: None,
            ignore_index: Some(-100),
            normalizer: Normalizer::Elements,
            reduction: Reduction::default(),
        }
    }
}

impl DistanceCrossEntropyLoss {
    fn options(&self) -> Options {
        Options {
            weighting: self.weighting,
            spacing: self.spacing.clone(),
            normalizer: self.normalizer,
            reduction: self.reduction,
        }
    }

    /// The weight of each point (N, 1, *), made on the host.
    fn map(&self, x: &Tensor, target: &Tensor) -> Result<Tensor> {
        let space = &x.dims()[2..];
        let (points, classes) = (space.iter().product::<usize>().max(1), x.dim(1)?);
        let class = |label: i64| match Some(label) == self.ignore_index {
            true => None,
            false => usize::try_from(label).ok().filter(|label| *label < classes),
        };
        let labels = target
            .to_dtype(DType::I64)?
            .flatten_all()?
            .to_vec1::<i64>()?;
        let labels: Vec<_> = labels.into_iter().map(class).collect();
        let spacing = self.options().spacing_of(space.len());
        let mut map = Vec::with_capacity(labels.len());
        for labels in labels.chunks(points) {
            let weights = self.class_weights.as_deref();
            let found = point_weights(self.weighting, labels, weights, space, &spacing);
            map.extend(found.map_err(candle_core::Error::wrap)?);
        }
        Tensor::from_vec(map, target.shape(), &Device::Cpu)?
            .to_dtype(x.dtype())?
            .to_device(x.device())
    }
}

impl Fused for DistanceCrossEntropyLoss {
    const NAME: &'static str = "distance_cross_entropy";
    const GEOMETRY: Geometry = Geometry::Sites;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        pixel_items(self.reduction, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        check_space(Self::NAME, input)?;
        check_classes(Self::NAME, input)?;
        let checked = self.options().check(input.rank() - 2);
        checked.map_err(Error::kernel(Self::NAME))
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            class_weights: self.class_weights.as_deref(),
            ignore: self.ignore_index,
        };
        evaluate(
            &self.options(),
            call.space,
            &operands,
            call.values,
            call.gradient,
        )
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let x = inputs.input;
        let (hot, mask) = class_target(x, inputs.target, self.ignore_index)?;
        let map = self.map(x, inputs.target)?;
        let own = (ops::log_softmax(x)? * &hot)?.sum_keepdim(1)?.neg()?;
        finish_pixels(
            &(own * &map)?,
            inputs,
            &mask,
            &map,
            self.reduction,
            self.normalizer,
        )
    }
}

/// What U-Net adds to the weights of points between objects: `w0 exp(−(d1 + d2)² / (2 σ²))` where no object is, `d1`
/// and `d2` being the distances to the nearest two; 0 in objects, and unless there are two.
///
/// # Shapes
/// - objects: their numbers, `(N, C, *)` with one to three axes of space, as u8, u32 or i64; 0 is the background. Each
///   plane of
///   `N` and `C` is an image of its own
/// - spacing: the distance of neighbours along each axis of space; 1 where absent
/// - result: the shape of `objects`, f64, on the CPU
///
/// Make it once, in the data loader. Add the weights of classes, and hand it to
/// [`Loss::forward_weighted`](crate::Loss::forward_weighted) of a [`CrossEntropyLoss`](crate::CrossEntropyLoss) with
/// [`Normalizer::Elements`].
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
///
/// // Two objects that touch, and background on one side: 1 and 2 from them.
/// let objects = Tensor::new(&[0u32, 1, 2], &Device::Cpu)?.reshape((1, 1, 3))?;
/// let map = cvloss::border_weight_map(&objects, 10., 5., None)?;
/// let map = map.flatten_all()?.to_vec1::<f64>()?;
/// assert_eq!(map, [10. * (-9. / 50f64).exp(), 0., 0.]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn border_weight_map(
    objects: &Tensor,
    w0: f64,
    sigma: f64,
    spacing: Option<&[f64]>,
) -> error::Result<Tensor> {
    const NAME: &str = "border_weight_map";
    let named = Error::kernel(NAME);
    if objects.dtype().is_float() {
        return Err(Error::DType {
            loss: NAME,
            argument: "objects",
            expected: "U8, U32 or I64".into(),
            got: objects.dtype(),
        });
    }
    check_space(NAME, objects)?;
    DistanceWeighting::Border { w0, sigma }
        .check()
        .map_err(&named)?;
    let space = &objects.dims()[2..];
    let ones = vec![1.0; space.len()];
    let spacing = spacing.unwrap_or(&ones);
    let numbers = objects.to_dtype(DType::I64)?.flatten_all()?;
    let mut found = Vec::with_capacity(numbers.elem_count());
    let numbers = numbers.to_vec1::<i64>()?;
    if let Some(number) = numbers.iter().find(|number| **number < 0) {
        return Err(Error::Option {
            loss: NAME,
            message: format!("objects holds {number}, expected numbers of at least 0"),
        });
    }
    let numbers: Vec<_> = numbers.into_iter().map(|number| number as usize).collect();
    for plane in numbers.chunks(space.iter().product::<usize>().max(1)) {
        found.extend(border_weights(plane, w0, sigma, space, spacing).map_err(&named)?);
    }
    Ok(Tensor::from_vec(found, objects.shape(), &Device::Cpu)?)
}
