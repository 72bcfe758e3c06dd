//! What there is to imitate: eight Gaussians on a ring, or patches of a photograph of coins; and how well it is done.

use std::f32::consts::TAU;

use anyhow::Result;
use candle_core::{Device, Tensor};
use image::imageops::{self, FilterType};
use rand::seq::SliceRandom;
use rand::{Rng, rngs::StdRng};
use rand_distr::StandardNormal;

const PHOTO: &[u8] = include_bytes!("../data/coins.png");
/// Of a patch, in pixels.
pub(crate) const SIDE: usize = 32;
/// Modes of either world.
pub(crate) const MODES: usize = 8;
/// Of the ring.
pub(crate) const RADIUS: f32 = 2.0;
const DEVIATION: f32 = 0.15;

/// Where real items come from.
pub(crate) enum World {
    Ring,
    /// A photograph at half its size, in −1..1, row by row.
    Coins {
        width: usize,
        height: usize,
        grey: Vec<f32>,
    },
}

impl World {
    pub(crate) fn coins() -> Result<Self> {
        let photo = image::load_from_memory(PHOTO)?.into_luma8();
        let (width, height) = (photo.width() / 2, photo.height() / 2);
        let small = imageops::resize(&photo, width, height, FilterType::Triangle);
        let (low, high) = small
            .iter()
            .fold((255, 0), |(low, high), &v| (v.min(low), v.max(high)));
        let range = f32::from(high) - f32::from(low);
        let scale = |&v: &u8| 2.0 * (f32::from(v) - f32::from(low)) / range - 1.0;
        Ok(Self::Coins {
            width: width as usize,
            height: height as usize,
            grey: small.iter().map(scale).collect(),
        })
    }

    pub(crate) fn is_plane(&self) -> bool {
        matches!(self, Self::Ring)
    }

    /// `count` real items: (count, 2) or (count, 1, 32, 32).
    pub(crate) fn draw(&self, count: usize, rng: &mut StdRng) -> Result<Tensor> {
        let numbers: Vec<f32> = (0..count).flat_map(|_| self.item(rng)).collect();
        let shape = match self {
            Self::Ring => vec![count, 2],
            Self::Coins { .. } => vec![count, 1, SIDE, SIDE],
        };
        Ok(Tensor::from_vec(numbers, shape, &Device::Cpu)?)
    }

    fn item(&self, rng: &mut StdRng) -> Vec<f32> {
        match self {
            Self::Ring => {
                let mode = rng.random_range(0..MODES);
                let centre = ring_centre(mode);
                centre
                    .map(|c| c + DEVIATION * rng.sample::<f32, _>(StandardNormal))
                    .to_vec()
            }
            Self::Coins {
                width,
                height,
                grey,
            } => {
                let (left, top) = (
                    rng.random_range(0..=width - SIDE),
                    rng.random_range(0..=height - SIDE),
                );
                let flip: bool = rng.random();
                let mut patch = Vec::with_capacity(SIDE * SIDE);
                for y in top..top + SIDE {
                    for x in 0..SIDE {
                        let x = if flip { SIDE - 1 - x } else { x };
                        patch.push(grey[y * width + left + x]);
                    }
                }
                patch
            }
        }
    }
}

fn ring_centre(mode: usize) -> [f32; 2] {
    let angle = TAU * mode as f32 / MODES as f32;
    [RADIUS * angle.cos(), RADIUS * angle.sin()]
}

/// The modes of a world: centres, and how far from its centre an item may be.
pub(crate) struct Modes {
    centres: Vec<Vec<f32>>,
    radii: Vec<f32>,
    /// What share of real items each mode has.
    shares: Vec<f32>,
}

/// How well a world is imitated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Score {
    /// Modes with at least a quarter of their share of samples.
    pub(crate) modes: usize,
    /// The share of samples that lie as near to a centre as real ones do.
    pub(crate) quality: f64,
}

impl Modes {
    /// The ring's Gaussians, to three deviations; or eight clusters of patches, to where 95 % of real ones lie.
    pub(crate) fn new(world: &World, rng: &mut StdRng) -> Result<Self> {
        if world.is_plane() {
            return Ok(Self {
                centres: (0..MODES).map(|mode| ring_centre(mode).to_vec()).collect(),
                radii: vec![3.0 * DEVIATION; MODES],
                shares: vec![1.0 / MODES as f32; MODES],
            });
        }
        let mut items = rows(&world.draw(1000, rng)?)?;
        items.shuffle(rng);
        let mut modes = Self {
            centres: items[..MODES].to_vec(),
            radii: vec![0.0; MODES],
            shares: vec![0.0; MODES],
        };
        let mut nearest = Vec::new();
        for _ in 0..20 {
            nearest = items.iter().map(|item| modes.nearest(item)).collect();
            for (mode, centre) in modes.centres.iter_mut().enumerate() {
                let own = items.iter().zip(&nearest).filter(|(_, (m, _))| *m == mode);
                let count = own.clone().count().max(1) as f32;
                for (i, c) in centre.iter_mut().enumerate() {
                    *c = own.clone().map(|(item, _)| item[i]).sum::<f32>() / count;
                }
            }
        }
        for mode in 0..MODES {
            let mut distances: Vec<f32> = nearest
                .iter()
                .filter(|(m, _)| *m == mode)
                .map(|(_, d)| *d)
                .collect();
            distances.sort_by(f32::total_cmp);
            modes.shares[mode] = distances.len() as f32 / items.len() as f32;
            modes.radii[mode] = distances
                .get(distances.len() * 95 / 100)
                .copied()
                .unwrap_or(0.0);
        }
        Ok(modes)
    }

    fn nearest(&self, item: &[f32]) -> (usize, f32) {
        let distance = |centre: &Vec<f32>| {
            centre
                .iter()
                .zip(item)
                .map(|(c, x)| (c - x).powi(2))
                .sum::<f32>()
                .sqrt()
        };
        let distances = self.centres.iter().map(distance).enumerate();
        distances
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap_or((0, f32::INFINITY))
    }

    pub(crate) fn score(&self, samples: &Tensor) -> Result<Score> {
        let mut counts = [0; MODES];
        let samples = rows(samples)?;
        for sample in &samples {
            let (mode, distance) = self.nearest(sample);
            if distance <= self.radii[mode] {
                counts[mode] += 1;
            }
        }
        let total = samples.len() as f32;
        let is_found = |(count, share): (&usize, &f32)| *count as f32 >= share * total / 4.0;
        Ok(Score {
            modes: counts
                .iter()
                .zip(&self.shares)
                .filter(|pair| is_found(*pair))
                .count(),
            quality: counts.iter().sum::<usize>() as f64 / f64::from(total),
        })
    }
}

/// Each item's numbers.
pub(crate) fn rows(items: &Tensor) -> Result<Vec<Vec<f32>>> {
    Ok(items.flatten_from(1)?.to_vec2()?)
}
