//! Losses of features: equal to their peers with networks of full width, and the properties of all losses.

use std::sync::{Arc, Mutex, OnceLock};

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use cvloss::perceptual::networks::{FeatureNetwork, TensorSpec, Trunk};
use cvloss::perceptual::weights::Weights;
use cvloss::perceptual::{
    ContextualLoss, ContextualOptions, DistsLoss, DistsOptions, FeatureContextualLoss, LpipsLoss,
    LpipsOptions, PerceptualLoss, PerceptualOptions, StyleLoss, StyleOptions,
};
use cvloss::{Inputs, Loss, Reduction};
use cvloss_testkit::cases::{Case, each, network_cases};
use cvloss_testkit::checks;
use serde::Deserialize;

#[path = "perceptual/faults.rs"]
mod faults;

use faults::refusal;

macro_rules! properties {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() -> Result<()> {
            each(&network_cases(), checks::$name)
        }
    )*};
}

properties! {
    gradient
    target_gradient
    tape
    composed
    halves
    layouts
    threads
    permutation
    weighted_sum
}

#[test]
fn checks_can_fail() -> Result<()> {
    for case in network_cases()
        .into_iter()
        .take(2)
        .map(Case::with_wrong_gradient)
    {
        ensure!(checks::composed(&case).is_err(), "{}", case.name);
    }
    Ok(())
}

/// What a peer computed.
#[derive(Deserialize)]
struct Golden {
    call: String,
    loss: Configuration,
    shape: Vec<usize>,
    rtol: f64,
    scale: (f64, f64),
    values: Vec<f64>,
    /// Of both gradients with each direction.
    products: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
enum Configuration {
    Perceptual(PerceptualOptions),
    Style(StyleOptions),
    Lpips(LpipsOptions),
    Dists(DistsOptions),
    Contextual(ContextualOptions),
    FeatureContextual(FeatureContextualLoss),
}

impl Configuration {
    fn trunk(&self) -> Trunk {
        match self {
            Self::Perceptual(options) => options.trunk,
            Self::Style(options) => options.trunk,
            Self::Lpips(options) => options.network.trunk(),
            Self::Contextual(options) => options.trunk,
            Self::Dists(_) | Self::FeatureContextual(_) => Trunk::Vgg16,
        }
    }

    fn loss(self, network: &FeatureNetwork, weights: Weights) -> Result<Arc<dyn Loss>> {
        let (network, reduction) = (network.clone(), Reduction::None);
        Ok(match self {
            Self::Perceptual(options) => Arc::new(PerceptualLoss::with_network(
                network,
                PerceptualOptions {
                    reduction,
                    ..options
                },
            )?),
            Self::Style(options) => Arc::new(StyleLoss::with_network(
                network,
                StyleOptions {
                    reduction,
                    ..options
                },
            )?),
            Self::Contextual(options) => Arc::new(ContextualLoss::with_network(
                network,
                ContextualOptions {
                    reduction,
                    ..options
                },
            )?),
            Self::FeatureContextual(options) => Arc::new(FeatureContextualLoss {
                reduction,
                ..options
            }),
            Self::Lpips(options) => Arc::new(LpipsLoss::new(
                weights,
                LpipsOptions {
                    reduction,
                    ..options
                },
            )?),
            Self::Dists(options) => Arc::new(DistsLoss::new(
                weights,
                DistsOptions {
                    reduction,
                    ..options
                },
            )?),
        })
    }
}

/// As `golden/perceptual.py`: numbers in [−1, 1).
fn noise(name: &str, shape: &[usize]) -> Result<Tensor> {
    let fnv = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let start = name.bytes().fold(0x811c_9dc5, fnv);
    let count: usize = shape.iter().product();
    let numbers: Vec<f64> = (0..count as u32)
        .map(|i| {
            let mut h = i.wrapping_mul(0x9e37_79b9).wrapping_add(start);
            h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
            h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
            h ^= h >> 16;
            f64::from(h) / 2f64.powi(31) - 1.0
        })
        .collect();
    Ok(Tensor::from_vec(numbers, shape, &Device::Cpu)?)
}

fn image(name: &str, golden: &Golden, dtype: DType) -> Result<Tensor> {
    let (factor, shift) = golden.scale;
    let image = noise(name, &golden.shape)?
        .affine(0.5, 0.5)?
        .affine(factor, shift)?;
    Ok(image.to_dtype(dtype)?)
}

/// Relative to the largest.
fn close(got: &[f64], expected: &[f64], rtol: f64) -> Result<()> {
    let scale = expected.iter().fold(0.0, |s: f64, x| s.max(x.abs()));
    ensure!(
        got.len() == expected.len(),
        "{} numbers, expected {}",
        got.len(),
        expected.len()
    );
    for (got, expected) in got.iter().zip(expected) {
        let error = (got - expected).abs();
        ensure!(
            error <= rtol * scale,
            "{got}, expected {expected}: {error:e} apart"
        );
    }
    Ok(())
}

fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
}

