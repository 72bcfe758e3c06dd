//! A frozen network: layers in a row, features at some of them, and the way back to the image.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::finish;
use super::layer::Convolution;
use super::maps::Maps;
use super::pool::{MaxPool, l2};
use super::product::{DEPTH, Panel};
use crate::error::{Error, Result};
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{self, Isa, Task};

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
    steps: Vec<Step<T>>,
    taps: Vec<Tap>,
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
        let (mut size, mut channels) = ((height, width), 3);
        let (mut largest, mut kept) = (0, 0);
        let last = taps.iter().map(|tap| tap.layer).max();
        for layer in &self.layers[..last.map_or(0, |last| last + 1)] {
            let next = match layer {
                Layer::Convolution(convolution) => {
                    channels = convolution.outputs();
                    convolution.output_size(size.0, size.1)
                }
                Layer::MaxPool(pool) => pool.output_size(size.0, size.1),
                Layer::L2Pool => {
                    kept += size.0 * size.1 * channels * size_of::<T>();
                    Some(l2::output_size(size.0, size.1))
                }
            };
            size = next.unwrap_or((0, 0));
            let numbers = size.0 * size.1 * channels;
            largest = largest.max(numbers * size_of::<T>());
            kept += numbers;
        }
        3 * largest + kept
    }

    /// The features of `image` at `taps`, which go up; and what the way back needs, if `keep`.
    pub fn forward(&self, image: Maps<T>, taps: &[Tap], keep: bool) -> Result<Trace<T>> {
        let mut trace = Trace {
            features: Vec::with_capacity(taps.len()),
            steps: Vec::new(),
            taps: taps.to_vec(),
        };
        let Some(last) = taps.last().map(|tap| tap.layer) else {
            return Ok(trace);
        };
        let place = |tap: &Tap| (tap.layer, !tap.before_relu);
        if last >= self.layers.len() || !taps.is_sorted_by_key(place) {
            let got = format!("{taps:?}");
            return Err(Error::option(
                "taps",
                got,
                "layers of the network, in order",
            ));
        }
        let mut current = image;
        let mut room = self.take_room();
        for (at, layer) in self.layers[..=last].iter().enumerate() {
            let is_tapped = |before_relu: bool| {
                let tap = Tap {
                    layer: at,
                    before_relu,
                };
                taps.contains(&tap)
            };
            let (output, kept) = match layer {
                Layer::Convolution(convolution) => {
                    let raw = is_tapped(true);
                    let memory = self.memory();
                    let (mut output, mut mask) =
                        convolution.forward(&current, !raw, keep, memory, &mut room)?;
                    if raw {
                        let is_needed = last > at || is_tapped(false);
                        let rectified = is_needed.then(|| rectify(&output, keep));
                        let next = match rectified {
                            Some((next, own_mask)) => {
                                mask = own_mask;
                                next
                            }
                            None => Maps::default(),
                        };
                        trace.features.push(std::mem::replace(&mut output, next));
                    }
                    (output, Kept::Mask(mask))
                }
                Layer::MaxPool(pool) => {
                    let (output, places) = pool.forward(&current, self.memory())?;
                    (output, Kept::Places(places))
                }
                Layer::L2Pool => {
                    let output = l2::forward(&current);
                    let kept = if keep {
                        output.clone()
                    } else {
                        Maps::default()
                    };
                    (output, Kept::Output(kept))
                }
            };
            let input = std::mem::replace(&mut current, output);
            if keep {
                let input = match layer {
                    Layer::L2Pool => input,
                    _ => {
                        let shape = input.shape();
                        self.reuse(input);
                        shape
                    }
                };
                trace.steps.push(Step { input, kept });
            } else {
                self.reuse(input);
            }
            if is_tapped(false) {
                let feature = match at == last {
                    true => std::mem::take(&mut current),
                    false => current.clone(),
                };
                trace.features.push(feature);
            }
        }
        self.return_room(room);
        Ok(trace)
    }

    /// The gradient of the image, from those of the features, in the order of the taps.
    pub fn backward(&self, trace: Trace<T>, gradients: Vec<Maps<T>>) -> Result<Maps<T>> {
        let Trace { steps, taps, .. } = trace;
        if taps.len() != gradients.len() || steps.is_empty() {
            let got = format!("{} gradients, {} layers", gradients.len(), steps.len());
            let expected = format!("{} gradients, and a forward pass that keeps", taps.len());
            return Err(Error::option("gradients", got, expected));
        }
        let mut pending: Vec<_> = taps.into_iter().zip(gradients).collect();
        let mut current: Option<Maps<T>> = None;
        let mut room = self.take_room();
        // The masks of the layer below are applied where a gradient is computed, unless a feature's gradient joins.
        let mut is_masked = true;
        let mut steps: Vec<_> = steps.into_iter().enumerate().collect();
        while let Some((at, step)) = steps.pop() {
            let layer = &self.layers[at];
            let mut take = |before_relu: bool| match pending.last() {
                Some((tap, _))
                    if *tap
                        == (Tap {
                            layer: at,
                            before_relu,
                        }) =>
                {
                    pending.pop().map(|(_, gradient)| gradient)
                }
                _ => None,
            };
            if let Some(own) = take(false) {
                current = Some(match current.take() {
                    None => own,
                    Some(sum) => self.add(sum, own),
                });
                is_masked = false;
            }
            if let (Kept::Mask(Some(mask)), false, Some(gradient)) =
                (&step.kept, is_masked, &mut current)
            {
                apply(gradient, mask);
            }
            if let Some(own) = take(true) {
                current = Some(match current.take() {
                    None => own,
                    Some(sum) => self.add(sum, own),
                });
            }
            let Some(gradient) = current.take() else {
                return Err(Error::option(
                    "taps",
                    "no feature",
                    "one after the last layer",
                ));
            };
            let below = steps.last();
            let is_tapped_below = pending
                .last()
                .is_some_and(|(tap, _)| tap.layer + 1 == at && !tap.before_relu);
            let mask = match below.map(|(_, step)| &step.kept) {
                Some(Kept::Mask(mask)) if !is_tapped_below => mask.as_deref(),
                _ => None,
            };
            is_masked = mask.is_some();
            let slopes = match (layer, &step.kept) {
                (Layer::Convolution(convolution), _) => {
                    let memory = self.memory();
                    convolution.backward(&gradient, &step.input, mask, memory, &mut room)
                }
                (Layer::MaxPool(pool), Kept::Places(places)) => {
                    pool.backward(&gradient, places, &step.input, mask, self.memory())
                }
                (_, Kept::Output(output)) => l2::backward(&gradient, &step.input, output, mask),
                _ => return Err(Error::option("trace", "another's", "one of this network")),
            };
            self.reuse(gradient);
            current = Some(slopes);
        }
        self.return_room(room);
        current.ok_or_else(|| Error::option("taps", "none", "one at least"))
    }

    fn add(&self, mut sum: Maps<T>, other: Maps<T>) -> Maps<T> {
        let numbers = sum.numbers_mut().par_chunks_mut(PIECE);
        numbers
            .zip(other.numbers().par_chunks(PIECE))
            .for_each(|(sum, other)| simd::dispatch(Add { sum, other }));
        self.reuse(other);
        sum
    }

    /// Memory for kernels, of any length and content; other passes at the same time have their own.
    fn take_room(&self) -> Vec<Panel<T>> {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut room)
    }

    fn return_room(&self, panels: Vec<Panel<T>>) {
        *self.room.lock().unwrap_or_else(PoisonError::into_inner) = panels;
    }

    /// Memory of any length and content.
    fn memory(&self) -> Vec<T> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.pop().unwrap_or_default()
    }

    /// Takes memory back.
    fn reuse(&self, maps: Maps<T>) {
        /// Maps that are alive at a time.
        const MOST: usize = 4;
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < MOST && !maps.data.is_empty() {
            spare.push(maps.data);
            spare.sort_by_key(Vec::len);
        }
    }
}

