//! Style: distances of Gram matrices.

use super::{Comparison, Pair};
use crate::conv::{gram, mix};
use crate::scalar::Prim;

/// What a Gram matrix `G = Σ_p f_p f_pᵀ` of C channels and M pixels is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum GramNormalization {
    /// Nothing, as piq's `StyleLoss`.
    None,
    /// `C·M`, as Johnson et al. and BasicSR.
    #[default]
    Chw,
    /// `2·C·M`, so that [`GramMetric::SquaredSum`] gives `Σ(ΔG)² / (4 C² M²)`, as Gatys et al.
    Gatys,
}

/// How Gram matrices of C × C numbers are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum GramMetric {
    /// `Σ(ΔG)²`, the squared Frobenius norm, as both papers have it.
    #[default]
    SquaredSum,
    /// `Σ(ΔG)² / C²`, as piq's `StyleLoss` and BasicSR's `criterion: l2`.
    SquaredMean,
    /// `Σ|ΔG| / C²`, as BasicSR's `criterion: l1`.
    AbsoluteMean,
}

/// A weighted sum of distances of the Gram matrices of layers.
pub struct Gram {
    /// One per layer.
    pub weights: Vec<f64>,
    /// What matrices are divided by.
    pub normalization: GramNormalization,
    /// The distance.
    pub metric: GramMetric,
}

impl<T: Prim> Comparison<T> for Gram {
    fn compare(&self, layer: usize, pair: Pair<'_, T>) -> f64 {
        let (channels, lanes) = (pair.input.channels, pair.input.lanes);
        let size = (channels * pair.input.pixels).max(1) as f64;
        let factor = match self.normalization {
            GramNormalization::None => 1.0,
            GramNormalization::Chw => 1.0 / size,
            GramNormalization::Gatys => 0.5 / size,
        };
        let entries = (channels * channels).max(1) as f64;
        let (own, other) = (
            gram(pair.input.numbers, lanes),
            gram(pair.target.numbers, lanes),
        );
        let mut slopes = vec![T::default(); lanes * lanes];
        let mut total = 0.0;
        for ((own, other), slope) in own.iter().zip(&other).zip(&mut slopes) {
            let d = (own.to_f64() - other.to_f64()) * factor;
            let (value, derivative) = match self.metric {
                GramMetric::SquaredSum => (d * d, 2.0 * d),
                GramMetric::SquaredMean => (d * d / entries, 2.0 * d / entries),
                GramMetric::AbsoluteMean => (d.abs() / entries, sign(d) / entries),
            };
            total += value;
            // G is symmetric, and each number is in two of its entries.
            *slope = T::of(2.0 * self.weights[layer] * factor * derivative);
        }
        if let Some(into) = pair.input_slopes {
            mix(pair.input.numbers, lanes, &slopes, into);
        }
        if let Some(into) = pair.target_slopes {
            for slope in &mut slopes {
                *slope = T::of(-slope.to_f64());
            }
            mix(pair.target.numbers, lanes, &slopes, into);
        }
        self.weights[layer] * total
    }
}

/// 0 at 0, NaN at NaN.
fn sign(d: f64) -> f64 {
    if d == 0.0 { 0.0 } else { d.signum() }
}
