//! The suite that every loss of cvloss passes: golden values, gradient checks, properties, bad input.

pub mod cases;
pub mod checks;
pub mod compare;
pub mod coverage;
pub mod faults;
pub mod golden;
pub mod sample;
pub mod table;
