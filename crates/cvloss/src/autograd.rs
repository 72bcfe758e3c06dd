//! The only room that touches candle's tape: it attaches a gradient that is already there to a value.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

/// Returns `value` on the tape of `input`, with a backward that multiplies `gradient` by the upstream gradient.
///
/// `gradient` has the input's shape. The value is a scalar, or has one number per item; its shape is then `items` once
/// axes of length 1 are put in, and each item's gradient is its own.
pub(crate) fn attach(
    input: &Tensor,
    value: &Tensor,
    gradient: Tensor,
    items: Shape,
) -> Result<Tensor> {
    let (storage, layout) = value.storage_and_layout();
    let value = match &*storage {
        candle_core::Storage::Cpu(storage) => storage.try_clone(layout)?,
        _ => candle_core::bail!("a fused value lies in host memory"),
    };
    let op = Attached {
        value,
        shape: layout.shape().clone(),
        gradient,
        items,
    };
    input.apply_op1(op)
}

struct Attached {
    value: CpuStorage,
    shape: Shape,
    gradient: Tensor,
    items: Shape,
}

impl CustomOp1 for Attached {
    fn name(&self) -> &'static str {
        "cvloss"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        let layout = Layout::contiguous(self.shape.clone());
        Ok((self.value.try_clone(&layout)?, self.shape.clone()))
    }

    fn bwd(&self, input: &Tensor, _: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        let upstream = upstream.to_dtype(self.gradient.dtype())?;
        let gradient = if self.shape.elem_count() == 1 && self.shape.rank() == 0 {
            let factor = upstream
                .to_dtype(candle_core::DType::F64)?
                .to_scalar::<f64>()?;
            if factor == 1.0 {
                self.gradient.clone()
            } else {
                self.gradient.affine(factor, 0.0)?
            }
        } else {
            self.gradient
                .broadcast_mul(&upstream.reshape(self.items.clone())?)?
        };
        gradient.to_dtype(input.dtype()).map(Some)
    }
}
