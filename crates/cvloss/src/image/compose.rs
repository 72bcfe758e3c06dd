//! Structural similarity composed of candle operations.
//!
//! Filters and pooling are products with a matrix per axis, which holds the border too: exact, on every device, and with
//! candle's gradient of `matmul`.

use candle_core::{Result, Tensor};
use cvloss_kernels::Reduction;
use cvloss_kernels::ssim::{Border, Channels, OddPooling, Similarity, Variance};

use crate::loss::Inputs;

/// Two images, their weights, and what is beyond their border.
pub(super) struct Pair {
    pub(super) x: Tensor,
    pub(super) y: Tensor,
    /// (N, 1, *); ones where there are none.
    pub(super) w: Tensor,
}

impl Pair {
    pub(super) fn new(inputs: &Inputs<'_>) -> Result<Self> {
        let w = match inputs.weight {
            Some(weight) => weight.clone(),
            None => inputs.input.narrow(1, 0, 1)?.ones_like()?.detach(),
        };
        let off = w.eq(0.0)?;
        let keep = |image: &Tensor| {
            off.broadcast_as(image.shape())?
                .where_cond(&image.zeros_like()?, image)
        };
        Ok(Self {
            x: keep(inputs.input)?,
            y: keep(inputs.target)?,
            w,
        })
    }

    /// `|x − y|`, with slope 0 at 0, where candle has 1.
    pub(super) fn distance(&self) -> Result<Tensor> {
        let d = (&self.x - &self.y)?;
        let sign = (d.gt(0.0)?.to_dtype(d.dtype())? - d.lt(0.0)?.to_dtype(d.dtype())?)?;
        // NaN has no sign, and must stay.
        let sign = d.eq(&d)?.where_cond(&sign, &d.detach())?;
        d * sign
    }

    /// Half the size along each axis.
    pub(super) fn halved(&self, odd: OddPooling) -> Result<Self> {
        let matrices: Vec<_> = self.x.dims()[2..]
            .iter()
            .map(|len| halving(*len, odd, &self.x))
            .collect::<Result<_>>()?;
        let ones = self.w.ones_like()?.detach();
        let zeros = (ones_after(&ones, &matrices)? - filter(&ones, &matrices)?)?;
        let w = (filter(&self.w, &matrices)? + zeros)?;
        let safe = w.eq(0.0)?.where_cond(&w.ones_like()?, &w)?;
        let mean = |image: &Tensor| {
            filter(&image.broadcast_mul(&self.w)?, &matrices)?.broadcast_div(&safe)
        };
        Ok(Self {
            x: mean(&self.x)?,
            y: mean(&self.y)?,
            w,
        })
    }

    /// `1 − l·c` in each window, or `1 − c`.
    pub(super) fn dissimilarity(
        &self,
        similarity: &Similarity,
        has_luminance: bool,
    ) -> Result<Tensor> {
        let taps = similarity
            .taps(self.x.rank() - 2)
            .map_err(candle_core::Error::wrap)?;
        let unbias = similarity.unbias(&taps).map_err(candle_core::Error::wrap)?;
        let (c1, c2) = similarity.constants().map_err(candle_core::Error::wrap)?;
        let matrices = windows(&taps, similarity.border, &self.x)?;
        let ones = self.w.ones_like()?.detach();
        let zeros = (ones_after(&ones, &matrices)? - filter(&ones, &matrices)?)?;
        let total = (filter(&self.w, &matrices)? + &zeros)?;
        let safe = total.eq(0.0)?.where_cond(&total.ones_like()?, &total)?;
        let mean = |image: &Tensor, beyond: f64| {
            let inside = filter(&image.broadcast_mul(&self.w)?, &matrices)?;
            inside
                .broadcast_add(&(&zeros * beyond)?)?
                .broadcast_div(&safe)
        };
        // The variance of numbers far from 0 has few digits.
        let shift = similarity.data_range;
        let (s, d) = (((&self.x + &self.y)? - shift)?, (&self.x - &self.y)?);
        let (mean_s, mean_d) = (mean(&s, -shift)?, mean(&d, 0.0)?);
        let variance = |x: &Tensor, mean_x: &Tensor, beyond: f64| {
            let variance = ((mean(&x.sqr()?, beyond)? - mean_x.sqr()?)? * unbias)?;
            match similarity.variance {
                Variance::Plain => Ok(variance),
                Variance::Clamped => variance
                    .lt(0.0)?
                    .where_cond(&variance.zeros_like()?, &variance),
            }
        };
        let variance_s = variance(&s, &mean_s, shift * shift)?;
        let variance_d = variance(&d, &mean_d, 0.0)?;
        let c = share(&variance_d, &variance_s, c2)?;
        if !has_luminance {
            return Ok(c);
        }
        let l = share(&mean_d.sqr()?, &(mean_s + shift)?.sqr()?, c1)?;
        &l + (l.affine(-1.0, 1.0)? * c)?
    }

