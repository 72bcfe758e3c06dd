//! A call of `cvl_loss_eval` that bytes of the fuzzer become: near enough to a good one that much of it passes.

use std::ffi::c_void;
use std::ptr;

use arbitrary::Arbitrary;
use cvloss_capi::{cvl_dtype, cvl_eval_args};

/// Three inputs, their gradients, the value and what comes from upstream.
pub const TENSORS: usize = 8;
/// Bytes of a tensor's memory.
pub const BYTES: usize = 8192;

#[derive(Arbitrary, Debug)]
pub struct Call {
    pub loss: u8,
    /// Axes and elements of tensors that have none of their own.
    rank: u8,
    extents: [u8; 5],
    pub dtype: Floating,
    pub tensors: [Descriptor; TENSORS],
    pub contents: [Contents; 3],
    pub inputs: [bool; 3],
    pub gradients: Option<[bool; 3]>,
    pub count: Option<u32>,
    pub accumulates: bool,
    pub flags: Option<u32>,
    pub has_value: bool,
    pub has_upstream: bool,
    /// Where in its memory it starts.
    pub workspace: Option<u8>,
    pub scale: f64,
    size: Option<u16>,
}

#[derive(Arbitrary, Debug)]
pub struct Descriptor {
    pub memory: Memory,
    pub device: Option<i32>,
    axes: Axes,
    pub dtype: DType,
    strides: Option<[Extent; 8]>,
    pub offset: Option<u64>,
}

#[derive(Arbitrary, Debug)]
pub enum Memory {
    Own,
    Of(u8),
    Null,
}

#[derive(Arbitrary, Debug)]
enum Axes {
    Same,
    /// Without channels, as class indices have.
    Points,
    None,
    Own(i32, [Extent; 8]),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Floating {
    F32,
    F64,
    F16,
    BF16,
}

#[derive(Arbitrary, Debug)]
pub enum DType {
    Same,
    Of(Floating),
    U8,
    Bool,
    U32,
    I64,
    Any(u8, u8, u16),
}

/// Mostly small.
#[derive(Arbitrary, Debug)]
enum Extent {
    Small(u8),
    Any(i64),
}

#[derive(Arbitrary, Debug)]
pub enum Contents {
    Byte(u8),
    Noise(u64),
}

impl Call {
    /// Axes of a tensor, and their lengths.
    pub fn shape(&self, at: usize) -> (i32, [i64; 8]) {
        const LENGTHS: [i64; 16] = [1, 2, 3, 4, 1, 2, 3, 4, 0, 5, 6, 7, 8, 12, 16, 24];
        let rank = i32::from(self.rank % 6);
        let mut shape = [1; 8];
        for (to, extent) in shape.iter_mut().zip(self.extents) {
            *to = LENGTHS[usize::from(extent % 16)];
        }
        match &self.tensors[at].axes {
            Axes::Same => (rank, shape),
            Axes::Points => {
                shape[1..].rotate_left(1);
                (rank - 1, shape)
            }
            Axes::None => (0, shape),
            Axes::Own(rank, own) => (*rank, own.each_ref().map(Extent::number)),
        }
    }

    /// A struct that says to be longer than it is would be a lie.
    pub fn struct_size(&self) -> usize {
        let whole = size_of::<cvl_eval_args>();
        self.size.map_or(whole, |size| usize::from(size).min(whole))
    }

    /// Whether a tensor may lie in the memory of an input that it is not.
    pub fn shares_memory(&self) -> bool {
        self.tensors
            .iter()
            .any(|tensor| matches!(tensor.memory, Memory::Of(_)))
    }
}

impl Descriptor {
    pub fn strides(&self) -> Option<[i64; 8]> {
        Some(self.strides.as_ref()?.each_ref().map(Extent::number))
    }
}

impl Memory {
    pub fn of(&self, at: usize, pointers: &[*mut c_void]) -> *mut c_void {
        match self {
            Self::Own => pointers[at],
            Self::Of(other) => pointers[usize::from(*other) % pointers.len()],
            Self::Null => ptr::null_mut(),
        }
    }
}

impl Extent {
    fn number(&self) -> i64 {
        match self {
            Self::Small(number) => i64::from(number % 9),
            Self::Any(number) => *number,
        }
    }
}

impl DType {
    pub fn code(&self, same: Floating) -> cvl_dtype {
        let floating = |dtype| match dtype {
            Floating::F32 => (2, 32, 1),
            Floating::F64 => (2, 64, 1),
            Floating::F16 => (2, 16, 1),
            Floating::BF16 => (4, 16, 1),
        };
        let (code, bits, lanes) = match *self {
            Self::Same => floating(same),
            Self::Of(dtype) => floating(dtype),
            Self::U8 => (1, 8, 1),
            Self::Bool => (6, 8, 1),
            Self::U32 => (1, 32, 1),
            Self::I64 => (0, 64, 1),
            Self::Any(code, bits, lanes) => (code, bits, lanes),
        };
        cvl_dtype { code, bits, lanes }
    }
}

impl Contents {
    pub fn fill(&self, words: &mut [u64]) {
        match self {
            Self::Byte(byte) => words.fill(u64::from_ne_bytes([*byte; 8])),
            Self::Noise(seed) => {
                let mut state = seed | 1;
                for word in words {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    *word = state;
                }
            }
        }
    }
}
