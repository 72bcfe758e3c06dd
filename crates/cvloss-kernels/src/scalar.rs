//! Number types: what lies in memory ([`Scalar`]) and what kernels compute in ([`Prim`]).

use std::cell::Cell;
use std::thread::LocalKey;

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use ndarray::{ArrayView3, ArrayViewMut3};

use crate::error::Error;
use crate::math::Real;
use crate::simd::{self, Isa, LaneSums, Task, dispatch};
use crate::view::{View, ViewMut};

/// The element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum DType {
    F32,
    F64,
    F16,
    BF16,
    U8,
    U32,
    I64,
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::U8 => "u8",
            Self::U32 => "u32",
            Self::I64 => "i64",
        })
    }
}

/// What a call does in the type that it computes in for an input of this dtype, `$P`; an error for dtypes that hold no
/// floats.
macro_rules! in_precision {
    ($dtype:expr, $P:ident => $call:expr) => {{
        use $crate::scalar::DType;
        match $dtype {
            DType::F64 => {
                type $P = f64;
                $call
            }
            DType::F32 | DType::F16 | DType::BF16 => {
                type $P = f32;
                $call
            }
            got => Err($crate::scalar::not_float(got)),
        }
    }};
}
pub(crate) use in_precision;

/// The error of an input that holds no floats.
pub(crate) fn not_float(got: DType) -> Error {
    Error::DType {
        argument: "input",
        expected: "f32, f64, f16 or bf16",
        got,
    }
}

/// A type that kernels compute in: `f32` (also for halves) or `f64`.
pub trait Prim: Scalar + PartialOrd {
    /// Whether its loops are compiled for AVX-512 too, and once more where less is asked for than they give. `f64` serves
    /// checks more than training: more copies of every loop are not worth it there.
    const IS_WIDE: bool;
    /// Its arithmetic on an instruction set.
    type Lane<I: Isa>: Real<Prim = Self>;
    /// Rounds from `f64`.
    fn of(value: f64) -> Self;
    /// Widens to `f64`.
    fn to_f64(self) -> f64;
    /// Widens or keeps.
    fn from_f32(value: f32) -> Self;
    /// Narrows or keeps.
    fn to_f32(self) -> f32;
    /// `a + b`.
    fn sum(a: Self, b: Self) -> Self;
    /// `a − b`.
    fn difference(a: Self, b: Self) -> Self;
    /// As `simd::slide`.
    fn slide(taps: &[Self], from: &[Self], to: &mut [Self], add: bool) -> usize;
    /// As `simd::sigmoid_products`.
    fn sigmoid_products(
        logits: &[Self],
        target: &[Self],
        products: &mut [Self],
        sums: LaneSums<'_>,
    ) -> Option<bool>;
    /// This thread's work memory, kept between calls.
    fn scratch() -> &'static LocalKey<Cell<Vec<Self>>>;
    /// The array inside `view`, if it holds this type.
    fn array<'v, 'a>(view: &'v View<'a>) -> Option<&'v ArrayView3<'a, Self>>;
    /// A view of `array`.
    fn view(array: ArrayView3<'_, Self>) -> View<'_>;
    /// A view of `array`, to write.
    fn view_mut(array: ArrayViewMut3<'_, Self>) -> ViewMut<'_>;
    /// The array inside `view`, if it holds this type.
    fn array_mut<'v, 'a>(view: &'v mut ViewMut<'a>) -> Option<&'v mut ArrayViewMut3<'a, Self>>;
}

/// Bytes of a cache line, where vectors are read and written whole.
pub(crate) const LINE: usize = 64;

/// Lends `len` numbers of this thread's work memory, of any content, from the start of a cache line.
pub(crate) fn with_scratch<P: Prim, T>(len: usize, work: impl FnOnce(&mut [P]) -> T) -> T {
    // Taken out while in use: a nested call would find none and allocate.
    let mut memory = P::scratch().take();
    let most = len + LINE / size_of::<P>();
    if memory.len() < most {
        // What is there is of no use, and must not be there beside its successor.
        drop(memory);
        memory = vec![P::default(); most];
    }
    let start = memory.as_ptr().align_offset(LINE).min(most - len);
    let result = work(&mut memory[start..start + len]);
    P::scratch().set(memory);
    result
}

/// A type that tensors hold.
pub trait Scalar: Copy + Default + Send + Sync + 'static {
    /// Its name at run time.
    const DTYPE: DType;
    /// Converts to a compute type.
    fn read<P: Prim>(self) -> P;
    /// Rounds from a compute type.
    fn write<P: Prim>(value: P) -> Self;
    /// [`Scalar::read`] over a slice.
    fn read_slice<P: Prim>(from: &[Self], to: &mut [P]) {
        dispatch(ReadSlice { from, to });
    }
    /// [`Scalar::write`] over a slice.
    fn write_slice<P: Prim>(from: &[P], to: &mut [Self]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = Self::write(*from);
        }
    }
    /// Adds a slice to what is there, in the compute type.
    fn add_slice<P: Prim>(from: &[P], to: &mut [Self]) {
        dispatch(AddSlice { from, to });
    }
}

/// [`Scalar::add_slice`].
struct AddSlice<'a, T, P> {
    from: &'a [P],
    to: &'a mut [T],
}

