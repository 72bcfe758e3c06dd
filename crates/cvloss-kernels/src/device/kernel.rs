//! Which kernel a loss has, and its launches: what all fronts, in Rust and in C, have in common.

use crate::error::{Error, Result};
use crate::options::{Normalizer, Reduction};
use crate::pixel::{self, Penalty, PsnrOptions};
use crate::scalar::DType;
use crate::{boxes, region, ssim, total_variation};

use super::{
    Destination, Formula, Grid, Labels, Memory, Sequence, Term, Weight, convert, overlap,
    pointwise, psnr, real, site, variation, window,
};

/// A kernel with its options.
#[derive(Clone, Debug)]
pub enum Kernel {
    /// One value per element.
    Elements {
        /// The formula.
        formula: Formula,
        /// Along the channels.
        pos_weight: Option<Vec<f64>>,
        /// Elements with this target do not count.
        ignore: Option<f64>,
        /// What the mean divides by.
        normalizer: Normalizer,
        /// How elements are reduced.
        reduction: Reduction,
    },
    /// A sum of two functions of elements: of the input, and of the target.
    Sides {
        /// The value of both, and the input's slope.
        own: Formula,
        /// That of the target, alone; its slope is 0 where absent.
        other: Option<Formula>,
        /// How elements are reduced.
        reduction: Reduction,
    },
    /// One value per pixel, over a softmax.
    Sites {
        /// The formula.
        term: Term,
        /// One per class.
        class_weights: Option<Vec<f64>>,
        /// Pixels with this class do not count.
        ignore: Option<i64>,
        /// What the mean divides by.
        normalizer: Normalizer,
        /// How pixels are reduced.
        reduction: Reduction,
    },
    /// A function of region sums.
    Region {
        /// Which.
        options: region::Options,
        /// Pixels with this class do not count.
        ignore: Option<i64>,
    },
    /// Structural similarity.
    Windows(ssim::Options),
    /// One value per pair of boxes.
    Boxes(boxes::Options),
    /// The peak signal-to-noise ratio.
    Psnr(PsnrOptions),
    /// Total variation; it has no target, and with respect to one a gradient of 0.
    Variation(total_variation::Options),
}

/// Where results go. Values and gradients are of the type that is computed in.
#[derive(Clone, Copy, Debug)]
pub struct Results<M> {
    /// The reduced value.
    pub value: Option<M>,
    /// One value per item, of a loss that is not reduced.
    pub values: Option<M>,
    /// With respect to the input.
    pub gradient: Option<Destination<M>>,
    /// With respect to the target, of losses of two alike tensors.
    pub target_gradient: Option<Destination<M>>,
}

/// A call of a kernel, whichever it is.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a, M> {
    /// Of the input.
    pub dtype: DType,
    /// (N, C, S).
    pub shape: [usize; 3],
    /// The extents of the axes that S has as one.
    pub space: &'a [usize],
    /// The axis that holds the channels.
    pub channel_axis: usize,
    /// The input.
    pub input: M,
    /// The target.
    pub target: M,
    /// Of the target: class indices, or the input's.
    pub target_dtype: DType,
    /// Multiplies values and slopes; 1 where absent.
    pub weight: Option<Weight<M>>,
    /// Where results go.
    pub results: Results<M>,
}

impl Kernel {
    /// That of a loss of single differences; fails if an option is out of range.
    pub fn pixel(
        penalty: Penalty,
        normalizer: Normalizer,
        reduction: Reduction,
    ) -> Result<Option<Self>> {
        Ok(Some(Self::Elements {
            formula: pixel::formula(penalty)?,
            pos_weight: None,
            ignore: None,
            normalizer,
            reduction,
        }))
    }

    /// Whether it takes such tensors: there are kernels for all options, indices have 32 bits, and no launch is empty.
    pub fn takes(&self, shape: [usize; 3], space: &[usize], has_weight: bool) -> bool {
        let has_kernel = match self {
            Self::Elements { .. } | Self::Sides { .. } | Self::Sites { .. } => true,
            Self::Boxes(_) | Self::Psnr(_) => true,
            Self::Variation(_) => (1..=3).contains(&space.len()),
            Self::Region { options, .. } => overlap::supports(options, shape[1]),
            Self::Windows(options) => space.len() == 2 && !has_weight && window::supports(options),
        };
        has_kernel && (1..1 << 29).contains(&shape.iter().product::<usize>())
    }

    /// Whether its targets are numbers of the input's type, class indices too.
    pub fn takes_numbers(&self) -> bool {
        matches!(self, Self::Elements { .. } | Self::Sides { .. })
    }

