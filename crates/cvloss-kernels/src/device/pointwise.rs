//! Losses of elements: see `loops/pointwise.h`.

use crate::error::{Error, Result};
use crate::options::{Normalizer, Reduction};
use crate::scalar::DType;

use super::sequence::{Denominator, Numbers, written};
use super::{
    Argument, Destination, Formula, Grid, Memory, Module, Sequence, broadcast, check_memory, lanes,
    number, real,
};

pub use super::Results;

pub(super) const WRITE_VALUES: u32 = 1;
pub(super) const WRITE_GRADIENT: u32 = 2;
pub(super) const ADD_GRADIENT: u32 = 4;
pub(super) const WRITE_TARGET_GRADIENT: u32 = 8;
pub(super) const ADD_TARGET_GRADIENT: u32 = 16;
const HAS_AUXILIARY: u32 = 32;
pub(super) const HAS_WEIGHT: u32 = 64;
pub(super) const IS_VECTOR: u32 = 128;

/// Packs of 16 bytes that a thread loads before it computes.
const PACKS: usize = 2;
/// Numbers that a formula may have.
const FORMULA: usize = 8;

/// Where numbers are.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a, M> {
    /// On the device, of the type that is computed in.
    Memory(M),
    /// On the host.
    Host(&'a [f64]),
}

/// Numbers that are broadcast to (N, C, S).
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a, M> {
    /// Where they are, contiguous.
    pub source: Source<'a, M>,
    /// (N, C, S), where an axis of length 1 is repeated.
    pub shape: [usize; 3],
}

/// A call of a formula.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a, M> {
    /// The formula.
    pub formula: &'a Formula,
    /// Of input and target.
    pub dtype: DType,
    /// (N, C, S).
    pub shape: [usize; 3],
    /// The input.
    pub input: M,
    /// The target.
    pub target: M,
    /// The formula's auxiliary number; 1 where absent.
    pub auxiliary: Option<Operand<'a, M>>,
    /// Multiplies value and slope; 1 where absent.
    pub weight: Option<Operand<'a, M>>,
    /// Elements with this target do not count.
    pub ignore: Option<f64>,
    /// How elements are reduced.
    pub reduction: Reduction,
    /// What the mean divides by.
    pub normalizer: Normalizer,
    /// Where results go.
    pub results: Results<M>,
}

