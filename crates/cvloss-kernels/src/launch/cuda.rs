//! NVIDIA GPUs, by CUDA's driver: the caller's memory and the caller's stream.
//!
//! Everything is queued on the stream, and nothing waits for it. Kernels are loaded into the device's primary context,
//! which candle, torch and the CUDA runtime share, at their first use.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::{CString, c_void};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cudarc::driver::{
    CudaContext, CudaSlice, CudaStream, DevicePtr, DevicePtrMut, DeviceRepr, DriverError,
    SyncOnDrop, result, sys,
};
use libloading::Library;

use crate::device::{Argument, Launch, Memory, Module, Sequence};
use crate::error::{Error, Result};

/// What the functions here take and return.
pub use cudarc;

/// Where work is queued.
pub type Stream = Arc<CudaStream>;

/// What scratch memory begins at a multiple of.
const ALIGNMENT: u64 = 256;

/// Device memory, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Pointer<'a> {
    address: sys::CUdeviceptr,
    bytes: usize,
    of: PhantomData<&'a ()>,
}

impl<'a> Pointer<'a> {
    /// Memory at `address`, `bytes` long.
    ///
    /// # Safety
    /// A device on whose streams it is used can read and write all of it until the work queued there is done, and nobody
    /// else writes it meanwhile.
    pub unsafe fn new(address: u64, bytes: usize) -> Self {
        Self {
            address,
            bytes,
            of: PhantomData,
        }
    }

    /// Where it begins.
    pub fn address(self) -> usize {
        self.address as usize
    }

    /// Memory that is read on `stream`; the guard must live until that is queued.
    pub fn read<T>(
        memory: &'a impl DevicePtr<T>,
        stream: &'a CudaStream,
    ) -> (Self, SyncOnDrop<'a>) {
        let bytes = memory.len() * size_of::<T>();
        let (address, guard) = memory.device_ptr(stream);
        // SAFETY: the memory is borrowed; the guard orders it with other streams, and its owner frees it in order.
        (unsafe { Self::new(address, bytes) }, guard)
    }

    /// Memory that is written on `stream`; the guard must live until that is queued.
    pub fn write<T>(
        memory: &'a mut impl DevicePtrMut<T>,
        stream: &'a CudaStream,
    ) -> (Self, SyncOnDrop<'a>) {
        let bytes = memory.len() * size_of::<T>();
        let (address, guard) = memory.device_ptr_mut(stream);
        // SAFETY: as in `read`, and it is borrowed from others.
        (unsafe { Self::new(address, bytes) }, guard)
    }
}

impl Memory for Pointer<'_> {
    fn bytes(self) -> usize {
        self.bytes
    }

    fn is_aligned(self) -> bool {
        self.address.is_multiple_of(16)
    }
}

/// Memory of `len` elements, of any contents.
pub fn memory<T: DeviceRepr>(stream: &Stream, len: usize) -> Result<CudaSlice<T>> {
    // SAFETY: whatever lies there is a number; sequences write before they read.
    unsafe { stream.alloc(len) }.map_err(driver)
}

/// Runs `work` with a stream of the caller on a device's primary context; NULL is the default stream. The thread's current
/// context is afterwards what it was.
///
/// # Safety
/// `stream` is NULL or a stream of that context, and stays one until `work` returns.
pub unsafe fn with_stream<T>(
    ordinal: usize,
    stream: *mut c_void,
    work: impl FnOnce(&Stream) -> T,
) -> Result<T> {
    if !has_driver() {
        return Err(device("there is no CUDA driver to load"));
    }
    result::init().map_err(driver)?;
    let _restore = Restore(result::ctx::get_current().map_err(driver)?);
    let context = context(ordinal)?;
    context.bind_to_thread().map_err(driver)?;
    // SAFETY: the caller's promise.
    let stream = unsafe { context.wrap_borrowed_stream(stream.cast()) };
    Ok(work(&stream))
}

/// Whether the driver is loaded or can be: [`cudarc`] panics where it cannot.
pub fn has_driver() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let names = ["libcuda.so", "libcuda.so.1", "nvcuda.dll"];
        // SAFETY: NVIDIA's driver, which the binding loads next.
        names
            .iter()
            .any(|name| unsafe { Library::new(*name) }.is_ok())
    })
}

/// A device's primary context, kept from its first use on.
fn context(ordinal: usize) -> Result<Arc<CudaContext>> {
    static CONTEXTS: Mutex<Option<HashMap<usize, Arc<CudaContext>>>> = Mutex::new(None);
    let mut contexts = CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    match contexts.get_or_insert_default().entry(ordinal) {
        Entry::Occupied(found) => Ok(Arc::clone(found.get())),
        Entry::Vacant(slot) => {
            let context = CudaContext::new(ordinal).map_err(driver)?;
            // SAFETY: memory that is made through it is used on one stream only, and freed in its order.
            unsafe { context.disable_event_tracking() };
            Ok(Arc::clone(slot.insert(context)))
        }
    }
}

/// A thread's context from before.
struct Restore(Option<sys::CUcontext>);

impl Drop for Restore {
    fn drop(&mut self) {
        // SAFETY: it was current, and nothing here destroys contexts. A failure would be that of a driver that is gone.
        let _ = unsafe { result::ctx::set_current(self.0.unwrap_or(std::ptr::null_mut())) };
    }
}

