//! Weights of classes from how often they occur.

use crate::error::{Error, Result};

/// Class-balanced weights by the effective number of samples, with mean 1.
///
/// ```text
/// w_c ∝ (1 − β) / (1 − β^n_c)
/// ```
///
/// for `counts` `n_c` of points or samples per class. `β = 0` weighs all classes alike; towards 1, weights go to `1/n_c`.
/// A class that does not occur counts as if it did once. For the `class_weights` of any loss.
///
/// # Errors
/// Unless `beta` is in `[0, 1)`, and there is a count, all of them finite and at least 0.
///
/// # Agrees with
/// timm's `compute_class_weights(counts, n, method="effective_num")`.
///
/// # Reference
/// Cui et al., *Class-Balanced Loss Based on Effective Number of Samples*, 2019. <https://arxiv.org/abs/1901.05555>
///
/// # Example
/// ```
/// use cvloss::{CrossEntropyLoss, effective_number_weights};
///
/// let weights = effective_number_weights(&[1000.0, 10.0], 0.999)?;
/// assert!((weights[1] - 1.969).abs() < 1e-6);
/// let loss = CrossEntropyLoss { class_weights: Some(weights), ..CrossEntropyLoss::default() };
/// # Ok::<(), cvloss::Error>(())
/// ```
pub fn effective_number_weights(counts: &[f64], beta: f64) -> Result<Vec<f64>> {
    let error = |message: String| Error::Option {
        loss: "effective_number_weights",
        message,
    };
    if !(0.0..1.0).contains(&beta) {
        let message = format!("beta is {beta}, expected a number in 0..1");
        return Err(error(message));
    }
    if counts.is_empty() || counts.iter().any(|n| !(*n >= 0.0 && n.is_finite())) {
        let expected = "expected finite numbers of at least 0, at least one";
        return Err(error(format!("counts are {counts:?}, {expected}")));
    }
    // 1 − β^n without the cancellation of a β near 1.
    let weight = |n: &f64| match beta {
        0.0 => 1.0,
        beta => (1.0 - beta) / -(n.max(1.0) * beta.ln()).exp_m1(),
    };
    let weights: Vec<_> = counts.iter().map(weight).collect();
    let mean = weights.iter().sum::<f64>() / weights.len() as f64;
    Ok(weights.iter().map(|weight| weight / mean).collect())
}
