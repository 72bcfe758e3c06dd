//! The gradient of a network with respect to its input, as part of a loss.
//!
//! A penalty `P(g)` on `g = ∇_x S(x; θ)` needs `∂P/∂θ = v · ∂g/∂θ` with the direction `v = ∂P/∂g`, a second derivative
//! of the network. But `v` is known once `g` is, and the two derivatives may change places:
//!
//! ```text
//! v · ∂g/∂θ = ∂/∂θ (v · ∇_x S) = d/dε ∇_θ S(x + ε v; θ)
//! ```
//!
//! so that two more evaluations of the network, at `x ± ε v`, give it by a central difference, with first derivatives
//! only.

use candle_core::{DType, Device, Result as CandleResult, Tensor, Var};

use crate::error::{Error, Result};
use crate::loss::value_dtype;

/// How a penalty on an input gradient reaches the parameters of the network. Its value is exact either way.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Derivative {
    /// By a central difference of the network's parameter gradient: two more evaluations, first derivatives only.
    ///
    /// `step` is the largest displacement of a sample, relative to the root mean square of all inputs. The error of the
    /// difference grows with its square, that of rounding with its inverse. Absent, the step balances both:
    ///
    /// | dtype | step | error of the gradient, relative to its norm, smooth networks |
    /// |---|---|---|
    /// | f64 | 1e-5 | 1e-10 |
    /// | f32 | 5e-3 | 1e-4 |
    /// | f16, bf16 | 0.1 | some percent; f16 measured, bf16 not |
    ///
    /// (the largest of four penalties on two networks, tests/penalties.rs). A discriminator whose slope changes over
    /// much shorter distances than the size of its input needs a smaller step.
    ///
    /// With kinks (ReLU, leaky ReLU) it equals the exact derivative as long as no unit changes sign between `x − εv`
    /// and `x + εv`. Where one does, the difference sees the slope jump, a contribution that grows with 1/ε. That is
    /// right on average: where the expected penalty changes because kinks move over the samples, the exact derivative
    /// of a batch does not see it, the difference does. But in one batch it is noise: on a ReLU network of 32 units and
    /// 12 samples in f32, one unit that changed sign made the gradient tens of times too large. Smooth activations
    /// (SiLU, softplus, tanh) have none of this.
    Difference {
        /// The displacement; by dtype if absent.
        step: Option<f64>,
    },
    /// By candle's tape, which must keep gradients attached: the environment variable `CANDLE_GRAD_DO_NOT_DETACH` is 1
    /// before the thread's first `backward`. Else it is an error. All of the network must consist of candle operations
    /// with a differentiable backward; a fused loss of this crate is none.
    Exact,
}

impl Default for Derivative {
    fn default() -> Self {
        Self::Difference { step: None }
    }
}

impl Derivative {
    pub(super) fn check(self, loss: &'static str) -> Result<()> {
        match self {
            Self::Difference { step: Some(step) } if !(step > 0.0 && step.is_finite()) => {
                Err(Error::Option {
                    loss,
                    message: format!("step is {step}, expected a finite number above 0"),
                })
            }
            Self::Exact if !keeps_gradients()? => Err(Error::Option {
                loss,
                message: "derivative is Exact, but candle detaches gradients; expected \
                          CANDLE_GRAD_DO_NOT_DETACH=1 before the thread's first backward"
                    .into(),
            }),
            _ => Ok(()),
        }
    }
}

/// The step where none is given.
fn default_step(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => 1e-5,
        DType::F32 => 5e-3,
        _ => 0.1,
    }
}

/// A penalty on the gradient of a network with respect to its input.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Penalty {
    /// The penalty times its weight, a scalar on the tape of the network's parameters.
    pub value: Tensor,
    /// The norm of each sample's gradient, off the tape.
    pub norms: Tensor,
}

/// Whether gradients are on the tape themselves: whether the second derivative of x⁴ is 12 x².
fn keeps_gradients() -> CandleResult<bool> {
    let x = Var::new(1f32, &Device::Cpu)?;
    let Some(slope) = x.sqr()?.sqr()?.backward()?.remove(&x) else {
        return Ok(false);
    };
    match slope.backward()?.get(&x) {
        Some(second) => Ok(second.to_scalar::<f32>()? == 12.0),
        None => Ok(false),
    }
}

