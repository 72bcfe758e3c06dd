//! One frozen convolution: its weights, and how it runs in both directions.

use std::fmt::Debug;
use std::ops::Deref;

use rayon::prelude::*;

use super::finish::{Band, Finish, bands, cuts};
use super::maps::{Maps, lanes_of};
use super::patches::{self, Window};
use super::points::{AtPoints, Kernels};
use super::product::{self, COLUMNS, DEPTH, Panel};
use super::winograd;
use crate::error::{Error, Result};
use crate::scalar::Prim;

/// Weights that somebody keeps, and lends for each pass: large layers hold no form of them of their own.
pub trait Source: Debug + Send + Sync {
    /// `(outputs, inputs, side, side)`.
    fn numbers(&self) -> Box<dyn Deref<Target = [f32]> + '_>;
}

impl Source for Vec<f32> {
    fn numbers(&self) -> Box<dyn Deref<Target = [f32]> + '_> {
        Box::new(self.as_slice())
    }
}

/// The weights and the shape of a convolution, as PyTorch has them.
#[derive(Debug)]
pub struct Kernel {
    /// `(outputs, inputs, side, side)`.
    pub weight: Box<dyn Source>,
    /// One number per output.
    pub bias: Vec<f32>,
    /// Output channels.
    pub outputs: usize,
    /// Input channels.
    pub inputs: usize,
    /// Rows and columns of the kernel.
    pub side: usize,
    /// Pixels from one window to the next.
    pub stride: usize,
    /// Zeros around the image.
    pub border: usize,
}

/// A convolution whose weights do not change.
#[derive(Debug)]
pub struct Convolution<T> {
    window: Window,
    inputs: usize,
    in_lanes: usize,
    outputs: usize,
    bias: Vec<T>,
    form: Form<T>,
}

/// How a convolution runs.
#[derive(Debug)]
enum Form<T> {
    /// Both ways by Winograd.
    Winograd(Box<dyn Source>),
    /// Both ways by patches: the gradient of a layer with stride 1 is a convolution too.
    Patches(Packed<T>),
    /// Forward by patches, backward by sums of patches.
    Scatter(Packed<T>),
}

/// Weights of a small layer, prepared once.
#[derive(Debug)]
struct Packed<T> {
    forward: Vec<Panel<T>>,
    backward: Vec<Panel<T>>,
}

impl<T: Prim> Convolution<T> {
    /// A layer; `first`: its input is an image, whose channels are not filled up to whole chunks.
    pub fn new(kernel: Kernel, first: bool) -> Result<Self> {
        let Kernel {
            weight,
            bias: biases,
            outputs,
            inputs,
            side,
            stride,
            border,
        } = kernel;
        let expected = outputs * inputs * side * side;
        let got = weight.numbers().len();
        if got != expected || biases.len() != outputs {
            let got = format!("{got} and {}", biases.len());
            let expected = format!("{expected} and {outputs} numbers");
            return Err(Error::option("weight and bias", got, expected));
        }
        if stride == 0 || side == 0 || border >= side {
            let got = format!("{stride}, {side} and {border}");
            let expected = "positive numbers, and a border smaller than the side";
            return Err(Error::option("stride, side and border", got, expected));
        }
        let window = Window {
            side,
            stride,
            border,
        };
        let in_lanes = if first { inputs } else { lanes_of(inputs) };
        let pack = |is_dense| {
            let numbers = weight.numbers();
            packed(&numbers, side, (inputs, in_lanes), outputs, is_dense)
        };
        let form = match (side, stride, border) {
            (3, 1, 1) | (5, 1, 2) if !first => Form::Winograd(weight),
            (_, 1, _) if !first => Form::Patches(pack(true)),
            _ => Form::Scatter(pack(false)),
        };
        let mut bias = vec![T::default(); outputs.next_multiple_of(COLUMNS)];
        for (to, from) in bias.iter_mut().zip(biases) {
            *to = T::from_f32(from);
        }
        Ok(Self {
            window,
            inputs,
            in_lanes,
            outputs,
            bias,
            form,
        })
    }

