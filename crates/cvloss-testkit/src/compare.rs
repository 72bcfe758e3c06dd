//! Comparison of tensors.

use anyhow::{Result, ensure};
use candle_core::{DType, Tensor};

/// Fails unless `|got − expected| ≤ rtol · (|expected| + largest |expected|)` everywhere, shapes being equal.
///
/// Relative to the tensor's scale too, since single entries of a gradient may cancel to nearly 0.
pub fn assert_close(got: &Tensor, expected: &Tensor, rtol: f64) -> Result<()> {
    ensure!(
        got.shape() == expected.shape(),
        "shape {:?}, expected {:?}",
        got.shape(),
        expected.shape()
    );
    let (got, expected) = (numbers(got)?, numbers(expected)?);
    let scale = expected
        .iter()
        .fold(0.0, |scale: f64, x| scale.max(x.abs()));
    for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
        if got == expected || (got.is_nan() && expected.is_nan()) {
            continue;
        }
        let error = (got - expected).abs();
        let allowed = rtol * (expected.abs() + scale);
        ensure!(
            error <= allowed,
            "element {i} is {got}, expected {expected}: {error:e} apart, {allowed:e} allowed"
        );
    }
    Ok(())
}

/// Fails unless both tensors have the same dtype, shape and bits, any NaN being equal to any other.
pub fn assert_same_bits(got: &Tensor, expected: &Tensor) -> Result<()> {
    ensure!(
        got.dtype() == expected.dtype(),
        "{:?}, expected {:?}",
        got.dtype(),
        expected.dtype()
    );
    ensure!(
        got.shape() == expected.shape(),
        "shape {:?}, expected {:?}",
        got.shape(),
        expected.shape()
    );
    let pairs = numbers(got)?.into_iter().zip(numbers(expected)?);
    for (i, (got, expected)) in pairs.enumerate() {
        let is_same = got.to_bits() == expected.to_bits() || (got.is_nan() && expected.is_nan());
        ensure!(is_same, "element {i} is {got:e}, expected {expected:e}");
    }
    Ok(())
}

/// All elements in order, as `f64`.
pub fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
}
