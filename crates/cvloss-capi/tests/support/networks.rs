//! Losses of feature networks: their C entries, and cases of networks of full width with random weights.

use std::collections::HashMap;
use std::ffi::{CString, c_char};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use cvloss::perceptual::networks::{InputRange, Normalization, Trunk};
use cvloss::perceptual::weights::Weights;
use cvloss::perceptual::{
    ContextualLoss, ContextualOptions, DistsLoss, DistsOptions, FeatureContextualLoss,
    FeatureWeight, LpipsLoss, LpipsNetwork, LpipsOptions, PerceptualLoss, PerceptualOptions,
    StyleLoss, StyleOptions,
};
use cvloss::{FeatureMetric, GramMetric, GramNormalization, Loss, Reduction};
use cvloss_capi::*;
use cvloss_testkit::cases::{Case, Family};
use cvloss_testkit::sample::{Kind, Spec};
use serde::Serialize;
use serde_json::Value;

use super::Handle;
use super::entries::{index, number, pointer, reduction};

/// Random weights of full width, always the same.
pub fn weights(trunk: Trunk) -> Weights {
    Weights::random(trunk, 7)
}

/// The same as a safetensors file.
pub fn file(trunk: Trunk) -> Result<&'static [u8]> {
    static FILES: [OnceLock<Vec<u8>>; 4] = [const { OnceLock::new() }; 4];
    let at = Trunk::ALL.iter().position(|other| *other == trunk);
    let cell = &FILES[at.context("no such network")?];
    if let Some(bytes) = cell.get() {
        return Ok(bytes);
    }
    let weights = weights(trunk);
    let mut tensors = HashMap::new();
    for spec in trunk.tensors() {
        let tensor = weights.tensor(&spec.name)?.clone();
        tensors.insert(spec.name, tensor);
    }
    let bytes = safetensors::serialize(tensors, None)?;
    Ok(cell.get_or_init(|| bytes))
}

/// What a C caller has of the weights.
pub fn in_memory(bytes: &[u8]) -> cvl_weights_config {
    cvl_weights_config {
        bytes: bytes.as_ptr().cast(),
        num_bytes: bytes.len(),
        ..cvl_weights_config::default()
    }
}

const TRUNKS: [&str; 4] = ["Vgg16", "Vgg19", "AlexNet", "SqueezeNet"];
const RANGES: [&str; 3] = ["ZeroOne", "MinusOneOne", "Bytes"];
const NORMALIZATIONS: [&str; 3] = ["ImageNet", "None", "Lpips"];

/// Layers as C has them.
struct Layers {
    _names: Vec<CString>,
    pointers: Vec<*const c_char>,
    weights: Vec<f64>,
}

impl Layers {
    fn of(options: &Value) -> Result<Self> {
        let layers = options["layers"].as_array().context("layers")?;
        let mut names = Vec::new();
        let mut weights = Vec::new();
        for layer in layers {
            names.push(CString::new(layer["name"].as_str().context("name")?)?);
            weights.push(number(layer, "weight")?);
        }
        Ok(Self {
            pointers: names.iter().map(|name| name.as_ptr()).collect(),
            _names: names,
            weights,
        })
    }
}

fn memory(options: &Value) -> Result<usize> {
    Ok(usize::try_from(
        options["memory"].as_u64().context("memory")?,
    )?)
}