fn goldens() -> Result<Vec<Golden>> {
    Ok(serde_json::from_str(include_str!(
        "golden/perceptual.json"
    ))?)
}

/// One network at a time: prepared in `f64`, VGG19 takes more than a gigabyte.
static TURN: Mutex<()> = Mutex::new(());

fn check_golden(chosen: impl Fn(&Golden) -> bool, least: usize) -> Result<()> {
    let _turn = TURN.lock();
    let mut count = 0;
    let mut network: Option<FeatureNetwork> = None;
    for golden in goldens()?.into_iter().filter(chosen) {
        let trunk = golden.loss.trunk();
        if network
            .as_ref()
            .is_none_or(|network| network.trunk() != trunk)
        {
            network = Some(FeatureNetwork::new(Weights::random(trunk, 1)));
        }
        let network = network.as_ref().context("no network")?;
        let Golden { loss, .. } = golden;
        let golden = Golden {
            loss: Configuration::Dists(DistsOptions::default()),
            ..golden
        };
        let loss = loss.loss(network, Weights::random(trunk, 1))?;
        // Values, and gradients.
        let rtol = golden.rtol;
        for (dtype, tight, loose) in [(DType::F64, rtol, 10.0 * rtol), (DType::F32, 1e-4, 1e-3)] {
            let (input, target) = (
                image("input", &golden, dtype)?,
                image("target", &golden, dtype)?,
            );
            let inputs = Inputs {
                input: &input,
                target: &target,
                weight: None,
            };
            let check = || -> Result<()> {
                let (value, own, other) = loss.value_and_grads(&inputs)?;
                close(&numbers(&value)?, &golden.values, tight).context("value")?;
                for (gradient, expected) in [own, other].iter().zip(&golden.products) {
                    let size =
                        numbers(&gradient.to_dtype(DType::F64)?.sqr()?.sum_all()?)?[0].sqrt();
                    for (k, expected) in expected.iter().enumerate() {
                        let direction = noise(&format!("direction {k}"), &golden.shape)?;
                        let product = (gradient.to_dtype(DType::F64)? * &direction)?.sum_all()?;
                        let error = (numbers(&product)?[0] - expected).abs();
                        // A ReLU whose sum rounds to the other side is seen in f32.
                        let length = numbers(&direction.sqr()?.sum_all()?)?[0].sqrt();
                        ensure!(
                            error <= loose * size * length,
                            "gradient along direction {k}: {error:e} of {size:e} apart"
                        );
                    }
                }
                Ok(())
            };
            check().with_context(|| format!("{} in {dtype:?}", golden.call))?;
        }
        count += 1;
    }
    ensure!(count >= least, "only {count} cases");
    Ok(())
}

macro_rules! features {
    ($($name:ident: $trunk:ident, $least:expr;)*) => {$(
        #[test]
        fn $name() -> Result<()> {
            check_golden(
                |golden| matches!(&golden.loss, Configuration::Perceptual(o) if o.trunk == Trunk::$trunk),
                $least,
            )
        }
    )*};
}

features! {
    features_of_vgg16_equal_torchvision: Vgg16, 31;
    features_of_vgg19_equal_torchvision: Vgg19, 37;
    features_of_alexnet_equal_torchvision: AlexNet, 13;
    features_of_squeezenet_equal_torchvision: SqueezeNet, 13;
}

#[test]
fn style_equals_piq_and_papers() -> Result<()> {
    check_golden(|golden| matches!(golden.loss, Configuration::Style(_)), 3)
}

#[test]
fn lpips_equals_lpips() -> Result<()> {
    check_golden(|golden| matches!(golden.loss, Configuration::Lpips(_)), 6)
}

#[test]
fn contextual_equals_the_paper() -> Result<()> {
    check_golden(
        |golden| matches!(golden.loss, Configuration::Contextual(_)),
        2,
    )?;
    check_golden(
        |golden| matches!(golden.loss, Configuration::FeatureContextual(_)),
        3,
    )
}

