//! Losses of pairs of boxes: see `loops/boxes.h`.

use crate::boxes::{self, Combinators, IouForm, Options};
use crate::error::Result;
use crate::loops::boxes::Denominator as Divisor;
use crate::options::Reduction;
use crate::scalar::DType;

use super::pointwise::{
    ADD_GRADIENT, ADD_TARGET_GRADIENT, HAS_WEIGHT, IS_VECTOR, WRITE_GRADIENT,
    WRITE_TARGET_GRADIENT, WRITE_VALUES,
};
use super::sequence::{Denominator, Numbers, written};
use super::{
    Argument, Destination, Formula, Grid, Memory, Module, Sequence, Weight, check_memory, number,
    real,
};

pub use super::Results;

const HAS_COMBINATORS: u32 = 256;

/// Numbers of a box.
const SIDES: usize = 4;
/// Numbers that a formula may have.
const FORMULA: usize = 4;
/// What the weights count as in `pointwise_count`.
const COUNT_WEIGHTS: u32 = 1;

/// A call of a loss of boxes.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a, M> {
    /// The loss.
    pub options: &'a Options,
    /// Of both lists of boxes.
    pub dtype: DType,
    /// How many pairs.
    pub pairs: usize,
    /// The first boxes, (N, 4).
    pub input: M,
    /// The second.
    pub target: M,
    /// Multiplies value and slopes of pairs, (N, 1, 1); 1 where absent.
    pub weight: Option<Weight<M>>,
    /// Where results go.
    pub results: Results<M>,
}

/// The launches of a call.
pub fn sequence<M: Memory>(grid: Grid, call: &Call<'_, M>) -> Result<Sequence<M>> {
    let options = call.options;
    let (pairs, elements) = (call.pairs, call.pairs * SIDES);
    let computes = real(call.dtype)?;
    let Formula { name, numbers, .. } = boxes::formula(options)?;
    check_memory("input", call.input, elements, call.dtype)?;
    check_memory("target", call.target, elements, call.dtype)?;
    number(elements)?;
    let mut sequence = Sequence::new(grid);
    let Results {
        value,
        values,
        gradient,
        target_gradient,
    } = call.results;
    let memory = |destination: Option<Destination<M>>| destination.map(|to| to.memory);
    let of_values = written("values", values, pairs, computes)?;
    let of_gradient = written("gradient", memory(gradient), elements, computes)?;
    let of_target = written("gradient", memory(target_gradient), elements, computes)?;
    let (weight, strides) = match &call.weight {
        None => (Argument::Absent, [0; 3]),
        Some(weight) => weight.of_elements([pairs, 1, 1], computes)?,
    };
    let is_vector = [Some(call.input), Some(call.target)]
        .into_iter()
        .chain([memory(gradient), memory(target_gradient)])
        .flatten()
        .all(Memory::is_aligned);
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
        (call.weight.is_some(), HAS_WEIGHT),
        (is_vector, IS_VECTOR),
        (
            options.combinators != Combinators::default(),
            HAS_COMBINATORS,
        ),
    ] {
        flags |= if is_so { flag } else { 0 };
    }
    let blocks = grid.blocks(pairs)?;
    let denominator = match (options.reduction, options.denominator) {
        (Reduction::Mean, Divisor::AvgFactor(factor)) => Denominator::Given(factor),
        (Reduction::Mean, Divisor::Weights) if call.weight.is_some() => {
            let partial = sequence.scratch(computes, blocks as usize);
            // The loop of elements counts them; its target is of no interest.
            let count = Numbers::new(computes)
                .reals(&[0.0; 8])
                .reals(&[0.0, 0.0, f64::NAN])
                .uints(&[number(pairs)?, 1, 1, HAS_WEIGHT, COUNT_WEIGHTS])
                .uints(&[0; 3])
                .uints(&strides);
            let arguments = vec![
                weight.clone(),
                weight.clone(),
                partial.clone(),
                count.finish(),
            ];
            let entry = format!("pointwise_count_{computes}");
            sequence.launch(Module::Pointwise, entry, blocks, arguments);
            Denominator::Counted {
                partial,
                partials: blocks,
                at_least_one: false,
            }
        }
        (reduction, _) => Denominator::given(reduction, pairs),
    };
    let factor = sequence.factor(computes, denominator);
    let partial = sequence.scratch(computes, blocks as usize);
    let mut formula = [0.0; FORMULA];
    for (to, number) in formula.iter_mut().zip(&numbers) {
        *to = *number;
    }
    let Combinators {
        form,
        alpha,
        inner,
        focaler: (low, high),
    } = options.combinators;
    let exponent = match form {
        IouForm::Square => 2.0 * alpha,
        IouForm::Linear | IouForm::Log => alpha,
    };
    let scale = |destination: Option<Destination<M>>| destination.map_or(0.0, |to| to.scale);
    let numbers = Numbers::new(computes)
        .reals(&formula)
        .reals(&boxes::ends(options.format))
        .reals(&[options.eps])
        .reals(&[exponent, alpha, inner, low, 1.0 / (high - low)])
        .reals(&[scale(gradient), scale(target_gradient)])
        .uints(&[u32::from(form == IouForm::Log), number(pairs)?, flags])
        .uints(&strides);
    let arguments = vec![
        Argument::Read(call.input),
        Argument::Read(call.target),
        weight,
        factor.clone(),
        of_gradient,
        of_target,
        of_values,
        partial.clone(),
        numbers.finish(),
    ];
    let entry = format!("{name}_fused_{}", call.dtype);
    sequence.launch(Module::Boxes, entry, blocks, arguments);
    let value = sequence.value(computes, value)?;
    sequence.total(computes, (partial, blocks), factor, value);
    Ok(sequence)
}
