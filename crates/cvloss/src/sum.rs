//! Weighted sums of losses.

use candle_core::{Shape, Tensor};

use crate::error::{Error, Result};
use crate::loss::{
    Accumulator, Gradients, Inputs, Loss, Tape, Value, no_target_gradient, value_dtype,
};

/// A weighted sum of losses, each with a name.
///
/// ```text
/// L = Σ_k w_k L_k
/// ```
///
/// The gradients of all terms add up in one buffer. Every term must be a scalar, and reads the same input, target and
/// weight.
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use cvloss::{BceLoss, DiceLoss, Loss, LossSum};
///
/// let loss = LossSum::new()
///     .term("bce", 0.5, BceLoss::default())
///     .term("dice", 1.0, DiceLoss::binary());
/// let logits = Tensor::zeros((1, 1, 4, 4), DType::F32, &Device::Cpu)?;
/// let target = Tensor::ones((1, 1, 4, 4), DType::F32, &Device::Cpu)?;
/// let terms = loss.forward_terms(&logits, &target)?;
/// assert_eq!(terms.terms[1].name, "dice");
/// let total: f32 = terms.total.to_scalar()?;
/// assert!((total - (0.5 * 2f32.ln() + 1.0 / 3.0)).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct LossSum {
    terms: Vec<(String, f64, Box<dyn Loss + Send + Sync>)>,
}

/// A weighted sum with its terms.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Terms {
    /// The sum, on the tape.
    pub total: Tensor,
    /// Each term, in order.
    pub terms: Vec<Term>,
}

/// One term of a weighted sum.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Term {
    /// Its name.
    pub name: String,
    /// Its factor in the sum.
    pub weight: f64,
    /// Its value without the factor, off the tape.
    pub value: Tensor,
}

impl std::fmt::Debug for LossSum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let terms = self
            .terms
            .iter()
            .map(|(name, weight, loss)| (name, weight, loss.name()));
        f.debug_list().entries(terms).finish()
    }
}

impl LossSum {
    /// An empty sum: 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `weight` times `loss`.
    pub fn term(
        mut self,
        name: impl Into<String>,
        weight: f64,
        loss: impl Loss + Send + Sync + 'static,
    ) -> Self {
        self.terms.push((name.into(), weight, Box::new(loss)));
        self
    }

    /// As [`term`](Self::term), for losses chosen at run time.
    pub fn push(
        &mut self,
        name: impl Into<String>,
        weight: f64,
        loss: Box<dyn Loss + Send + Sync>,
    ) {
        self.terms.push((name.into(), weight, loss));
    }

    /// The sum on candle's tape, and each of its terms.
    pub fn forward_terms(&self, input: &Tensor, target: &Tensor) -> Result<Terms> {
        self.terms_of(&Inputs {
            input,
            target,
            weight: None,
        })
    }

    /// As [`forward_terms`](Self::forward_terms), with a weight map or mask.
    pub fn forward_terms_weighted(
        &self,
        input: &Tensor,
        target: &Tensor,
        weight: &Tensor,
    ) -> Result<Terms> {
        let weight = Some(weight);
        self.terms_of(&Inputs {
            input,
            target,
            weight,
        })
    }

    fn terms_of(&self, inputs: &Inputs<'_>) -> Result<Terms> {
        if !inputs.input.device().is_cpu() {
            return self.composed_terms(inputs);
        }
        let mut terms = Vec::new();
        let tape = Tape::new(inputs, self.differentiates_target());
        let total = tape.record(inputs, |gradients| {
            let (total, each) = self.add_up(inputs, gradients)?;
            terms = each;
            Ok(total)
        })?;
        Ok(Terms { total, terms })
    }

    /// Evaluates every term into the same gradients.
    fn add_up(
        &self,
        inputs: &Inputs<'_>,
        mut gradients: Gradients<'_>,
    ) -> Result<(Value, Vec<Term>)> {
        let scale_of = |gradient: &Option<&mut Accumulator>| gradient.as_ref().map(|g| g.scale);
        let outer = [scale_of(&gradients.input), scale_of(&gradients.target)];
        let mut total = 0.0;
        let mut terms = Vec::with_capacity(self.terms.len());
        for (name, weight, loss) in &self.terms {
            gradients.scale(outer, *weight);
            let value = loss.evaluate_both(inputs, gradients.reborrow())?.tensor;
            check_scalar(name, value.shape())?;
            total += weight
                * value
                    .to_dtype(candle_core::DType::F64)?
                    .to_scalar::<f64>()?;
            terms.push(Term {
                name: name.clone(),
                weight: *weight,
                value,
            });
        }
        gradients.scale(outer, 1.0);
        Ok((Value::scalar(total, inputs.input)?, terms))
    }

    fn composed_terms(&self, inputs: &Inputs<'_>) -> Result<Terms> {
        let dtype = value_dtype(inputs.input.dtype());
        let mut total = Tensor::zeros((), dtype, inputs.input.device())?;
        let mut terms = Vec::with_capacity(self.terms.len());
        for (name, weight, loss) in &self.terms {
            let value = loss.composed(inputs)?;
            check_scalar(name, value.shape())?;
            total = (total + (&value * *weight)?)?;
            terms.push(Term {
                name: name.clone(),
                weight: *weight,
                value: value.detach(),
            });
        }
        Ok(Terms { total, terms })
    }
}

fn check_scalar(name: &str, shape: &Shape) -> Result<()> {
    if shape.rank() == 0 {
        return Ok(());
    }
    let message = format!(
        "term {name} has shape {shape:?}: only scalars add up, so its reduction must not be None"
    );
    Err(Error::Option {
        loss: "sum",
        message,
    })
}

impl Loss for LossSum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn evaluate(&self, inputs: &Inputs<'_>, gradient: Option<&mut Accumulator>) -> Result<Value> {
        let target = None;
        let input = gradient;
        self.evaluate_both(inputs, Gradients { input, target })
    }

    /// If there are terms and every one does.
    fn differentiates_target(&self) -> bool {
        let mut losses = self.terms.iter().map(|(_, _, loss)| loss);
        !self.terms.is_empty() && losses.all(|loss| loss.differentiates_target())
    }

    fn evaluate_both(&self, inputs: &Inputs<'_>, gradients: Gradients<'_>) -> Result<Value> {
        if gradients.target.is_some() && !self.differentiates_target() {
            return Err(no_target_gradient(self.name()));
        }
        Ok(self.add_up(inputs, gradients)?.0)
    }

    fn composed(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        Ok(self.composed_terms(inputs)?.total)
    }
}
