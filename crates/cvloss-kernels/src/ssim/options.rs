//! What structural similarity is made of.

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::loops::window::{Border, Scale};

use super::cpu::Dissimilarity;

/// The largest window along an axis.
pub const LARGEST_WINDOW: usize = 33;

/// The weights of the pixels in a window. Those along each axis are multiplied, and their sum is 1.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Taps {
    /// A Gaussian with this standard deviation in pixels: one for all axes, or one for each.
    Gaussian(Vec<f64>),
    /// All equal: scikit-image's default.
    Uniform,
}

/// A window that slides over an image.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct Window {
    /// Pixels across, odd, 1 to 33: one number for all axes, or one for each. Default 11.
    pub size: Vec<usize>,
    /// Default: a Gaussian of 1.5 pixels.
    pub taps: Taps,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            size: vec![11],
            taps: Taps::Gaussian(vec![1.5]),
        }
    }
}

impl Window {
    /// A Gaussian, the same along all axes.
    pub fn gaussian(size: usize, sigma: f64) -> Self {
        Self {
            size: vec![size],
            taps: Taps::Gaussian(vec![sigma]),
        }
    }

    /// Equal weights, the same along all axes.
    pub fn uniform(size: usize) -> Self {
        Self {
            size: vec![size],
            taps: Taps::Uniform,
        }
    }
}

/// What happens to variances that rounding has made negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Variance {
    /// They become 0, and so does their slope: torchmetrics, burn. Then −1 ≤ c ≤ 1, where the constants are positive.
    #[default]
    Clamped,
    /// Nothing: pytorch_msssim, piq, kornia.
    Plain,
}

/// What variances and covariances divide by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Covariance {
    /// The sum of the window's weights: the paper, pytorch_msssim, piq, kornia.
    #[default]
    Population,
    /// As if each of the window's `n` pixels were a sample: times `n / (n − 1)`. scikit-image's default.
    Sample,
}

/// Structural similarity of two images in one window.
///
/// ```text
/// s = l·c        l = (2 μ_x μ_y + C1) / (μ_x² + μ_y² + C1),  c = (2 σ_xy + C2) / (σ_x² + σ_y² + C2)
/// ```
///
/// with `C1 = (k1 L)²`, `C2 = (k2 L)²`, `L` the data range.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Similarity {
    /// The difference between the largest and the least value that pixels may have: 1, 2 or 255. It has no default:
    /// guessed from the data, it would make the loss jump.
    pub data_range: f64,
    /// Default 0.01.
    #[cfg_attr(feature = "serde", serde(default = "first"))]
    pub k1: f64,
    /// Default 0.03.
    #[cfg_attr(feature = "serde", serde(default = "second"))]
    pub k2: f64,
    /// Default: a Gaussian of 11 pixels with standard deviation 1.5.
    #[cfg_attr(feature = "serde", serde(default))]
    pub window: Window,
    /// Default: valid.
    #[cfg_attr(feature = "serde", serde(default))]
    pub border: Border,
    /// Default: clamped.
    #[cfg_attr(feature = "serde", serde(default))]
    pub variance: Variance,
    /// Default: population.
    #[cfg_attr(feature = "serde", serde(default))]
    pub covariance: Covariance,
}

#[cfg(feature = "serde")]
fn first() -> f64 {
    Similarity::new(1.0).k1
}

#[cfg(feature = "serde")]
fn second() -> f64 {
    Similarity::new(1.0).k2
}

impl Similarity {
    /// The paper's, for pixels that span `data_range`.
    pub fn new(data_range: f64) -> Self {
        Self {
            data_range,
            k1: 0.01,
            k2: 0.03,
            window: Window::default(),
            border: Border::default(),
            variance: Variance::default(),
            covariance: Covariance::default(),
        }
    }

    /// The window's weights along each of `axes` axes.
    pub fn taps(&self, axes: usize) -> Result<Vec<Vec<f64>>> {
        let sizes = each("window.size", &self.window.size, axes)?;
        let sigmas = match &self.window.taps {
            Taps::Gaussian(sigmas) => each("window.taps", sigmas, axes)?,
            Taps::Uniform => vec![f64::INFINITY; axes],
        };
        let is_uniform = self.window.taps == Taps::Uniform;
        let taps = |(size, sigma): (&usize, &f64)| {
            check_size(*size)?;
            if !is_uniform {
                check_positive("window.taps", *sigma)?;
            }
            Ok(gaussian(*size, *sigma))
        };
        sizes.iter().zip(&sigmas).map(taps).collect()
    }

    /// What variances are multiplied with, for a window of these taps.
    pub fn unbias(&self, taps: &[Vec<f64>]) -> Result<f64> {
        let pixels: usize = taps.iter().map(Vec::len).product();
        match self.covariance {
            Covariance::Population => Ok(1.0),
            Covariance::Sample if pixels > 1 => Ok(pixels as f64 / (pixels - 1) as f64),
            Covariance::Sample => Err(Error::option(
                "covariance",
                "Sample",
                "Population for a window of one pixel",
            )),
        }
    }

