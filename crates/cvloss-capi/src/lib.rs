//! The C ABI of cvloss: it checks arguments, borrows the caller's memory and calls the kernels. No mathematics.
//!
//! One opaque, immutable handle `cvl_loss`; a typed constructor `cvl_NAME_new` per loss; one [`cvl_loss_eval`] for all of
//! them. Tensors are borrowed descriptors with DLPack's layout. Every call returns a status, and [`cvl_last_error`] says
//! in a sentence what was wrong. The header is `include/cvloss.h`, generated from these files; its conventions are in
//! `docs/c-abi.md`.
//!
//! Pointers become checked tensors and views in `tensor.rs` only, structs of the caller are read in
//! `config.rs` only. Calls on devices become launches in `queue.rs`, and `cuda.rs` and `metal.rs` run these.

// Names are C's. What a caller must keep is said once, at the top of the header, not at each function.
#![allow(non_camel_case_types, clippy::missing_safety_doc)]

#[cfg(panic = "abort")]
compile_error!("cvloss-capi turns panics into CVL_STATUS_PANIC: build it with panic = \"unwind\"");

mod adversarial;
mod config;
#[cfg_attr(not(feature = "cuda"), path = "no_cuda.rs")]
mod cuda;
mod detection;
mod eval;
mod image;
mod loss;
#[cfg_attr(not(feature = "metal"), path = "no_metal.rs")]
mod metal;
mod options;
mod perceptual;
mod plan;
#[cfg(any(feature = "cuda", feature = "metal"))]
mod queue;
mod segmentation;
mod shape;
mod single;
mod status;
mod tensor;

pub use adversarial::*;
pub use detection::*;
pub use eval::*;
pub use image::*;
pub use loss::{cvl_loss, cvl_loss_free, cvl_loss_name};
pub use options::*;
pub use perceptual::*;
pub use segmentation::*;
pub use status::{cvl_last_error, cvl_status, cvl_status_name, cvl_version};
pub use tensor::{cvl_device, cvl_dtype, cvl_tensor};
