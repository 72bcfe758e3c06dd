//! The networks whose weights are known, and what their convolution layers are called.

use std::{fmt, str::FromStr};

use super::{Pin, WeightsError};

/// A network of torchvision, of which losses use the convolution layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Network {
    /// `torchvision.models.vgg16`: 13 convolutions, 58.9 MB.
    Vgg16,
    /// `torchvision.models.vgg19`: 16 convolutions, 80.1 MB.
    Vgg19,
    /// `torchvision.models.alexnet`: 5 convolutions, 9.9 MB.
    AlexNet,
    /// `torchvision.models.squeezenet1_1`: 25 convolutions, 2.9 MB.
    SqueezeNet,
}

/// A tensor that a network needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// torchvision's key, as `features.0.weight`.
    pub name: String,
    /// `(O, I, H, W)` of a weight, `(O,)` of a bias.
    pub shape: Vec<usize>,
}

impl TensorSpec {
    /// How many numbers it holds.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Network {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Vgg16, Self::Vgg19, Self::AlexNet, Self::SqueezeNet];

    /// torchvision's name, which is the name of files too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vgg16 => "vgg16",
            Self::Vgg19 => "vgg19",
            Self::AlexNet => "alexnet",
            Self::SqueezeNet => "squeezenet1_1",
        }
    }

    /// The tensors of its convolution layers, from the input to the output.
    pub fn tensors(self) -> Vec<TensorSpec> {
        let convolutions = match self {
            Self::Vgg16 => vgg([2, 2, 3, 3, 3]),
            Self::Vgg19 => vgg([2, 2, 4, 4, 4]),
            Self::AlexNet => vec![
                convolution(0, 3, 64, 11),
                convolution(3, 64, 192, 5),
                convolution(6, 192, 384, 3),
                convolution(8, 384, 256, 3),
                convolution(10, 256, 256, 3),
            ],
            Self::SqueezeNet => squeezenet(),
        };
        convolutions
            .into_iter()
            .flat_map(|(name, [output, input, size])| {
                [
                    TensorSpec {
                        name: format!("{name}.weight"),
                        shape: vec![output, input, size, size],
                    },
                    TensorSpec {
                        name: format!("{name}.bias"),
                        shape: vec![output],
                    },
                ]
            })
            .collect()
    }

    /// Where its weights are on the Hub.
    pub fn pin(self) -> Pin {
        Pin::of(self)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Network {
    type Err = WeightsError;

    fn from_str(name: &str) -> Result<Self, WeightsError> {
        Self::ALL
            .into_iter()
            .find(|network| network.name() == name)
            .ok_or_else(|| WeightsError::UnknownNetwork { name: name.into() })
    }
}

/// A layer's name, and its channels out and in and the side of its kernel.
type Convolution = (String, [usize; 3]);

fn convolution(index: usize, input: usize, output: usize, size: usize) -> Convolution {
    (format!("features.{index}"), [output, input, size])
}

/// Blocks of 3×3 convolutions, each followed by a ReLU, each block by a pooling.
fn vgg(blocks: [usize; 5]) -> Vec<Convolution> {
    let mut layers = Vec::new();
    let (mut index, mut input) = (0, 3);
    for (depth, output) in blocks.into_iter().zip([64, 128, 256, 512, 512]) {
        for _ in 0..depth {
            layers.push(convolution(index, input, output, 3));
            input = output;
            index += 2;
        }
        index += 1;
    }
    layers
}

/// One convolution, then Fire modules: a 1×1 squeeze, and 1×1 and 3×3 convolutions of it side by side.
fn squeezenet() -> Vec<Convolution> {
    let mut layers = vec![convolution(0, 3, 64, 3)];
    let mut input = 64;
    for (index, squeeze, expand) in [
        (3, 16, 64),
        (4, 16, 64),
        (6, 32, 128),
        (7, 32, 128),
        (9, 48, 192),
        (10, 48, 192),
        (11, 64, 256),
        (12, 64, 256),
    ] {
        let module = format!("features.{index}");
        layers.push((format!("{module}.squeeze"), [squeeze, input, 1]));
        layers.push((format!("{module}.expand1x1"), [expand, squeeze, 1]));
        layers.push((format!("{module}.expand3x3"), [expand, squeeze, 3]));
        input = 2 * expand;
    }
    layers
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_the_parameters_that_torchvision_counts() {
        let count = |network: Network| -> usize {
            let tensors = network.tensors();
            tensors.iter().map(TensorSpec::elements).sum()
        };
        assert_eq!(count(Network::Vgg16), 14_714_688);
        assert_eq!(count(Network::Vgg19), 20_024_384);
        assert_eq!(count(Network::AlexNet), 2_469_696);
        assert_eq!(count(Network::SqueezeNet), 722_496);
    }

    #[test]
    fn names_are_read_back() {
        for network in Network::ALL {
            assert_eq!(network.name().parse::<Network>().unwrap(), network);
        }
        assert!("vgg17".parse::<Network>().is_err());
    }
}
