//! Losses of features, of networks with a sixteenth of the channels.

use cvloss::perceptual::networks::{FeatureNetwork, InputRange, Normalization, Trunk};
use cvloss::perceptual::weights::Weights;
use cvloss::perceptual::{
    ContextualLoss, ContextualOptions, DistsLoss, DistsOptions, FeatureContextualLoss,
    FeatureWeight, LpipsLoss, LpipsNetwork, LpipsOptions, PerceptualLoss, PerceptualOptions,
    StyleLoss, StyleOptions,
};
use cvloss::{FeatureMetric, GramMetric, GramNormalization, Loss, Reduction};
use serde::Serialize;

use super::{Case, Family};
use crate::sample::{Kind, Spec};

const DIVISOR: usize = 16;
const SMALL: &[usize] = &[2, 3, 17, 18];
const LARGE: &[usize] = &[2, 3, 35, 38];

/// Cases of losses that have a network. A loss that cannot be made leaves its cases out, and the list is then incomplete.
pub fn network_cases() -> Vec<Case> {
    let mut list = Vec::new();
    perceptual(&mut list);
    style(&mut list);
    lpips(&mut list);
    dists(&mut list);
    contextual(&mut list);
    list
}

fn add<L: Loss + Send + Sync + 'static, E>(
    list: &mut Vec<Case>,
    name: &str,
    shape: &[usize],
    loss: Result<L, E>,
    options: &impl Serialize,
) {
    let spec = Spec::new(Kind::Image, shape).probabilities();
    if let Ok(loss) = loss {
        list.push(Case::with_options(
            name,
            spec,
            loss,
            options,
            Family::Network,
        ));
    }
}

fn weights(trunk: Trunk) -> Weights {
    Weights::random_narrow(trunk, 5, DIVISOR)
}

/// LPIPS jumps where the first of a pixel's features appears, so that no pixel may be without.
fn wide(trunk: Trunk) -> Weights {
    Weights::random_narrow(trunk, 5, 2)
}

fn layers(names: &[(&str, f64)]) -> Vec<FeatureWeight> {
    let layer = |(name, weight): &(&str, f64)| FeatureWeight {
        name: (*name).into(),
        weight: *weight,
    };
    names.iter().map(layer).collect()
}

fn perceptual(list: &mut Vec<Case>) {
    let small = PerceptualOptions {
        trunk: Trunk::Vgg16,
        layers: layers(&[
            ("conv1_2", 0.5),
            ("relu1_2", 1.5),
            ("pool1", 0.7),
            ("relu2_2", 1.0),
        ]),
        ..PerceptualOptions::default()
    };
    for (name, metric) in [
        ("l1", FeatureMetric::L1),
        ("l2", FeatureMetric::L2),
        ("squared", FeatureMetric::SquaredL2),
    ] {
        for (what, reduction) in [
            ("mean", Reduction::Mean),
            ("sum", Reduction::Sum),
            ("none", Reduction::None),
        ] {
            let options = PerceptualOptions {
                metric,
                reduction,
                ..small.clone()
            };
            let network = FeatureNetwork::new(weights(Trunk::Vgg16));
            let loss = PerceptualLoss::with_network(network, options.clone());
            add(list, &format!("{name}-{what}"), SMALL, loss, &options);
        }
    }
    for (name, options) in [
        ("esrgan", PerceptualOptions::esrgan()),
        ("real-esrgan", PerceptualOptions::real_esrgan()),
        ("srgan", PerceptualOptions::srgan()),
        ("johnson", PerceptualOptions::johnson()),
        (
            "bytes",
            PerceptualOptions {
                range: InputRange::Bytes,
                normalization: Normalization::None,
                ..small.clone()
            },
        ),
        (
            "minus-one",
            PerceptualOptions {
                range: InputRange::MinusOneOne,
                normalization: Normalization::Lpips,
                memory: 1,
                ..small
            },
        ),
    ] {
        let loss = PerceptualLoss::new(weights(options.trunk), options.clone());
        add(list, name, SMALL, loss, &options);
    }
    for (name, trunk, chosen) in [
        (
            "alexnet",
            Trunk::AlexNet,
            ["conv1", "pool1", "relu2", "relu5"],
        ),
        (
            "squeezenet",
            Trunk::SqueezeNet,
            ["relu1", "pool1", "fire3", "fire9"],
        ),
    ] {
        let options = PerceptualOptions {
            trunk,
            layers: layers(&chosen.map(|name| (name, 1.0))),
            metric: FeatureMetric::SquaredL2,
            ..PerceptualOptions::default()
        };
        let loss = PerceptualLoss::new(weights(trunk), options.clone());
        add(list, name, LARGE, loss, &options);
    }
}

