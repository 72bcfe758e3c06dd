//! Region losses: Dice, Jaccard, Tversky and their relatives, alone or with a per-pixel loss.
//!
//! All of them are functions of three sums per item and class, `I = Σ p t`, `P = Σ p`, `T = Σ t`: a score
//! `s = (a I + smooth_n) / (b I + c P + d T + smooth_d)`, a transform of it, and an average over classes. [`statistics`]
//! takes the sums, [`value_and_grad`] goes on from them; sums pooled over several processes go in between
//! ([`ItemStatistics::merge`]).

#![forbid(unsafe_code)]

mod cpu;
pub(crate) mod device;
mod forms;
mod policies;
mod score;

use crate::error::{Error, Result, check_class_weights, check_share, check_weight};
use crate::loops::overlap::{self, Extras, Known, NoExtra, SigmoidExtra, SoftmaxExtra};
use crate::options::{Gradient, Reduction};
use crate::scalar::DType;
use crate::view::ViewMut;

pub use crate::loops::overlap::{Activation, Intersection, ItemStatistics, Operands};
use cpu::{CrossEntropy, Focal, SigmoidCe, SigmoidFocal, WeightedBce};
pub use forms::{DiceForm, F1Sides, FocalPower, check_exp_log, check_tversky, check_unified};
pub use policies::{Absent, Average, ClassAverage, Classes, Pooling, VolumeWeight};
use score::Assessment;
pub use score::{Ratio, Score, Smooth, Transform};

/// Options of a region loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How the input becomes probabilities.
    pub activation: Activation,
    /// The intersection of soft targets.
    pub intersection: Intersection,
    /// The score's coefficients.
    pub score: Score,
    /// From a score to a loss for class 0, where that is another than for the others; not in micro averages.
    pub background: Option<Transform>,
    /// `P` and `T` are sums of squares.
    pub squared: bool,
    /// What is added to numerator and denominator.
    pub smooth: Smooth,
    /// From a score to a loss.
    pub transform: Transform,
    /// The power of the class average.
    pub power: f64,
    /// What the sums run over.
    pub pooling: Pooling,
    /// How classes are put together.
    pub average: Average,
    /// What a class without target points does.
    pub absent: Absent,
    /// Which classes count.
    pub classes: Classes,
    /// One weight per class; 1 where absent.
    pub class_weights: Option<Vec<f64>>,
    /// What the average over classes divides by.
    pub class_average: ClassAverage,
    /// How items are reduced.
    pub reduction: Reduction,
    /// The factor of the region loss.
    pub weight: f64,
    /// A per-pixel loss on top.
    pub extra: Extra,
}

/// A per-pixel loss that is evaluated in the same sweeps as the region loss.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Extra {
    /// None.
    #[default]
    None,
    /// `weight` times cross-entropy: of the softmax, averaged as torch does (over class weights for indices, over points
    /// for distributions); or binary, with the class weights for positives, averaged over elements.
    CrossEntropy {
        /// The factor.
        weight: f64,
        /// One weight per class; 1 where absent.
        class_weights: Option<Vec<f64>>,
        /// Share of the target that is spread over the classes, or moved to the opposite.
        label_smoothing: f64,
    },
    /// `weight` times focal loss: of the softmax, averaged over pixels (`alpha` for all classes but the first, which has
    /// `1 − alpha`; needs hard targets); or of sigmoids, averaged over elements.
    Focal {
        /// The factor.
        weight: f64,
        /// Weight of positives.
        alpha: Option<f64>,
        /// Focusing parameter.
        gamma: f64,
    },
    /// `weight` times `−β t ln p − (1 − β)(1 − t) ln(1 − p)`, averaged over elements; sigmoids only.
    BalancedBce {
        /// The factor.
        weight: f64,
        /// The weight of positives in `[0, 1]`.
        beta: f64,
    },
}

impl Extra {
    /// The factor.
    fn weight(&self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::CrossEntropy { weight, .. }
            | Self::Focal { weight, .. }
            | Self::BalancedBce { weight, .. } => *weight,
        }
    }
}