    /// What windows see of `image`, weighted but not divided by weights.
    pub(super) fn seen(&self, image: &Tensor, taps: &[Vec<f64>], border: Border) -> Result<Tensor> {
        filter(
            &image.broadcast_mul(&self.w)?,
            &windows(taps, border, image)?,
        )
    }

    /// The weighted mean of a map of windows, for each plane: (N, C).
    pub(super) fn mean_of_windows(&self, map: &Tensor, similarity: &Similarity) -> Result<Tensor> {
        let w = centre_weights(&self.w, map, similarity.border)?;
        let off = w.eq(0.0)?.broadcast_as(map.shape())?;
        let weighted = off.where_cond(&map.zeros_like()?, &map.broadcast_mul(&w)?)?;
        quotient(&plane_sums(&weighted)?, &plane_sums(&w)?)
    }

    /// The sum of `numbers`, already weighted, over the weights of all pixels: (N, C).
    pub(super) fn mean_of_pixels(&self, numbers: &Tensor) -> Result<Tensor> {
        quotient(&plane_sums(numbers)?, &plane_sums(&self.w)?)
    }

    /// The sum of `numbers` over the weights of centres: (N, C).
    pub(super) fn mean_of_seen(&self, numbers: &Tensor, border: Border) -> Result<Tensor> {
        let w = centre_weights(&self.w, numbers, border)?;
        quotient(&plane_sums(numbers)?, &plane_sums(&w)?)
    }
}

/// `a / ((a + b)/2 + c)`, or 0 for 0/0.
fn share(a: &Tensor, b: &Tensor, c: f64) -> Result<Tensor> {
    let under = ((a + b)? * 0.5)?.affine(1.0, c)?;
    let safe = under.eq(0.0)?.where_cond(&under.ones_like()?, &under)?;
    let share = (a / &safe)?;
    under.eq(0.0)?.where_cond(&share.zeros_like()?, &share)
}

/// Sums over nothing are 0.
fn quotient(sums: &Tensor, totals: &Tensor) -> Result<Tensor> {
    let safe = totals.eq(0.0)?.where_cond(&totals.ones_like()?, totals)?;
    sums.broadcast_div(&safe)
}

fn plane_sums(map: &Tensor) -> Result<Tensor> {
    map.flatten_from(2)?.sum(2)
}

/// The weights of the pixels that windows have their centres at.
fn centre_weights(w: &Tensor, map: &Tensor, border: Border) -> Result<Tensor> {
    let mut w = w.clone();
    if border == Border::Valid {
        for axis in 2..map.rank() {
            let len = map.dim(axis)?;
            w = w.narrow(axis, (w.dim(axis)? - len) / 2, len)?;
        }
    }
    Ok(w)
}

/// Ones in the shape that a filter makes of `ones`.
fn ones_after(ones: &Tensor, matrices: &[Tensor]) -> Result<Tensor> {
    let mut shape = ones.dims().to_vec();
    for (len, matrix) in shape.iter_mut().skip(2).zip(matrices) {
        *len = matrix.dim(1)?;
    }
    Tensor::ones(shape, ones.dtype(), ones.device())
}

