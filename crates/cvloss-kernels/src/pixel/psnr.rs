//! The peak signal-to-noise ratio, as a loss.
//!
//! `L = 10 log₁₀(m + ε)` with `m` the mean squared error over the squared data range: two sweeps, since every slope
//! needs the whole sum. `dL/dm = 10 / (ln 10 · (m + ε))`.

use crate::error::{Error, Result};
use crate::loops::pointwise::{Operands, evaluate_difference};
use crate::options::{Gradient, Gradients, Normalizer, Reduction};
use crate::parallel;
use crate::view::ViewMut;

use super::{L2, check_positive};

/// Over what the squared error is averaged before the logarithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PsnrPooling {
    /// Over each image, as piq.
    #[default]
    Image,
    /// Over the whole batch, as kornia.
    Batch,
}

/// Options of [`evaluate_psnr`].
#[derive(Clone, Copy, Debug)]
pub struct PsnrOptions {
    /// The largest value of a pixel less the smallest.
    pub data_range: f64,
    /// Added to the mean squared error over the squared range.
    pub eps: f64,
    /// Over what the squared error is averaged.
    pub pooling: PsnrPooling,
    /// What the mean squared error divides by.
    pub normalizer: Normalizer,
    /// How images are reduced.
    pub reduction: Reduction,
}

impl PsnrOptions {
    pub(crate) fn check(&self) -> Result<()> {
        check_positive("data_range", self.data_range)?;
        match self.eps >= 0.0 && self.eps.is_finite() {
            true => Ok(()),
            false => Err(Error::option(
                "eps",
                self.eps,
                "a finite number of at least 0",
            )),
        }
    }
}

/// The negative ratio in decibels; with [`Reduction::None`], one of each image, and their sum is returned.
pub fn evaluate_psnr(
    options: &PsnrOptions,
    operands: &Operands<'_>,
    mut values: Option<ViewMut<'_>>,
    gradients: Gradients<'_>,
) -> Result<f64> {
    options.check()?;
    let items = match options.pooling {
        PsnrPooling::Image => operands.input.shape()[0],
        PsnrPooling::Batch => 1,
    };
    let scale = match options.reduction {
        Reduction::Mean => 1.0 / items.max(1) as f64,
        _ => 1.0,
    };
    let losses = match options.pooling {
        PsnrPooling::Batch => vec![image(options, operands, gradients)],
        PsnrPooling::Image => {
            let parts = split(operands, gradients.scaled(scale))?;
            parallel::map(parts, |(operands, gradients)| {
                image(options, &operands, gradients)
            })
        }
    };
    let mut total = 0.0;
    for (n, loss) in losses.into_iter().enumerate() {
        let loss = loss?;
        total += loss;
        if let Some(values) = &mut values {
            values.write_row(n, 0, 0, &[loss], false);
        }
    }
    Ok(total * scale)
}

/// One image, or a batch that is pooled.
fn image(options: &PsnrOptions, operands: &Operands<'_>, gradients: Gradients<'_>) -> Result<f64> {
    let evaluate = |gradients| {
        let (reduction, normalizer) = (Reduction::Mean, options.normalizer);
        evaluate_difference(L2, operands, reduction, normalizer, None, gradients)
    };
    let range = options.data_range * options.data_range;
    let error = evaluate(Gradients::default())? / range + options.eps;
    if gradients.input.is_some() || gradients.target.is_some() {
        // Equal images without ε: the value is −∞, and the slope 0.
        let slope = match error == 0.0 {
            true => 0.0,
            false => 10.0 / (std::f64::consts::LN_10 * error * range),
        };
        evaluate(gradients.scaled(slope))?;
    }
    Ok(10.0 * error.log10())
}

/// Each image on its own.
#[allow(clippy::type_complexity)]
fn split<'i, 'g>(
    operands: &'i Operands<'_>,
    gradients: Gradients<'g>,
) -> Result<Vec<(Operands<'i>, Gradients<'g>)>> {
    let shape = operands.input.shape();
    let widen = |argument, view: &'i Option<crate::View<'_>>| match view {
        None => Ok(None),
        Some(view) => view.broadcast(argument, shape).map(Some),
    };
    let weight = widen("weight", &operands.weight)?;
    let mut inputs = gradient_items(gradients.input).into_iter();
    let mut targets = gradient_items(gradients.target).into_iter();
    crate::view::check_view("target", shape, &operands.target)?;
    let part = |n| {
        let item = Operands {
            input: operands.input.reborrow().narrow(0, n, 1),
            target: operands.target.reborrow().narrow(0, n, 1),
            auxiliary: None,
            weight: weight.clone().map(|weight| weight.narrow(0, n, 1)),
            ignore: operands.ignore,
        };
        let gradients = Gradients {
            input: inputs.next(),
            target: targets.next(),
        };
        (item, gradients)
    };
    Ok((0..shape[0]).map(part).collect())
}

fn gradient_items(gradient: Option<Gradient<'_>>) -> Vec<Gradient<'_>> {
    let Some(gradient) = gradient else {
        return Vec::new();
    };
    let (scale, accumulate) = (gradient.scale, gradient.accumulate);
    let of = |view| Gradient {
        view,
        scale,
        accumulate,
    };
    gradient.view.split(0, 1).into_iter().map(of).collect()
}
