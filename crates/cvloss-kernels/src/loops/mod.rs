//! Loop shapes, one each: everything about threads, tiles, element types, strides, weights and sums that formulas need
//! not know.

pub mod boxes;
pub(crate) mod halve;
pub mod overlap;
pub mod pointwise;
pub mod site;
pub(crate) mod softmax;
pub(crate) mod sum;
pub mod window;
