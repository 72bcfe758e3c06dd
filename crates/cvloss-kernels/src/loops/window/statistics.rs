//! A formula at a row of centres.

use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task};

use super::tasks::MOMENTS;
use super::{Formula, Local};

/// How moments become local statistics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statistics<P> {
    /// As in [`Products`].
    pub(super) shift: [P; 2],
    /// From the variance of a window to that of what it is a sample of.
    pub(super) unbias: P,
    /// The least variance: 0, or −∞.
    pub(super) floor: P,
}

/// A formula at a row of centres: its values, and if there is a gradient, what it puts at each centre.
pub(super) struct Evaluate<'a, P, F> {
    pub(super) formula: F,
    pub(super) statistics: Statistics<P>,
    pub(super) moments: [&'a [P]; MOMENTS],
    /// The sum of weights in each window, and the weight of its centre.
    pub(super) weights: Option<(&'a [P], &'a [P])>,
    pub(super) values: &'a mut [P],
    pub(super) slopes: Option<Slopes<'a, P>>,
}

/// What each window adds to the gradient of what it sees.
pub(super) struct Slopes<'a, P> {
    /// Multiplies them.
    pub(super) scale: P,
    /// 1 for the gradient of the first image, −1 for the second's.
    pub(super) sign: P,
    /// To every pixel.
    pub(super) mean: &'a mut [P],
    /// To every pixel of the second image, where both have a gradient.
    pub(super) other_mean: Option<&'a mut [P]>,
    /// Times twice the pixels' sum.
    pub(super) sum: &'a mut [P],
    /// Times twice the pixels' difference.
    pub(super) difference: &'a mut [P],
}

impl<P: Prim, F: Formula> Task for Evaluate<'_, P, F> {
    type Prim = P;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.values.len();
        let (windows, centres) = match self.weights {
            None => {
                let row = Row {
                    formula: self.formula,
                    statistics: self.statistics,
                    moments: self.moments.map(|moment| &moment[..n]),
                    weights: Unweighted,
                };
                return row.evaluate::<P::Lane<I>>(self.values, self.slopes);
            }
            Some((windows, centres)) => (&windows[..n], &centres[..n]),
        };
        let row = Row {
            formula: self.formula,
            statistics: self.statistics,
            moments: self.moments.map(|moment| &moment[..n]),
            weights: Weighted { windows, centres },
        };
        row.evaluate::<P::Lane<I>>(self.values, self.slopes);
    }
}

/// Weights of windows and their centres, or none.
trait Weights<P>: Copy {
    /// The reciprocal of the weights in window `i`, and the weight of its centre.
    fn at<R: Real<Prim = P>>(self, i: usize) -> (R, R);
}

#[derive(Clone, Copy)]
struct Unweighted;

impl<P> Weights<P> for Unweighted {
    #[inline(always)]
    fn at<R: Real<Prim = P>>(self, _: usize) -> (R, R) {
        (R::one(), R::one())
    }
}

#[derive(Clone, Copy)]
struct Weighted<'a, P> {
    windows: &'a [P],
    centres: &'a [P],
}

impl<P: Prim> Weights<P> for Weighted<'_, P> {
    #[inline(always)]
    fn at<R: Real<Prim = P>>(self, i: usize) -> (R, R) {
        let total = R::new(self.windows[i]);
        let share = R::select(total == R::zero(), R::zero(), R::one() / total);
        (share, R::new(self.centres[i]))
    }
}

#[derive(Clone, Copy)]
struct Row<'a, P, F, W> {
    formula: F,
    statistics: Statistics<P>,
    moments: [&'a [P]; MOMENTS],
    weights: W,
}

impl<P: Prim, F: Formula, W: Weights<P>> Row<'_, P, F, W> {
    #[inline(always)]
    fn evaluate<R: Real<Prim = P>>(self, values: &mut [P], slopes: Option<Slopes<'_, P>>) {
        let n = values.len();
        let Some(slopes) = slopes else {
            for i in 0..n {
                values[i] = self.at::<R>(i).0.get();
            }
            return;
        };
        let (scale, sign) = (R::new(slopes.scale), R::new(slopes.sign));
        let (mean, sum) = (&mut slopes.mean[..n], &mut slopes.sum[..n]);
        let difference = &mut slopes.difference[..n];
        match slopes.other_mean {
            None => {
                for i in 0..n {
                    let (value, [s, d, ss, dd]) = self.at::<R>(i);
                    values[i] = value.get();
                    mean[i] = (scale * d.mul_add(sign, s)).get();
                    sum[i] = (scale * ss).get();
                    difference[i] = (scale * sign * dd).get();
                }
            }
            Some(other) => {
                let other = &mut other[..n];
                for i in 0..n {
                    let (value, [s, d, ss, dd]) = self.at::<R>(i);
                    values[i] = value.get();
                    mean[i] = (scale * (s + d)).get();
                    other[i] = (scale * (s - d)).get();
                    sum[i] = (scale * ss).get();
                    difference[i] = (scale * dd).get();
                }
            }
        }
    }

    /// The value at centre `i`, and its derivatives with respect to the moments.
    #[inline(always)]
    fn at<R: Real<Prim = P>>(&self, i: usize) -> (R, [R; MOMENTS]) {
        let (share, centre) = self.weights.at::<R>(i);
        let [s, d, ss, dd] = self.moments;
        let moments = [
            R::new(s[i]) * share,
            R::new(d[i]) * share,
            R::new(ss[i]) * share,
            R::new(dd[i]) * share,
        ];
        let (value, [s, d, ss, dd]) = window(self.formula, self.statistics, moments);
        let by = share * centre;
        let value = keep(centre, value);
        (
            value,
            [
                keep(centre, s * by),
                keep(centre, d * by),
                keep(centre, ss * by),
                keep(centre, dd * by),
            ],
        )
    }
}

/// A window around a pixel of weight 0 does not count, whatever it sees.
#[inline(always)]
fn keep<R: Real>(centre: R, x: R) -> R {
    R::select(centre == R::zero(), R::zero(), x)
}

/// A formula's value in one window, and its derivatives with respect to the moments.
#[inline(always)]
fn window<R: Real, F: Formula>(
    formula: F,
    statistics: Statistics<R::Prim>,
    [s, d, ss, dd]: [R; MOMENTS],
) -> (R, [R; MOMENTS]) {
    let (unbias, floor) = (R::new(statistics.unbias), R::new(statistics.floor));
    let (variance_s, variance_d) = (unbias * (ss - s * s), unbias * (dd - d * d));
    let local = Local {
        sum: s + R::new(statistics.shift[0]),
        difference: d + R::new(statistics.shift[1]),
        sum_variance: variance_s.at_least(floor),
        difference_variance: variance_d.at_least(floor),
    };
    let (value, slope) = formula.eval(local);
    // No slope where a variance is at its floor.
    let of_s = unbias * R::select(variance_s < floor, R::zero(), slope.sum_variance);
    let of_d = unbias * R::select(variance_d < floor, R::zero(), slope.difference_variance);
    let slopes = [
        slope.sum - (s + s) * of_s,
        slope.difference - (d + d) * of_d,
        of_s,
        of_d,
    ];
    (value, slopes)
}
