//! Bi-tempered logistic loss.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::bi_tempered::{Options, evaluate};
use kernels::loops::site::Operands;
use kernels::{Normalizer, Reduction};

use super::cross_entropy::{check_classes, class_target, finish_pixels, pixel_items};
use crate::error::{self, Error};
use crate::loss::{Call, Fused, Geometry, Inputs};
use crate::ops;

/// Bi-tempered logistic loss, for labels that may be wrong: a softmax with heavy tails, and a logarithm that is
/// bounded.
///
/// ```text
/// L = Σ_c t'_c (log_t1 t'_c − log_t1 p_c) − (t'_c^(2−t1) − p_c^(2−t1)) / (2 − t1)
///
/// p_c = exp_t2(x_c − λ),  λ such that Σ_c p_c = 1,  t' = (1 − s) t + s/C
/// log_t u = (u^(1−t) − 1) / (1 − t),  exp_t u = max(1 + (1 − t) u, 0)^(1/(1−t))
/// ```
///
/// with `t` one-hot for class indices, and `s` the label smoothing. A point weighs `Σ_c w_c t_c`, `w` being the class
/// weights. With `t1 < 1` a point costs at most `1 / (1 − t1)`, and with `t2 > 1` small probabilities fall off slowly.
/// `λ` is found by Newton's method to the last digits, and the gradient goes through it.
///
/// With `t1 = t2 = 1` this is [`CrossEntropyLoss`](crate::CrossEntropyLoss), less the entropy of smoothed or soft
/// targets.
///
/// # Shapes
/// As [`CrossEntropyLoss`](crate::CrossEntropyLoss).
///
/// # Edge cases
/// All ignored or empty: the mean is 0, and so is the gradient. `t2 < 1` has probabilities of exactly 0, where the
/// gradient is 0 too. `t1 > t2` would make gradients there infinite, and is an error. A logit of −∞ is a class of
/// probability 0.
///
/// # Agrees with
/// Google's `bi_tempered_logistic_loss` and that of pytorch-toolbelt, with as many of its iterations as it takes: the
/// five by default leave a sum of probabilities of up to 1.01 for a thousand classes. Their smoothing `s` is
/// `s C / (C − 1)` here.
///
/// # Reference
/// Amid et al., *Robust Bi-Tempered Logistic Loss Based on Bregman Divergences*, 2019.
/// <https://arxiv.org/abs/1906.03361>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{BiTemperedLoss, Loss};
///
/// // Two equal logits: both probabilities are ½, whatever the temperature.
/// let logits = Tensor::new(&[[3f32, 3.]], &Device::Cpu)?;
/// let target = Tensor::new(&[0u32], &Device::Cpu)?;
/// let loss = BiTemperedLoss { t1: 0., t2: 2., ..BiTemperedLoss::default() };
/// let value = loss.forward(&logits, &target)?;
/// // (1 − ½) − (1 − 2 · ½²) / 2
/// assert!((value.to_scalar::<f32>()? - 0.25).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct BiTemperedLoss {
    /// Temperature of the logarithm, in `[0, 1]` and not above `t2`. Default 0.8.
    pub t1: f64,
    /// Temperature of the softmax, above 0 and at most 10. Default 1.2.
    pub t2: f64,
    /// Share of the target that is spread over all classes, in `[0, 1]`. Default 0.
    pub label_smoothing: f64,
    /// One weight per class; 1 where absent.
    pub class_weights: Option<Vec<f64>>,
    /// Points with this index have value 0 and leave the mean's denominator. Default −100.
    pub ignore_index: Option<i64>,
    /// What the mean divides by. Default: the points' class weights, as [`CrossEntropyLoss`](crate::CrossEntropyLoss).
    pub normalizer: Normalizer,
    /// Default: mean.
    pub reduction: Reduction,
}

impl Default for BiTemperedLoss {
    fn default() -> Self {
        Self {
            t1: 0.8,
            t2: 1.2,
            label_smoothing: 0.0,
            class_weights: None,
            ignore_index: Some(-100),
            normalizer: Normalizer::Weights,
            reduction: Reduction::default(),
        }
    }
}

impl BiTemperedLoss {
    fn options(&self) -> Options {
        Options {
            t1: self.t1,
            t2: self.t2,
            label_smoothing: self.label_smoothing,
            normalizer: self.normalizer,
            reduction: self.reduction,
        }
    }
}

