//! Targets of every kind but boxes.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use rand::Rng;
use rand::rngs::StdRng;

use super::{Kind, Spec};

impl Spec {
    pub(super) fn target(&self, rng: &mut StdRng) -> Result<Tensor> {
        let target = match self.kind {
            Kind::Classes => self.labels(rng)?,
            Kind::OneHot => self.one_hot(rng)?,
            Kind::Distribution => self.distribution(rng)?,
            Kind::Image => self.image(rng, 1)?,
            Kind::Positions => self.positions(rng)?,
            kind => self.elements(rng, kind)?,
        };
        match self.drops_axis {
            true => Ok(target.squeeze(1)?),
            false => Ok(target),
        }
    }

    /// A class per point, or what is ignored.
    fn labels(&self, rng: &mut StdRng) -> Result<Tensor> {
        let shape = self.point_shape(self.keeps_axis);
        let count: usize = shape.iter().product();
        let per_item = count / shape[0].max(1);
        let labels: Vec<i64> = (0..count).map(|i| self.label(rng, i / per_item)).collect();
        Ok(Tensor::from_vec(labels, shape, &Device::Cpu)?)
    }

    fn label(&self, rng: &mut StdRng, item: usize) -> i64 {
        if let Some(ignored) = self.ignored
            && rng.random_bool(0.25)
        {
            return ignored;
        }
        let classes = self.channels().max(2) as i64;
        match (self.lacks_classes, item) {
            (true, 0) => rng.random_range(1..(classes - 1).max(2)),
            (true, _) => rng.random_range(1..classes),
            (false, _) => rng.random_range(0..classes),
        }
    }

    fn one_hot(&self, rng: &mut StdRng) -> Result<Tensor> {
        let labels = Self {
            keeps_axis: true,
            ..self.clone()
        }
        .labels(rng)?;
        let classes = self.channels() as i64;
        let mut shape = vec![1; self.shape.len()];
        shape[1] = self.channels();
        let numbers = Tensor::arange(0, classes, &Device::Cpu)?.reshape(shape)?;
        Ok(labels.broadcast_eq(&numbers)?.to_dtype(DType::F64)?)
    }

    /// Away from whole numbers, where slopes with respect to the target jump.
    fn positions(&self, rng: &mut StdRng) -> Result<Tensor> {
        let shape = self.point_shape(self.keeps_axis);
        let last = self.channels() - 1;
        let count: usize = shape.iter().product();
        let positions: Vec<f64> = (0..count)
            .map(|_| rng.random_range(0..last) as f64 + rng.random_range(0.05..0.95))
            .collect();
        Ok(Tensor::from_vec(positions, shape, &Device::Cpu)?)
    }

    fn distribution(&self, rng: &mut StdRng) -> Result<Tensor> {
        let count = self.shape.iter().product();
        let shares: Vec<f64> = (0..count)
            .map(|_| rng.random_range(-0.2f64..1.0).max(0.0))
            .collect();
        let shares = Tensor::from_vec(shares, self.shape.as_slice(), &Device::Cpu)?;
        // A point without any share gets the whole of class 0.
        let empty = shares.sum_keepdim(1)?.eq(0.0)?.to_dtype(DType::F64)?;
        let first = (shares.narrow(1, 0, 1)? + &empty)?;
        let rest = shares.narrow(1, 1, self.channels() - 1)?;
        let shares = Tensor::cat(&[first, rest], 1)?;
        Ok(shares.broadcast_div(&shares.sum_keepdim(1)?)?)
    }

    /// Multiples of 1/64, every other one moved by 1/128 as on a chessboard, and a little noise.
    pub(super) fn image(&self, rng: &mut StdRng, colour: usize) -> Result<Tensor> {
        let count: usize = self.shape.iter().product();
        let mut pixel = |index: usize| {
            let mut rest = index;
            let mut parity = colour;
            for len in self.shape.iter().rev() {
                parity += rest % len;
                rest /= len;
            }
            let grey = f64::from(2 * rng.random_range(0..63)) + (parity % 2) as f64;
            (grey + 0.5 + rng.random_range(-0.25..0.25)) / 128.0
        };
        let pixels: Vec<f64> = (0..count).map(&mut pixel).collect();
        Ok(Tensor::from_vec(
            pixels,
            self.shape.as_slice(),
            &Device::Cpu,
        )?)
    }

    fn elements(&self, rng: &mut StdRng, kind: Kind) -> Result<Tensor> {
        let count = self.shape.iter().product();
        let targets: Vec<f64> = (0..count).map(|_| self.element(rng, kind)).collect();
        Ok(Tensor::from_vec(
            targets,
            self.shape.as_slice(),
            &Device::Cpu,
        )?)
    }

    fn element(&self, rng: &mut StdRng, kind: Kind) -> f64 {
        match self.ignored {
            _ if kind == Kind::Logits => rng.random_range(-3.0..3.0),
            Some(ignored) if rng.random_bool(0.25) => ignored as f64,
            _ if kind == Kind::SoftBinary => rng.random_range(-0.2f64..1.2).clamp(0.0, 1.0),
            _ => f64::from(u8::from(rng.random_bool(0.4))),
        }
    }
}
