//! Lovász hinge and Lovász softmax.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::lovasz::{Form, LovaszClasses, Options};
use kernels::region::{Activation, Operands, Pooling};

use super::cross_entropy::{check_classes, class_target};
use crate::error;
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::ops;

/// Lovász softmax: the convex extension of `1 − IoU` to errors of probabilities, the mean over classes.
///
/// ```text
/// e_i = |t_i − p_i|, sorted, largest first         L_c = Σ_k e_k (J_k − J_(k−1))
/// J_k = 1 − I_k / U_k                              IoU if the first k points, and no others, were wrong
/// ```
///
/// # Shapes
/// - input: `(N, C, *)`, logits unless the activation is [`Activation::Identity`]
/// - target: class indices `(N, *)` or `(N, 1, *)` as u8, u32, i64, or zeros and ones `(N, C, *)` in the input's dtype, of
///   which what lies above 0.5 is of the class. With one channel, index 1 is the foreground
/// - weight: `(N, *)` or `(N, 1, *)`, what a point counts in `I` and `U`; a point of weight 0 is ignored
/// - value: `[]`; with [`Reduction::None`] `(N)`, one value per image, or `[]` where the batch is pooled
///
/// # Edge cases
/// An image of which no point counts, or that has no class to take a mean of: 0. An absent class that counts
/// ([`LovaszClasses::All`]): its largest error. Equal errors: their order, on which the gradient depends, is that of the
/// points. An error of 0 has gradient 0. NaN in, NaN out.
///
/// # Agrees with
/// `segmentation_models_pytorch.losses.LovaszLoss("multiclass")` with [`Pooling::Batch`], `per_image=True` with
/// [`Pooling::Image`]; kornia's `lovasz_softmax_loss` with [`LovaszClasses::All`]. With all points ignored, that of
/// segmentation_models_pytorch is no scalar.
///
/// # Reference
/// Berman et al., *The Lovász-Softmax loss*, 2018. <https://arxiv.org/abs/1705.08790>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, LovaszSoftmaxLoss};
///
/// // Two points of class 1, of which the logits know nothing: both errors are 0.5, and cost half of the IoU each.
/// let logits = Tensor::zeros((1, 2, 2), candle_core::DType::F32, &Device::Cpu)?;
/// let target = Tensor::new(&[[1u32, 1]], &Device::Cpu)?;
/// let (value, _gradient) = LovaszSoftmaxLoss::default().value_and_grad(&logits, &target)?;
/// assert_eq!(value.to_scalar::<f32>()?, 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct LovaszSoftmaxLoss {
    /// How the input becomes probabilities. Default: softmax.
    pub activation: Activation,
    /// Which classes count. Default: those that a region has points of (the paper).
    pub classes: LovaszClasses,
    /// What is sorted together. Default: each image by itself.
    pub pooling: Pooling,
    /// Points with this index do not count. Default −100.
    pub ignore_index: Option<i64>,
    /// How images are reduced. Default: mean.
    pub reduction: Reduction,
}

impl Default for LovaszSoftmaxLoss {
    fn default() -> Self {
        Self {
            activation: Activation::Softmax,
            classes: LovaszClasses::Present,
            pooling: Pooling::Image,
            ignore_index: Some(-100),
            reduction: Reduction::Mean,
        }
    }
}

