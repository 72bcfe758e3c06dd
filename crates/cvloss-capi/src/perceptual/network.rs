//! What losses of features share: weights from the caller, and one run.

use std::ffi::{CStr, OsStr, c_char};
use std::path::PathBuf;
use std::slice;

use cvloss::FeatureMetric;
use cvloss::perceptual::networks::{InputRange, Normalization, Trunk};
use cvloss::perceptual::weights::{Weights, WeightsError};
use cvloss::perceptual::{FeatureLoss, FeatureWeight};
use cvloss_kernels::perceptual::{Operands, Results};
use cvloss_kernels::{Geometry, Reduction, Result as KernelResult};

use super::cvl_weights_config;
use crate::config::{self, choose};
use crate::loss::{Call, Input, Items, Loss, PAIR};
use crate::single::through_single;
use crate::status::{Error, Result, cvl_status};

/// A loss of features.
pub(super) struct Network<L> {
    pub(super) name: &'static CStr,
    pub(super) loss: L,
}

impl<L: FeatureLoss + Send + Sync> Loss for Network<L> {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn inputs(&self) -> &'static [Input] {
        PAIR
    }

    fn geometry(&self) -> Geometry {
        Geometry::Images
    }

    fn items(&self) -> Items {
        match self.loss.reduction() {
            Reduction::None => Items::Images,
            _ => Items::One,
        }
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        match dims {
            [_, 3, _, _] => Ok(()),
            _ => Err(Error::new(
                cvl_status::Shape,
                format!("input has shape {dims:?}, expected (N, 3, H, W)"),
            )),
        }
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            space: (call.dims[2], call.dims[3]),
        };
        // An image that is compared too adds to what comes back through the network.
        through_single(call.gradient, |input| {
            through_single(call.target_gradient, |target| {
                let values = call.values;
                let results = Results {
                    values,
                    input,
                    target,
                };
                self.loss.evaluate_views(operands, results)
            })
        })
    }
}

impl From<cvloss::Error> for Error {
    fn from(error: cvloss::Error) -> Self {
        use cvloss::Error as E;
        // The loss's name is put before every sentence.
        let (status, message) = match error {
            E::Option { message, .. } => (cvl_status::InvalidArgument, message),
            E::Kernel { source, .. } => return source.into(),
            E::Weights(error @ WeightsError::File { .. }) => (cvl_status::Io, error.to_string()),
            error => {
                let status = match &error {
                    E::Shape { .. } => cvl_status::Shape,
                    E::DType { .. } => cvl_status::Dtype,
                    E::Device { .. } => cvl_status::Device,
                    E::Weights(_) | E::Tensors { .. } => cvl_status::Weights,
                    _ => cvl_status::Backend,
                };
                (status, error.to_string())
            }
        };
        Self::new(status, message)
    }
}

pub(super) fn trunk(number: u32) -> Result<Trunk> {
    use Trunk::{AlexNet, SqueezeNet, Vgg16, Vgg19};
    choose("network", number, &[Vgg16, Vgg19, AlexNet, SqueezeNet])
}

pub(super) fn range(number: u32) -> Result<InputRange> {
    use InputRange::{Bytes, MinusOneOne, ZeroOne};
    choose("range", number, &[ZeroOne, MinusOneOne, Bytes])
}

pub(super) fn normalization(number: u32) -> Result<Normalization> {
    use Normalization::{ImageNet, Lpips, None};
    choose("normalization", number, &[ImageNet, None, Lpips])
}

pub(super) fn feature_metric(number: u32) -> Result<FeatureMetric> {
    use FeatureMetric::{L1, L2, SquaredL2};
    choose("metric", number, &[L1, L2, SquaredL2])
}

/// Reads the caller's weights.
///
/// # Safety
/// `config` is NULL or points at a struct of the size that it says, with pointers as the header asks.
pub(super) unsafe fn weights(trunk: Trunk, config: *const cvl_weights_config) -> Result<Weights> {
    if config.is_null() {
        return Err(Error::null("weights"));
    }
    // SAFETY: the caller's promise.
    let config = unsafe { config::read(config) }?;
    match (config.path.is_null(), config.bytes.is_null()) {
        (true, true) => Err(Error::null("weights.path, as weights.bytes,")),
        (false, false) => Err(Error::invalid(
            "weights has both path and bytes, expected one of them",
        )),
        (false, true) => {
            // SAFETY: a string that ends in NUL.
            let path = path(unsafe { CStr::from_ptr(config.path) })?;
            Ok(Weights::load(trunk, path)?)
        }
        (true, false) => {
            if isize::try_from(config.num_bytes).is_err() {
                let message = format!("weights.num_bytes is {}", config.num_bytes);
                return Err(Error::invalid(message));
            }
            let name = match config.name.is_null() {
                true => "the weights in memory".into(),
                // SAFETY: a string that ends in NUL.
                false => unsafe { CStr::from_ptr(config.name) }.to_string_lossy(),
            };
            // SAFETY: the caller's memory has `num_bytes` bytes, and nothing writes to them meanwhile.
            let bytes =
                unsafe { slice::from_raw_parts(config.bytes.cast::<u8>(), config.num_bytes) };
            Ok(Weights::from_bytes(trunk, bytes, &name)?)
        }
    }
}

#[cfg(unix)]
fn path(name: &CStr) -> Result<PathBuf> {
    use std::os::unix::ffi::OsStrExt;

    Ok(OsStr::from_bytes(name.to_bytes()).into())
}

#[cfg(not(unix))]
fn path(name: &CStr) -> Result<PathBuf> {
    Ok(OsStr::new(text("weights.path", name)?).into())
}

fn text<'a>(option: &str, string: &'a CStr) -> Result<&'a str> {
    let refused = |_| Error::invalid(format!("{option} is {string:?}, which is not UTF-8"));
    string.to_str().map_err(refused)
}

/// The caller's layers with their weights, of which all are 1 where there is no list; `defaults` where there are no layers.
///
/// # Safety
/// Lists are NULL or have so many entries; names end in NUL.
pub(super) unsafe fn layers(
    (names, num_names): (*const *const c_char, usize),
    (weights, num_weights): (*const f64, usize),
    defaults: Vec<FeatureWeight>,
) -> Result<Vec<FeatureWeight>> {
    // SAFETY: the caller's promise.
    let (names, weights) = unsafe {
        (
            config::list("layers", names, num_names)?,
            config::list("layer_weights", weights, num_weights)?,
        )
    };
    let mut layers = match names {
        None => defaults,
        Some(names) => {
            let mut layers = Vec::with_capacity(names.len());
            for (at, name) in names.into_iter().enumerate() {
                let option = format!("layers[{at}]");
                if name.is_null() {
                    return Err(Error::null(&option));
                }
                // SAFETY: the caller's promise.
                let name = text(&option, unsafe { CStr::from_ptr(name) })?.to_owned();
                layers.push(FeatureWeight { name, weight: 1.0 });
            }
            layers
        }
    };
    if let Some(weights) = weights {
        if weights.len() != layers.len() {
            let (got, expected) = (weights.len(), layers.len());
            let message = format!("layer_weights is {got} numbers, expected {expected}");
            return Err(Error::invalid(message));
        }
        for (layer, weight) in layers.iter_mut().zip(weights) {
            layer.weight = weight;
        }
    }
    Ok(layers)
}
