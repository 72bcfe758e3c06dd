//! The suite that every loss of cvloss passes: golden values, gradient checks, properties, bad input.

pub mod compare;
pub mod golden;