impl<T: Scalar, P: Prim> Task for AddSlice<'_, T, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        for (to, from) in self.to.iter_mut().zip(self.from) {
            *to = T::write(P::sum(to.read(), *from));
        }
    }
}

/// [`Scalar::read`] over a slice.
struct ReadSlice<'a, T, P> {
    from: &'a [T],
    to: &'a mut [P],
}

impl<T: Scalar, P: Prim> Task for ReadSlice<'_, T, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        for (to, from) in self.to.iter_mut().zip(self.from) {
            *to = from.read();
        }
    }
}

macro_rules! prim {
    ($t:ident, $dtype:ident, $is_wide:expr, $slide:expr, $sigmoid_products:expr) => {
        impl Prim for $t {
            const IS_WIDE: bool = $is_wide;
            type Lane<I: Isa> = I::$dtype;
            #[inline(always)]
            fn of(value: f64) -> Self {
                value as $t
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn from_f32(value: f32) -> Self {
                value as $t
            }
            #[inline(always)]
            fn to_f32(self) -> f32 {
                self as f32
            }
            #[inline(always)]
            fn sum(a: Self, b: Self) -> Self {
                a + b
            }
            #[inline(always)]
            fn difference(a: Self, b: Self) -> Self {
                a - b
            }
            fn slide(taps: &[Self], from: &[Self], to: &mut [Self], add: bool) -> usize {
                ($slide)(taps, from, to, add)
            }
            #[inline(always)]
            fn sigmoid_products(
                logits: &[Self],
                target: &[Self],
                products: &mut [Self],
                sums: LaneSums<'_>,
            ) -> Option<bool> {
                ($sigmoid_products)(logits, target, products, sums)
            }
            fn scratch() -> &'static LocalKey<Cell<Vec<Self>>> {
                thread_local!(static SCRATCH: Cell<Vec<$t>> = const { Cell::new(Vec::new()) });
                &SCRATCH
            }
            fn array<'v, 'a>(view: &'v View<'a>) -> Option<&'v ArrayView3<'a, Self>> {
                match view {
                    View::$dtype(array) => Some(array),
                    _ => None,
                }
            }
            fn view(array: ArrayView3<'_, Self>) -> View<'_> {
                View::$dtype(array)
            }
            fn view_mut(array: ArrayViewMut3<'_, Self>) -> ViewMut<'_> {
                ViewMut::$dtype(array)
            }
            fn array_mut<'v, 'a>(
                view: &'v mut ViewMut<'a>,
            ) -> Option<&'v mut ArrayViewMut3<'a, Self>> {
                match view {
                    ViewMut::$dtype(array) => Some(array),
                    _ => None,
                }
            }
        }
    };
}
prim!(f32, F32, true, simd::slide, simd::sigmoid_products);
prim!(
    f64,
    F64,
    false,
    |_: &[f64], _: &[f64], _: &mut [f64], _: bool| 0,
    |_: &[f64], _: &[f64], _: &mut [f64], _: LaneSums<'_>| None
);

macro_rules! scalar {
    ($t:ty, $dtype:ident) => {
        impl Scalar for $t {
            const DTYPE: DType = DType::$dtype;
            #[inline(always)]
            fn read<P: Prim>(self) -> P {
                // f64 holds every value of these types exactly (i64 up to 2⁵³).
                P::of(self as f64)
            }
            #[inline(always)]
            fn write<P: Prim>(value: P) -> Self {
                value.to_f64() as $t
            }
        }
    };
}
scalar!(f32, F32);
scalar!(f64, F64);
scalar!(u8, U8);
scalar!(u32, U32);
scalar!(i64, I64);

/// Elements converted at a time between `f32` and another compute type.
const BLOCK: usize = 256;

macro_rules! half_scalar {
    ($t:ty, $dtype:ident) => {
        impl Scalar for $t {
            const DTYPE: DType = DType::$dtype;
            #[inline(always)]
            fn read<P: Prim>(self) -> P {
                P::from_f32(self.to_f32())
            }
            #[inline(always)]
            fn write<P: Prim>(value: P) -> Self {
                Self::from_f32(value.to_f32())
            }
            // `half` converts slices with vector instructions, single numbers through a check of the CPU each.
            fn read_slice<P: Prim>(from: &[Self], to: &mut [P]) {
                let mut block = [0f32; BLOCK];
                for (from, to) in from.chunks(BLOCK).zip(to.chunks_mut(BLOCK)) {
                    let block = &mut block[..from.len()];
                    from.convert_to_f32_slice(block);
                    f32::read_slice(block, to);
                }
            }
            fn write_slice<P: Prim>(from: &[P], to: &mut [Self]) {
                let mut block = [0f32; BLOCK];
                for (from, to) in from.chunks(BLOCK).zip(to.chunks_mut(BLOCK)) {
                    let block = &mut block[..from.len()];
                    for (b, from) in block.iter_mut().zip(from) {
                        *b = from.to_f32();
                    }
                    to.convert_from_f32_slice(block);
                }
            }
        }
    };
}
half_scalar!(f16, F16);
half_scalar!(bf16, BF16);

impl DType {
    /// Whether class indices may have this type.
    pub fn is_index(self) -> bool {
        matches!(self, Self::U8 | Self::U32 | Self::I64)
    }
}
