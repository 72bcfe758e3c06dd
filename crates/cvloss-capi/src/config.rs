//! Structs of the caller: read by their own size, onto defaults, number by number.

use std::ptr;

use crate::status::{Error, Result, guard};

/// More than any struct of this library will ever have.
const LARGEST: usize = 4096;

/// A struct that grows by appending fields.
///
/// # Safety
/// `#[repr(C)]` without padding, the first field `struct_size: usize`, and every bit pattern valid.
pub(crate) unsafe trait Versioned: Copy + Default {
    /// Its name in errors.
    const NAME: &'static str;
    /// Its size in the first release that had it.
    const FIRST_SIZE: usize;
}

/// Declares a struct as [`Versioned`], by its fields: those of its first release, a semicolon, those appended since.
macro_rules! versioned {
    ($name:ident { $($first:ident),* ; $($appended:ident),* }) => {
        const _: () = assert!(
            0 $(+ crate::config::size_of_field(|s: &$name| &s.$first))*
                $(+ crate::config::size_of_field(|s: &$name| &s.$appended))*
                == size_of::<$name>() || cfg!(not(target_pointer_width = "64")),
            "a struct that grows has no padding, and all its fields are listed"
        );
        // SAFETY: a `repr(C)` struct of integers, floats and raw pointers that begins with its size; the assertion above
        // shows that there is no padding.
        unsafe impl crate::config::Versioned for $name {
            const NAME: &'static str = stringify!($name);
            const FIRST_SIZE: usize =
                0 $(+ crate::config::size_of_field(|s: &$name| &s.$first))*;
        }
    };
}
pub(crate) use versioned;

/// The size of what a field's reader returns.
pub(crate) const fn size_of_field<S, T>(_: fn(&S) -> &T) -> usize {
    size_of::<T>()
}

/// A copy of the caller's struct, or the defaults if there is none.
///
/// # Safety
/// `from` is NULL, or points at as many bytes as its first field says.
pub(crate) unsafe fn read<T: Versioned>(from: *const T) -> Result<T> {
    let mut copy = T::default();
    if from.is_null() {
        return Ok(copy);
    }
    let known = size_of::<T>();
    // SAFETY: a struct of the caller has its size at least.
    let size = unsafe { ptr::read_unaligned(from.cast::<usize>()) };
    let least = T::FIRST_SIZE;
    if !(least..=LARGEST).contains(&size) {
        return Err(Error::invalid(format!(
            "{}.struct_size is {size}, expected {least} to {LARGEST}: call {}_init first",
            T::NAME,
            T::NAME
        )));
    }
    let bytes = from.cast::<u8>();
    // SAFETY: the caller's struct has `size` bytes, the copy has `known`, and every bit pattern is valid.
    unsafe { ptr::copy_nonoverlapping(bytes, (&raw mut copy).cast(), size.min(known)) };
    for at in known..size {
        // SAFETY: below `size`.
        if unsafe { ptr::read(bytes.add(at)) } != 0 {
            return Err(Error::invalid(format!(
                "{} has {size} bytes, this library knows {known}, and those beyond are not 0: the caller was built for a \
                 newer cvloss",
                T::NAME
            )));
        }
    }
    Ok(copy)
}

/// Writes the defaults into the first `size` bytes of a struct.
///
/// # Safety
/// `into` is NULL, or has room for `size` bytes.
pub(crate) unsafe fn init<T: Versioned>(into: *mut T, size: usize) {
    // The sentence is all that a caller learns; a struct that was not written fails where it is used.
    let _ = guard(|| {
        if into.is_null() {
            return Err(Error::null(T::NAME));
        }
        if !(T::FIRST_SIZE..=LARGEST).contains(&size) {
            return Err(Error::invalid(format!(
                "{}_init: struct_size is {size}, expected {} to {LARGEST}",
                T::NAME,
                T::FIRST_SIZE
            )));
        }
        let defaults = T::default();
        // SAFETY: `size` bytes have room; the first field, which is the size, is written last.
        unsafe {
            ptr::write_bytes(into.cast::<u8>(), 0, size);
            let known = size.min(size_of::<T>());
            ptr::copy_nonoverlapping((&raw const defaults).cast::<u8>(), into.cast(), known);
            ptr::write_unaligned(into.cast::<usize>(), size);
        }
        Ok(())
    });
}

