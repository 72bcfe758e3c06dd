//! The vector loops of a window sweep. Rows are padded to whole blocks, so that no loop has a remainder to speak of.

use crate::loops::sum::sum;
use crate::math::Real;
use crate::scalar::Prim;
use crate::simd::{Isa, Task};

use super::{Formula, Local};

/// Numbers that are computed side by side.
pub(super) const LANES: usize = 16;
/// Groups of lanes whose sums are in registers together.
const GROUPS: usize = 4;
/// Windows, one below the other, that are summed side by side.
pub(super) const WINDOWS: usize = 4;

/// Rounds a row's length up to whole groups of lanes.
pub(super) fn padded(len: usize) -> usize {
    len.next_multiple_of(LANES)
}

/// Sums of pixels, their differences and squares: the moments that local statistics are made of.
pub(super) const MOMENTS: usize = 4;

/// Moments of single pixels, times their weight.
pub(super) struct Products<'a, P> {
    pub(super) x: &'a [P],
    pub(super) y: &'a [P],
    pub(super) w: Option<&'a [P]>,
    /// Subtracted from `x + y` and `x − y`: variances of small numbers lose fewer digits.
    pub(super) shift: [P; 2],
    /// `x + y` and `x − y`, shifted, and their squares.
    pub(super) moments: [&'a mut [P]; MOMENTS],
}

impl<P: Prim> Task for Products<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.x.len();
        let (x, y) = (&self.x[..n], &self.y[..n]);
        let [of_s, of_d] = self.shift.map(P::Lane::<I>::new);
        let [sums, differences, sum_squares, difference_squares] = self.moments;
        let (sums, differences) = (&mut sums[..n], &mut differences[..n]);
        let (sum_squares, difference_squares) =
            (&mut sum_squares[..n], &mut difference_squares[..n]);
        match self.w {
            None => {
                for i in 0..n {
                    let (x, y) = (P::Lane::<I>::new(x[i]), P::Lane::<I>::new(y[i]));
                    let (s, d) = (x + y - of_s, x - y - of_d);
                    sums[i] = s.get();
                    differences[i] = d.get();
                    sum_squares[i] = (s * s).get();
                    difference_squares[i] = (d * d).get();
                }
            }
            Some(w) => {
                let (w, zero) = (&w[..n], P::Lane::<I>::zero());
                for i in 0..n {
                    let (x, y) = (P::Lane::<I>::new(x[i]), P::Lane::<I>::new(y[i]));
                    let w = P::Lane::<I>::new(w[i]);
                    // What lies at a pixel of weight 0 does not matter.
                    let s = P::Lane::<I>::select(w == zero, zero, x + y - of_s);
                    let d = P::Lane::<I>::select(w == zero, zero, x - y - of_d);
                    let (ws, wd) = (w * s, w * d);
                    sums[i] = ws.get();
                    differences[i] = wd.get();
                    sum_squares[i] = (ws * s).get();
                    difference_squares[i] = (wd * d).get();
                }
            }
        }
    }
}

/// Weighted sums of rows, for several windows of which each begins a row after the one before:
/// `to[r · stride + i] = Σ_t taps[t] · from[starts[r + t] + i]`.
pub(super) struct Gather<'a, P> {
    pub(super) taps: &'a [P],
    /// Where rows begin: as many as there are taps, and one more for each further window.
    pub(super) starts: &'a [usize],
    pub(super) from: &'a [P],
    pub(super) to: &'a mut [P],
    pub(super) stride: usize,
    /// Length of a sum: whole groups of lanes.
    pub(super) len: usize,
}

