//! The layers of each network, and what features are called.

use cvloss_kernels::conv::{MaxPool, Tap};

use super::Trunk;

/// A layer, with the names of its features.
#[derive(Clone, Debug)]
pub(crate) struct LayerSpec {
    /// The name of its output.
    pub(crate) name: String,
    /// Of a convolution: the name of its sums, before the ReLU.
    pub(crate) raw: Option<String>,
    /// What it does.
    pub(crate) operation: Operation,
}

/// What a layer does.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// Convolutions of the same input, whose outputs are put one after the other, and a ReLU.
    Convolution(Vec<Part>),
    MaxPool(MaxPool),
    L2Pool,
}

/// One convolution.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// torchvision's key, without `.weight`.
    pub(crate) key: String,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) side: usize,
    pub(crate) stride: usize,
    pub(crate) border: usize,
}

impl LayerSpec {
    /// Its convolutions.
    pub(crate) fn parts(&self) -> &[Part] {
        match &self.operation {
            Operation::Convolution(parts) => parts,
            _ => &[],
        }
    }

    /// Output channels, if it changes them.
    fn outputs(&self) -> Option<usize> {
        match self.parts() {
            [] => None,
            parts => Some(parts.iter().map(|part| part.outputs).sum()),
        }
    }

    fn convolution(name: String, raw: Option<String>, parts: Vec<Part>) -> Self {
        Self {
            name,
            raw,
            operation: Operation::Convolution(parts),
        }
    }

    fn pool(name: &str, side: usize, ceil: bool) -> Self {
        Self {
            name: name.into(),
            raw: None,
            operation: Operation::MaxPool(MaxPool {
                side,
                stride: 2,
                ceil,
            }),
        }
    }
}

/// The layers of a network with `1/divisor` of its channels.
pub(crate) fn of(trunk: Trunk, divisor: usize) -> Vec<LayerSpec> {
    let divisor = divisor.max(1);
    match trunk {
        Trunk::Vgg16 => vgg([2, 2, 3, 3, 3], divisor),
        Trunk::Vgg19 => vgg([2, 2, 4, 4, 4], divisor),
        Trunk::AlexNet => alexnet(divisor),
        Trunk::SqueezeNet => squeezenet(divisor),
    }
}

fn part(
    key: String,
    (inputs, outputs): (usize, usize),
    (side, stride, border): (usize, usize, usize),
) -> Part {
    Part {
        key,
        inputs,
        outputs,
        side,
        stride,
        border,
    }
}

fn vgg(blocks: [usize; 5], divisor: usize) -> Vec<LayerSpec> {
    let mut layers = Vec::new();
    let (mut index, mut inputs) = (0, 3);
    for (block, (depth, width)) in blocks.into_iter().zip([64, 128, 256, 512, 512]).enumerate() {
        let outputs = width / divisor;
        for place in 1..=depth {
            let number = format!("{}_{place}", block + 1);
            let key = format!("features.{index}");
            let parts = vec![part(key, (inputs, outputs), (3, 1, 1))];
            let raw = Some(format!("conv{number}"));
            layers.push(LayerSpec::convolution(format!("relu{number}"), raw, parts));
            inputs = outputs;
            index += 2;
        }
        layers.push(LayerSpec::pool(&format!("pool{}", block + 1), 2, false));
        index += 1;
    }
    layers
}

fn alexnet(divisor: usize) -> Vec<LayerSpec> {
    let mut layers = Vec::new();
    let mut inputs = 3;
    for (number, index, width, window, has_pool) in [
        (1, 0, 64, (11, 4, 2), true),
        (2, 3, 192, (5, 1, 2), true),
        (3, 6, 384, (3, 1, 1), false),
        (4, 8, 256, (3, 1, 1), false),
        (5, 10, 256, (3, 1, 1), true),
    ] {
        let outputs = width / divisor;
        let parts = vec![part(format!("features.{index}"), (inputs, outputs), window)];
        let raw = Some(format!("conv{number}"));
        layers.push(LayerSpec::convolution(format!("relu{number}"), raw, parts));
        if has_pool {
            layers.push(LayerSpec::pool(&format!("pool{number}"), 3, false));
        }
        inputs = outputs;
    }
    layers
}

fn squeezenet(divisor: usize) -> Vec<LayerSpec> {
    let width = 64 / divisor;
    let first = vec![part("features.0".into(), (3, width), (3, 2, 0))];
    let mut layers = vec![
        LayerSpec::convolution("relu1".into(), Some("conv1".into()), first),
        LayerSpec::pool("pool1", 3, true),
    ];
    let mut inputs = width;
    for (index, number, squeeze, expand, pool) in [
        (3, 2, 16, 64, None),
        (4, 3, 16, 64, Some("pool3")),
        (6, 4, 32, 128, None),
        (7, 5, 32, 128, Some("pool5")),
        (9, 6, 48, 192, None),
        (10, 7, 48, 192, None),
        (11, 8, 64, 256, None),
        (12, 9, 64, 256, None),
    ] {
        let (squeeze, expand) = ((squeeze / divisor).max(1), expand / divisor);
        let key = |name: &str| format!("features.{index}.{name}");
        let narrow = vec![part(key("squeeze"), (inputs, squeeze), (1, 1, 0))];
        layers.push(LayerSpec::convolution(
            format!("squeeze{number}"),
            None,
            narrow,
        ));
        let wide = vec![
            part(key("expand1x1"), (squeeze, expand), (1, 1, 0)),
            part(key("expand3x3"), (squeeze, expand), (3, 1, 1)),
        ];
        layers.push(LayerSpec::convolution(format!("fire{number}"), None, wide));
        layers.extend(pool.map(|name| LayerSpec::pool(name, 3, true)));
        inputs = 2 * expand;
    }
    layers
}

/// The same network with DISTS's pooling.
pub(crate) fn with_l2_pooling(mut layers: Vec<LayerSpec>) -> Vec<LayerSpec> {
    for layer in &mut layers {
        if let Operation::MaxPool(_) = layer.operation {
            layer.operation = Operation::L2Pool;
        }
    }
    layers
}

/// Where the feature `name` is, and how many channels it has.
pub(crate) fn find(layers: &[LayerSpec], name: &str) -> Option<(Tap, usize)> {
    let mut channels = 3;
    for (layer, spec) in layers.iter().enumerate() {
        channels = spec.outputs().unwrap_or(channels);
        let is_raw = spec.raw.as_deref() == Some(name);
        if is_raw || spec.name == name {
            let tap = Tap {
                layer,
                before_relu: is_raw,
            };
            // Of one layer, sums come before their ReLU, and so must taps.
            return Some((tap, channels));
        }
    }
    None
}
