//! Conversions around kernels, where a caller's tensors have another type than kernels take: see `loops/convert.h`.

use crate::error::Result;
use crate::scalar::DType;

use super::sequence::Numbers;
use super::{
    Argument, Destination, Grid, Memory, Module, Sequence, Weight, broadcast, check_memory,
    index_type, number, real,
};

const HAS_SLOPES: u32 = 1;
const HAS_FACTORS: u32 = 2;
const ADD_SLOPES: u32 = 4;

/// Writes class indices as numbers of type `dtype`.
pub fn indices<M: Memory>(
    grid: Grid,
    elements: usize,
    (from, of): (M, DType),
    (to, dtype): (M, DType),
) -> Result<Sequence<M>> {
    check_memory("target", from, elements, of)?;
    check_memory("target", to, elements, dtype)?;
    real(dtype)?;
    let numbers = Numbers::new(DType::F32).uints(&[number(elements)?, index_type(of)?]);
    let arguments = vec![Argument::Read(from), Argument::Write(to), numbers.finish()];
    let mut sequence = Sequence::new(grid);
    let entry = format!("convert_indices_{dtype}");
    sequence.launch(Module::Convert, entry, grid.blocks(elements)?, arguments);
    Ok(sequence)
}

/// Writes numbers of type `dtype` in the type that is computed in.
pub fn widen<M: Memory>(
    grid: Grid,
    elements: usize,
    (from, dtype): (M, DType),
    to: M,
) -> Result<Sequence<M>> {
    check_memory("weight", from, elements, dtype)?;
    check_memory("weight", to, elements, real(dtype)?)?;
    let numbers = Numbers::new(DType::F32).uints(&[number(elements)?]);
    let arguments = vec![Argument::Read(from), Argument::Write(to), numbers.finish()];
    let mut sequence = Sequence::new(grid);
    let entry = format!("convert_widen_{dtype}");
    sequence.launch(Module::Convert, entry, grid.blocks(elements)?, arguments);
    Ok(sequence)
}

/// What becomes of a gradient that was computed: the chain rule, and the type of the tensor that it is of.
#[derive(Clone, Copy, Debug)]
pub struct Narrow<M> {
    /// (N, C, S).
    pub shape: [usize; 3],
    /// In the type that is computed in; 0 where absent.
    pub slopes: Option<M>,
    /// One factor per item, in the same type; 1 where absent.
    pub factors: Option<Weight<M>>,
    /// Where it goes.
    pub to: M,
    /// Its type.
    pub dtype: DType,
    /// Adds to what is there.
    pub accumulate: bool,
}

/// Writes a gradient of 0, or leaves what it would be added to.
pub(super) fn zero<M: Memory>(
    grid: Grid,
    shape: [usize; 3],
    to: Destination<M>,
    dtype: DType,
) -> Result<Sequence<M>> {
    let narrow_zero = Narrow {
        shape,
        slopes: None,
        factors: None,
        to: to.memory,
        dtype,
        accumulate: to.accumulate,
    };
    narrow(grid, &narrow_zero)
}

/// Writes or adds a gradient.
pub fn narrow<M: Memory>(grid: Grid, call: &Narrow<M>) -> Result<Sequence<M>> {
    let [_, channels, space] = call.shape;
    let elements = call.shape.iter().product();
    let computes = real(call.dtype)?;
    check_memory("gradient", call.to, elements, call.dtype)?;
    let slopes = match call.slopes {
        None => Argument::Absent,
        Some(slopes) => {
            check_memory("gradient", slopes, elements, computes)?;
            Argument::Read(slopes)
        }
    };
    let (factors, strides) = match &call.factors {
        None => (Argument::Absent, [0; 3]),
        Some(factors) => {
            let strides = broadcast("upstream", factors.shape, call.shape)?;
            let count = factors.shape.iter().product();
            check_memory("upstream", factors.memory, count, computes)?;
            (Argument::Read(factors.memory), strides)
        }
    };
    let mut flags = 0;
    for (is_so, flag) in [
        (call.slopes.is_some(), HAS_SLOPES),
        (call.factors.is_some(), HAS_FACTORS),
        (call.accumulate, ADD_SLOPES),
    ] {
        flags |= if is_so { flag } else { 0 };
    }
    let numbers = Numbers::new(DType::F32)
        .uints(&[number(elements)?, number(channels)?, number(space)?, flags])
        .uints(&strides);
    let arguments = vec![slopes, factors, Argument::Write(call.to), numbers.finish()];
    let mut sequence = Sequence::new(grid);
    let entry = format!("convert_narrow_{}", call.dtype);
    sequence.launch(Module::Convert, entry, grid.blocks(elements)?, arguments);
    Ok(sequence)
}
