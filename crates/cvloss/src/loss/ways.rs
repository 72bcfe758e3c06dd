//! The ways to a value and gradients: on the tape, without it, and by the composed form.

use candle_core::{Tensor, Var};

use super::{Accumulator, Gradients, Inputs, Loss, Value, value_dtype};
use crate::autograd;
use crate::error::Result;

pub(super) fn on_tape<L: Loss + ?Sized>(loss: &L, inputs: &Inputs<'_>) -> Result<Tensor> {
    if !loss.has_kernel(inputs) {
        return loss.composed(inputs);
    }
    let both = loss.differentiates_target();
    let tape = Tape::new(inputs, both);
    tape.record(inputs, |gradients| match both {
        true => loss.evaluate_both(inputs, gradients),
        false => loss.evaluate(inputs, gradients.input),
    })
}

/// Which gradients the tape needs, and the memory for them.
pub(crate) struct Tape {
    input: Option<Accumulator>,
    target: Option<Accumulator>,
}

impl Tape {
    /// `both`: the target's gradient too, if the target is tracked.
    pub(crate) fn new(inputs: &Inputs<'_>, both: bool) -> Self {
        let of = |tensor: &Tensor| tensor.track_op().then(|| Accumulator::new(tensor));
        Self {
            input: of(inputs.input),
            target: if both { of(inputs.target) } else { None },
        }
    }

    /// Evaluates a loss, and attaches its gradients to its value.
    pub(crate) fn record(
        mut self,
        inputs: &Inputs<'_>,
        evaluate: impl FnOnce(Gradients<'_>) -> Result<Value>,
    ) -> Result<Tensor> {
        let value = evaluate(Gradients {
            input: self.input.as_mut(),
            target: self.target.as_mut(),
        })?;
        let finish =
            |gradient: Option<Accumulator>| gradient.map(Accumulator::into_tensor).transpose();
        let (input, target) = (finish(self.input)?, finish(self.target)?);
        Ok(autograd::attach(
            (inputs.input, input),
            (inputs.target, target),
            &value.tensor,
            value.items,
        )?)
    }
}

pub(super) fn without_tape<L: Loss + ?Sized>(
    loss: &L,
    inputs: &Inputs<'_>,
) -> Result<(Tensor, Tensor)> {
    if !loss.has_kernel(inputs) {
        return composed_value_and_grad(loss, inputs);
    }
    let mut gradient = Accumulator::new(inputs.input);
    let value = loss.evaluate(inputs, Some(&mut gradient))?;
    Ok((value.tensor, gradient.into_tensor()?))
}

pub(super) fn both_without_tape<L: Loss + ?Sized>(
    loss: &L,
    inputs: &Inputs<'_>,
) -> Result<(Tensor, Tensor, Tensor)> {
    if !loss.has_kernel(inputs) {
        return composed_value_and_grads(loss, inputs);
    }
    let mut input = Accumulator::new(inputs.input);
    let mut target = Accumulator::new(inputs.target);
    let gradients = Gradients {
        input: Some(&mut input),
        target: Some(&mut target),
    };
    let value = loss.evaluate_both(inputs, gradients)?;
    Ok((value.tensor, input.into_tensor()?, target.into_tensor()?))
}

/// Value and both gradients of the composed form, by candle's tape.
fn composed_value_and_grads<L: Loss + ?Sized>(
    loss: &L,
    inputs: &Inputs<'_>,
) -> Result<(Tensor, Tensor, Tensor)> {
    let dtype = value_dtype(inputs.input.dtype());
    let var = |tensor: &Tensor| Var::from_tensor(&tensor.to_dtype(dtype)?.detach());
    let (input, target) = (var(inputs.input)?, var(inputs.target)?);
    let value = loss.composed(&Inputs {
        input: &input.as_tensor().to_dtype(inputs.input.dtype())?,
        target: &target.as_tensor().to_dtype(inputs.target.dtype())?,
        ..*inputs
    })?;
    let gradients = value.sum_all()?.backward()?;
    let gradient = |var: &Var| match gradients.get(var) {
        Some(gradient) => Ok(gradient.clone()),
        None => var.zeros_like(),
    };
    Ok((value.detach(), gradient(&input)?, gradient(&target)?))
}

/// Value and gradient of the composed form, by candle's tape.
fn composed_value_and_grad<L: Loss + ?Sized>(
    loss: &L,
    inputs: &Inputs<'_>,
) -> Result<(Tensor, Tensor)> {
    let wide = inputs.input.to_dtype(value_dtype(inputs.input.dtype()))?;
    let var = Var::from_tensor(&wide.detach())?;
    let input = var.as_tensor().to_dtype(inputs.input.dtype())?;
    let value = loss.composed(&Inputs {
        input: &input,
        ..*inputs
    })?;
    let gradients = value.sum_all()?.backward()?;
    let gradient = match gradients.get(&var) {
        Some(gradient) => gradient.clone(),
        None => var.zeros_like()?,
    };
    Ok((value.detach(), gradient))
}
