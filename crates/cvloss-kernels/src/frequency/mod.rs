//! Losses of spectra: focal frequency loss, and L1 of Fourier coefficients.
//!
//! The transform is linear, so that only the difference `d = w (x − t)` is transformed. With the unitary transform
//! `F = U d` and `y = dL/dF` at each coefficient, the gradient is `Re(Uᴴ y)`: one transform forth, one back.
//!
//! Planes run in parallel, each as a whole.

#![forbid(unsafe_code)]

mod transform;

use rustfft::num_complex::Complex;

use crate::error::{Error, Result, check_shape};
use crate::options::{Gradient, Gradients, Reduction};
use crate::parallel;
use crate::scalar::in_precision;
use crate::view::{View, ViewMut, check_view};

use transform::{Fourier, Plan, Plane};

/// Over what the weights of a spectrum are divided by their largest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SpectrumPeak {
    /// Each patch of each channel.
    #[default]
    Patch,
    /// The whole batch, as the paper's `batch_matrix`.
    Batch,
}

/// Whose spectra are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SpectrumPooling {
    /// Each image's.
    #[default]
    Image,
    /// The mean over the batch, as the paper's `ave_spectrum`.
    Batch,
}

/// What a coefficient weighs, by its own error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SpectrumWeight {
    /// `|F|^α`
    #[default]
    Power,
    /// `ln(|F|^α + 1)`, as the paper's `log_matrix`.
    Log,
}

/// What of a coefficient is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FftForm {
    /// `|Re| + |Im|`, the mean over both, as MIMO-UNet and its followers.
    #[default]
    Parts,
    /// `|F|`, the mean over coefficients.
    Magnitude,
}

/// The factor of the transform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FftNorm {
    /// 1, as `torch.fft.fft2` by default.
    #[default]
    Backward,
    /// `1/√(HW)`, as `norm="ortho"`.
    Ortho,
}

/// A loss of coefficients.
#[derive(Clone, Copy, Debug)]
pub enum Formula {
    /// Focal frequency loss.
    Focal {
        /// How much large errors count more, at least 0.
        alpha: f64,
        /// What a coefficient weighs.
        weight: SpectrumWeight,
        /// What weights are divided by.
        peak: SpectrumPeak,
    },
    /// L1 of coefficients.
    L1 {
        /// What of them.
        form: FftForm,
        /// Their factor.
        norm: FftNorm,
    },
}

/// Options of [`evaluate`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The loss of coefficients.
    pub formula: Formula,
    /// Each side is cut into this many patches.
    pub patch_factor: usize,
    /// Whose spectra are compared.
    pub pooling: SpectrumPooling,
    /// How images are reduced.
    pub reduction: Reduction,
}

impl Options {
    /// Fails if an option is out of range whatever the image.
    pub fn check(&self) -> Result<()> {
        if let Formula::Focal { alpha, .. } = self.formula
            && !(alpha >= 0.0 && alpha.is_finite())
        {
            let expected = "a finite number of at least 0";
            return Err(Error::option("alpha", alpha, expected));
        }
        match self.patch_factor {
            0 => Err(Error::option("patch_factor", 0, "at least 1")),
            _ => Ok(()),
        }
    }
}

/// The mean loss of coefficients of each image; `space` is height × width. The weight multiplies the difference.
///
/// Returns the reduced value; with [`Reduction::None`] it writes one value per image and returns their sum.
pub fn evaluate(
    options: &Options,
    space: [usize; 2],
    input: &View<'_>,
    target: &View<'_>,
    weight: Option<&View<'_>>,
    values: Option<ViewMut<'_>>,
    gradients: Gradients<'_>,
) -> Result<f64> {
    let patches = options.patch_factor;
    if patches == 0 || space.iter().any(|len| !len.is_multiple_of(patches)) {
        let [height, width] = space;
        return Err(Error::option(
            "patch_factor",
            patches,
            format!("a divisor of the height {height} and the width {width}"),
        ));
    }
    options.check()?;
    let shape = input.shape();
    check_shape("input", [shape[0], shape[1], space[0] * space[1]], shape)?;
    check_view("target", shape, target)?;
    for gradient in [&gradients.input, &gradients.target].into_iter().flatten() {
        check_shape("gradient", shape, gradient.view.shape())?;
    }
    let weight = match weight {
        Some(weight) => Some(weight.broadcast("weight", shape)?),
        None => None,
    };
    let pair = Pair {
        width: space[1],
        patch: space.map(|len| len / patches),
        input,
        target,
        weight: weight.as_ref(),
        options,
    };
    in_precision!(input.dtype(), P => Ok(pair.reduce::<P>(values, gradients)))
}

/// What is read.
#[derive(Clone, Copy)]
struct Pair<'a> {
    width: usize,
    patch: [usize; 2],
    input: &'a View<'a>,
    target: &'a View<'a>,
    weight: Option<&'a View<'a>>,
    options: &'a Options,
}

