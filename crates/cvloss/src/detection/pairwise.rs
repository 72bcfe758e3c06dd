//! All pairs of two lists of boxes.

use candle_core::{DType, Device, Tensor};
use cvloss_kernels as kernels;
use kernels::boxes::BoxFormat;
use kernels::boxes::pairwise::{Similarity, evaluate};

use crate::error::{Error, Result};
use crate::host;

/// The IoU of each of N boxes with each of M boxes, for matching: no gradient.
///
/// # Shapes
/// - `a`: `(N, 4)`, f16, bf16, f32 or f64; `b`: `(M, 4)` of the same dtype; both on the CPU
/// - returns: `(N, M)` in f32, f64 for f64 boxes
///
/// # Edge cases
/// A box whose high end lies below its low end has length 0 there; two boxes without area have IoU 0 (torchvision:
/// NaN). NaN in, NaN out.
///
/// # Agrees with
/// `torchvision.ops.box_iou`.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{BoxFormat, pairwise_iou};
///
/// let a = Tensor::new(&[[0f32, 0., 2., 2.], [5., 5., 6., 6.]], &Device::Cpu)?;
/// let b = Tensor::new(&[[1f32, 0., 3., 2.]], &Device::Cpu)?;
/// let iou: Vec<Vec<f32>> = pairwise_iou(&a, &b, BoxFormat::Xyxy)?.to_vec2()?;
/// assert!((iou[0][0] - 1. / 3.).abs() < 1e-6 && iou[1][0] == 0.);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn pairwise_iou(a: &Tensor, b: &Tensor, format: BoxFormat) -> Result<Tensor> {
    pairwise("pairwise_iou", Similarity::Iou, a, b, format)
}

/// The generalised IoU, in (−1, 1], of each of N boxes with each of M boxes: no gradient.
///
/// Shapes and edge cases are those of [`pairwise_iou`]; equal to `torchvision.ops.generalized_box_iou`.
pub fn pairwise_giou(a: &Tensor, b: &Tensor, format: BoxFormat) -> Result<Tensor> {
    pairwise("pairwise_giou", Similarity::Giou, a, b, format)
}

fn pairwise(
    loss: &'static str,
    similarity: Similarity,
    a: &Tensor,
    b: &Tensor,
    format: BoxFormat,
) -> Result<Tensor> {
    for (argument, tensor) in [("a", a), ("b", b)] {
        if tensor.rank() != 2 || tensor.dims()[1] != 4 {
            return Err(Error::Shape {
                loss,
                argument,
                expected: "(N, 4)".into(),
                got: tensor.shape().clone(),
            });
        }
        if !tensor.dtype().is_float() || tensor.dtype() != a.dtype() {
            return Err(Error::DType {
                loss,
                argument,
                expected: "F32, F64, F16 or BF16, the same for both".into(),
                got: tensor.dtype(),
            });
        }
        host::check_device(
            loss,
            argument,
            tensor,
            &Tensor::zeros((), DType::F32, &Device::Cpu)?,
        )?;
    }
    let shape = (a.dim(0)?, b.dim(0)?);
    let named = |source| Error::Kernel { loss, source };
    macro_rules! run {
        ($t:ty, $dtype:expr) => {{
            let rows = |tensor: &Tensor| -> candle_core::Result<Vec<[$t; 4]>> {
                let numbers = tensor.to_dtype($dtype)?.flatten_all()?.to_vec1::<$t>()?;
                Ok(numbers.as_chunks::<4>().0.to_vec())
            };
            let mut values = vec![0.0; shape.0 * shape.1];
            evaluate(similarity, format, &rows(a)?, &rows(b)?, &mut values).map_err(named)?;
            Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
        }};
    }
    match a.dtype() {
        DType::F64 => run!(f64, DType::F64),
        _ => run!(f32, DType::F32),
    }
}
