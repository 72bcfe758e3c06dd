//! Tensors whose channels lie side by side, turned round block by block.

use std::ops::Range;

use ndarray::{Axis, s};

use crate::scalar::{Prim, Scalar};

use super::{Array, ArrayMut};

/// Pixels and channels that are turned round at a time.
const PIXELS: usize = 16;
const CHANNELS: usize = 64;

/// Where blocks of so many pixels and channels start.
fn blocks(pixels: usize, channels: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..pixels)
        .step_by(PIXELS)
        .flat_map(move |first| (0..channels).step_by(CHANNELS).map(move |c| (first, c)))
}

pub(super) fn are_channels_last(
    (_, channels, space): (usize, usize, usize),
    strides: &[isize],
) -> bool {
    channels > 1 && space > 1 && strides[1] == 1 && strides[2] != 1
}

/// See [`View::read_pixels`].
pub(super) fn read_pixels<T: Scalar, P: Prim>(
    array: &Array<'_, T>,
    n: usize,
    pixels: Range<usize>,
    rows: &mut [P],
) {
    let channels = array.len_of(Axis(1));
    let len = rows.len() / channels;
    let plane = array.index_axis(Axis(0), n);
    for (first, c) in blocks(len, channels) {
        let mut block = [[P::default(); CHANNELS]; PIXELS];
        let k = CHANNELS.min(channels - c);
        for (row, pixel) in block.iter_mut().zip(pixels.clone().skip(first)) {
            let row = &mut row[..k];
            let pixel = plane.index_axis(Axis(1), pixel);
            match pixel.to_slice() {
                Some(pixel) => Scalar::read_slice(&pixel[c..c + k], row),
                None => {
                    for (to, from) in row.iter_mut().zip(pixel.slice(s![c..])) {
                        *to = from.read();
                    }
                }
            }
        }
        for j in 0..k {
            let to = &mut rows[(c + j) * len + first..][..PIXELS];
            for i in 0..PIXELS {
                to[i] = block[i][j];
            }
        }
    }
}

/// See [`ViewMut::write_pixels`].
pub(super) fn write_pixels<T: Scalar, P: Prim>(
    array: &mut ArrayMut<'_, T>,
    n: usize,
    pixels: Range<usize>,
    rows: &[P],
    add: bool,
) {
    let channels = array.len_of(Axis(1));
    let len = rows.len() / channels;
    let mut plane = array.index_axis_mut(Axis(0), n);
    for (first, c) in blocks(pixels.len(), channels) {
        let mut block = [[P::default(); CHANNELS]; PIXELS];
        let k = CHANNELS.min(channels - c);
        for j in 0..k {
            let from = &rows[(c + j) * len + first..][..PIXELS];
            for i in 0..PIXELS {
                block[i][j] = from[i];
            }
        }
        for (row, pixel) in block.iter().zip(pixels.clone().skip(first)) {
            let mut pixel = plane.index_axis_mut(Axis(1), pixel);
            match (pixel.as_slice_mut(), add) {
                (Some(to), false) => Scalar::write_slice(&row[..k], &mut to[c..c + k]),
                (Some(to), true) => Scalar::add_slice(&row[..k], &mut to[c..c + k]),
                (None, _) => {
                    for (to, from) in pixel.iter_mut().skip(c).zip(&row[..k]) {
                        let old = if add { to.read::<P>().to_f64() } else { 0.0 };
                        *to = Scalar::write(P::of(old + from.to_f64()));
                    }
                }
            }
        }
    }
}