/// The loss of a type with its options.
pub fn create(type_name: &str, options: &Value) -> Result<Handle> {
    if type_name == "FeatureContextualLoss" {
        let config = cvl_feature_contextual_config {
            bandwidth: number(options, "bandwidth")?,
            reduction: reduction(options)?,
            ..cvl_feature_contextual_config::default()
        };
        return Handle::new(&config, cvl_feature_contextual_new);
    }
    let trunk = match type_name {
        "LpipsLoss" => {
            let networks = [Trunk::AlexNet, Trunk::Vgg16, Trunk::SqueezeNet];
            networks[index(&options["network"], &["Alex", "Vgg", "Squeeze"])? as usize]
        }
        "DistsLoss" => Trunk::Vgg16,
        _ => Trunk::ALL[index(&options["trunk"], &TRUNKS)? as usize],
    };
    let weights = in_memory(file(trunk)?);
    let range = index(&options["range"], &RANGES)?;
    let (memory, reduction) = (memory(options)?, reduction(options)?);
    match type_name {
        "PerceptualLoss" => {
            let layers = Layers::of(options)?;
            let (layer_weights, num_layer_weights) = pointer(Some(&layers.weights));
            let config = cvl_perceptual_config {
                weights: &weights,
                layers: layers.pointers.as_ptr(),
                num_layers: layers.pointers.len(),
                layer_weights,
                num_layer_weights,
                memory,
                network: index(&options["trunk"], &TRUNKS)?,
                metric: index(&options["metric"], &["L1", "L2", "SquaredL2"])?,
                range,
                normalization: index(&options["normalization"], &NORMALIZATIONS)?,
                reduction,
                ..cvl_perceptual_config::default()
            };
            Handle::new(&config, cvl_perceptual_new)
        }
        "ContextualLoss" => {
            let layers = Layers::of(options)?;
            let (layer_weights, num_layer_weights) = pointer(Some(&layers.weights));
            let config = cvl_contextual_config {
                weights: &weights,
                layers: layers.pointers.as_ptr(),
                num_layers: layers.pointers.len(),
                layer_weights,
                num_layer_weights,
                memory,
                bandwidth: number(options, "bandwidth")?,
                network: index(&options["trunk"], &TRUNKS)?,
                range,
                normalization: index(&options["normalization"], &NORMALIZATIONS)?,
                reduction,
                ..cvl_contextual_config::default()
            };
            Handle::new(&config, cvl_contextual_new)
        }
        "StyleLoss" => {
            let layers = Layers::of(options)?;
            let (layer_weights, num_layer_weights) = pointer(Some(&layers.weights));
            let config = cvl_style_config {
                weights: &weights,
                layers: layers.pointers.as_ptr(),
                num_layers: layers.pointers.len(),
                layer_weights,
                num_layer_weights,
                memory,
                network: index(&options["trunk"], &TRUNKS)?,
                gram_normalization: index(&options["normalization"], &["None", "Chw", "Gatys"])?,
                metric: index(
                    &options["metric"],
                    &["SquaredSum", "SquaredMean", "AbsoluteMean"],
                )?,
                range,
                normalization: index(&options["image"], &NORMALIZATIONS)?,
                reduction,
                ..cvl_style_config::default()
            };
            Handle::new(&config, cvl_style_new)
        }
        "LpipsLoss" => {
            let config = cvl_lpips_config {
                weights: &weights,
                memory,
                network: index(&options["network"], &["Alex", "Vgg", "Squeeze"])?,
                range,
                reduction,
                ..cvl_lpips_config::default()
            };
            Handle::new(&config, cvl_lpips_new)
        }
        "DistsLoss" => {
            let config = cvl_dists_config {
                weights: &weights,
                memory,
                range,
                reduction,
                ..cvl_dists_config::default()
            };
            Handle::new(&config, cvl_dists_new)
        }
        other => bail!("{other} has no C entry"),
    }
}

fn case<L: Loss + Send + Sync + 'static>(
    name: &str,
    side: usize,
    loss: cvloss::Result<L>,
    options: &impl Serialize,
) -> Result<Case> {
    let spec = Spec::new(Kind::Image, &[2, 3, side, side + 3]).probabilities();
    Ok(Case::with_options(
        name,
        spec,
        loss?,
        options,
        Family::Network,
    ))
}

fn perceptual(name: &str, side: usize, options: PerceptualOptions) -> Result<Case> {
    let loss = PerceptualLoss::new(weights(options.trunk), options.clone());
    case(name, side, loss, &options)
}

fn style(name: &str, side: usize, options: StyleOptions) -> Result<Case> {
    let loss = StyleLoss::new(weights(options.trunk), options.clone());
    case(name, side, loss, &options)
}

fn lpips(name: &str, side: usize, options: LpipsOptions) -> Result<Case> {
    let loss = LpipsLoss::new(weights(options.network.trunk()), options.clone());
    case(name, side, loss, &options)
}

fn dists(name: &str, side: usize, options: DistsOptions) -> Result<Case> {
    let loss = DistsLoss::new(weights(Trunk::Vgg16), options.clone());
    case(name, side, loss, &options)
}

fn contextual(name: &str, side: usize, options: ContextualOptions) -> Result<Case> {
    let loss = ContextualLoss::new(weights(options.trunk), options.clone());
    case(name, side, loss, &options)
}

fn feature_contextual(name: &str, shape: &[usize], loss: FeatureContextualLoss) -> Case {
    let spec = Spec::new(Kind::Image, shape);
    Case::with_options(name, spec, loss.clone(), &loss, Family::Network)
}

