//! Which shapes of target and weight go with an input: the rules of every front, of dimensions alone.

use crate::axes::Axes;

/// How a loss's tensors are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Geometry {
    /// One value per element; the target has the input's shape.
    Elements,
    /// One value per pixel or coarser; classes on axis 1.
    Sites,
    /// Two tensors alike in shape and type; one value per element or coarser.
    Alike,
    /// Images or volumes whose axes of space matter; the target is another of the same shape and type.
    Images,
    /// One value per pair of boxes, which have so many numbers on the last axis; the target has the input's shape.
    Boxes(usize),
    /// One value per point; bins on axis 1, and one number per point as target.
    Bins,
}

/// What a tensor needs to fit its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Nothing.
    Same,
    /// An axis 1 of length 1.
    Channel,
    /// A last axis of length 1.
    LastAxis,
    /// To be broadcast to the input's shape.
    Broadcast,
}

/// Whether a tensor fits, or what would, in words.
pub type Fitted = std::result::Result<Fit, String>;

impl Geometry {
    /// The axes of an input of these dimensions; or what would do, in words.
    pub fn axes(self, dims: &[usize]) -> std::result::Result<Axes, String> {
        let rank = dims.len();
        match self {
            Self::Elements | Self::Alike => Ok(Axes::elements(rank)),
            Self::Sites | Self::Bins if rank >= 2 => Ok(Axes::sites(rank)),
            Self::Sites | Self::Bins => Err("(N, C, *)".into()),
            Self::Images if (3..=5).contains(&rank) => Ok(Axes::sites(rank)),
            Self::Images => Err("(N, C, *) with 1 to 3 axes of space".into()),
            Self::Boxes(numbers) if dims.last() == Some(&numbers) => Ok(Axes::boxes(rank)),
            Self::Boxes(numbers) => Err(format!("(…, {numbers})")),
        }
    }

    /// The axis of the input's (N, C, S) view that holds the channels.
    pub fn channel_axis(self, rank: usize) -> usize {
        // A matrix of elements has its channels in the rows: see `Axes::elements`.
        match self {
            Self::Elements | Self::Alike if rank == 2 => 2,
            _ => 1,
        }
    }

    /// Whether a target may be of integers: class indices, or 0 and 1.
    pub fn takes_indices(self) -> bool {
        matches!(self, Self::Elements | Self::Sites)
    }

    /// How a target fits an input: its shape, or for class indices and positions (N, 1, *).
    pub fn fit_target(self, input: &[usize], target: &[usize], is_index: bool) -> Fitted {
        let one_channel = input.get(1) == Some(&1) && self.takes_indices();
        let by_point = (self == Self::Sites && is_index) || self == Self::Bins;
        let is_full = match by_point {
            true => is_single(input, target),
            false => input == target,
        };
        if is_full {
            return Ok(Fit::Same);
        }
        if (by_point || one_channel) && is_without_axis_1(input, target) {
            return Ok(Fit::Channel);
        }
        let (single, points) = (single(input), without_axis_1(input));
        Err(match (by_point, one_channel) {
            (true, _) if self == Self::Bins => format!("{points:?} or {single:?}"),
            (true, _) => format!("{points:?} or {single:?} (class indices)"),
            (false, true) => format!("{input:?} or {points:?}"),
            (false, false) => format!("{input:?}"),
        })
    }

    /// How a weight fits an input: broadcast to its shape, or one number per pixel as (N, 1, *), or per pair of boxes.
    pub fn fit_weight(self, input: &[usize], weight: &[usize]) -> Fitted {
        match self {
            Self::Elements | Self::Alike if broadcasts(weight, input) => Ok(Fit::Broadcast),
            Self::Elements | Self::Alike => Err(format!("one that broadcasts to {input:?}")),
            Self::Boxes(_) => {
                let pairs = &input[..input.len().saturating_sub(1)];
                match weight.split_last() {
                    _ if weight == pairs => Ok(Fit::LastAxis),
                    Some((1, rest)) if rest == pairs => Ok(Fit::Same),
                    _ => Err(format!("{pairs:?} or {:?}", [pairs, &[1]].concat())),
                }
            }
            _ if is_without_axis_1(input, weight) => Ok(Fit::Channel),
            _ if is_single(input, weight) => Ok(Fit::Same),
            _ => Err(format!(
                "{:?} or {:?}",
                without_axis_1(input),
                single(input)
            )),
        }
    }
}

/// (N, 1, *) of (N, C, *).
fn single(dims: &[usize]) -> Vec<usize> {
    let mut dims = dims.to_vec();
    if let Some(channels) = dims.get_mut(1) {
        *channels = 1;
    }
    dims
}

/// (N, *) of (N, C, *).
fn without_axis_1(dims: &[usize]) -> Vec<usize> {
    let mut dims = dims.to_vec();
    if dims.len() > 1 {
        dims.remove(1);
    }
    dims
}

// The common case compares without a copy.
fn is_single(input: &[usize], dims: &[usize]) -> bool {
    let mut pairs = input.iter().zip(dims).enumerate();
    dims.len() == input.len() && pairs.all(|(axis, (a, b))| *b == if axis == 1 { 1 } else { *a })
}

fn is_without_axis_1(input: &[usize], dims: &[usize]) -> bool {
    input.len() > 1
        && dims.len() + 1 == input.len()
        && dims.first() == input.first()
        && dims.get(1..) == input.get(2..)
}

fn broadcasts(dims: &[usize], to: &[usize]) -> bool {
    let mut pairs = dims.iter().rev().zip(to.iter().rev());
    dims.len() <= to.len() && pairs.all(|(dim, to)| dim == to || *dim == 1)
}