/// The penalty that `measure` makes of the gradient of the sum of `network(points)`; `norms` reports on it.
pub(super) fn penalise(
    loss: &'static str,
    derivative: Derivative,
    points: &Tensor,
    network: impl Fn(&Tensor) -> CandleResult<Tensor>,
    measure: impl Fn(&Tensor) -> CandleResult<Tensor>,
    norms: impl Fn(&Tensor) -> CandleResult<Tensor>,
) -> Result<Penalty> {
    check_points(loss, points)?;
    derivative.check(loss)?;
    let dtype = value_dtype(points.dtype());
    let sum = |x: &Tensor| network(x)?.to_dtype(dtype)?.sum_all();
    let x = Var::from_tensor(&points.detach())?;
    let Some(gradient) = sum(&x)?.backward()?.remove(&x) else {
        return Err(Error::Option {
            loss,
            message: "the network's output does not depend on its input on candle's tape".into(),
        });
    };
    let step = match derivative {
        Derivative::Exact => {
            let gradient = gradient.to_dtype(dtype)?;
            return Ok(Penalty {
                value: measure(&gradient)?,
                norms: norms(&gradient.detach())?,
            });
        }
        Derivative::Difference { step } => step.unwrap_or(default_step(points.dtype())),
    };
    let gradient = Var::from_tensor(&gradient.detach().to_dtype(dtype)?)?;
    let value = measure(&gradient)?;
    let direction = match value.backward()?.remove(&gradient) {
        Some(direction) => direction.detach(),
        None => gradient.zeros_like()?,
    };
    // One step for all samples: they may depend on each other, through a batch normalisation.
    let wide = x.as_tensor().detach().to_dtype(dtype)?;
    let size = (nonzero(&wide.sqr()?.mean_all()?.sqrt()?)? * step)?;
    let epsilon = (size / nonzero(&sample_norms(&direction)?.max(0)?)?)?;
    let shift = direction.broadcast_mul(&epsilon)?;
    let at = |x: CandleResult<Tensor>| sum(&x?.to_dtype(points.dtype())?);
    let difference = (at(&wide + &shift)? - at(&wide - &shift)?)?;
    let slope = difference.broadcast_div(&(epsilon * 2.0)?)?;
    // The value, with the difference's gradient.
    let value = (value.detach() + (&slope - slope.detach())?)?;
    Ok(Penalty {
        value,
        norms: norms(gradient.as_tensor())?.detach(),
    })
}

fn check_points(loss: &'static str, points: &Tensor) -> Result<()> {
    let argument = "points";
    if !matches!(
        points.dtype(),
        DType::F32 | DType::F64 | DType::F16 | DType::BF16
    ) {
        return Err(Error::DType {
            loss,
            argument,
            expected: "F32, F64, F16 or BF16".into(),
            got: points.dtype(),
        });
    }
    if points.rank() < 2 || points.elem_count() == 0 {
        return Err(Error::Shape {
            loss,
            argument,
            expected: "(N, …) with one sample at least".into(),
            got: points.shape().clone(),
        });
    }
    Ok(())
}

/// The sum of squares of each sample: (N).
pub(super) fn squares(x: &Tensor) -> CandleResult<Tensor> {
    x.flatten_from(1)?.sqr()?.sum(1)
}

/// The norm of each sample, off the tape.
pub(super) fn sample_norms(x: &Tensor) -> CandleResult<Tensor> {
    squares(&x.detach())?.sqrt()
}

/// `√x` with slope 0 at 0, where candle's is infinite.
pub(super) fn root(x: &Tensor) -> CandleResult<Tensor> {
    let is_zero = x.eq(0.0)?;
    let safe = is_zero.where_cond(&x.ones_like()?, x)?;
    is_zero.where_cond(&x.zeros_like()?, &safe.sqrt()?)
}

/// 1 for 0.
fn nonzero(x: &Tensor) -> CandleResult<Tensor> {
    x.eq(0.0)?.where_cond(&x.ones_like()?, x)
}
