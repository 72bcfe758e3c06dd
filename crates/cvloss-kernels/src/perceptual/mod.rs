//! Losses of features: two images pass through a frozen network, and their features are compared layer by layer.
//!
//! Here is what all of them share: images are read in chunks of items that fit the memory, both go through the network in
//! one batch, and the slopes of the features go back through it.

mod content;
mod contextual;
mod gram;
mod lpips;
mod pieces;
mod statistics;

use crate::conv::{Maps, Network, Tap, Trace};
use crate::error::{Error, Result, check_shape};
use crate::options::{Gradient, Reduction};
use crate::parallel;
use crate::scalar::Prim;
use crate::view::{View, ViewMut};

pub use content::{Content, FeatureMetric};
pub use contextual::{Contextual, evaluate_features};
pub use gram::{Gram, GramMetric, GramNormalization};
pub use lpips::Lpips;
pub use statistics::Statistics;

/// One item's features of one layer: a pair, and where the slopes go.
pub struct Pair<'a, T> {
    /// The input's.
    pub input: Features<'a, T>,
    /// The target's.
    pub target: Features<'a, T>,
    /// With respect to the input's features.
    pub input_slopes: Option<&'a mut [T]>,
    /// With respect to the target's.
    pub target_slopes: Option<&'a mut [T]>,
}

impl<'a, T> Pair<'a, T> {
    /// The same features, without slopes.
    fn plain(&self) -> Pair<'a, T>
    where
        T: Copy,
    {
        Pair {
            input: self.input,
            target: self.target,
            input_slopes: None,
            target_slopes: None,
        }
    }
}

/// One item's features of one layer: pixels of lanes.
#[derive(Clone, Copy)]
pub struct Features<'a, T> {
    /// The numbers, zero beyond the channels.
    pub numbers: &'a [T],
    /// Channels.
    pub channels: usize,
    /// Numbers per pixel.
    pub lanes: usize,
    /// Pixels.
    pub pixels: usize,
}

/// How features are compared.
pub trait Comparison<T>: Sync {
    /// The value of an item's layer; slopes are overwritten. Layers are counted over the taps, after the image, if it is
    /// compared too.
    fn compare(&self, layer: usize, pair: Pair<'_, T>) -> f64;

    /// What the values of all layers are added to.
    fn start(&self) -> f64 {
        0.0
    }
}

/// A network, and how images enter it.
pub struct Extractor<'a, T> {
    /// The network.
    pub network: &'a Network<T>,
    /// Where features are taken, in order.
    pub taps: &'a [Tap],
    /// Factor and offset of each channel before the network.
    pub affine: &'a [(f64, f64)],
    /// Factor and offset of the image itself, if it is compared as a layer too.
    pub image: Option<(f64, f64)>,
    /// About how many bytes a chunk of items may take; one item is always done at once.
    pub memory: usize,
}

/// The arguments of a loss of features.
pub struct Operands<'a> {
    /// The image.
    pub input: View<'a>,
    /// The other.
    pub target: View<'a>,
    /// Rows and pixels of a row.
    pub space: (usize, usize),
}

/// Where results go.
pub struct Results<'a> {
    /// One value per item.
    pub values: Option<ViewMut<'a>>,
    /// With respect to the input.
    pub input: Option<Gradient<'a>>,
    /// With respect to the target.
    pub target: Option<Gradient<'a>>,
}

/// Compares images by their features; returns the reduced value.
pub fn evaluate<T: Prim>(
    extractor: &Extractor<'_, T>,
    comparison: &impl Comparison<T>,
    operands: Operands<'_>,
    results: Results<'_>,
    reduction: Reduction,
) -> Result<f64> {
    parallel::enter(|| run(extractor, comparison, operands, results, reduction))
}

