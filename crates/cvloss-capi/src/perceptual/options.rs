//! Options that losses of features share.

use std::ffi::{c_char, c_void};
use std::ptr;

use crate::config::{init, versioned};
#[cfg(not(feature = "perceptual"))]
use crate::status::{Error, cvl_status};

/// A network of torchvision, of which losses use the convolution layers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_trunk {
    /// `torchvision.models.vgg16`. Features: conv1_1, relu1_1, pool1 … relu5_3, pool5.
    Vgg16 = 0,
    /// `torchvision.models.vgg19`. Features: conv1_1, relu1_1, pool1 … relu5_4, pool5.
    Vgg19,
    /// `torchvision.models.alexnet`. Features: conv1, relu1 … relu5, pool1, pool2, pool5.
    Alexnet,
    /// `torchvision.models.squeezenet1_1`. Features: conv1, relu1, pool1, fire2 … fire9, pool3, pool5.
    Squeezenet,
}

/// What the numbers of an image mean.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_input_range {
    /// 0 to 1, as torchvision and piq take images.
    ZeroOne = 0,
    /// -1 to 1, as `lpips` takes images.
    MinusOneOne,
    /// 0 to 255.
    Bytes,
}

/// How images in 0 to 1 are normalised before a network.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_image_normalization {
    /// By ImageNet's mean and deviation, as the networks were trained.
    Imagenet = 0,
    /// Not at all.
    None,
    /// By the constants of `lpips`, which are ImageNet's, rounded.
    Lpips,
}

/// The weights of a frozen network: the name of a safetensors file, or the bytes of one.
///
/// Tensors have torchvision's names (`features.0.weight` …) and are checked: there, in torchvision's shape, of floats,
/// and finite. Others in the same file are left aside. Which network they are of, the loss says.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_weights_config {
    /// Set by `cvl_weights_config_init`.
    pub struct_size: usize,
    /// The file's name, ending in NUL, in UTF-8 but on Unix, where it may be any bytes; NULL if `bytes` is given.
    pub path: *const c_char,
    /// A whole file in memory, read by the constructor alone; NULL if `path` is given.
    pub bytes: *const c_void,
    /// How many `bytes` there are.
    pub num_bytes: usize,
    /// What errors call `bytes`, ending in NUL; NULL for "the weights in memory".
    pub name: *const c_char,
}

versioned!(cvl_weights_config {
    struct_size, path, bytes, num_bytes, name;
});

impl Default for cvl_weights_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            path: ptr::null(),
            bytes: ptr::null(),
            num_bytes: 0,
            name: ptr::null(),
        }
    }
}

/// Writes the defaults: no weights. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_weights_config_init(
    config: *mut cvl_weights_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// About how many bytes a call may use at a time, by default.
pub(super) const MEMORY: usize = 1 << 30;

/// What constructors say in a library without the feature.
#[cfg(not(feature = "perceptual"))]
pub(super) fn unsupported() -> Error {
    Error::new(
        cvl_status::Unsupported,
        "this library was built without losses of feature networks: build it with --features perceptual",
    )
}
