//! What is launched, in order.

use crate::error::Result;
use crate::options::Reduction;
use crate::scalar::DType;

use super::{check_memory, number, real, size};

/// A piece of device memory, whatever its kind.
pub trait Memory: Copy {
    /// How long it is.
    fn bytes(self) -> usize;
    /// Whether it begins at a multiple of 16 bytes.
    fn is_aligned(self) -> bool;
}

/// A source of kernels, which becomes one module of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Module {
    Numbers,
    Reduce,
    Convert,
    Pointwise,
    Site,
    Overlap,
    Items,
    Bce,
    Focal,
    Pixel,
    Psnr,
    Adversarial,
    Boxes,
    CrossEntropy,
    Region,
    RegionExtra,
    Ssim,
    Variation,
}

/// The kernel of a loss of elements, and the numbers of its formula. The folders of losses make them.
#[derive(Clone, Debug)]
pub struct Formula {
    /// Where the kernel is.
    pub(crate) module: Module,
    /// Its name without the stored type.
    pub(crate) name: &'static str,
    /// In the order of its `of`.
    pub(crate) numbers: Vec<f64>,
}

/// The kernel of a loss over a softmax, and the numbers of its formula. The folders of losses make them.
#[derive(Clone, Debug)]
pub struct Term {
    pub(crate) formula: Formula,
    /// Share of the target that is spread over all classes.
    pub(crate) smoothing: f64,
    /// Whether targets may be distributions.
    pub(crate) is_soft: bool,
}

/// An argument of a kernel.
#[derive(Clone, Debug)]
pub enum Argument<M> {
    /// Memory that is read.
    Read(M),
    /// Memory that is written, and perhaps read.
    Write(M),
    /// A piece of the sequence's scratch memory.
    Scratch {
        /// Where it begins.
        offset: usize,
        /// How long it is.
        bytes: usize,
    },
    /// Memory that this call does not need.
    Absent,
    /// A struct of numbers.
    Numbers(Vec<u8>),
}

/// A launch of blocks of one size along one axis.
#[derive(Clone, Debug)]
pub struct Launch<M> {
    module: Module,
    entry: String,
    blocks: u32,
    arguments: Vec<Argument<M>>,
}

impl<M> Launch<M> {
    /// Where the kernel is.
    pub fn module(&self) -> Module {
        self.module
    }

    /// Its name.
    pub fn entry(&self) -> &str {
        &self.entry
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> u32 {
        self.blocks
    }

    /// What it is given, in order.
    pub fn arguments(&self) -> &[Argument<M>] {
        &self.arguments
    }
}

/// The sizes of launches. Sums depend on them, and so do the last bits of values.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Threads of a block: a multiple of 32, at most 256.
    pub threads: u32,
    /// The largest number of blocks where a loop goes over any number of elements.
    pub most: u32,
}

impl Default for Grid {
    fn default() -> Self {
        Self {
            threads: 256,
            most: 1024,
        }
    }
}

impl Grid {
    /// Blocks for so many units of a thread's work.
    pub(super) fn blocks(self, units: usize) -> Result<u32> {
        Ok(number(units.div_ceil(self.threads as usize))?.clamp(1, self.most))
    }

    /// Blocks that share a sum, for so many units of a thread's work, beside so many other sums: enough blocks to fill a
    /// device, and enough work for each.
    pub(super) fn splits(self, units: usize, others: usize) -> Result<usize> {
        let most = (4 * self.most as usize).div_ceil(others.max(1));
        Ok(most.min(self.blocks(units)? as usize).max(1))
    }
}

/// Where a gradient goes.
#[derive(Clone, Copy, Debug)]
pub struct Destination<M> {
    /// The memory, in the input's shape and in what is computed in.
    pub memory: M,
    /// Multiplies the gradient, not the value.
    pub scale: f64,
    /// Adds to what is there instead of overwriting it.
    pub accumulate: bool,
}

/// The launches of an evaluation. Only this crate makes one, so that the arguments fit the kernels.
#[derive(Clone, Debug)]
pub struct Sequence<M> {
    pub(super) grid: Grid,
    launches: Vec<Launch<M>>,
    scratch: usize,
}

/// Where pieces of scratch memory begin.
const ALIGNMENT: usize = 256;

impl<M: Memory> Sequence<M> {
    pub(super) fn new(grid: Grid) -> Self {
        Self {
            grid,
            launches: Vec::new(),
            scratch: 0,
        }
    }

    /// The launches, in order.
    pub fn launches(&self) -> &[Launch<M>] {
        &self.launches
    }

    /// How many threads each block has.
    pub fn threads(&self) -> u32 {
        self.grid.threads
    }

    /// Bytes of memory that launches leave each other results in; it begins at a multiple of 256 bytes.
    pub fn scratch_bytes(&self) -> usize {
        self.scratch
    }

    /// With the launches of another sequence after its own.
    pub(super) fn then(mut self, other: Self) -> Self {
        let start = self.scratch;
        let moved = |argument: Argument<M>| match argument {
            Argument::Scratch { offset, bytes } => Argument::Scratch {
                offset: offset + start,
                bytes,
            },
            argument => argument,
        };
        let launches = other.launches.into_iter().map(|launch| Launch {
            arguments: launch.arguments.into_iter().map(moved).collect(),
            ..launch
        });
        self.launches.extend(launches);
        self.scratch = start.saturating_add(other.scratch);
        self
    }

