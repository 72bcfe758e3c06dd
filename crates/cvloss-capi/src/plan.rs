//! A call's arguments, read and checked against the loss and each other, before anything is written.

use std::ptr;

use cvloss_kernels::{Axes, DType, Fit};

use crate::eval::cvl_eval_args;
use crate::loss::{Input, Items, Loss, MAX_INPUTS, Presence};
use crate::shape::Shape;
use crate::status::{Error, Result, cvl_status};
use crate::tensor::{Place, Tensor, cvl_tensor};

/// Checked arguments. All tensors have the input's rank.
pub(crate) struct Plan {
    /// In the loss's order; the first is always there.
    pub(crate) inputs: [Option<Tensor>; MAX_INPUTS],
    pub(crate) gradients: [Option<Tensor>; MAX_INPUTS],
    pub(crate) value: Option<Tensor>,
    pub(crate) upstream: Option<Tensor>,
    pub(crate) axes: Axes,
    pub(crate) items: Items,
    /// The input's dimensions.
    pub(crate) shape: Shape,
}

/// The first input, before others are looked at.
///
/// # Safety
/// As [`Plan::read`].
pub(crate) unsafe fn first_input(loss: &dyn Loss, args: &cvl_eval_args) -> Result<Tensor> {
    // SAFETY: the caller's promise.
    let input = unsafe { read_inputs(loss, args) }?[0];
    let Some(input) = input else {
        return Err(Error::null(loss.inputs()[0].name));
    };
    if input.dtype.is_index() {
        let message = format!(
            "{} has dtype {}, expected f32, f64, f16 or bf16",
            input.name, input.dtype
        );
        return Err(Error::new(cvl_status::Dtype, message));
    }
    axes_of(loss, &input)?;
    // Then its shape is bounded by its memory, and so is the work.
    input.check_injective()?;
    loss.check(input.shape.dims())?;
    Ok(input)
}

/// # Safety
/// As [`Plan::read`].
unsafe fn read_inputs(
    loss: &dyn Loss,
    args: &cvl_eval_args,
) -> Result<[Option<Tensor>; MAX_INPUTS]> {
    let names = loss.inputs();
    let is_required = |input: &&Input| input.presence == Presence::Required;
    let least = names.iter().filter(is_required).count();
    let given = usize::try_from(args.num_inputs).unwrap_or(usize::MAX);
    if !(least..=names.len()).contains(&given) {
        let named = |input: &Input| match input.presence {
            Presence::Absent => "NULL",
            _ => input.name,
        };
        let list: Vec<_> = names.iter().map(named).collect();
        return Err(Error::invalid(format!(
            "num_inputs is {given}, expected {least} to {}: {}",
            names.len(),
            list.join(", ")
        )));
    }
    if args.inputs.is_null() {
        return Err(Error::null("inputs"));
    }
    let mut inputs = [None; MAX_INPUTS];
    for (at, name) in names.iter().enumerate().take(given) {
        // SAFETY: `inputs` has `num_inputs` pointers.
        let descriptor = unsafe { ptr::read_unaligned(args.inputs.add(at)) };
        match (descriptor.is_null(), name.presence) {
            (true, Presence::Optional | Presence::Absent) => continue,
            (false, Presence::Absent) => {
                let message = format!("there is no {}: expected NULL in its place", name.name);
                return Err(Error::invalid(message));
            }
            _ => {}
        }
        // SAFETY: the caller's promise.
        inputs[at] = Some(unsafe { Tensor::read(descriptor, name.name) }?);
    }
    Ok(inputs)
}

