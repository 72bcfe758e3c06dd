//! Binary cross-entropy whose weights come from how many positives there are.

#![forbid(unsafe_code)]

use crate::error::Result;
use crate::loops::pointwise::{self, Operands, Pointwise, target_and_mass, widen};
use crate::math::{Logistic, Real};
use crate::options::{Gradient, Normalizer, Reduction};
use crate::view::{View, ViewMut, check_view};

/// What the share of positives is counted over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Balance {
    /// The whole batch: pytorch-toolbelt.
    #[default]
    Batch,
    /// Each item of axis 0 by itself, all channels: HED's training, one image at a time.
    Image,
}

/// `−β t ln p − (1 − β)(1 − t) ln(1 − p)`; `β` is the auxiliary number.
#[derive(Clone, Copy, Debug)]
pub struct BalancedBce;

impl Pointwise for BalancedBce {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R) {
        let Logistic {
            odds,
            minus_ln_p,
            minus_ln_q,
        } = Logistic::new(x);
        let (positive, negative) = (a * t, (R::one() - a) * (R::one() - t));
        (
            positive.mul_add(minus_ln_p, negative * minus_ln_q),
            negative.mul_add(odds.p, -(positive * odds.q)),
        )
    }
}

/// Balanced cross-entropy: the weight `β` of positives is the share of negatives, that of negatives the share of
/// positives, both by weight and without ignored elements. `image_axis` is the axis that holds the images.
pub fn evaluate_balanced(
    balance: Balance,
    image_axis: usize,
    normalizer: Normalizer,
    reduction: Reduction,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let shape = operands.input.shape();
    check_view("target", shape, &operands.target)?;
    let weight = widen("weight", &operands.weight, shape)?;
    let images = match balance {
        Balance::Batch => 1,
        Balance::Image => shape[image_axis],
    };
    let part = |view: &View<'_>, image: usize| match balance {
        Balance::Batch => target_and_mass(&Operands {
            target: view.reborrow(),
            weight: weight.clone(),
            ..operands.clone()
        }),
        Balance::Image => target_and_mass(&Operands {
            target: view.clone().narrow(image_axis, image, 1),
            weight: weight.clone().map(|w| w.narrow(image_axis, image, 1)),
            ..operands.clone()
        }),
    };
    let share = |image| {
        let (positives, all) = part(&operands.target, image);
        // Nothing counts: nothing is weighed.
        if all == 0.0 {
            0.5
        } else {
            1.0 - positives / all
        }
    };
    let shares: Vec<f64> = (0..images).map(share).collect();
    let mut wide = [1; 3];
    wide[image_axis] = images;
    let operands = Operands {
        auxiliary: Some(View::new(&shares, wide)?),
        ..operands.clone()
    };
    pointwise::evaluate(
        BalancedBce,
        &operands,
        reduction,
        normalizer,
        values,
        gradient,
    )
}
