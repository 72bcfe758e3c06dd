//! Loop shapes, one each: everything about threads, tiles, element types, strides, weights and sums that formulas need
//! not know.

pub(crate) mod blocks;
pub mod boxes;
pub(crate) mod halve;
pub(crate) mod neighbours;
pub mod overlap;
pub(crate) mod planes;
pub mod pointwise;
pub mod site;
pub(crate) mod softmax;
pub(crate) mod sort;
pub(crate) mod sum;
pub mod window;