    /// The launches of a call. Fails unless it [`takes`](Self::takes) the tensors.
    pub fn sequence<M: Memory>(&self, grid: Grid, call: &Call<'_, M>) -> Result<Sequence<M>> {
        let Call {
            dtype,
            shape,
            input,
            target,
            weight,
            ..
        } = *call;
        let Results {
            value,
            values,
            gradient,
            target_gradient,
        } = call.results;
        let labels = |ignore| {
            call.target_dtype.is_index().then_some(Labels {
                memory: target,
                dtype: call.target_dtype,
                ignore,
            })
        };
        match self {
            Self::Elements {
                formula,
                pos_weight,
                ignore,
                normalizer,
                reduction,
            } => {
                let auxiliary = pos_weight.as_deref().map(|weights| {
                    let mut shape = [1; 3];
                    shape[call.channel_axis] = weights.len();
                    pointwise::Operand {
                        source: pointwise::Source::Host(weights),
                        shape,
                    }
                });
                let call = pointwise::Call {
                    auxiliary,
                    ignore: *ignore,
                    normalizer: *normalizer,
                    ..elements(call, formula, *reduction)
                };
                pointwise::sequence(grid, &call)
            }
            Self::Sides {
                own,
                other,
                reduction,
            } => {
                let alone = Results {
                    target_gradient: None,
                    ..call.results
                };
                let alone = Call {
                    results: alone,
                    ..*call
                };
                let sequence = pointwise::sequence(grid, &elements(&alone, own, *reduction))?;
                let Some(to) = target_gradient else {
                    return Ok(sequence);
                };
                Ok(sequence.then(other_side(grid, call, other, to, *reduction)?))
            }
            Self::Sites {
                term,
                class_weights,
                ignore,
                normalizer,
                reduction,
            } => {
                let target = match labels(*ignore) {
                    Some(labels) => site::Target::Labels(labels),
                    None => site::Target::Distribution(target),
                };
                let call = site::Call {
                    term,
                    dtype,
                    shape,
                    input,
                    target,
                    weight,
                    class_weights: class_weights.as_deref(),
                    reduction: *reduction,
                    normalizer: *normalizer,
                    results: site::Results {
                        value,
                        values,
                        gradient,
                    },
                };
                site::sequence(grid, &call)
            }
            Self::Region { options, ignore } => {
                let target = match labels(*ignore) {
                    Some(labels) => overlap::Target::Labels(labels),
                    None => overlap::Target::Soft(target),
                };
                let call = overlap::Call {
                    options,
                    dtype,
                    shape,
                    input,
                    target,
                    weight,
                    results: overlap::Results {
                        value,
                        values,
                        gradient,
                    },
                };
                overlap::sequence(grid, &call)
            }
            Self::Windows(options) => {
                let ([rows, columns], [items, channels, _]) = (plane(call.space)?, shape);
                let call = window::Call {
                    options,
                    dtype,
                    shape: [items, channels, rows, columns],
                    input,
                    target,
                    results: call.results,
                };
                window::sequence(grid, &call)
            }
            Self::Boxes(options) => {
                let call = super::boxes::Call {
                    options,
                    dtype,
                    pairs: shape[0],
                    input,
                    target,
                    weight,
                    results: call.results,
                };
                super::boxes::sequence(grid, &call)
            }
            Self::Psnr(options) => {
                let call = psnr::Call {
                    options,
                    dtype,
                    shape,
                    input,
                    target,
                    weight,
                    results: call.results,
                };
                psnr::sequence(grid, &call)
            }
            Self::Variation(options) => {
                let [items, channels, _] = shape;
                let call = variation::Call {
                    options,
                    dtype,
                    planes: [items, channels],
                    space: volume(call.space)?,
                    input,
                    weight,
                    results: call.results,
                };
                variation::sequence(grid, &call)
            }
        }
    }
}

fn plane(space: &[usize]) -> Result<[usize; 2]> {
    let failed = |_| wrong_space(space, "2");
    space.try_into().map_err(failed)
}

/// Depth, height and width, of which the first may be missing.
fn volume(space: &[usize]) -> Result<[usize; 3]> {
    match *space {
        [width] => Ok([1, 1, width]),
        [height, width] => Ok([1, height, width]),
        [depth, height, width] => Ok([depth, height, width]),
        _ => Err(wrong_space(space, "1 to 3")),
    }
}

fn wrong_space(space: &[usize], expected: &str) -> Error {
    Error::Layout {
        argument: "input",
        reason: format!(
            "{} axes of space, expected {expected} on a device",
            space.len()
        ),
    }
}

/// A formula over all elements.
fn elements<'a, M: Memory>(
    call: &Call<'a, M>,
    formula: &'a Formula,
    reduction: Reduction,
) -> pointwise::Call<'a, M> {
    let weight = call.weight.map(|weight| pointwise::Operand {
        source: pointwise::Source::Memory(weight.memory),
        shape: weight.shape,
    });
    pointwise::Call {
        formula,
        dtype: call.dtype,
        shape: call.shape,
        input: call.input,
        target: call.target,
        auxiliary: None,
        weight,
        ignore: None,
        reduction,
        normalizer: Normalizer::Elements,
        results: call.results,
    }
}

/// The target's gradient of [`Kernel::Sides`].
fn other_side<M: Memory>(
    grid: Grid,
    call: &Call<'_, M>,
    formula: &Option<Formula>,
    to: Destination<M>,
    reduction: Reduction,
) -> Result<Sequence<M>> {
    let Some(formula) = formula else {
        return convert::zero(grid, call.shape, to, real(call.dtype)?);
    };
    let alone = Call {
        input: call.target,
        results: Results {
            value: None,
            values: None,
            gradient: Some(to),
            target_gradient: None,
        },
        ..*call
    };
    pointwise::sequence(grid, &elements(&alone, formula, reduction))
}
