//! Borrowed host tensors, as (N, C, S): items, channels, and all spatial axes in one.
//!
//! Strides are free, so channels-last images and transposed tensors come in without a copy; a stride of 0 broadcasts.

mod turned;

use half::{bf16, f16};
use ndarray::{
    ArrayBase, ArrayView1, ArrayView3, ArrayViewMut1, ArrayViewMut3, Axis, Ix3, ShapeBuilder,
    ViewRepr, s,
};

use crate::error::{Error, Result, check_shape};
use crate::scalar::{DType, Prim, Scalar};
use turned::{are_channels_last, read_pixels, write_pixels};

/// `ArrayView3` with its element type spelt out, which makes [`View`] covariant in its lifetime.
type Array<'a, T> = ArrayBase<ViewRepr<&'a T>, Ix3, T>;
/// As [`Array`], to write.
type ArrayMut<'a, T> = ArrayBase<ViewRepr<&'a mut T>, Ix3, T>;

/// A tensor to read.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum View<'a> {
    F32(Array<'a, f32>),
    F64(Array<'a, f64>),
    F16(Array<'a, f16>),
    BF16(Array<'a, bf16>),
    U8(Array<'a, u8>),
    U32(Array<'a, u32>),
    I64(Array<'a, i64>),
}

/// A tensor to write: gradients and per-item values.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum ViewMut<'a> {
    F32(ArrayMut<'a, f32>),
    F64(ArrayMut<'a, f64>),
    F16(ArrayMut<'a, f16>),
    BF16(ArrayMut<'a, bf16>),
}

/// Runs `$body` with `$array` bound to the array inside a [`View`].
macro_rules! with_array {
    ($view:expr, $array:ident => $body:expr) => {
        match $view {
            View::F32($array) => $body,
            View::F64($array) => $body,
            View::F16($array) => $body,
            View::BF16($array) => $body,
            View::U8($array) => $body,
            View::U32($array) => $body,
            View::I64($array) => $body,
        }
    };
}

/// Runs `$body` with `$array` bound to the array inside a [`ViewMut`].
macro_rules! with_array_mut {
    ($view:expr, $array:ident => $body:expr) => {
        match $view {
            ViewMut::F32($array) => $body,
            ViewMut::F64($array) => $body,
            ViewMut::F16($array) => $body,
            ViewMut::BF16($array) => $body,
        }
    };
}

/// Wraps the same variant around `$body`.
macro_rules! map_array {
    ($enum:ident, $view:expr, [$($variant:ident)*], $array:ident => $body:expr) => {
        match $view {
            $($enum::$variant($array) => $enum::$variant($body),)*
        }
    };
}

macro_rules! constructors {
    ($($t:ty: $variant:ident),*) => {$(
        impl<'a> From<ArrayView3<'a, $t>> for View<'a> {
            fn from(array: ArrayView3<'a, $t>) -> Self {
                Self::$variant(array)
            }
        }
    )*};
}
constructors!(f32: F32, f64: F64, f16: F16, bf16: BF16, u8: U8, u32: U32, i64: I64);

macro_rules! constructors_mut {
    ($($t:ty: $variant:ident),*) => {$(
        impl<'a> From<ArrayViewMut3<'a, $t>> for ViewMut<'a> {
            fn from(array: ArrayViewMut3<'a, $t>) -> Self {
                Self::$variant(array)
            }
        }
    )*};
}
constructors_mut!(f32: F32, f64: F64, f16: F16, bf16: BF16);

impl<'a> View<'a> {
    /// A view of `data` with `shape` (N, C, S), contiguous in that order.
    pub fn new<T: Scalar>(data: &'a [T], shape: [usize; 3]) -> Result<Self>
    where
        View<'a>: From<ArrayView3<'a, T>>,
    {
        ArrayView3::from_shape(shape, data)
            .map(Self::from)
            .map_err(layout_error)
    }

    /// A view of `data` with `shape` (N, C, S) and `strides` counted in elements.
    pub fn with_strides<T: Scalar>(
        data: &'a [T],
        shape: [usize; 3],
        strides: [usize; 3],
    ) -> Result<Self>
    where
        View<'a>: From<ArrayView3<'a, T>>,
    {
        ArrayView3::from_shape(shape.strides(strides), data)
            .map(Self::from)
            .map_err(layout_error)
    }

    /// As [`new`](Self::new), for a compute type.
    pub(crate) fn of<P: Prim>(data: &'a [P], shape: [usize; 3]) -> Result<Self> {
        ArrayView3::from_shape(shape, data)
            .map(P::view)
            .map_err(layout_error)
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        fn of<T: Scalar>(_: &ArrayView3<'_, T>) -> DType {
            T::DTYPE
        }
        with_array!(self, array => of(array))
    }

    /// (N, C, S).
    pub fn shape(&self) -> [usize; 3] {
        with_array!(self, array => array.dim().into())
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same memory, borrowed for less long.
    pub fn reborrow(&self) -> View<'_> {
        map_array!(View, self, [F32 F64 F16 BF16 U8 U32 I64], array => array.view())
    }

    /// Repeats axes of length 1 up to `shape`.
    pub fn broadcast(&self, argument: &'static str, shape: [usize; 3]) -> Result<View<'_>> {
        let got = self.shape();
        let wide = map_array!(View, self, [F32 F64 F16 BF16 U8 U32 I64],
        array => match array.broadcast(shape) {
            Some(array) => array,
            None => return Err(Error::Shape { argument, expected: shape, got }),
        });
        Ok(wide)
    }

    /// Whether elements lie in (N, C, S) order without gaps.
    pub fn is_contiguous(&self) -> bool {
        with_array!(self, array => array.is_standard_layout())
    }

    /// Whether the channels of a pixel lie side by side, and pixels do not.
    pub(crate) fn is_channels_last(&self) -> bool {
        with_array!(self, array => are_channels_last(array.dim(), array.strides()))
    }

    /// As (1, S, N·C) axes for N×C rows of one element: see [`crate::loops::site`].
    pub(crate) fn swap_items_and_space(self) -> Self {
        map_array!(View, self, [F32 F64 F16 BF16 U8 U32 I64], array => array.permuted_axes([2, 1, 0]))
    }

    /// As (1, 1, N·C·S), if contiguous; else unchanged.
    pub(crate) fn flatten(self) -> Self {
        map_array!(View, self, [F32 F64 F16 BF16 U8 U32 I64], array => match array.to_slice() {
            Some(row) => ArrayView1::from(row).insert_axis(Axis(0)).insert_axis(Axis(0)),
            None => array,
        })
    }

    /// Cuts into pieces of `len` along `axis`; the last may be shorter.
    pub(crate) fn split(self, axis: usize, len: usize) -> Vec<View<'a>> {
        let total = self.shape()[axis];
        let starts = (0..total.max(1)).step_by(len.max(1));
        starts
            .map(|start| self.clone().narrow(axis, start, len.min(total - start)))
            .collect()
    }

    /// The elements `start..start + len` along `axis`.
    pub(crate) fn narrow(self, axis: usize, start: usize, len: usize) -> Self {
        map_array!(View, self, [F32 F64 F16 BF16 U8 U32 I64], array => {
            array.split_at(Axis(axis), start).1.split_at(Axis(axis), len).0
        })
    }

    /// Copies and converts `row.len()` elements of row (n, c) from `start` on.
    #[inline]
    pub(crate) fn read_row<P: Prim>(&self, n: usize, c: usize, start: usize, row: &mut [P]) {
        if let Some(from) = self.row(n, c, start, row.len()) {
            row.copy_from_slice(from);
            return;
        }
        with_array!(self, array => {
            let from = line(array, n, c);
            match from.to_slice() {
                Some(from) => Scalar::read_slice(&from[start..start + row.len()], row),
                None => for (to, from) in row.iter_mut().zip(from.slice(s![start..])) {
                    *to = from.read();
                },
            }
        });
    }

    /// All channels of `pixels` pixels from `start` on, into rows of a multiple of [`PIXELS`]; 0 in the rest of them.
    pub(crate) fn read_pixels<P: Prim>(
        &self,
        n: usize,
        start: usize,
        pixels: usize,
        rows: &mut [P],
    ) {
        match self {
            Self::F32(array) => read_pixels(array, n, start..start + pixels, rows),
            Self::F64(array) => read_pixels(array, n, start..start + pixels, rows),
            Self::F16(array) => read_pixels(array, n, start..start + pixels, rows),
            Self::BF16(array) => read_pixels(array, n, start..start + pixels, rows),
            Self::U8(_) | Self::U32(_) | Self::I64(_) => {
                let len = rows.len() / self.shape()[1];
                for (c, row) in rows.chunks_exact_mut(len).enumerate() {
                    let (row, beyond) = row.split_at_mut(pixels);
                    self.read_row(n, c, start, row);
                    beyond.fill(P::default());
                }
            }
        }
    }

    /// `len` elements of row (n, c) from `start` on, where they can be lent as they are.
    #[inline]
    pub(crate) fn row<P: Prim>(
        &self,
        n: usize,
        c: usize,
        start: usize,
        len: usize,
    ) -> Option<&[P]> {
        let row = line(P::array(self)?, n, c).to_slice()?;
        Some(&row[start..start + len])
    }

    /// A row's elements from `start` on, lent as they are or converted into `buffer`, whose length counts.
    #[inline(always)]
    pub(crate) fn lend<'b, P: Prim>(
        &'b self,
        n: usize,
        c: usize,
        start: usize,
        buffer: &'b mut [P],
    ) -> &'b [P] {
        match self.row(n, c, start, buffer.len()) {
            Some(row) => row,
            None => {
                self.read_row(n, c, start, buffer);
                buffer
            }
        }
    }
}

/// Row (n, c). Cheaper than a slice of all three axes.
#[inline]
fn line<'v, T>(array: &'v Array<'_, T>, n: usize, c: usize) -> ArrayView1<'v, T> {
    array.index_axis(Axis(0), n).index_axis_move(Axis(0), c)
}

/// Row (n, c), to write.
#[inline]
fn line_mut<'v, T>(array: &'v mut ArrayMut<'_, T>, n: usize, c: usize) -> ArrayViewMut1<'v, T> {
    array.index_axis_mut(Axis(0), n).index_axis_move(Axis(0), c)
}

fn layout_error(error: ndarray::ShapeError) -> Error {
    Error::Layout {
        argument: "tensor",
        reason: error.to_string(),
    }
}

impl<'a> ViewMut<'a> {
    /// A view of `data` with `shape` (N, C, S), contiguous in that order.
    pub fn new<T: Scalar>(data: &'a mut [T], shape: [usize; 3]) -> Result<Self>
    where
        ViewMut<'a>: From<ArrayViewMut3<'a, T>>,
    {
        ArrayViewMut3::from_shape(shape, data)
            .map(Self::from)
            .map_err(layout_error)
    }

    /// A view of `data` with `shape` (N, C, S) and `strides` counted in elements; no two elements may coincide.
    pub fn with_strides<T: Scalar>(
        data: &'a mut [T],
        shape: [usize; 3],
        strides: [usize; 3],
    ) -> Result<Self>
    where
        ViewMut<'a>: From<ArrayViewMut3<'a, T>>,
    {
        ArrayViewMut3::from_shape(shape.strides(strides), data)
            .map(Self::from)
            .map_err(layout_error)
    }

    /// As [`new`](Self::new), for a compute type.
    pub(crate) fn of<P: Prim>(data: &'a mut [P], shape: [usize; 3]) -> Result<Self> {
        ArrayViewMut3::from_shape(shape, data)
            .map(P::view_mut)
            .map_err(layout_error)
    }

    /// (N, C, S).
    pub fn shape(&self) -> [usize; 3] {
        with_array_mut!(self, array => array.dim().into())
    }

    /// The same memory, borrowed for less long.
    pub fn reborrow(&mut self) -> ViewMut<'_> {
        map_array!(ViewMut, self, [F32 F64 F16 BF16], array => array.view_mut())
    }

    /// Sets every element to 0.
    pub fn clear(&mut self) {
        with_array_mut!(self, array => array.fill(Default::default()))
    }

    /// Whether what is written is rounded to half.
    pub(crate) fn is_half(&self) -> bool {
        matches!(self, Self::F16(_) | Self::BF16(_))
    }

    /// As [`View::is_channels_last`].
    pub(crate) fn is_channels_last(&self) -> bool {
        with_array_mut!(self, array => are_channels_last(array.dim(), array.strides()))
    }

    /// Whether elements lie in (N, C, S) order without gaps.
    pub fn is_contiguous(&self) -> bool {
        with_array_mut!(self, array => array.is_standard_layout())
    }

    pub(crate) fn swap_items_and_space(self) -> Self {
        map_array!(ViewMut, self, [F32 F64 F16 BF16], array => array.permuted_axes([2, 1, 0]))
    }

    /// As (1, 1, N·C·S), if contiguous.
    pub(crate) fn flatten(self) -> Option<Self> {
        macro_rules! flat {
            ($($variant:ident)*) => {
                match self {
                    $(Self::$variant(array) => array.into_slice().map(|slice| {
                        let row = ArrayViewMut1::from(slice);
                        Self::$variant(row.insert_axis(Axis(0)).insert_axis(Axis(0)))
                    }),)*
                }
            };
        }
        flat!(F32 F64 F16 BF16)
    }

    /// Cuts into pieces of `len` along `axis`; the last may be shorter.
    pub(crate) fn split(self, axis: usize, len: usize) -> Vec<ViewMut<'a>> {
        let mut pieces = Vec::new();
        let mut rest = self;
        let mut left = rest.shape()[axis];
        while left > len {
            let (piece, tail) = rest.split_at(axis, len);
            pieces.push(piece);
            rest = tail;
            left -= len;
        }
        pieces.push(rest);
        pieces
    }

    pub(crate) fn split_at(self, axis: usize, at: usize) -> (Self, Self) {
        macro_rules! halves {
            ($($variant:ident)*) => {
                match self {
                    $(Self::$variant(array) => {
                        let (head, tail) = array.split_at(Axis(axis), at);
                        (Self::$variant(head), Self::$variant(tail))
                    })*
                }
            };
        }
        halves!(F32 F64 F16 BF16)
    }

    /// Whether [`row`](Self::row) lends rows of this type.
    #[inline]
    pub(crate) fn lends<P: Prim>(&mut self) -> bool {
        P::array_mut(self).is_some_and(|array| array.strides()[2] == 1 || array.len_of(Axis(2)) < 2)
    }

    /// `len` elements of row (n, c) from `start` on, where a kernel may write them as they are.
    #[inline]
    pub(crate) fn row<P: Prim>(
        &mut self,
        n: usize,
        c: usize,
        start: usize,
        len: usize,
    ) -> Option<&mut [P]> {
        let row = line_mut(P::array_mut(self)?, n, c).into_slice()?;
        Some(&mut row[start..start + len])
    }

    /// Converts and stores a row, or adds it to what is there.
    #[inline]
    pub(crate) fn write_row<P: Prim>(
        &mut self,
        n: usize,
        c: usize,
        start: usize,
        row: &[P],
        add: bool,
    ) {
        with_array_mut!(self, array => {
            let mut to = line_mut(array, n, c);
            match to.as_slice_mut() {
                Some(to) => {
                    let to = &mut to[start..start + row.len()];
                    match add {
                        false => Scalar::write_slice(row, to),
                        true => Scalar::add_slice(row, to),
                    }
                }
                None => for (to, from) in to.iter_mut().skip(start).zip(row) {
                    let old = if add { to.read::<P>().to_f64() } else { 0.0 };
                    *to = Scalar::write(P::of(old + from.to_f64()));
                },
            }
        });
    }

    /// As [`View::read_pixels`], the other way: converts and stores rows, or adds them to what is there.
    pub(crate) fn write_pixels<P: Prim>(
        &mut self,
        n: usize,
        start: usize,
        pixels: usize,
        rows: &[P],
        add: bool,
    ) {
        with_array_mut!(self, array => write_pixels(array, n, start..start + pixels, rows, add));
    }

    /// Multiplies a row in place.
    pub(crate) fn multiply_row<P: Prim>(&mut self, n: usize, c: usize, start: usize, row: &[P]) {
        with_array_mut!(self, array => {
            let mut to = line_mut(array, n, c);
            for (to, factor) in to.iter_mut().skip(start).zip(row) {
                *to = Scalar::write(P::of(to.read::<P>().to_f64() * factor.to_f64()));
            }
        });
    }
}

/// Fails unless `view` has the expected shape.
pub(crate) fn check_view(
    argument: &'static str,
    expected: [usize; 3],
    view: &View<'_>,
) -> Result<()> {
    check_shape(argument, expected, view.shape())
}
