//! Runs [sequences](crate::device::Sequence) on devices: the only room that calls a driver.

#[cfg(feature = "cuda")]
pub mod cuda;
#[cfg(feature = "metal")]
pub mod metal;
