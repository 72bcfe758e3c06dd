//! Seeded layers.

use candle_core::{Device, Result, Var};
use candle_nn::{Conv2d, Conv2dConfig};
use rand::{Rng, rngs::StdRng};

/// Makes layers with seeded weights (candle's own generator cannot be seeded on the CPU).
pub(crate) struct Init<'a> {
    rng: &'a mut StdRng,
    pub(crate) vars: Vec<Var>,
}

impl<'a> Init<'a> {
    pub(crate) fn new(rng: &'a mut StdRng) -> Self {
        Self {
            rng,
            vars: Vec::new(),
        }
    }

    /// A convolution that keeps the resolution; He-uniform weights, zero bias.
    pub(crate) fn conv(&mut self, inputs: usize, outputs: usize, kernel: usize) -> Result<Conv2d> {
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