/// Lovász hinge: the convex extension of `1 − IoU` to hinge errors of logits, for binary and multilabel segmentation.
///
/// ```text
/// e_i = max(1 − s_i z_i, 0), s = 1 inside, −1 outside, sorted, largest first       L = Σ_k e_k (J_k − J_(k−1))
/// ```
///
/// with `J` as in [`LovaszSoftmaxLoss`], which also has the shapes. Each channel is a class of its own, and their losses
/// are averaged; to sort all channels together, as segmentation_models_pytorch's multilabel mode does, reshape
/// `(N, C, *)` to `(N, 1, C·*)`.
///
/// # Edge cases
/// An image without foreground: its largest error, as in the peers; 0 with [`LovaszClasses::Present`]. No point that
/// counts: 0. Equal errors: in the order of the points. NaN in, NaN out.
///
/// # Agrees with
/// `segmentation_models_pytorch.losses.LovaszLoss("binary")` with [`Pooling::Batch`], `per_image=True` with
/// [`Pooling::Image`]; kornia's `lovasz_hinge_loss`.
///
/// # Reference
/// Yu and Blaschko, *Learning Submodular Losses with the Lovász Hinge*, 2015. <https://arxiv.org/abs/1512.07797>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, LovaszHingeLoss};
///
/// // The point inside is not sure enough (an error of 0.5, which costs the whole IoU), the other is.
/// let logits = Tensor::new(&[[[0.5f32, -2.0]]], &Device::Cpu)?;
/// let target = Tensor::new(&[[1u32, 0]], &Device::Cpu)?;
/// let (value, gradient) = LovaszHingeLoss::default().value_and_grad(&logits, &target)?;
/// assert_eq!(value.to_scalar::<f32>()?, 0.5);
/// assert_eq!(gradient.to_vec3::<f32>()?, [[[-1.0, 0.0]]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct LovaszHingeLoss {
    /// Which channels count. Default: all.
    pub classes: LovaszClasses,
    /// What is sorted together. Default: each image by itself.
    pub pooling: Pooling,
    /// Points with this index do not count. Default −100.
    pub ignore_index: Option<i64>,
    /// How images are reduced. Default: mean.
    pub reduction: Reduction,
}

impl Default for LovaszHingeLoss {
    fn default() -> Self {
        Self {
            classes: LovaszClasses::All,
            pooling: Pooling::Image,
            ignore_index: Some(-100),
            reduction: Reduction::Mean,
        }
    }
}

/// What both are made of.
trait Lovasz {
    const NAME: &'static str;
    fn options(&self) -> Options;
    fn ignore_index(&self) -> Option<i64>;
}

impl Lovasz for LovaszSoftmaxLoss {
    const NAME: &'static str = "lovasz_softmax";

    fn options(&self) -> Options {
        Options {
            form: Form::Probability(self.activation),
            classes: self.classes.clone(),
            pooling: self.pooling,
            reduction: self.reduction,
        }
    }

    fn ignore_index(&self) -> Option<i64> {
        self.ignore_index
    }
}

impl Lovasz for LovaszHingeLoss {
    const NAME: &'static str = "lovasz_hinge";

    fn options(&self) -> Options {
        Options {
            form: Form::Hinge,
            classes: self.classes.clone(),
            pooling: self.pooling,
            reduction: self.reduction,
        }
    }

    fn ignore_index(&self) -> Option<i64> {
        self.ignore_index
    }
}

macro_rules! fused {
    ($($loss:ty),*) => {$(
        impl Fused for $loss {
            const NAME: &'static str = <$loss as Lovasz>::NAME;
            const GEOMETRY: Geometry = Geometry::Sites;

            fn reduction(&self) -> Reduction {
                self.reduction
            }

            fn items(&self, input: &Shape) -> (Shape, Shape) {
                super::region::region_items(self.reduction, self.pooling, input)
            }

            fn check(&self, input: &Tensor) -> error::Result<()> {
                check(self, input)
            }

            fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
                run(self, call)
            }

            fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
                compose(&self.options(), self.ignore_index, inputs)
            }
        }
    )*};
}
fused!(LovaszSoftmaxLoss, LovaszHingeLoss);

fn check<L: Lovasz>(loss: &L, input: &Tensor) -> error::Result<()> {
    let options = loss.options();
    options
        .check(input.dim(1)?)
        .map_err(error::Error::kernel(L::NAME))?;
    match options.form {
        Form::Probability(Activation::Softmax) => check_classes(L::NAME, input),
        _ => Ok(()),
    }
}

fn run<L: Lovasz>(loss: &L, call: Call<'_, '_>) -> kernels::Result<f64> {
    let operands = Operands {
        input: call.input,
        target: call.target,
        weight: call.weight,
        ignore: loss.ignore_index(),
    };
    kernels::lovasz::evaluate(&loss.options(), &operands, call.values, call.gradient)
}

