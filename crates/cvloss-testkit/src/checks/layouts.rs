//! Tensors that do not lie in order.

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};

use super::assert_equal;
use crate::cases::Case;

/// Tensors that do not lie in order give what contiguous ones give.
pub fn layouts(case: &Case) -> Result<()> {
    for (dtype, rtol) in [(DType::F64, 1e-12), (DType::F32, 1e-6)] {
        let sample = case.sample(dtype)?;
        for (name, change) in LAYOUTS {
            let scattered = sample.map(change)?;
            let variants = [
                ("input", sample.with_input(scattered.input.clone())),
                ("target", sample.with_target(scattered.target.clone())),
                ("all", scattered),
            ];
            for (which, variant) in variants {
                assert_equal(case, &variant, &sample, rtol)
                    .with_context(|| format!("{name} {which} in {dtype:?}"))?;
            }
        }
        let repeated = sample.map(repeat_first)?;
        let copied = repeated.map(|tensor| Ok(tensor.force_contiguous()?))?;
        assert_equal(case, &repeated, &copied, rtol)
            .with_context(|| format!("broadcast in {dtype:?}"))?;
        let repeated = sample.with_target(repeated.target);
        let copied = sample.with_target(copied.target);
        assert_equal(case, &repeated, &copied, rtol)
            .with_context(|| format!("broadcast target in {dtype:?}"))?;
    }
    Ok(())
}

type Change = fn(&Tensor) -> Result<Tensor>;
/// Copies of a tensor, laid out otherwise.
const LAYOUTS: [(&str, Change); 4] = [
    ("channels-last", channels_last),
    ("reversed", reversed),
    ("narrowed", narrowed),
    ("offset", offset),
];

/// Memory in (N, *, C) order.
fn channels_last(tensor: &Tensor) -> Result<Tensor> {
    let rank = tensor.rank();
    if rank < 3 {
        return reversed(tensor);
    }
    let to: Vec<_> = [0].into_iter().chain(2..rank).chain([1]).collect();
    let back: Vec<_> = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
    Ok(tensor.permute(to)?.contiguous()?.permute(back)?)
}

/// The last axis slowest.
fn reversed(tensor: &Tensor) -> Result<Tensor> {
    let axes: Vec<_> = (0..tensor.rank()).rev().collect();
    Ok(tensor
        .permute(axes.as_slice())?
        .contiguous()?
        .permute(axes)?)
}

/// A part of a tensor that is longer along its last axis.
fn narrowed(tensor: &Tensor) -> Result<Tensor> {
    inside(tensor, tensor.rank().saturating_sub(1))
}

/// A part of a tensor that is longer along its first axis.
fn offset(tensor: &Tensor) -> Result<Tensor> {
    inside(tensor, 0)
}

/// A part of a tensor that has other numbers before and after, along `axis`.
fn inside(tensor: &Tensor, axis: usize) -> Result<Tensor> {
    if tensor.rank() == 0 {
        return Ok(tensor.clone());
    }
    let len = tensor.dim(axis)?;
    Ok(Tensor::cat(&[tensor, tensor, tensor], axis)?.narrow(axis, len, len)?)
}

/// The first item for all items, without a copy.
fn repeat_first(tensor: &Tensor) -> Result<Tensor> {
    match tensor.rank() {
        0 => Ok(tensor.clone()),
        _ => Ok(tensor
            .narrow(0, 0, 1)?
            .contiguous()?
            .broadcast_as(tensor.shape())?),
    }
}
