//! Losses as launches of kernels: what CUDA, Metal and the emulator of the tests have in common.
//!
//! A [`Sequence`] lists the launches of one evaluation in order, with their arguments and the scratch memory that they
//! share. It is made from shapes, options and memory that it does not touch; `launch` runs it. No launch waits for
//! the host: what a later one needs stays on the device.
//!
//! Tensors are contiguous. What is computed in, `f32`, or `f64` for `f64` tensors, is also the type of weights, values and
//! gradients.

#![forbid(unsafe_code)]

pub mod boxes;
pub mod convert;
mod items;
mod kernel;
pub mod overlap;
pub mod pointwise;
pub mod psnr;
mod sequence;
pub mod site;
pub mod source;
pub mod variation;
pub mod window;

pub use kernel::{Call, Kernel, Results};
pub use sequence::{Argument, Destination, Formula, Grid, Launch, Memory, Module, Sequence, Term};

use crate::error::{Error, Result};
use crate::scalar::DType;

/// Class indices on a device.
#[derive(Clone, Copy, Debug)]
pub struct Labels<M> {
    /// One index per pixel.
    pub memory: M,
    /// Their type.
    pub dtype: DType,
    /// Pixels with this index do not count.
    pub ignore: Option<i64>,
}

impl<M: Memory> Labels<M> {
    /// The kernels' struct of how to read labels.
    fn numbers(&self, classes: usize) -> Result<[u32; 5]> {
        let dtype = index_type(self.dtype)?;
        let index = self.ignore.unwrap_or(0);
        // Two halves of the bits.
        let (low, high) = (index as u32, (index >> 32) as u32);
        let has_ignore = u32::from(self.ignore.is_some());
        Ok([dtype, number(classes)?, has_ignore, low, high])
    }

    fn check(&self, pixels: usize) -> Result<()> {
        check_memory("target", self.memory, pixels, self.dtype)
    }
}

/// Numbers that are broadcast to (N, C, S), of the type that is computed in.
#[derive(Clone, Copy, Debug)]
pub struct Weight<M> {
    /// Contiguous.
    pub memory: M,
    /// (N, C, S), where an axis of length 1 is repeated.
    pub shape: [usize; 3],
}

impl<M: Memory> Weight<M> {
    /// Itself and its strides along all axes.
    fn of_elements(&self, shape: [usize; 3], computes: DType) -> Result<(Argument<M>, [u32; 3])> {
        let strides = broadcast("weight", self.shape, shape)?;
        check_memory("weight", self.memory, self.shape.iter().product(), computes)?;
        Ok((Argument::Read(self.memory), strides))
    }

    /// The strides along items and pixels of one weight per pixel.
    fn of_pixels(&self, [items, _, space]: [usize; 3], computes: DType) -> Result<[u32; 2]> {
        let [item, _, pixel] = broadcast("weight", self.shape, [items, 1, space])?;
        check_memory("weight", self.memory, self.shape.iter().product(), computes)?;
        Ok([item, pixel])
    }
}

/// The strides of a contiguous tensor that is broadcast.
fn broadcast(argument: &'static str, shape: [usize; 3], to: [usize; 3]) -> Result<[u32; 3]> {
    if (0..3).any(|axis| shape[axis] != 1 && shape[axis] != to[axis]) {
        return Err(Error::Shape {
            argument,
            expected: to,
            got: shape,
        });
    }
    let [_, channels, space] = shape;
    let strides = [channels * space, space, 1];
    let mut found = [0; 3];
    for axis in 0..3 {
        if shape[axis] > 1 {
            found[axis] = number(strides[axis])?;
        }
    }
    Ok(found)
}

/// The type of class indices as kernels name it.
fn index_type(dtype: DType) -> Result<u32> {
    match dtype {
        DType::U8 => Ok(0),
        DType::U32 => Ok(1),
        DType::I64 => Ok(2),
        got => Err(Error::DType {
            argument: "target",
            expected: "u8, u32 or i64 class indices",
            got,
        }),
    }
}

/// A count as kernels hold it. Their indices have 32 bits, and some are twice a count.
fn number(count: usize) -> Result<u32> {
    match u32::try_from(count) {
        Ok(number) if number < 1 << 31 => Ok(number),
        _ => Err(Error::Layout {
            argument: "input",
            reason: format!("{count} elements, expected fewer than 2^31 on a device"),
        }),
    }
}

/// Bytes of an element.
fn size(dtype: DType) -> usize {
    match dtype {
        DType::F64 | DType::I64 => 8,
        DType::F32 | DType::U32 => 4,
        DType::F16 | DType::BF16 => 2,
        DType::U8 => 1,
    }
}

/// What is computed in for tensors of this type; an error for types that hold no floats.
fn real(dtype: DType) -> Result<DType> {
    match dtype {
        DType::F64 => Ok(DType::F64),
        DType::F32 | DType::F16 | DType::BF16 => Ok(DType::F32),
        got => Err(Error::DType {
            argument: "input",
            expected: "f32, f64, f16 or bf16",
            got,
        }),
    }
}

/// Elements in 16 bytes.
fn lanes(dtype: DType) -> usize {
    16 / size(dtype)
}

/// Fails unless memory has room for so many elements.
fn check_memory(
    argument: &'static str,
    memory: impl Memory,
    elements: usize,
    dtype: DType,
) -> Result<()> {
    let needs = elements.saturating_mul(size(dtype));
    match memory.bytes() >= needs {
        true => Ok(()),
        false => Err(Error::Layout {
            argument,
            reason: format!(
                "{} bytes of device memory, expected {needs}",
                memory.bytes()
            ),
        }),
    }
}