/// Multiplies each axis of space with its matrix.
fn filter(image: &Tensor, matrices: &[Tensor]) -> Result<Tensor> {
    let mut image = image.clone();
    let last = image.rank() - 1;
    for (axis, matrix) in matrices.iter().enumerate() {
        let turned = image.transpose(axis + 2, last)?.contiguous()?;
        let mut shape = turned.dims().to_vec();
        let rows = shape[..last].iter().product::<usize>();
        let product = turned.reshape((rows, shape[last]))?.matmul(matrix)?;
        shape[last] = matrix.dim(1)?;
        image = product.reshape(shape)?.transpose(axis + 2, last)?;
    }
    image.contiguous()
}

/// A matrix for each axis, from pixels to windows.
fn windows(taps: &[Vec<f64>], border: Border, like: &Tensor) -> Result<Vec<Tensor>> {
    let of_axis = |(len, taps): (&usize, &Vec<f64>)| window(*len, taps, border, like);
    like.dims()[2..].iter().zip(taps).map(of_axis).collect()
}

fn window(len: usize, taps: &[f64], border: Border, like: &Tensor) -> Result<Tensor> {
    let (len, radius) = (len as isize, (taps.len() / 2) as isize);
    let centres = match border {
        Border::Valid => radius..len - radius,
        Border::Reflect | Border::Replicate | Border::Zero => 0..len,
    };
    let columns = (centres.end - centres.start).max(0) as usize;
    let mut matrix = vec![0.0; len as usize * columns];
    for (column, centre) in centres.enumerate() {
        for (at, tap) in (centre - radius..).zip(taps) {
            let pixel = match border {
                Border::Reflect if at < 0 => -at,
                Border::Reflect if at >= len => 2 * (len - 1) - at,
                Border::Replicate => at.clamp(0, len - 1),
                Border::Valid | Border::Reflect | Border::Zero => at,
            };
            if (0..len).contains(&pixel) {
                matrix[pixel as usize * columns + column] += tap;
            }
        }
    }
    Tensor::from_vec(matrix, (len as usize, columns), like.device())?.to_dtype(like.dtype())
}

/// From pixels to those of half the size.
fn halving(len: usize, odd: OddPooling, like: &Tensor) -> Result<Tensor> {
    let is_odd = len % 2 == 1;
    let early = is_odd && matches!(odd, OddPooling::KeepFirst | OddPooling::ZeroFirst);
    let columns = match odd {
        OddPooling::Drop => len / 2,
        OddPooling::KeepLast | OddPooling::KeepFirst | OddPooling::ZeroFirst => len.div_ceil(2),
    };
    let mut matrix = vec![0.0; len * columns];
    for row in 0..len {
        let column = (row + usize::from(early)) / 2;
        let is_alone = match odd {
            OddPooling::KeepFirst => is_odd && row == 0,
            OddPooling::KeepLast => is_odd && row + 1 == len,
            OddPooling::Drop | OddPooling::ZeroFirst => false,
        };
        if column < columns {
            matrix[row * columns + column] = if is_alone { 1.0 } else { 0.5 };
        }
    }
    Tensor::from_vec(matrix, (len, columns), like.device())?.to_dtype(like.dtype())
}

/// The result for images without pixels, which candle's operations do not all take.
pub(super) fn nothing(
    input: &Tensor,
    channels: Channels,
    reduction: Reduction,
) -> Result<Option<Tensor>> {
    if input.elem_count() > 0 {
        return Ok(None);
    }
    let shape = match (reduction, channels) {
        (Reduction::Sum | Reduction::Mean, _) => &[],
        (Reduction::None, Channels::Average) => &input.dims()[..1],
        (Reduction::None, Channels::Separate) => &input.dims()[..2],
    };
    Tensor::zeros(shape, input.dtype(), input.device()).map(Some)
}

/// From losses of planes (N, C) to the result.
pub(super) fn reduce(planes: &Tensor, channels: Channels, reduction: Reduction) -> Result<Tensor> {
    let items = match channels {
        Channels::Average => planes.mean(1)?,
        Channels::Separate => planes.clone(),
    };
    match reduction {
        Reduction::None => Ok(items),
        Reduction::Sum => items.sum_all(),
        Reduction::Mean => items.mean_all(),
    }
}
