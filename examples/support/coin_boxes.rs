//! The photograph and a box around every coin: decoding, splitting, random crops.

use anyhow::{Result, ensure};
use candle_core::{Device, Tensor};
use image::GrayImage;
use rand::{Rng, rngs::StdRng};

const PHOTO: &[u8] = include_bytes!("../data/coins.png");
const LABELS: &[u8] = include_bytes!("../data/coins_labels.png");

/// Left, top, right, bottom in pixels.
pub(crate) type Corners = [f32; 4];

/// A part of the photograph with boxes around its coins.
pub(crate) struct Scene {
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// Brightness from 0 to 1, row by row.
    pub(crate) grey: Vec<f32>,
    pub(crate) boxes: Vec<Corners>,
}

/// The whole photograph, and its left two thirds to train on and the rest to test on.
pub(crate) fn load() -> Result<[Scene; 3]> {
    let (photo, labels) = (decode(PHOTO)?, decode(LABELS)?);
    ensure!(
        labels.dimensions() == photo.dimensions(),
        "the labels do not fit the photograph"
    );
    let (width, height) = photo.dimensions();
    let split = width * 2 / 3;
    let part = |from: u32, to: u32| Scene {
        height: height as usize,
        width: (to - from) as usize,
        grey: pixels(&photo, from, to)
            .map(|v| f32::from(v) / 255.0)
            .collect(),
        boxes: boxes(&labels, from, to),
    };
    Ok([part(0, width), part(0, split), part(split, width)])
}

fn decode(file: &[u8]) -> Result<GrayImage> {
    Ok(image::load_from_memory(file)?.into_luma8())
}

/// Columns `from..to`, row by row.
fn pixels(image: &GrayImage, from: u32, to: u32) -> impl Iterator<Item = u8> {
    let rows = (0..image.height()).flat_map(move |y| (from..to).map(move |x| (x, y)));
    rows.map(|(x, y)| image.get_pixel(x, y).0[0])
}

/// A box around what columns `from..to` show of each coin, if that is half of it or more.
fn boxes(labels: &GrayImage, from: u32, to: u32) -> Vec<Corners> {
    let last = labels.iter().copied().max().unwrap_or(0);
    let of = |label: u8| {
        let all = labels
            .enumerate_pixels()
            .filter(|(_, _, p)| p.0[0] == label);
        let (mut area, mut seen) = (0, 0);
        let mut corners = [f32::INFINITY, f32::INFINITY, 0.0, 0.0];
        for (x, y, _) in all {
            area += 1;
            if (from..to).contains(&x) {
                seen += 1;
                let (x, y) = ((x - from) as f32, y as f32);
                let [left, top, right, bottom] = corners;
                corners = [
                    left.min(x),
                    top.min(y),
                    right.max(x + 1.0),
                    bottom.max(y + 1.0),
                ];
            }
        }
        (area > 0 && 2 * seen >= area).then_some(corners)
    };
    (1..=last).filter_map(of).collect()
}

impl Scene {
    /// The scene as `(1, 1, height, width)`, padded to a multiple of `stride`, as the network sees it.
    pub(crate) fn input(&self, stride: usize) -> Result<Tensor> {
        let shape = (1, 1, self.height, self.width);
        let tensor = Tensor::from_slice(&self.grey, shape, &Device::Cpu)?.affine(4.0, -2.0)?;
        let missing = |size: usize| size.next_multiple_of(stride) - size;
        Ok(tensor
            .pad_with_same(2, 0, missing(self.height))?
            .pad_with_same(3, 0, missing(self.width))?)
    }

    /// A random square crop, mirrored and turned by chance and a little brighter or darker, with the boxes that it
    /// shows half of or more.
    pub(crate) fn crop(&self, side: usize, rng: &mut StdRng) -> (Vec<f32>, Vec<Corners>) {
        let top = rng.random_range(0..=self.height - side);
        let left = rng.random_range(0..=self.width - side);
        let [flip_y, flip_x, swap]: [bool; 3] = rng.random();
        let light = rng.random_range(-0.3f32..0.3);
        let mut pixels = Vec::with_capacity(side * side);
        for i in 0..side {
            for j in 0..side {
                let (y, x) = if swap { (j, i) } else { (i, j) };
                let y = top + if flip_y { side - 1 - y } else { y };
                let x = left + if flip_x { side - 1 - x } else { x };
                pixels.push(4.0 * self.grey[y * self.width + x] - 2.0 + light);
            }
        }
        let end = side as f32;
        let flip = |low: f32, high: f32, flip: bool| match flip {
            true => (end - high, end - low),
            false => (low, high),
        };
        let shown = |&[x1, y1, x2, y2]: &Corners| {
            let (x1, x2) = flip(x1 - left as f32, x2 - left as f32, flip_x);
            let (y1, y2) = flip(y1 - top as f32, y2 - top as f32, flip_y);
            let cut = |v: f32| v.clamp(0.0, end);
            let part = (cut(x2) - cut(x1)) * (cut(y2) - cut(y1));
            let corners = match swap {
                true => [cut(y1), cut(x1), cut(y2), cut(x2)],
                false => [cut(x1), cut(y1), cut(x2), cut(y2)],
            };
            (2.0 * part >= (x2 - x1) * (y2 - y1)).then_some(corners)
        };
        (pixels, self.boxes.iter().filter_map(shown).collect())
    }
}