/// The launches of a call.
pub fn sequence<M: Memory>(grid: Grid, call: &Call<'_, M>) -> Result<Sequence<M>> {
    let elements: usize = call.shape.iter().product();
    let computes = real(call.dtype)?;
    check_memory("input", call.input, elements, call.dtype)?;
    check_memory("target", call.target, elements, call.dtype)?;
    let mut sequence = Sequence::new(grid);
    let Results {
        value,
        values,
        gradient,
        target_gradient,
    } = call.results;
    let memory = |destination: Option<Destination<M>>| destination.map(|to| to.memory);
    let of_values = written("values", values, elements, computes)?;
    let of_gradient = written("gradient", memory(gradient), elements, computes)?;
    let of_target = written("gradient", memory(target_gradient), elements, computes)?;
    let tensors = [call.input, call.target].into_iter();
    let results = [values, memory(gradient), memory(target_gradient)];
    let is_aligned = tensors
        .chain(results.into_iter().flatten())
        .all(Memory::is_aligned);
    let fits = |operand: &Option<Operand<'_, M>>| match operand {
        None => true,
        Some(operand) => {
            operand.shape == call.shape
                && match operand.source {
                    Source::Memory(memory) => memory.is_aligned(),
                    Source::Host(_) => true,
                }
        }
    };
    let is_vector = is_aligned && fits(&call.auxiliary) && fits(&call.weight);
    let mut flags = 0;
    for (is_so, flag) in [
        (values.is_some(), WRITE_VALUES),
        (gradient.is_some(), WRITE_GRADIENT),
        (gradient.is_some_and(|to| to.accumulate), ADD_GRADIENT),
        (target_gradient.is_some(), WRITE_TARGET_GRADIENT),
        (
            target_gradient.is_some_and(|to| to.accumulate),
            ADD_TARGET_GRADIENT,
        ),
        (call.auxiliary.is_some(), HAS_AUXILIARY),
        (call.weight.is_some(), HAS_WEIGHT),
        (is_vector, IS_VECTOR),
    ] {
        flags |= if is_so { flag } else { 0 };
    }
    let (auxiliary, auxiliary_strides) =
        operand(&mut sequence, "auxiliary", &call.auxiliary, call)?;
    let (weight, weight_strides) = operand(&mut sequence, "weight", &call.weight, call)?;
    let counts = match call.normalizer {
        _ if call.reduction != Reduction::Mean => None,
        Normalizer::Elements => call.ignore.is_some().then_some(0),
        Normalizer::Weights => (call.ignore.is_some() || call.weight.is_some()).then_some(1),
        Normalizer::Positives => Some(2),
    };
    let mut formula = [0.0; FORMULA];
    for (to, number) in formula.iter_mut().zip(&call.formula.numbers) {
        *to = *number;
    }
    // The slope of a difference has the other sign with respect to the target.
    let scale = |destination: Option<Destination<M>>| destination.map_or(0.0, |to| to.scale);
    let [_, channels, space] = call.shape;
    let numbers = || {
        let numbers = Numbers::new(computes)
            .reals(&formula)
            .reals(&[scale(gradient), -scale(target_gradient)])
            .reals(&[call.ignore.unwrap_or(f64::NAN)])
            .uints(&[number(elements)?, number(channels)?, number(space)?])
            .uints(&[flags, counts.unwrap_or(0)])
            .uints(&auxiliary_strides)
            .uints(&weight_strides);
        Ok::<_, Error>(numbers.finish())
    };
    let each = if is_vector {
        PACKS * lanes(call.dtype)
    } else {
        1
    };
    let blocks = grid.blocks(elements.div_ceil(each))?;
    let partial = sequence.scratch(computes, blocks as usize);
    let denominator = match counts {
        None => Denominator::given(call.reduction, elements),
        Some(_) => {
            let blocks = grid.blocks(elements)?;
            let counted = sequence.scratch(computes, blocks as usize);
            let arguments = vec![
                Argument::Read(call.target),
                weight.clone(),
                counted.clone(),
                numbers()?,
            ];
            let entry = format!("pointwise_count_{}", call.dtype);
            sequence.launch(Module::Pointwise, entry, blocks, arguments);
            Denominator::Counted {
                partial: counted,
                partials: blocks,
                at_least_one: call.normalizer == Normalizer::Positives,
            }
        }
    };
    let factor = sequence.factor(computes, denominator);
    let arguments = vec![
        Argument::Read(call.input),
        Argument::Read(call.target),
        auxiliary,
        weight,
        factor.clone(),
        of_gradient,
        of_target,
        of_values,
        partial.clone(),
        numbers()?,
    ];
    let Formula { module, name, .. } = call.formula;
    let entry = format!("{name}_fused_{}", call.dtype);
    sequence.launch(*module, entry, blocks, arguments);
    let value = sequence.value(computes, value)?;
    sequence.total(computes, (partial, blocks), factor, value);
    Ok(sequence)
}

/// An operand's memory and strides.
fn operand<M: Memory>(
    sequence: &mut Sequence<M>,
    argument: &'static str,
    operand: &Option<Operand<'_, M>>,
    call: &Call<'_, M>,
) -> Result<(Argument<M>, [u32; 3])> {
    let Some(Operand { source, shape }) = operand else {
        return Ok((Argument::Absent, [0; 3]));
    };
    let strides = broadcast(argument, *shape, call.shape)?;
    let computes = real(call.dtype)?;
    let len = shape.iter().product();
    let memory = match source {
        Source::Memory(memory) => {
            check_memory(argument, *memory, len, computes)?;
            Argument::Read(*memory)
        }
        Source::Host(numbers) if numbers.len() == len => sequence.numbers(computes, numbers)?,
        Source::Host(numbers) => {
            let (got, expected) = (format!("{} numbers", numbers.len()), len.to_string());
            return Err(Error::option(argument, got, expected));
        }
    };
    Ok((memory, strides))
}
