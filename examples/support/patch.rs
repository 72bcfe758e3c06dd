//! A part of the photograph of coins, where brightness alone finds them only in parts.

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor};
use image::imageops::crop_imm;

const PHOTO: &[u8] = include_bytes!("../data/coins.png");
const MASK: &[u8] = include_bytes!("../data/coins_mask.png");

/// Of the part: its side, and where it is.
pub(crate) const SIDE: usize = 120;
const LEFT: u32 = 70;
const TOP: u32 = 4;
/// Pixels by which the photograph can be shifted, and the side of what is shifted.
const ROOM: usize = 12;
const SHIFTED: usize = 32;

/// Grey values from 0 to 1 and where there are coins, row by row.
pub(crate) struct Patch {
    pub(crate) grey: Vec<f32>,
    pub(crate) truth: Vec<f32>,
}

impl Patch {
    pub(crate) fn load() -> Result<Self> {
        let cut = |file: &[u8]| -> Result<Vec<f32>> {
            let image = image::load_from_memory(file)?.into_luma8();
            let part = crop_imm(&image, LEFT, TOP, SIDE as u32, SIDE as u32).to_image();
            Ok(part.iter().map(|&v| f32::from(v) / 255.0).collect())
        };
        Ok(Self {
            grey: cut(PHOTO)?,
            truth: cut(MASK)?,
        })
    }

    pub(crate) fn photograph(&self) -> Result<Tensor> {
        plane(&self.grey)
    }

    pub(crate) fn truth(&self) -> Result<Tensor> {
        plane(&self.truth)
    }

    /// What is bright is a coin.
    pub(crate) fn logits(&self) -> Result<Tensor> {
        Ok(self.photograph()?.affine(16.0, -7.2)?)
    }

    /// Blurred on the left, noisy in the middle, darker on the right.
    pub(crate) fn damaged(&self) -> Result<Tensor> {
        let third = SIDE / 3;
        let at = |y: usize, x: usize| self.grey[y.min(SIDE - 1) * SIDE + x.min(SIDE - 1)];
        let blurred = |y: usize, x: usize| {
            let near = |y: usize| {
                (0..5)
                    .map(|dx| at(y, (x + dx).saturating_sub(2)))
                    .sum::<f32>()
            };
            (0..5)
                .map(|dy| near((y + dy).saturating_sub(2)))
                .sum::<f32>()
                / 25.0
        };
        // Spread evenly between its bounds, by multiples of the golden ratio's square.
        let noise = |index: usize| {
            let turns = (index * index) as f64 * 0.381_966_011_250_105;
            0.3 * turns.fract() as f32 - 0.15
        };
        let pixel = |index: usize| {
            let (y, x) = (index / SIDE, index % SIDE);
            match x / third {
                0 => blurred(y, x),
                1 => at(y, x) + noise(index),
                _ => at(y, x) - 0.1,
            }
        };
        plane(
            &(0..SIDE * SIDE)
                .map(|index| pixel(index).clamp(0.0, 1.0))
                .collect::<Vec<_>>(),
        )
    }

    /// A smaller part, so many pixels to the right of the least shifted one, in f64.
    pub(crate) fn shifted(&self, pixels: usize) -> Result<Tensor> {
        let plane = self.photograph()?.to_dtype(DType::F64)?;
        let left = (SIDE - SHIFTED - ROOM) / 2 + pixels.min(ROOM);
        Ok(plane
            .narrow(2, 30, SHIFTED)?
            .narrow(3, left, SHIFTED)?
            .contiguous()?)
    }
}

/// What surrounds each pixel: the 9 numbers of its neighbourhood, (1, 9, H − 2, W − 2).
pub(crate) fn features(image: &Tensor) -> Result<Tensor> {
    let (_, _, height, width) = image.dims4()?;
    let mut planes = Vec::new();
    for (y, x) in (0..9).map(|index| (index / 3, index % 3)) {
        planes.push(image.narrow(2, y, height - 2)?.narrow(3, x, width - 2)?);
    }
    Tensor::cat(&planes, 1).context("features")
}

fn plane(values: &[f32]) -> Result<Tensor> {
    Ok(Tensor::from_slice(
        values,
        (1, 1, SIDE, SIDE),
        &Device::Cpu,
    )?)
}