impl Fused for BiTemperedLoss {
    const NAME: &'static str = "bi_tempered";
    const GEOMETRY: Geometry = Geometry::Sites;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        pixel_items(self.reduction, input)
    }

    fn check(&self, input: &Tensor) -> error::Result<()> {
        check_classes(Self::NAME, input)?;
        self.options().check().map_err(Error::kernel(Self::NAME))
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
        let s = self.label_smoothing;
        let shares = hot.affine(1.0 - s, s / x.dim(1)? as f64)?;
        let m = 1.0 - self.t1;
        let p = Tempered::softmax(x, self.t2)?;
        let cost = match m {
            0.0 => p.minus_ln.clone(),
            m => p.power(m)?.affine(-1.0 / m, 1.0 / m)?,
        };
        let divergence =
            ((own_term(&shares, m)? + (shares * cost)?)? + (p.power(1.0 + m)? / (1.0 + m))?)?;
        let weights = match &self.class_weights {
            Some(weights) => hot
                .broadcast_mul(&ops::per_class(weights, x)?)?
                .sum_keepdim(1)?,
            None => mask.clone(),
        };
        let values = (divergence.sum_keepdim(1)? * &weights)?;
        let point_weights = match inputs.target.dtype().is_float() {
            true => mask.clone(),
            false => weights,
        };
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

/// `t log_t1 t − t^(1+m)/(1+m)`, 0 for 0.
fn own_term(shares: &Tensor, m: f64) -> Result<Tensor> {
    let is_zero = shares.eq(0.0)?;
    let safe = is_zero.where_cond(&shares.ones_like()?, shares)?;
    let ln = safe.log()?;
    let power = (&ln * m)?.exp()?;
    let log = match m {
        0.0 => ln,
        m => ((&power - 1.0)? / m)?,
    };
    let term = (safe * (log - (power / (1.0 + m))?)?)?;
    is_zero.where_cond(&term.zeros_like()?, &term)
}

/// Probabilities `exp_t(−u)`.
struct Tempered {
    minus_ln: Tensor,
    /// Where they are 0.
    is_cut: Option<Tensor>,
    /// `p^(1−t)`, 1 where they are 0.
    base: Tensor,
}

impl Tempered {
    fn exp(u: &Tensor, t: f64) -> Result<Self> {
        if t == 1.0 {
            return Ok(Self {
                minus_ln: u.clone(),
                is_cut: None,
                base: u.ones_like()?,
            });
        }
        let base = u.affine(t - 1.0, 1.0)?;
        let (base, is_cut) = match t < 1.0 {
            true => {
                let is_cut = base.le(0.0)?;
                (is_cut.where_cond(&base.ones_like()?, &base)?, Some(is_cut))
            }
            false => (base, None),
        };
        Ok(Self {
            minus_ln: (base.log()? / (t - 1.0))?,
            is_cut,
            base,
        })
    }

    /// `p^e`.
    fn power(&self, e: f64) -> Result<Tensor> {
        let power = (&self.minus_ln * -e)?.exp()?;
        match &self.is_cut {
            Some(is_cut) => is_cut.where_cond(&power.zeros_like()?, &power),
            None => Ok(power),
        }
    }

    /// How far to raise `λ`: a step of Newton's method, on the tape if `below` is.
    fn step(below: &Tensor, lambda: &Tensor, t: f64) -> Result<Tensor> {
        let p = Self::exp(&below.broadcast_add(lambda)?, t)?;
        let all = p.power(1.0)?;
        let sum = all.sum_keepdim(1)?;
        if t == 1.0 {
            return sum.log();
        }
        let escorts = (all / &p.base)?.sum_keepdim(1)?;
        ((sum.log()? * t)?.exp()? - &sum)? / (escorts * (t - 1.0))?
    }

    /// Over axis 1.
    fn softmax(x: &Tensor, t: f64) -> Result<Self> {
        let below = x.max_keepdim(1)?.detach().broadcast_sub(x)?;
        let constant = below.detach();
        let mut lambda = constant.narrow(1, 0, 1)?.zeros_like()?;
        for _ in 0..20 {
            lambda = (&lambda + Self::step(&constant, &lambda, t)?)?;
        }
        // At the root, one step has the first derivative, two have the second too.
        for _ in 0..2 {
            lambda = (&lambda + Self::step(&below, &lambda, t)?)?;
        }
        Self::exp(&below.broadcast_add(&lambda)?, t)
    }
}