/// Queues the launches of a sequence on `stream`.
pub fn run(sequence: &Sequence<Pointer<'_>>, stream: &Stream, scratch: Pointer<'_>) -> Result<()> {
    let needs = sequence.scratch_bytes();
    if scratch.bytes < needs || !scratch.address.is_multiple_of(ALIGNMENT) {
        let reason = format!("{needs} bytes at a multiple of {ALIGNMENT} are needed");
        let argument = "scratch memory";
        return Err(Error::Layout { argument, reason });
    }
    stream.context().bind_to_thread().map_err(driver)?;
    for launch in sequence.launches() {
        queue(launch, sequence.threads(), stream, scratch)?;
    }
    Ok(())
}

fn queue(
    launch: &Launch<Pointer<'_>>,
    threads: u32,
    stream: &CudaStream,
    scratch: Pointer<'_>,
) -> Result<()> {
    let kernel = kernel(stream.context(), launch.module(), launch.entry())?;
    let address = |argument: &Argument<Pointer<'_>>| match argument {
        Argument::Read(memory) | Argument::Write(memory) => memory.address,
        Argument::Scratch { offset, .. } => scratch.address + *offset as u64,
        Argument::Absent | Argument::Numbers(_) => 0,
    };
    let mut addresses: Vec<u64> = launch.arguments().iter().map(address).collect();
    let arguments = launch.arguments().iter().zip(&mut addresses);
    let mut values: Vec<*mut c_void> = arguments
        .map(|(argument, address)| match argument {
            Argument::Numbers(bytes) => bytes.as_ptr().cast_mut().cast(),
            _ => std::ptr::from_mut(address).cast(),
        })
        .collect();
    let (grid, block) = ((launch.blocks(), 1, 1), (threads, 1, 1));
    // SAFETY: a sequence has the arguments that its kernels declare, checked against the sizes of the memory; they are
    // copied before the call returns. The memory is valid for what is queued, by the promise of whoever made the pointer.
    unsafe { result::launch_kernel(kernel.0, grid, block, 0, stream.cu_stream(), &mut values) }
        .map_err(driver)
}

/// A function of a module that is never unloaded.
#[derive(Clone, Copy)]
struct Kernel(sys::CUfunction);
// SAFETY: a handle that CUDA lets every thread use.
unsafe impl Send for Kernel {}

/// What is loaded into a context.
struct Loaded {
    /// Keeps the context, and with it its modules.
    _context: Arc<CudaContext>,
    kernels: HashMap<(Module, String), Kernel>,
    modules: HashMap<Module, LoadedModule>,
}

struct LoadedModule(sys::CUmodule);
// SAFETY: a handle that CUDA lets every thread use.
unsafe impl Send for LoadedModule {}

/// By the address of a context.
static LOADED: Mutex<Option<HashMap<usize, Loaded>>> = Mutex::new(None);

/// A kernel, loaded at its first use. The context is current.
fn kernel(context: &Arc<CudaContext>, module: Module, entry: &str) -> Result<Kernel> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let key = context.cu_ctx() as usize;
    let of_context = loaded
        .get_or_insert_default()
        .entry(key)
        .or_insert_with(|| Loaded {
            _context: Arc::clone(context),
            kernels: HashMap::new(),
            modules: HashMap::new(),
        });
    let slot = match of_context.kernels.entry((module, entry.to_owned())) {
        Entry::Occupied(found) => return Ok(*found.get()),
        Entry::Vacant(slot) => slot,
    };
    let handle = match of_context.modules.entry(module) {
        Entry::Occupied(found) => found.get().0,
        Entry::Vacant(slot) => {
            let image = image(module).0.as_ptr().cast();
            // SAFETY: the image is a whole fatbin.
            let handle = unsafe { result::module::load_data(image) }.map_err(driver)?;
            slot.insert(LoadedModule(handle)).0
        }
    };
    let name = CString::new(entry).map_err(|_| device("a kernel's name holds a zero"))?;
    // SAFETY: the module is loaded, and stays so.
    let function = unsafe { result::module::get_function(handle, name) }.map_err(driver)?;
    Ok(*slot.insert(Kernel(function)))
}

/// A fatbin begins at a multiple of 8 bytes.
#[repr(align(16))]
struct Aligned<T: ?Sized>(T);

/// What `build.rs` made of a module's source.
fn image(module: Module) -> &'static Aligned<[u8]> {
    macro_rules! image {
        ($name:literal) => {{
            static IMAGE: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(
                env!("OUT_DIR"),
                "/",
                $name,
                ".fatbin"
            )));
            IMAGE
        }};
    }
    match module {
        Module::Numbers => image!("loops_numbers"),
        Module::Reduce => image!("loops_reduce"),
        Module::Convert => image!("loops_convert"),
        Module::Pointwise => image!("loops_pointwise"),
        Module::Site => image!("loops_site"),
        Module::Overlap => image!("loops_overlap"),
        Module::Items => image!("loops_items"),
        Module::Bce => image!("bce_kernel"),
        Module::Focal => image!("focal_kernel"),
        Module::Pixel => image!("pixel_kernel"),
        Module::Psnr => image!("pixel_psnr"),
        Module::Adversarial => image!("adversarial_kernel"),
        Module::Boxes => image!("boxes_kernel"),
        Module::CrossEntropy => image!("cross_entropy_kernel"),
        Module::Region => image!("region_kernel"),
        Module::RegionExtra => image!("region_extra"),
        Module::Ssim => image!("ssim_kernel"),
        Module::Variation => image!("total_variation_kernel"),
    }
}

fn device(message: impl Into<String>) -> Error {
    let message = message.into();
    Error::Device { message }
}

fn driver(error: DriverError) -> Error {
    device(error.to_string())
}
