//! What losses of single differences share.

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::loops::pointwise::Operands;
use kernels::pixel::Penalty;
use kernels::{Gradients, Normalizer, Reduction};

use crate::error;
use crate::loss::{Call, Inputs};
use crate::segmentation::bce::{element_items, finish_elements};

/// Shapes of per-element values.
pub(super) fn items(reduction: Reduction, input: &Shape) -> (Shape, Shape) {
    element_items(reduction, input)
}

/// Splits a call into what the loop reads, where values go, and where gradients go.
pub(super) fn operands<'i, 'o>(
    call: Call<'i, 'o>,
) -> (Operands<'i>, Option<kernels::ViewMut<'o>>, Gradients<'o>) {
    let operands = Operands {
        input: call.input,
        target: call.target,
        auxiliary: None,
        weight: call.weight,
        ignore: None,
    };
    let gradients = Gradients {
        input: call.gradient,
        target: call.target_gradient,
    };
    (operands, call.values, gradients)
}

/// Runs the kernel.
pub(super) fn run(
    penalty: Penalty,
    normalizer: Normalizer,
    reduction: Reduction,
    call: Call<'_, '_>,
) -> kernels::Result<f64> {
    let (operands, values, gradients) = operands(call);
    kernels::pixel::evaluate(penalty, normalizer, reduction, &operands, values, gradients)
}

/// The composed form: the value of each difference, weighed and reduced.
pub(super) fn compose(
    inputs: &Inputs<'_>,
    normalizer: Normalizer,
    reduction: Reduction,
    value: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    finish_elements(
        &value(&(inputs.input - inputs.target)?)?,
        inputs.target,
        inputs.weight,
        None,
        reduction,
        normalizer,
    )
}

/// Shapes of values per image.
pub(super) fn image_items(reduction: Reduction, input: &Shape) -> (Shape, Shape) {
    if reduction != Reduction::None {
        return (Shape::from(()), Shape::from(()));
    }
    let items = input.dims()[0];
    let mut wide = vec![1; input.rank()];
    wide[0] = items;
    (Shape::from(items), Shape::from(wide))
}

/// Fails unless the input has as many axes as `expected` has.
pub(super) fn check_rank(
    loss: &'static str,
    input: &Tensor,
    ranks: impl std::ops::RangeBounds<usize>,
    expected: &str,
) -> error::Result<()> {
    if ranks.contains(&input.rank()) {
        return Ok(());
    }
    Err(error::Error::Shape {
        loss,
        argument: "input",
        expected: expected.into(),
        got: input.shape().clone(),
    })
}

/// Height and width, of a tensor that has both.
pub(crate) fn plane(space: &[usize]) -> [usize; 2] {
    match space {
        [height, width] => [*height, *width],
        _ => [0; 2],
    }
}

/// The composed reduction of one value per image.
pub(super) fn reduce_images(losses: &Tensor, reduction: Reduction) -> Result<Tensor> {
    match reduction {
        Reduction::None => Ok(losses.clone()),
        Reduction::Sum => losses.sum_all(),
        Reduction::Mean => losses.sum_all()? / losses.elem_count().max(1) as f64,
    }
}
