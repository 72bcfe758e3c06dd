//! Borrowed tensors: descriptors of the caller become checked tensors, and these become views.

mod view;

use std::ffi::c_void;
use std::ptr::{self, NonNull};

use cvloss_kernels::{Axes, DType};

use crate::shape::{MAX_RANK, Shape};
use crate::status::{Error, Result, cvl_status};

/// Where memory lies: DLPack's DLDevice.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_device {
    /// DLPack's DLDeviceType: kDLCPU = 1, kDLCUDAHost = 3 and kDLROCMHost = 11 are memory of the host, kDLCUDA = 2 that of
    /// an NVIDIA GPU, for a library that was built with the feature `cuda`, kDLMetal = 8 a buffer of an Apple GPU, for one
    /// with the feature `metal`.
    pub r#type: i32,
    /// Which one of several.
    pub id: i32,
}

/// What elements are: DLPack's DLDataType.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_dtype {
    /// DLPack's DLDataTypeCode: kDLInt = 0, kDLUInt = 1, kDLFloat = 2, kDLBfloat = 4, kDLBool = 6.
    pub code: u8,
    /// Bits of an element.
    pub bits: u8,
    /// 1.
    pub lanes: u16,
}

/// A borrowed tensor. Bit for bit DLPack's DLTensor; `cvloss_dlpack.h` has the checked cast.
///
/// Element types: float32, float64, float16, bfloat16; for class indices and binary targets also uint8, uint32, int64
/// and bool. Strides may be anything that is not negative and lets the kernels walk items, channels and space with one
/// stride each: dense, channels last, slices along items and channels. Other layouts are refused, never copied. On a GPU
/// tensors are dense, last axis fastest; weights may have strides of 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_tensor {
    /// The memory, with Metal an `id<MTLBuffer>`; NULL if there are no elements.
    pub data: *mut c_void,
    /// Where it lies.
    pub device: cvl_device,
    /// How many axes, at most 8.
    pub ndim: i32,
    /// What elements are.
    pub dtype: cvl_dtype,
    /// `ndim` lengths.
    pub shape: *const i64,
    /// `ndim` strides counted in elements, or NULL for dense, last axis fastest.
    pub strides: *const i64,
    /// Bytes from the beginning of the memory to the first element.
    pub byte_offset: u64,
}

/// Where a tensor lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Host,
    /// The number of a CUDA device.
    Cuda(usize),
    /// Buffers know their device.
    Metal,
}

impl Place {
    fn read(device: cvl_device, name: &str) -> Result<Self> {
        let cvl_device { r#type, id } = device;
        match (r#type, usize::try_from(id)) {
            (1 | 3 | 11, _) => Ok(Self::Host),
            (2, Ok(id)) => Ok(Self::Cuda(id)),
            (2, Err(_)) => Err(Error::new(
                cvl_status::Device,
                format!("{name} is on CUDA device {id}, expected a number of at least 0"),
            )),
            (8, _) => Ok(Self::Metal),
            _ => Err(Error::new(
                cvl_status::Device,
                format!(
                    "{name} is on device type {type}, expected host memory (kDLCPU = 1, kDLCUDAHost = 3, kDLROCMHost = 11), \
                     kDLCUDA = 2 or kDLMetal = 8"
                ),
            )),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host => f.write_str("in host memory"),
            Self::Cuda(id) => write!(f, "on CUDA device {id}"),
            Self::Metal => f.write_str("in a Metal buffer"),
        }
    }
}

/// A descriptor that has been checked: its elements lie in memory that can be addressed and is aligned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tensor {
    pub(crate) name: &'static str,
    pub(crate) dtype: DType,
    pub(crate) shape: Shape,
    pub(crate) place: Place,
    /// Only of host memory is anything lent; with Metal, the object.
    data: *mut u8,
    /// Addresses from the first to the last byte of elements; with Metal, from where the buffer begins.
    start: usize,
    end: usize,
}

/// The most entries that the other axes of an empty tensor may have together.
const LARGEST_EMPTY: usize = 1 << 24;

/// Bytes of an element.
pub(crate) fn size(dtype: DType) -> usize {
    match dtype {
        DType::U8 => 1,
        DType::F16 | DType::BF16 => 2,
        DType::F32 | DType::U32 => 4,
        DType::F64 | DType::I64 => 8,
    }
}

