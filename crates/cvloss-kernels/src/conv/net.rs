//! A frozen network: layers in a row, features at some of them, and the way back to the image.

mod back;
mod elementwise;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::layer::Convolution;
use super::maps::{Maps, lanes_of};
use super::pool::{MaxPool, l2};
use super::product::Panel;
use crate::error::{Error, Result};
use crate::scalar::Prim;

pub(super) use elementwise::apply;
use elementwise::rectify;

/// A layer of a network.
#[derive(Debug)]
pub enum Layer<T> {
    /// A convolution and a ReLU.
    Convolution(Convolution<T>),
    /// The largest values of windows.
    MaxPool(MaxPool),
    /// DISTS's pooling.
    L2Pool,
}

/// Where features are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tap {
    /// After which layer, counted from 0.
    pub layer: usize,
    /// Of a convolution: its sums, before the ReLU.
    pub before_relu: bool,
}

/// Layers in a row. Nothing but the image's gradient is computed on the way back.
#[derive(Debug)]
pub struct Network<T> {
    layers: Vec<Layer<T>>,
    /// Memory of maps that are no longer needed.
    spare: Mutex<Vec<Vec<T>>>,
    /// Memory of kernels that are made for one layer at a time.
    room: Mutex<Vec<Panel<T>>>,
}

/// What a forward pass leaves.
#[derive(Debug)]
pub struct Trace<T> {
    /// The features, in the order of the taps.
    pub features: Vec<Maps<T>>,
    /// How many items the way back is for.
    graded: usize,
    split: Split,
    /// Of layers that run on some items at a time: those of each part of the batch.
    parts: Vec<Vec<Step<T>>>,
    /// Of layers that run on all items at once.
    steps: Vec<Step<T>>,
    taps: Vec<Tap>,
}

/// Where maps are large, only some items are there at a time.
#[derive(Clone, Copy, Debug)]
struct Split {
    /// How many layers run so.
    layers: usize,
    /// On how many items at a time.
    items: usize,
}

/// What the way back needs of a layer.
#[derive(Debug)]
struct Step<T> {
    /// The input's shape; with numbers where they are needed.
    input: Maps<T>,
    kept: Kept<T>,
}

#[derive(Debug)]
enum Kept<T> {
    /// Where a ReLU's input was above 0.
    Mask(Option<Vec<u8>>),
    /// Which pixel of its window was the largest.
    Places(Vec<u8>),
    /// The output.
    Output(Maps<T>),
}

/// Layers of a pass over some items.
struct Pass<'a> {
    layers: Range<usize>,
    taps: &'a [Tap],
    /// Of how many items, from the first on, what the way back needs is kept.
    graded: usize,
}

/// Bytes of a map that are worth the kernels which each part of a batch makes anew.
const PART: usize = 4 << 20;
/// Rows of an image that give each thread a few tiles.
const ROWS_PER_THREAD: usize = 16;

impl<T: Prim> Layer<T> {
    /// Rows, pixels and channels of its output; no rows if the input is smaller than a window.
    fn output(&self, [height, width, channels]: [usize; 3]) -> [usize; 3] {
        let (size, channels) = match self {
            Self::Convolution(convolution) => (
                convolution.output_size(height, width),
                convolution.outputs(),
            ),
            Self::MaxPool(pool) => (pool.output_size(height, width), channels),
            Self::L2Pool => (Some(l2::output_size(height, width)), channels),
        };
        let (height, width) = size.unwrap_or_default();
        [height, width, channels]
    }
}

/// Numbers of a map with whole chunks of channels.
fn numbers([height, width, channels]: [usize; 3]) -> usize {
    height * width * lanes_of(channels)
}

impl<T: Prim> Network<T> {
    /// A network of these layers.
    pub fn new(layers: Vec<Layer<T>>) -> Self {
        Self {
            layers,
            spare: Mutex::new(Vec::new()),
            room: Mutex::new(Vec::new()),
        }
    }

    /// Its layers.
    pub fn layers(&self) -> &[Layer<T>] {
        &self.layers
    }

