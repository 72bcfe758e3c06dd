//! Options that losses share. Numbers in the structs of the caller are plain `uint32_t`: an unknown value is an error,
//! not undefined behaviour.

use cvloss_kernels as kernels;

use crate::config::choose;
use crate::status::Result;

/// How the values of independent items become the result.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_reduction {
    /// The mean over items, as the loss documents its denominator.
    Mean = 0,
    /// The sum over items.
    Sum,
    /// One value per item.
    None,
}

/// What CVL_REDUCTION_MEAN divides by. Ignored points never count.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_normalizer {
    /// The number of points.
    Elements = 0,
    /// The sum of the weights of the points, class weight times weight map.
    Weights,
    /// The number of points with a positive target, at least 1.
    Positives,
}

/// No point has this index: as `ignore_index`, it ignores nothing.
pub const CVL_IGNORE_NOTHING: i64 = i64::MIN;

pub(crate) fn reduction(number: u32) -> Result<kernels::Reduction> {
    use kernels::Reduction::{Mean, None, Sum};
    choose("reduction", number, &[Mean, Sum, None])
}

pub(crate) fn normalizer(number: u32) -> Result<kernels::Normalizer> {
    use kernels::Normalizer::{Elements, Positives, Weights};
    choose("normalizer", number, &[Elements, Weights, Positives])
}

pub(crate) fn ignore_index(index: i64) -> Option<i64> {
    (index != CVL_IGNORE_NOTHING).then_some(index)
}
