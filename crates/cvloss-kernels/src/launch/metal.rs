//! Apple GPUs, by Metal: the caller's buffers, by candle's encoder behind what it has queued already, or as a command buffer
//! of the caller's queue.
//!
//! Nothing waits for the device. A module's text is compiled at its first use and kept. The encoder is concurrent and sees
//! by buffers what depends on what, so that whatever is written is declared as an output.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

use candle_metal_kernels::metal::{ComputePipeline, Fence, Library};
use objc2::rc::{Retained, autoreleasepool};
use objc2::runtime::ProtocolObject;
use objc2_metal::{
    MTLBuffer, MTLCommandBuffer, MTLCommandEncoder, MTLCommandQueue, MTLCompileOptions,
    MTLLanguageVersion, MTLResourceOptions, MTLSize,
};

use crate::device::{Argument, Launch, Memory, Module, Sequence, source};
use crate::error::{Error, Result};

/// What the functions here take and return.
pub use candle_metal_kernels::metal::{Buffer, ComputeCommandEncoder, Device};

/// Part of a buffer, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    buffer: &'a Buffer,
    offset: usize,
    bytes: usize,
}

impl<'a> Slice<'a> {
    /// `bytes` from `offset` on; fails if the buffer is shorter.
    pub fn new(buffer: &'a Buffer, offset: usize, bytes: usize) -> Result<Self> {
        let length = buffer.length();
        match offset.checked_add(bytes) {
            Some(end) if end <= length => Ok(Self {
                buffer,
                offset,
                bytes,
            }),
            _ => Err(Error::Layout {
                argument: "buffer",
                reason: format!("{bytes} bytes from {offset} on, and it has {length}"),
            }),
        }
    }
}

impl Memory for Slice<'_> {
    fn bytes(self) -> usize {
        self.bytes
    }

    fn is_aligned(self) -> bool {
        self.offset.is_multiple_of(16)
    }
}

/// A buffer of the caller, an `id<MTLBuffer>`.
///
/// # Safety
/// `buffer` is one, or NULL.
pub unsafe fn buffer(buffer: *mut c_void) -> Result<Buffer> {
    let raw = buffer.cast::<ProtocolObject<dyn MTLBuffer>>();
    // SAFETY: the caller's promise.
    let retained = unsafe { Retained::retain(raw) };
    Ok(Buffer::new(retained.ok_or_else(|| missing("buffer"))?))
}

/// Memory of the device alone, of any contents.
pub fn memory(device: &Device, bytes: usize) -> Result<Buffer> {
    device
        .new_buffer(bytes.max(1), MTLResourceOptions::StorageModePrivate)
        .map_err(metal)
}

/// Commits `work` as a command buffer of the caller's queue, an `id<MTLCommandQueue>`; if it fails, nothing is committed.
/// The command buffer retains the buffers that it uses.
///
/// # Safety
/// `queue` is one, or NULL, and nobody writes what `work` reads or uses what it writes until that is done.
pub unsafe fn with_queue<E>(
    queue: *mut c_void,
    work: impl FnOnce(&Device, &ComputeCommandEncoder) -> std::result::Result<(), E>,
) -> Result<std::result::Result<(), E>> {
    let raw = queue.cast::<ProtocolObject<dyn MTLCommandQueue>>();
    // SAFETY: the caller's promise.
    let queue = unsafe { Retained::retain(raw) }.ok_or_else(|| missing("command queue"))?;
    autoreleasepool(|_| {
        let commands = queue
            .commandBuffer()
            .ok_or_else(|| failed("the queue gives no command buffer".into()))?;
        // Its launches run one after the other.
        let raw = commands
            .computeCommandEncoder()
            .ok_or_else(|| failed("the command buffer gives no encoder".into()))?;
        let device = Device::new(queue.device());
        let fence = Arc::new(Fence::new(&device));
        let encoder = ComputeCommandEncoder::new(raw.clone(), commands.clone(), fence);
        let done = work(&device, &encoder);
        raw.endEncoding();
        if done.is_ok() {
            commands.commit();
        }
        Ok(done)
    })
}

