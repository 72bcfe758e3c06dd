//! Region losses: see `loops/overlap.h` and `region/math.h`.

use crate::error::{Error, Result};
use crate::options::Reduction;
use crate::region::{
    Absent, Activation, Average, ClassAverage, Classes, Extra, Intersection, Options, Pooling,
    Ratio, Score, Smooth, Transform, VolumeWeight,
};
use crate::scalar::DType;

use super::sequence::{Numbers, written};
use super::{
    Argument, Destination, Grid, Labels, Memory, Module, Sequence, Weight, check_memory, lanes,
    number, real,
};

const HAS_WEIGHT: u32 = 1;
const ADD_GRADIENT: u32 = 2;
const IS_VECTOR: u32 = 4;
const IS_SOFT: u32 = 8;
const IS_POOLED: u32 = 16;
const MINIMUM: u32 = 32;
const SQUARED: u32 = 64;

/// What is compared to.
#[derive(Clone, Copy, Debug)]
pub enum Target<M> {
    /// A class per pixel.
    Labels(Labels<M>),
    /// Soft targets, (N, C, S) of the input's type.
    Soft(M),
}

/// Where results go. Values and gradients are of the type that is computed in.
#[derive(Clone, Copy, Debug)]
pub struct Results<M> {
    /// The reduced value.
    pub value: Option<M>,
    /// One value per item, or one where the batch is pooled.
    pub values: Option<M>,
    /// With respect to the input.
    pub gradient: Option<Destination<M>>,
}

/// A call of a region loss.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a, M> {
    /// The loss.
    pub options: &'a Options,
    /// Of the input.
    pub dtype: DType,
    /// (N, C, S).
    pub shape: [usize; 3],
    /// Logits or probabilities.
    pub input: M,
    /// The target.
    pub target: Target<M>,
    /// Multiplies the terms of all sums; 1 where absent.
    pub weight: Option<Weight<M>>,
    /// Where results go.
    pub results: Results<M>,
}

/// Whether there are kernels for these options: a quotient of sums, with nothing on top.
pub fn supports(options: &Options) -> bool {
    matches!(options.score, Score::Ratio(_))
        && !matches!(options.transform, Transform::LogPower(_))
        && options.background.is_none()
        && options.extra == Extra::None
}

/// Classes that a block sums at a time.
fn summed(computes: DType) -> usize {
    match computes {
        DType::F64 => 2,
        _ => 4,
    }
}

/// Blocks that share the sums of an item's classes, for so many units of a thread's work: enough blocks to fill a device,
/// and enough work for each.
fn splits(grid: Grid, units: usize, others: usize) -> Result<usize> {
    let most = (4 * grid.most as usize).div_ceil(others.max(1));
    Ok(most.min(grid.blocks(units)? as usize).max(1))
}

