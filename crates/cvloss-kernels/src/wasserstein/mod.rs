//! Generalised Wasserstein Dice: a Dice score in which mistaking a class for a near one costs less than for a far one.
//!
//! With the distance `W = Σ_c M_yc p_c` of a point of class `y`, and sums over the points of an image,
//!
//! ```text
//! L = 1 − (2 Σ α_y (1 − W) + n) / (D + d)
//! D = 2 Σ α_y (1 − W) + Σ W      α = 0 of class 0, 1 of others        by foreground
//! D = Σ α_y (2 − W)              α = 1 / (1 + points of the class)    by volume
//! ```
//!
//! All of it depends on the logits through `E_y`, the sum of `W` over the points of class `y`: a first sweep takes
//! these, a second writes `∂L/∂z_k = ∂L/∂E_y p_k (M_yk − W)`.

#![forbid(unsafe_code)]

mod tile;

use crate::error::{Error, Result, check_shape, check_weight};
use crate::labels::Target;
use crate::loops::overlap::Operands;
use crate::loops::softmax::{cut, cut_mut, pieces};
use crate::options::{Gradient, Reduction};
use crate::parallel;
use crate::scalar::{Prim, in_precision};
use crate::view::{View, ViewMut};

use tile::{Piece, Points};

/// How classes are weighed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum WassersteinWeighting {
    /// Hits of class 0 do not count, errors of all classes do: the paper, MONAI's `"default"`.
    #[default]
    Foreground,
    /// A class counts by one over one more than its points: Tilborghs et al., MONAI's `"GDL"`.
    Volume,
}

/// Options of [`evaluate`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The distance of a true class (row) from a predicted one; 1 between any two where absent. Divided by its largest.
    pub distances: Option<Vec<Vec<f64>>>,
    /// How classes are weighed.
    pub weighting: WassersteinWeighting,
    /// Added to the numerator.
    pub smooth_nr: f64,
    /// Added to the denominator.
    pub smooth_dr: f64,
    /// How images are reduced.
    pub reduction: Reduction,
}

impl Options {
    /// Fails if an option is out of range, or the distances are not those of so many classes.
    pub fn check(&self, classes: usize) -> Result<()> {
        check_weight("smooth_nr", self.smooth_nr)?;
        check_weight("smooth_dr", self.smooth_dr)?;
        self.distances(classes).map(drop)
    }

    /// The distances, row by row, the largest 1.
    pub fn distances(&self, classes: usize) -> Result<Vec<f64>> {
        let error = |got: String, expected| Err(Error::option("distances", got, expected));
        let Some(rows) = &self.distances else {
            let is_other = |at: usize| f64::from(u8::from(at / classes != at % classes));
            return Ok((0..classes * classes).map(is_other).collect());
        };
        if rows.len() != classes || rows.iter().any(|row| row.len() != classes) {
            let lengths: Vec<_> = rows.iter().map(Vec::len).collect();
            let expected = format!("{classes} rows of {classes}, one per class");
            return error(format!("rows of {lengths:?}"), expected);
        }
        for (y, row) in rows.iter().enumerate() {
            if let Some(bad) = row.iter().find(|d| !(**d >= 0.0 && d.is_finite())) {
                return error(bad.to_string(), "finite numbers of at least 0".into());
            }
            if row[y] != 0.0 {
                let got = format!("{} from class {y} to itself", row[y]);
                return error(got, "0 there".into());
            }
        }
        let all = rows.iter().flatten().copied();
        let largest = all.clone().fold(0.0, f64::max);
        match largest > 0.0 {
            true => Ok(all.map(|d| d / largest).collect()),
            false => error("0 everywhere".into(), "a distance above 0".into()),
        }
    }
}

/// The sums of an image.
#[derive(Clone, Debug, Default)]
struct Sums {
    /// The weight of each class's points, and the weighted sum of their distances.
    classes: Vec<[f64; 2]>,
}

/// A loss and its derivative with respect to each class's sum of distances.
struct Found {
    value: f64,
    slopes: Vec<f64>,
}

impl Sums {
    fn add(&mut self, other: &[[f64; 2]]) {
        self.classes.resize(other.len(), [0.0; 2]);
        for (sum, part) in self.classes.iter_mut().zip(other) {
            sum[0] += part[0];
            sum[1] += part[1];
        }
    }