    /// Output channels.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Rows and pixels of the output; none if the input is smaller than a window.
    pub fn output_size(&self, height: usize, width: usize) -> Option<(usize, usize)> {
        Some((self.window.count(height)?, self.window.count(width)?))
    }

    /// Whether its kernels are so large that threads make them as they go.
    pub(super) fn makes_kernels(&self) -> bool {
        let size = Kernels {
            weight: &[],
            outputs: self.outputs,
            inputs: self.inputs,
            is_backward: false,
        };
        matches!(self.form, Form::Winograd(_)) && !size.are_shared::<T>()
    }

    /// The output, after a ReLU if `relu`, and the mask of the ReLU's inputs above 0 if `keep`.
    pub(super) fn forward(
        &self,
        input: &Maps<T>,
        relu: bool,
        keep: bool,
        memory: Vec<T>,
        room: &mut Vec<Panel<T>>,
    ) -> Result<(Maps<T>, Option<Vec<u8>>)> {
        if input.lanes != self.in_lanes || input.channels != self.inputs {
            let expected = format!("{} channels", self.inputs);
            return Err(Error::option("input", input.channels, expected));
        }
        let Some((height, width)) = self.output_size(input.height, input.width) else {
            return Err(too_small(input, self.window.side));
        };
        let shape = Maps {
            items: input.items,
            height,
            width,
            channels: self.outputs,
            lanes: lanes_of(self.outputs),
            data: Vec::new(),
        };
        let mut output = shape.shaped(memory);
        let mut mask = (relu && keep).then(|| vec![0; output.len()]);
        let finish = Finish::forward(&self.bias, relu);
        match &self.form {
            Form::Winograd(weight) => {
                let weight = weight.numbers();
                let kernels = self.kernels(&weight, false);
                self.transformed(
                    kernels,
                    input,
                    (&mut output, mask.as_deref_mut()),
                    finish,
                    room,
                );
            }
            Form::Patches(packed) | Form::Scatter(packed) => {
                let (window, size) = (self.window, (height, width, output.lanes));
                each_band(&mut output, mask.as_deref_mut(), |band| {
                    patches::run(input, window, &packed.forward, finish, band, size)
                });
            }
        }
        Ok((output, mask))
    }

    /// The gradient of the input, whose shape is that of `like`, from that of the output; 0 where `mask` is 0.
    pub(super) fn backward(
        &self,
        gradient: &Maps<T>,
        like: &Maps<T>,
        mask: Option<&[u8]>,
        memory: Vec<T>,
        room: &mut Vec<Panel<T>>,
    ) -> Maps<T> {
        let mut input = like.shaped(memory);
        let finish = Finish::backward(mask);
        let size = (input.height, input.width, input.lanes);
        match &self.form {
            Form::Winograd(weight) => {
                let weight = weight.numbers();
                let kernels = self.kernels(&weight, true);
                self.transformed(kernels, gradient, (&mut input, None), finish, room);
            }
            Form::Patches(packed) => {
                let window = Window {
                    border: self.window.side - 1 - self.window.border,
                    ..self.window
                };
                let kernels = &packed.backward;
                each_band(&mut input, None, |band| {
                    patches::run(gradient, window, kernels, finish, band, size)
                });
            }
            Form::Scatter(packed) => {
                let (window, kernels) = (self.window, &packed.backward);
                each_band(&mut input, None, |band| {
                    patches::scatter(gradient, window, kernels, band, size)
                });
                if let Some(mask) = mask {
                    super::net::apply(&mut input, mask);
                }
            }
        }
        input
    }