/// The errors are candle's; their order is found on the host, since candle has no long stable sort on devices, and no
/// cumulative sum in linear memory.
fn compose(options: &Options, ignore: Option<i64>, inputs: &Inputs<'_>) -> Result<Tensor> {
    let x = inputs.input;
    let (t, mask) = class_target(x, inputs.target, ignore)?;
    let own = t.gt(0.5)?;
    let sign = own.to_dtype(x.dtype())?.affine(-2.0, 1.0)?;
    let errors = match options.form {
        Form::Hinge => ((x * &sign)? + 1.0)?,
        Form::Probability(Activation::Sigmoid) => ops::sigmoid(&(x * &sign)?)?,
        Form::Probability(activation) => {
            let p = match activation {
                Activation::Softmax => ops::log_softmax(x)?.exp()?,
                _ => x.clone(),
            };
            let difference = ((&p * &sign)? + own.to_dtype(x.dtype())?)?;
            ops::abs(&difference)?
        }
    };
    // NaN in a target is NaN in its error.
    let errors = (errors + (&t * 0.0)?)?;
    let weight = match inputs.weight {
        Some(weight) => (weight * mask)?,
        None => mask,
    };
    let weight = weight.broadcast_as(x.shape())?;
    let errors = weight.eq(0.0)?.where_cond(&errors.zeros_like()?, &errors)?;
    let numbers = |x: &Tensor| {
        x.to_dtype(candle_core::DType::F64)?
            .flatten_all()?
            .to_vec1::<f64>()
    };
    let points = Points {
        errors: numbers(&errors.detach())?,
        own: numbers(&own.to_dtype(x.dtype())?)?,
        weights: numbers(&weight)?,
    };
    let (items, classes) = (x.dim(0)?, x.dim(1)?);
    let slopes = points.slopes(options, [items, classes, x.dims()[2..].iter().product()]);
    let slopes = Tensor::from_vec(slopes, x.shape(), &candle_core::Device::Cpu)?
        .to_dtype(x.dtype())?
        .to_device(x.device())?;
    let losses = (errors * slopes)?.flatten_from(1)?.sum(1)?;
    match (options.reduction, options.pooling) {
        (Reduction::Mean, Pooling::Image) => losses.mean_all(),
        (Reduction::None, Pooling::Image) => Ok(losses),
        _ => losses.sum_all(),
    }
}

/// What the order of errors depends on, (N, C, S).
struct Points {
    errors: Vec<f64>,
    own: Vec<f64>,
    weights: Vec<f64>,
}

impl Points {
    /// What each error counts in its region's loss.
    fn slopes(&self, options: &Options, [items, classes, space]: [usize; 3]) -> Vec<f64> {
        let mut slopes = vec![0.0; self.errors.len()];
        let regions: Vec<std::ops::Range<usize>> = match options.pooling {
            Pooling::Image => (0..items).map(|n| n..n + 1).collect(),
            Pooling::Batch => std::iter::once(0..items).collect(),
        };
        for region in regions {
            let points = |class: usize| {
                let rows = region.clone().map(move |n| (n * classes + class) * space);
                let points = rows.flat_map(|start| start..start + space);
                points
                    .filter(|i| self.weights[*i] != 0.0)
                    .collect::<Vec<_>>()
            };
            let counts = |class: &usize| match &options.classes {
                LovaszClasses::All => true,
                LovaszClasses::Listed(list) => list.contains(class),
                LovaszClasses::Present => points(*class).iter().any(|i| self.own[*i] > 0.0),
            };
            let counted: Vec<usize> = (0..classes).filter(counts).collect();
            for class in &counted {
                self.sort(points(*class), counted.len() as f64, &mut slopes);
            }
        }
        // An index outside the classes.
        for (slope, weight) in slopes.iter_mut().zip(&self.weights) {
            *slope += weight * 0.0;
        }
        slopes
    }

    /// Differences of the Jaccard loss along the sorted points of a class.
    fn sort(&self, mut points: Vec<usize>, count: f64, slopes: &mut [f64]) {
        points.sort_by(|a, b| self.errors[*b].total_cmp(&self.errors[*a]));
        let own: f64 = points.iter().map(|i| self.own[*i] * self.weights[*i]).sum();
        let (mut hits, mut union, mut before) = (own, own, 0.0);
        for i in points {
            hits -= self.own[i] * self.weights[i];
            union += (1.0 - self.own[i]) * self.weights[i];
            let loss = 1.0 - hits / union;
            // An error that is not positive costs nothing; NaN is NaN in the slope too.
            slopes[i] = match self.errors[i] {
                error if error.is_nan() => error,
                error if error <= 0.0 => 0.0,
                _ => (loss - before) / count,
            };
            before = loss;
        }
    }
}
