//! Weights of frozen networks: where they come from, and how they are verified.
//!
//! [`Sources::weights`] hands out the convolution layers of a [`Trunk`] as the bytes of a safetensors file with
//! torchvision's key names. It looks, in this order, at
//!
//! 1. a file that the caller names ([`Sources::file`]), or `NAME.safetensors` in a folder ([`Sources::folder`]);
//! 2. the store of trimmed files, which this module keeps;
//! 3. the cache that Python's `huggingface_hub` keeps, if it has the whole file;
//! 4. the Hugging Face Hub, with the feature `hub`: the convolution layers alone where that can be verified (59 MB
//!    instead of 553 MB for VGG16), else the whole file.
//!
//! What comes from 2 to 4 is pinned ([`Pin`]): a commit and a SHA-256. Bytes are hashed before they are parsed, and the
//! bytes that were hashed are the ones handed out. Whatever does not match is neither kept nor used. A pin without a
//! hash is refused, unless the caller names the network in [`Sources::unverified`].
//!
//! ```
//! use cvloss::perceptual::weights::{Trunk, Sources};
//!
//! // Offline, and nothing in an empty folder: an error says what is missing and how to get it.
//! let folder = tempfile::tempdir()?;
//! let sources = Sources { offline: true, ..Sources::in_folder(folder.path()) };
//! let error = sources.weights(Trunk::Vgg16).unwrap_err();
//! assert!(error.to_string().contains("hf download timm/vgg16.tv_in1k model.safetensors"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod digest;
mod error;
mod header;
#[cfg(feature = "hub")]
mod hub;
mod obtain;
mod pin;
mod sources;
mod store;
mod tensors;
mod trim;
mod verify;

pub use super::networks::{TensorSpec, Trunk};
pub use error::{WeightsError, WeightsResult};
#[cfg(feature = "hub")]
pub use hub::Hub;
pub use obtain::{Origin, Rejected, Sink, Transport, TransportRequest, Trust, WeightFile};
pub use pin::{Pin, Prefix};
pub use sources::{Progress, Sources, Token};
pub use tensors::Weights;
pub use trim::{digest_of_tensors, serialize};