fn style(list: &mut Vec<Case>) {
    for (name, normalization, metric) in [
        ("johnson", GramNormalization::Chw, GramMetric::SquaredSum),
        ("piq", GramNormalization::None, GramMetric::SquaredMean),
        ("l1", GramNormalization::Chw, GramMetric::AbsoluteMean),
    ] {
        let options = StyleOptions {
            normalization,
            metric,
            ..StyleOptions::default()
        };
        let loss = StyleLoss::new(weights(options.trunk), options.clone());
        add(list, name, SMALL, loss, &options);
    }
    let options = StyleOptions {
        range: InputRange::MinusOneOne,
        image: Normalization::None,
        reduction: Reduction::None,
        memory: 1,
        ..StyleOptions::gatys()
    };
    let loss = StyleLoss::new(weights(options.trunk), options.clone());
    add(list, "gatys", SMALL, loss, &options);
}

fn lpips(list: &mut Vec<Case>) {
    for (name, network) in [
        ("alex", LpipsNetwork::Alex),
        ("vgg", LpipsNetwork::Vgg),
        ("squeeze", LpipsNetwork::Squeeze),
    ] {
        let options = LpipsOptions {
            network,
            ..LpipsOptions::default()
        };
        let loss = LpipsLoss::new(wide(network.trunk()), options.clone());
        add(list, name, LARGE, loss, &options);
        let options = LpipsOptions {
            range: InputRange::MinusOneOne,
            reduction: Reduction::None,
            memory: 1,
            ..options
        };
        let loss = LpipsLoss::new(wide(network.trunk()), options.clone());
        add(list, &format!("{name}-none"), LARGE, loss, &options);
    }
}

fn dists(list: &mut Vec<Case>) {
    let all = [
        ("mean", DistsOptions::default()),
        (
            "none",
            DistsOptions {
                range: InputRange::MinusOneOne,
                reduction: Reduction::None,
                memory: 1,
            },
        ),
    ];
    for (name, options) in all {
        let loss = DistsLoss::new(weights(Trunk::Vgg16), options.clone());
        add(list, name, SMALL, loss, &options);
    }
}

fn contextual(list: &mut Vec<Case>) {
    let small = ContextualOptions {
        trunk: Trunk::Vgg16,
        layers: layers(&[("relu1_2", 0.5), ("conv2_2", 1.5)]),
        ..ContextualOptions::default()
    };
    for (name, options) in [
        ("relu3_4", ContextualOptions::default()),
        ("two", small.clone()),
        (
            "narrow-none",
            ContextualOptions {
                bandwidth: 0.1,
                range: InputRange::MinusOneOne,
                normalization: Normalization::None,
                reduction: Reduction::None,
                memory: 1,
                ..small
            },
        ),
    ] {
        let loss = ContextualLoss::new(wide(options.trunk), options.clone());
        add(list, name, SMALL, loss, &options);
    }
    for (name, shape, bandwidth, reduction) in [
        ("mean", &[2, 5, 4, 3][..], 0.5, Reduction::Mean),
        // More rows than a tile has.
        ("sum", &[1, 7, 71], 1.0, Reduction::Sum),
        ("none", &[2, 20, 3, 2, 2], 0.2, Reduction::None),
    ] {
        let loss = FeatureContextualLoss {
            bandwidth,
            reduction,
        };
        let spec = Spec::new(Kind::Image, shape);
        let family = Family::Network;
        list.push(Case::with_options(name, spec, loss.clone(), &loss, family));
    }
}
