//! What every loss can do.

use candle_core::{DType, Device, Shape, Tensor, Var};
use cvloss_kernels as kernels;
pub(crate) use kernels::Geometry;
pub(crate) use kernels::device::Kernel;
use kernels::{Fit, Gradient, Reduction, View, ViewMut};

use crate::autograd;
use crate::device;
use crate::error::{Error, Result};
use crate::host::{self, Axes, Buffer};

/// The tensors that a loss reads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Logits, probabilities or an image.
    pub input: &'a Tensor,
    /// Class indices, soft targets, or another image.
    pub target: &'a Tensor,
    /// A weight map or mask.
    pub weight: Option<&'a Tensor>,
}

/// A loss: a function that returns its value and, when asked, its gradient, in one evaluation.
///
/// Values are `f32` (`f64` for `f64` inputs), whatever the input: halves are computed in `f32`. Gradients flow to the
/// input, and to the target where a loss says so. On the CPU a fused kernel runs, and on a device that has one; on others, the
/// same formula composed of candle operations.
pub trait Loss {
    /// Its name in errors and reports.
    fn name(&self) -> &'static str;

    /// The value of `inputs`; and its gradient with respect to the input, added to `gradient`, if there is one.
    ///
    /// This is the evaluation that all others are made of. It records nothing on candle's tape.
    fn evaluate(&self, inputs: &Inputs<'_>, gradient: Option<&mut Accumulator>) -> Result<Value>;

    /// Whether [`evaluate`](Self::evaluate) has a kernel for the device that `inputs` are on. Without one, the loss is
    /// [`composed`](Self::composed) there.
    fn has_kernel(&self, inputs: &Inputs<'_>) -> bool {
        let device = inputs.input.device();
        device.is_cpu() || (device::launches(device) && self.has_device_kernel(inputs))
    }

    /// Whether there is a kernel for devices that takes such tensors and options, wherever the tensors lie. On CUDA and
    /// Metal, with the feature of that name, it is the one that [`has_kernel`](Self::has_kernel) finds.
    fn has_device_kernel(&self, _inputs: &Inputs<'_>) -> bool {
        false
    }

    /// Whether [`evaluate_both`](Self::evaluate_both) has a gradient with respect to the target too, as losses of two
    /// images or two boxes have. On the tape, such a loss then reaches a target that is tracked.
    fn differentiates_target(&self) -> bool {
        false
    }

    /// As [`evaluate`](Self::evaluate), with a gradient with respect to the target besides.
    ///
    /// Fails if the target's is asked of a loss that does not [differentiate](Self::differentiates_target) it.
    fn evaluate_both(&self, inputs: &Inputs<'_>, gradients: Gradients<'_>) -> Result<Value> {
        match gradients.target {
            None => self.evaluate(inputs, gradients.input),
            Some(_) => Err(no_target_gradient(self.name())),
        }
    }

    /// The same value composed of candle operations, on any device and on candle's tape.
    ///
    /// Slower than [`Loss::forward`] by one or two orders of magnitude on a CPU; the only form with higher-order
    /// derivatives.
    fn composed(&self, inputs: &Inputs<'_>) -> Result<Tensor>;

    /// The loss on candle's tape: `forward(..)?.backward()?` gives the gradient of `input`.
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        on_tape(
            self,
            &Inputs {
                input,
                target,
                weight: None,
            },
        )
    }

    /// As [`Loss::forward`], with a weight map or mask.
    fn forward_weighted(&self, input: &Tensor, target: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let weight = Some(weight);
        on_tape(
            self,
            &Inputs {
                input,
                target,
                weight,
            },
        )
    }

    /// The loss and its gradient with respect to `input`, without a tape.
    ///
    /// With [`Reduction::None`], the gradient is that of each item's own value. The gradient of half inputs is `f32`: the
    /// slopes of a mean over an image underflow in `f16`.
    fn value_and_grad(&self, input: &Tensor, target: &Tensor) -> Result<(Tensor, Tensor)> {
        without_tape(
            self,
            &Inputs {
                input,
                target,
                weight: None,
            },
        )
    }

    /// As [`Loss::value_and_grad`], with a weight map or mask.
    fn value_and_grad_weighted(
        &self,
        input: &Tensor,
        target: &Tensor,
        weight: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let weight = Some(weight);
        without_tape(
            self,
            &Inputs {
                input,
                target,
                weight,
            },
        )
    }

    /// The loss and its gradients with respect to `input` and `target`, without a tape, where the loss
    /// [differentiates](Self::differentiates_target) its target.
    fn value_and_grads(&self, inputs: &Inputs<'_>) -> Result<(Tensor, Tensor, Tensor)> {
        both_without_tape(self, inputs)
    }
}

/// Where the gradients of a loss of two alike tensors go.
#[derive(Debug, Default)]
pub struct Gradients<'a> {
    /// With respect to the input.
    pub input: Option<&'a mut Accumulator>,
    /// With respect to the target.
    pub target: Option<&'a mut Accumulator>,
}

