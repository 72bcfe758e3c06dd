//! The two-dimensional Fourier transform of real planes, forth and back.

use std::sync::{Arc, Mutex, PoisonError};

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftNum, FftPlanner};

use crate::scalar::Prim;

/// Types with planners, which keep what they planned.
pub(super) trait Fourier: Prim + FftNum {
    fn planners() -> &'static Mutex<Option<Planners<Self>>>;
}

/// Planners for rows and columns.
pub(super) struct Planners<P: FftNum> {
    rows: RealFftPlanner<P>,
    columns: FftPlanner<P>,
}

macro_rules! fourier {
    ($t:ty) => {
        impl Fourier for $t {
            fn planners() -> &'static Mutex<Option<Planners<Self>>> {
                static PLANNERS: Mutex<Option<Planners<$t>>> = Mutex::new(None);
                &PLANNERS
            }
        }
    };
}
fourier!(f32);
fourier!(f64);

/// The transforms of planes of one size.
pub(super) struct Plan<P: FftNum> {
    height: usize,
    width: usize,
    rows: Arc<dyn RealToComplex<P>>,
    rows_back: Arc<dyn ComplexToReal<P>>,
    columns: Arc<dyn Fft<P>>,
    columns_back: Arc<dyn Fft<P>>,
}

/// A thread's memory for one plane.
pub(super) struct Plane<P> {
    /// Row by row.
    pub(super) pixels: Vec<P>,
    /// Columns 0 to width/2 of the spectrum, column by column; the others are their conjugates.
    pub(super) spectrum: Vec<Complex<P>>,
    row: Vec<Complex<P>>,
    scratch: Vec<Complex<P>>,
}

impl<P: Fourier> Plan<P> {
    /// Neither length may be 0.
    pub(super) fn new(height: usize, width: usize) -> Self {
        // A planner that panicked is thrown away with what it kept.
        let mut planners = P::planners().lock().unwrap_or_else(PoisonError::into_inner);
        let planners = planners.get_or_insert_with(|| Planners {
            rows: RealFftPlanner::new(),
            columns: FftPlanner::new(),
        });
        Self {
            height,
            width,
            rows: planners.rows.plan_fft_forward(width),
            rows_back: planners.rows.plan_fft_inverse(width),
            columns: planners.columns.plan_fft_forward(height),
            columns_back: planners.columns.plan_fft_inverse(height),
        }
    }

    /// How many columns of the spectrum are kept.
    pub(super) fn columns(&self) -> usize {
        self.width / 2 + 1
    }

    /// How often a kept column counts in a sum over the whole spectrum.
    pub(super) fn multiplicity(&self, column: usize) -> f64 {
        match column == 0 || 2 * column == self.width {
            true => 1.0,
            false => 2.0,
        }
    }

    pub(super) fn plane(&self) -> Plane<P> {
        let zero = Complex::new(P::default(), P::default());
        let scratch = [
            self.rows.get_scratch_len(),
            self.rows_back.get_scratch_len(),
            self.columns.get_inplace_scratch_len(),
            self.columns_back.get_inplace_scratch_len(),
        ];
        Plane {
            pixels: vec![P::default(); self.height * self.width],
            spectrum: vec![zero; self.height * self.columns()],
            row: vec![zero; self.columns()],
            scratch: vec![zero; scratch.into_iter().max().unwrap_or(0)],
        }
    }

    /// The spectrum of the pixels, which are overwritten; without a factor.
    pub(super) fn forward(&self, plane: &mut Plane<P>) {
        let Plane {
            pixels,
            spectrum,
            row,
            scratch,
        } = plane;
        for (y, pixels) in pixels.chunks_exact_mut(self.width).enumerate() {
            // Fails for wrong lengths alone.
            if self
                .rows
                .process_with_scratch(pixels, row, scratch)
                .is_err()
            {
                debug_assert!(false, "lengths of a row");
            }
            for (column, value) in row.iter().enumerate() {
                spectrum[column * self.height + y] = *value;
            }
        }
        self.columns.process_with_scratch(spectrum, scratch);
    }

    /// `Σ` of the whole spectrum times `e^(+i…)` at each pixel, without a factor. Overwrites the spectrum.
    pub(super) fn backward(&self, plane: &mut Plane<P>) {
        let Plane {
            pixels,
            spectrum,
            row,
            scratch,
        } = plane;
        self.columns_back.process_with_scratch(spectrum, scratch);
        for (y, pixels) in pixels.chunks_exact_mut(self.width).enumerate() {
            for (column, value) in row.iter_mut().enumerate() {
                *value = spectrum[column * self.height + y];
                // Real but for rounding, which the transform refuses.
                if self.multiplicity(column) == 1.0 {
                    value.im = P::default();
                }
            }
            if self
                .rows_back
                .process_with_scratch(row, pixels, scratch)
                .is_err()
            {
                debug_assert!(false, "lengths of a row");
            }
        }
    }
}
