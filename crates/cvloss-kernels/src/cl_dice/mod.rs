//! Centreline Dice: the Dice score of how much of each skeleton lies inside the other mask.
//!
//! With the soft skeletons `S_p`, `S_t` of prediction and target, and sums over the classes and points of an image,
//!
//! ```text
//! a = (Σ S_p t + n) / (Σ S_p + d)      b = (Σ S_t p + n) / (Σ S_t + d)      L = 1 − 2ab / (a + b + s)
//! ```
//!
//! The gradient is affine in `S_p` and `p` given the sums: a first sweep takes these, a second evaluates each skeleton
//! again, with the points that its values come from, and gives these their slopes.

#![forbid(unsafe_code)]

mod skeleton;

use crate::error::{Error, Result, check_shape, check_weight};
use crate::loops::overlap::{Activation, Operands};
use crate::loops::planes::{Planes, counted};
use crate::options::{Gradient, Reduction};
use crate::parallel;
use crate::region::Classes;
use crate::scalar::{Prim, in_precision};
use crate::view::ViewMut;

use skeleton::{Band, Skeleton};

/// Options of [`evaluate`].
#[derive(Clone, Debug)]
pub struct Options {
    /// How the input becomes probabilities.
    pub activation: Activation,
    /// Which classes count.
    pub classes: Classes,
    /// How many erosions a skeleton goes through.
    pub iterations: usize,
    /// Added to the numerators of both shares.
    pub smooth_nr: f64,
    /// Added to their denominators.
    pub smooth_dr: f64,
    /// Added to the denominator of their harmonic mean.
    pub smooth: f64,
    /// How images are reduced.
    pub reduction: Reduction,
}

impl Options {
    /// Fails if an option is out of range, or does not fit the number of classes or the axes of space.
    pub fn check(&self, classes: usize, axes: usize) -> Result<()> {
        counted(&self.classes, classes)?;
        if !(1..=3).contains(&axes) {
            let expected = "1 to 3 axes of space";
            return Err(Error::option("shape", format!("{axes} axes"), expected));
        }
        check_weight("smooth_nr", self.smooth_nr)?;
        check_weight("smooth_dr", self.smooth_dr)?;
        check_weight("smooth", self.smooth)
    }
}

/// The loss of each image, reduced; `space` has the extents of the axes of space.
///
/// `values`, (N, 1, 1), receives one value per image with [`Reduction::None`]. Ignored points have probability 0, are
/// outside of every class, and leave all sums.
pub fn evaluate(
    options: &Options,
    space: &[usize],
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let shape @ [items, classes, _] = operands.input.shape();
    options.check(classes, space.len())?;
    let points = space.iter().product();
    check_shape("input", [items, classes, points], shape)?;
    if u32::try_from(points).is_err() {
        return Err(Error::Layout {
            argument: "input",
            reason: format!("{points} points in an image, more than 2^32"),
        });
    }
    if let Some(gradient) = &gradient {
        check_shape("gradient", shape, gradient.view.shape())?;
    }
    if let Some(values) = &values {
        check_shape("values", [items, 1, 1], values.shape())?;
    }
    in_precision!(operands.input.dtype(), P => run::<P>(options, space, operands, values, gradient))
}

fn run<P: Prim>(
    options: &Options,
    space: &[usize],
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let [items, classes, points] = operands.input.shape();
    let planes = Planes::<P>::new(options.activation, operands)?;
    let counted = counted(&options.classes, classes)?;
    let skeleton = Skeleton::new(space, options.iterations);
    // The target's skeletons lie where the slopes will be.
    let mut slopes = vec![P::default(); items * classes * points];
    let pieces = pieces(&planes, &counted, &skeleton, &mut slopes);
    let found = parallel::map(pieces, |piece| {
        let Piece { n, c, band, memory } = piece;
        let t = planes.target_in(n, c, band.seen.clone());
        let p = &planes.plane(n, c)[band.seen.clone()];
        let mut of_input = vec![P::default(); memory.len()];
        skeleton.run(&band, &t, memory);
        skeleton.run(&band, p, &mut of_input);
        let (weights, _) = planes.weights_in(n, band.points());
        let (p, t) = (&p[band.own.clone()], &t[band.own]);
        (n, Sums::new(p, t, &of_input, memory, &weights))
    });
    let mut images = vec![Sums::default(); items];
    for (n, sums) in &found {
        images[*n].add(sums);
    }
    let shares: Vec<Shares> = images.iter().map(|sums| sums.shares(options)).collect();
    let outer = match options.reduction {
        Reduction::Mean => 1.0 / items.max(1) as f64,
        _ => 1.0,
    };
    if let Some(mut values) = values {
        for (n, shares) in shares.iter().enumerate() {
            values.write_row(n, 0, 0, &[shares.value], false);
        }
    }
    if let Some(gradient) = gradient {
        go_back(&planes, &counted, &skeleton, &shares, &mut slopes);
        planes.finish(&mut slopes, &vec![outer; items], gradient)?;
    }
    Ok(shares.iter().map(|shares| shares.value).sum::<f64>() * outer)
}