    /// Bytes that a forward and a backward pass of one item need, about.
    pub fn bytes_per_item(&self, height: usize, width: usize, taps: &[Tap]) -> usize {
        let Some(last) = taps.iter().map(|tap| tap.layer).max() else {
            return 0;
        };
        let sizes = self.sizes(height, width, last);
        let largest = sizes.iter().copied().max().unwrap_or_default();
        let masks: usize = sizes.iter().sum();
        let mut maps = 3 * largest;
        for (at, size) in sizes.iter().enumerate() {
            let of_pool = match &self.layers[at] {
                Layer::L2Pool => size + at.checked_sub(1).map_or(0, |below| sizes[below]),
                _ => 0,
            };
            // Of a feature there are slopes, too.
            let features = taps.iter().filter(|tap| tap.layer == at).count();
            maps += of_pool + 2 * features * size;
        }
        maps * size_of::<T>() + masks
    }

    /// Numbers of each layer's output, of one item.
    fn sizes(&self, height: usize, width: usize, last: usize) -> Vec<usize> {
        let mut shape = [height, width, 3];
        let layers = self.layers.iter().take(last + 1);
        let sizes = layers.map(|layer| {
            shape = layer.output(shape);
            numbers(shape)
        });
        sizes.collect()
    }

    /// Which layers run on how many items at a time, such that maps are hardly larger than the largest of these items.
    fn split(&self, image: &Maps<T>, last: usize) -> Split {
        let sizes = self.sizes(image.height, image.width, last);
        let largest = sizes.iter().copied().max().unwrap_or_default().max(1);
        // All threads must have rows.
        let for_threads =
            (rayon::current_num_threads() * ROWS_PER_THREAD).div_ceil(image.height.max(1));
        let items = (PART / size_of::<T>() / largest).max(for_threads).max(1);
        let is_large = |size: &usize| image.items * size > items * largest;
        let large = sizes.iter().rposition(is_large).map_or(0, |at| at + 1);
        // Kernels that are not kept during a pass serve as many items as there are.
        let makes_kernels = |layer: &Layer<T>| matches!(layer, Layer::Convolution(convolution) if convolution.makes_kernels());
        let first = self.layers.iter().position(makes_kernels);
        Split {
            layers: large.min(first.unwrap_or(large)),
            items,
        }
    }

    /// The features of `image` at `taps`, which go up; and what the way back needs of its first `graded` items.
    pub fn forward(&self, image: Maps<T>, taps: &[Tap], graded: usize) -> Result<Trace<T>> {
        let Some(last) = taps.last().map(|tap| tap.layer) else {
            return Err(Error::option("taps", "none", "one at least"));
        };
        let place = |tap: &Tap| (tap.layer, !tap.before_relu);
        if last >= self.layers.len() || !taps.is_sorted_by(|a, b| place(a) < place(b)) {
            let got = format!("{taps:?}");
            return Err(Error::option(
                "taps",
                got,
                "layers of the network, in order",
            ));
        }
        let split = self.split(&image, last);
        let items = image.items;
        let mut trace = Trace {
            features: (0..taps.len()).map(|_| Maps::default()).collect(),
            graded: graded.min(items),
            split,
            parts: Vec::new(),
            steps: Vec::new(),
            taps: taps.to_vec(),
        };
        let features = &mut trace.features;
        let mut room = self.take_room();
        let mut current = image;
        if split.layers > 0 {
            let mut joined = Maps::default();
            for start in (0..items).step_by(split.items) {
                let part = current.part(start, split.items.min(items - start), Vec::new());
                let pass = Pass {
                    layers: 0..split.layers,
                    taps,
                    graded: trace.graded.saturating_sub(start).min(part.items),
                };
                let (output, steps) = self.pass(pass, part, &mut room, |tap, feature| {
                    features[tap].append(feature, items)
                })?;
                joined.append(&output, items);
                self.reuse(output);
                trace.parts.push(steps);
            }
            current = joined;
        }
        let pass = Pass {
            layers: split.layers..last + 1,
            taps,
            graded: trace.graded,
        };
        let (output, steps) = self.pass(pass, current, &mut room, |tap, feature| {
            features[tap].append(feature, items)
        })?;
        trace.steps = steps;
        // What comes out is the last feature.
        if let Some(feature) = features.last_mut() {
            *feature = output;
        }
        self.return_room(room);
        Ok(trace)
    }

