//! Several windows at each pixel, without a pyramid.

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::loops::window::{self, Pair, Pixels, Scale};
use crate::options::Reduction;

use super::options::{Similarity, check_positive, check_size, check_space, extents};
use super::{
    Border, Channels, Dissimilarity, Operands, Results, Taps, Variance, Window, Windows,
    check_factor,
};

/// The most windows.
const MOST: usize = 8;
/// Taps below this share of the largest are left out: in `f64`, they change no sum.
const NEGLIGIBLE: f64 = 1e-18;

/// Options of [`evaluate_mix`].
#[derive(Clone, Debug)]
pub struct MixOptions {
    /// As of [`Similarity`].
    pub data_range: f64,
    /// As of [`Similarity`].
    pub k1: f64,
    /// As of [`Similarity`].
    pub k2: f64,
    /// The standard deviation of each window; luminance counts in the last.
    pub sigmas: Vec<f64>,
    /// Pixels across all windows.
    pub size: usize,
    /// What is beyond the border.
    pub border: Border,
    /// What happens to negative variances.
    pub variance: Variance,
    /// The share of structural similarity, in `[0, 1]`.
    pub alpha: f64,
    /// Multiplies the loss.
    pub scale: f64,
    /// How images are reduced.
    pub reduction: Reduction,
}

/// Fails unless the options are in range and an image with the extents `space` has room for the windows.
pub fn check_mix(options: &MixOptions, space: &[usize]) -> Result<()> {
    scales(options, &options.similarity(), space.len())?;
    if !(0.0..=1.0).contains(&options.alpha) {
        return Err(Error::option("alpha", options.alpha, "a number in 0..=1"));
    }
    check_factor("scale", options.scale)?;
    check_space(space, options.border, |_| options.size)
}

impl MixOptions {
    /// What all windows have.
    fn similarity(&self) -> Similarity {
        Similarity {
            k1: self.k1,
            k2: self.k2,
            border: self.border,
            variance: self.variance,
            ..Similarity::new(self.data_range)
        }
    }
}

/// `scale · (alpha · mean (1 − l_M Π c_j) + (1 − alpha) · mean (k_M * |x − y|) / L)`.
pub fn evaluate_mix(
    options: &MixOptions,
    operands: &Operands<'_>,
    results: Results<'_>,
) -> Result<f64> {
    check_mix(options, operands.space)?;
    let similarity = options.similarity();
    let scales = scales(options, &similarity, operands.space.len())?;
    let call = Windows {
        options: window::Options {
            pixels: Some(Pixels::Spread),
            ..similarity.windows(&scales)
        },
        operands: operands.of(extents(operands.space)?),
        weights: Pair {
            windows: options.scale * options.alpha,
            pixels: options.scale * (1.0 - options.alpha) / options.data_range,
        },
        channels: Channels::Average,
        reduction: options.reduction,
    };
    call.evaluate(results)
}

fn scales(
    options: &MixOptions,
    similarity: &Similarity,
    axes: usize,
) -> Result<Vec<Scale<Dissimilarity>>> {
    if options.sigmas.is_empty() || options.sigmas.len() > MOST {
        return Err(Error::option(
            "sigmas",
            format!("{} numbers", options.sigmas.len()),
            format!("1 to {MOST}"),
        ));
    }
    check_size(options.size)?;
    let last = options.sigmas.len() - 1;
    let scale = |(at, sigma): (usize, &f64)| {
        check_positive("sigmas", *sigma)?;
        let one = Similarity {
            window: Window {
                size: vec![options.size],
                taps: Taps::Gaussian(vec![*sigma]),
            },
            ..similarity.clone()
        };
        let mut scale = one.scale(axes, at == last)?;
        // The window of the last scale has the size that others are centred in.
        if at != last {
            scale.taps = scale.taps.map(trim);
        }
        Ok(scale)
    };
    options.sigmas.iter().enumerate().map(scale).collect()
}

/// Without the taps at both ends that count nothing.
fn trim(taps: Vec<f64>) -> Vec<f64> {
    let largest = taps[taps.len() / 2];
    let cut = taps
        .iter()
        .take_while(|tap| **tap < NEGLIGIBLE * largest)
        .count()
        .min(taps.len() / 2);
    taps[cut..taps.len() - cut].to_vec()
}
