//! Networks composed of candle operations: on any device, on candle's tape, and around its wrong gradients of pooling.

use candle_core::{DType, Result, Tensor};
use cvloss_kernels::conv::{MaxPool, Tap};

use super::gradient;
use super::layers::{LayerSpec, Operation, Part};
use crate::perceptual::weights::Weights;

/// The features of normalised images at `taps`, which go up.
pub(super) fn features(
    layers: &[LayerSpec],
    weights: &Weights,
    image: &Tensor,
    taps: &[Tap],
) -> Result<Vec<Tensor>> {
    let last = taps.iter().map(|tap| tap.layer).max();
    let mut features = Vec::with_capacity(taps.len());
    let mut current = image.clone();
    for (layer, spec) in layers
        .iter()
        .enumerate()
        .take(last.map_or(0, |last| last + 1))
    {
        let is_tapped = |before_relu| taps.contains(&Tap { layer, before_relu });
        current = match &spec.operation {
            Operation::MaxPool(pool) => max_pool(&current, *pool)?,
            Operation::L2Pool => l2_pool(&current)?,
            Operation::Convolution(_) => {
                let raw = convolution(spec, weights, &current)?;
                if is_tapped(true) {
                    features.push(raw.clone());
                }
                // candle's own relu has slope 1 at 0.
                raw.le(0.0)?.where_cond(&raw.zeros_like()?, &raw)?
            }
        };
        if is_tapped(false) {
            features.push(current.clone());
        }
    }
    Ok(features)
}

fn convolution(spec: &LayerSpec, weights: &Weights, input: &Tensor) -> Result<Tensor> {
    let like = |key: String| -> Result<Tensor> {
        let tensor = weights.tensor(&key).map_err(candle_core::Error::from)?;
        tensor.to_dtype(input.dtype())?.to_device(input.device())
    };
    let mut outputs = Vec::new();
    for part in spec.parts() {
        let weight = like(format!("{}.weight", part.key))?;
        let bias = like(format!("{}.bias", part.key))?.reshape((1, part.outputs, 1, 1))?;
        let sums = match part.stride {
            1 => gradient::convolution(input, &weight, part.border)?,
            stride => windows(input, part)?.conv2d(&weight, 0, stride, 1, 1)?,
        };
        outputs.push(sums.broadcast_add(&bias)?);
    }
    Tensor::cat(&outputs, 1)
}

/// An image with its border, as far as windows reach.
///
/// candle's gradient of a convolution with a stride takes what is left over of the rows for the columns too, so that
/// nothing must be left over.
fn windows(input: &Tensor, part: &Part) -> Result<Tensor> {
    let mut image = input.clone();
    for axis in [2, 3] {
        image = image.pad_with_zeros(axis, part.border, part.border)?;
        let Some(room) = image.dim(axis)?.checked_sub(part.side) else {
            candle_core::bail!(
                "input has {} pixels, expected at least {}",
                image.dim(axis)?,
                part.side
            )
        };
        let used = room / part.stride * part.stride + part.side;
        image = image.narrow(axis, 0, used)?;
    }
    image.contiguous()
}

/// The largest of the windows' pixels, one after the other: of equal ones the first has the gradient.
fn max_pool(input: &Tensor, pool: MaxPool) -> Result<Tensor> {
    let (_, _, height, width) = input.dims4()?;
    let Some((rows, columns)) = pool.output_size(height, width) else {
        candle_core::bail!(
            "input is {height} x {width}, expected at least {0} x {0} pixels where a layer has windows of that size",
            pool.side
        )
    };
    let mut best: Option<Tensor> = None;
    for i in 0..pool.side {
        for j in 0..pool.side {
            let pixels = take(input, 2, (rows, pool.stride, i))?;
            let pixels = take(&pixels, 3, (columns, pool.stride, j))?;
            best = Some(match best {
                None => pixels,
                Some(best) => {
                    // NaN is larger than all.
                    let is_larger = pixels.gt(&best)?;
                    let is_nan = pixels.ne(&pixels)?;
                    let best = is_larger.where_cond(&pixels, &best)?;
                    is_nan.where_cond(&pixels, &best)?
                }
            });
        }
    }
    best.ok_or_else(|| candle_core::Error::msg("a window without pixels"))
}

/// `count` entries along an axis, `step` apart from `start` on; beyond the last one, the last one again.
fn take(
    input: &Tensor,
    axis: usize,
    (count, step, start): (usize, usize, usize),
) -> Result<Tensor> {
    let last = input.dim(axis)?.saturating_sub(1);
    let indices: Vec<u32> = (0..count)
        .map(|at| (at * step + start).min(last) as u32)
        .collect();
    let indices = Tensor::from_vec(indices, count, input.device())?;
    input.contiguous()?.index_select(&indices, axis)
}

/// The root of blurred squares, as a sum of shifted images.
fn l2_pool(input: &Tensor) -> Result<Tensor> {
    const TAPS: [f64; 3] = [0.25, 0.5, 0.25];
    let (_, _, height, width) = input.dims4()?;
    let squares = input
        .sqr()?
        .pad_with_zeros(2, 1, 2)?
        .pad_with_zeros(3, 1, 2)?;
    let mut sum: Option<Tensor> = None;
    for (i, row) in TAPS.iter().enumerate() {
        for (j, column) in TAPS.iter().enumerate() {
            let pixels = take(&squares, 2, (height.div_ceil(2), 2, i))?;
            let pixels = take(&pixels, 3, (width.div_ceil(2), 2, j))?;
            let term = (pixels * (row * column))?;
            sum = Some(match sum {
                None => term,
                Some(sum) => (sum + term)?,
            });
        }
    }
    match sum {
        Some(sum) => (sum + 1e-12)?.sqrt(),
        None => input.to_dtype(DType::F32),
    }
}