/// A band of a class of an image, and memory for its own points.
struct Piece<'a, P> {
    n: usize,
    c: usize,
    band: Band,
    memory: &'a mut [P],
}

fn pieces<'s, P: Prim>(
    planes: &Planes<'_, P>,
    counted: &[bool],
    skeleton: &Skeleton,
    memory: &'s mut [P],
) -> Vec<Piece<'s, P>> {
    let mut pieces = Vec::new();
    for (n, c, plane) in planes.units(memory) {
        if counted[c] {
            let bands = plane.chunks_mut(skeleton.points()).enumerate();
            pieces.extend(bands.map(|(index, memory)| Piece {
                n,
                c,
                band: skeleton.band(index),
                memory,
            }));
        }
    }
    pieces
}

/// From the target's skeletons to the slopes with respect to probabilities.
fn go_back<P: Prim>(
    planes: &Planes<'_, P>,
    counted: &[bool],
    skeleton: &Skeleton,
    shares: &[Shares],
    slopes: &mut [P],
) {
    let margins = parallel::map(pieces(planes, counted, skeleton, slopes), |piece| {
        let Piece { n, c, band, memory } = piece;
        let t = planes.target_in(n, c, band.points());
        let (weights, _) = planes.weights_in(n, band.points());
        let shares = shares[n];
        let of_skeleton = t
            .iter()
            .zip(&weights)
            .map(|(t, w)| P::of((shares.by_hit * t.to_f64() + shares.by_skeleton) * w.to_f64()));
        let mut of_seen = vec![P::default(); band.seen.len()];
        let of_own = of_seen[band.own.clone()].iter_mut();
        for ((to, of_target), w) in of_own.zip(&*memory).zip(&weights) {
            *to = P::of(of_target.to_f64() * w.to_f64() * shares.by_inside);
        }
        let p = &planes.plane(n, c)[band.seen.clone()];
        skeleton.run_back(&band, p, &mut of_skeleton.collect::<Vec<_>>(), &mut of_seen);
        memory.copy_from_slice(&of_seen[band.own.clone()]);
        // What is beyond its own points belongs to other bands.
        let after = of_seen.split_off(band.own.end);
        of_seen.truncate(band.own.start);
        (n, c, band, of_seen, after)
    });
    let mut planes: Vec<_> = planes.units(slopes);
    let classes = counted.len();
    for (n, c, band, before, after) in margins {
        let (_, _, plane) = &mut planes[n * classes + c];
        let points = band.points();
        let reached = plane[band.seen.start..points.start].iter_mut().zip(before);
        reached.for_each(|(slope, more)| *slope = P::sum(*slope, more));
        let reached = plane[points.end..band.seen.end].iter_mut().zip(after);
        reached.for_each(|(slope, more)| *slope = P::sum(*slope, more));
    }
}

/// A denominator below this counts as 0: a skeleton of next to nothing, without smoothing, would have slopes without a
/// bound.
pub const NOTHING: f64 = 1e-18;

/// `Σ S_p t`, `Σ S_p`, `Σ S_t p`, `Σ S_t`, weighted.
#[derive(Clone, Copy, Default)]
struct Sums([f64; 4]);

/// An image's loss and its slopes.
#[derive(Clone, Copy)]
struct Shares {
    value: f64,
    /// With respect to `Σ S_p t`, `Σ S_p` and `Σ S_t p`.
    by_hit: f64,
    by_skeleton: f64,
    by_inside: f64,
}

impl Sums {
    fn new<P: Prim>(p: &[P], t: &[P], of_input: &[P], of_target: &[P], weights: &[P]) -> Self {
        let mut sums = [0.0; 4];
        for i in 0..p.len() {
            let w = weights[i].to_f64();
            let (s, of_target) = (of_input[i].to_f64() * w, of_target[i].to_f64() * w);
            sums[0] += s * t[i].to_f64();
            sums[1] += s;
            sums[2] += of_target * p[i].to_f64();
            sums[3] += of_target;
        }
        Self(sums)
    }

    fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }

    fn shares(&self, options: &Options) -> Shares {
        let [hit, skeleton, inside, of_target] = self.0;
        // 0/0, without smoothing, is a share of 1 and has no slope: there is no skeleton to lie anywhere.
        let share = |numerator: f64, denominator: f64| match denominator < NOTHING {
            true => (1.0, 0.0),
            false => (numerator / denominator, 1.0 / denominator),
        };
        let (a, per_a) = share(hit + options.smooth_nr, skeleton + options.smooth_dr);
        let (b, per_b) = share(inside + options.smooth_nr, of_target + options.smooth_dr);
        let sum = a + b + options.smooth;
        if sum < NOTHING {
            return Shares {
                value: 1.0,
                by_hit: 0.0,
                by_skeleton: 0.0,
                by_inside: 0.0,
            };
        }
        let by_a = -2.0 * b * (b + options.smooth) / (sum * sum);
        let by_b = -2.0 * a * (a + options.smooth) / (sum * sum);
        Shares {
            value: 1.0 - 2.0 * a * b / sum,
            by_hit: by_a * per_a,
            by_skeleton: -by_a * a * per_a,
            by_inside: by_b * per_b,
        }
    }
}
