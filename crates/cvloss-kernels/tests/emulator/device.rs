//! A launcher for the emulator: it runs sequences as those for CUDA and Metal do.

use std::collections::HashMap;

use cvloss_kernels::device::{Argument, Grid, Memory, Sequence};
use cvloss_kernels::{DType, View};
use half::{bf16, f16};

use crate::program::{self, Build};

/// What tensors hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    F32,
    F16,
    BF16,
    F64,
}

impl Kind {
    /// As the library names it.
    pub(crate) fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::BF16 => DType::BF16,
            Self::F64 => DType::F64,
        }
    }

    /// What is computed in.
    pub(crate) fn real(self) -> Self {
        match self {
            Self::F64 => Self::F64,
            _ => Self::F32,
        }
    }

    /// The relative rounding error of a number in memory.
    pub(crate) fn epsilon(self) -> f64 {
        match self {
            Self::F32 | Self::F64 => 0.0,
            Self::F16 => 1.0 / 1024.0,
            Self::BF16 => 1.0 / 128.0,
        }
    }

    /// The relative error of what is computed.
    pub(crate) fn tolerance(self) -> f64 {
        match self {
            Self::F64 => 1e-11,
            _ => 1e-5,
        }
    }

    /// The least number that is not rounded to 0 or to few bits.
    fn least(self) -> f64 {
        match self {
            Self::F16 => 6e-8,
            Self::F64 => 1e-300,
            Self::F32 | Self::BF16 => 1e-37,
        }
    }

    pub(crate) fn encode(self, numbers: &[f64]) -> Vec<u8> {
        let bytes = |x: &f64| match self {
            Self::F32 => (*x as f32).to_ne_bytes().to_vec(),
            Self::F16 => f16::from_f64(*x).to_ne_bytes().to_vec(),
            Self::BF16 => bf16::from_f64(*x).to_ne_bytes().to_vec(),
            Self::F64 => x.to_ne_bytes().to_vec(),
        };
        numbers.iter().flat_map(bytes).collect()
    }

    pub(crate) fn decode(self, bytes: &[u8]) -> Vec<f64> {
        match self {
            Self::F32 => each(bytes, |b| f64::from(f32::from_ne_bytes(b))),
            Self::F16 => each(bytes, |b| f16::from_ne_bytes(b).to_f64()),
            Self::BF16 => each(bytes, |b| bf16::from_ne_bytes(b).to_f64()),
            Self::F64 => each(bytes, f64::from_ne_bytes),
        }
    }

    /// Numbers as memory holds them.
    pub(crate) fn rounded(self, numbers: &[f64]) -> Vec<f64> {
        self.decode(&self.encode(numbers))
    }
}

fn each<const N: usize>(bytes: &[u8], decode: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes
        .chunks_exact(N)
        .map(|chunk| decode(chunk.try_into().unwrap()))
        .collect()
}

/// A tensor of this crate's kernels for the CPU.
pub(crate) enum Tensor {
    F32(Vec<f32>),
    F16(Vec<f16>),
    BF16(Vec<bf16>),
    F64(Vec<f64>),
}

impl Tensor {
    pub(crate) fn new(kind: Kind, numbers: &[f64]) -> Self {
        let numbers = numbers.iter().copied();
        match kind {
            Kind::F32 => Self::F32(numbers.map(|x| x as f32).collect()),
            Kind::F16 => Self::F16(numbers.map(f16::from_f64).collect()),
            Kind::BF16 => Self::BF16(numbers.map(bf16::from_f64).collect()),
            Kind::F64 => Self::F64(numbers.collect()),
        }
    }

    pub(crate) fn view(&self, shape: [usize; 3]) -> View<'_> {
        match self {
            Self::F32(data) => View::new(data, shape),
            Self::F16(data) => View::new(data, shape),
            Self::BF16(data) => View::new(data, shape),
            Self::F64(data) => View::new(data, shape),
        }
        .unwrap()
    }
}

/// A piece of device memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buffer {
    index: usize,
    bytes: usize,
    is_aligned: bool,
}

impl Memory for Buffer {
    fn bytes(self) -> usize {
        self.bytes
    }

    fn is_aligned(self) -> bool {
        self.is_aligned
    }
}

/// Sizes of launches in tests: blocks of two warps and more, so that sums cross warps, and few of them, so that loops
/// go round.
pub(crate) const GRID: Grid = Grid {
    threads: 96,
    most: 3,
};

/// Memory and what is launched on it.
pub(crate) struct Device {
    is_aligned: bool,
    buffers: Vec<Vec<u8>>,
    launches: Vec<(String, u32, Vec<Vec<u8>>)>,
}

impl Device {
    /// Without alignment, no access is of 16 bytes.
    pub(crate) fn new(is_aligned: bool) -> Self {
        Self {
            is_aligned,
            buffers: Vec::new(),
            launches: Vec::new(),
        }
    }

