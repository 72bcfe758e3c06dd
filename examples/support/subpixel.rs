//! A small network that doubles a picture: convolutions at low resolution, then sub-pixel upsampling.

use candle_core::{Result, Tensor, Var};
use candle_nn::{Conv2d, Module};
use rand::rngs::StdRng;

use super::init::Init;
use super::layers::double;

/// Channels between the first and the last convolution.
const WIDTH: usize = 24;
/// Convolutions in between, each added to its input.
const BLOCKS: usize = 3;

/// The network; from `(n, c, h, w)` and its bicubic enlargement to `(n, c, 2h, 2w)`.
pub(crate) struct SubPixel {
    first: Conv2d,
    blocks: Vec<Conv2d>,
    last: Conv2d,
    vars: Vec<Var>,
}

impl SubPixel {
    pub(crate) fn new(channels: usize, rng: &mut StdRng) -> Result<Self> {
        let mut init = Init::new(rng);
        let first = init.conv(channels, WIDTH, 3)?;
        let blocks = (0..BLOCKS)
            .map(|_| init.conv(WIDTH, WIDTH, 3))
            .collect::<Result<_>>()?;
        let last = init.conv(WIDTH, 4 * channels, 3)?;
        // Nothing is added at first: training starts from the bicubic picture.
        if let [.., weight, _] = init.vars.as_slice() {
            weight.set(&weight.zeros_like()?)?;
        }
        Ok(Self {
            first,
            blocks,
            last,
            vars: init.vars,
        })
    }

    pub(crate) fn vars(&self) -> Vec<Var> {
        self.vars.clone()
    }

    /// What the network makes of `low`, added to `bicubic`.
    pub(crate) fn forward(&self, low: &Tensor, bicubic: &Tensor) -> Result<Tensor> {
        let mut x = self.first.forward(low)?.relu()?;
        for block in &self.blocks {
            x = (block.forward(&x)?.relu()? + x)?;
        }
        double(&self.last.forward(&x)?)? + bicubic
    }
}
