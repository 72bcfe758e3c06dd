//! The only room that touches candle's tape: it attaches a gradient that is already there to a value.

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, DType, Layout, Result, Shape, Storage, Tensor,
};

/// Returns `value` on the tape of the tensors that have a gradient, with a backward that multiplies it by the upstream
/// gradient.
///
/// A gradient has its tensor's shape. The value is a scalar, or has one number per item; its shape is then `items` once
/// axes of length 1 are put in, and each item's gradient is its own.
pub(crate) fn attach(
    (input, input_gradient): (&Tensor, Option<Tensor>),
    (target, target_gradient): (&Tensor, Option<Tensor>),
    value: &Tensor,
    items: Shape,
) -> Result<Tensor> {
    let attached = |gradient| Attached::new(value, gradient, items.clone());
    match (input_gradient, target_gradient) {
        (None, None) => Ok(value.clone()),
        (Some(gradient), None) => input.apply_op1(attached(gradient)?),
        (None, Some(gradient)) => target.apply_op1(attached(gradient)?),
        (Some(gradient), Some(target_gradient)) => {
            let both = Both {
                input: attached(gradient)?,
                target: attached(target_gradient)?,
            };
            input.apply_op2(target, both)
        }
    }
}

struct Attached {
    value: Tensor,
    gradient: Tensor,
    items: Shape,
}

impl Attached {
    fn new(value: &Tensor, gradient: Tensor, items: Shape) -> Result<Self> {
        Ok(Self {
            value: value.contiguous()?,
            gradient,
            items,
        })
    }

    fn value(&self) -> Result<(CpuStorage, Shape)> {
        let (storage, layout) = self.value.storage_and_layout();
        let Storage::Cpu(storage) = &*storage else {
            candle_core::bail!("the value is not where its input is")
        };
        Ok((storage.try_clone(layout)?, layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn value_on_cuda(&self) -> Result<(candle_core::CudaStorage, Shape)> {
        let (storage, layout) = self.value.storage_and_layout();
        let Storage::Cuda(storage) = &*storage else {
            candle_core::bail!("the value is not where its input is")
        };
        Ok((storage.try_clone(layout)?, layout.shape().clone()))
    }

    #[cfg(feature = "metal")]
    fn value_on_metal(&self) -> Result<(candle_core::MetalStorage, Shape)> {
        let (storage, layout) = self.value.storage_and_layout();
        let Storage::Metal(storage) = &*storage else {
            candle_core::bail!("the value is not where its input is")
        };
        Ok((storage.try_clone(layout)?, layout.shape().clone()))
    }

    /// The gradient times the upstream gradient, in the dtype of the tensor that it belongs to.
    fn scaled(&self, upstream: &Tensor, of: &Tensor) -> Result<Tensor> {
        let upstream = upstream.to_dtype(self.gradient.dtype())?;
        let is_scalar = self.value.rank() == 0;
        let gradient = if is_scalar && !upstream.device().is_cpu() {
            // A number in host memory would be waited for.
            self.gradient.broadcast_mul(&upstream.reshape(())?)?
        } else if is_scalar {
            let factor = upstream.to_dtype(DType::F64)?.to_scalar::<f64>()?;
            if factor == 1.0 {
                self.gradient.clone()
            } else {
                self.gradient.affine(factor, 0.0)?
            }
        } else {
            // A target may lack the axes that were put in.
            let items = match self.gradient.rank() == self.items.rank() {
                true => &self.items,
                false => self.value.shape(),
            };
            self.gradient
                .broadcast_mul(&upstream.reshape(items.clone())?)?
        };
        gradient.to_dtype(of.dtype())
    }
}

impl CustomOp1 for Attached {
    fn name(&self) -> &'static str {
        "cvloss"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.value()
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        _: &candle_core::CudaStorage,
        _: &Layout,
    ) -> Result<(candle_core::CudaStorage, Shape)> {
        self.value_on_cuda()
    }

    #[cfg(feature = "metal")]
    fn metal_fwd(
        &self,
        _: &candle_core::MetalStorage,
        _: &Layout,
    ) -> Result<(candle_core::MetalStorage, Shape)> {
        self.value_on_metal()
    }

    fn bwd(&self, input: &Tensor, _: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        self.scaled(upstream, input).map(Some)
    }
}

/// One value with a gradient for each of two tensors.
struct Both {
    input: Attached,
    target: Attached,
}

impl CustomOp2 for Both {
    fn name(&self) -> &'static str {
        "cvloss"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.input.value()
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        _: &candle_core::CudaStorage,
        _: &Layout,
        _: &candle_core::CudaStorage,
        _: &Layout,
    ) -> Result<(candle_core::CudaStorage, Shape)> {
        self.input.value_on_cuda()
    }

    #[cfg(feature = "metal")]
    fn metal_fwd(
        &self,
        _: &candle_core::MetalStorage,
        _: &Layout,
        _: &candle_core::MetalStorage,
        _: &Layout,
    ) -> Result<(candle_core::MetalStorage, Shape)> {
        self.input.value_on_metal()
    }

    fn bwd(
        &self,
        input: &Tensor,
        target: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let input = self.input.scaled(upstream, input)?;
        let target = self.target.scaled(upstream, target)?;
        Ok((Some(input), Some(target)))
    }
}