/// Value, and gradient if wanted: both sweeps.
///
/// `values`, (N, 1, 1) or with [`Pooling::Batch`] (1, 1, 1), receives one value per item with [`Reduction::None`]; the
/// gradient is then that of each item's own value.
pub fn evaluate(
    options: &Options,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    options.check_against(operands.input.shape()[1], operands.target.dtype())?;
    if let Some(values) = &values {
        // Before the first sweep writes anything.
        let count = match options.pooling {
            Pooling::Image => operands.input.shape()[0],
            Pooling::Batch => 1,
        };
        crate::error::check_shape("values", [count, 1, 1], values.shape())?;
    }
    let Some(mut gradient) = gradient else {
        let statistics = with_extras(options, operands, Statistics)?;
        return finish(options, operands, &statistics, values, None);
    };
    let items = operands.input.shape()[0];
    if options.extra == Extra::None
        && options.pooling == Pooling::Image
        && overlap::are_apart(operands.input.shape())
    {
        let slopes = |item: &ItemStatistics| score::item_slopes(options, item, items);
        let statistics = overlap::sweep_items(&options.sums(), operands, gradient, &slopes)?;
        return finish(options, operands, &statistics, values, None);
    }
    let (statistics, known) = with_extras(
        options,
        operands,
        StatisticsAndStash {
            gradient: &mut gradient,
        },
    )?;
    let gradient = Some((gradient, Some(known)));
    finish(options, operands, &statistics, values, gradient)
}

/// The first sweep: the sums of every item.
pub fn statistics(options: &Options, operands: &Operands<'_>) -> Result<Vec<ItemStatistics>> {
    options.check_against(operands.input.shape()[1], operands.target.dtype())?;
    with_extras(options, operands, Statistics)
}

/// From sums to the value, and the second sweep if a gradient is wanted.
///
/// `statistics` has one entry per item. With [`Pooling::Batch`] each may be the item's own, or the first the sum of all
/// and the others empty; to pool over processes, add what came from the others to the first.
pub fn value_and_grad(
    options: &Options,
    operands: &Operands<'_>,
    statistics: &[ItemStatistics],
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    options.check_against(operands.input.shape()[1], operands.target.dtype())?;
    let [items, classes, _] = operands.input.shape();
    if statistics.len() != items || statistics.iter().any(|item| item.classes.len() != classes) {
        return Err(Error::option(
            "statistics",
            format!("{} items", statistics.len()),
            format!("{items} items of {classes} classes"),
        ));
    }
    let gradient = gradient.map(|gradient| (gradient, None));
    finish(options, operands, statistics, values, gradient)
}

