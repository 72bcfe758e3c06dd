//! Losses with one kernel: tensors are checked, lent to it, or sent to a device.

use candle_core::{DType, Shape, Tensor};
use cvloss_kernels::{self as kernels, Fit, Geometry, Gradient, Reduction, View, ViewMut};
use kernels::device::Kernel;

use super::{Accumulator, Gradients, Inputs, Loss, Value, no_target_gradient, value_dtype};
use crate::device;
use crate::error::{Error, Result};
use crate::host::{self, Axes, Buffer};

/// A kernel's arguments.
pub(crate) struct Call<'i, 'o> {
    pub(crate) input: View<'i>,
    pub(crate) target: View<'i>,
    pub(crate) weight: Option<View<'i>>,
    pub(crate) values: Option<ViewMut<'o>>,
    pub(crate) gradient: Option<Gradient<'o>>,
    /// With respect to the target; only of a loss with [`Fused::TARGET_GRADIENT`].
    pub(crate) target_gradient: Option<Gradient<'o>>,
    /// The axis of the views that holds the channels.
    pub(crate) channel_axis: usize,
    /// The extents of the axes that the views have as one.
    pub(crate) space: &'i [usize],
}

/// A loss with one kernel. Implementing this is implementing [`Loss`].
pub(crate) trait Fused {
    const NAME: &'static str;
    const GEOMETRY: Geometry;
    /// Whether the kernel has a gradient with respect to the target, which then has the input's shape.
    const TARGET_GRADIENT: bool = false;
    /// Whether a weight map means something.
    const TAKES_WEIGHT: bool = true;

    fn reduction(&self) -> Reduction;

    /// The shape of per-item values, and of the same with axes of length 1 put in.
    fn items(&self, input: &Shape) -> (Shape, Shape);

    /// Fails if options do not fit the input.
    fn check(&self, _input: &Tensor) -> Result<()> {
        Ok(())
    }

    /// Runs the kernel; returns the reduced value.
    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64>;

    /// The kernel for devices, if there is one for these options; fails if one is out of range.
    fn kernel(&self, _inputs: &Inputs<'_>) -> kernels::Result<Option<Kernel>> {
        Ok(None)
    }

    /// The composed form, of checked inputs: the target has the input's rank, and halves are `f32`.
    fn compose(&self, inputs: &Inputs<'_>) -> candle_core::Result<Tensor>;
}

#[allow(private_bounds)]
impl<L: Fused> Loss for L {
    fn name(&self) -> &'static str {
        L::NAME
    }

    fn evaluate(&self, inputs: &Inputs<'_>, gradient: Option<&mut Accumulator>) -> Result<Value> {
        let target = None;
        self.evaluate_both(
            inputs,
            Gradients {
                input: gradient,
                target,
            },
        )
    }

    fn has_device_kernel(&self, inputs: &Inputs<'_>) -> bool {
        let axes = L::GEOMETRY.axes(inputs.input.dims()).ok();
        device::takes(self.kernel(inputs), axes, inputs.input, inputs.weight)
    }

    fn differentiates_target(&self) -> bool {
        L::TARGET_GRADIENT
    }

    fn evaluate_both(&self, inputs: &Inputs<'_>, gradients: Gradients<'_>) -> Result<Value> {
        if gradients.target.is_some() && !L::TARGET_GRADIENT {
            return Err(no_target_gradient(L::NAME));
        }
        let checked = Checked::new(L::NAME, L::GEOMETRY, inputs)?;
        check_weight::<L>(inputs)?;
        self.check(inputs.input)?;
        if device::launches(inputs.input.device()) && self.has_kernel(inputs) {
            let kernel = self.kernel(inputs).map_err(Error::kernel(L::NAME))?;
            if let Some(kernel) = kernel {
                return checked.evaluate_on_device(self, &kernel, gradients);
            }
        }
        checked.evaluate(self, gradients)
    }

    fn composed(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let checked = Checked::new(L::NAME, L::GEOMETRY, inputs)?;
        check_weight::<L>(inputs)?;
        self.check(inputs.input)?;
        let dtype = value_dtype(checked.input.dtype());
        let wide = |tensor: &Tensor| match tensor.dtype().is_float() {
            true => tensor.to_dtype(dtype),
            false => Ok(tensor.clone()),
        };
        let weight = checked.weight.as_ref().map(wide).transpose()?;
        Ok(self.compose(&Inputs {
            input: &wide(&checked.input)?,
            target: &wide(&checked.target)?,
            weight: weight.as_ref(),
        })?)
    }
}

