//! What region losses share: options, sums, the composed form.

mod composed;

use candle_core::{Result, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::Reduction;
use kernels::region::{
    Absent, Activation, Average, ClassAverage, Classes, Intersection, ItemStatistics, Operands,
    Options, Pooling, Score, Smooth,
};

use crate::error;
use crate::loss::{Accumulator, Call, Checked, Fused, Geometry, Gradients, Inputs, Kernel, Value};

pub(super) use composed::{compose, included};

/// Options that Dice, Jaccard, Tversky and their relatives share.
///
/// All of them see prediction `p` and target `t` only through `I = Σ p t`, `P = Σ p`, `T = Σ t`, per image and class (or as
/// `pooling` and `average` say), and make a score `s` of these sums.
///
/// # Shapes
/// - input: `(N, C, *)`, logits unless the activation is [`Activation::Identity`]
/// - target: class indices `(N, *)` or `(N, 1, *)` as u8, u32, i64, or one-hot or soft targets `(N, C, *)` in the input's
///   dtype. With one channel, index 1 is the foreground, and axis 1 may be left out
/// - weight: a mask or weight map `(N, *)` or `(N, 1, *)`, which multiplies the terms of all sums
/// - value: `[]`; with [`Reduction::None`] `(N)`, one value per image, or `[]` where the batch is pooled
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct Region {
    /// How the input becomes probabilities. Default: softmax.
    pub activation: Activation,
    /// What one item's sums run over. Default: each image by itself.
    pub pooling: Pooling,
    /// How classes are put together. Default: one loss per class, then their average.
    pub average: Average,
    /// The intersection with soft targets. Default: the product.
    pub intersection: Intersection,
    /// What is added to numerator and denominator.
    pub smooth: Smooth,
    /// What a class without target points does. Default: it counts.
    pub absent: Absent,
    /// Which classes count. Default: all.
    pub classes: Classes,
    /// One weight per class; 1 where absent.
    pub class_weights: Option<Vec<f64>>,
    /// What the weighted sum over classes is divided by. Default: the number of classes that count.
    pub class_average: ClassAverage,
    /// Points with this index leave all sums. Default −100.
    pub ignore_index: Option<i64>,
    /// How images are reduced. Default: mean.
    pub reduction: Reduction,
}

impl Default for Region {
    fn default() -> Self {
        Self {
            activation: Activation::Softmax,
            pooling: Pooling::Image,
            average: Average::Macro,
            intersection: Intersection::Product,
            smooth: Smooth {
                numerator: 1e-5,
                denominator: 1e-5,
                floor: 0.0,
            },
            absent: Absent::Count,
            classes: Classes::All,
            class_weights: None,
            class_average: ClassAverage::Count,
            ignore_index: Some(-100),
            reduction: Reduction::Mean,
        }
    }
}

impl Region {
    /// For one channel of logits: sigmoid.
    pub fn binary() -> Self {
        Self {
            activation: Activation::Sigmoid,
            ..Self::default()
        }
    }

    /// The kernel's options for a score, without transform, power or per-pixel loss.
    pub(super) fn options(&self, score: Score) -> Options {
        Options {
            activation: self.activation,
            intersection: self.intersection,
            smooth: self.smooth,
            pooling: self.pooling,
            average: self.average,
            absent: self.absent,
            classes: self.classes.clone(),
            class_weights: self.class_weights.clone(),
            class_average: self.class_average,
            reduction: self.reduction,
            ..Options::new(score)
        }
    }
}

/// A loss that is a function of region sums. Implementing this is implementing [`Loss`](crate::Loss).
pub(crate) trait RegionLoss {
    const NAME: &'static str;

    fn options(&self) -> Options;
    fn ignore_index(&self) -> Option<i64>;

    /// Fails if an option is out of range that the kernel does not know by name.
    fn check(&self) -> kernels::Result<()> {
        Ok(())
    }
}

/// Shapes of per-image values: (N), and (N, 1, *) that broadcasts to the input; a scalar where the batch is pooled.
pub(super) fn region_items(
    reduction: Reduction,
    pooling: Pooling,
    input: &Shape,
) -> (Shape, Shape) {
    match (reduction, pooling) {
        (Reduction::None, Pooling::Image) => {
            let images = input.dims()[0];
            let mut wide = vec![1; input.rank()];
            wide[0] = images;
            (Shape::from(images), Shape::from(wide))
        }
        _ => (Shape::from(()), Shape::from(())),
    }
}

fn checked<L: RegionLoss>(loss: &L) -> error::Result<()> {
    loss.check().map_err(error::Error::kernel(L::NAME))
}

impl<L: RegionLoss> Fused for L {
    const NAME: &'static str = <L as RegionLoss>::NAME;
    const GEOMETRY: Geometry = Geometry::Sites;

    fn reduction(&self) -> Reduction {
        self.options().reduction
    }

    fn items(&self, input: &Shape) -> (Shape, Shape) {
        let options = self.options();
        region_items(options.reduction, options.pooling, input)
    }

    fn check(&self, _: &Tensor) -> error::Result<()> {
        checked(self)
    }

    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64> {
        let Call {
            input,
            target,
            weight,
            values,
            gradient,
            ..
        } = call;
        let operands = Operands {
            input,
            target,
            weight,
            ignore: self.ignore_index(),
        };
        kernels::region::evaluate(&self.options(), &operands, values, gradient)
    }

    fn kernel(&self, _: &Inputs<'_>) -> kernels::Result<Option<Kernel>> {
        Ok(Some(Kernel::Region {
            options: self.options(),
            ignore: self.ignore_index(),
        }))
    }

    fn compose(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        compose(&self.options(), self.ignore_index(), inputs)
    }
}

/// The sums that a region loss is made of, per image and class.
///
/// A loss that pools the batch is exact over several processes if their sums are added before going on: see
/// [`PooledLoss`].
#[derive(Clone, Debug, PartialEq)]
pub struct RegionStatistics {
    items: Vec<ItemStatistics>,
}

impl RegionStatistics {
    /// The sums of each image.
    pub fn items(&self) -> &[ItemStatistics] {
        &self.items
    }

    /// Adds the sums of another part of the batch, as if its images stood beside these.
    ///
    /// Only for losses with [`Pooling::Batch`].
    pub fn pool(&mut self, other: &Self) {
        match self.items.first_mut() {
            Some(first) => other.items.iter().for_each(|item| first.merge(item)),
            None => self.items.clone_from(&other.items),
        }
    }
}

/// A loss that can be cut at its sums: statistics first, value and gradient from statistics after.
///
/// In data-parallel training with [`Pooling::Batch`], every process takes the [`statistics`](Self::statistics) of its part,
/// adds those of the others ([`RegionStatistics::pool`]), and goes on; all then have the value of the whole batch, and each
/// its own part of the exact gradient.
pub trait PooledLoss {
    /// The sums of `inputs`.
    fn statistics(&self, inputs: &Inputs<'_>) -> error::Result<RegionStatistics>;

    /// The value and the gradient of `inputs`, given sums of which those of `inputs` are a part.
    fn value_and_grad_from(
        &self,
        inputs: &Inputs<'_>,
        statistics: &RegionStatistics,
    ) -> error::Result<(Tensor, Tensor)>;

    /// The loss of every image and class, `(N, C)`, or `(1, C)` where the batch is pooled. For looking: no gradient, no
    /// weights, no averaging.
    fn class_losses(&self, inputs: &Inputs<'_>) -> error::Result<Vec<Vec<f64>>>;
}

#[allow(private_bounds)]
impl<L: RegionLoss> PooledLoss for L {
    fn statistics(&self, inputs: &Inputs<'_>) -> error::Result<RegionStatistics> {
        checked(self)?;
        let options = self.options();
        let run = |call: Call<'_, '_>| {
            let Call {
                input,
                target,
                weight,
                ..
            } = call;
            let operands = Operands {
                input,
                target,
                weight,
                ignore: self.ignore_index(),
            };
            kernels::region::statistics(&options, &operands)
        };
        let items = Checked::new(<L as RegionLoss>::NAME, Geometry::Sites, inputs)?.call(
            None,
            Gradients::default(),
            run,
        )?;
        Ok(RegionStatistics { items })
    }

    fn value_and_grad_from(
        &self,
        inputs: &Inputs<'_>,
        statistics: &RegionStatistics,
    ) -> error::Result<(Tensor, Tensor)> {
        checked(self)?;
        let mut options = self.options();
        if options.reduction == Reduction::None {
            options.reduction = Reduction::Sum;
        }
        let mut gradient = Accumulator::new(inputs.input);
        let run = |call: Call<'_, '_>| {
            let Call {
                input,
                target,
                weight,
                gradient,
                ..
            } = call;
            let operands = Operands {
                input,
                target,
                weight,
                ignore: self.ignore_index(),
            };
            kernels::region::value_and_grad(&options, &operands, &statistics.items, None, gradient)
        };
        let checked = Checked::new(<L as RegionLoss>::NAME, Geometry::Sites, inputs)?;
        let gradients = Gradients {
            input: Some(&mut gradient),
            target: None,
        };
        let value = checked.call(None, gradients, run)?;
        Ok((
            Value::scalar(value, inputs.input)?.tensor,
            gradient.into_tensor()?,
        ))
    }

    fn class_losses(&self, inputs: &Inputs<'_>) -> error::Result<Vec<Vec<f64>>> {
        let statistics = self.statistics(inputs)?;
        Ok(kernels::region::class_losses(
            &self.options(),
            &statistics.items,
        ))
    }
}
