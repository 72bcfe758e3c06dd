//! Frozen networks, as torchvision has them: their layers, names of features, and forms that run.

mod composed;
mod extractor;
mod gradient;
mod layers;

use std::{fmt, str::FromStr};

use super::weights::WeightsError;

pub(crate) use extractor::Computed;
pub use extractor::FeatureNetwork;
pub(crate) use layers::Part;

/// The convolutions of a network with `1/divisor` of its channels.
pub(crate) fn parts(trunk: Trunk, divisor: usize) -> Vec<layers::Part> {
    let layers = layers::of(trunk, divisor);
    layers
        .iter()
        .flat_map(|layer| layer.parts().to_vec())
        .collect()
}

/// A network of torchvision, of which losses use the convolution layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Trunk {
    /// `torchvision.models.vgg16`. Features: `conv1_1`, `relu1_1`, `pool1` … `relu5_3`, `pool5`.
    Vgg16,
    /// `torchvision.models.vgg19`. Features: `conv1_1`, `relu1_1`, `pool1` … `relu5_4`, `pool5`.
    Vgg19,
    /// `torchvision.models.alexnet`. Features: `conv1`, `relu1` … `relu5`, `pool1`, `pool2`, `pool5`.
    AlexNet,
    /// `torchvision.models.squeezenet1_1`. Features: `conv1`, `relu1`, `pool1`, `fire2` … `fire9`, `pool3`, `pool5`.
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

impl Trunk {
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
        let mut tensors = Vec::new();
        for part in parts(self, 1) {
            tensors.push(TensorSpec {
                name: format!("{}.weight", part.key),
                shape: vec![part.outputs, part.inputs, part.side, part.side],
            });
            tensors.push(TensorSpec {
                name: format!("{}.bias", part.key),
                shape: vec![part.outputs],
            });
        }
        tensors
    }
}

impl FromStr for Trunk {
    type Err = WeightsError;

    fn from_str(name: &str) -> Result<Self, WeightsError> {
        Self::ALL
            .into_iter()
            .find(|trunk| trunk.name() == name)
            .ok_or_else(|| WeightsError::UnknownNetwork { name: name.into() })
    }
}

impl fmt::Display for Trunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the numbers of an image mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum InputRange {
    /// 0 to 1, as torchvision and piq take images.
    #[default]
    ZeroOne,
    /// −1 to 1, as `lpips` takes images.
    MinusOneOne,
    /// 0 to 255.
    Bytes,
}

impl InputRange {
    /// Factor and offset that lead to 0 to 1.
    pub(crate) fn to_unit(self) -> (f64, f64) {
        match self {
            Self::ZeroOne => (1.0, 0.0),
            Self::MinusOneOne => (0.5, 0.5),
            Self::Bytes => (1.0 / 255.0, 0.0),
        }
    }

    /// Factor and offset of each channel before a network.
    pub(crate) fn to_network(self, normalization: Normalization) -> Vec<(f64, f64)> {
        let (scale, shift) = self.to_unit();
        let (mean, deviation) = normalization.numbers();
        (0..3)
            .map(|c| (scale / deviation[c], (shift - mean[c]) / deviation[c]))
            .collect()
    }
}

/// How images in 0 to 1 are normalised before a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Normalization {
    /// By the mean (0.485, 0.456, 0.406) and deviation (0.229, 0.224, 0.225) of ImageNet, as the networks were trained.
    #[default]
    ImageNet,
    /// Not at all (BasicSR's `use_input_norm: false`).
    None,
    /// By the constants of `lpips`, which are ImageNet's, rounded: mean −0.030, −0.088, −0.188 and deviation 0.458, 0.448,
    /// 0.450 of images in −1 to 1.
    Lpips,
}

impl Normalization {
    /// Mean and deviation of images in 0 to 1.
    fn numbers(self) -> ([f64; 3], [f64; 3]) {
        match self {
            Self::ImageNet => ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            Self::None => ([0.0; 3], [1.0; 3]),
            Self::Lpips => (
                [-0.030, -0.088, -0.188].map(|mean| (mean + 1.0) / 2.0),
                [0.458, 0.448, 0.450].map(|deviation| deviation / 2.0),
            ),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_the_parameters_that_torchvision_counts() {
        let count = |trunk: Trunk| -> usize {
            let tensors = trunk.tensors();
            tensors.iter().map(TensorSpec::elements).sum()
        };
        assert_eq!(count(Trunk::Vgg16), 14_714_688);
        assert_eq!(count(Trunk::Vgg19), 20_024_384);
        assert_eq!(count(Trunk::AlexNet), 2_469_696);
        assert_eq!(count(Trunk::SqueezeNet), 722_496);
    }

    #[test]
    fn names_are_read_back() {
        for trunk in Trunk::ALL {
            assert_eq!(trunk.name().parse::<Trunk>().unwrap(), trunk);
        }
        assert!("vgg17".parse::<Trunk>().is_err());
    }
}
