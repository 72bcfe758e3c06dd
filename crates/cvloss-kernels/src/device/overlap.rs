//! Region losses: see `loops/overlap.h` and `region/math.h`.

use crate::error::{Error, Result};
use crate::options::Reduction;
use crate::region::{
    self, Absent, Activation, Average, ClassAverage, Classes, Extra, Intersection, Options,
    Pooling, Ratio, Score, Smooth, Transform, VolumeWeight,
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
const HAS_AUXILIARY: u32 = 128;
const SPREADS: u32 = 256;
const KEEPS_SLOPES: u32 = 512;

/// Numbers that the formula of what rides along may have.
const FORMULA: usize = 4;

/// A loss of pixels or elements on top, as the kernels have it.
#[derive(Clone, Debug)]
pub(crate) struct Riding {
    /// The sweeps that it rides along with: their names begin so.
    pub(crate) sweep: &'static str,
    /// Over a softmax, it compares to a distribution, not to one class.
    pub(crate) spreads: bool,
    /// The numbers of its formula.
    pub(crate) formula: Vec<f64>,
    /// Share of the target of a softmax that is spread over all classes.
    pub(crate) smoothing: f64,
    /// One number per class; 1 where absent.
    pub(crate) auxiliary: Option<Vec<f64>>,
    /// What its mean divides by.
    pub(crate) divisor: Divisor,
    /// Its factor.
    pub(crate) weight: f64,
}

/// What the mean of a loss on top divides by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Divisor {
    /// The auxiliary number of each point's class.
    Classes = 1,
    /// The weights of points.
    Mass,
    /// Points that are not ignored.
    Points,
    /// As many as their elements.
    Elements,
}

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

/// Whether there are kernels for these options and so many classes: a quotient of sums, and on top not the softmax of a
/// single class.
pub fn supports(options: &Options, classes: usize) -> bool {
    let is_single = classes == 1 && options.activation == Activation::Softmax;
    matches!(options.score, Score::Ratio(_))
        && !matches!(options.transform, Transform::LogPower(_))
        && options.background.is_none()
        && (options.extra == Extra::None || !is_single)
}

