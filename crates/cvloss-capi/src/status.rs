//! What a call returns: a status, and a sentence per thread.

use std::cell::RefCell;
use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use cvloss_kernels as kernels;

/// What came of a call. Returned, never received; new codes are appended.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum cvl_status {
    /// Done.
    Ok = 0,
    /// A pointer that must not be NULL is.
    NullPointer,
    /// An option, a flag, a count or a class index is out of range, or a struct is from a newer library.
    InvalidArgument,
    /// A shape does not fit, or is too large to address.
    Shape,
    /// An element type is not one of those allowed.
    Dtype,
    /// Strides that no kernel walks, or memory that is not aligned to its elements.
    Layout,
    /// A kind of device that this library does not know, or tensors on several devices.
    Device,
    /// An output overlaps an input or another output.
    Aliased,
    /// Memory that the call needed could not be had.
    NoMemory,
    /// A device or its driver failed.
    Backend,
    /// A file could not be read.
    Io,
    /// Weights are missing or not what they should be.
    Weights,
    /// A defect of this library: a panic was caught. Outputs are unspecified.
    Panic,
    /// This library was built without what the call needs, or has no kernel for it on the tensors' device.
    Unsupported,
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Error {
    pub(crate) status: cvl_status,
    pub(crate) message: String,
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(status: cvl_status, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    pub(crate) fn null(what: &str) -> Self {
        Self::new(cvl_status::NullPointer, format!("{what} is NULL"))
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(cvl_status::InvalidArgument, message)
    }

    /// With the loss's name in front.
    pub(crate) fn of(self, loss: &str) -> Self {
        let message = format!("{loss}: {}", self.message);
        Self { message, ..self }
    }
}

impl From<kernels::Error> for Error {
    fn from(error: kernels::Error) -> Self {
        let status = match error {
            kernels::Error::Shape { .. } => cvl_status::Shape,
            kernels::Error::DType { .. } => cvl_status::Dtype,
            kernels::Error::Layout { .. } => cvl_status::Layout,
            kernels::Error::Device { .. } => cvl_status::Backend,
            _ => cvl_status::InvalidArgument,
        };
        Self::new(status, error.to_string())
    }
}

thread_local! {
    /// The last failure's sentence with a NUL at its end, or nothing.
    static LAST: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Runs `body`; a failure or a panic becomes a status and this thread's sentence.
pub(crate) fn guard(body: impl FnOnce() -> Result<()>) -> cvl_status {
    // What a panic may leave half done is the caller's output alone: handles are immutable.
    let result = catch_unwind(AssertUnwindSafe(body));
    let error = match result {
        Ok(Ok(())) => {
            remember("");
            return cvl_status::Ok;
        }
        Ok(Err(error)) => error,
        Err(payload) => {
            let text = match payload.downcast_ref::<&str>() {
                Some(text) => (*text).to_owned(),
                None => payload
                    .downcast_ref::<String>()
                    .cloned()
                    .unwrap_or_default(),
            };
            // Dropping a payload may panic again.
            std::mem::forget(payload);
            Error::new(cvl_status::Panic, format!("a defect of cvloss: {text}"))
        }
    };
    remember(&error.message);
    error.status
}

fn remember(message: &str) {
    // A thread that is ending has no sentence any more; the status remains.
    let _ = LAST.try_with(|last| {
        let mut last = last.borrow_mut();
        last.clear();
        if !message.is_empty() {
            last.extend(message.bytes().filter(|byte| *byte != 0));
            last.push(0);
        }
    });
}

/// Why this thread's last call failed; "" if it did not. Valid until this thread's next call.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn cvl_last_error() -> *const c_char {
    let text = LAST.try_with(|last| match last.borrow().as_slice() {
        [] => c"".as_ptr(),
        text => text.as_ptr().cast(),
    });
    text.unwrap_or(c"".as_ptr())
}

/// A status as a word, such as "SHAPE". Any number is safe.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn cvl_status_name(status: i32) -> *const c_char {
    let name: &CStr = match status {
        0 => c"OK",
        1 => c"NULL_POINTER",
        2 => c"INVALID_ARGUMENT",
        3 => c"SHAPE",
        4 => c"DTYPE",
        5 => c"LAYOUT",
        6 => c"DEVICE",
        7 => c"ALIASED",
        8 => c"NO_MEMORY",
        9 => c"BACKEND",
        10 => c"IO",
        11 => c"WEIGHTS",
        12 => c"PANIC",
        13 => c"UNSUPPORTED",
        _ => c"unknown",
    };
    name.as_ptr()
}

/// The library's version as `(major << 16) | (minor << 8) | patch`; compare with `CVL_VERSION` of the header.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn cvl_version() -> u32 {
    const fn number(text: &str) -> u32 {
        let (bytes, mut at, mut number) = (text.as_bytes(), 0, 0);
        while at < bytes.len() {
            number = number * 10 + (bytes[at] - b'0') as u32;
            at += 1;
        }
        number
    }
    const MAJOR: u32 = number(env!("CARGO_PKG_VERSION_MAJOR"));
    const MINOR: u32 = number(env!("CARGO_PKG_VERSION_MINOR"));
    const PATCH: u32 = number(env!("CARGO_PKG_VERSION_PATCH"));
    (MAJOR << 16) | (MINOR << 8) | PATCH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last() -> String {
        // SAFETY: `cvl_last_error` returns a string that ends in NUL, valid until the next call.
        unsafe { CStr::from_ptr(cvl_last_error()) }
            .to_string_lossy()
            .into_owned()
    }

    #[test]
    #[allow(clippy::panic)]
    fn a_panic_is_a_status() {
        assert_eq!(guard(|| panic!("number {}", 7)), cvl_status::Panic);
        assert_eq!(last(), "a defect of cvloss: number 7");
        assert_eq!(
            guard(|| std::panic::panic_any(vec![1u8])),
            cvl_status::Panic
        );
        assert_eq!(last(), "a defect of cvloss: ");
        assert_eq!(guard(|| Ok(())), cvl_status::Ok);
        assert_eq!(last(), "");
    }

    #[test]
    fn a_zero_byte_does_not_cut_a_sentence() {
        assert_eq!(
            guard(|| Err(Error::invalid("a\0b"))),
            cvl_status::InvalidArgument
        );
        assert_eq!(last(), "ab");
    }
}