    fn kernels<'a>(&self, weight: &'a [f32], is_backward: bool) -> Kernels<'a> {
        Kernels {
            weight,
            outputs: self.outputs,
            inputs: self.inputs,
            is_backward,
        }
    }

    /// A pass of Winograd's, whichever its kernel.
    fn transformed(
        &self,
        kernels: Kernels<'_>,
        input: &Maps<T>,
        output: (&mut Maps<T>, Option<&mut [u8]>),
        finish: Finish<'_, T>,
        room: &mut Vec<Panel<T>>,
    ) {
        match self.window.side {
            5 => {
                transformed::<T, { winograd::outputs(5) }, 5>(kernels, input, output, finish, room)
            }
            _ => {
                transformed::<T, { winograd::outputs(3) }, 3>(kernels, input, output, finish, room)
            }
        }
    }
}

fn transformed<T: Prim, const OUT: usize, const TAPS: usize>(
    kernels: Kernels<'_>,
    input: &Maps<T>,
    (output, mask): (&mut Maps<T>, Option<&mut [u8]>),
    finish: Finish<'_, T>,
    room: &mut Vec<Panel<T>>,
) {
    let kernels = AtPoints::new::<TAPS>(kernels, room);
    let (panels, threads) = (kernels.size().0.max(1), rayon::current_num_threads());
    // Threads that make kernels share the panels, so that each is made once, and rows only if there are more threads.
    let (most, each) = match kernels {
        AtPoints::Shared(..) => (BANDS * threads, panels),
        AtPoints::Own(_) => (threads.div_ceil(panels), panels.div_ceil(threads)),
    };
    let (lanes, row_len) = (output.lanes, output.row_len());
    let cuts = cuts(output, OUT, most);
    let bands = bands(row_len, output.numbers_mut(), mask, &cuts).into_iter();
    let strips: Vec<_> = bands.flat_map(|band| band.strips(lanes, each)).collect();
    strips.into_par_iter().for_each(|strip| {
        winograd::run::<T, OUT, TAPS>(input, kernels, finish, strip, lanes);
    });
}

/// Bands per thread: several even out what else the machine does.
const BANDS: usize = 4;

/// Runs bands of rows on all threads.
///
/// The numbers do not depend on where bands begin, so it may depend on the number of threads.
fn each_band<T: Prim>(
    output: &mut Maps<T>,
    mask: Option<&mut [u8]>,
    run: impl Fn(Band<'_, T>) + Send + Sync,
) {
    let cuts = cuts(output, 1, rayon::current_num_threads() * BANDS);
    let row_len = output.row_len();
    let bands = bands(row_len, output.numbers_mut(), mask, &cuts);
    bands.into_par_iter().for_each(run);
}

/// What a layer says of maps that are smaller than its window.
pub(super) fn too_small<T>(input: &Maps<T>, side: usize) -> Error {
    let got = format!("{} x {}", input.height, input.width);
    let expected =
        format!("at least {side} x {side} pixels where a layer has windows of that size");
    Error::option("input", got, expected)
}

/// Both directions of a layer by patches; `is_dense`: the way back is a convolution too.
fn packed<T: Prim>(
    weight: &[f32],
    side: usize,
    (inputs, in_lanes): (usize, usize),
    outputs: usize,
    is_dense: bool,
) -> Packed<T> {
    let taps = side * side;
    let at = |output: usize, input: usize, tap: usize| {
        let is_there = output < outputs && input < inputs && tap < taps;
        match is_there {
            true => T::from_f32(weight[(output * inputs + input) * taps + tap]),
            false => T::default(),
        }
    };
    // Kernels are columns: over taps, and over all lanes of each.
    let pack = |lanes: usize, columns, entry: &dyn Fn(usize, usize, usize) -> T| {
        let depth = (taps * lanes).next_multiple_of(DEPTH);
        product::pack(depth, columns, |k, column| {
            entry(k % lanes, column, k / lanes)
        })
    };
    let out_lanes = lanes_of(outputs);
    Packed {
        forward: pack(in_lanes, outputs, &|i, o, tap| at(o, i, tap)),
        backward: match is_dense {
            true => pack(out_lanes, inputs, &|o, i, tap| {
                at(o, i, (taps - 1).wrapping_sub(tap))
            }),
            false => product::pack(out_lanes, taps * in_lanes, |o, column| {
                at(o, column % in_lanes, column / in_lanes)
            }),
        },
    }
}
