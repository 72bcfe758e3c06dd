//! Feature maps in memory: items, rows, pixels, channels.

use rayon::prelude::*;

use super::product::DEPTH;
use crate::error::{Error, Result, check_shape};
use crate::options::Gradient;
use crate::scalar::Prim;
use crate::view::{View, ViewMut};

/// Feature maps of some items, channels last, so that a vector holds neighbouring channels of one pixel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Maps<T> {
    /// How many items.
    pub items: usize,
    /// Rows of an item.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Numbers per pixel: the channels, and zeros up to a whole chunk.
    pub lanes: usize,
    /// All numbers, and perhaps more memory after them.
    pub data: Vec<T>,
}

/// Numbers per pixel of maps with `channels` channels.
pub(super) fn lanes_of(channels: usize) -> usize {
    channels.next_multiple_of(DEPTH)
}

/// Pixels of an image read at a time.
const TILE: usize = 256;

impl<T: Prim> Maps<T> {
    /// Zeros with whole chunks of channels.
    pub fn zeros(items: usize, height: usize, width: usize, channels: usize) -> Self {
        let lanes = lanes_of(channels);
        Self {
            items,
            height,
            width,
            channels,
            lanes,
            data: vec![T::default(); items * height * width * lanes],
        }
    }

    /// Zeros in the same shape.
    pub fn zeros_like(&self) -> Self {
        Self {
            data: vec![T::default(); self.len()],
            ..self.shape()
        }
    }

    /// The same shape in memory of any content, made larger where it is too small.
    pub(super) fn shaped(&self, memory: Vec<T>) -> Self {
        let mut maps = Self {
            data: memory,
            ..self.shape()
        };
        if maps.data.len() < maps.len() {
            // Fresh zeros are cheaper than a copy of what is there.
            maps.data = vec![T::default(); maps.len()];
        }
        maps
    }

    /// The shape, without numbers.
    pub(super) fn shape(&self) -> Self {
        Self {
            data: Vec::new(),
            ..*self
        }
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.items * self.item_len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All numbers.
    pub fn numbers(&self) -> &[T] {
        &self.data[..self.len()]
    }

    /// All numbers, to write.
    pub fn numbers_mut(&mut self) -> &mut [T] {
        let len = self.len();
        &mut self.data[..len]
    }

    /// Numbers of one item.
    pub fn item_len(&self) -> usize {
        self.height * self.width * self.lanes
    }

    /// Numbers of one row.
    pub(super) fn row_len(&self) -> usize {
        self.width * self.lanes
    }

    /// The numbers of item `n`.
    pub fn item(&self, n: usize) -> &[T] {
        &self.data[n * self.item_len()..][..self.item_len()]
    }

    /// Items `start..start + items`, copied into this memory.
    pub(super) fn part(&self, start: usize, items: usize, mut memory: Vec<T>) -> Self {
        let len = self.item_len();
        memory.clear();
        memory.extend_from_slice(&self.data[start * len..][..items * len]);
        Self {
            items,
            data: memory,
            ..*self
        }
    }

    /// Puts items of the same shape after those that are here, of which there will be `all`.
    pub(super) fn append(&mut self, items: &Self, all: usize) {
        if self.data.is_empty() {
            *self = Self {
                items: 0,
                data: Vec::with_capacity(all * items.item_len()),
                ..*items
            };
        }
        self.data.extend_from_slice(items.numbers());
        self.items += items.items;
    }

    /// Leaves the first items alone, and their memory.
    pub(super) fn narrow(&mut self, items: usize) {
        self.items = items;
        self.data.truncate(self.len());
        self.data.shrink_to_fit();
    }

    /// Reads items `start..start + items` of an image (N, C, H·W), each channel as `x·scale + shift`.
    pub fn read(
        view: &View<'_>,
        (start, items): (usize, usize),
        (height, width): (usize, usize),
        affine: &[(f64, f64)],
    ) -> Result<Self> {
        let [_, channels, space] = view.shape();
        if height * width != space || affine.len() != channels {
            return Err(Error::Layout {
                argument: "input",
                reason: format!(
                    "{space} pixels and {channels} channels, expected {height} x {width} pixels and {} channels",
                    affine.len()
                ),
            });
        }
        let mut maps = Self {
            items,
            height,
            width,
            channels,
            lanes: channels,
            data: vec![T::default(); items * space * channels],
        };
        let size = (space * channels).max(1);
        let parts = maps.data.par_chunks_mut(size).enumerate();
        parts.for_each(|(n, data)| {
            let mut row = [T::default(); TILE];
            for (c, (scale, shift)) in affine.iter().enumerate() {
                for at in (0..space).step_by(TILE) {
                    let len = TILE.min(space - at);
                    view.read_row(start + n, c, at, &mut row[..len]);
                    for (i, x) in row[..len].iter().enumerate() {
                        data[(at + i) * channels + c] = T::of(x.to_f64() * scale + shift);
                    }
                }
            }
        });
        Ok(maps)
    }

    /// Writes `count` items of these maps, from `first` on, to items of an image's gradient, from `start` on; each channel
    /// times its factor.
    pub fn write_gradient(
        &self,
        gradient: &mut Gradient<'_>,
        (first, count): (usize, usize),
        start: usize,
        factors: &[f64],
    ) -> Result<()> {
        let [items, channels, space] = gradient.view.shape();
        let [height, width] = [self.height, self.width];
        check_shape(
            "gradient",
            [items.max(start + count), self.channels, height * width],
            [items, channels, space],
        )?;
        let (scale, accumulate) = (gradient.scale, gradient.accumulate);
        let view = gradient.view.reborrow();
        let (_, view) = view.split_at(0, start);
        let (view, _) = view.split_at(0, count);
        let work: Vec<(usize, ViewMut<'_>)> = view.split(0, 1).into_iter().enumerate().collect();
        work.into_par_iter().for_each(|(n, mut view)| {
            let data = self.item(first + n);
            let mut row = [T::default(); TILE];
            for c in 0..channels {
                let factor = factors[c] * scale;
                for at in (0..space).step_by(TILE) {
                    let len = TILE.min(space - at);
                    for (i, x) in row[..len].iter_mut().enumerate() {
                        *x = T::of(data[(at + i) * self.lanes + c].to_f64() * factor);
                    }
                    view.write_row(0, c, at, &row[..len], accumulate);
                }
            }
        });
        Ok(())
    }
}