/// Fails if there is a weight that the loss has no use for.
fn check_weight<L: Fused>(inputs: &Inputs<'_>) -> Result<()> {
    match inputs.weight.is_some() && !L::TAKES_WEIGHT {
        true => Err(Error::Option {
            loss: L::NAME,
            message: "takes no weight".into(),
        }),
        false => Ok(()),
    }
}

/// Tensors whose shapes, types and devices go together; targets and weights have the input's rank.
pub(crate) struct Checked {
    loss: &'static str,
    axes: Axes,
    channel_axis: usize,
    input: Tensor,
    target: Tensor,
    weight: Option<Tensor>,
}

impl Checked {
    pub(crate) fn new(loss: &'static str, geometry: Geometry, inputs: &Inputs<'_>) -> Result<Self> {
        let input = inputs.input;
        if !matches!(
            input.dtype(),
            DType::F32 | DType::F64 | DType::F16 | DType::BF16
        ) {
            return Err(Error::DType {
                loss,
                argument: "input",
                expected: "F32, F64, F16 or BF16".into(),
                got: input.dtype(),
            });
        }
        let axes = geometry
            .axes(input.dims())
            .map_err(|expected| Error::Shape {
                loss,
                argument: "input",
                expected,
                got: input.shape().clone(),
            })?;
        host::check_device(loss, "target", inputs.target, input)?;
        let target = fit_target(loss, geometry, input, inputs.target)?;
        let weight = match inputs.weight {
            None => None,
            Some(weight) => {
                host::check_device(loss, "weight", weight, input)?;
                Some(fit_weight(loss, geometry, input, weight)?)
            }
        };
        let channel_axis = geometry.channel_axis(input.rank());
        Ok(Self {
            loss,
            axes,
            channel_axis,
            input: input.clone(),
            target,
            weight,
        })
    }

    fn evaluate<L: Fused>(&self, loss: &L, gradients: Gradients<'_>) -> Result<Value> {
        let (item_shape, items) = loss.items(self.input.shape());
        let mut values = match loss.reduction() {
            Reduction::None => Some(Buffer::new(self.input.dtype(), item_shape.elem_count())),
            _ => None,
        };
        let item_view = match items.rank() {
            0 => [1; 3],
            _ => self.axes.shape(items.dims()),
        };
        let into = values.as_mut().map(|values| (values, item_view));
        let value = self.call(into, gradients, |call| loss.run(call))?;
        match values {
            None => Value::scalar(value, &self.input),
            Some(values) => Ok(Value {
                tensor: values.into_tensor(item_shape)?,
                items,
            }),
        }
    }

    /// Queues the kernel for the device that the input is on.
    fn evaluate_on_device<L: Fused>(
        &self,
        loss: &L,
        kernel: &Kernel,
        gradients: Gradients<'_>,
    ) -> Result<Value> {
        let (item_shape, items) = loss.items(self.input.shape());
        let input = self.input.contiguous()?;
        // Class indices that a loss of elements takes are numbers to its kernel.
        let target = match kernel.takes_numbers() {
            true => self.target.to_dtype(self.input.dtype())?,
            false => self.target.clone(),
        };
        let weight = match &self.weight {
            Some(weight) => Some(weight.to_dtype(value_dtype(weight.dtype()))?.contiguous()?),
            None => None,
        };
        let scale = |gradient: &Option<&mut Accumulator>| gradient.as_ref().map(|g| g.scale);
        let call = device::Call {
            loss: self.loss,
            input: &input,
            target: &target.contiguous()?,
            weight: weight.as_ref(),
            shape: self.axes.shape(input.dims()),
            weight_shape: weight
                .as_ref()
                .map_or([1; 3], |w| self.axes.shape(w.dims())),
            channel_axis: self.channel_axis,
            values: (loss.reduction() == Reduction::None).then_some(item_shape),
            scales: [scale(&gradients.input), scale(&gradients.target)],
        };
        let found = device::evaluate(kernel, &call)?;
        let [input, target] = found.gradients;
        for (gradient, to) in [(input, gradients.input), (target, gradients.target)] {
            if let (Some(gradient), Some(to)) = (gradient, to) {
                to.add(gradient)?;
            }
        }
        Ok(Value {
            tensor: found.value,
            items,
        })
    }

