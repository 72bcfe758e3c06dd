//! The peak signal-to-noise ratio: see `pixel/psnr.h`.

use crate::error::Result;
use crate::options::Normalizer;
use crate::pixel::{PsnrOptions, PsnrPooling};
use crate::scalar::DType;

use super::items::{Divisor, Form, Sums};
use super::pointwise::{
    ADD_GRADIENT, ADD_TARGET_GRADIENT, HAS_WEIGHT, IS_VECTOR, WRITE_GRADIENT, WRITE_TARGET_GRADIENT,
};
use super::sequence::{Numbers, written};
use super::{
    Argument, Destination, Grid, Memory, Module, Results, Sequence, Weight, check_memory, lanes,
    number, real,
};

/// What is counted.
const COUNT_WEIGHTS: u32 = 1;
const COUNT_POSITIVES: u32 = 2;

/// A call of the ratio.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a, M> {
    /// The loss.
    pub options: &'a PsnrOptions,
    /// Of both images.
    pub dtype: DType,
    /// (N, C, S).
    pub shape: [usize; 3],
    /// The first.
    pub input: M,
    /// The second.
    pub target: M,
    /// Multiplies squared errors; 1 where absent.
    pub weight: Option<Weight<M>>,
    /// Where results go: one value per item, or one where the batch is pooled.
    pub results: Results<M>,
}

/// The launches of a call.
pub fn sequence<M: Memory>(grid: Grid, call: &Call<'_, M>) -> Result<Sequence<M>> {
    let options = call.options;
    options.check()?;
    let [items, channels, space] = call.shape;
    let (each, elements) = (channels * space, items * channels * space);
    number(elements)?;
    let computes = real(call.dtype)?;
    check_memory("input", call.input, elements, call.dtype)?;
    check_memory("target", call.target, elements, call.dtype)?;
    let Results {
        gradient,
        target_gradient,
        ..
    } = call.results;
    let memory = |destination: Option<Destination<M>>| destination.map(|to| to.memory);
    let of_gradient = written("gradient", memory(gradient), elements, computes)?;
    let of_target = written("gradient", memory(target_gradient), elements, computes)?;
    let (weight, strides) = match &call.weight {
        None => (Argument::Absent, [0; 3]),
        Some(weight) => weight.of_elements(call.shape, computes)?,
    };
    let is_vector = each.is_multiple_of(lanes(call.dtype))
        && [Some(call.input), Some(call.target)]
            .into_iter()
            .chain([memory(gradient), memory(target_gradient)])
            .flatten()
            .all(Memory::is_aligned);
    let adds = |to: Option<Destination<M>>| to.is_some_and(|to| to.accumulate);
    let mut flags = 0;
    for (is_so, flag) in [
        (gradient.is_some(), WRITE_GRADIENT),
        (adds(gradient), ADD_GRADIENT),
        (target_gradient.is_some(), WRITE_TARGET_GRADIENT),
        (adds(target_gradient), ADD_TARGET_GRADIENT),
        (call.weight.is_some(), HAS_WEIGHT),
        (is_vector, IS_VECTOR),
    ] {
        flags |= if is_so { flag } else { 0 };
    }
    let count = match options.normalizer {
        Normalizer::Positives => COUNT_POSITIVES,
        Normalizer::Elements | Normalizer::Weights => COUNT_WEIGHTS,
    };
    let is_pooled = options.pooling == PsnrPooling::Batch;
    let unit = if is_vector { lanes(call.dtype) } else { 1 };
    let splits = grid.splits(each.div_ceil(unit), items)?;
    let scale = |to: Option<Destination<M>>| to.map_or(0.0, |to| to.scale);
    let numbers = || {
        let numbers = Numbers::new(computes)
            .reals(&[scale(gradient), -scale(target_gradient)])
            .uints(&[number(items)?, number(channels)?, number(space)?])
            .uints(&[flags, count, number(splits)?, u32::from(is_pooled)])
            .uints(&strides);
        Ok::<_, crate::Error>(numbers.finish())
    };
    let mut sequence = Sequence::new(grid);
    let partial = sequence.scratch(computes, items * splits);
    let counts = sequence.scratch(computes, items * splits);
    let images = [
        Argument::Read(call.input),
        Argument::Read(call.target),
        weight,
    ];
    let arguments = images
        .iter()
        .cloned()
        .chain([partial.clone(), counts.clone(), numbers()?])
        .collect();
    let entry = format!("psnr_sums_{}", call.dtype);
    sequence.launch(Module::Psnr, entry, number(items * splits)?, arguments);
    let (groups, of_group) = if is_pooled { (1, items) } else { (items, 1) };
    let divisor = match options.normalizer {
        Normalizer::Elements => Divisor::Given((each * of_group) as f64),
        normalizer => Divisor::Counted {
            partial: counts,
            at_least_one: normalizer == Normalizer::Positives,
        },
    };
    let sums = Sums {
        items: groups,
        parts: splits * of_group,
        partial,
        divisor,
    };
    let form = Form::Decibels {
        inner: options.data_range.powi(-2),
        eps: options.eps,
    };
    let factors = sequence.items(computes, sums, form, options.reduction, &call.results)?;
    if gradient.is_some() || target_gradient.is_some() {
        let arguments = images
            .into_iter()
            .chain([factors, of_gradient, of_target, numbers()?])
            .collect();
        let entry = format!("psnr_gradient_{}", call.dtype);
        let blocks = grid.blocks(elements.div_ceil(unit))?;
        sequence.launch(Module::Psnr, entry, blocks, arguments);
    }
    Ok(sequence)
}
