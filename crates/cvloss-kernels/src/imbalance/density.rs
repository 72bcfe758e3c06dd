//! Gradient harmonised losses: an element's loss over the density of equally hard elements.

#![forbid(unsafe_code)]

use crate::error::{Error, Result, check_shape};
use crate::loops::pointwise::{self, Operands, Pointwise, widen};
use crate::math::{Logistic, Odds, Real};
use crate::options::{Gradient, Normalizer, Reduction};
use crate::pixel::{check_positive, hypotenuse};
use crate::view::{View, ViewMut};

/// Which loss is harmonised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DensityKind {
    /// Cross-entropy over sigmoids, whose gradient is `p − t`: GHM-C.
    CrossEntropy,
    /// The smooth distance `√(d² + μ²) − μ` of `d = x − t`, whose gradient is `d/√(d² + μ²)`: GHM-R.
    Distance {
        /// `μ`, above 0.
        mu: f64,
    },
}

impl DensityKind {
    /// Fails if an option is out of range.
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::CrossEntropy => Ok(()),
            Self::Distance { mu } => check_positive("mu", mu),
        }
    }
}

/// `1 + |p − t|`: the length of an element's gradient, told apart from the 0 of ignored elements.
#[derive(Clone, Copy)]
struct Length;
impl Pointwise for Length {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, _: R) -> (R, R) {
        let Odds { p, q } = Odds::new(x);
        let d = p.mul_add(R::one() - t, -(q * t));
        (R::one() + d.abs(), R::zero())
    }
}

/// `1 + |d|/√(d² + μ²)`, likewise.
#[derive(Clone, Copy)]
struct DistanceLength {
    mu: f64,
}
impl Pointwise for DistanceLength {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, _: R) -> (R, R) {
        let d = (x - t).abs();
        (R::one() + d / hypotenuse(d, R::of(self.mu)), R::zero())
    }
}

/// `√(d² + μ²) − μ` times a constant, the auxiliary number, without the cancellation where `d` is small.
#[derive(Clone, Copy)]
struct WeightedDistance {
    mu: f64,
}
impl Pointwise for WeightedDistance {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R) {
        let (d, mu) = (x - t, R::of(self.mu));
        let length = hypotenuse(d.abs(), mu);
        (a * (d * (d / (length + mu))), a * (d / length))
    }
}

/// Cross-entropy times a constant, the auxiliary number.
#[derive(Clone, Copy)]
struct Weighted;
impl Pointwise for Weighted {
    #[inline(always)]
    fn eval<R: Real>(&self, x: R, t: R, a: R) -> (R, R) {
        let (value, slope) = Logistic::new(x).cross_entropy(t, R::one());
        (a * value, a * slope)
    }
}

/// Fails unless there is a bin, and not too many.
pub fn check_bins(bins: usize) -> Result<()> {
    match (1..=65_536).contains(&bins) {
        true => Ok(()),
        false => Err(Error::option("bins", bins, "a number in 1..=65536")),
    }
}

/// The bin of a gradient of `length` in `[0, 1]`, the last one holding 1 too; none of NaN.
pub fn bin_of(length: f64, bins: usize) -> Option<usize> {
    // A conversion takes NaN for 0.
    (!length.is_nan()).then(|| ((length * bins as f64) as usize).min(bins - 1))
}

/// The weight of each bin, `all / (density · filled)`: with densities of the caller, where these are above 0.
pub fn bin_weights(counts: &[f64], densities: Option<&[f64]>) -> Vec<f64> {
    let all: f64 = counts.iter().sum();
    let filled = counts.iter().filter(|count| **count > 0.0).count() as f64;
    let density = |(bin, count): (usize, &f64)| {
        let given = densities.and_then(|densities| densities.get(bin));
        given
            .copied()
            .filter(|density| *density > 0.0)
            .unwrap_or(*count)
    };
    let weight = |density: f64| match density > 0.0 {
        true => all / (density * filled),
        false => 0.0,
    };
    counts.iter().enumerate().map(density).map(weight).collect()
}