impl<T> Trace<T> {
    /// Keeps what belongs to the first `items` items alone, so that the way back computes their gradients only.
    pub fn narrow(&mut self, items: usize) {
        for step in &mut self.steps {
            let all = step.input.items.max(1);
            step.input.items = items;
            match &mut step.kept {
                Kept::Mask(Some(bytes)) | Kept::Places(bytes) => {
                    bytes.truncate(bytes.len() / all * items);
                    bytes.shrink_to_fit();
                }
                Kept::Mask(None) => {}
                Kept::Output(maps) => maps.items = items,
            }
        }
    }
}

/// A ReLU, and its mask.
fn rectify<T: Prim>(maps: &Maps<T>, keep: bool) -> (Maps<T>, Option<Vec<u8>>) {
    let mut output = maps.clone();
    simd::dispatch(Rectify(output.numbers_mut()));
    let is_above = |x: &T| {
        let is_below = *x <= T::default();
        u8::from(!is_below)
    };
    let mask = keep.then(|| output.numbers().iter().map(is_above).collect());
    (output, mask)
}

/// Zeros where `mask` is 0.
pub(super) fn apply<T: Prim>(gradient: &mut Maps<T>, mask: &[u8]) {
    let numbers = gradient.numbers_mut().par_chunks_mut(PIECE);
    numbers
        .zip(mask.par_chunks(PIECE))
        .for_each(|(numbers, mask)| {
            simd::dispatch(Apply { numbers, mask });
        });
}

/// Numbers that one thread takes at a time.
const PIECE: usize = 64 * 1024;

struct Apply<'a, T> {
    numbers: &'a mut [T],
    mask: &'a [u8],
}

impl<T: Prim> Task for Apply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let chunks = self.numbers.as_chunks_mut::<DEPTH>().0.iter_mut();
        for (numbers, mask) in chunks.zip(self.mask.as_chunks::<DEPTH>().0) {
            *numbers = finish::masked::<I, T>(numbers, mask);
        }
    }
}

struct Rectify<'a, T>(&'a mut [T]);

impl<T: Prim> Task for Rectify<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for x in self.0 {
            *x = <T::Lane<I>>::new(*x).at_least(<T::Lane<I>>::zero()).get();
        }
    }
}

struct Add<'a, T> {
    sum: &'a mut [T],
    other: &'a [T],
}

impl<T: Prim> Task for Add<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for (x, y) in self.sum.iter_mut().zip(self.other) {
            *x = (<T::Lane<I>>::new(*x) + <T::Lane<I>>::new(*y)).get();
        }
    }
}
