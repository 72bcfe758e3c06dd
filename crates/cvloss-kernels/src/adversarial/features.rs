//! Feature matching: a distance between features of fake and of real items.

#![forbid(unsafe_code)]

use super::cpu::keep_nan;
use super::plan::Visit;
use super::{
    Absolute, AnyCurve, Curve, Given, LogitGradients, Logits, Square, check_logits, pairs,
};
use crate::error::{Error, Result};
use crate::loops::pointwise::{self, Operands};
use crate::math::Real;
use crate::options::{Gradient, Normalizer, Reduction};
use crate::parallel;
use crate::simd::{Isa, Task, dispatch};
use crate::view::{View, ViewMut};

/// How far two features are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FeatureDistance {
    /// `|f − r|`: pix2pixHD, StudioGAN.
    #[default]
    Absolute,
    /// `(f − r)²`: torchgan, and the paper up to the mean.
    Squared,
}

/// Which features are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FeaturePooling {
    /// Those of each pair of items: pix2pixHD, whose items belong together.
    #[default]
    Items,
    /// Their means over the batch: the paper, StudioGAN.
    BatchMeans,
}

/// Options of [`evaluate_features`].
#[derive(Clone, Copy, Debug)]
pub struct FeatureOptions {
    /// How far two features are apart.
    pub distance: FeatureDistance,
    /// Which features are compared.
    pub pooling: FeaturePooling,
    /// How distances are reduced.
    pub reduction: Reduction,
}

impl FeatureOptions {
    /// The distance as a curve of the difference.
    pub fn curve(&self) -> AnyCurve {
        match self.distance {
            FeatureDistance::Absolute => AnyCurve::Absolute(Absolute),
            FeatureDistance::Squared => AnyCurve::Square(Square {
                label: 0.0,
                factor: 1.0,
            }),
        }
    }
}

/// A distance of features (N, C, S); `logits.real` holds those that the first gradient belongs to.
///
/// With [`FeaturePooling::BatchMeans`] there is one distance per (C, S), weights multiply the features, and there is no
/// [`Reduction::None`].
pub fn evaluate_features(
    options: &FeatureOptions,
    logits: &Logits<'_>,
    values: Option<ViewMut<'_>>,
    gradients: LogitGradients<'_>,
) -> Result<f64> {
    check_logits(logits)?;
    let curve = options.curve();
    match options.pooling {
        FeaturePooling::Items => pairs(
            curve,
            1.0,
            1.0,
            logits,
            options.reduction,
            values,
            gradients,
        ),
        FeaturePooling::BatchMeans => {
            if options.reduction == Reduction::None {
                let expected = "Sum or Mean: a mean over the batch ties all items together";
                return Err(Error::option("reduction", "None", expected));
            }
            batch_means(curve, options.reduction, logits, gradients)
        }
    }
}

fn batch_means(
    curve: AnyCurve,
    reduction: Reduction,
    logits: &Logits<'_>,
    gradients: LogitGradients<'_>,
) -> Result<f64> {
    let [items, channels, space] = logits.real.shape();
    let columns = channels * space;
    if items == 0 || columns == 0 {
        for (view, gradient) in [
            (&logits.real, gradients.real),
            (&logits.fake, gradients.fake),
        ] {
            gradient.map_or(Ok(()), |gradient| super::untouched(view, gradient))?;
        }
        return Ok(0.0);
    }
    let (mut gaps, fake) = (column_sums(logits, true)?, column_sums(logits, false)?);
    for (gap, fake) in gaps.iter_mut().zip(fake) {
        *gap = (*gap - fake) / items as f64;
    }
    let mean = match reduction {
        Reduction::Mean => 1.0 / columns as f64,
        _ => 1.0,
    };
    // The slopes take the gaps' place.
    let value = curve.accept(Columns(&mut gaps));
    let slopes = View::new(&gaps, [1, channels, space])?;
    let share = mean / items as f64;
    let write = |view: &View<'_>, gradient: Option<Gradient<'_>>, share: f64| {
        let Some(gradient) = gradient else {
            return Ok(());
        };
        let operands = Operands {
            input: view.reborrow(),
            target: view.reborrow(),
            auxiliary: Some(slopes.reborrow()),
            weight: logits.weight.as_ref().map(View::reborrow),
            ignore: None,
        };
        let scale = share * gradient.scale;
        pointwise::evaluate(
            Given,
            &operands,
            Reduction::Sum,
            Normalizer::Elements,
            None,
            Some(Gradient { scale, ..gradient }),
        )
        .map(drop)
    };
    write(&logits.real, gradients.real, share)?;
    write(&logits.fake, gradients.fake, -share)?;
    Ok(value * mean)
}

/// Weighted sums over the items, one per (C, S).
fn column_sums(logits: &Logits<'_>, of_real: bool) -> Result<Vec<f64>> {
    let view = if of_real { &logits.real } else { &logits.fake };
    let [items, channels, space] = view.shape();
    let weight = match &logits.weight {
        Some(weight) => Some(weight.broadcast("weight", view.shape())?),
        None => None,
    };
    let rows = parallel::map(0..channels, |c| {
        let mut sums = vec![0.0; space];
        let (mut row, mut weights) = (vec![0.0; space], vec![1.0; space]);
        for n in 0..items {
            view.read_row::<f64>(n, c, 0, &mut row);
            if let Some(weight) = &weight {
                weight.read_row::<f64>(n, c, 0, &mut weights);
            }
            for ((sum, x), w) in sums.iter_mut().zip(&row).zip(&weights) {
                *sum += x * w;
            }
        }
        sums
    });
    Ok(rows.concat())
}

/// Values of columns, summed; each gap becomes its slope.
struct Columns<'a>(&'a mut [f64]);

impl Visit for Columns<'_> {
    type Output = f64;
    fn visit<C: Curve>(self, curve: C) -> f64 {
        dispatch(ColumnTask {
            curve,
            gaps: self.0,
        })
    }
}

struct ColumnTask<'a, C> {
    curve: C,
    gaps: &'a mut [f64],
}

impl<C: Curve> Task for ColumnTask<'_, C> {
    type Prim = f64;
    type Output = f64;
    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let mut total = 0.0;
        for gap in self.gaps {
            let z = I::F64::new(*gap);
            let (value, slope) = self.curve.eval(z);
            total += value.get();
            *gap = keep_nan(z, slope).get();
        }
        total
    }
}