    /// `C1` and `C2`.
    pub fn constants(&self) -> Result<(f64, f64)> {
        check_positive("data_range", self.data_range)?;
        for (option, k) in [("k1", self.k1), ("k2", self.k2)] {
            if !(k >= 0.0 && k.is_finite()) {
                return Err(Error::option(option, k, "a finite number of at least 0"));
            }
        }
        let squared = |k: f64| (k * self.data_range).powi(2);
        Ok((squared(self.k1), squared(self.k2)))
    }

    /// The window and the formula over `axes` axes.
    pub(super) fn scale(&self, axes: usize, has_luminance: bool) -> Result<Scale<Dissimilarity>> {
        let (c1, c2) = self.constants()?;
        let luminance = if has_luminance { 1.0 } else { 0.0 };
        Ok(Scale {
            taps: on_three(self.taps(axes)?, Vec::new(), || vec![1.0]),
            formula: Dissimilarity { c1, c2, luminance },
        })
    }
}

/// The extents of a space of one to three axes as the window sweep wants them: depth or 1, then height and width; and of
/// an image height, 1, width.
pub(super) fn extents(space: &[usize]) -> Result<[usize; 3]> {
    if (1..=3).contains(&space.len()) {
        Ok(on_three(space.to_vec(), 0, || 1))
    } else {
        Err(Error::Layout {
            argument: "input",
            reason: format!("{} axes of space, expected 1 to 3", space.len()),
        })
    }
}

/// Puts what there is for one to three axes where the window sweep wants it.
fn on_three<T: Clone>(of_axes: Vec<T>, filler: T, missing: impl Fn() -> T) -> [T; 3] {
    let mut three = [filler.clone(), filler.clone(), filler];
    let places: &[usize] = match of_axes.len() {
        1 => &[2],
        2 => &[0, 2],
        _ => &[0, 1, 2],
    };
    for (place, slot) in three.iter_mut().enumerate() {
        *slot = match places.iter().position(|p| *p == place) {
            Some(axis) => of_axes.get(axis).cloned().unwrap_or_else(&missing),
            None => missing(),
        };
    }
    three
}

/// Fails unless every axis of `space` has room for the window; a space without pixels has.
pub(super) fn check_space(
    space: &[usize],
    border: Border,
    sizes: impl Fn(usize) -> usize,
) -> Result<()> {
    if space.contains(&0) {
        return Ok(());
    }
    let least = |axis: usize| least_len(border, sizes(axis));
    if (0..space.len()).all(|axis| space[axis] >= least(axis)) {
        return Ok(());
    }
    let least: Vec<_> = (0..space.len()).map(least).collect();
    Err(Error::Layout {
        argument: "input",
        reason: format!(
            "{space:?} pixels, expected at least {least:?} for a window of {:?} with border {border:?}",
            (0..space.len()).map(sizes).collect::<Vec<_>>()
        ),
    })
}

/// The least number of pixels along an axis with a window of `size`.
pub(super) fn least_len(border: Border, size: usize) -> usize {
    match border {
        Border::Valid => size,
        Border::Reflect => size / 2 + 1,
        Border::Replicate | Border::Zero => 1,
    }
}

/// One of `numbers` for each of so many axes.
fn each<T: Copy>(option: &'static str, numbers: &[T], axes: usize) -> Result<Vec<T>> {
    match numbers {
        [one] => Ok(vec![*one; axes]),
        _ if numbers.len() == axes => Ok(numbers.to_vec()),
        _ => Err(Error::option(
            option,
            format!("{} numbers", numbers.len()),
            format!("1, or {axes}: one for each axis"),
        )),
    }
}

/// The weights of a Gaussian window of `size` pixels; equal ones for an infinite `sigma`.
pub(super) fn gaussian(size: usize, sigma: f64) -> Vec<f64> {
    let middle = (size / 2) as f64;
    let weight = |i: usize| (-((i as f64 - middle) / sigma).powi(2) / 2.0).exp();
    let weights: Vec<f64> = (0..size).map(weight).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

pub(super) fn check_size(size: usize) -> Result<()> {
    if size % 2 == 1 && size <= LARGEST_WINDOW {
        Ok(())
    } else {
        let expected = format!("an odd number in 1..={LARGEST_WINDOW}");
        Err(Error::option("window.size", size, expected))
    }
}

pub(super) fn check_positive(option: &'static str, number: f64) -> Result<()> {
    if number > 0.0 && number.is_finite() {
        Ok(())
    } else {
        Err(Error::option(option, number, "a finite number above 0"))
    }
}
