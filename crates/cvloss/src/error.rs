//! What can go wrong.

use candle_core::{DType, Shape};

/// Why a loss refused its arguments, or what failed underneath.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument's shape does not fit.
    #[error("{loss}: {argument} has shape {got:?}, expected {expected}")]
    Shape {
        /// Which loss.
        loss: &'static str,
        /// Which argument.
        argument: &'static str,
        /// What would fit.
        expected: String,
        /// What came.
        got: Shape,
    },
    /// An argument's element type is not one of those allowed.
    #[error("{loss}: {argument} has dtype {got:?}, expected {expected}")]
    DType {
        /// Which loss.
        loss: &'static str,
        /// Which argument.
        argument: &'static str,
        /// What is allowed.
        expected: String,
        /// What came.
        got: DType,
    },
    /// Arguments lie on different devices.
    #[error("{loss}: {argument} is on another device than the input")]
    Device {
        /// Which loss.
        loss: &'static str,
        /// Which argument.
        argument: &'static str,
    },
    /// An option is out of range, or options do not go together.
    #[error("{loss}: {message}")]
    Option {
        /// Which loss.
        loss: &'static str,
        /// What is wrong, with what was expected.
        message: String,
    },
    /// A kernel refused its arguments.
    #[error("{loss}: {source}")]
    Kernel {
        /// Which loss.
        loss: &'static str,
        /// Why.
        source: cvloss_kernels::Error,
    },
    /// There are no weights for a frozen network.
    #[error(transparent)]
    Weights(#[from] crate::perceptual::weights::WeightsError),
    /// The weights of a network are not what they should be.
    #[error("{file}: {message}")]
    Tensors {
        /// The file, or where else they come from.
        file: String,
        /// What is wrong, with the tensor's name.
        message: String,
    },
    /// candle failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// A loss's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// What a kernel says, with the loss's name.
    pub(crate) fn kernel(loss: &'static str) -> impl Fn(cvloss_kernels::Error) -> Self + Copy {
        move |source| Self::Kernel { loss, source }
    }
}

/// So that `?` works in a candle training loop.
impl From<Error> for candle_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Candle(error) => error,
            error => Self::wrap(error),
        }
    }
}
