//! Total variation: see `total_variation/math.h`.

use crate::error::Result;
use crate::scalar::DType;
use crate::total_variation::{Options, VariationNorm};

use super::convert;
use super::items::{Divisor, Form, Sums};
use super::sequence::{Numbers, written};
use super::{
    Argument, Grid, Memory, Module, Results, Sequence, Weight, check_memory, number, real,
};

const HAS_WEIGHT: u32 = 1;
const ADD_GRADIENT: u32 = 2;

/// A call of total variation.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a, M> {
    /// The loss.
    pub options: &'a Options,
    /// Of the input.
    pub dtype: DType,
    /// Items and channels.
    pub planes: [usize; 2],
    /// Depth, height and width.
    pub space: [usize; 3],
    /// The image or volume.
    pub input: M,
    /// Of a pixel's own differences; 1 where absent.
    pub weight: Option<Weight<M>>,
    /// Where results go: one value per item. With respect to a target, which there is none of, the gradient is 0.
    pub results: Results<M>,
}

/// The launches of a call.
pub fn sequence<M: Memory>(grid: Grid, call: &Call<'_, M>) -> Result<Sequence<M>> {
    let options = call.options;
    options.check()?;
    let ([items, channels], [depth, height, width]) = (call.planes, call.space);
    let shape = [items, channels, depth * height * width];
    let (each, elements) = (shape[1] * shape[2], shape.iter().product());
    number(elements)?;
    let computes = real(call.dtype)?;
    check_memory("input", call.input, elements, call.dtype)?;
    let gradient = call.results.gradient;
    let of_gradient = written("gradient", gradient.map(|to| to.memory), elements, computes)?;
    let (weight, strides) = match &call.weight {
        None => (Argument::Absent, [0; 3]),
        Some(weight) => weight.of_elements(shape, computes)?,
    };
    let mut flags = 0;
    for (is_so, flag) in [
        (call.weight.is_some(), HAS_WEIGHT),
        (gradient.is_some_and(|to| to.accumulate), ADD_GRADIENT),
    ] {
        flags |= if is_so { flag } else { 0 };
    }
    let (norm, form) = match options.norm {
        VariationNorm::Anisotropic => (0, Form::Mean),
        VariationNorm::Isotropic => (1, Form::Mean),
        VariationNorm::Squared => (2, Form::Mean),
        VariationNorm::Root => (2, Form::Root),
    };
    let splits = grid.splits(each, items)?;
    let numbers = || {
        let numbers = Numbers::new(computes)
            .reals(&[options.eps])
            .reals(&options.factors(channels, call.space))
            .reals(&[gradient.map_or(0.0, |to| to.scale)])
            .uints(&[number(items)?, number(channels)?])
            .uints(&[number(depth)?, number(height)?, number(width)?])
            .uints(&[norm, flags, number(splits)?])
            .uints(&strides);
        Ok::<_, crate::Error>(numbers.finish())
    };
    let mut sequence = Sequence::new(grid);
    let partial = sequence.scratch(computes, items * splits);
    let arguments = vec![
        Argument::Read(call.input),
        weight.clone(),
        partial.clone(),
        numbers()?,
    ];
    let entry = format!("variation_sums_{}", call.dtype);
    sequence.launch(Module::Variation, entry, number(items * splits)?, arguments);
    let sums = Sums {
        items,
        parts: splits,
        partial,
        divisor: Divisor::Given(1.0),
    };
    let factors = sequence.items(computes, sums, form, options.reduction, &call.results)?;
    if gradient.is_some() {
        let arguments = vec![
            Argument::Read(call.input),
            weight,
            factors,
            of_gradient,
            numbers()?,
        ];
        let entry = format!("variation_gradient_{}", call.dtype);
        sequence.launch(Module::Variation, entry, grid.blocks(elements)?, arguments);
    }
    match call.results.target_gradient {
        None => Ok(sequence),
        Some(to) => Ok(sequence.then(convert::zero(grid, shape, to, computes)?)),
    }
}
