//! Seesaw loss.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::loops::site::Operands;
use kernels::seesaw::{Options, evaluate};
use kernels::{Normalizer, Reduction};

use super::cross_entropy::{check_classes, class_target, finish_pixels, pixel_items};
use crate::error::{self, Error};
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::ops;

/// Seesaw loss, for a few classes that are frequent and many that are rare: cross-entropy that pushes rare classes down
/// less (mitigation), unless they are predicted by mistake (compensation).
///
/// ```text
/// L = −w_y ln (e^(x_y) / Σ_c S_yc e^(x_c))        S_yy = 1
/// S_yc = min(N_c / N_y, 1)^p · max(σ_c / max(σ_y, ε), 1)^q        σ = softmax(x)
/// ```
///
/// `N` are the numbers of points of each class seen so far. They are yours ([`ClassCounts`] keeps them); without
/// `counts` there is no mitigation. A number below 1 counts as 1. The factors `S` count as constant, as in mmdetection.
///
/// # Shapes
/// As [`SoftmaxFocalLoss`](crate::SoftmaxFocalLoss).
///
/// # Edge cases
/// As [`CrossEntropyLoss`](crate::CrossEntropyLoss), which it is for `p = q = 0`.
///
/// # Agrees with
/// The loss over classes of mmdetection's `SeesawLoss`. That has two more logits per point, for whether there is an
/// object: add a [`CrossEntropyLoss`](crate::CrossEntropyLoss) of these. Its counts include the batch at hand, so
/// update yours first.
///
/// # Reference
/// Wang et al., *Seesaw Loss for Long-Tailed Instance Segmentation*, 2021. <https://arxiv.org/abs/2008.10032>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{Loss, SeesawLoss};
///
/// let logits = Tensor::new(&[[0f32, 0.]], &Device::Cpu)?;
/// let target = Tensor::new(&[0u32], &Device::Cpu)?;
/// // Class 1 was seen a hundredth as often: its exponential counts 0.01^0.5.
/// let loss = SeesawLoss { counts: Some(vec![100., 1.]), p: 0.5, ..SeesawLoss::default() };
/// let value = loss.forward(&logits, &target)?;
/// assert!((value.to_scalar::<f32>()? - 1.1f32.ln()).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct SeesawLoss {
    /// How many points of each class were seen, one number per class. Default: no mitigation.
    pub counts: Option<Vec<f64>>,
    /// Power of the mitigation, at least 0. Default 0.8 (the paper, mmdetection).
    pub p: f64,
    /// Power of the compensation, at least 0. Default 2 (the paper, mmdetection).
    pub q: f64,
    /// The least `σ_y` that the compensation divides by, above 0 and at most 1. Default 0.01 (mmdetection).
    pub eps: f64,
    /// One weight per class; 1 where absent.
    pub class_weights: Option<Vec<f64>>,
    /// Points with this index have value 0 and leave the mean's denominator. Default −100.
    pub ignore_index: Option<i64>,
    /// What the mean divides by. Default: the number of points (mmdetection).
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for SeesawLoss {
    fn default() -> Self {
        Self {
            counts: None,
            p: 0.8,
            q: 2.0,
            eps: 0.01,
            class_weights: None,
            ignore_index: Some(-100),
            normalizer: Normalizer::Elements,
            reduction: Reduction::default(),
        }
    }
}

/// How many points of each class were seen, over steps.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ClassCounts {
    /// The numbers, 0 at first. Add up those of several processes.
    pub counts: Vec<f64>,
}

impl ClassCounts {
    /// No point of any of so many classes.
    pub fn new(classes: usize) -> Self {
        Self {
            counts: vec![0.0; classes],
        }
    }

    /// Takes in a step's class indices, of any shape, in host memory; those that `ignore_index` names do not count.
    ///
    /// # Example
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use cvloss::{ClassCounts, SeesawLoss};
    ///
    /// let mut seen = ClassCounts::new(3);
    /// seen.update(&Tensor::new(&[[0i64, 2, 2, -100]], &Device::Cpu)?, Some(-100))?;
    /// let _loss = SeesawLoss { counts: Some(seen.counts.clone()), ..SeesawLoss::default() };
    /// assert_eq!(seen.counts, [1., 0., 2.]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn update(&mut self, target: &Tensor, ignore_index: Option<i64>) -> error::Result<()> {
        let dtype = target.dtype();
        if dtype.is_float() {
            return Err(Error::DType {
                loss: SeesawLoss::NAME,
                argument: "target",
                expected: "U8, U32 or I64".into(),
                got: dtype,
            });
        }
        let labels = target.to_dtype(candle_core::DType::I64)?.flatten_all()?;
        let mut found = vec![0.0; self.counts.len()];
        for label in labels.to_vec1::<i64>()? {
            if Some(label) == ignore_index {
                continue;
            }
            let place = usize::try_from(label)
                .ok()
                .and_then(|class| found.get_mut(class));
            match place {
                Some(count) => *count += 1.0,
                None => {
                    return Err(Error::kernel(SeesawLoss::NAME)(kernels::Error::Class {
                        class: label,
                        classes: self.counts.len(),
                    }));
                }
            }
        }
        for (count, found) in self.counts.iter_mut().zip(found) {
            *count += found;
        }
        Ok(())
    }
}

impl SeesawLoss {
    fn options(&self) -> Options {
        Options {
            counts: self.counts.clone(),
            p: self.p,
            q: self.q,
            eps: self.eps,
            normalizer: self.normalizer,
            reduction: self.reduction,
        }
    }
}

impl Fused for SeesawLoss {
    const NAME: &'static str = "seesaw";
    const GEOMETRY: Geometry = Geometry::Sites;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        pixel_items(self.reduction, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        check_classes(Self::NAME, input)?;
        let (options, classes) = (self.options(), input.dim(1)?);
        let checked = options
            .check()
            .and_then(|()| options.check_classes(classes));
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
        evaluate(&self.options(), &operands, call.values, call.gradient)
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let x = inputs.input;
        let (hot, mask) = class_target(x, inputs.target, self.ignore_index)?;
        let constant = x.detach();
        let ln_p = ops::log_softmax(&constant)?;
        let own = (&ln_p * &hot)?.sum_keepdim(1)?;
        let floor = own.maximum(self.eps.ln())?;
        // In numbers of nats above the true class, or below.
        let compensation = (ln_p.broadcast_sub(&floor)?.maximum(0.0)? * self.q)?;
        let factors = match &self.counts {
            None => compensation,
            Some(counts) => {
                let ln: Vec<_> = counts.iter().map(|count| count.max(1.0).ln()).collect();
                let ln = ops::per_class(&ln, x)?;
                let of_own = hot.broadcast_mul(&ln)?.sum_keepdim(1)?;
                let less = ln.broadcast_sub(&of_own)?.minimum(0.0)?;
                (compensation + (less * self.p)?)?
            }
        };
        let others = hot.affine(-1.0, 1.0)?;
        let moved = (x + (factors.detach() * others)?)?;
        let weighted = match &self.class_weights {
            Some(weights) => hot.broadcast_mul(&ops::per_class(weights, x)?)?,
            None => hot.clone(),
        };
        let point_weights = weighted.sum_keepdim(1)?;
        let values = (ops::log_softmax(&moved)? * weighted)?
            .sum_keepdim(1)?
            .neg()?;
        finish_pixels(
            &values,
            inputs,
            &mask,
            &point_weights,
            self.reduction,
            self.normalizer,
        )
    }
}