fn run<T: Prim>(
    extractor: &Extractor<'_, T>,
    comparison: &impl Comparison<T>,
    operands: Operands<'_>,
    mut results: Results<'_>,
    reduction: Reduction,
) -> Result<f64> {
    let [items, _, _] = operands.input.shape();
    let (height, width) = operands.space;
    check_shape("target", operands.input.shape(), operands.target.shape())?;
    if let Some(values) = &results.values {
        check_shape("values", [items, 1, 1], values.shape())?;
    }
    let scale = match reduction {
        Reduction::Mean => 1.0 / items.max(1) as f64,
        Reduction::None | Reduction::Sum => 1.0,
    };
    let each = extractor
        .network
        .bytes_per_item(height, width, extractor.taps);
    let at_once = (extractor.memory / (2 * each).max(1)).clamp(1, items.max(1));
    let mut total = 0.0;
    for start in (0..items).step_by(at_once) {
        let chunk = Chunk {
            extractor,
            start,
            items: at_once.min(items - start),
            space: operands.space,
            scale,
        };
        let values = chunk.run(comparison, &operands, &mut results)?;
        total += values.iter().sum::<f64>();
        if let Some(all) = &mut results.values {
            for (n, value) in values.into_iter().enumerate() {
                all.write_row(start + n, 0, 0, &[T::of(value)], false);
            }
        }
    }
    Ok(total * scale)
}

/// Some items of a batch.
struct Chunk<'a, 'b, T> {
    extractor: &'a Extractor<'b, T>,
    start: usize,
    items: usize,
    space: (usize, usize),
    scale: f64,
}

impl<T: Prim> Chunk<'_, '_, T> {
    fn run(
        &self,
        comparison: &impl Comparison<T>,
        operands: &Operands<'_>,
        results: &mut Results<'_>,
    ) -> Result<Vec<f64>> {
        let wanted = [results.input.is_some(), results.target.is_some()];
        // The image whose gradient is wanted comes first, so that nothing else need be kept.
        let is_swapped = wanted == [false, true];
        let views = match is_swapped {
            false => [&operands.input, &operands.target],
            true => [&operands.target, &operands.input],
        };
        let affine = self.extractor.affine;
        let graded = self.items * wanted.iter().filter(|is_wanted| **is_wanted).count();
        let (network, taps) = (self.extractor.network, self.extractor.taps);
        let mut trace = network.forward(self.read(views, affine)?, taps, graded)?;
        let mut features = std::mem::take(&mut trace.features);
        let mut values = vec![comparison.start(); self.items];
        let mut offset = 0;
        let mut image_slopes = None;
        if let Some((factor, shift)) = self.extractor.image {
            let image = self.read(views, &vec![(factor, shift); affine.len()])?;
            let slopes = self.compare(comparison, 0, &image, wanted, &mut values);
            image_slopes = Some(slopes);
            offset = 1;
        }
        let mut slopes = Vec::with_capacity(features.len());
        for (layer, features) in features.iter_mut().enumerate() {
            let features = std::mem::take(features);
            slopes.push(self.compare(comparison, layer + offset, &features, wanted, &mut values));
        }
        if graded > 0 {
            self.finish(trace, slopes, image_slopes, is_swapped, results)?;
        }
        Ok(values)
    }

