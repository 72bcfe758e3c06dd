//! Structural similarity: in one window, over a pyramid of scales, and in several windows at once.

#![forbid(unsafe_code)]

mod cpu;
mod multi;
mod options;
mod windows;

use crate::error::{Error, Result};
use crate::loops::window::{self, Outputs, Pair, Pixels, Scale};
use crate::options::{Gradient, Reduction};
use crate::scalar::Prim;
use crate::view::{View, ViewMut};

pub use crate::loops::window::Border;
pub use cpu::Dissimilarity;
pub use multi::{
    ChannelProduct, MultiScale, NegativeContrast, OddPooling, PyramidOptions, SmallImage,
    evaluate_pyramid, levels,
};
pub use options::{Covariance, LARGEST_WINDOW, Similarity, Taps, Variance, Window};
pub use windows::{MixOptions, check_mix, evaluate_mix};

use options::{check_space, extents};

/// What a similarity `s` becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SsimForm {
    /// `1 − s`, from 0 to 2: piq, MONAI, and `1 −` what pytorch_msssim, piqa and torchmetrics return.
    #[default]
    Whole,
    /// `(1 − s)/2`, from 0 to 1: kornia's `ssim_loss`.
    Half,
}

/// What an independent item of a loss of images is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Channels {
    /// An image: the mean over its channels.
    #[default]
    Average,
    /// Each channel of each image by itself.
    Separate,
}

/// Two images to compare.
#[derive(Clone, Debug)]
pub struct Operands<'a> {
    /// The first, (N, C, S).
    pub input: View<'a>,
    /// The second, of the same shape.
    pub target: View<'a>,
    /// A weight per pixel, (N, 1, S): windows see pixels by weight, and count by the weight of their centre.
    pub weight: Option<View<'a>>,
    /// The extents of S: one to three axes, the last one fastest.
    pub space: &'a [usize],
}

/// Where results go. Gradients are of the reduced value, or with [`Reduction::None`] of each item's own.
#[derive(Debug, Default)]
pub struct Results<'a> {
    /// One value per item, (N, 1, 1) or (N, C, 1), with [`Reduction::None`].
    pub values: Option<ViewMut<'a>>,
    /// With respect to the first image.
    pub input: Option<Gradient<'a>>,
    /// With respect to the second image.
    pub target: Option<Gradient<'a>>,
}

/// Options of [`evaluate`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The similarity.
    pub similarity: Similarity,
    /// Its factor in the loss: 1 for `1 − s`.
    pub similarity_weight: f64,
    /// The factor of the mean of `|x − y|`, in the same sweep; 0 for none.
    pub pixel_weight: f64,
    /// What an item is.
    pub channels: Channels,
    /// How items are reduced.
    pub reduction: Reduction,
}

/// `similarity_weight` times the mean of `1 − s`, plus `pixel_weight` times the mean of `|x − y|`.
pub fn evaluate(options: &Options, operands: &Operands<'_>, results: Results<'_>) -> Result<f64> {
    let similarity = &options.similarity;
    let axes = operands.space.len();
    let space = extents(operands.space)?;
    let taps = similarity.taps(axes)?;
    let scales = [similarity.scale(axes, true)?];
    check_space(operands.space, similarity.border, |axis| taps[axis].len())?;
    let call = Windows {
        options: window::Options {
            unbias: similarity.unbias(&taps)?,
            pixels: (options.pixel_weight != 0.0).then_some(Pixels::Plain),
            ..similarity.windows(&scales)
        },
        operands: operands.of(space),
        weights: Pair {
            windows: options.similarity_weight,
            pixels: options.pixel_weight,
        },
        channels: options.channels,
        reduction: options.reduction,
    };
    call.evaluate(results)
}

/// Fails unless the similarity's options are in range and an image with the extents `space` has room for its window.
pub fn check(similarity: &Similarity, space: &[usize]) -> Result<()> {
    check_options(similarity, space.len())?;
    let taps = similarity.taps(space.len())?;
    check_space(space, similarity.border, |axis| taps[axis].len())
}

