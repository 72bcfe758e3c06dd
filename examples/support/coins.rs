//! The photograph and its mask: decoding, splitting, random crops.

use std::ops::Range;

use anyhow::{Result, ensure};
use candle_core::{Device, Tensor};
use image::{GrayImage, imageops::crop_imm};
use rand::{Rng, rngs::StdRng};

const PHOTO: &[u8] = include_bytes!("../data/coins.png");
const MASK: &[u8] = include_bytes!("../data/coins_mask.png");

/// A part of the photograph with its truth; all of it row by row.
pub(crate) struct Scene {
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// Brightness from 0 to 1.
    pub(crate) grey: Vec<f32>,
    /// The same as the network sees it.
    input: Vec<f32>,
    /// 1 where there is a coin, else 0.
    pub(crate) truth: Vec<f32>,
}

/// The left two thirds of the photograph to train on, the rest to test on.
pub(crate) fn load() -> Result<(Scene, Scene)> {
    let (photo, mask) = (decode(PHOTO)?, decode(MASK)?);
    let (width, height) = photo.dimensions();
    ensure!(
        mask.dimensions() == (width, height),
        "the mask does not fit the photograph"
    );
    let part = |columns: Range<u32>| -> Result<Scene> {
        let cut = |from| crop_imm(from, columns.start, 0, columns.len() as u32, height).to_image();
        let values = |image: GrayImage| image.iter().map(|&v| f32::from(v) / 255.0).collect();
        let (height, width) = (height as usize, columns.len());
        let grey: Vec<f32> = values(cut(&photo));
        Ok(Scene {
            height,
            width,
            input: standardise(&grey),
            grey,
            truth: values(cut(&mask)),
        })
    };
    let split = width * 2 / 3;
    Ok((part(0..split)?, part(split..width)?))
}

fn decode(file: &[u8]) -> Result<GrayImage> {
    Ok(image::load_from_memory(file)?.into_luma8())
}

/// Shifts and scales to mean 0 and deviation 1.
fn standardise(values: &[f32]) -> Vec<f32> {
    let count = values.len() as f32;
    let mean = values.iter().sum::<f32>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / count;
    let deviation = variance.sqrt().max(f32::EPSILON);
    values.iter().map(|v| (v - mean) / deviation).collect()
}

impl Scene {
    /// The whole scene as `(1, 1, height, width)`: input and truth.
    pub(crate) fn tensors(&self) -> Result<(Tensor, Tensor)> {
        let shape = (1, 1, self.height, self.width);
        let tensor = |v: &Vec<f32>| Tensor::from_slice(v, shape, &Device::Cpu);
        Ok((tensor(&self.input)?, tensor(&self.truth)?))
    }

    /// `count` random square crops as `(count, 1, side, side)`, each mirrored and turned by
    /// chance and a little brighter or darker, because the light is uneven.
    pub(crate) fn crops(
        &self,
        count: usize,
        side: usize,
        rng: &mut StdRng,
    ) -> Result<(Tensor, Tensor)> {
        let mut input = Vec::with_capacity(count * side * side);
        let mut truth = Vec::with_capacity(count * side * side);
        for _ in 0..count {
            let top = rng.random_range(0..=self.height - side);
            let left = rng.random_range(0..=self.width - side);
            let [flip_y, flip_x, swap]: [bool; 3] = rng.random();
            let light = rng.random_range(-0.3..0.3);
            for i in 0..side {
                for j in 0..side {
                    let (y, x) = if swap { (j, i) } else { (i, j) };
                    let y = top + if flip_y { side - 1 - y } else { y };
                    let x = left + if flip_x { side - 1 - x } else { x };
                    input.push(self.input[y * self.width + x] + light);
                    truth.push(self.truth[y * self.width + x]);
                }
            }
        }
        let shape = (count, 1, side, side);
        Ok((
            Tensor::from_vec(input, shape, &Device::Cpu)?,
            Tensor::from_vec(truth, shape, &Device::Cpu)?,
        ))
    }
}