fn layers(names: &[(&str, f64)]) -> Vec<FeatureWeight> {
    let layer = |(name, weight): &(&str, f64)| FeatureWeight {
        name: (*name).into(),
        weight: *weight,
    };
    names.iter().map(layer).collect()
}

/// Every option of every loss, of networks that are small.
pub fn small_cases() -> Result<Vec<Case>> {
    let squeeze = PerceptualOptions {
        trunk: Trunk::SqueezeNet,
        layers: layers(&[("conv1", 0.5), ("pool1", 1.5), ("fire4", 1.0)]),
        ..PerceptualOptions::default()
    };
    let grams = StyleOptions {
        trunk: Trunk::SqueezeNet,
        layers: layers(&[("relu1", 1.0), ("fire3", 2.0)]),
        ..StyleOptions::default()
    };
    Ok(vec![
        perceptual("l1", 19, squeeze.clone())?,
        perceptual(
            "l2",
            19,
            PerceptualOptions {
                metric: FeatureMetric::L2,
                range: InputRange::MinusOneOne,
                normalization: Normalization::None,
                reduction: Reduction::Sum,
                ..squeeze.clone()
            },
        )?,
        perceptual(
            "squared",
            19,
            PerceptualOptions {
                metric: FeatureMetric::SquaredL2,
                range: InputRange::Bytes,
                normalization: Normalization::Lpips,
                reduction: Reduction::None,
                memory: 1,
                ..squeeze
            },
        )?,
        perceptual(
            "alexnet",
            40,
            PerceptualOptions {
                trunk: Trunk::AlexNet,
                layers: layers(&[("relu2", 1.0), ("conv5", 2.0)]),
                ..PerceptualOptions::default()
            },
        )?,
        style("chw", 19, grams.clone())?,
        style(
            "gatys",
            19,
            StyleOptions {
                normalization: GramNormalization::Gatys,
                metric: GramMetric::SquaredMean,
                range: InputRange::Bytes,
                image: Normalization::None,
                reduction: Reduction::None,
                memory: 1,
                ..grams.clone()
            },
        )?,
        style(
            "none",
            19,
            StyleOptions {
                normalization: GramNormalization::None,
                metric: GramMetric::AbsoluteMean,
                range: InputRange::MinusOneOne,
                image: Normalization::Lpips,
                reduction: Reduction::Sum,
                ..grams
            },
        )?,
        contextual(
            "mean",
            19,
            ContextualOptions {
                trunk: Trunk::SqueezeNet,
                layers: layers(&[("relu1", 1.0), ("fire3", 2.0)]),
                ..ContextualOptions::default()
            },
        )?,
        contextual(
            "none",
            19,
            ContextualOptions {
                trunk: Trunk::SqueezeNet,
                layers: layers(&[("pool1", 1.5)]),
                bandwidth: 0.2,
                range: InputRange::MinusOneOne,
                normalization: Normalization::None,
                reduction: Reduction::None,
                memory: 1,
            },
        )?,
        feature_contextual("mean", &[2, 5, 4, 3], FeatureContextualLoss::default()),
        feature_contextual(
            "none",
            &[2, 20, 71],
            FeatureContextualLoss {
                bandwidth: 0.2,
                reduction: Reduction::None,
            },
        ),
        lpips("alex", 40, LpipsOptions::default())?,
        lpips(
            "squeeze",
            40,
            LpipsOptions {
                network: LpipsNetwork::Squeeze,
                range: InputRange::MinusOneOne,
                reduction: Reduction::None,
                memory: 1,
            },
        )?,
        lpips(
            "squeeze-bytes",
            40,
            LpipsOptions {
                network: LpipsNetwork::Squeeze,
                range: InputRange::Bytes,
                reduction: Reduction::Sum,
                ..LpipsOptions::default()
            },
        )?,
    ])
}

/// Losses of VGG, one after the other: in `f64`, each takes gigabytes.
pub fn large_cases() -> [fn() -> Result<Case>; 5] {
    [
        || perceptual("esrgan", 17, PerceptualOptions::default()),
        || style("johnson", 17, StyleOptions::default()),
        || {
            let options = LpipsOptions {
                network: LpipsNetwork::Vgg,
                ..LpipsOptions::default()
            };
            lpips("vgg", 17, options)
        },
        || dists("mean", 17, DistsOptions::default()),
        || {
            let options = DistsOptions {
                range: InputRange::MinusOneOne,
                reduction: Reduction::None,
                memory: 1,
            };
            dists("none", 17, options)
        },
    ]
}