/// Classes that a block sums at a time.
fn summed(computes: DType) -> usize {
    match computes {
        DType::F64 => 2,
        _ => 4,
    }
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
    if !supports(options, classes) {
        return Err(unsupported("extra"));
    }
    let is_soft = matches!(call.target, Target::Soft(_));
    let riding = region::device::extra(options, classes, !is_soft);
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
        (
            riding
                .as_ref()
                .is_some_and(|riding| riding.auxiliary.is_some()),
            HAS_AUXILIARY,
        ),
        (
            riding.as_ref().is_some_and(|riding| riding.spreads),
            SPREADS,
        ),
        (riding.is_some() && gradient.is_some(), KEEPS_SLOPES),
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
    let units = space.div_ceil(each);
    let groups_of_classes = classes.div_ceil(summed(computes));
    let of_sums = grid.splits(units, items * groups_of_classes)?;
    let scale = gradient.map_or(0.0, |to| to.scale);
    let mut formula = [0.0; FORMULA];
    let numbers_of = riding.iter().flat_map(|riding| &riding.formula);
    for (to, number) in formula.iter_mut().zip(numbers_of) {
        *to = *number;
    }
    let smoothing = riding.as_ref().map_or(0.0, |riding| riding.smoothing);
    let numbers = |splits: usize| {
        let numbers = Numbers::new(computes)
            .reals(&formula)
            .reals(&[1.0 - smoothing, smoothing / classes as f64, scale])
            .uints(&[number(items)?, number(classes)?, number(space)?])
            .uints(&[activation, flags, number(splits)?])
            .uints(&weight_strides)
            .uints(&labels);
        Ok::<_, Error>(numbers.finish())
    };
    let auxiliary = match riding.as_ref().and_then(|riding| riding.auxiliary.as_ref()) {
        None => Argument::Absent,
        Some(auxiliary) => sequence.numbers(computes, auxiliary)?,
    };
    // What rides along leaves so many sums of each item.
    let (mut extra_parts, mut of_extra) = (0, Argument::Absent);
    let is_softmax = options.activation == Activation::Softmax;
    let norms = match &riding {
        _ if !is_softmax => Argument::Absent,
        None => {
            let norms = sequence.scratch(computes, 2 * pixels);
            let arguments = vec![Argument::Read(call.input), norms.clone(), numbers(of_sums)?];
            let blocks = grid.blocks(pixels.div_ceil(each))?;
            let entry = format!("overlap_norms_{}", call.dtype);
            sequence.launch(Module::Overlap, entry, blocks, arguments);
            norms
        }
        Some(Riding { sweep, .. }) => {
            extra_parts = grid.splits(units, items)?;
            let rows = if gradient.is_some() { 4 } else { 2 };
            let norms = sequence.scratch(computes, rows * pixels);
            of_extra = sequence.scratch(computes, items * extra_parts);
            let arguments = vec![
                Argument::Read(call.input),
                Argument::Read(target),
                weight.clone(),
                auxiliary.clone(),
                norms.clone(),
                of_extra.clone(),
                numbers(extra_parts)?,
            ];
            let entry = format!("{sweep}_norms_{}", call.dtype);
            let blocks = number(items * extra_parts)?;
            sequence.launch(Module::RegionExtra, entry, blocks, arguments);
            norms
        }
    };
    let has_counts = labels[2] != 0 || call.weight.is_some();
    let (count_parts, counts) = match &riding {
        Some(_) if has_counts => {
            let parts = grid.splits(space, items)?;
            let counts = sequence.scratch(computes, items * parts * 2);
            let arguments = vec![
                Argument::Read(target),
                weight.clone(),
                counts.clone(),
                numbers(parts)?,
            ];
            let entry = format!("overlap_count_{computes}");
            sequence.launch(Module::Overlap, entry, number(items * parts)?, arguments);
            (parts, counts)
        }
        _ => (0, Argument::Absent),
    };
    let tensors = [
        Argument::Read(call.input),
        Argument::Read(target),
        weight,
        norms,
        auxiliary.clone(),
    ];
    let partial = sequence.scratch(computes, items * classes * of_sums * 3);
    let blocks = items * groups_of_classes * of_sums;
    let mut of_rows = Argument::Absent;
    let (module, sweep) = match &riding {
        Some(riding) if !is_softmax => {
            extra_parts = groups_of_classes * of_sums;
            of_extra = sequence.scratch(computes, blocks);
            of_rows = of_extra.clone();
            (Module::RegionExtra, riding.sweep)
        }
        _ => (Module::Overlap, "overlap"),
    };
    let arguments = tensors
        .iter()
        .cloned()
        .chain([partial.clone(), of_rows, numbers(of_sums)?])
        .collect();
    let entry = format!("{sweep}_sums_{}", call.dtype);
    sequence.launch(module, entry, number(blocks)?, arguments);
    // Of classes, and then of what rides along.
    let statistics = sequence.scratch(computes, groups * (classes * 3 + 3));
    let slopes = sequence.scratch(computes, groups * (classes * 2 + 1));
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
    let of_riding = [
        riding.as_ref().map_or(0, |riding| riding.divisor as u32),
        number(extra_parts)?,
        number(count_parts)?,
        number(space)?,
    ];
    let weight = riding.as_ref().map_or(0.0, |riding| riding.weight);
    let arguments = vec![
        partial,
        class_weights,
        included,
        of_extra,
        counts,
        auxiliary,
        statistics,
        slopes.clone(),
        of_values,
        value,
        scores(options, computes, [items, classes, of_sums], weight)?
            .uints(&of_riding)
            .finish(),
    ];
    let entry = format!("region_scores_{computes}");
    sequence.launch(Module::Region, entry, 1, arguments);
    if gradient.is_some() {
        let arguments = tensors
            .into_iter()
            .chain([slopes, of_gradient, numbers(of_sums)?])
            .collect();
        let (units, sweep) = match &riding {
            Some(_) if is_softmax => (pixels, "region_softmax"),
            None if is_softmax => (pixels, "overlap"),
            _ => (elements, sweep),
        };
        let module = match riding {
            Some(_) => Module::RegionExtra,
            None => Module::Overlap,
        };
        let entry = format!("{sweep}_gradient_{}", call.dtype);
        let blocks = grid.blocks(units.div_ceil(each))?;
        sequence.launch(module, entry, blocks, arguments);
    }
    Ok(sequence)
}

fn unsupported(option: &'static str) -> Error {
    Error::option(option, "another", "one that kernels for devices have")
}

/// The kernel's struct of how sums become scores.
fn scores(
    options: &Options,
    computes: DType,
    sizes: [usize; 3],
    extra_weight: f64,
) -> Result<Numbers> {
    let Score::Ratio(Ratio {
        i_num,
        i_den,
        p_den,
        t_den,
    }) = options.score
    else {
        return Err(unsupported("score"));
    };
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
        .reals(&[gamma, options.power, options.weight, extra_weight])
        .uints(&[number(items)?, number(classes)?, number(splits)?])
        .uints(&[u32::from(options.pooling == Pooling::Batch)])
        .uints(&[transform, average, absent])
        .uints(&[u32::from(options.class_weights.is_some())])
        .uints(&[u32::from(options.class_average == ClassAverage::Weights)])
        .uints(&[u32::from(options.reduction == Reduction::Mean)]))
}
