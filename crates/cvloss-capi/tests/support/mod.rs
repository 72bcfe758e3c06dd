//! What tests of the C ABI share: memory with descriptors, handles, calls.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers of tests"
)]
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

pub mod entries;
pub mod equality;
#[cfg(feature = "perceptual")]
pub mod networks;

use std::ffi::{CStr, c_void};
use std::ptr;

use anyhow::{Context, Result, bail, ensure};
use candle_core::{DType, Tensor};
use cvloss_capi::*;
use half::{bf16, f16};

/// This thread's last sentence.
pub fn last_error() -> String {
    // SAFETY: a string that ends in NUL, valid until the next call.
    unsafe { CStr::from_ptr(cvl_last_error()) }
        .to_string_lossy()
        .into_owned()
}

/// Fails with the library's sentence unless the call succeeded.
pub fn check(status: cvl_status) -> Result<()> {
    ensure!(status == cvl_status::Ok, "{status:?}: {}", last_error());
    Ok(())
}

/// A loss that is freed.
pub struct Handle(pub *mut cvl_loss);

// SAFETY: a handle is immutable and may be used by any number of threads.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: it came from a constructor, and is freed once.
        unsafe { cvl_loss_free(self.0) }
    }
}

impl Handle {
    /// Calls a constructor.
    pub fn new<C>(
        config: &C,
        create: unsafe extern "C" fn(*const C, *mut *mut cvl_loss) -> cvl_status,
    ) -> Result<Self> {
        let mut loss = ptr::null_mut();
        // SAFETY: a valid configuration, and a place for the handle.
        check(unsafe { create(config, &mut loss) })?;
        Ok(Self(loss))
    }

    /// The value's dimensions for these inputs.
    pub fn value_dims(&self, inputs: &[Option<&Memory>]) -> Result<Vec<usize>> {
        let pointers = pointers(inputs);
        let args = arguments(&pointers, &[]);
        let (mut shape, mut rank) = ([0i64; 8], 0i32);
        // SAFETY: valid arguments, and room for 8 numbers.
        check(unsafe { cvl_loss_value_shape(self.0, &args, shape.as_mut_ptr(), &mut rank) })?;
        let rank = usize::try_from(rank)?;
        Ok(shape[..rank]
            .iter()
            .map(|dim| usize::try_from(*dim))
            .collect::<Result<_, _>>()?)
    }

    /// Evaluates into new memory: the value, and the gradient with respect to each input that `wanted` names.
    pub fn evaluate(
        &self,
        inputs: &[Option<&Memory>],
        wanted: &[usize],
    ) -> Result<(Memory, Vec<Memory>)> {
        let value_dtype = match inputs[0] {
            Some(input) if input.dtype == DType::F64 => DType::F64,
            _ => DType::F32,
        };
        let value = Memory::zeros(value_dtype, &self.value_dims(inputs)?)?;
        let gradients: Vec<_> = wanted
            .iter()
            .map(|at| {
                let input = inputs[*at].context("a gradient without its input")?;
                Memory::zeros(value_dtype, &input.dims())
            })
            .collect::<Result<_>>()?;
        let mut grads = vec![ptr::null(); inputs.len()];
        for (at, gradient) in wanted.iter().zip(&gradients) {
            grads[*at] = gradient.descriptor();
        }
        let pointers = pointers(inputs);
        let args = cvl_eval_args {
            value: value.descriptor(),
            ..arguments(&pointers, &grads)
        };
        self.run(&args)?;
        Ok((value, gradients))
    }

    /// One call.
    pub fn run(&self, args: &cvl_eval_args) -> Result<()> {
        // SAFETY: descriptors of live memory.
        check(unsafe { cvl_loss_eval(self.0, args) })
    }
}

/// Descriptors, NULL for none.
pub fn pointers(tensors: &[Option<&Memory>]) -> Vec<*const cvl_tensor> {
    let descriptor = |tensor: &Option<&Memory>| tensor.map_or(ptr::null(), Memory::descriptor);
    tensors.iter().map(descriptor).collect()
}

pub fn arguments(inputs: &[*const cvl_tensor], grads: &[*const cvl_tensor]) -> cvl_eval_args {
    cvl_eval_args {
        inputs: inputs.as_ptr(),
        num_inputs: inputs.len().try_into().unwrap_or(u32::MAX),
        grads: match grads {
            [] => ptr::null(),
            grads => grads.as_ptr(),
        },
        ..cvl_eval_args::default()
    }
}

/// Owned memory with a descriptor.
pub struct Memory {
    pub bytes: Vec<u64>,
    pub shape: Vec<i64>,
    pub strides: Option<Vec<i64>>,
    pub dtype: DType,
    tensor: Box<cvl_tensor>,
}

// SAFETY: the descriptor points into its own memory, which threads only read.
unsafe impl Sync for Memory {}