impl Plan {
    /// Reads and checks everything.
    ///
    /// # Safety
    /// Pointers in `args` are NULL or point at what the header says.
    pub(crate) unsafe fn read(loss: &dyn Loss, args: &cvl_eval_args) -> Result<Self> {
        // SAFETY: the caller's promise.
        let input = unsafe { first_input(loss, args) }?;
        let dims = input.shape.dims();
        let axes = axes_of(loss, &input)?;
        // SAFETY: the caller's promise.
        let given = unsafe { read_inputs(loss, args) }?;
        let mut inputs = given;
        let mut fits = [Fit::Same; MAX_INPUTS];
        for (at, tensor) in inputs.iter_mut().enumerate().skip(1) {
            if let Some(tensor) = tensor {
                fits[at] = fit(loss, &input, at, tensor)?;
                *tensor = apply(fits[at], *tensor, dims);
            }
        }
        // SAFETY: the caller's promise.
        let mut gradients = unsafe { read_gradients(loss, args, &given) }?;
        for (gradient, fit) in gradients.iter_mut().zip(fits) {
            *gradient = gradient.map(|gradient| apply(fit, gradient, dims));
        }
        let items = loss.items();
        let value_dims = items.dims(dims);
        let read_values = |descriptor: *const cvl_tensor, name| {
            if descriptor.is_null() {
                return Ok(None);
            }
            // SAFETY: the caller's promise.
            let values = unsafe { Tensor::read(descriptor, name) }?;
            fit_values(&input, items, &value_dims, values).map(Some)
        };
        let plan = Self {
            value: read_values(args.value, "value")?,
            upstream: read_values(args.upstream, "upstream")?,
            inputs,
            gradients,
            axes,
            items,
            shape: input.shape,
        };
        plan.check_places(input.place)?;
        plan.check_layouts()?;
        plan.check_overlaps(None)?;
        Ok(plan)
    }

    /// Where all tensors are.
    pub(crate) fn place(&self) -> Place {
        self.inputs[0].map_or(Place::Host, |input| input.place)
    }

    pub(crate) fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        let tensors = self.inputs.iter().chain(&self.gradients).flatten();
        tensors.chain([&self.value, &self.upstream].into_iter().flatten())
    }

    /// Fails unless all tensors are where the input is.
    fn check_places(&self, place: Place) -> Result<()> {
        match self.tensors().find(|tensor| tensor.place != place) {
            None => Ok(()),
            Some(tensor) => Err(Error::new(
                cvl_status::Device,
                format!(
                    "{} is {}, expected it where the input is, {place}",
                    tensor.name, tensor.place
                ),
            )),
        }
    }

    /// Fails if a tensor has strides that no kernel walks.
    fn check_layouts(&self) -> Result<()> {
        let tensors = self.inputs.iter().chain(&self.gradients).flatten();
        let values = [&self.value, &self.upstream].into_iter().flatten();
        // A scalar has axes of its own.
        let values = values.filter(|_| self.items != Items::One);
        tensors
            .chain(values)
            .try_for_each(|tensor| tensor.check_layout(&self.axes))
    }

    /// Fails if an output, `workspace` included, shares memory with any other tensor, or with itself.
    pub(crate) fn check_overlaps(&self, workspace: Option<Tensor>) -> Result<()> {
        let outputs = self.gradients.iter().chain([&self.value]).flatten();
        let outputs = outputs.chain(&workspace);
        let inputs = self.inputs.iter().chain([&self.upstream]).flatten();
        for (at, output) in outputs.clone().enumerate() {
            output.check_injective()?;
            let mut others = inputs.clone().chain(outputs.clone().skip(at + 1));
            if let Some(other) = others.find(|other| output.overlaps(other)) {
                let message = format!("{} and {} overlap in memory", output.name, other.name);
                return Err(Error::new(cvl_status::Aliased, message));
            }
        }
        Ok(())
    }
}

/// What values of an input are.
pub(crate) fn value_dtype(input: DType) -> DType {
    match input {
        DType::F64 => DType::F64,
        _ => DType::F32,
    }
}

fn axes_of(loss: &dyn Loss, input: &Tensor) -> Result<Axes> {
    let axes = loss.geometry().axes(input.shape.dims());
    axes.map_err(|expected| wrong_shape(input, &expected))
}

fn wrong_shape(tensor: &Tensor, expected: &str) -> Error {
    let message = format!(
        "{} has shape {:?}, expected {expected}",
        tensor.name,
        tensor.shape.dims()
    );
    Error::new(cvl_status::Shape, message)
}