/// The launches of a call. Fails unless [`supports`] its options.
pub fn sequence<M: Memory>(grid: Grid, call: &Call<'_, M>) -> Result<Sequence<M>> {
    let options = call.options;
    let [items, classes, space] = call.shape;
    let (elements, pixels) = (items * classes * space, items * space);
    let computes = real(call.dtype)?;
    check_memory("input", call.input, elements, call.dtype)?;
    let (target, target_dtype, labels) = match call.target {
        Target::Labels(labels) => {
            labels.check(pixels)?;
            let numbers = labels.numbers(classes.max(2))?;
            (labels.memory, labels.dtype, numbers)
        }
        Target::Soft(memory) => {
            check_memory("target", memory, elements, call.dtype)?;
            (memory, call.dtype, [0, number(classes.max(2))?, 0, 0, 0])
        }
    };
    options.check_against(classes, target_dtype)?;
    number(elements.max(2 * pixels))?;
    let is_soft = matches!(call.target, Target::Soft(_));
    let is_pooled = options.pooling == Pooling::Batch;
    let groups = if is_pooled { 1 } else { items };
    let mut sequence = Sequence::new(grid);
    let Results {
        value,
        values,
        gradient,
    } = call.results;
    let of_values = match values {
        None => sequence.scratch(computes, groups),
        values => written("values", values, groups, computes)?,
    };
    let of_gradient = written("gradient", gradient.map(|to| to.memory), elements, computes)?;
    let is_vector = space.is_multiple_of(lanes(call.dtype))
        && call.input.is_aligned()
        && (!is_soft || target.is_aligned())
        && gradient.is_none_or(|to| to.memory.is_aligned());
    let mut flags = 0;
    for (is_so, flag) in [
        (call.weight.is_some(), HAS_WEIGHT),
        (gradient.is_some_and(|to| to.accumulate), ADD_GRADIENT),
        (is_vector, IS_VECTOR),
        (is_soft, IS_SOFT),
        (is_pooled, IS_POOLED),
        (options.intersection == Intersection::Minimum, MINIMUM),
        (options.squared, SQUARED),
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
    let activation = match options.activation {
        Activation::Softmax => 0,
        Activation::Sigmoid => 1,
        Activation::Identity => 2,
    };
    let each = if is_vector { lanes(call.dtype) } else { 1 };
    let groups_of_classes = classes.div_ceil(summed(computes));
    let splits = splits(grid, space.div_ceil(each), items * groups_of_classes)?;
    let scale = gradient.map_or(0.0, |to| to.scale);
    let numbers = || {
        let numbers = Numbers::new(computes)
            .reals(&[scale])
            .uints(&[number(items)?, number(classes)?, number(space)?])
            .uints(&[activation, flags, number(splits)?])
            .uints(&weight_strides)
            .uints(&labels);
        Ok::<_, Error>(numbers.finish())
    };
    let norms = match options.activation {
        Activation::Softmax => {
            let norms = sequence.scratch(computes, 2 * pixels);
            let arguments = vec![Argument::Read(call.input), norms.clone(), numbers()?];
            let blocks = grid.blocks(pixels.div_ceil(each))?;
            let entry = format!("overlap_norms_{}", call.dtype);
            sequence.launch(Module::Overlap, entry, blocks, arguments);
            norms
        }
        Activation::Sigmoid | Activation::Identity => Argument::Absent,
    };
    let tensors = [
        Argument::Read(call.input),
        Argument::Read(target),
        weight,
        norms,
    ];
    let partial = sequence.scratch(computes, items * classes * splits * 3);
    let arguments = tensors
        .iter()
        .cloned()
        .chain([partial.clone(), numbers()?])
        .collect();
    let entry = format!("overlap_sums_{}", call.dtype);
    let blocks = number(items * groups_of_classes * splits)?;
    sequence.launch(Module::Overlap, entry, blocks, arguments);
    let statistics = sequence.scratch(computes, groups * classes * 3);
    let slopes = sequence.scratch(computes, groups * classes * 2);
    let class_weights = match &options.class_weights {
        None => Argument::Absent,
        Some(weights) => sequence.numbers(computes, weights)?,
    };
    let included: Vec<f64> = (0..classes)
        .map(|class| match &options.classes {
            Classes::All => 1.0,
            Classes::Foreground => f64::from(class > 0 || classes == 1),
            Classes::Listed(list) => f64::from(list.contains(&class)),
        })
        .collect();
    let included = sequence.numbers(computes, &included)?;
    let value = sequence.value(computes, value)?;
    let arguments = vec![
        partial,
        class_weights,
        included,
        statistics,
        slopes.clone(),
        of_values,
        value,
        scores(options, computes, [items, classes, splits])?.finish(),
    ];
    let entry = format!("region_scores_{computes}");
    sequence.launch(Module::Region, entry, 1, arguments);
    if gradient.is_some() {
        let arguments = tensors
            .into_iter()
            .chain([slopes, of_gradient, numbers()?])
            .collect();
        let units = match options.activation {
            Activation::Softmax => pixels,
            Activation::Sigmoid | Activation::Identity => elements,
        };
        let entry = format!("overlap_gradient_{}", call.dtype);
        let blocks = grid.blocks(units.div_ceil(each))?;
        sequence.launch(Module::Overlap, entry, blocks, arguments);
    }
    Ok(sequence)
}

/// The kernel's struct of how sums become scores.
fn scores(options: &Options, computes: DType, sizes: [usize; 3]) -> Result<Numbers> {
    let unsupported =
        |option| Error::option(option, "another", "one that kernels for devices have");
    let Score::Ratio(Ratio {
        i_num,
        i_den,
        p_den,
        t_den,
    }) = options.score
    else {
        return Err(unsupported("score"));
    };
    if options.background.is_some() || options.extra != Extra::None {
        return Err(unsupported("extra"));
    }
    let Smooth {
        numerator,
        denominator,
        floor,
    } = options.smooth;
    let (transform, gamma) = match options.transform {
        Transform::Linear => (0, 0.0),
        Transform::Log => (1, 0.0),
        Transform::LogCosh => (2, 0.0),
        Transform::Negative => (3, 0.0),
        Transform::Power(gamma) => (4, gamma),
        Transform::LogPower(_) => return Err(unsupported("transform")),
    };
    let average = match options.average {
        Average::Macro => 0,
        Average::Micro | Average::Generalized(VolumeWeight::Uniform) => 1,
        Average::Generalized(VolumeWeight::Simple) => 2,
        Average::Generalized(VolumeWeight::Square) => 3,
    };
    let absent = match options.absent {
        Absent::Count => 0,
        Absent::Skip => 1,
        Absent::Zero => 2,
    };
    let [items, classes, splits] = sizes;
    Ok(Numbers::new(computes)
        .reals(&[i_num, i_den, p_den, t_den])
        .reals(&[numerator, denominator, floor])
        .reals(&[gamma, options.power, options.weight])
        .uints(&[number(items)?, number(classes)?, number(splits)?])
        .uints(&[u32::from(options.pooling == Pooling::Batch)])
        .uints(&[transform, average, absent])
        .uints(&[u32::from(options.class_weights.is_some())])
        .uints(&[u32::from(options.class_average == ClassAverage::Weights)])
        .uints(&[u32::from(options.reduction == Reduction::Mean)]))
}