impl<P: Prim> Task for Gather<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Gather {
            taps, from, len, ..
        } = self;
        let windows = (self.starts.len() + 1).saturating_sub(taps.len());
        let mut first = 0;
        while taps.len() >= WINDOWS && first + WINDOWS <= windows {
            let starts = &self.starts[first..][..taps.len() + WINDOWS - 1];
            let mut to = self.to[first * self.stride..].chunks_mut(self.stride);
            let mut next = || &mut to.next().unwrap_or_default()[..len];
            let mut to = [next(), next(), next(), next()];
            let mut at = 0;
            while at + 2 * LANES <= len {
                windows_at::<P::Lane<I>, 2>(taps, starts, from, &mut to, at);
                at += 2 * LANES;
            }
            if at < len {
                windows_at::<P::Lane<I>, 1>(taps, starts, from, &mut to, at);
            }
            first += WINDOWS;
        }
        for first in first..windows {
            let starts = &self.starts[first..][..taps.len()];
            let to = &mut self.to[first * self.stride..][..len];
            blocks::<P::Lane<I>>(taps, from, |tap| starts[tap], to, false);
        }
    }
}

/// [`WINDOWS`] windows at some groups of lanes: a number is loaded once for all that see it.
#[inline(always)]
fn windows_at<R: Real, const N: usize>(
    taps: &[R::Prim],
    starts: &[usize],
    from: &[R::Prim],
    to: &mut [&mut [R::Prim]; WINDOWS],
    at: usize,
) {
    let row = |row: usize| &from[starts[row] + at..][..N * LANES];
    let last = taps.len() - 1;
    // One variable each, never indexed: so they stay in registers.
    let zeros = [[R::zero(); LANES]; N];
    let (mut a, mut b, mut c, mut d) = (zeros, zeros, zeros, zeros);
    // Rows that only the first windows see.
    add_row(taps[0], row(0), &mut a);
    add_row(taps[1], row(1), &mut a);
    add_row(taps[0], row(1), &mut b);
    add_row(taps[2], row(2), &mut a);
    add_row(taps[1], row(2), &mut b);
    add_row(taps[0], row(2), &mut c);
    // Rows that all see.
    for (at, taps) in taps.windows(WINDOWS).enumerate() {
        let row = row(at + WINDOWS - 1);
        add_row(taps[3], row, &mut a);
        add_row(taps[2], row, &mut b);
        add_row(taps[1], row, &mut c);
        add_row(taps[0], row, &mut d);
    }
    // Rows that only the last see.
    add_row(taps[last], row(last + 1), &mut b);
    add_row(taps[last - 1], row(last + 1), &mut c);
    add_row(taps[last - 2], row(last + 1), &mut d);
    add_row(taps[last], row(last + 2), &mut c);
    add_row(taps[last - 1], row(last + 2), &mut d);
    add_row(taps[last], row(last + 3), &mut d);
    for (to, sums) in to.iter_mut().zip([a, b, c, d]) {
        let to = &mut to[at..][..N * LANES];
        for group in 0..N {
            for lane in 0..LANES {
                to[group * LANES + lane] = sums[group][lane].get();
            }
        }
    }
}

#[inline(always)]
fn add_row<R: Real, const N: usize>(tap: R::Prim, row: &[R::Prim], sums: &mut [[R; LANES]; N]) {
    let tap = R::new(tap);
    for group in 0..N {
        for lane in 0..LANES {
            let number = R::new(row[group * LANES + lane]);
            sums[group][lane] = tap.mul_add(number, sums[group][lane]);
        }
    }
}

/// Weighted sums along a row: `to[i] = Σ_t taps[t] · from[i + t]`, or added to what is there.
pub(super) struct Slide<'a, P> {
    pub(super) taps: &'a [P],
    pub(super) from: &'a [P],
    pub(super) to: &'a mut [P],
    pub(super) add: bool,
}

impl<P: Prim> Task for Slide<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let done = P::slide(self.taps, self.from, self.to, self.add);
        let (from, to) = (&self.from[done..], &mut self.to[done..]);
        blocks::<P::Lane<I>>(self.taps, from, |tap| tap, to, self.add);
    }
}

