//! The photograph, its half-size version, and the part that is held out.

use anyhow::{Result, ensure};
use candle_core::{Device, Tensor};
use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Rgb, Rgb32FImage};
use rand::{Rng, rngs::StdRng};

const PHOTO: &[u8] = include_bytes!("../data/astronaut.png");

/// Colours in planes, from 0 to 1.
pub(crate) const CHANNELS: usize = 3;
/// The held-out part, in pixels of the half-size picture: the face and the collar.
const HELD_OUT: Square = Square {
    top: 4,
    left: 66,
    side: 104,
};
/// What lies this close to the held-out part is not learnt from: low-resolution pixels there know of it.
const MARGIN: usize = 4;

/// A square part of the half-size picture.
#[derive(Clone, Copy)]
struct Square {
    top: usize,
    left: usize,
    side: usize,
}

impl Square {
    fn overlaps(self, other: Self) -> bool {
        let apart = |a: usize, a_len: usize, b: usize, b_len: usize| {
            a + a_len + MARGIN <= b || b + b_len + MARGIN <= a
        };
        !apart(self.top, self.side, other.top, other.side)
            && !apart(self.left, self.side, other.left, other.side)
    }
}

/// The same part of the photograph three times, each `(n, 3, height, width)`.
pub(crate) struct Crops {
    /// Half the size.
    pub(crate) low: Tensor,
    /// That at full size again, by bicubic interpolation.
    pub(crate) bicubic: Tensor,
    /// The photograph itself.
    pub(crate) truth: Tensor,
}

/// The photograph.
pub(crate) struct Photo {
    low: Rgb32FImage,
    bicubic: Rgb32FImage,
    truth: Rgb32FImage,
}

impl Photo {
    /// Decodes it, and makes it smaller and larger again with the bicubic filter of Catmull and Rom.
    pub(crate) fn load() -> Result<Self> {
        let truth = image::load_from_memory(PHOTO)?.into_rgb32f();
        let (width, height) = truth.dimensions();
        ensure!(
            width.is_multiple_of(2) && height.is_multiple_of(2),
            "an odd size has no half"
        );
        let low = clamped(resize(
            &truth,
            width / 2,
            height / 2,
            FilterType::CatmullRom,
        ));
        let bicubic = clamped(resize(&low, width, height, FilterType::CatmullRom));
        Ok(Self {
            low,
            bicubic,
            truth,
        })
    }

    /// The largest side of a crop, in low-resolution pixels: the strip below the held-out part must hold it.
    pub(crate) fn largest(&self) -> usize {
        let height = self.low.height() as usize;
        height - HELD_OUT.top - HELD_OUT.side - MARGIN
    }

    /// The part that training never sees.
    pub(crate) fn held_out(&self) -> Result<Crops> {
        self.crops(&[(HELD_OUT, [false; 3])])
    }

    /// `count` random squares of `side` low-resolution pixels, mirrored and turned by chance.
    pub(crate) fn random_crops(
        &self,
        count: usize,
        side: usize,
        rng: &mut StdRng,
    ) -> Result<Crops> {
        let (width, height) = (self.low.width() as usize, self.low.height() as usize);
        let mut squares = Vec::with_capacity(count);
        while squares.len() < count {
            let square = Square {
                top: rng.random_range(0..=height - side),
                left: rng.random_range(0..=width - side),
                side,
            };
            if !square.overlaps(HELD_OUT) {
                squares.push((square, rng.random()));
            }
        }
        self.crops(&squares)
    }

    fn crops(&self, squares: &[(Square, [bool; 3])]) -> Result<Crops> {
        Ok(Crops {
            low: planes(&self.low, squares, 1)?,
            bicubic: planes(&self.bicubic, squares, 2)?,
            truth: planes(&self.truth, squares, 2)?,
        })
    }
}

/// The filter overshoots at edges.
fn clamped(mut image: Rgb32FImage) -> Rgb32FImage {
    for Rgb(pixel) in image.pixels_mut() {
        *pixel = pixel.map(|v| v.clamp(0.0, 1.0));
    }
    image
}

/// Squares of a picture that is `zoom` times as large, each turned as told.
fn planes(
    image: &ImageBuffer<Rgb<f32>, Vec<f32>>,
    squares: &[(Square, [bool; 3])],
    zoom: usize,
) -> Result<Tensor> {
    let side = squares.first().map_or(0, |(square, _)| square.side * zoom);
    let mut values = Vec::with_capacity(squares.len() * CHANNELS * side * side);
    for (square, [flip_y, flip_x, swap]) in squares {
        for channel in 0..CHANNELS {
            for i in 0..side {
                for j in 0..side {
                    let (y, x) = if *swap { (j, i) } else { (i, j) };
                    let y = square.top * zoom + if *flip_y { side - 1 - y } else { y };
                    let x = square.left * zoom + if *flip_x { side - 1 - x } else { x };
                    values.push(image.get_pixel(x as u32, y as u32).0[channel]);
                }
            }
        }
    }
    let shape = (squares.len(), CHANNELS, side, side);
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}