fn wrong_dtype(tensor: &Tensor, expected: &str) -> Error {
    let message = format!(
        "{} has dtype {}, expected {expected}",
        tensor.name, tensor.dtype
    );
    Error::new(cvl_status::Dtype, message)
}

/// How a target (1) or a weight (2) gets the input's rank.
fn fit(loss: &dyn Loss, input: &Tensor, at: usize, tensor: &Tensor) -> Result<Fit> {
    let dims = input.shape.dims();
    let is_index = tensor.dtype.is_index();
    // Indices have no gradient.
    let may_be_index =
        at == 1 && loss.geometry().takes_indices() && !loss.inputs()[at].is_differentiable;
    if tensor.dtype != input.dtype && !(is_index && may_be_index) {
        let others = if may_be_index {
            "u8, bool, u32, i64 or "
        } else {
            ""
        };
        return Err(wrong_dtype(
            tensor,
            &format!("{others}the input's {}", input.dtype),
        ));
    }
    let fitted = match at {
        1 => loss
            .geometry()
            .fit_target(dims, tensor.shape.dims(), is_index),
        _ => loss.geometry().fit_weight(dims, tensor.shape.dims()),
    };
    fitted.map_err(|expected| wrong_shape(tensor, &expected))
}

/// A tensor, or its gradient, as it fits an input of `dims`.
fn apply(fit: Fit, tensor: Tensor, dims: &[usize]) -> Tensor {
    match fit {
        Fit::Same => tensor,
        Fit::Channel => tensor.reshaped(tensor.shape.with_axis(1)),
        Fit::LastAxis => tensor.reshaped(tensor.shape.padded(dims.len())),
        Fit::Broadcast => tensor.reshaped(tensor.shape.broadcast(dims)),
    }
}

/// # Safety
/// As [`Plan::read`].
unsafe fn read_gradients(
    loss: &dyn Loss,
    args: &cvl_eval_args,
    inputs: &[Option<Tensor>; MAX_INPUTS],
) -> Result<[Option<Tensor>; MAX_INPUTS]> {
    let mut gradients = [None; MAX_INPUTS];
    if args.grads.is_null() {
        return Ok(gradients);
    }
    let given = usize::try_from(args.num_inputs).unwrap_or(usize::MAX);
    for (at, name) in loss.inputs().iter().enumerate().take(given) {
        // SAFETY: `grads` has `num_inputs` pointers.
        let descriptor = unsafe { ptr::read_unaligned(args.grads.add(at)) };
        if descriptor.is_null() {
            continue;
        }
        let Some(input) = inputs[at].filter(|_| name.is_differentiable) else {
            let message = format!("there is no gradient with respect to {}", name.name);
            return Err(Error::invalid(message));
        };
        // SAFETY: the caller's promise.
        let gradient = unsafe { Tensor::read(descriptor, name.gradient) }?;
        if gradient.shape.dims() != input.shape.dims() {
            return Err(wrong_shape(&gradient, &format!("{:?}", input.shape.dims())));
        }
        if gradient.dtype != input.dtype && gradient.dtype != value_dtype(input.dtype) {
            let expected = format!("{}, or f32 for half inputs", input.dtype);
            return Err(wrong_dtype(&gradient, &expected));
        }
        gradients[at] = Some(gradient);
    }
    Ok(gradients)
}

/// A value or upstream gradient with the input's rank.
fn fit_values(input: &Tensor, items: Items, dims: &Shape, values: Tensor) -> Result<Tensor> {
    let expected = value_dtype(input.dtype);
    if values.dtype != expected {
        return Err(wrong_dtype(&values, &format!("{expected}")));
    }
    match items {
        // A scalar may have any number of axes of length 1.
        Items::One if values.shape.len() == 1 => Ok(values),
        Items::One => Err(wrong_shape(&values, "[]")),
        _ if values.shape.dims() == dims.dims() => {
            Ok(values.reshaped(items.widen(&values.shape, input.shape.dims().len())))
        }
        _ => Err(wrong_shape(&values, &format!("{:?}", dims.dims()))),
    }
}
