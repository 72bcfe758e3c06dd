//! Generators and discriminators, small enough for a CPU.
//!
//! Discriminators have smooth activations: a gradient penalty by differences wants a network without kinks.

use candle_core::{Device, Result, Tensor, Var};
use rand::{Rng, rngs::StdRng};

/// The length of a latent vector.
pub(crate) const LATENT: usize = 16;
/// Features of the networks for points in the plane.
const WIDTH: usize = 64;
/// Channels of the networks for patches, from 16×16 to 4×4.
const CHANNELS: [usize; 3] = [12, 24, 48];

/// A network: steps that a tensor passes in order.
pub(crate) struct Network {
    steps: Vec<Step>,
    vars: Vec<Var>,
}

/// Weights share storage with the variables that an optimizer updates.
enum Step {
    Linear {
        weight: Tensor,
        bias: Tensor,
    },
    Conv {
        weight: Tensor,
        bias: Tensor,
        stride: usize,
    },
    Silu,
    Sine,
    Tanh,
    /// From features to (N, C, 4, 4).
    Unflatten(usize),
    Flatten,
    /// Sub-pixel upsampling.
    Double,
}

impl Network {
    /// From latents to points in the plane.
    pub(crate) fn plane_generator(rng: &mut StdRng) -> Result<Self> {
        Self::mlp(&[LATENT, WIDTH, WIDTH, 2], rng)
    }

    /// From points in the plane to a logit; waves in the first layer, because detail would take long to learn without.
    pub(crate) fn plane_critic(rng: &mut StdRng) -> Result<Self> {
        let mut net = Self::mlp(&[2, WIDTH, WIDTH, 1], rng)?;
        net.steps[1] = Step::Sine;
        Ok(net)
    }

    fn mlp(widths: &[usize], rng: &mut StdRng) -> Result<Self> {
        let mut net = Self::empty();
        for (i, pair) in widths.windows(2).enumerate() {
            if i > 0 {
                net.steps.push(Step::Silu);
            }
            net.linear(pair[0], pair[1], rng)?;
        }
        Ok(net)
    }

    /// From latents to patches (N, 1, 32, 32) in −1..1.
    pub(crate) fn patch_generator(rng: &mut StdRng) -> Result<Self> {
        let [fine, middle, coarse] = CHANNELS;
        let mut net = Self::empty();
        net.linear(LATENT, coarse * 16, rng)?;
        net.steps.extend([Step::Unflatten(coarse), Step::Silu]);
        for (inputs, outputs) in [(coarse, middle), (middle, fine), (fine, fine)] {
            net.conv(inputs, 4 * outputs, 1, rng)?;
            net.steps.extend([Step::Double, Step::Silu]);
        }
        net.conv(fine, 1, 1, rng)?;
        net.steps.push(Step::Tanh);
        Ok(net)
    }

    /// From patches (N, 1, 32, 32) to a logit.
    pub(crate) fn patch_critic(rng: &mut StdRng) -> Result<Self> {
        let mut net = Self::empty();
        let mut inputs = 1;
        for outputs in CHANNELS {
            net.conv(inputs, outputs, 2, rng)?;
            net.steps.push(Step::Silu);
            inputs = outputs;
        }
        net.steps.push(Step::Flatten);
        net.linear(inputs * 16, 1, rng)?;
        Ok(net)
    }

    fn empty() -> Self {
        Self {
            steps: Vec::new(),
            vars: Vec::new(),
        }
    }

    fn linear(&mut self, inputs: usize, outputs: usize, rng: &mut StdRng) -> Result<()> {
        let weight = self.weight(&[inputs, outputs], inputs, rng)?;
        let bias = self.bias(&[outputs], inputs, rng)?;
        self.steps.push(Step::Linear { weight, bias });
        Ok(())
    }

    /// A 3×3 convolution.
    fn conv(
        &mut self,
        inputs: usize,
        outputs: usize,
        stride: usize,
        rng: &mut StdRng,
    ) -> Result<()> {
        let weight = self.weight(&[outputs, inputs, 3, 3], inputs * 9, rng)?;
        let bias = self.bias(&[1, outputs, 1, 1], inputs * 9, rng)?;
        self.steps.push(Step::Conv {
            weight,
            bias,
            stride,
        });
        Ok(())
    }

    /// He-uniform.
    fn weight(&mut self, shape: &[usize], inputs: usize, rng: &mut StdRng) -> Result<Tensor> {
        self.uniform(shape, (6.0 / inputs as f32).sqrt(), rng)
    }

    /// Not 0: the features of a plane would all bend at the origin.
    fn bias(&mut self, shape: &[usize], inputs: usize, rng: &mut StdRng) -> Result<Tensor> {
        self.uniform(shape, 2.0 / (inputs as f32).sqrt(), rng)
    }

    fn uniform(&mut self, shape: &[usize], bound: f32, rng: &mut StdRng) -> Result<Tensor> {
        let numbers: Vec<f32> = (0..shape.iter().product())
            .map(|_| rng.random_range(-bound..bound))
            .collect();
        self.keep(Var::from_vec(numbers, shape, &Device::Cpu)?)
    }

    fn keep(&mut self, var: Var) -> Result<Tensor> {
        let tensor = var.as_tensor().clone();
        self.vars.push(var);
        Ok(tensor)
    }

    /// Moves each weight towards another network's.
    pub(crate) fn follow(&self, other: &Self, share: f64) -> Result<()> {
        for (own, other) in self.vars.iter().zip(&other.vars) {
            let gap = (other.as_tensor().detach() - own.as_tensor().detach())?;
            own.set(&(own.as_tensor().detach() + (gap * share)?)?)?;
        }
        Ok(())
    }

    pub(crate) fn vars(&self) -> Vec<Var> {
        self.vars.clone()
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for step in &self.steps {
            x = step.forward(&x)?;
        }
        Ok(x)
    }
}

impl Step {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Linear { weight, bias } => x.matmul(weight)?.broadcast_add(bias),
            Self::Conv {
                weight,
                bias,
                stride,
            } => x.conv2d(weight, 1, *stride, 1, 1)?.broadcast_add(bias),
            Self::Silu => x.silu(),
            Self::Sine => x.sin(),
            Self::Tanh => x.tanh(),
            Self::Unflatten(channels) => x.reshape(((), *channels, 4, 4)),
            Self::Flatten => x.flatten_from(1),
            Self::Double => {
                let (n, c, h, w) = x.dims4()?;
                x.reshape((n, c / 4, 2, 2, h, w))?
                    .permute((0, 1, 4, 2, 5, 3))?
                    .reshape((n, c / 4, 2 * h, 2 * w))
            }
        }
    }
}
