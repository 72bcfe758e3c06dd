//! Runs [sequences](crate::device::Sequence) on devices: the only room that calls a driver.

pub mod cuda;
