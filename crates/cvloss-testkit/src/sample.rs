//! Inputs of a case: shapes and kinds of targets, drawn from a seed.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use cvloss::{BoxFormat, Inputs};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

mod boxes;
mod targets;

/// What a target holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Class indices, (N, *).
    Classes,
    /// 0 and 1 as indices, in the input's shape.
    BinaryIndices,
    /// 0 and 1 in the input's dtype and shape.
    Binary,
    /// Numbers in [0, 1], some of them 0 or 1, in the input's dtype and shape.
    SoftBinary,
    /// One class per point, (N, C, *).
    OneHot,
    /// A distribution per point, (N, C, *), some shares 0.
    Distribution,
    /// Numbers in [0, 1] in the input's dtype and shape, as are the input's.
    ///
    /// No two neighbours are closer than 0.003, nor are a pixel and its target: losses may have a kink there.
    Image,
    /// Numbers like the input's, in its dtype and shape.
    Logits,
    /// Boxes, (…, 4), that overlap the input's, hold them, or lie apart.
    Boxes(BoxFormat),
    /// Boxes with an angle, (…, 5).
    Rotated,
    /// A real number from 0 to the last class per point, (N, *).
    Positions,
}

impl Kind {
    /// Whether targets are integers.
    pub fn is_index(self) -> bool {
        matches!(self, Self::Classes | Self::BinaryIndices)
    }

    /// Whether inputs and targets are boxes.
    pub fn is_box(self) -> bool {
        matches!(self, Self::Boxes(_) | Self::Rotated)
    }
}

/// What a weight map spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weighting {
    /// No weight map.
    None,
    /// One weight per point (losses of points) or per element (losses of elements), some of them 0.
    Full,
    /// One weight per channel, broadcast; losses of elements only.
    Channels,
}

/// How to draw a case's inputs.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The input's shape.
    pub shape: Vec<usize>,
    /// What the target holds.
    pub kind: Kind,
    /// Which target value is ignored; a quarter of the points have it.
    pub ignored: Option<i64>,
    /// What the weight map spans.
    pub weighting: Weighting,
    /// Weights are per element, not per point.
    pub is_elementwise: bool,
    /// The input holds probabilities.
    pub is_probability: bool,
    /// The value stays finite for infinite inputs.
    pub is_bounded: bool,
    /// A part of the formula counts as constant, so that differences of values do not show the gradient.
    pub is_detached: bool,
    /// The gradient depends on the order of numbers that may be nearly equal where there are many.
    pub is_ordered: bool,
    /// Targets of points and weights keep axis 1, as (N, 1, *).
    pub keeps_axis: bool,
    /// Targets of one channel lack axis 1.
    pub drops_axis: bool,
    /// No point is of class 0, and no point of the first item of the last class.
    pub lacks_classes: bool,
    /// A mask of zeros means the same as ignoring, for this loss.
    pub mask_is_ignore: bool,
    /// No class counts: the options leave none that has points.
    pub counts_nothing: bool,
    /// The value, or each item's, when no point counts.
    pub nothing: f64,
}

impl Spec {
    /// Draws `kind` of targets for an input of `shape`.
    pub fn new(kind: Kind, shape: &[usize]) -> Self {
        Self {
            shape: shape.to_vec(),
            kind,
            ignored: None,
            weighting: Weighting::None,
            is_elementwise: false,
            is_probability: false,
            is_bounded: false,
            is_detached: false,
            is_ordered: false,
            keeps_axis: false,
            drops_axis: false,
            lacks_classes: false,
            mask_is_ignore: false,
            counts_nothing: false,
            nothing: 0.0,
        }
    }

    /// A quarter of the points have target `label`.
    pub fn ignoring(self, label: i64) -> Self {
        Self {
            ignored: Some(label),
            ..self
        }
    }

    /// With a weight map.
    pub fn weighted(self) -> Self {
        Self {
            weighting: Weighting::Full,
            ..self
        }
    }

    /// With a weight per channel.
    pub fn channel_weighted(self) -> Self {
        Self {
            weighting: Weighting::Channels,
            ..self
        }
    }

    /// The input holds probabilities.
    pub fn probabilities(self) -> Self {
        Self {
            is_probability: true,
            ..self
        }
    }

    /// The value stays finite for infinite inputs.
    pub fn bounded(self) -> Self {
        Self {
            is_bounded: true,
            ..self
        }
    }

    /// A part of the formula counts as constant.
    pub fn detached(self) -> Self {
        Self {
            is_detached: true,
            ..self
        }
    }

    /// The gradient depends on an order.
    pub fn ordered(self) -> Self {
        Self {
            is_ordered: true,
            ..self
        }
    }

    /// With a weight map of the input's shape.
    pub fn weighted_elements(self) -> Self {
        Self {
            is_elementwise: true,
            ..self.weighted()
        }
    }

    /// (N, 1, *) targets and weights.
    pub fn keeping_axis(self) -> Self {
        Self {
            keeps_axis: true,
            ..self
        }
    }

    /// (N, *) targets for (N, 1, *) inputs.
    pub fn dropping_axis(self) -> Self {
        Self {
            drops_axis: true,
            ..self
        }
    }

    /// Some classes have no points.
    pub fn lacking_classes(self) -> Self {
        Self {
            lacks_classes: true,
            ..self
        }
    }

    /// A mask of zeros means the same as ignoring.
    pub fn mask_is_ignore(self) -> Self {
        Self {
            mask_is_ignore: true,
            ..self
        }
    }

    /// The options leave no class that has points.
    pub fn counting_nothing(self) -> Self {
        Self {
            counts_nothing: true,
            ..self
        }
    }

