//! What can go wrong on the way to weights: a variant for each thing that a program may want to treat by itself.

use std::{io, path::PathBuf, time::Duration};

/// Why there are no weights.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// No network of that name.
    #[error(
        "weights: there is no network {name:?}; there are vgg16, vgg19, alexnet, squeezenet1_1"
    )]
    UnknownNetwork {
        /// What was asked for.
        name: String,
    },
    /// A pin that no file can match, or that leaves its folder.
    #[error("weights: the pin {pin}: {message}")]
    Pin {
        /// Its address.
        pin: String,
        /// What is wrong.
        message: String,
    },
    /// A file cannot be opened, read or written.
    #[error("weights: {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The beginning of a file is not that of a safetensors file.
    #[error("weights: {file} is no safetensors file: {message}")]
    Header {
        /// Which file.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// A tensor is missing, or is not what the network needs.
    #[error("weights: {file}: tensor {tensor} {message}")]
    Tensor {
        /// Which file.
        file: String,
        /// Which tensor.
        tensor: String,
        /// What is wrong.
        message: String,
    },
    /// There are fewer bytes than there must be.
    #[error("weights: {file} has {got} of {expected} bytes")]
    Size {
        /// Which file, or part of it.
        file: String,
        /// How many there must be.
        expected: u64,
        /// How many there are.
        got: u64,
    },
    /// There are more bytes than there may be.
    #[error("weights: {file} has more than {limit} bytes")]
    TooLarge {
        /// Which file.
        file: String,
        /// How many there may be.
        limit: u64,
    },
    /// The bytes are not those that the pin names.
    #[error("weights: {what} of {file} has the SHA-256 {got}, expected {expected}")]
    Digest {
        /// Which file.
        file: String,
        /// The whole, its beginning, or the tensors.
        what: &'static str,
        /// What the pin says.
        expected: String,
        /// What came.
        got: String,
    },
    /// The pin has no hash, and the caller has not said that this is fine.
    #[error(
        "weights: nobody has recorded a SHA-256 of {pin}, so it is not used for {network}. Convert torchvision's own \
         file and name it (`cvloss-weights convert`), or add {network} to the unverified networks to trust whatever \
         comes from there"
    )]
    Unverified {
        /// Which network.
        network: &'static str,
        /// The pin's address.
        pin: String,
    },
    /// Nothing usable on this machine, and the network is not to be used.
    #[error(
        "weights: {network} is not on this machine, and {why}. Looked for {looked}. Fetch it with `{command}`, or name \
         a file"
    )]
    Offline {
        /// Which network.
        network: &'static str,
        /// Why the Hub is not asked.
        why: &'static str,
        /// The places, with what was wrong with what was there.
        looked: String,
        /// What puts it where it is found.
        command: String,
    },
    /// The server sent the whole file where a part was asked for.
    #[error("weights: the server has no parts of {pin}")]
    NoParts {
        /// The pin's address.
        pin: String,
    },
    /// The server wants a token, or another one (401, 403).
    #[error("weights: {pin} is refused with status {status}: {message}")]
    Refused {
        /// The pin's address.
        pin: String,
        /// 401 or 403.
        status: u16,
        /// What the server says.
        message: String,
    },
    /// The server does not have it (404).
    #[error("weights: the server has no {pin}")]
    NotFound {
        /// The pin's address.
        pin: String,
    },
    /// The server wants to be asked later (429).
    #[error("weights: {pin}: too many requests, retry after {retry_after:?}")]
    RateLimited {
        /// The pin's address.
        pin: String,
        /// When, if the server says so.
        retry_after: Option<Duration>,
    },
    /// Another status than success.
    #[error("weights: {pin}: the server answers with status {status}")]
    Status {
        /// The pin's address.
        pin: String,
        /// Which status.
        status: u16,
    },
    /// No connection, or one that broke.
    #[error("weights: {pin}: {message}")]
    Connection {
        /// The pin's address.
        pin: String,
        /// What happened, with all causes.
        message: String,
    },
    /// Nothing came for too long.
    #[error("weights: {pin}: nothing came for {waited:?}")]
    Stalled {
        /// The pin's address.
        pin: String,
        /// How long.
        waited: Duration,
    },
    /// Another process fetches the same file, and takes too long.
    #[error("weights: {} is held by another process for {waited:?}", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
        /// How long this one waited.
        waited: Duration,
    },
}

/// Weights, or why there are none.
pub type WeightsResult<T> = Result<T, WeightsError>;

impl WeightsError {
    /// Maps an input or output error to the file it is about.
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// Whether the bytes are at fault: others may come with the next try.
    #[cfg_attr(not(feature = "hub"), allow(dead_code))]
    pub(super) fn is_about_bytes(&self) -> bool {
        matches!(
            self,
            Self::Header { .. } | Self::Tensor { .. } | Self::Size { .. } | Self::Digest { .. }
        )
    }

    /// Whether the same request may succeed now.
    pub(super) fn is_transient(&self) -> bool {
        self.is_about_bytes() || matches!(self, Self::Connection { .. } | Self::Stalled { .. })
    }
}