/// `to[i] = Σ_t taps[t] · from[start(t) + i]`, where `to` is whole groups of lanes.
#[inline(always)]
fn blocks<R: Real>(
    taps: &[R::Prim],
    from: &[R::Prim],
    start: impl Fn(usize) -> usize,
    to: &mut [R::Prim],
    add: bool,
) {
    let mut at = 0;
    while at + GROUPS * LANES <= to.len() {
        block::<R, GROUPS>(taps, from, |tap| start(tap) + at, &mut to[at..], add);
        at += GROUPS * LANES;
    }
    while at + LANES <= to.len() {
        block::<R, 1>(taps, from, |tap| start(tap) + at, &mut to[at..], add);
        at += LANES;
    }
}

/// Some groups of lanes, whose sums stay in registers.
#[inline(always)]
fn block<R: Real, const N: usize>(
    taps: &[R::Prim],
    from: &[R::Prim],
    start: impl Fn(usize) -> usize,
    to: &mut [R::Prim],
    add: bool,
) {
    let to = &mut to[..N * LANES];
    let mut sums = [[R::zero(); LANES]; N];
    for (t, tap) in taps.iter().enumerate() {
        let from = &from[start(t)..][..N * LANES];
        let tap = R::new(*tap);
        for group in 0..N {
            for lane in 0..LANES {
                let number = R::new(from[group * LANES + lane]);
                sums[group][lane] = tap.mul_add(number, sums[group][lane]);
            }
        }
    }
    if add {
        for group in 0..N {
            for lane in 0..LANES {
                sums[group][lane] += R::new(to[group * LANES + lane]);
            }
        }
    }
    for group in 0..N {
        for lane in 0..LANES {
            to[group * LANES + lane] = sums[group][lane].get();
        }
    }
}

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

/// Losses of several scales to the loss of their product: `1 − Π (1 − v)`, in the first row. What the others' product
/// multiplies a scale's slopes with goes to `factors`.
pub(super) struct Multiply<'a, P> {
    /// A row per scale.
    pub(super) values: &'a mut [P],
    /// A row per scale.
    pub(super) factors: &'a mut [P],
    pub(super) stride: usize,
}

impl<P: Prim> Task for Multiply<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let scales = self.values.len() / self.stride;
        for i in 0..self.stride {
            let (mut product, mut loss) = (P::Lane::<I>::one(), P::Lane::<I>::zero());
            for scale in 0..scales {
                let value = P::Lane::<I>::new(self.values[scale * self.stride + i]);
                self.factors[scale * self.stride + i] = product.get();
                loss = product.mul_add(value, loss);
                product = product * (P::Lane::<I>::one() - value);
            }
            let mut product = P::Lane::<I>::one();
            for scale in (0..scales).rev() {
                let at = scale * self.stride + i;
                self.factors[at] = (product * P::Lane::<I>::new(self.factors[at])).get();
                product = product * (P::Lane::<I>::one() - P::Lane::<I>::new(self.values[at]));
            }
            self.values[i] = loss.get();
        }
    }
}

/// Multiplies a row; 0 stays 0.
pub(super) struct Scale<'a, P> {
    pub(super) by: &'a [P],
    pub(super) row: &'a mut [P],
}

impl<P: Prim> Task for Scale<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for (x, by) in self.row.iter_mut().zip(self.by) {
            let zero = P::Lane::<I>::zero();
            let by = P::Lane::<I>::new(*by);
            let number = P::Lane::<I>::new(*x);
            *x = P::Lane::<I>::select(number == zero, zero, number * by).get();
        }
    }
}

/// The gradient of a row from what its windows add up to.
pub(super) struct Combine<'a, P> {
    pub(super) scale: P,
    /// 1, or −1 for the second of two gradients.
    pub(super) sign: P,
    pub(super) mean: &'a [P],
    pub(super) sum: &'a [P],
    pub(super) difference: &'a [P],
    pub(super) weights: Option<&'a [P]>,
    /// Moments of the row's pixels.
    pub(super) sums: &'a [P],
    pub(super) differences: &'a [P],
    pub(super) to: &'a mut [P],
}