    /// The value when no point counts, where that is not 0.
    pub fn nothing(self, value: f64) -> Self {
        Self {
            nothing: value,
            ..self
        }
    }

    /// How many classes or channels there are.
    pub fn channels(&self) -> usize {
        self.shape.get(1).copied().unwrap_or(1)
    }

    /// Index types that hold every target of this case.
    pub fn index_dtypes(&self) -> Vec<DType> {
        match self.ignored {
            _ if !self.kind.is_index() => Vec::new(),
            Some(label) if label < 0 => vec![DType::I64],
            _ if self.channels() > 256 => vec![DType::U32, DType::I64],
            _ => vec![DType::U32, DType::U8, DType::I64],
        }
    }

    /// Draws inputs of `dtype` from `seed`.
    pub fn sample(&self, seed: u64, dtype: DType) -> Result<Sample> {
        let mut rng = StdRng::seed_from_u64(seed);
        if self.kind.is_box() {
            return self.boxes(&mut rng, dtype);
        }
        let count = self.shape.iter().product();
        let range = if self.is_probability {
            0.05..0.95
        } else {
            -3.0..3.0
        };
        let input = match self.kind {
            Kind::Image => self.image(&mut rng, 0)?,
            _ => {
                let input: Vec<f64> = (0..count)
                    .map(|_| rng.random_range(range.clone()))
                    .collect();
                Tensor::from_vec(input, self.shape.as_slice(), &Device::Cpu)?
            }
        };
        let target = self.target(&mut rng)?;
        let target = match self.index_dtypes().first() {
            Some(index) => target.to_dtype(*index)?,
            None => target.to_dtype(dtype)?,
        };
        let weight = match self.weight_shape() {
            Some(shape) => Some(weights(&mut rng, &shape)?.to_dtype(dtype)?),
            None => None,
        };
        Ok(Sample {
            input: input.to_dtype(dtype)?,
            target,
            weight,
        })
    }

    fn boxes(&self, rng: &mut StdRng, dtype: DType) -> Result<Sample> {
        let pairs = self.point_shape(false).iter().product();
        let (mut input, mut target) = (Vec::new(), Vec::new());
        for i in 0..pairs {
            let [a, b] = match self.kind {
                Kind::Boxes(format) => boxes::pair(rng, i).map(|ends| boxes::numbers(ends, format)),
                _ => boxes::rotated_pair(rng),
            };
            input.extend(a);
            target.extend(b);
        }
        let tensor = |numbers| {
            Tensor::from_vec(numbers, self.shape.as_slice(), &Device::Cpu)?.to_dtype(dtype)
        };
        let weight = match self.weight_shape() {
            Some(shape) => Some(weights(rng, &shape)?.to_dtype(dtype)?),
            None => None,
        };
        Ok(Sample {
            input: tensor(input)?,
            target: tensor(target)?,
            weight,
        })
    }

    /// (N, *) of the input's shape, or (N, 1, *); of boxes, all axes but the last, or 1 for that.
    pub fn point_shape(&self, keeps_axis: bool) -> Vec<usize> {
        let mut shape = self.shape.clone();
        if self.kind.is_box() {
            shape.pop();
            shape.extend(keeps_axis.then_some(1));
            return shape;
        }
        match keeps_axis {
            true => shape[1] = 1,
            false => drop(shape.remove(1)),
        }
        shape
    }

    fn weight_shape(&self) -> Option<Vec<usize>> {
        match self.weighting {
            Weighting::None => None,
            Weighting::Full if self.is_elementwise => Some(self.shape.clone()),
            Weighting::Full => Some(self.point_shape(self.keeps_axis)),
            Weighting::Channels => {
                let axes = self.shape.iter().enumerate();
                Some(
                    axes.map(|(axis, len)| if axis == 1 { *len } else { 1 })
                        .collect(),
                )
            }
        }
    }
}

fn weights(rng: &mut StdRng, shape: &[usize]) -> Result<Tensor> {
    let count = shape.iter().product();
    let weights: Vec<f64> = (0..count)
        .map(|_| rng.random_range(-0.3f64..2.0).max(0.0))
        .collect();
    Ok(Tensor::from_vec(weights, shape, &Device::Cpu)?)
}

/// Tensors of a case.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Logits or probabilities.
    pub input: Tensor,
    /// Class indices, or soft targets.
    pub target: Tensor,
    /// A weight map.
    pub weight: Option<Tensor>,
}

impl Sample {
    /// As a loss reads them.
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs {
            input: &self.input,
            target: &self.target,
            weight: self.weight.as_ref(),
        }
    }

    /// With another input.
    pub fn with_input(&self, input: Tensor) -> Self {
        Self {
            input,
            ..self.clone()
        }
    }

    /// With another target.
    pub fn with_target(&self, target: Tensor) -> Self {
        Self {
            target,
            ..self.clone()
        }
    }

    /// With another weight map, or with one.
    pub fn with_weight(&self, weight: Tensor) -> Self {
        Self {
            weight: Some(weight),
            ..self.clone()
        }
    }

    /// Every floating tensor in another dtype.
    pub fn to_dtype(&self, dtype: DType) -> Result<Self> {
        self.map(|tensor| match tensor.dtype().is_float() {
            true => Ok(tensor.to_dtype(dtype)?),
            false => Ok(tensor.clone()),
        })
    }

    /// Every tensor changed.
    pub fn map(&self, change: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self {
            input: change(&self.input)?,
            target: change(&self.target)?,
            weight: self.weight.as_ref().map(change).transpose()?,
        })
    }
}
