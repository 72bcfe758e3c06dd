//! A small U-Net: three halvings, skip connections, sub-pixel upsampling.

use candle_core::{Result, Tensor, Var};
use candle_nn::{Conv2d, Module};
use rand::rngs::StdRng;

use super::init::Init;
use super::layers::double;

/// Channels at full, half, quarter and eighth resolution.
const CHANNELS: [usize; 4] = [8, 16, 32, 32];

/// Heights and widths of the input must be multiples of this.
pub(crate) const MULTIPLE: usize = 1 << (CHANNELS.len() - 1);

/// One way back up: double the resolution, join the skip connection, convolve.
struct Up {
    expand: Conv2d,
    merge: Conv2d,
}

impl Up {
    fn forward(&self, x: &Tensor, skip: &Tensor) -> Result<Tensor> {
        let x = double(&self.expand.forward(x)?)?;
        self.merge.forward(&Tensor::cat(&[&x, skip], 1)?)?.relu()
    }
}

/// The network; from `(n, 1, h, w)` to logits `(n, classes, h, w)`.
pub(crate) struct UNet {
    down: Vec<Conv2d>,
    bottom: Conv2d,
    up: Vec<Up>,
    head: Conv2d,
    vars: Vec<Var>,
}

impl UNet {
    pub(crate) fn new(outputs: usize, rng: &mut StdRng) -> Result<Self> {
        let mut init = Init::new(rng);
        let mut down = vec![init.conv(1, CHANNELS[0], 3)?];
        let mut up = Vec::new();
        for pair in CHANNELS.windows(2) {
            let (fine, coarse) = (pair[0], pair[1]);
            down.push(init.conv(fine, coarse, 3)?);
            up.push(Up {
                expand: init.conv(coarse, 4 * fine, 1)?,
                merge: init.conv(2 * fine, fine, 3)?,
            });
        }
        let coarsest = CHANNELS[CHANNELS.len() - 1];
        Ok(Self {
            down,
            bottom: init.conv(coarsest, coarsest, 3)?,
            up,
            head: init.conv(CHANNELS[0], outputs, 1)?,
            vars: init.vars,
        })
    }

    pub(crate) fn vars(&self) -> Vec<Var> {
        self.vars.clone()
    }
}

impl Module for UNet {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut levels = vec![self.down[0].forward(x)?.relu()?];
        for conv in &self.down[1..] {
            // Averages, because the gradient of candle's `max_pool2d` is wrong.
            let half = levels[levels.len() - 1].avg_pool2d(2)?;
            levels.push(conv.forward(&half)?.relu()?);
        }
        let mut x = self.bottom.forward(&levels[levels.len() - 1])?.relu()?;
        for (up, skip) in self.up.iter().zip(&levels).rev() {
            x = up.forward(&x, skip)?;
        }
        self.head.forward(&x)
    }
}
