//! Losses of pixels over a softmax: see `loops/site.h`.

use crate::error::{Error, Result, check_class_weights};
use crate::options::{Normalizer, Reduction};
use crate::scalar::DType;

use super::sequence::{Denominator, Numbers, written};
use super::{
    Argument, Destination, Formula, Grid, Labels, Memory, Module, Sequence, Term, Weight,
    check_memory, lanes, number, real,
};

const WRITE_VALUES: u32 = 1;
const WRITE_GRADIENT: u32 = 2;
const ADD_GRADIENT: u32 = 4;
const HAS_WEIGHT: u32 = 8;
const HAS_CLASS_WEIGHTS: u32 = 16;
const IS_VECTOR: u32 = 32;
const IS_DISTRIBUTION: u32 = 64;

/// Numbers that a formula may have.
const FORMULA: usize = 2;

/// What is compared to.
#[derive(Clone, Copy, Debug)]
pub enum Target<M> {
    /// A class per pixel.
    Labels(Labels<M>),
    /// A distribution per pixel, (N, C, S) of the input's type; for cross-entropy.
    Distribution(M),
}

/// Where results go. Values and gradients are of the type that is computed in.
#[derive(Clone, Copy, Debug)]
pub struct Results<M> {
    /// The reduced value.
    pub value: Option<M>,
    /// One value per pixel.
    pub values: Option<M>,
    /// With respect to the logits.
    pub gradient: Option<Destination<M>>,
}

/// A call of a formula.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a, M> {
    /// The formula.
    pub term: &'a Term,
    /// Of the input.
    pub dtype: DType,
    /// (N, C, S).
    pub shape: [usize; 3],
    /// The logits.
    pub input: M,
    /// The target.
    pub target: Target<M>,
    /// Multiplies value and slope of pixels, (N, 1, S); 1 where absent.
    pub weight: Option<Weight<M>>,
    /// One weight per class; 1 where absent.
    pub class_weights: Option<&'a [f64]>,
    /// How pixels are reduced.
    pub reduction: Reduction,
    /// What the mean divides by.
    pub normalizer: Normalizer,
    /// Where results go.
    pub results: Results<M>,
}

/// The launches of a call.
pub fn sequence<M: Memory>(grid: Grid, call: &Call<'_, M>) -> Result<Sequence<M>> {
    let [items, classes, space] = call.shape;
    let (elements, pixels) = (items * classes * space, items * space);
    let computes = real(call.dtype)?;
    check_memory("input", call.input, elements, call.dtype)?;
    let (target, labels) = match call.target {
        Target::Labels(labels) => {
            labels.check(pixels)?;
            (labels.memory, labels.numbers(classes)?)
        }
        Target::Distribution(memory) => {
            check_memory("target", memory, elements, call.dtype)?;
            (memory, [0, number(classes)?, 0, 0, 0])
        }
    };
    let is_distribution = matches!(call.target, Target::Distribution(_));
    if is_distribution && !call.term.is_soft {
        return Err(Error::DType {
            argument: "target",
            expected: "u8, u32 or i64 class indices",
            got: call.dtype,
        });
    }
    let has_ignore = labels[2] != 0;
    let mut sequence = Sequence::new(grid);
    let Results {
        value,
        values,
        gradient,
    } = call.results;
    let of_values = written("values", values, pixels, computes)?;
    let of_gradient = written("gradient", gradient.map(|to| to.memory), elements, computes)?;
    let is_vector = space.is_multiple_of(lanes(call.dtype))
        && call.input.is_aligned()
        && (!is_distribution || target.is_aligned())
        && gradient.is_none_or(|to| to.memory.is_aligned());
    let mut flags = 0;
    for (is_so, flag) in [
        (values.is_some(), WRITE_VALUES),
        (gradient.is_some(), WRITE_GRADIENT),
        (gradient.is_some_and(|to| to.accumulate), ADD_GRADIENT),
        (call.weight.is_some(), HAS_WEIGHT),
        (call.class_weights.is_some(), HAS_CLASS_WEIGHTS),
        (is_vector, IS_VECTOR),
        (is_distribution, IS_DISTRIBUTION),
    ] {
        flags |= if is_so { flag } else { 0 };
    }
    let (weight, weight_strides) = match &call.weight {
        None => (Argument::Absent, [0; 2]),
        Some(weight) => (
            Argument::Read(weight.memory),
            weight.of_pixels(call.shape, computes)?,
        ),
    };
    let class_weights = match call.class_weights {
        None => Argument::Absent,
        Some(weights) => {
            check_class_weights(weights, classes)?;
            sequence.numbers(computes, weights)?
        }
    };
    let has_weights = call.weight.is_some() || (!is_distribution && call.class_weights.is_some());
    let counts = match call.normalizer {
        _ if call.reduction != Reduction::Mean => None,
        Normalizer::Elements => has_ignore.then_some(0),
        Normalizer::Weights => (has_ignore || has_weights).then_some(1),
        Normalizer::Positives => Some(2),
    };
    let mut formula = [0.0; FORMULA];
    for (to, number) in formula.iter_mut().zip(&call.term.formula.numbers) {
        *to = *number;
    }
    let scale = gradient.map_or(0.0, |to| to.scale);
    let numbers = || {
        let numbers = Numbers::new(computes)
            .reals(&formula)
            .reals(&[scale, 1.0 - call.term.smoothing])
            .reals(&[call.term.smoothing / classes.max(1) as f64])
            .uints(&[number(items)?, number(classes)?, number(space)?])
            .uints(&[flags, counts.unwrap_or(0)])
            .uints(&weight_strides)
            .uints(&labels);
        Ok::<_, Error>(numbers.finish())
    };
    number(elements)?;
    let each = if is_vector { lanes(call.dtype) } else { 1 };
    let blocks = grid.blocks(pixels.div_ceil(each))?;
    let partial = sequence.scratch(computes, blocks as usize);
    let denominator = match counts {
        None => Denominator::given(call.reduction, pixels),
        Some(_) => {
            let blocks = grid.blocks(pixels)?;
            let counted = sequence.scratch(computes, blocks as usize);
            let arguments = vec![
                Argument::Read(target),
                weight.clone(),
                class_weights.clone(),
                counted.clone(),
                numbers()?,
            ];
            let entry = format!("site_count_{computes}");
            sequence.launch(Module::Site, entry, blocks, arguments);
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
        Argument::Read(target),
        weight,
        class_weights,
        factor.clone(),
        of_gradient,
        of_values,
        partial.clone(),
        numbers()?,
    ];
    let Formula { module, name, .. } = &call.term.formula;
    let entry = format!("{name}_fused_{}", call.dtype);
    sequence.launch(*module, entry, blocks, arguments);
    let value = sequence.value(computes, value)?;
    sequence.total(computes, (partial, blocks), factor, value);
    Ok(sequence)
}