/// One of an enum's values, by its number.
pub(crate) fn choose<T: Copy>(option: &str, number: u32, values: &[T]) -> Result<T> {
    let value = usize::try_from(number).ok().and_then(|at| values.get(at));
    value.copied().ok_or_else(|| {
        Error::invalid(format!(
            "{option} is {number}, expected 0 to {}",
            values.len() - 1
        ))
    })
}

/// Fails unless a field that has no meaning yet is 0.
pub(crate) fn unused(reserved: u32) -> Result<()> {
    match reserved {
        0 => Ok(()),
        _ => Err(Error::invalid(format!(
            "reserved is {reserved}, expected 0"
        ))),
    }
}

/// A number that may be absent.
pub(crate) fn optional(option: &str, is_given: u32, number: f64) -> Result<Option<f64>> {
    choose(option, is_given, &[None, Some(number)])
}

/// A copy of a list that may be absent.
///
/// # Safety
/// `numbers` is NULL or points at `count` numbers.
pub(crate) unsafe fn list<T: Copy>(
    option: &str,
    numbers: *const T,
    count: usize,
) -> Result<Option<Vec<T>>> {
    /// More than any loss has classes.
    const MOST: usize = 1 << 24;
    if count == 0 {
        return Ok(None);
    }
    if numbers.is_null() {
        return Err(Error::null(option));
    }
    if count > MOST {
        let message = format!("{option} has {count} numbers, expected at most {MOST}");
        return Err(Error::invalid(message));
    }
    // SAFETY: the caller's list has `count` numbers.
    let copy = (0..count).map(|at| unsafe { ptr::read_unaligned(numbers.add(at)) });
    Ok(Some(copy.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::cvl_status;

    /// A struct that grew by `second` after its first release.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Grown {
        struct_size: usize,
        first: f64,
        second: f64,
    }

    impl Default for Grown {
        fn default() -> Self {
            Self {
                struct_size: size_of::<Self>(),
                first: 1.0,
                second: 2.0,
            }
        }
    }

    // SAFETY: `repr(C)`, three fields of 8 bytes.
    unsafe impl Versioned for Grown {
        const NAME: &'static str = "grown";
        const FIRST_SIZE: usize = 16;
    }

    #[test]
    fn an_old_caller_gets_the_default_of_a_new_field() -> std::result::Result<(), String> {
        let mut old = [7u8; 24];
        // SAFETY: 16 of 24 bytes are written.
        unsafe { init(old.as_mut_ptr().cast::<Grown>(), 16) };
        assert_eq!(old[16..], [7; 8], "init wrote beyond struct_size");
        old[8..16].copy_from_slice(&5f64.to_ne_bytes());
        // SAFETY: the bytes hold a struct of 16 bytes.
        let read = unsafe { read(old.as_ptr().cast::<Grown>()) }.map_err(|e| e.message)?;
        assert_eq!((read.first, read.second), (5.0, 2.0));
        Ok(())
    }

    #[test]
    fn a_new_caller_may_leave_unknown_fields_0() {
        let mut new = [0u8; 40];
        let at = new.as_mut_ptr().cast::<Grown>();
        // SAFETY: 40 bytes.
        let read_new = |at: *mut Grown| unsafe { read(at.cast_const()) };
        // SAFETY: 40 bytes.
        unsafe { init(at, 40) };
        assert!(read_new(at).is_ok());
        new[39] = 1;
        let error = read_new(new.as_mut_ptr().cast()).err();
        assert!(error.is_some_and(
            |e| e.status == cvl_status::InvalidArgument && e.message.contains("newer cvloss")
        ));
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        for size in [0usize, 8, 15, LARGEST + 1, usize::MAX] {
            let mut bytes = [0u8; 24];
            bytes[..8].copy_from_slice(&size.to_ne_bytes());
            // SAFETY: no byte beyond the first 8 is read for such sizes.
            assert!(unsafe { read(bytes.as_ptr().cast::<Grown>()) }.is_err());
        }
    }
}