/// Fails unless a term's factor is finite.
pub fn check_factor(option: &'static str, factor: f64) -> Result<()> {
    if factor.is_finite() {
        Ok(())
    } else {
        Err(Error::option(option, factor, "a finite number"))
    }
}

/// Fails unless the similarity's options are in range for images with so many axes of space.
pub fn check_options(similarity: &Similarity, axes: usize) -> Result<()> {
    let taps = similarity.taps(axes)?;
    similarity.constants()?;
    similarity.unbias(&taps).map(drop)
}

/// Writes `1 − s` of every window to `map`, (N, C, centres) with the extents of [`map_space`].
pub fn evaluate_map(
    similarity: &Similarity,
    operands: &Operands<'_>,
    map: ViewMut<'_>,
) -> Result<()> {
    let axes = operands.space.len();
    let taps = similarity.taps(axes)?;
    let scales = [similarity.scale(axes, true)?];
    check_space(operands.space, similarity.border, |axis| taps[axis].len())?;
    let options = window::Options {
        unbias: similarity.unbias(&taps)?,
        ..similarity.windows(&scales)
    };
    let outputs = Outputs {
        map: Some(map),
        ..Outputs::default()
    };
    window::evaluate(
        &options,
        &operands.of(extents(operands.space)?),
        &[],
        outputs,
    )
    .map(drop)
}

/// The extents of the map of an image with the extents `space`.
pub fn map_space(similarity: &Similarity, space: &[usize]) -> Result<Vec<usize>> {
    let taps = similarity.taps(space.len())?;
    check_space(space, similarity.border, |axis| taps[axis].len())?;
    let margin = |axis: usize| match similarity.border {
        Border::Valid => taps[axis].len() - 1,
        Border::Reflect | Border::Replicate | Border::Zero => 0,
    };
    let along = |(axis, len): (usize, &usize)| len.saturating_sub(margin(axis));
    Ok(space.iter().enumerate().map(along).collect())
}

impl Similarity {
    /// These windows with the policies of this similarity.
    fn windows<'a>(
        &self,
        scales: &'a [Scale<Dissimilarity>],
    ) -> window::Options<'a, Dissimilarity> {
        window::Options {
            scales,
            border: self.border,
            unbias: 1.0,
            clamps: self.variance == Variance::Clamped,
            pixels: None,
        }
    }
}

impl<'a> Operands<'a> {
    /// As the window sweep wants them.
    fn of(&self, space: [usize; 3]) -> window::Operands<'a> {
        window::Operands {
            input: self.input.clone(),
            target: self.target.clone(),
            weight: self.weight.clone(),
            space,
        }
    }
}

/// A loss that is a weighted mean over windows, and another over pixels.
struct Windows<'a> {
    options: window::Options<'a, Dissimilarity>,
    operands: window::Operands<'a>,
    weights: Pair,
    channels: Channels,
    reduction: Reduction,
}

impl Windows<'_> {
    fn evaluate(self, results: Results<'_>) -> Result<f64> {
        let [items, channels, _] = self.operands.input.shape();
        let denominators = window::denominators(&self.options, &self.operands);
        let items = Items {
            items,
            channels,
            of: self.channels,
            reduction: self.reduction,
        };
        let share = |total: f64, weight: f64| if total == 0.0 { 0.0 } else { weight / total };
        let shares: Vec<Pair> = denominators
            .iter()
            .map(|total| Pair {
                windows: share(total.windows, self.weights.windows),
                pixels: share(total.pixels, self.weights.pixels),
            })
            .collect();
        let slopes: Vec<Pair> = (0..items.planes())
            .map(|plane| Pair {
                windows: shares[plane / channels].windows * items.plane_share(),
                pixels: shares[plane / channels].pixels * items.plane_share(),
            })
            .collect();
        let outputs = Outputs {
            input: results.input,
            target: results.target,
            map: None,
        };
        let sums = window::evaluate(&self.options, &self.operands, &slopes, outputs)?;
        let losses = sums.iter().enumerate().map(|(plane, sum)| {
            let share = shares[plane / channels];
            share.windows * sum.windows + share.pixels * sum.pixels
        });
        items.reduce(losses.collect(), results.values)
    }
}