/// What a loss evaluates to.
#[derive(Clone, Debug)]
pub struct Value {
    /// A scalar, or one number per item with [`Reduction::None`].
    pub tensor: Tensor,
    /// The shape of `tensor` with axes of length 1 put in, so that it broadcasts to the input.
    pub items: Shape,
}

impl Value {
    /// A scalar of the dtype that goes with an input's.
    pub fn scalar(value: f64, input: &Tensor) -> Result<Self> {
        let tensor = Tensor::new(value, &Device::Cpu)?.to_dtype(value_dtype(input.dtype()))?;
        Ok(Self {
            tensor,
            items: Shape::from(()),
        })
    }
}

/// Values are `f32`, or `f64` for `f64` inputs.
pub(crate) fn value_dtype(input: DType) -> DType {
    match input {
        DType::F64 => DType::F64,
        _ => DType::F32,
    }
}

/// Memory in which the gradients of several losses add up, on the device that the input is on.
#[derive(Debug)]
pub struct Accumulator {
    memory: Memory,
    shape: Shape,
    /// Multiplies what is added next.
    pub(crate) scale: f64,
    /// Whether anything has been added.
    filled: bool,
}

#[derive(Debug)]
enum Memory {
    Host(Buffer),
    /// A tensor of the type that is computed in.
    Device(Tensor),
}

impl Accumulator {
    /// Zeros in the shape of `input`.
    pub fn new(input: &Tensor) -> Self {
        let memory = match input.device().is_cpu() {
            true => Memory::Host(Buffer::new(input.dtype(), input.elem_count())),
            // Replaced by the first gradient.
            false => Memory::Device(input.detach()),
        };
        Self {
            memory,
            shape: input.shape().clone(),
            scale: 1.0,
            filled: false,
        }
    }

    /// Starts anew in the same memory: fresh memory costs more time than most losses.
    pub fn restart(&mut self) {
        self.filled = false;
    }

    /// The sum of all gradients.
    pub fn into_tensor(self) -> Result<Tensor> {
        match self.memory {
            Memory::Host(buffer) => Ok(buffer.into_tensor(self.shape)?),
            Memory::Device(sum) if self.filled => Ok(sum),
            Memory::Device(like) => Ok(like.zeros_like()?.to_dtype(value_dtype(like.dtype()))?),
        }
    }

    /// The memory as a kernel's gradient. The first kernel overwrites, others add.
    pub(crate) fn gradient(&mut self, shape: [usize; 3]) -> kernels::Result<Gradient<'_>> {
        let Memory::Host(buffer) = &mut self.memory else {
            let message = "a gradient of a tensor in host memory is not on a device".into();
            return Err(kernels::Error::Device { message });
        };
        let accumulate = std::mem::replace(&mut self.filled, true);
        Ok(Gradient {
            scale: self.scale,
            accumulate,
            view: buffer.view(shape)?,
        })
    }

    /// Adds what a kernel has computed on the device, scale included.
    fn add(&mut self, gradient: Tensor) -> Result<()> {
        let Memory::Device(sum) = &mut self.memory else {
            let message = "a gradient of a tensor on a device is not in host memory";
            return Err(candle_core::Error::msg(message).into());
        };
        *sum = match std::mem::replace(&mut self.filled, true) {
            true => (&*sum + gradient)?,
            false => gradient,
        };
        Ok(())
    }
}

impl Gradients<'_> {
    /// The same memory, borrowed for less long.
    pub fn reborrow(&mut self) -> Gradients<'_> {
        Gradients {
            input: self.input.as_deref_mut(),
            target: self.target.as_deref_mut(),
        }
    }

    /// Multiplies what is added next by `outer` (of the input's and the target's gradient) times `weight`.
    pub(crate) fn scale(&mut self, outer: [Option<f64>; 2], weight: f64) {
        for (gradient, outer) in [&mut self.input, &mut self.target].into_iter().zip(outer) {
            if let (Some(gradient), Some(outer)) = (gradient, outer) {
                gradient.scale = outer * weight;
            }
        }
    }
}

pub(crate) fn no_target_gradient(loss: &'static str) -> Error {
    Error::Option {
        loss,
        message: "has no gradient with respect to the target".into(),
    }
}

fn on_tape<L: Loss + ?Sized>(loss: &L, inputs: &Inputs<'_>) -> Result<Tensor> {
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

fn without_tape<L: Loss + ?Sized>(loss: &L, inputs: &Inputs<'_>) -> Result<(Tensor, Tensor)> {
    if !loss.has_kernel(inputs) {
        return composed_value_and_grad(loss, inputs);
    }
    let mut gradient = Accumulator::new(inputs.input);
    let value = loss.evaluate(inputs, Some(&mut gradient))?;
    Ok((value.tensor, gradient.into_tensor()?))
}

fn both_without_tape<L: Loss + ?Sized>(
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
pub(crate) fn composed_value_and_grad<L: Loss + ?Sized>(
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
