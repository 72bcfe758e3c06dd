//! Generalised Wasserstein Dice.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::region::{Operands, Pooling};
use kernels::wasserstein::{Options, WassersteinWeighting};

use super::cross_entropy::{check_classes, class_target};
use super::region::region_items;
use crate::error::{self, Error};
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::ops;

/// Generalised Wasserstein Dice: Dice over a softmax in which mistaking a class for a near one costs less than for a
/// far one, as parts of a tumour for each other and for healthy tissue.
///
/// ```text
/// L = 1 − (2 Σ α_y (1 − W) + n) / (D + d)        W = Σ_c M_yc p_c        p = softmax(x)
/// D = 2 Σ α_y (1 − W) + Σ W                      D = Σ α_y (2 − W)
/// α = 0 of class 0, 1 of others                  α = 1 / (1 + points of the class)
///     WassersteinWeighting::Foreground               WassersteinWeighting::Volume
/// ```
///
/// Sums run over the points of an image, `y` is a point's class. `W`, between 0 and 1, is the cost of moving a point's
/// probability to its class. `M` is divided by its largest number; it need not be symmetric, rows being true classes.
///
/// # Shapes
/// - input: logits `(N, C, *)`
/// - target: class indices `(N, *)` or `(N, 1, *)` as u8, u32, i64
/// - weight: `(N, *)` or `(N, 1, *)`, multiplies the terms of all sums
/// - value: `[]`; with [`Reduction::None`] `(N)`, one value per image
///
/// # Edge cases
/// By foreground, an image of class 0 alone has no hits: its loss is near 1 unless it is predicted without any doubt.
/// Without any point that counts, the smoothing decides; a denominator of 0 is a loss of 0 without gradient. Points of
/// weight 0 and ignored ones count nothing, whatever their logits. NaN in, NaN out.
///
/// # Errors
/// Unless the distances are C rows of C finite numbers of at least 0, those on the diagonal 0 and some other above;
/// smoothing is finite and at least 0; and there are two classes at least.
///
/// # Agrees with
/// `monai.losses.GeneralizedWassersteinDiceLoss`, which checks that the matrix is square and nothing else.
///
/// # Reference
/// Fidon et al., *Generalised Wasserstein Dice Score for Imbalanced Multi-class Segmentation using Holistic
/// Convolutional Networks*, 2017. <https://arxiv.org/abs/1707.00478>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{GeneralizedWassersteinDiceLoss, Loss};
///
/// // Classes 1 and 2 are half as far from each other as from class 0.
/// let distances = vec![vec![0., 1., 1.], vec![1., 0., 0.5], vec![1., 0.5, 0.]];
/// let loss = GeneralizedWassersteinDiceLoss { distances: Some(distances), ..Default::default() };
/// let target = Tensor::new(&[[1u32]], &Device::Cpu)?;
/// let of = |class: usize| {
///     let mut logits = [0f32; 3];
///     logits[class] = 100.;
///     let logits = Tensor::new(&logits, &Device::Cpu)?.reshape((1, 3, 1))?;
///     loss.forward(&logits, &target)?.to_scalar::<f32>().map_err(cvloss::Error::from)
/// };
/// // 1 − 2 (1 − W) / (2 (1 − W) + W)
/// assert!((of(2)? - 1. / 3.).abs() < 1e-4);
/// assert!(of(1)?.abs() < 1e-4 && (of(0)? - 1.).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct GeneralizedWassersteinDiceLoss {
    /// `M`: the distance of each true class (row) from each predicted one. Default: 1 between any two.
    pub distances: Option<Vec<Vec<f64>>>,
    /// `α`. Default: hits of the foreground.
    pub weighting: WassersteinWeighting,
    /// `n`, added to the numerator. Default 1e-5 (MONAI).
    pub smooth_nr: f64,
    /// `d`, added to the denominator. Default 1e-5 (MONAI).
    pub smooth_dr: f64,
    /// Points with this index leave all sums. Default −100.
    pub ignore_index: Option<i64>,
    /// Over images. Default: mean.
    pub reduction: Reduction,
}