/// One channel of an image, or of all images if they are averaged.
struct Unit<'g> {
    items: std::ops::Range<usize>,
    c: usize,
    gradients: [Option<ViewMut<'g>>; 2],
}

impl Pair<'_> {
    fn reduce<P: Fourier>(self, mut values: Option<ViewMut<'_>>, gradients: Gradients<'_>) -> f64 {
        let [items, channels, space] = self.input.shape();
        let is_pooled = self.options.pooling == SpectrumPooling::Batch;
        let losses = match is_pooled {
            true => 1,
            false => items,
        };
        let outer = match self.options.reduction {
            Reduction::Mean => 1.0 / losses.max(1) as f64,
            _ => 1.0,
        };
        let mut totals = vec![0.0; losses];
        if items * channels * space > 0 {
            let per_point = 1.0 / (channels * space) as f64;
            let of = |gradient: &Option<Gradient<'_>>, sign: f64| match gradient {
                Some(gradient) => (
                    sign * gradient.scale * per_point * outer,
                    gradient.accumulate,
                ),
                None => (0.0, false),
            };
            let into = [of(&gradients.input, 1.0), of(&gradients.target, -1.0)];
            let plan = Plan::<P>::new(self.patch[0], self.patch[1]);
            let peak = self.batch_peak(&plan);
            let units = self.units(gradients);
            let owners: Vec<_> = units.iter().map(|unit| unit.items.start).collect();
            let sums = parallel::map(units, |unit| self.unit(&plan, peak, unit, into));
            for (n, sum) in owners.into_iter().zip(sums) {
                totals[n] += sum * per_point;
            }
        }
        if let Some(values) = &mut values {
            for (n, total) in totals.iter().enumerate() {
                values.write_row(n, 0, 0, &[*total], false);
            }
        }
        totals.into_iter().sum::<f64>() * outer
    }

    /// The largest coefficient of the batch, where that is asked for.
    fn batch_peak<P: Fourier>(self, plan: &Plan<P>) -> Option<f64> {
        let Formula::Focal {
            peak: SpectrumPeak::Batch,
            ..
        } = self.options.formula
        else {
            return None;
        };
        let peaks = parallel::map(self.units(Gradients::default()), |unit| {
            let mut plane = plan.plane();
            let patches = self.patches().into_iter().map(|corner| {
                self.transform(plan, &unit, corner, &mut plane);
                largest(&plane.spectrum)
            });
            patches.fold(0.0, larger)
        });
        Some(peaks.into_iter().fold(0.0, larger))
    }

    fn units<'g>(self, gradients: Gradients<'g>) -> Vec<Unit<'g>> {
        let [items, channels, _] = self.input.shape();
        let len = match self.options.pooling {
            SpectrumPooling::Image => 1,
            SpectrumPooling::Batch => items,
        };
        let mut parts = [gradients.input, gradients.target].map(|gradient| {
            gradient.map(|gradient| {
                let images = gradient.view.split(0, len).into_iter();
                images.flat_map(|image| image.split(1, 1))
            })
        });
        let mut units = Vec::new();
        for start in (0..items).step_by(len.max(1)) {
            for c in 0..channels {
                units.push(Unit {
                    items: start..start + len,
                    c,
                    gradients: parts.each_mut().map(|parts| parts.as_mut()?.next()),
                });
            }
        }
        units
    }

    /// The first pixel of each patch.
    fn patches(self) -> Vec<usize> {
        let count = self.options.patch_factor;
        let [height, width] = self.patch;
        let corner = |i| (i / count) * height * self.width + (i % count) * width;
        (0..count * count).map(corner).collect()
    }

    /// The spectrum of a patch of the difference, with the unitary factor.
    fn transform<P: Fourier>(
        self,
        plan: &Plan<P>,
        unit: &Unit<'_>,
        corner: usize,
        plane: &mut Plane<P>,
    ) {
        let [height, width] = self.patch;
        let count = unit.items.len() as f64;
        let factor = P::of(1.0 / (count * ((height * width) as f64).sqrt()));
        plane.pixels.fill(P::default());
        let (mut x, mut t) = (vec![P::default(); width], vec![P::default(); width]);
        let mut w = vec![P::of(1.0); width];
        for n in unit.items.clone() {
            for (y, row) in plane.pixels.chunks_exact_mut(width).enumerate() {
                let start = corner + y * self.width;
                self.input.read_row(n, unit.c, start, &mut x);
                self.target.read_row(n, unit.c, start, &mut t);
                if let Some(weight) = self.weight {
                    weight.read_row(n, unit.c, start, &mut w);
                }
                for i in 0..width {
                    row[i] = row[i] + (x[i] - t[i]) * w[i] * factor;
                }
            }
        }
        plan.forward(plane);
    }

    /// The sum of the losses of a unit's coefficients, and the gradient.
    fn unit<P: Fourier>(
        self,
        plan: &Plan<P>,
        peak: Option<f64>,
        mut unit: Unit<'_>,
        into: [(f64, bool); 2],
    ) -> f64 {
        let mut plane = plan.plane();
        let mut total = 0.0;
        for corner in self.patches() {
            self.transform(plan, &unit, corner, &mut plane);
            total += self.penalise(plan, peak, &mut plane.spectrum);
            if unit.gradients.iter().any(Option::is_some) {
                plan.backward(&mut plane);
                self.write(&mut unit, corner, &plane.pixels, into);
            }
        }
        total
    }

    /// The losses of coefficients, each replaced by its slope.
    fn penalise<P: Fourier>(
        self,
        plan: &Plan<P>,
        peak: Option<f64>,
        spectrum: &mut [Complex<P>],
    ) -> f64 {
        let [height, width] = self.patch;
        let apply = |spectrum: &mut [Complex<P>], formula: &dyn Fn(f64, f64) -> (f64, f64, f64)| {
            let mut total = 0.0;
            for (column, values) in spectrum.chunks_exact_mut(height).enumerate() {
                let mut sum = 0.0;
                for f in values {
                    let (value, re, im) = formula(f.re.to_f64(), f.im.to_f64());
                    sum += value;
                    *f = Complex::new(P::of(re), P::of(im));
                }
                total += sum * plan.multiplicity(column);
            }
            total
        };
        match self.options.formula {
            Formula::Focal { alpha, weight, .. } => {
                let peak = peak.unwrap_or_else(|| largest(spectrum));
                let raw = |size: f64| {
                    let power = match alpha == 1.0 {
                        true => size,
                        false => size.powf(alpha),
                    };
                    match weight {
                        SpectrumWeight::Power => power,
                        SpectrumWeight::Log => power.ln_1p(),
                    }
                };
                // Equal spectra have no weights, as 0/0 in the paper's code.
                let norm = match peak == 0.0 {
                    true => 0.0,
                    false => 1.0 / raw(peak),
                };
                apply(spectrum, &|re, im| {
                    let square = re * re + im * im;
                    let w = raw(square.sqrt()) * norm;
                    (w * square, 2.0 * w * re, 2.0 * w * im)
                })
            }
            Formula::L1 { form, norm } => {
                let factor = match norm {
                    FftNorm::Ortho => 1.0,
                    FftNorm::Backward => ((height * width) as f64).sqrt(),
                };
                match form {
                    FftForm::Magnitude => apply(spectrum, &|re, im| {
                        let size = (re * re + im * im).sqrt();
                        let inverse = match size == 0.0 {
                            true => 0.0,
                            false => factor / size,
                        };
                        (factor * size, re * inverse, im * inverse)
                    }),
                    FftForm::Parts => {
                        let half = 0.5 * factor;
                        apply(spectrum, &|re, im| {
                            let value = half * (re.abs() + im.abs());
                            (value, half * sign(re), half * sign(im))
                        })
                    }
                }
            }
        }
    }

    /// The gradient of a patch, of each image.
    fn write<P: Fourier>(
        self,
        unit: &mut Unit<'_>,
        corner: usize,
        pixels: &[P],
        into: [(f64, bool); 2],
    ) {
        let [height, width] = self.patch;
        let factor = 1.0 / (unit.items.len() as f64 * ((height * width) as f64).sqrt());
        let (mut w, mut out) = (vec![P::of(1.0); width], vec![P::default(); width]);
        for (n, item) in unit.items.clone().enumerate() {
            for (y, row) in pixels.chunks_exact(width).enumerate() {
                let start = corner + y * self.width;
                if let Some(weight) = self.weight {
                    weight.read_row(item, unit.c, start, &mut w);
                }
                for (gradient, (scale, accumulate)) in unit.gradients.iter_mut().zip(into) {
                    if let Some(gradient) = gradient {
                        let scale = P::of(scale * factor);
                        for i in 0..width {
                            out[i] = row[i] * w[i] * scale;
                        }
                        gradient.write_row(n, 0, start, &out, accumulate);
                    }
                }
            }
        }
    }
}

/// The larger number, NaN if there is one.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

/// The largest magnitude, NaN if there is one.
fn largest<P: Fourier>(spectrum: &[Complex<P>]) -> f64 {
    let square = |f: &Complex<P>| f.re.to_f64().powi(2) + f.im.to_f64().powi(2);
    spectrum.iter().map(square).fold(0.0, larger).sqrt()
}

/// The sign of `x`: 0 at 0, NaN at NaN.
fn sign(x: f64) -> f64 {
    match x == 0.0 || x.is_nan() {
        true => x,
        false => x.signum(),
    }
}
