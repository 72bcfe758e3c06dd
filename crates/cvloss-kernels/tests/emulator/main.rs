//! The kernels for CUDA and Metal without a device: compiled by g++, run by a block emulator, and compared to this crate's
//! kernels for the CPU. See `docs/gpu.md`.

#![allow(clippy::unwrap_used, clippy::panic)]

mod boxes;
mod convert;
mod device;
mod items;
mod labels;
mod numbers;
mod overlap;
mod pointwise;
mod program;
mod site;
mod window;
