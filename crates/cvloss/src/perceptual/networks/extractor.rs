//! A network with its weights, in the forms that run.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, Storage, Tensor};
use cvloss_kernels as kernels;
use kernels::Prim;
use kernels::conv::{Convolution, Kernel, Layer, Network, Source, Tap};

use super::layers::{self, LayerSpec, Operation};
use super::{Trunk, composed};
use crate::error::{Error, Result};
use crate::perceptual::weights::Weights;

/// A frozen network, shared by all losses that are made of it.
///
/// It takes little memory beside the weights, which large layers read where they lie, also in `f64`.
#[derive(Clone)]
pub struct FeatureNetwork(Arc<Inner>);

struct Inner {
    weights: Weights,
    layers: Vec<LayerSpec>,
    single: OnceLock<Network<f32>>,
    double: OnceLock<Network<f64>>,
}

impl fmt::Debug for FeatureNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FeatureNetwork({})", self.trunk())
    }
}

/// A compute type with its form of a network.
pub(crate) trait Computed: Prim {
    fn network(of: &FeatureNetwork) -> kernels::Result<&Network<Self>>;
}

macro_rules! computed {
    ($t:ty, $field:ident) => {
        impl Computed for $t {
            fn network(of: &FeatureNetwork) -> kernels::Result<&Network<Self>> {
                let cell = &of.0.$field;
                if let Some(network) = cell.get() {
                    return Ok(network);
                }
                let network = of.prepare()?;
                Ok(cell.get_or_init(|| network))
            }
        }
    };
}
computed!(f32, single);
computed!(f64, double);

impl FeatureNetwork {
    /// The network that `weights` are of.
    pub fn new(weights: Weights) -> Self {
        let layers = layers::of(weights.trunk(), weights.divisor());
        Self::of(weights, layers)
    }

    /// The same with DISTS's pooling instead of maxima.
    pub(crate) fn with_l2_pooling(weights: Weights) -> Self {
        let layers = layers::of(weights.trunk(), weights.divisor());
        Self::of(weights, layers::with_l2_pooling(layers))
    }

    /// The same without the layers and the weights that no feature of `names` needs, so that nobody need keep them.
    pub(crate) fn up_to(&self, loss: &'static str, names: &[String]) -> Result<Self> {
        let found = self.find(loss, names)?;
        let last = found.iter().map(|(tap, _)| tap.layer).max();
        let layers = self.0.layers.iter().take(last.map_or(0, |last| last + 1));
        let layers: Vec<_> = layers.cloned().collect();
        let parts = layers.iter().flat_map(LayerSpec::parts);
        let weights = self.0.weights.of_parts(parts)?;
        Ok(Self::of(weights, layers))
    }

    fn of(weights: Weights, layers: Vec<LayerSpec>) -> Self {
        Self(Arc::new(Inner {
            weights,
            layers,
            single: OnceLock::new(),
            double: OnceLock::new(),
        }))
    }

    /// Which network it is.
    pub fn trunk(&self) -> Trunk {
        self.0.weights.trunk()
    }

    /// The names of all features, from the image on.
    pub fn names(&self) -> Vec<&str> {
        let all = self.0.layers.iter();
        all.flat_map(|layer| {
            layer
                .raw
                .as_deref()
                .into_iter()
                .chain([layer.name.as_str()])
        })
        .collect()
    }

    /// Where features are, and how many channels each has.
    pub(crate) fn find(&self, loss: &'static str, names: &[String]) -> Result<Vec<(Tap, usize)>> {
        let find = |name: &String| {
            layers::find(&self.0.layers, name).ok_or_else(|| Error::Option {
                loss,
                message: format!(
                    "{} has no features {name}, expected one of {}",
                    self.trunk(),
                    self.names().join(", ")
                ),
            })
        };
        names.iter().map(find).collect()
    }

    /// The features of images that are already normalised, `(N, 3, H, W)`, composed of candle operations.
    pub(crate) fn compose(&self, image: &Tensor, taps: &[Tap]) -> candle_core::Result<Vec<Tensor>> {
        composed::features(&self.0.layers, &self.0.weights, image, taps)
    }

    fn prepare<T: Prim>(&self) -> kernels::Result<Network<T>> {
        let mut layers = Vec::with_capacity(self.0.layers.len());
        for spec in &self.0.layers {
            layers.push(match &spec.operation {
                Operation::MaxPool(pool) => Layer::MaxPool(*pool),
                Operation::L2Pool => Layer::L2Pool,
                Operation::Convolution(_) => {
                    let layer =
                        joined(&self.0.weights, spec).map_err(|error| kernels::Error::Layout {
                            argument: "weights",
                            reason: error.to_string(),
                        })?;
                    Layer::Convolution(layer)
                }
            });
        }
        Ok(Network::new(layers))
    }
}

/// One convolution of all parts of a layer: a smaller kernel is the middle of a larger one.
fn joined<T: Prim>(weights: &Weights, spec: &LayerSpec) -> Result<Convolution<T>> {
    let parts = spec.parts();
    let largest = parts.iter().max_by_key(|part| part.side);
    let Some(&super::layers::Part {
        inputs,
        side,
        stride,
        border,
        ..
    }) = largest
    else {
        return Err(candle_core::Error::msg("a layer without convolutions").into());
    };
    let outputs = parts.iter().map(|part| part.outputs).sum();
    let mut bias = Vec::with_capacity(outputs);
    for part in parts {
        bias.extend(
            weights
                .tensor(&format!("{}.bias", part.key))?
                .to_vec1::<f32>()?,
        );
    }
    let weight: Box<dyn Source> = match parts {
        [part] => Box::new(Lent(
            weights.tensor(&format!("{}.weight", part.key))?.clone(),
        )),
        parts => {
            let mut all = Vec::with_capacity(outputs * inputs * side * side);
            for part in parts {
                let around = (side - part.side) / 2;
                let weight = weights.tensor(&format!("{}.weight", part.key))?;
                let weight = weight.pad_with_zeros(2, around, around)?;
                let weight = weight.pad_with_zeros(3, around, around)?;
                all.extend(weight.flatten_all()?.to_vec1::<f32>()?);
            }
            Box::new(all)
        }
    };
    let kernel = Kernel {
        weight,
        bias,
        outputs,
        inputs,
        side,
        stride,
        border,
    };
    let is_first = parts.iter().any(|part| part.key == "features.0");
    Convolution::new(kernel, is_first).map_err(Error::kernel("network"))
}

/// A tensor of [`Weights`]: `f32`, contiguous, and in this computer's memory.
#[derive(Debug)]
struct Lent(Tensor);

impl Source for Lent {
    fn numbers(&self) -> Box<dyn Deref<Target = [f32]> + '_> {
        let (storage, layout) = self.0.storage_and_layout();
        let start = layout.start_offset();
        Box::new(Numbers {
            storage,
            range: start..start + layout.shape().elem_count(),
        })
    }
}

/// The numbers of a tensor, while nobody writes to it.
struct Numbers<G> {
    storage: G,
    range: Range<usize>,
}

impl<G: Deref<Target = Storage>> Deref for Numbers<G> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(all)) => &all[self.range.clone()],
            _ => &[],
        }
    }
}