impl<P: Prim> Task for Combine<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.to.len();
        let (mean, sum, difference) = (&self.mean[..n], &self.sum[..n], &self.difference[..n]);
        let (sums, differences) = (&self.sums[..n], &self.differences[..n]);
        let scale = P::Lane::<I>::new(self.scale);
        let twice = scale + scale;
        let twice_signed = twice * P::Lane::<I>::new(self.sign);
        // Where there are no weights, any row serves in their place.
        let (is_weighted, weights) = match self.weights {
            None => (false, sums),
            Some(weights) => (true, &weights[..n]),
        };
        for i in 0..n {
            let s = P::Lane::<I>::new(sums[i]) * P::Lane::<I>::new(sum[i]);
            let d = P::Lane::<I>::new(differences[i]) * P::Lane::<I>::new(difference[i]);
            let mean = P::Lane::<I>::new(mean[i]);
            let weighted = P::Lane::<I>::new(weights[i]) * mean;
            let mean = if is_weighted { weighted } else { mean };
            let squares = twice.mul_add(s, twice_signed * d);
            self.to[i] = scale.mul_add(mean, squares).get();
        }
    }
}

/// Adds the slope of `w |x − y|` to a row, `w` being `scale` times the pixel's weight and those of `across`.
pub(super) struct AddPixels<'a, P> {
    pub(super) scale: P,
    pub(super) across: Option<&'a [P]>,
    pub(super) weights: Option<&'a [P]>,
    pub(super) differences: &'a [P],
    pub(super) to: &'a mut [P],
}

impl<P: Prim> Task for AddPixels<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.to.len();
        let differences = &self.differences[..n];
        let scale = P::Lane::<I>::new(self.scale);
        // Where a row of factors is missing, any row serves in its place.
        let factors = [self.across, self.weights];
        let is_given = factors.map(|row| row.is_some());
        let [across, weights] = factors.map(|row| &row.unwrap_or(differences)[..n]);
        for i in 0..n {
            let by_across = scale * P::Lane::<I>::new(across[i]);
            let scale = if is_given[0] { by_across } else { scale };
            let by_weight = scale * P::Lane::<I>::new(weights[i]);
            let scale = if is_given[1] { by_weight } else { scale };
            let old = P::Lane::<I>::new(self.to[i]);
            let (d, zero) = (P::Lane::<I>::new(differences[i]), P::Lane::<I>::zero());
            let down = P::Lane::<I>::select(d < zero, -scale, zero);
            self.to[i] = (old + P::Lane::<I>::select(d > zero, scale, down)).get();
        }
    }
}

/// `Σ |x| across`, `work` being a row of the same length.
pub(super) struct SumPixels<'a, P> {
    pub(super) differences: &'a [P],
    pub(super) across: Option<&'a [P]>,
    pub(super) work: &'a mut [P],
}

impl<P: Prim> Task for SumPixels<'_, P> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let n = self.differences.len();
        let work = &mut self.work[..n];
        match self.across {
            None => {
                for (to, d) in work.iter_mut().zip(self.differences) {
                    *to = P::Lane::<I>::new(*d).abs().get();
                }
            }
            Some(across) => {
                let across = &across[..n];
                for i in 0..n {
                    let d = P::Lane::<I>::new(self.differences[i]).abs();
                    work[i] = (d * P::Lane::<I>::new(across[i])).get();
                }
            }
        }
        sum::<P::Lane<I>>(work)
    }
}

/// The sum of a row, or of its products with another, `work` being a row of the same length.
pub(super) struct Sum<'a, P> {
    pub(super) row: &'a [P],
    pub(super) weights: Option<&'a [P]>,
    pub(super) work: &'a mut [P],
}

impl<P: Prim> Task for Sum<'_, P> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let Some(weights) = self.weights else {
            return sum::<P::Lane<I>>(self.row);
        };
        let n = self.row.len();
        let (weights, work) = (&weights[..n], &mut self.work[..n]);
        for i in 0..n {
            work[i] = (P::Lane::<I>::new(self.row[i]) * P::Lane::<I>::new(weights[i])).get();
        }
        sum::<P::Lane<I>>(work)
    }
}