impl Default for GeneralizedWassersteinDiceLoss {
    fn default() -> Self {
        Self {
            distances: None,
            weighting: WassersteinWeighting::default(),
            smooth_nr: 1e-5,
            smooth_dr: 1e-5,
            ignore_index: Some(-100),
            reduction: Reduction::default(),
        }
    }
}

impl GeneralizedWassersteinDiceLoss {
    fn options(&self) -> Options {
        Options {
            distances: self.distances.clone(),
            weighting: self.weighting,
            smooth_nr: self.smooth_nr,
            smooth_dr: self.smooth_dr,
            reduction: self.reduction,
        }
    }
}

impl Fused for GeneralizedWassersteinDiceLoss {
    const NAME: &'static str = "generalized_wasserstein_dice";
    const GEOMETRY: Geometry = Geometry::Sites;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        region_items(self.reduction, Pooling::Image, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        check_classes(Self::NAME, input)?;
        let checked = self.options().check(input.dim(1)?);
        checked.map_err(Error::kernel(Self::NAME))
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            ignore: self.ignore_index,
        };
        kernels::wasserstein::evaluate(&self.options(), &operands, call.values, call.gradient)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let x = inputs.input;
        let (items, classes) = (x.dim(0)?, x.dim(1)?);
        if inputs.target.dtype().is_float() {
            candle_core::bail!("the target must hold class indices")
        }
        let (hot, mask) = class_target(x, inputs.target, self.ignore_index)?;
        let weight = match inputs.weight {
            Some(weight) => (weight * &mask)?,
            None => mask,
        };
        let space: usize = x.dims()[2..].iter().product();
        let shaped = |tensor: &Tensor| tensor.reshape((items, tensor.dim(1)?, space));
        let (x, hot, weight) = (shaped(x)?, shaped(&hot)?, shaped(&weight)?);
        // `ne` keeps points whose mask is NaN: they report an index outside the classes.
        let counts = weight.ne(0.0)?;
        let p = ops::log_softmax(&x)?.exp()?;
        let p = counts
            .broadcast_as(p.shape())?
            .where_cond(&p, &p.zeros_like()?)?;
        let distances = self.options().distances(classes);
        let distances = distances.map_err(candle_core::Error::msg)?;
        let columns = Tensor::from_vec(distances, (classes, classes), x.device())?;
        let columns = columns.t()?.contiguous()?.to_dtype(x.dtype())?;
        let costs = columns
            .broadcast_left(items)?
            .contiguous()?
            .matmul(&hot.contiguous()?)?;
        let distance = (costs * p)?.sum_keepdim(1)?;
        let of_class = |values: &Tensor| hot.broadcast_mul(values)?.sum(2);
        let points = of_class(&weight)?;
        let distances = of_class(&(distance * &weight)?)?;
        let alpha = match self.weighting {
            WassersteinWeighting::Foreground => {
                let alpha: Vec<f64> = (0..classes).map(|y| f64::from(u8::from(y > 0))).collect();
                ops::per_class(&alpha, &points)?.broadcast_as(points.shape())?
            }
            WassersteinWeighting::Volume => (&points + 1.0)?.recip()?,
        };
        let hits = (&alpha * (&points - &distances)?)?.sum(1)?;
        let all = match self.weighting {
            WassersteinWeighting::Foreground => ((&hits * 2.0)? + distances.sum(1)?)?,
            WassersteinWeighting::Volume => (alpha * ((points * 2.0)? - distances)?)?.sum(1)?,
        };
        let numerator = ((hits * 2.0)? + self.smooth_nr)?;
        let denominator = (all + self.smooth_dr)?;
        let is_nothing = denominator.eq(0.0)?;
        let ones = denominator.ones_like()?;
        let score = (numerator / is_nothing.where_cond(&ones, &denominator)?)?;
        let losses = is_nothing.where_cond(&ones, &score)?.affine(-1.0, 1.0)?;
        match self.reduction {
            Reduction::None => Ok(losses),
            Reduction::Sum => losses.sum_all(),
            Reduction::Mean => losses.mean_all(),
        }
    }
}