fn dtype_of(name: &str, dtype: cvl_dtype) -> Result<DType> {
    let cvl_dtype { code, bits, lanes } = dtype;
    match (code, bits, lanes) {
        (2, 32, 1) => Ok(DType::F32),
        (2, 64, 1) => Ok(DType::F64),
        (2, 16, 1) => Ok(DType::F16),
        (4, 16, 1) => Ok(DType::BF16),
        (1 | 6, 8, 1) => Ok(DType::U8),
        (1, 32, 1) => Ok(DType::U32),
        (0, 64, 1) => Ok(DType::I64),
        _ => Err(Error::new(
            cvl_status::Dtype,
            format!(
                "{name} has dtype code {code}, {bits} bits, {lanes} lanes; expected float16, bfloat16, float32, float64, \
                 uint8, bool, uint32 or int64"
            ),
        )),
    }
}

impl Tensor {
    /// Reads and checks a descriptor.
    ///
    /// # Safety
    /// `from` is NULL or points at a descriptor whose `shape` and `strides` are NULL or have `ndim` numbers.
    pub(crate) unsafe fn read(from: *const cvl_tensor, name: &'static str) -> Result<Self> {
        if from.is_null() {
            return Err(Error::null(name));
        }
        // SAFETY: not NULL, so it is a descriptor; it need not be aligned.
        let tensor = unsafe { ptr::read_unaligned(from) };
        // SAFETY: the caller's promise.
        let shape = unsafe { read_shape(&tensor, name) }?;
        let dtype = dtype_of(name, tensor.dtype)?;
        let place = Place::read(tensor.device, name)?;
        let too_large = || {
            let message = format!("{name} of shape {:?} is too large to address", shape.dims());
            Error::new(cvl_status::Shape, message)
        };
        if shape.dims().contains(&0) {
            // No memory stands for the other axes, and kernels have work per item.
            let others = shape
                .dims()
                .iter()
                .filter(|dim| **dim > 0)
                .product::<usize>();
            if others > LARGEST_EMPTY {
                return Err(too_large());
            }
            let data = NonNull::<u64>::dangling().as_ptr().cast();
            return Ok(Self {
                name,
                dtype,
                shape: Shape::new(shape.dims().iter().map(|dim| (*dim, 0))),
                place,
                data,
                start: 0,
                end: 0,
            });
        }
        if tensor.data.is_null() {
            return Err(Error::null(&format!("{name}.data")));
        }
        let bytes = shape
            .axes()
            .try_fold(1usize, |span, (dim, stride)| {
                span.checked_add((dim - 1).checked_mul(stride)?)
            })
            .and_then(|span| span.checked_mul(size(dtype)))
            .ok_or_else(too_large)?;
        let origin = match place {
            // What an object's address is says nothing about its memory.
            Place::Metal => 0,
            Place::Host | Place::Cuda(_) => tensor.data.addr(),
        };
        // No memory is longer than half of all addresses, the offset included.
        let end = usize::try_from(tensor.byte_offset)
            .ok()
            .and_then(|offset| offset.checked_add(bytes))
            .filter(|end| isize::try_from(*end).is_ok())
            .and_then(|end| origin.checked_add(end))
            .ok_or_else(too_large)?;
        let start = end - bytes;
        if !start.is_multiple_of(size(dtype)) {
            let message =
                format!("{name} is at {start:#x}, not aligned to its elements of {dtype}");
            return Err(Error::new(cvl_status::Layout, message));
        }
        let data = match place {
            Place::Metal => tensor.data.cast::<u8>(),
            Place::Host | Place::Cuda(_) => tensor.data.cast::<u8>().with_addr(start),
        };
        Ok(Self {
            name,
            dtype,
            shape,
            place,
            data,
            start,
            end,
        })
    }

    /// With other dimensions over the same memory.
    pub(crate) fn reshaped(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }

    /// Whether memory is shared with `other`, as far as ranges of addresses tell.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let is_apart = self.place == Place::Metal && self.data != other.data;
        !is_apart && self.start < other.end && other.start < self.end
    }

    /// A tensor over `bytes` of a workspace, for the check of overlaps.
    pub(crate) fn workspace(data: *mut c_void, bytes: usize, place: Place) -> Result<Self> {
        let start = match place {
            Place::Metal => 0,
            Place::Host | Place::Cuda(_) => data.addr(),
        };
        let end = start
            .checked_add(bytes)
            .ok_or_else(|| Error::invalid("workspace_size leads beyond all memory"))?;
        Ok(Self {
            name: "workspace",
            dtype: DType::U8,
            shape: Shape::new([(bytes, 1)]),
            place,
            data: data.cast(),
            start,
            end,
        })
    }

    /// Fails if two elements share memory.
    pub(crate) fn check_injective(&self) -> Result<()> {
        if self.shape.is_injective() {
            return Ok(());
        }
        let message = format!(
            "{} of shape {:?} has strides {:?}: two elements share memory",
            self.name,
            self.shape.dims(),
            self.shape.strides()
        );
        Err(Error::new(cvl_status::Layout, message))
    }

    /// Fails unless all axes of each of items, channels and space can be walked with one stride.
    pub(crate) fn check_layout(&self, axes: &Axes) -> Result<()> {
        self.merged(axes).map(drop)
    }

    /// The address of the first element, or its place in a buffer, and how many bytes lie from there to the end of the last.
    #[cfg_attr(not(any(feature = "cuda", feature = "metal")), allow(dead_code))]
    pub(crate) fn span(&self) -> (usize, usize) {
        (self.start, self.end - self.start)
    }

    /// The buffer that it lies in, with Metal.
    #[cfg(feature = "metal")]
    pub(crate) fn buffer(&self) -> *mut c_void {
        self.data.cast()
    }

    /// A dense f32 or f64 tensor of a workspace.
    ///
    /// # Safety
    /// As [`view_mut`](Self::view_mut), of aligned memory with room for all elements.
    pub(crate) unsafe fn dense(data: *mut u8, dtype: DType, dims: &[usize]) -> Self {
        let mut axes = [(0, 0); MAX_RANK];
        let mut stride = 1;
        for at in (0..dims.len()).rev() {
            axes[at] = (dims[at], stride);
            stride *= dims[at];
        }
        Self {
            name: "workspace",
            dtype,
            shape: Shape::new(axes[..dims.len()].iter().copied()),
            place: Place::Host,
            data,
            start: data.addr(),
            end: data.addr() + stride * size(dtype),
        }
    }
}

/// Reads and checks dimensions and strides.
///
/// # Safety
/// `shape` and `strides` are NULL or have `ndim` numbers.
unsafe fn read_shape(tensor: &cvl_tensor, name: &'static str) -> Result<Shape> {
    let bad = |message: String| Error::new(cvl_status::Shape, message);
    let rank = usize::try_from(tensor.ndim)
        .ok()
        .filter(|rank| *rank <= MAX_RANK);
    let Some(rank) = rank else {
        let message = format!("{name} has {} axes, expected 0 to {MAX_RANK}", tensor.ndim);
        return Err(bad(message));
    };
    if rank > 0 && tensor.shape.is_null() {
        return Err(Error::null(&format!("{name}.shape")));
    }
    let mut axes = [(0, 0); MAX_RANK];
    let axes = &mut axes[..rank];
    for (at, axis) in axes.iter_mut().enumerate() {
        // SAFETY: below `ndim`.
        let dim = unsafe { ptr::read_unaligned(tensor.shape.add(at)) };
        axis.0 = usize::try_from(dim)
            .map_err(|_| bad(format!("{name}.shape holds {dim}, expected at least 0")))?;
    }
    // The product without the zeros, so that strides cannot overflow either.
    let product = axes
        .iter()
        .filter(|(dim, _)| *dim > 0)
        .try_fold(1usize, |product, (dim, _)| product.checked_mul(*dim))
        .filter(|product| isize::try_from(*product).is_ok());
    if product.is_none() {
        let dims: Vec<_> = axes.iter().map(|(dim, _)| *dim).collect();
        return Err(bad(format!(
            "{name} of shape {dims:?} is too large to address"
        )));
    }
    if tensor.strides.is_null() {
        let mut stride = 1;
        for axis in axes.iter_mut().rev() {
            axis.1 = stride;
            stride *= axis.0;
        }
    } else {
        for (at, axis) in axes.iter_mut().enumerate() {
            // SAFETY: below `ndim`.
            let stride = unsafe { ptr::read_unaligned(tensor.strides.add(at)) };
            // Strides of axes of length 1 say nothing, and producers write anything there.
            if axis.0 > 1 {
                axis.1 = usize::try_from(stride).map_err(|_| {
                    let message = format!("{name}.strides holds {stride}, expected at least 0");
                    Error::new(cvl_status::Layout, message)
                })?;
            }
        }
    }
    Ok(Shape::new(axes.iter().copied()))
}
