//! The kernels for devices.

#![forbid(unsafe_code)]

use crate::device::overlap::{Divisor, Riding};

use super::{Activation, Extra, Options};

/// What rides along, as kernels for so many classes have it. See [`crate::device::overlap`].
pub(crate) fn extra(options: &Options, classes: usize, is_index: bool) -> Option<Riding> {
    let riding = match options.activation {
        Activation::Softmax => over_softmax(&options.extra, classes, is_index),
        Activation::Sigmoid => over_sigmoids(&options.extra),
        // There are no logits.
        Activation::Identity => None,
    };
    riding.map(|riding| Riding {
        weight: options.extra.weight(),
        ..riding
    })
}

/// A formula, with a mean over elements.
fn plain(sweep: &'static str, formula: Vec<f64>) -> Riding {
    Riding {
        sweep,
        spreads: false,
        formula,
        smoothing: 0.0,
        auxiliary: None,
        divisor: Divisor::Elements,
        weight: 1.0,
    }
}

fn over_softmax(extra: &Extra, classes: usize, is_index: bool) -> Option<Riding> {
    match extra {
        Extra::CrossEntropy {
            class_weights,
            label_smoothing,
            ..
        } => {
            let spreads = !is_index || *label_smoothing != 0.0;
            let sweep = match spreads {
                true => "region_spread",
                false => "region_cross_entropy",
            };
            Some(Riding {
                spreads,
                smoothing: *label_smoothing,
                auxiliary: class_weights.clone(),
                divisor: match class_weights {
                    Some(_) if is_index => Divisor::Classes,
                    _ => Divisor::Mass,
                },
                ..plain(sweep, Vec::new())
            })
        }
        Extra::Focal { alpha, gamma, .. } => Some(Riding {
            auxiliary: alpha.map(|alpha| {
                let mut of_classes = vec![alpha; classes];
                of_classes[..1].fill(1.0 - alpha);
                of_classes
            }),
            divisor: Divisor::Points,
            ..plain("region_focal", vec![*gamma])
        }),
        // The options' check has refused the last.
        Extra::None | Extra::BalancedBce { .. } => None,
    }
}

fn over_sigmoids(extra: &Extra) -> Option<Riding> {
    match extra {
        Extra::None => None,
        Extra::CrossEntropy {
            class_weights,
            label_smoothing,
            ..
        } => Some(Riding {
            auxiliary: class_weights.clone(),
            ..plain("region_bce", vec![*label_smoothing])
        }),
        Extra::Focal { alpha, gamma, .. } => {
            let (positive, negative) = alpha.map_or((1.0, 1.0), |alpha| (alpha, 1.0 - alpha));
            let formula = vec![positive, negative, *gamma];
            Some(plain("region_mixture", formula))
        }
        Extra::BalancedBce { beta, .. } => {
            let formula = vec![*beta, 1.0 - *beta, 0.0];
            Some(plain("region_linear", formula))
        }
    }
}