/// From losses of planes to the result.
#[derive(Clone, Copy, Debug)]
struct Items {
    items: usize,
    channels: usize,
    of: Channels,
    reduction: Reduction,
}

impl Items {
    fn planes(&self) -> usize {
        self.items * self.channels
    }

    /// How many values there are, and how many planes each is a mean of.
    fn count(&self) -> (usize, usize) {
        match self.of {
            Channels::Average => (self.items, self.channels),
            Channels::Separate => (self.planes(), 1),
        }
    }

    /// What a plane's loss is multiplied with in the result.
    fn plane_share(&self) -> f64 {
        let (count, planes) = self.count();
        let share = 1.0 / planes.max(1) as f64;
        match self.reduction {
            Reduction::None | Reduction::Sum => share,
            Reduction::Mean => share / count.max(1) as f64,
        }
    }

    /// Writes the values of items, and reduces them.
    fn reduce(&self, planes: Vec<f64>, values: Option<ViewMut<'_>>) -> Result<f64> {
        let (count, each) = self.count();
        let means: Vec<f64> = match each {
            0 => vec![0.0; count],
            _ => planes
                .chunks(each)
                .map(|planes| planes.iter().sum::<f64>() / each as f64)
                .collect(),
        };
        if let Some(mut view) = values {
            let across = match self.of {
                Channels::Average => 1,
                Channels::Separate => self.channels,
            };
            crate::error::check_shape("values", [self.items, across, 1], view.shape())?;
            for (at, mean) in means.iter().enumerate() {
                view.write_row(at / across, at % across, 0, &[f64::of(*mean)], false);
            }
        }
        let total: f64 = means.iter().sum();
        Ok(match self.reduction {
            Reduction::None | Reduction::Sum => total,
            Reduction::Mean => total / count.max(1) as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Tested<T> = std::result::Result<T, Box<dyn std::error::Error>>;

    #[test]
    fn work_memory_of_a_large_image_is_below_a_mebibyte() -> Tested<()> {
        // Tiles are as wide as the second image at most. A second gradient takes an eighth more.
        let most = 1 << 20;
        for (space, both, most) in [
            ([1080, 1920], false, most),
            ([64, 1951], false, most),
            ([64, 1951], true, most + most / 8),
        ] {
            let bytes = work_memory(space, both)?;
            assert!((1..most).contains(&bytes), "{space:?}: {bytes}");
        }
        Ok(())
    }

    /// Bytes that one thread keeps after a call with the gradient of one image or of both.
    fn work_memory(space: [usize; 2], both: bool) -> Tested<usize> {
        let shape = [1, 1, space[0] * space[1]];
        let image = vec![0.5f32; shape[2]];
        let mut gradients = [image.clone(), image.clone()];
        let options = Options {
            similarity: Similarity::new(1.0),
            similarity_weight: 1.0,
            pixel_weight: 1.0,
            channels: Channels::Average,
            reduction: Reduction::Mean,
        };
        let work = || -> Result<usize> {
            let [input, target] = &mut gradients;
            let operands = Operands {
                input: View::new(&image, shape)?,
                target: View::new(&image, shape)?,
                weight: None,
                space: &space,
            };
            let target = Gradient::new(ViewMut::new(target, shape)?);
            let results = Results {
                values: None,
                input: Some(Gradient::new(ViewMut::new(input, shape)?)),
                target: both.then_some(target),
            };
            evaluate(&options, &operands, results)?;
            Ok(size_of_val(f32::scratch().take().as_slice()))
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
        Ok(pool.install(work)?)
    }
}
