//! Cross-entropy of the hardest points of a batch.

#![forbid(unsafe_code)]

use crate::cross_entropy::CrossEntropy;
use crate::error::{Error, Result, check_share};
use crate::loops::site::{self, Operands};
use crate::options::{Gradient, Normalizer, Reduction};
use crate::view::{View, ViewMut};

/// Stands for points that do not count. No class has it.
const DROPPED: i64 = -1;

/// Which points count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mining {
    /// Those whose true class has a probability below a threshold, and as many of the next as make up the least number.
    Below {
        /// The threshold, above 0 and at most 1.
        probability: f64,
        /// The least number of points per image of the batch.
        least: usize,
    },
    /// A share of all, at least one.
    Top {
        /// The share in `[0, 1]`, rounded down to a number of points.
        share: f64,
    },
}

/// What the mean over the hardest points divides by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum MinedMean {
    /// Their number: nnU-Net.
    #[default]
    Selected,
    /// The number of all points that are not ignored: mmsegmentation.
    All,
}

impl Mining {
    /// Fails if an option is out of range.
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::Below { probability, .. } => match probability > 0.0 && probability <= 1.0 {
                true => Ok(()),
                false => Err(Error::option(
                    "threshold",
                    probability,
                    "a number above 0 and at most 1",
                )),
            },
            Self::Top { share } => check_share("share", share),
        }
    }

    /// Marks the points that count, of some points' `−ln p`; absent points never do. Of equal points the first come first.
    pub fn select(&self, losses: &[Option<f64>], images: usize) -> Vec<bool> {
        let points: Vec<f64> = losses.iter().flatten().copied().collect();
        let (least, limit) = match *self {
            Self::Below { probability, least } => (least.saturating_mul(images), -probability.ln()),
            Self::Top { share } => {
                let count = (share * points.len() as f64).floor() as usize;
                (count.max(1), f64::INFINITY)
            }
        };
        let least = least.min(points.len());
        // The least loss among as many of the hardest. NaN is harder than any number, whatever its sign.
        let rank = |loss: f64| if loss.is_nan() { f64::NAN } else { loss };
        let mut sorted: Vec<_> = points.into_iter().map(rank).collect();
        let last = match least {
            0 => f64::INFINITY,
            _ => {
                *sorted
                    .select_nth_unstable_by(least - 1, |a, b| b.total_cmp(a))
                    .1
            }
        };
        let is_harder = |loss: f64| {
            loss.is_nan() || loss > limit || (least > 0 && loss.total_cmp(&last).is_gt())
        };
        let certain = losses.iter().flatten().filter(|loss| is_harder(**loss));
        let mut ties = least.saturating_sub(certain.count());
        let mut mark = |loss: &Option<f64>| {
            let Some(loss) = *loss else { return false };
            if is_harder(loss) {
                return true;
            }
            let is_tie = least > 0 && loss.total_cmp(&last).is_eq() && ties > 0;
            ties -= usize::from(is_tie);
            is_tie
        };
        losses.iter().map(&mut mark).collect()
    }
}

/// Cross-entropy of the points that `mining` chooses, by their `−ln p` without weights, among those that are not ignored
/// and whose weight is not 0. The target must be class indices; all others are as in [`site::evaluate`].
pub fn evaluate_mined(
    mining: Mining,
    mean: MinedMean,
    reduction: Reduction,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    mining.check()?;
    let [items, _, space] = operands.input.shape();
    let points = [items, 1, space];
    let mut losses = vec![0f64; items * space];
    let unweighted = Operands {
        weight: None,
        class_weights: None,
        ..operands.clone()
    };
    let into = Some(ViewMut::new(&mut losses, points)?);
    let (none, elements) = (Reduction::None, Normalizer::Elements);
    site::evaluate(CrossEntropy, &unweighted, none, elements, into, None)?;
    let mut labels = vec![DROPPED; items * space];
    let counting = counting(operands, &mut labels)?;
    let all = counting.iter().filter(|counts| **counts).count();
    let candidates: Vec<_> = losses
        .iter()
        .zip(&counting)
        .map(|(loss, counts)| counts.then_some(*loss))
        .collect();
    let selected = mining.select(&candidates, items);
    for (label, is_selected) in labels.iter_mut().zip(&selected) {
        if !is_selected {
            *label = DROPPED;
        }
    }
    let hardest = Operands {
        target: View::new(&labels, points)?,
        ignore: Some(DROPPED),
        ..operands.clone()
    };
    let denominator = match (reduction, mean) {
        (Reduction::None | Reduction::Sum, _) => 1,
        (Reduction::Mean, MinedMean::All) => all,
        (Reduction::Mean, MinedMean::Selected) => {
            selected.iter().filter(|selected| **selected).count()
        }
    };
    let factor = 1.0 / denominator.max(1) as f64;
    let gradient = gradient.map(|gradient| Gradient {
        scale: gradient.scale * factor,
        ..gradient
    });
    let reduction = match reduction {
        Reduction::None => Reduction::None,
        Reduction::Sum | Reduction::Mean => Reduction::Sum,
    };
    let sum = site::evaluate(
        CrossEntropy,
        &hardest,
        reduction,
        Normalizer::Elements,
        values,
        gradient,
    )?;
    Ok(sum * factor)
}

/// Reads the labels, and says which points are neither ignored nor weightless.
fn counting(operands: &Operands<'_>, labels: &mut [i64]) -> Result<Vec<bool>> {
    let [items, _, space] = operands.input.shape();
    let weight = match &operands.weight {
        Some(weight) => Some(weight.broadcast("weight", [items, 1, space])?),
        None => None,
    };
    let (mut row, mut weights) = (vec![0f64; space], vec![1f64; space]);
    let mut counting = Vec::with_capacity(labels.len());
    for (n, labels) in labels.chunks_exact_mut(space.max(1)).enumerate() {
        operands.target.read_row(n, 0, 0, &mut row);
        if let Some(weight) = &weight {
            weight.read_row(n, 0, 0, &mut weights);
        }
        for ((label, read), weight) in labels.iter_mut().zip(&row).zip(&weights) {
            *label = *read as i64;
            counting.push(Some(*label) != operands.ignore && *weight != 0.0);
        }
    }
    Ok(counting)
}
