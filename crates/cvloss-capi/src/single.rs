//! Gradients in half of losses that add several up.

use cvloss_kernels::{Gradient, Result as KernelResult, View, ViewMut, upstream};

/// Runs `body` with the gradient's memory; in half, what it adds up is added up in f32, and rounded once.
pub(crate) fn through_single<T>(
    gradient: Option<Gradient<'_>>,
    body: impl FnOnce(Option<Gradient<'_>>) -> KernelResult<T>,
) -> KernelResult<T> {
    let is_half = |view: &ViewMut<'_>| matches!(view, ViewMut::F16(_) | ViewMut::BF16(_));
    let mut gradient = match gradient {
        Some(gradient) if is_half(&gradient.view) => gradient,
        other => return body(other),
    };
    let shape = gradient.view.shape();
    let mut slopes = vec![0f32; shape.iter().product()];
    let result = body(Some(Gradient {
        view: ViewMut::new(slopes.as_mut_slice(), shape)?,
        scale: gradient.scale,
        accumulate: false,
    }))?;
    if !gradient.accumulate {
        gradient.view.clear();
    }
    let (slopes, one) = (View::new(&slopes, shape)?, View::new(&[1f32], [1, 1, 1])?);
    upstream::multiply_add(gradient.view, &slopes, &one)?;
    Ok(result)
}