    /// Some layers. `found` takes all features but the last of all, which is the output.
    fn pass(
        &self,
        pass: Pass<'_>,
        image: Maps<T>,
        room: &mut Vec<Panel<T>>,
        mut found: impl FnMut(usize, &Maps<T>),
    ) -> Result<(Maps<T>, Vec<Step<T>>)> {
        let Pass {
            layers,
            taps,
            graded,
        } = pass;
        let mut current = image;
        let mut steps = Vec::new();
        for at in layers {
            let tapped = |before_relu: bool| {
                let tap = Tap {
                    layer: at,
                    before_relu,
                };
                taps.iter().position(|other| *other == tap)
            };
            let is_last = |tap: usize| tap + 1 == taps.len();
            let layer = &self.layers[at];
            let shape = [current.height, current.width, current.channels];
            let memory = self.memory(current.items * numbers(layer.output(shape)));
            let (output, mut kept) = match layer {
                Layer::Convolution(convolution) => {
                    let raw = tapped(true);
                    let (mut output, mut mask) =
                        convolution.forward(&current, raw.is_none(), graded > 0, memory, room)?;
                    if let Some(tap) = raw.filter(|tap| !is_last(*tap)) {
                        found(tap, &output);
                        mask = rectify(&mut output, graded > 0);
                    }
                    (output, Kept::Mask(mask))
                }
                Layer::MaxPool(pool) => {
                    // What the pool remembers serves in place of the mask of the ReLU below, unless a feature's slopes
                    // come between.
                    let tap = Tap {
                        layer: at.wrapping_sub(1),
                        before_relu: false,
                    };
                    let mask = match steps.last_mut().map(|step: &mut Step<T>| &mut step.kept) {
                        Some(Kept::Mask(mask)) if !taps.contains(&tap) => mask.take(),
                        _ => None,
                    };
                    let (output, places) = pool.forward(&current, mask.is_some(), memory)?;
                    (output, Kept::Places(places))
                }
                Layer::L2Pool => {
                    let output = l2::forward(&current, memory);
                    let kept = Kept::Output(output.part(0, graded, Vec::new()));
                    (output, kept)
                }
            };
            let mut input = std::mem::replace(&mut current, output);
            if graded > 0 {
                kept.narrow(input.items, graded);
                if let Layer::L2Pool = layer {
                    input.narrow(graded);
                } else {
                    let shape = input.shape();
                    self.reuse(std::mem::replace(&mut input, shape));
                    input.items = graded;
                }
                steps.push(Step { input, kept });
            } else {
                self.reuse(input);
            }
            if let Some(tap) = tapped(false).filter(|tap| !is_last(*tap)) {
                found(tap, &current);
            }
        }
        Ok((current, steps))
    }

    /// Memory for kernels, of any length and content; other passes at the same time have their own.
    fn take_room(&self) -> Vec<Panel<T>> {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut room)
    }

    fn return_room(&self, panels: Vec<Panel<T>>) {
        *self.room.lock().unwrap_or_else(PoisonError::into_inner) = panels;
    }

    /// Memory of any content: the smallest that has `len` numbers, if there is such.
    fn memory(&self, len: usize) -> Vec<T> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let place = spare.partition_point(|memory| memory.len() < len);
        match place < spare.len() {
            true => spare.remove(place),
            false => Vec::new(),
        }
    }

    /// Takes memory back.
    fn reuse(&self, maps: Maps<T>) {
        /// Maps that are alive at a time.
        const MOST: usize = 4;
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let place = spare.partition_point(|memory| memory.len() < maps.data.len());
        spare.insert(place, maps.data);
        if spare.len() > MOST {
            spare.remove(0);
        }
    }
}

impl<T: Prim> Kept<T> {
    /// Leaves what belongs to the first `graded` of so many items.
    fn narrow(&mut self, items: usize, graded: usize) {
        if let Self::Mask(Some(bytes)) | Self::Places(bytes) = self {
            bytes.truncate(bytes.len() / items.max(1) * graded);
            bytes.shrink_to_fit();
        }
    }
}