    /// Both images of these items, one batch.
    fn read(&self, views: [&View<'_>; 2], affine: &[(f64, f64)]) -> Result<Maps<T>> {
        let [first, second] = views;
        let range = (self.start, self.items);
        let mut both = Maps::read(first, range, self.space, affine)?;
        let mut second = Maps::read(second, range, self.space, affine)?;
        both.data.append(&mut second.data);
        both.items *= 2;
        Ok(both)
    }

    /// Compares one layer of all items, and returns the slopes of those that are wanted, first images first.
    fn compare(
        &self,
        comparison: &impl Comparison<T>,
        layer: usize,
        features: &Maps<T>,
        wanted: [bool; 2],
        values: &mut [f64],
    ) -> Maps<T> {
        let count = wanted.iter().filter(|is_wanted| **is_wanted).count();
        let len = features.item_len();
        let shape = Maps {
            items: self.items * count,
            data: Vec::new(),
            ..*features
        };
        let mut slopes = shape.zeros_like();
        let of = |n: usize| Features {
            numbers: features.item(n),
            channels: features.channels,
            lanes: features.lanes,
            pixels: features.height * features.width,
        };
        let is_swapped = wanted == [false, true];
        let (first, second) = slopes.data.split_at_mut(len * self.items * count.min(1));
        for (n, value) in values.iter_mut().enumerate() {
            let (own, other) = (of(n), of(self.items + n));
            let first = (count > 0).then(|| &mut first[n * len..][..len]);
            let second = (count > 1).then(|| &mut second[n * len..][..len]);
            let pair = match is_swapped {
                false => Pair {
                    input: own,
                    target: other,
                    input_slopes: first,
                    target_slopes: second,
                },
                true => Pair {
                    input: other,
                    target: own,
                    input_slopes: second,
                    target_slopes: first,
                },
            };
            *value += comparison.compare(layer, pair);
        }
        slopes
    }

    /// Takes slopes of features back to the images.
    fn finish(
        &self,
        trace: Trace<T>,
        slopes: Vec<Maps<T>>,
        image_slopes: Option<Maps<T>>,
        is_swapped: bool,
        results: &mut Results<'_>,
    ) -> Result<()> {
        let gradient = self.extractor.network.backward(trace, slopes)?;
        let affine = self.extractor.affine;
        let factors: Vec<f64> = affine.iter().map(|(s, _)| s * self.scale).collect();
        let (first, second) = match is_swapped {
            false => (&mut results.input, &mut results.target),
            true => (&mut results.target, &mut results.input),
        };
        for (part, into) in [first, second].into_iter().enumerate() {
            let Some(into) = into else { continue };
            gradient.write_gradient(into, (part * self.items, self.items), self.start, &factors)?;
            if let (Some(slopes), Some((factor, _))) = (&image_slopes, self.extractor.image) {
                let mut more = into.reborrow();
                more.accumulate = true;
                let factors = vec![factor * self.scale; affine.len()];
                let items = (part * self.items, self.items);
                slopes.write_gradient(&mut more, items, self.start, &factors)?;
            }
        }
        Ok(())
    }
}

/// Features of one image, to be compared with later.
pub fn features<T: Prim>(
    extractor: &Extractor<'_, T>,
    image: &View<'_>,
    space: (usize, usize),
) -> Result<Vec<Maps<T>>> {
    parallel::enter(|| {
        let [items, _, _] = image.shape();
        let maps = Maps::read(image, (0, items), space, extractor.affine)?;
        let trace = extractor.network.forward(maps, extractor.taps, 0)?;
        Ok(trace.features)
    })
}

/// As [`evaluate`], with the target's features, of [`features`], instead of the target.
pub fn evaluate_with<T: Prim>(
    extractor: &Extractor<'_, T>,
    comparison: &impl Comparison<T>,
    (input, target): (View<'_>, &[Maps<T>]),
    space: (usize, usize),
    gradient: Option<Gradient<'_>>,
    reduction: Reduction,
) -> Result<f64> {
    parallel::enter(|| {
        let [items, _, _] = input.shape();
        let scale = match reduction {
            Reduction::Mean => 1.0 / items.max(1) as f64,
            Reduction::None | Reduction::Sum => 1.0,
        };
        let keep = gradient.is_some();
        let maps = Maps::read(&input, (0, items), space, extractor.affine)?;
        let graded = if keep { items } else { 0 };
        let mut trace = extractor.network.forward(maps, extractor.taps, graded)?;
        let features = std::mem::take(&mut trace.features);
        let fits = features.len() == target.len()
            && features.iter().zip(target).all(|(own, other)| {
                (own.height, own.width, own.channels, own.items)
                    == (other.height, other.width, other.channels, other.items)
            });
        if !fits {
            let shapes = |maps: &[Maps<T>]| {
                let shape = |m: &Maps<T>| (m.items, m.channels, m.height, m.width);
                format!("{:?}", maps.iter().map(shape).collect::<Vec<_>>())
            };
            return Err(Error::option(
                "target features",
                shapes(target),
                shapes(&features),
            ));
        }
        let mut total = 0.0;
        let mut slopes = Vec::with_capacity(features.len());
        for (layer, (own, other)) in features.iter().zip(target).enumerate() {
            let mut of_layer = match keep {
                true => own.zeros_like(),
                false => Maps::default(),
            };
            let len = own.item_len();
            for n in 0..items {
                let view = |numbers| Features {
                    numbers,
                    channels: own.channels,
                    lanes: own.lanes,
                    pixels: own.height * own.width,
                };
                let pair = Pair {
                    input: view(own.item(n)),
                    target: view(other.item(n)),
                    input_slopes: keep.then(|| &mut of_layer.data[n * len..][..len]),
                    target_slopes: None,
                };
                total += comparison.compare(layer, pair);
            }
            slopes.push(of_layer);
        }
        total += items as f64 * comparison.start();
        if let Some(mut gradient) = gradient.filter(|_| items > 0) {
            let image = extractor.network.backward(trace, slopes)?;
            let factors: Vec<f64> = extractor.affine.iter().map(|(s, _)| s * scale).collect();
            image.write_gradient(&mut gradient, (0, items), 0, &factors)?;
        }
        Ok(total * scale)
    })
}