    /// Lends all tensors to a kernel.
    pub(crate) fn call<T>(
        &self,
        values: Option<(&mut Buffer, [usize; 3])>,
        gradients: Gradients<'_>,
        run: impl FnOnce(Call<'_, '_>) -> kernels::Result<T>,
    ) -> Result<T> {
        let axes = &self.axes;
        let shape = axes.shape(self.input.dims());
        let channel_axis = self.channel_axis;
        let space = self.input.dims().get(2..).unwrap_or_default();
        let named = |source| Error::Kernel {
            loss: self.loss,
            source,
        };
        let (input, target) = (
            host::viewable(&self.input, axes)?,
            host::viewable(&self.target, axes)?,
        );
        let weight = match &self.weight {
            Some(weight) => Some(host::viewable(weight, axes)?),
            None => None,
        };
        let start = |input: View<'_>, target: View<'_>, weight: Option<View<'_>>| {
            let gradient = lend(gradients.input, shape).map_err(named)?;
            let target_gradient = lend(gradients.target, target.shape()).map_err(named)?;
            let values = match values {
                Some((values, shape)) => Some(values.view(shape).map_err(named)?),
                None => None,
            };
            run(Call {
                input,
                target,
                weight,
                values,
                gradient,
                target_gradient,
                channel_axis,
                space,
            })
            .map_err(named)
        };
        host::with_view(&input, axes, |input| {
            host::with_view(&target, axes, |target| match &weight {
                Some(weight) => {
                    host::with_view(weight, axes, |weight| start(input, target, Some(weight)))
                }
                None => start(input, target, None),
            })
        })
    }
}

/// The memory of an accumulator, as a kernel's gradient.
fn lend(
    gradient: Option<&mut Accumulator>,
    shape: [usize; 3],
) -> kernels::Result<Option<Gradient<'_>>> {
    gradient
        .map(|gradient| gradient.gradient(shape))
        .transpose()
}

/// The target with the input's rank.
fn fit_target(
    loss: &'static str,
    geometry: Geometry,
    input: &Tensor,
    target: &Tensor,
) -> Result<Tensor> {
    let is_index = matches!(target.dtype(), DType::U8 | DType::U32 | DType::I64);
    let takes_indices = geometry.takes_indices();
    if !(is_index && takes_indices) && target.dtype() != input.dtype() {
        let indices = if takes_indices {
            "U8, U32, I64 or "
        } else {
            ""
        };
        return Err(Error::DType {
            loss,
            argument: "target",
            expected: format!("{indices}the input's {:?}", input.dtype()),
            got: target.dtype(),
        });
    }
    let fitted = geometry.fit_target(input.dims(), target.dims(), is_index);
    apply(loss, "target", input, target, fitted)
}

/// The weight with the input's rank.
fn fit_weight(
    loss: &'static str,
    geometry: Geometry,
    input: &Tensor,
    weight: &Tensor,
) -> Result<Tensor> {
    if weight.dtype() != input.dtype() {
        return Err(Error::DType {
            loss,
            argument: "weight",
            expected: format!("the input's {:?}", input.dtype()),
            got: weight.dtype(),
        });
    }
    let fitted = geometry.fit_weight(input.dims(), weight.dims());
    apply(loss, "weight", input, weight, fitted)
}

/// A tensor as it fits its input.
fn apply(
    loss: &'static str,
    argument: &'static str,
    input: &Tensor,
    tensor: &Tensor,
    fitted: kernels::Fitted,
) -> Result<Tensor> {
    match fitted {
        Ok(Fit::Same) => Ok(tensor.clone()),
        Ok(Fit::Channel) => Ok(tensor.unsqueeze(1)?),
        Ok(Fit::LastAxis) => Ok(tensor.unsqueeze(tensor.rank())?),
        Ok(Fit::Broadcast) => Ok(tensor.broadcast_as(input.dims())?),
        Err(expected) => Err(Error::Shape {
            loss,
            argument,
            expected,
            got: tensor.shape().clone(),
        }),
    }
}