    pub(super) fn launch(
        &mut self,
        module: Module,
        entry: String,
        blocks: u32,
        arguments: Vec<Argument<M>>,
    ) {
        self.launches.push(Launch {
            module,
            entry,
            blocks,
            arguments,
        });
    }

    /// Memory for numbers of what is computed in.
    pub(super) fn scratch(&mut self, dtype: DType, len: usize) -> Argument<M> {
        let offset = self.scratch;
        let bytes = len.saturating_mul(size(dtype));
        let end = offset.saturating_add(bytes);
        self.scratch = end.checked_next_multiple_of(ALIGNMENT).unwrap_or(end);
        Argument::Scratch { offset, bytes }
    }

    /// Scratch memory that holds numbers which the host knows.
    pub(super) fn numbers(&mut self, dtype: DType, numbers: &[f64]) -> Result<Argument<M>> {
        /// As many as one launch carries.
        const EACH: usize = 32;
        let memory = self.scratch(dtype, numbers.len());
        for (k, part) in numbers.chunks(EACH).enumerate() {
            let mut at = [0.0; EACH];
            at[..part.len()].copy_from_slice(part);
            let call = Numbers::new(dtype)
                .reals(&at)
                .uints(&[number(k * EACH)?, number(part.len())?]);
            let arguments = vec![memory.clone(), call.finish()];
            self.launch(Module::Numbers, format!("numbers_{dtype}"), 1, arguments);
        }
        Ok(memory)
    }

    /// The second stage of a mean's denominator: one over it, from partial sums or from what the host knows.
    pub(super) fn factor(&mut self, dtype: DType, denominator: Denominator<M>) -> Argument<M> {
        let factor = self.scratch(dtype, 1);
        let (partial, given, partials, at_least_one) = match denominator {
            Denominator::Given(given) => (Argument::Absent, given, 0, 0),
            Denominator::Counted {
                partial,
                partials,
                at_least_one,
            } => (partial, 0.0, partials, u32::from(at_least_one)),
        };
        let call = Numbers::new(dtype)
            .reals(&[given])
            .uints(&[partials, at_least_one]);
        let arguments = vec![partial, factor.clone(), call.finish()];
        let entry = format!("reduce_factor_{dtype}");
        self.launch(Module::Reduce, entry, 1, arguments);
        factor
    }

    /// The second stage of a value: the sum of partial sums times the factor.
    pub(super) fn total(
        &mut self,
        dtype: DType,
        (partial, partials): (Argument<M>, u32),
        factor: Argument<M>,
        value: Argument<M>,
    ) {
        // It does not add to what is there.
        let call = Numbers::new(dtype).uints(&[partials, 0]);
        let arguments = vec![partial, factor, value, call.finish()];
        let entry = format!("reduce_total_{dtype}");
        self.launch(Module::Reduce, entry, 1, arguments);
    }

    /// Where a scalar value goes, if anybody wants it.
    pub(super) fn value(&mut self, dtype: DType, value: Option<M>) -> Result<Argument<M>> {
        match value {
            None => Ok(self.scratch(dtype, 1)),
            Some(memory) => {
                check_memory("value", memory, 1, dtype)?;
                Ok(Argument::Write(memory))
            }
        }
    }
}

/// What a mean divides by.
pub(super) enum Denominator<M> {
    Given(f64),
    Counted {
        partial: Argument<M>,
        partials: u32,
        at_least_one: bool,
    },
}

impl<M> Denominator<M> {
    /// What is known before anything is counted.
    pub(super) fn given(reduction: Reduction, items: usize) -> Self {
        Self::Given(match reduction {
            Reduction::Mean => items as f64,
            Reduction::None | Reduction::Sum => 1.0,
        })
    }
}

/// A struct of numbers, in the order of its fields.
pub(super) struct Numbers {
    dtype: DType,
    bytes: Vec<u8>,
    alignment: usize,
}

impl Numbers {
    /// For a call that computes in `dtype`.
    pub(super) fn new(dtype: DType) -> Self {
        Self {
            dtype,
            bytes: Vec::new(),
            alignment: 4,
        }
    }

    pub(super) fn reals(mut self, numbers: &[f64]) -> Self {
        self.alignment = size(self.dtype);
        for number in numbers {
            match self.dtype {
                DType::F64 => self.bytes.extend(number.to_ne_bytes()),
                _ => self.bytes.extend((*number as f32).to_ne_bytes()),
            }
        }
        self
    }

    pub(super) fn uints(mut self, numbers: &[u32]) -> Self {
        self.bytes
            .extend(numbers.iter().flat_map(|x| x.to_ne_bytes()));
        self
    }

    /// Filled up to a multiple of its alignment.
    pub(super) fn finish<M>(mut self) -> Argument<M> {
        let len = self.bytes.len().next_multiple_of(self.alignment);
        self.bytes.resize(len, 0);
        Argument::Numbers(self.bytes)
    }
}

/// An optional tensor of results.
pub(super) fn written<M: Memory>(
    argument: &'static str,
    memory: Option<M>,
    len: usize,
    dtype: DType,
) -> Result<Argument<M>> {
    match memory {
        None => Ok(Argument::Absent),
        Some(memory) => {
            check_memory(argument, memory, len, real(dtype)?)?;
            Ok(Argument::Write(memory))
        }
    }
}