    pub(crate) fn bytes(&mut self, bytes: Vec<u8>) -> Buffer {
        let len = bytes.len();
        self.buffers.push(bytes);
        Buffer {
            index: self.buffers.len() - 1,
            bytes: len,
            is_aligned: self.is_aligned,
        }
    }

    pub(crate) fn tensor(&mut self, kind: Kind, numbers: &[f64]) -> Buffer {
        self.bytes(kind.encode(numbers))
    }

    /// Memory to be written, of NaN.
    pub(crate) fn output(&mut self, kind: Kind, len: usize) -> Buffer {
        self.tensor(kind, &vec![f64::NAN; len])
    }

    /// Takes over a sequence. Each piece of scratch memory is a buffer of its own, of NaN, exactly as long as it is said
    /// to be.
    pub(crate) fn queue(&mut self, sequence: &Sequence<Buffer>) {
        assert_eq!(sequence.threads(), GRID.threads);
        let mut scratch: HashMap<usize, usize> = HashMap::new();
        let mut end = 0;
        for launch in sequence.launches() {
            let mut arguments = Vec::new();
            for argument in launch.arguments() {
                let index = match argument {
                    Argument::Numbers(bytes) => {
                        let head = [1, bytes.len() as u32].map(u32::to_ne_bytes).concat();
                        arguments.push([head, bytes.clone()].concat());
                        continue;
                    }
                    Argument::Read(buffer) | Argument::Write(buffer) => buffer.index,
                    Argument::Absent => self.bytes(Vec::new()).index,
                    Argument::Scratch { offset, bytes } => {
                        end = end.max(offset + bytes);
                        let fresh = || self.bytes(vec![0xff; *bytes]).index;
                        *scratch.entry(*offset).or_insert_with(fresh)
                    }
                };
                arguments.push([0, index as u32].map(u32::to_ne_bytes).concat());
            }
            let name = launch.entry().to_owned();
            self.launches.push((name, launch.blocks(), arguments));
        }
        assert!(end <= sequence.scratch_bytes());
    }

    /// All buffers after all launches, under a schedule.
    pub(crate) fn run(&self, build: Build, seed: u32) -> Result<Vec<Vec<u8>>, String> {
        let mut request = Vec::new();
        let mut put = |bytes: &[u8]| request.extend_from_slice(bytes);
        let number = |x: usize| (x as u32).to_ne_bytes();
        put(&number(self.buffers.len()));
        for buffer in &self.buffers {
            put(&number(buffer.len()));
            put(buffer);
        }
        put(&number(self.launches.len()));
        for (name, grid, arguments) in &self.launches {
            put(&number(name.len()));
            put(name.as_bytes());
            for x in [*grid, GRID.threads, seed, arguments.len() as u32] {
                put(&x.to_ne_bytes());
            }
            arguments.iter().for_each(|argument| put(argument));
        }
        let answer = program::run(&program::program(build), &request)?;
        let mut rest = answer.as_slice();
        let take = |buffer: &Vec<u8>| {
            let (bytes, after) = rest.split_at(buffer.len());
            rest = after;
            bytes.to_vec()
        };
        Ok(self.buffers.iter().map(take).collect())
    }

    /// As [`run`](Self::run) under several schedules, which must give the same bits.
    pub(crate) fn settle(&self, build: Build) -> Result<Vec<Vec<u8>>, String> {
        let first = self.run(build, 0)?;
        for seed in [1, 2] {
            if self.run(build, seed)? != first {
                return Err(format!("schedule {seed} gives other bits than schedule 0"));
            }
        }
        Ok(first)
    }
}

/// What a buffer holds.
pub(crate) fn contents(buffers: &[Vec<u8>], buffer: Buffer, kind: Kind) -> Vec<f64> {
    kind.decode(&buffers[buffer.index])
}

/// Compares to the tolerance of what `computes`, and to the rounding of what `holds` it. Small numbers are compared to the
/// largest.
pub(crate) fn compare(
    what: &str,
    (computes, holds): (Kind, Kind),
    got: &[f64],
    expected: &[f64],
) -> Result<(), String> {
    if got.len() != expected.len() {
        return Err(format!(
            "{what}: {} numbers, not {}",
            got.len(),
            expected.len()
        ));
    }
    let finite = expected.iter().filter(|x| x.is_finite());
    let largest = finite.fold(0f64, |largest, x| largest.max(x.abs()));
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let allowed = (computes.tolerance() + holds.epsilon()) * expected.abs()
            + computes.tolerance() / 10.0 * largest
            + holds.least();
        let is_same = got == expected || (got.is_nan() && expected.is_nan());
        // Comparisons with NaN are false, and what is infinite must be equal.
        let is_close = expected.is_finite() && (got - expected).abs() <= allowed;
        if !is_same && !is_close {
            return Err(format!("{what}: {got} at {i}, expected {expected}"));
        }
    }
    Ok(())
}
