//! One frozen convolution: its weights, prepared once for both directions.

use rayon::prelude::*;

use super::finish::{Finish, bands, cuts};
use super::maps::{Maps, lanes_of};
use super::patches::{self, Window};
use super::product::{self, COLUMNS, DEPTH, Panel};
use super::winograd;
use crate::error::{Error, Result};
use crate::scalar::Prim;

/// The weights and the shape of a convolution, as PyTorch has them.
#[derive(Clone, Copy, Debug)]
pub struct Kernel<'a> {
    /// `(outputs, inputs, side, side)`.
    pub weight: &'a [f64],
    /// One number per output.
    pub bias: &'a [f64],
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

impl Kernel<'_> {
    fn at(&self, output: usize, input: usize, tap: usize) -> f64 {
        self.weight[(output * self.inputs + input) * self.side * self.side + tap]
    }
}

/// A convolution whose weights do not change.
#[derive(Debug)]
pub struct Convolution<T> {
    window: Window,
    inputs: usize,
    in_lanes: usize,
    outputs: usize,
    bias: Vec<T>,
    form: Form,
    forward: Vec<Panel<T>>,
    backward: Vec<Panel<T>>,
}

/// How a convolution runs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// Both ways by Winograd.
    Winograd,
    /// Both ways by patches: the gradient of a layer with stride 1 is a convolution too.
    Patches,
    /// Forward by patches, backward by sums of patches.
    Scatter,
}