/// Fails unless densities are one per bin, finite and at least 0.
pub fn check_densities(densities: Option<&[f64]>, bins: usize) -> Result<()> {
    let Some(densities) = densities else {
        return Ok(());
    };
    if densities.len() != bins {
        let got = format!("{} numbers", densities.len());
        return Err(Error::option(
            "densities",
            got,
            format!("{bins}, one per bin"),
        ));
    }
    match densities.iter().find(|d| !(**d >= 0.0 && d.is_finite())) {
        Some(bad) => Err(Error::option(
            "densities",
            bad,
            "finite numbers of at least 0",
        )),
        None => Ok(()),
    }
}

/// How many elements' gradients fall into each bin, and the bin of each element: none where it is ignored or has weight 0,
/// NaN where its gradient is.
fn histogram(
    kind: DensityKind,
    bins: usize,
    operands: &Operands<'_>,
) -> Result<(Vec<f64>, Vec<f64>)> {
    kind.check()?;
    check_bins(bins)?;
    let shape = operands.input.shape();
    let mut lengths = vec![0f64; operands.input.len()];
    let unweighted = Operands {
        auxiliary: None,
        weight: None,
        ..operands.clone()
    };
    let into = Some(ViewMut::new(&mut lengths, shape)?);
    let (none, elements) = (Reduction::None, Normalizer::Elements);
    match kind {
        DensityKind::CrossEntropy => {
            pointwise::evaluate(Length, &unweighted, none, elements, into, None)?
        }
        DensityKind::Distance { mu } => pointwise::evaluate(
            DistanceLength { mu },
            &unweighted,
            none,
            elements,
            into,
            None,
        )?,
    };
    let weight = widen("weight", &operands.weight, shape)?;
    let [_, channels, space] = shape;
    let mut counts = vec![0.0; bins];
    let mut weights = vec![1f64; space];
    for (row, lengths) in lengths.chunks_exact_mut(space.max(1)).enumerate() {
        if let Some(weight) = &weight {
            weight.read_row(row / channels, row % channels, 0, &mut weights);
        }
        for (length, weight) in lengths.iter_mut().zip(&weights) {
            *length = match (
                *length == 0.0 || *weight == 0.0,
                bin_of(*length - 1.0, bins),
            ) {
                (true, _) => -1.0,
                (false, None) => f64::NAN,
                (false, Some(bin)) => {
                    counts[bin] += 1.0;
                    bin as f64
                }
            };
        }
    }
    Ok((counts, lengths))
}

/// How many elements' gradients fall, by their length, into each of `bins` equal bins, without those that are ignored
/// or have weight 0.
pub fn gradient_counts(
    kind: DensityKind,
    bins: usize,
    operands: &Operands<'_>,
) -> Result<Vec<f64>> {
    Ok(histogram(kind, bins, operands)?.0)
}

/// The loss of each element times its bin's weight, which counts as constant. The mean divides by the number of
/// elements that count.
pub fn evaluate_density(
    kind: DensityKind,
    bins: usize,
    densities: Option<&[f64]>,
    reduction: Reduction,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    check_densities(densities, bins)?;
    let shape = operands.input.shape();
    if let Some(values) = &values {
        check_shape("values", shape, values.shape())?;
    }
    let (counts, mut found) = histogram(kind, bins, operands)?;
    let weights = bin_weights(&counts, densities);
    for bin in &mut found {
        // NaN stays; −1 is an element that does not count.
        if !bin.is_nan() {
            *bin = if *bin < 0.0 {
                0.0
            } else {
                weights[*bin as usize]
            };
        }
    }
    let counted: f64 = counts.iter().sum();
    let (factor, reduction) = match reduction {
        Reduction::None => (1.0, Reduction::None),
        Reduction::Sum => (1.0, Reduction::Sum),
        Reduction::Mean => (1.0 / counted.max(1.0), Reduction::Sum),
    };
    let gradient = gradient.map(|gradient| Gradient {
        scale: gradient.scale * factor,
        ..gradient
    });
    let operands = Operands {
        auxiliary: Some(View::new(&found, shape)?),
        ..operands.clone()
    };
    let elements = Normalizer::Elements;
    macro_rules! run {
        ($formula:expr) => {
            pointwise::evaluate($formula, &operands, reduction, elements, values, gradient)?
        };
    }
    let sum = match kind {
        DensityKind::CrossEntropy => run!(Weighted),
        DensityKind::Distance { mu } => run!(WeightedDistance { mu }),
    };
    Ok(sum * factor)
}
