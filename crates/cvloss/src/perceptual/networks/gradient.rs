//! The gradient of a convolution whose weights do not change.
//!
//! candle computes the gradient of the weights too, whether anyone wants it or not, and that of the input by a transposed
//! convolution, which on a GPU is slow. With stride 1, the latter is a convolution with flipped weights.

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp2, Layout, MetalStorage, Result, Shape, Tensor,
};

/// `input` convolved with `weight` (O, I, K, K), with stride 1 and a border of zeros smaller than K; on the tape of
/// `input` alone.
pub(super) fn convolution(input: &Tensor, weight: &Tensor, border: usize) -> Result<Tensor> {
    let weight = weight.detach();
    let sums = input.detach().conv2d(&weight, border, 1, 1, 1)?;
    if !input.track_op() {
        return Ok(sums);
    }
    input.apply_op2(&sums.contiguous()?, Frozen { weight, border })
}

/// Of the input and of the sums that are already there, which are the value.
struct Frozen {
    weight: Tensor,
    border: usize,
}

/// A copy of the second storage, which is contiguous.
fn copy<S: BackendStorage>(sums: &S, layout: &Layout) -> Result<(S, Shape)> {
    match layout.contiguous_offsets() {
        Some((0, _)) => Ok((sums.try_clone(layout)?, layout.shape().clone())),
        _ => candle_core::bail!("the sums of a convolution lie apart"),
    }
}

impl CustomOp2 for Frozen {
    fn name(&self) -> &'static str {
        "cvloss-convolution"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        sums: &CpuStorage,
        layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        copy(sums, layout)
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        sums: &CudaStorage,
        layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        copy(sums, layout)
    }

    fn metal_fwd(
        &self,
        _: &MetalStorage,
        _: &Layout,
        sums: &MetalStorage,
        layout: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        copy(sums, layout)
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let side = self.weight.dim(2)?;
        // Kernels that are not contiguous are wrong on Metal.
        let flipped = self.weight.flip(&[2, 3])?.transpose(0, 1)?.contiguous()?;
        let border = side - 1 - self.border;
        let gradient = upstream.contiguous()?.conv2d(&flipped, border, 1, 1, 1)?;
        Ok((Some(gradient), None))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;

    fn ramp(shape: (usize, usize, usize, usize)) -> Tensor {
        let count = shape.0 * shape.1 * shape.2 * shape.3;
        let numbers: Vec<f64> = (0..count).map(|i| (i as f64 * 0.37).sin()).collect();
        Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn value_and_gradient_are_candles() {
        for (side, border) in [(1, 0), (3, 1), (3, 0), (5, 2), (5, 4)] {
            let weight = ramp((4, 3, side, side));
            let gradient = |own: bool| {
                let input = Var::from_tensor(&ramp((2, 3, 7, 6))).unwrap();
                let sums = match own {
                    true => convolution(&input, &weight, border).unwrap(),
                    false => input.conv2d(&weight, border, 1, 1, 1).unwrap(),
                };
                // Slopes that differ from place to place.
                let total = (sums.sqr().unwrap() * 0.5).unwrap().sum_all().unwrap();
                let gradients = total.backward().unwrap();
                (sums, gradients.get(&input).unwrap().clone())
            };
            let ((value, slopes), (expected, expected_slopes)) = (gradient(true), gradient(false));
            let apart = |a: &Tensor, b: &Tensor| {
                assert_eq!(a.dims(), b.dims());
                let d = (a - b).unwrap().abs().unwrap().flatten_all().unwrap();
                d.max(0).unwrap().to_scalar::<f64>().unwrap()
            };
            assert_eq!(apart(&value, &expected), 0.0);
            assert!(apart(&slopes, &expected_slopes) < 1e-12, "{side}, {border}");
        }
    }

    #[test]
    fn nothing_is_on_the_tape_of_weights() {
        let weight = Var::from_tensor(&ramp((4, 3, 3, 3))).unwrap();
        let input = Var::from_tensor(&ramp((1, 3, 5, 5))).unwrap();
        let total = convolution(&input, &weight, 1).unwrap().sum_all().unwrap();
        let gradients = total.backward().unwrap();
        assert!(gradients.get(&weight).is_none());
        assert_eq!(gradients.get(&input).unwrap().dtype(), DType::F64);
        assert!(!convolution(&input.detach(), &weight, 1).unwrap().track_op());
    }
}