/// From sums to the value, and the second sweep if a gradient is wanted, with what the first may have found.
fn finish(
    options: &Options,
    operands: &Operands<'_>,
    statistics: &[ItemStatistics],
    values: Option<ViewMut<'_>>,
    gradient: Option<(Gradient<'_>, Option<Known>)>,
) -> Result<f64> {
    let Assessment {
        value,
        item_values,
        slopes,
    } = score::assess(options, statistics, operands.target.dtype().is_index());
    if let Some(mut values) = values {
        crate::error::check_shape("values", [item_values.len(), 1, 1], values.shape())?;
        for (n, value) in item_values.iter().enumerate() {
            values.write_row(n, 0, 0, &[*value], false);
        }
    }
    if let Some((gradient, known)) = gradient {
        with_extras(
            options,
            operands,
            Slopes {
                slopes: &slopes,
                gradient,
                known,
            },
        )?;
    }
    Ok(value)
}

/// The loss of every class: (N, C) values, or (1, C) with [`Pooling::Batch`]; for looking, without a gradient.
pub fn class_losses(options: &Options, statistics: &[ItemStatistics]) -> Vec<Vec<f64>> {
    score::class_losses(options, statistics)
}

impl Options {
    /// Fails if an option is out of range, whatever the input.
    pub fn check(&self) -> Result<()> {
        match &self.extra {
            Extra::None => {}
            Extra::CrossEntropy {
                label_smoothing, ..
            } => check_share("label_smoothing", *label_smoothing)?,
            Extra::Focal { alpha, gamma, .. } => {
                crate::focal::check_gamma(*gamma)?;
                alpha.map_or(Ok(()), |alpha| check_share("alpha", alpha))?;
            }
            Extra::BalancedBce { beta, .. } => {
                check_share("beta", *beta)?;
                if self.activation != Activation::Sigmoid {
                    return Err(Error::option(
                        "activation",
                        format!("{:?}", self.activation),
                        "Sigmoid",
                    ));
                }
            }
        }
        let gamma = match self.transform {
            Transform::Power(gamma) | Transform::LogPower(gamma) => gamma,
            _ => self.power,
        };
        check_weight("gamma", gamma)?;
        if let Score::Matthews { counts } = self.score {
            check_weight("counts", counts)?;
        }
        check_weight("smooth.numerator", self.smooth.numerator)?;
        check_weight("smooth.denominator", self.smooth.denominator)?;
        check_weight("smooth.floor", self.smooth.floor)
    }

    /// What the sums are of.
    fn sums(&self) -> overlap::Options {
        overlap::Options {
            activation: self.activation,
            intersection: self.intersection,
            squared: self.squared,
        }
    }

    /// Fails if an option is out of range or does not fit the number of classes.
    pub(crate) fn check_against(&self, classes: usize, target: DType) -> Result<()> {
        self.check()?;
        let extra_weights = match &self.extra {
            Extra::CrossEntropy { class_weights, .. } => class_weights.as_ref(),
            Extra::Focal { .. } if self.activation == Activation::Softmax && !target.is_index() => {
                return Err(Error::DType {
                    argument: "target",
                    expected: "u8, u32 or i64 class indices (softmax focal loss)",
                    got: target,
                });
            }
            _ => None,
        };
        for weights in [self.class_weights.as_ref(), extra_weights]
            .into_iter()
            .flatten()
        {
            check_class_weights(weights, classes)?;
        }
        if let Classes::Listed(list) = &self.classes
            && let Some(class) = list.iter().find(|class| **class >= classes)
        {
            return Err(Error::option(
                "classes",
                class,
                format!("classes below {classes}"),
            ));
        }
        Ok(())
    }
}

/// A sweep, whatever rides along.
trait Sweep {
    type Output;
    fn run<M: SoftmaxExtra, S: SigmoidExtra>(
        self,
        options: &overlap::Options,
        extras: Extras<M, S>,
        operands: &Operands<'_>,
    ) -> Result<Self::Output>;
}

struct Statistics;
impl Sweep for Statistics {
    type Output = Vec<ItemStatistics>;
    fn run<M: SoftmaxExtra, S: SigmoidExtra>(
        self,
        options: &overlap::Options,
        extras: Extras<M, S>,
        operands: &Operands<'_>,
    ) -> Result<Self::Output> {
        overlap::statistics(options, extras, operands)
    }
}

struct StatisticsAndStash<'a, 'g> {
    gradient: &'a mut Gradient<'g>,
}
impl Sweep for StatisticsAndStash<'_, '_> {
    type Output = (Vec<ItemStatistics>, Known);
    fn run<M: SoftmaxExtra, S: SigmoidExtra>(
        self,
        options: &overlap::Options,
        extras: Extras<M, S>,
        operands: &Operands<'_>,
    ) -> Result<Self::Output> {
        overlap::statistics_and_stash(options, extras, operands, self.gradient)
    }
}

struct Slopes<'a, 'g> {
    slopes: &'a [overlap::ItemSlopes],
    gradient: Gradient<'g>,
    known: Option<Known>,
}
impl Sweep for Slopes<'_, '_> {
    type Output = ();
    fn run<M: SoftmaxExtra, S: SigmoidExtra>(
        self,
        options: &overlap::Options,
        extras: Extras<M, S>,
        operands: &Operands<'_>,
    ) -> Result<()> {
        let Self {
            slopes,
            gradient,
            known,
        } = self;
        overlap::second_sweep(options, extras, operands, slopes, gradient, known)
    }
}

/// Runs a sweep with the formula that the options name.
fn with_extras<W: Sweep>(
    options: &Options,
    operands: &Operands<'_>,
    sweep: W,
) -> Result<W::Output> {
    let sums = options.sums();
    let softmax = options.activation == Activation::Softmax;
    let classes = operands.input.shape()[1];
    match &options.extra {
        Extra::None => sweep.run(
            &sums,
            Extras {
                softmax: NoExtra,
                sigmoid: NoExtra,
            },
            operands,
        ),
        Extra::CrossEntropy {
            class_weights,
            label_smoothing,
            ..
        } => {
            let class_weights = class_weights.as_deref();
            let label_smoothing = *label_smoothing;
            if softmax {
                let extra = CrossEntropy {
                    class_weights,
                    label_smoothing,
                    classes,
                };
                sweep.run(
                    &sums,
                    Extras {
                        softmax: extra,
                        sigmoid: NoExtra,
                    },
                    operands,
                )
            } else {
                let extra = SigmoidCe::new(label_smoothing, class_weights);
                sweep.run(
                    &sums,
                    Extras {
                        softmax: NoExtra,
                        sigmoid: extra,
                    },
                    operands,
                )
            }
        }
        Extra::Focal { alpha, gamma, .. } => {
            if softmax {
                let extra = Focal::new(*alpha, *gamma);
                sweep.run(
                    &sums,
                    Extras {
                        softmax: extra,
                        sigmoid: NoExtra,
                    },
                    operands,
                )
            } else {
                let extra = SigmoidFocal::new(*alpha, *gamma);
                sweep.run(
                    &sums,
                    Extras {
                        softmax: NoExtra,
                        sigmoid: extra,
                    },
                    operands,
                )
            }
        }
        Extra::BalancedBce { beta, .. } => {
            let extra = WeightedBce::new(*beta);
            sweep.run(
                &sums,
                Extras {
                    softmax: NoExtra,
                    sigmoid: extra,
                },
                operands,
            )
        }
    }
}