    fn evaluate(&self, options: &Options) -> Found {
        let is_by_volume = options.weighting == WassersteinWeighting::Volume;
        let alpha = |y: usize, points: f64| match options.weighting {
            WassersteinWeighting::Foreground => f64::from(u8::from(y > 0)),
            WassersteinWeighting::Volume => 1.0 / (points + 1.0),
        };
        let (mut hits, mut all) = (0.0, 0.0);
        for (y, [points, distances]) in self.classes.iter().enumerate() {
            let alpha = alpha(y, *points);
            hits += alpha * (points - distances);
            all += match is_by_volume {
                true => alpha * (2.0 * points - distances),
                false => 2.0 * alpha * (points - distances) + distances,
            };
        }
        let (numerator, denominator) = (2.0 * hits + options.smooth_nr, all + options.smooth_dr);
        if denominator == 0.0 {
            // Nothing to find, and nothing found.
            return Found {
                value: 0.0,
                slopes: vec![0.0; self.classes.len()],
            };
        }
        let score = numerator / denominator;
        let slope = |(y, [points, _]): (usize, &[f64; 2])| {
            let alpha = alpha(y, *points);
            let of_all = if is_by_volume {
                -alpha
            } else {
                1.0 - 2.0 * alpha
            };
            (2.0 * alpha + score * of_all) / denominator
        };
        Found {
            value: 1.0 - score,
            slopes: self.classes.iter().enumerate().map(slope).collect(),
        }
    }
}

/// The loss of each image, reduced; the target must be class indices.
///
/// `values`, (N, 1, 1), receives one value per image with [`Reduction::None`]. Ignored points, and those of weight 0,
/// leave all sums.
pub fn evaluate(
    options: &Options,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let shape @ [items, classes, _] = operands.input.shape();
    options.check(classes)?;
    if !operands.target.dtype().is_index() {
        return Err(Error::DType {
            argument: "target",
            expected: "u8, u32 or i64 class indices",
            got: operands.target.dtype(),
        });
    }
    if let Some(gradient) = &gradient {
        check_shape("gradient", shape, gradient.view.shape())?;
    }
    if let Some(values) = &values {
        check_shape("values", [items, 1, 1], values.shape())?;
    }
    in_precision!(operands.input.dtype(), P => run::<P>(options, operands, values, gradient))
}

fn run<P: Prim>(
    options: &Options,
    operands: &Operands<'_>,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let shape @ [items, classes, space] = operands.input.shape();
    let (target, _) = Target::new(&operands.target, shape, classes, operands.ignore)?;
    let weight = match &operands.weight {
        Some(weight) => Some(weight.broadcast("weight", [items, 1, space])?),
        None => None,
    };
    let distances = options.distances(classes)?;
    // Column by column: a tile goes through predicted classes.
    let columns: Vec<P> = (0..classes * classes)
        .map(|at| P::of(distances[at % classes * classes + at / classes]))
        .collect();
    let cuts @ (cut_items, cut_pixels) = pieces(shape);
    let per_row = space.div_ceil(cut_pixels).max(1);
    let first_item = |index: usize| index / per_row * cut_items;
    let points = || {
        let mut weight = weight
            .as_ref()
            .map(|view| cut(view.reborrow(), cuts).into_iter());
        target
            .clone()
            .cut(cuts)
            .into_iter()
            .map(move |target| Points {
                target,
                weight: weight.as_mut().and_then(Iterator::next),
            })
    };
    let inputs = || cut(operands.input.reborrow(), cuts).into_iter();
    let work = |(input, points): (View<'_>, Points<'_>)| {
        let columns = columns.as_slice();
        Piece {
            input,
            points,
            columns,
        }
        .sums()
    };
    let parts = parallel::map(inputs().zip(points()), work);
    let mut images = vec![Sums::default(); items];
    for (index, part) in parts.iter().enumerate() {
        for (sums, part) in images[first_item(index)..].iter_mut().zip(part) {
            sums.add(part);
        }
    }
    let found: Vec<Found> = images.iter().map(|sums| sums.evaluate(options)).collect();
    let outer = match options.reduction {
        Reduction::Mean => 1.0 / items.max(1) as f64,
        _ => 1.0,
    };
    if let Some(mut values) = values {
        for (n, found) in found.iter().enumerate() {
            values.write_row(n, 0, 0, &[found.value], false);
        }
    }
    if let Some(gradient) = gradient {
        let (scale, accumulate) = (gradient.scale * outer, gradient.accumulate);
        let scaled = |found: &Found| found.slopes.iter().map(|s| P::of(s * scale)).collect();
        let slopes: Vec<Vec<P>> = found.iter().map(scaled).collect();
        let into = cut_mut(gradient.view, cuts).into_iter();
        let work = inputs().zip(points()).zip(into).enumerate();
        parallel::map(work, |(index, ((input, points), mut into))| {
            let columns = columns.as_slice();
            let piece = Piece {
                input,
                points,
                columns,
            };
            piece.gradient(&slopes[first_item(index)..], &mut into, accumulate);
        });
    }
    Ok(found.iter().map(|found| found.value).sum::<f64>() * outer)
}