/// Queues the launches of a sequence.
pub fn run(
    sequence: &Sequence<Slice<'_>>,
    device: &Device,
    encoder: &ComputeCommandEncoder,
    scratch: Slice<'_>,
) -> Result<()> {
    let needs = sequence.scratch_bytes();
    if scratch.bytes < needs {
        return Err(Error::Layout {
            argument: "scratch memory",
            reason: format!("{} bytes, expected {needs}", scratch.bytes),
        });
    }
    for launch in sequence.launches() {
        queue(launch, sequence.threads(), device, encoder, scratch)?;
    }
    Ok(())
}

fn queue(
    launch: &Launch<Slice<'_>>,
    threads: u32,
    device: &Device,
    encoder: &ComputeCommandEncoder,
    scratch: Slice<'_>,
) -> Result<()> {
    let pipeline = pipeline(device, launch.module(), launch.entry())?;
    let most = pipeline.max_total_threads_per_threadgroup();
    if most < threads as usize {
        let entry = launch.entry();
        return Err(failed(format!(
            "{entry} has room for {most} threads of {threads}"
        )));
    }
    encoder.set_compute_pipeline_state(&pipeline);
    for (at, argument) in launch.arguments().iter().enumerate() {
        match argument {
            Argument::Read(memory) => {
                encoder.set_input_buffer(at, Some(memory.buffer), memory.offset);
            }
            Argument::Write(memory) => {
                encoder.set_output_buffer(at, Some(memory.buffer), memory.offset);
            }
            // Launches leave each other results there.
            Argument::Scratch { offset, .. } => {
                encoder.set_output_buffer(at, Some(scratch.buffer), scratch.offset + offset);
            }
            // Never looked at, but each argument must be bound.
            Argument::Absent => {
                encoder.set_output_buffer(at, Some(scratch.buffer), scratch.offset);
            }
            Argument::Numbers(bytes) => {
                encoder.set_bytes_directly(at, bytes.len(), bytes.as_ptr().cast());
            }
        }
    }
    let along = |width: u32| MTLSize {
        width: width as usize,
        height: 1,
        depth: 1,
    };
    encoder.dispatch_thread_groups(along(launch.blocks()), along(threads));
    Ok(())
}

/// What is compiled for a device.
#[derive(Default)]
struct Compiled {
    libraries: HashMap<Module, Library>,
    pipelines: HashMap<(Module, String), ComputePipeline>,
}

/// By the device's number in the registry.
static COMPILED: Mutex<Option<HashMap<u64, Compiled>>> = Mutex::new(None);

/// A kernel, compiled at its first use.
fn pipeline(device: &Device, module: Module, entry: &str) -> Result<ComputePipeline> {
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let devices = compiled.get_or_insert_default();
    let of_device = devices.entry(device.registry_id()).or_default();
    let slot = match of_device.pipelines.entry((module, entry.to_owned())) {
        Entry::Occupied(found) => return Ok(found.get().clone()),
        Entry::Vacant(slot) => slot,
    };
    let library = match of_device.libraries.entry(module) {
        Entry::Occupied(found) => found.into_mut(),
        Entry::Vacant(slot) => slot.insert(compile(device, module)?),
    };
    let function = library.get_function(entry, None).map_err(metal)?;
    let pipeline = device
        .new_compute_pipeline_state_with_function(&function)
        .map_err(metal)?;
    Ok(slot.insert(pipeline).clone())
}

fn compile(device: &Device, module: Module) -> Result<Library> {
    let options = MTLCompileOptions::new();
    // The precise mode has another name from macOS 15 on, where this one still works.
    #[allow(deprecated)]
    options.setFastMathEnabled(false);
    options.setLanguageVersion(MTLLanguageVersion::Version3_1);
    let text = source::text(|name| name == module.source());
    device
        .new_library_with_source(&text, Some(&options))
        .map_err(metal)
}

fn missing(what: &str) -> Error {
    failed(format!("there is no {what}"))
}

fn failed(message: String) -> Error {
    Error::Device { message }
}

fn metal(error: candle_metal_kernels::MetalKernelError) -> Error {
    failed(error.to_string())
}
