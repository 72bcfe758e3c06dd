//! What sums run over, and how classes are put together.

#![forbid(unsafe_code)]

/// What one item's sums run over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Pooling {
    /// Each image by itself: kornia, MONAI.
    #[default]
    Image,
    /// All images together, as one: segmentation_models_pytorch, nnU-Net's batch Dice.
    Batch,
}

/// How the classes of an item are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Average {
    /// One loss per class, then their average.
    #[default]
    Macro,
    /// One loss of the sums over classes, class weights inside.
    Micro,
    /// As `Micro`, each class also weighted by its volume: generalized Dice, Sudre et al. 2017.
    Generalized(VolumeWeight),
}

/// The weight of a class of volume `T` in generalized Dice. Absent classes get the largest weight of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum VolumeWeight {
    /// `1/T²`.
    #[default]
    Square,
    /// `1/T`.
    Simple,
    /// 1.
    Uniform,
}

/// What a class without target points in an item does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Absent {
    /// It counts, with the loss that smoothing gives it: MONAI.
    #[default]
    Count,
    /// It leaves the average; an item without any class has loss 0: kornia (which then has loss 1).
    Skip,
    /// It has loss 0 and stays in the average: segmentation_models_pytorch.
    Zero,
}

/// Which classes count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Classes {
    /// All.
    #[default]
    All,
    /// All but class 0, unless it is the only one: `include_background=False`.
    Foreground,
    /// These.
    Listed(Vec<usize>),
}

impl Classes {
    pub(super) fn include(&self, class: usize, classes: usize) -> bool {
        match self {
            Self::All => true,
            Self::Foreground => class > 0 || classes == 1,
            Self::Listed(list) => list.contains(&class),
        }
    }
}

/// What the weighted sum over classes is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ClassAverage {
    /// The number of classes that count: MONAI.
    #[default]
    Count,
    /// The sum of their weights: segmentation_models_pytorch.
    Weights,
}