impl<T: Prim> Convolution<T> {
    /// Prepares the weights. `first`: its input is an image, whose channels are not filled up to whole chunks.
    pub fn new(kernel: &Kernel<'_>, first: bool) -> Result<Self> {
        let Kernel {
            outputs,
            inputs,
            side,
            stride,
            border,
            ..
        } = *kernel;
        let expected = outputs * inputs * side * side;
        if kernel.weight.len() != expected || kernel.bias.len() != outputs {
            let got = format!("{} and {}", kernel.weight.len(), kernel.bias.len());
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
        let form = match (side, stride, border) {
            (3, 1, 1) if !first => Form::Winograd,
            (_, 1, _) if !first => Form::Patches,
            _ => Form::Scatter,
        };
        let taps = side * side;
        let (forward, backward) = match form {
            Form::Winograd => {
                let forward = |i: usize, o: usize| std::array::from_fn(|tap| kernel.at(o, i, tap));
                let backward =
                    |o: usize, i: usize| std::array::from_fn(|tap| kernel.at(o, i, 8 - tap));
                (
                    winograd::pack(inputs, outputs, forward),
                    winograd::pack(outputs, inputs, backward),
                )
            }
            Form::Patches => {
                let out_lanes = lanes_of(outputs);
                let backward = pack_patches(out_lanes, outputs, inputs, taps, |o, i, tap| {
                    kernel.at(o, i, taps - 1 - tap)
                });
                (forward_patches(kernel, in_lanes), backward)
            }
            Form::Scatter => {
                let backward = product::pack(lanes_of(outputs), taps * in_lanes, |o, column| {
                    let (tap, input) = (column / in_lanes, column % in_lanes);
                    T::of(if o < outputs && input < inputs {
                        kernel.at(o, input, tap)
                    } else {
                        0.0
                    })
                });
                (forward_patches(kernel, in_lanes), backward)
            }
        };
        let mut bias = vec![T::default(); outputs.next_multiple_of(COLUMNS)];
        for (to, from) in bias.iter_mut().zip(kernel.bias) {
            *to = T::of(*from);
        }
        Ok(Self {
            window,
            inputs,
            in_lanes,
            outputs,
            bias,
            form,
            forward,
            backward,
        })
    }

    /// Output channels.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Bytes of the prepared weights.
    pub fn bytes(&self) -> usize {
        (self.forward.len() + self.backward.len()) * size_of::<Panel<T>>()
    }

    /// Rows and pixels of the output; none if the input is smaller than a window.
    pub fn output_size(&self, height: usize, width: usize) -> Option<(usize, usize)> {
        Some((self.window.count(height)?, self.window.count(width)?))
    }

    /// The output, after a ReLU if `relu`, and the mask of the ReLU's inputs above 0 if `keep`.
    pub(super) fn forward(
        &self,
        input: &Maps<T>,
        relu: bool,
        keep: bool,
        memory: Vec<T>,
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
        let lanes = output.lanes;
        let cuts = self.cuts(&output);
        let row_len = output.row_len();
        bands(row_len, output.numbers_mut(), mask.as_deref_mut(), &cuts)
            .into_par_iter()
            .for_each(|band| match self.form {
                Form::Winograd => winograd::run(input, &self.forward, finish, band, lanes),
                _ => patches::run(
                    input,
                    self.window,
                    &self.forward,
                    finish,
                    band,
                    (height, width, lanes),
                ),
            });
        Ok((output, mask))
    }

    /// The gradient of the input, whose shape is that of `like`, from that of the output; 0 where `mask` is 0.
    pub(super) fn backward(
        &self,
        gradient: &Maps<T>,
        like: &Maps<T>,
        mask: Option<&[u8]>,
        memory: Vec<T>,
    ) -> Maps<T> {
        let mut input = like.shaped(memory);
        let finish = Finish::backward(mask);
        let (lanes, row_len) = (input.lanes, input.row_len());
        let size = (input.height, input.width, lanes);
        let cuts = self.cuts(&input);
        bands(row_len, input.numbers_mut(), None, &cuts)
            .into_par_iter()
            .for_each(|band| match self.form {
                Form::Winograd => winograd::run(gradient, &self.backward, finish, band, lanes),
                Form::Patches => {
                    let window = Window {
                        border: self.window.side - 1 - self.window.border,
                        ..self.window
                    };
                    patches::run(gradient, window, &self.backward, finish, band, size);
                }
                Form::Scatter => {
                    patches::scatter(gradient, self.window, &self.backward, band, size);
                }
            });
        if let (Form::Scatter, Some(mask)) = (self.form, mask) {
            super::net::apply(&mut input, mask);
        }
        input
    }

    /// Where threads begin. The numbers do not depend on it, so it may depend on the number of threads.
    fn cuts(&self, output: &Maps<T>) -> Vec<usize> {
        let step = match self.form {
            Form::Winograd => winograd::OUT,
            _ => 1,
        };
        // More bands than threads even out what else the machine does; fewer stream the weights less often.
        let bytes = self.forward.len() * size_of::<Panel<T>>();
        let each = if bytes > 4 << 20 { 1 } else { 4 };
        cuts(output, step, rayon::current_num_threads() * each)
    }
}

/// What a layer says of maps that are smaller than its window.
pub(super) fn too_small<T>(input: &Maps<T>, side: usize) -> Error {
    let got = format!("{} x {}", input.height, input.width);
    let expected =
        format!("at least {side} x {side} pixels where a layer has windows of that size");
    Error::option("input", got, expected)
}

fn forward_patches<T: Prim>(kernel: &Kernel<'_>, in_lanes: usize) -> Vec<Panel<T>> {
    let taps = kernel.side * kernel.side;
    pack_patches(
        in_lanes,
        kernel.inputs,
        kernel.outputs,
        taps,
        |i, o, tap| kernel.at(o, i, tap),
    )
}

/// Kernels as columns: over taps, and over all lanes of each.
fn pack_patches<T: Prim>(
    lanes: usize,
    inputs: usize,
    outputs: usize,
    taps: usize,
    entry: impl Fn(usize, usize, usize) -> f64,
) -> Vec<Panel<T>> {
    let depth = (taps * lanes).next_multiple_of(DEPTH);
    product::pack(depth, outputs, |k, output| {
        let (tap, input) = (k / lanes, k % lanes);
        T::of(if tap < taps && input < inputs {
            entry(input, output, tap)
        } else {
            0.0
        })
    })
}