#[test]
fn dists_equals_dists() -> Result<()> {
    check_golden(|golden| matches!(golden.loss, Configuration::Dists(_)), 2)
}

fn narrow(trunk: Trunk) -> &'static FeatureNetwork {
    static NETWORK: OnceLock<FeatureNetwork> = OnceLock::new();
    NETWORK.get_or_init(|| FeatureNetwork::new(Weights::random_narrow(trunk, 3, 16)))
}

/// A target's features that were kept give what the target gives.
#[test]
fn target_features_are_kept() -> Result<()> {
    for (dtype, reduction) in [(DType::F32, Reduction::Mean), (DType::F64, Reduction::Sum)] {
        let options = PerceptualOptions {
            reduction,
            ..PerceptualOptions::johnson()
        };
        let loss = PerceptualLoss::with_network(narrow(Trunk::Vgg16).clone(), options)?;
        let (input, target) = (
            noise("input", &[2, 3, 16, 20])?,
            noise("target", &[2, 3, 16, 20])?,
        );
        let (input, target) = (input.to_dtype(dtype)?, target.to_dtype(dtype)?);
        let features = loss.target_features(&target)?;
        let (value, gradient) = loss.value_and_grad_with(&input, &features)?;
        let (expected, slopes) = loss.value_and_grad(&input, &target)?;
        close(&numbers(&value)?, &numbers(&expected)?, 1e-6)?;
        close(&numbers(&gradient)?, &numbers(&slopes)?, 1e-6)?;
        let other = noise("input", &[2, 3, 16, 16])?.to_dtype(dtype)?;
        let error = refusal(loss.value_and_grad_with(&other, &features))?;
        ensure!(error.contains("target features"), "{error}");
    }
    Ok(())
}

/// Under a small limit, images are done one after the other.
#[test]
fn chunks_of_a_batch_are_the_batch() -> Result<()> {
    let loss = |memory| {
        let options = PerceptualOptions {
            memory,
            ..PerceptualOptions::johnson()
        };
        PerceptualLoss::with_network(narrow(Trunk::Vgg16).clone(), options)
    };
    let (input, target) = (
        noise("input", &[3, 3, 16, 20])?,
        noise("target", &[3, 3, 16, 20])?,
    );
    let (value, gradient) = loss(1 << 30)?.value_and_grad(&input, &target)?;
    let (chunked, slopes) = loss(1)?.value_and_grad(&input, &target)?;
    close(&numbers(&chunked)?, &numbers(&value)?, 1e-12)?;
    close(&numbers(&slopes)?, &numbers(&gradient)?, 1e-12)
}

/// `lpips` has NaN there.
#[test]
fn lpips_of_black_features_has_a_finite_gradient() -> Result<()> {
    let mut tensors = std::collections::HashMap::new();
    for TensorSpec { name, shape } in Trunk::AlexNet.tensors() {
        tensors.insert(name, Tensor::zeros(shape, DType::F32, &Device::Cpu)?);
    }
    let weights = Weights::from_tensors(Trunk::AlexNet, tensors, "zeros")?;
    let loss = LpipsLoss::new(weights, LpipsOptions::default())?;
    let image = noise("input", &[1, 3, 40, 40])?.to_dtype(DType::F32)?;
    let other = noise("target", &[1, 3, 40, 40])?.to_dtype(DType::F32)?;
    let (value, gradient) = loss.value_and_grad(&image, &other)?;
    ensure!(numbers(&value)?[0] == 0.0 && numbers(&gradient)?.iter().all(|g| *g == 0.0));
    Ok(())
}

#[test]
fn nan_in_is_nan_out() -> Result<()> {
    for case in network_cases() {
        let sample = case.sample(DType::F32)?;
        let mut values: Vec<f32> = sample.input.flatten_all()?.to_vec1()?;
        values[7] = f32::NAN;
        let input = Tensor::from_vec(values, sample.input.shape(), &Device::Cpu)?;
        let (value, gradient) = case.value_and_grad(&sample.with_input(input))?;
        let has_nan =
            |tensor: &Tensor| -> Result<bool> { Ok(numbers(tensor)?.iter().any(|x| x.is_nan())) };
        ensure!(has_nan(&value)? && has_nan(&gradient)?, "{}", case.name);
    }
    Ok(())
}