impl Memory {
    /// A copy of a tensor, dense.
    pub fn of(tensor: &Tensor) -> Result<Self> {
        let flat = tensor.flatten_all()?;
        macro_rules! bytes {
            ($t:ty) => {
                flat.to_vec1::<$t>()?
                    .into_iter()
                    .flat_map(|x| x.to_ne_bytes())
                    .collect::<Vec<u8>>()
            };
        }
        let bytes = match tensor.dtype() {
            DType::F32 => bytes!(f32),
            DType::F64 => bytes!(f64),
            DType::F16 => bytes!(f16),
            DType::BF16 => bytes!(bf16),
            DType::U8 => bytes!(u8),
            DType::U32 => bytes!(u32),
            DType::I64 => bytes!(i64),
            other => bail!("no memory of {other:?}"),
        };
        let mut memory = Self::zeros(tensor.dtype(), tensor.dims())?;
        memory.as_bytes_mut()[..bytes.len()].copy_from_slice(&bytes);
        Ok(memory)
    }

    /// Zeros.
    pub fn zeros(dtype: DType, dims: &[usize]) -> Result<Self> {
        let bytes = dims.iter().product::<usize>() * dtype.size_in_bytes();
        let mut memory = Self {
            bytes: vec![0; bytes.div_ceil(8)],
            shape: dims
                .iter()
                .map(|dim| i64::try_from(*dim))
                .collect::<Result<_, _>>()?,
            strides: None,
            dtype,
            tensor: Box::new(descriptor_of(dtype)?),
        };
        memory.refresh();
        Ok(memory)
    }

    /// Points the descriptor at shape, strides and memory as they are now.
    pub fn refresh(&mut self) {
        self.tensor.data = self.bytes.as_mut_ptr().cast::<c_void>();
        self.tensor.ndim = i32::try_from(self.shape.len()).unwrap_or(i32::MAX);
        self.tensor.shape = self.shape.as_ptr();
        self.tensor.strides = self
            .strides
            .as_ref()
            .map_or(ptr::null(), |strides| strides.as_ptr());
    }

    /// The descriptor, to be changed.
    pub fn raw(&mut self) -> &mut cvl_tensor {
        &mut self.tensor
    }

    pub fn descriptor(&self) -> *const cvl_tensor {
        &raw const *self.tensor
    }

    pub fn dims(&self) -> Vec<usize> {
        self.shape
            .iter()
            .map(|dim| usize::try_from(*dim).unwrap_or(0))
            .collect()
    }

    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        let len = self.bytes.len() * 8;
        // SAFETY: the same memory as bytes.
        unsafe { std::slice::from_raw_parts_mut(self.bytes.as_mut_ptr().cast(), len) }
    }

    /// All elements in the order of memory, as `f64`.
    pub fn numbers(&self) -> Vec<f64> {
        let count = self.dims().iter().product::<usize>();
        let size = self.dtype.size_in_bytes();
        let bytes: Vec<u8> = self
            .bytes
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect();
        let chunks = bytes.chunks_exact(size).take(count);
        chunks
            .map(|bytes| match (self.dtype, bytes) {
                (DType::F64, &[a, b, c, d, e, f, g, h]) => {
                    f64::from_ne_bytes([a, b, c, d, e, f, g, h])
                }
                (DType::F32, &[a, b, c, d]) => f64::from(f32::from_ne_bytes([a, b, c, d])),
                (DType::F16, &[a, b]) => f16::from_ne_bytes([a, b]).to_f64(),
                (DType::BF16, &[a, b]) => bf16::from_ne_bytes([a, b]).to_f64(),
                _ => f64::NAN,
            })
            .collect()
    }

    /// Sets every element of f32 or f64 memory.
    pub fn fill(&mut self, value: f64) {
        let wide = self.dtype == DType::F64;
        let value32 = value as f32;
        let bytes = self.as_bytes_mut();
        if wide {
            bytes
                .chunks_exact_mut(8)
                .for_each(|chunk| chunk.copy_from_slice(&value.to_ne_bytes()));
        } else {
            bytes
                .chunks_exact_mut(4)
                .for_each(|chunk| chunk.copy_from_slice(&value32.to_ne_bytes()));
        }
    }
}

/// An empty descriptor of elements of a type.
pub fn descriptor_of(dtype: DType) -> Result<cvl_tensor> {
    let (code, bits) = match dtype {
        DType::F32 => (2, 32),
        DType::F64 => (2, 64),
        DType::F16 => (2, 16),
        DType::BF16 => (4, 16),
        DType::U8 => (1, 8),
        DType::U32 => (1, 32),
        DType::I64 => (0, 64),
        other => bail!("no descriptor of {other:?}"),
    };
    Ok(cvl_tensor {
        data: ptr::null_mut(),
        device: cvl_device { r#type: 1, id: 0 },
        ndim: 0,
        dtype: cvl_dtype {
            code,
            bits,
            lanes: 1,
        },
        shape: ptr::null(),
        strides: ptr::null(),
        byte_offset: 0,
    })
}
