//! What checked tensors lend: views for kernels, and single elements.

use std::ptr;

use cvloss_kernels::{Axes, DType, View, ViewMut};
use half::{bf16, f16};
use ndarray::{ArrayView3, ArrayViewMut3, Dim, Ix3, ShapeBuilder, StrideShape};

use super::Tensor;
use crate::status::{Error, Result, cvl_status};

impl Tensor {
    /// (N, C, S) and one stride for each.
    pub(crate) fn merged(&self, axes: &Axes) -> Result<([usize; 3], [usize; 3])> {
        let (dims, strides) = (self.shape.dims(), self.shape.strides());
        let merged = axes.strides(dims, strides).ok_or_else(|| {
            Error::new(
                cvl_status::Layout,
                format!(
                    "{} of shape {dims:?} has strides {strides:?}: all axes of space must be walked with one stride, as in a \
                     dense or channels-last tensor",
                    self.name
                ),
            )
        })?;
        Ok((axes.shape(dims), merged))
    }

    /// The tensor as a kernel reads it.
    ///
    /// # Safety
    /// Its memory is readable for `'a`, and nothing writes to it.
    pub(crate) unsafe fn view<'a>(&self, axes: &Axes) -> Result<View<'a>> {
        let (shape, strides) = self.merged(axes)?;
        let layout = layout(shape, strides);
        macro_rules! view {
            ($($variant:ident: $t:ty),*) => {
                match self.dtype {
                    // SAFETY: `read` checked that all elements can be addressed and are aligned, or that there are none;
                    // the caller promises the rest.
                    $(DType::$variant => View::from(unsafe {
                        ArrayView3::from_shape_ptr(layout, self.data.cast::<$t>().cast_const())
                    }),)*
                }
            };
        }
        Ok(view!(F32: f32, F64: f64, F16: f16, BF16: bf16, U8: u8, U32: u32, I64: i64))
    }

    /// The tensor as a kernel writes it.
    ///
    /// # Safety
    /// Its memory is writable for `'a`, and nothing else reads or writes it.
    pub(crate) unsafe fn view_mut<'a>(&self, axes: &Axes) -> Result<ViewMut<'a>> {
        let (shape, strides) = self.merged(axes)?;
        let layout = layout(shape, strides);
        macro_rules! view {
            ($($variant:ident: $t:ty),*) => {
                match self.dtype {
                    // SAFETY: as in `view`; outputs were checked to have no two elements in one place.
                    $(DType::$variant => Ok(ViewMut::from(unsafe {
                        ArrayViewMut3::from_shape_ptr(layout, self.data.cast::<$t>())
                    })),)*
                    _ => Err(self.not_floating()),
                }
            };
        }
        view!(F32: f32, F64: f64, F16: f16, BF16: bf16)
    }

    /// The only element.
    ///
    /// # Safety
    /// The tensor has one element, of f32 or f64, that nothing writes to.
    pub(crate) unsafe fn scalar(&self) -> f64 {
        match self.dtype {
            // SAFETY: aligned and readable, as checked by `read` and promised.
            DType::F64 => unsafe { ptr::read(self.data.cast::<f64>()) },
            // SAFETY: as above.
            _ => f64::from(unsafe { ptr::read(self.data.cast::<f32>()) }),
        }
    }

    /// Sets the only element.
    ///
    /// # Safety
    /// The tensor has one element, of f32 or f64, that nothing else uses.
    pub(crate) unsafe fn set_scalar(&self, value: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a value of f32 inputs is f32"
        )]
        match self.dtype {
            // SAFETY: aligned and writable, as checked by `read` and promised.
            DType::F64 => unsafe { ptr::write(self.data.cast::<f64>(), value) },
            // SAFETY: as above.
            _ => unsafe { ptr::write(self.data.cast::<f32>(), value as f32) },
        }
    }

    fn not_floating(&self) -> Error {
        let message = format!(
            "{} has dtype {}, expected a floating one",
            self.name, self.dtype
        );
        Error::new(cvl_status::Dtype, message)
    }
}

/// As ndarray wants it: strides of 0 are overlaps to its debug assertions, elements or not.
fn layout(shape: [usize; 3], strides: [usize; 3]) -> StrideShape<Ix3> {
    match shape.contains(&0) {
        true => Dim(shape).into(),
        false => Dim(shape).strides(Dim(strides)),
    }
}

#[cfg(test)]
mod tests {
    use std::ptr::NonNull;

    use super::super::Place;
    use super::*;
    use crate::shape::Shape;

    /// Seen to fail in builds with debug assertions alone, which ndarray makes.
    #[test]
    fn empty_tensors_can_be_lent() {
        let shape = Shape::new([(16, 0), (1, 0), (0, 0), (1, 0)]);
        let tensor = Tensor {
            name: "gradient",
            dtype: DType::F64,
            shape,
            place: Place::Host,
            data: NonNull::<u64>::dangling().as_ptr().cast(),
            start: 0,
            end: 0,
        };
        let axes = Axes::sites(4);
        // SAFETY: there are no elements.
        assert!(unsafe { tensor.view_mut(&axes) }.is_ok());
    }
}
