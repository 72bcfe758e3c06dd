//! What can be wrong with a call.

/// Why a kernel refused its arguments.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument's shape does not fit the others.
    #[error("{argument} has shape {got:?}, expected {expected:?}")]
    Shape {
        /// Which argument.
        argument: &'static str,
        /// What would fit, as (N, C, S).
        expected: [usize; 3],
        /// What came.
        got: [usize; 3],
    },
    /// An argument's element type is not one of those allowed.
    #[error("{argument} has dtype {got}, expected {expected}")]
    DType {
        /// Which argument.
        argument: &'static str,
        /// What is allowed, in words.
        expected: &'static str,
        /// What came.
        got: crate::DType,
    },
    /// A class index is neither a class nor the ignored one.
    #[error("target holds class {class}, expected 0..{classes} or ignore_index")]
    Class {
        /// The index that came.
        class: i64,
        /// How many classes there are.
        classes: usize,
    },
    /// An option's value is outside its range.
    #[error("{option} is {got}, expected {expected}")]
    Option {
        /// Which option.
        option: &'static str,
        /// What is allowed, in words.
        expected: String,
        /// What came.
        got: String,
    },
    /// A memory layout that strides cannot describe.
    #[error("{argument}: {reason}")]
    Layout {
        /// Which argument.
        argument: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A device's driver failed.
    #[error("device: {message}")]
    Device {
        /// What it says.
        message: String,
    },
}

/// A kernel's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn option(
        option: &'static str,
        got: impl std::fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self::Option {
            option,
            expected: expected.into(),
            got: got.to_string(),
        }
    }
}

/// Fails unless `number` is in `[0, 1]`.
pub(crate) fn check_share(option: &'static str, number: f64) -> Result<()> {
    match (0.0..=1.0).contains(&number) {
        true => Ok(()),
        false => Err(Error::option(option, number, "a number in 0..=1")),
    }
}

/// Fails unless `number` is finite and at least 0.
pub(crate) fn check_weight(option: &'static str, number: f64) -> Result<()> {
    match number >= 0.0 && number.is_finite() {
        true => Ok(()),
        false => Err(Error::option(
            option,
            number,
            "a finite number of at least 0",
        )),
    }
}

/// Fails unless `got == expected`.
pub(crate) fn check_shape(
    argument: &'static str,
    expected: [usize; 3],
    got: [usize; 3],
) -> Result<()> {
    if expected == got {
        Ok(())
    } else {
        Err(Error::Shape {
            argument,
            expected,
            got,
        })
    }
}

/// Fails unless there is one finite weight of at least 0 per class.
pub(crate) fn check_class_weights(weights: &[f64], classes: usize) -> Result<()> {
    if weights.len() != classes {
        return Err(Error::option(
            "class_weights",
            format!("{} numbers", weights.len()),
            format!("{classes}, one per class"),
        ));
    }
    match weights.iter().find(|w| !(**w >= 0.0 && w.is_finite())) {
        Some(weight) => Err(Error::option(
            "class_weights",
            weight,
            "finite numbers of at least 0",
        )),
        None => Ok(()),
    }
}
