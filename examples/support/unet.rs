//! A small U-Net: three halvings, skip connections, sub-pixel upsampling.

use candle_core::{Device, Result, Tensor, Var};
use candle_nn::{Conv2d, Conv2dConfig, Module};
use rand::{Rng, rngs::StdRng};

/// Channels at full, half, quarter and eighth resolution.
const CHANNELS: [usize; 4] = [8, 16, 32, 32];

/// Heights and widths of the input must be multiples of this.
pub(crate) const MULTIPLE: usize = 1 << (CHANNELS.len() - 1);

/// Makes layers with seeded weights (candle's own generator cannot be seeded on the CPU).
struct Init<'a> {
    rng: &'a mut StdRng,
    vars: Vec<Var>,
}

impl Init<'_> {
    /// A convolution that keeps the resolution; He-uniform weights, zero bias.
    fn conv(&mut self, inputs: usize, outputs: usize, kernel: usize) -> Result<Conv2d> {
        let shape = (outputs, inputs, kernel, kernel);
        let bound = (6.0 / (inputs * kernel * kernel) as f32).sqrt();
        let weights: Vec<f32> = (0..outputs * inputs * kernel * kernel)
            .map(|_| self.rng.random_range(-bound..bound))
            .collect();
        let weight = Var::from_vec(weights, shape, &Device::Cpu)?;
        let bias = Var::from_vec(vec![0f32; outputs], outputs, &Device::Cpu)?;
        let config = Conv2dConfig {
            padding: kernel / 2,
            ..Conv2dConfig::default()
        };
        // The layer's tensors share storage with the variables: it follows every update.
        let layer = Conv2d::new(
            weight.as_tensor().clone(),
            Some(bias.as_tensor().clone()),
            config,
        );
        self.vars.extend([weight, bias]);
        Ok(layer)
    }
}

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

/// Sub-pixel upsampling `(n, 4c, h, w)` to `(n, c, 2h, 2w)`, because the gradient of candle's
/// `upsample_nearest2d` overwrites what other users of its input have contributed.
fn double(x: &Tensor) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    x.reshape((n, c / 4, 2, 2, h, w))?
        .permute((0, 1, 4, 2, 5, 3))?
        .reshape((n, c / 4, 2 * h, 2 * w))
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
        let mut init = Init {
            rng,
            vars: Vec::new(),
        };
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
