//! Exact Euclidean distance transforms of masks, in one to three dimensions, in linear time.
//!
//! Along the first axis, distances to the nearest point outside are counted forth and back. Along each further axis the
//! squared distance is `min_v f(v) + (s (q − v))²` over the line, the lower envelope of as many parabolas. Squares are
//! added in the order of the axes, as scipy adds them, so that the bits are the same.
//!
//! Felzenszwalb and Huttenlocher, *Distance Transforms of Sampled Functions*, 2012.

#![forbid(unsafe_code)]

mod envelope;

use ndarray::{ArrayViewMut2, Axis};

use crate::error::{Error, Result};
use crate::parallel;

use envelope::Line;

/// The least number of points worth a thread.
const LEAST: usize = 16 * 1024;

/// Which points get a distance.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sides {
    /// Those inside.
    Inside,
    /// All, to the nearest point of the other side.
    Both,
}

impl Sides {
    fn count(self, inside: bool) -> bool {
        inside || self == Self::Both
    }
}

/// How far each point inside `mask` is from the nearest point outside; 0 for points outside.
///
/// `shape` has one to three axes, and `spacing` the distance of neighbours along each; a mask without a point outside is
/// at infinite distance everywhere. Equals `scipy.ndimage.distance_transform_edt(mask, sampling=spacing)`, but for masks
/// without a point outside, of which scipy measures the distance to a point that is not there.
pub fn distances(mask: &[bool], shape: &[usize], spacing: &[f64]) -> Result<Vec<f64>> {
    check(mask, shape, spacing)?;
    Ok(roots(squares(mask, shape, spacing, Sides::Inside)))
}

/// The distance to the surface of `mask`: `d` outside, `−(d − 1)` inside, `d` being the distance to the nearest point of
/// the other side; 0 everywhere for a mask without a surface, empty or full.
///
/// The `1` is that of Kervadec et al. and MONAI, whatever the spacing: points next to the surface have 0 inside.
pub fn signed_distances(mask: &[bool], shape: &[usize], spacing: &[f64]) -> Result<Vec<f64>> {
    let unsigned = surface_distances(mask, shape, spacing)?;
    let is_flat = !has_surface(mask);
    let sign = |(d, is_inside): (f64, &bool)| match (is_flat, is_inside) {
        (true, _) => 0.0,
        (_, true) => 1.0 - d,
        (_, false) => d,
    };
    Ok(unsigned.into_iter().zip(mask).map(sign).collect())
}

/// The distance of each point to the nearest of the other side; 0 everywhere for a mask that is empty or full.
pub fn surface_distances(mask: &[bool], shape: &[usize], spacing: &[f64]) -> Result<Vec<f64>> {
    Ok(roots(surface_squares(mask, shape, spacing)?))
}

/// The squares of [`surface_distances`].
pub fn surface_squares(mask: &[bool], shape: &[usize], spacing: &[f64]) -> Result<Vec<f64>> {
    check(mask, shape, spacing)?;
    match has_surface(mask) {
        true => Ok(squares(mask, shape, spacing, Sides::Both)),
        false => Ok(vec![0.0; mask.len()]),
    }
}

fn check(mask: &[bool], shape: &[usize], spacing: &[f64]) -> Result<()> {
    check_spacing(spacing, shape.len())?;
    match mask.len() == shape.iter().product::<usize>() {
        true => Ok(()),
        false => Err(Error::Layout {
            argument: "mask",
            reason: format!("{} points, expected those of {shape:?}", mask.len()),
        }),
    }
}

fn roots(mut squares: Vec<f64>) -> Vec<f64> {
    parallel::map(squares.chunks_mut(LEAST), |piece: &mut [f64]| {
        piece.iter_mut().for_each(|x| *x = x.sqrt());
    });
    squares
}

fn has_surface(mask: &[bool]) -> bool {
    mask.iter().any(|inside| *inside) && mask.iter().any(|inside| !*inside)
}

/// Fails unless there is a positive finite spacing for each of one to three axes.
pub fn check_spacing(spacing: &[f64], axes: usize) -> Result<()> {
    if !(1..=3).contains(&axes) {
        let expected = "1 to 3 axes of space";
        return Err(Error::option("shape", format!("{axes} axes"), expected));
    }
    let is_distance = |s: &f64| *s > 0.0 && s.is_finite();
    match spacing.len() == axes && spacing.iter().all(is_distance) {
        true => Ok(()),
        false => Err(Error::option(
            "spacing",
            format!("{spacing:?}"),
            format!("{axes} finite numbers above 0, one per axis of space"),
        )),
    }
}

/// Squared distances to the nearest point of the other side.
fn squares(mask: &[bool], shape: &[usize], spacing: &[f64], sides: Sides) -> Vec<f64> {
    let mut out = vec![0.0; mask.len()];
    if mask.is_empty() {
        return out;
    }
    // A line is a plane of one row, whose columns have no neighbours.
    let (first, inner) = (shape[0], mask.len() / shape[0]);
    let columns = parallel::piece_len(inner, 16, LEAST.div_ceil(first));
    if let Ok(view) = ArrayViewMut2::from_shape((first, inner), out.as_mut_slice()) {
        let mut pieces = Vec::new();
        let (mut rest, mut start) = (view, 0);
        while start < inner {
            let len = columns.min(inner - start);
            let (piece, tail) = rest.split_at(Axis(1), len);
            pieces.push((start, piece));
            rest = tail;
            start += len;
        }
        parallel::map(pieces, |(start, piece)| {
            count(mask, inner, start, piece, sides, spacing[0])
        });
    }
    if shape.len() > 1 {
        let slabs = parallel::piece_len(first, 1, LEAST.div_ceil(inner)) * inner;
        let pieces = out.chunks_mut(slabs).zip(mask.chunks(slabs));
        parallel::map(pieces, |(piece, mask): (&mut [f64], &[bool])| {
            let mut line = Line::default();
            for (slab, mask) in piece.chunks_mut(inner).zip(mask.chunks(inner)) {
                match shape.len() {
                    2 => line.run(slab, mask, sides, spacing[1]),
                    _ => {
                        line.run_columns(slab, mask, shape[2], sides, spacing[1]);
                        let rows = slab.chunks_mut(shape[2]).zip(mask.chunks(shape[2]));
                        rows.for_each(|(row, mask)| line.run(row, mask, sides, spacing[2]));
                    }
                }
            }
        });
    }
    out
}

/// Squared distances along the first axis, of some columns.
fn count(
    mask: &[bool],
    inner: usize,
    start: usize,
    mut out: ArrayViewMut2<'_, f64>,
    sides: Sides,
    spacing: f64,
) {
    let (height, width) = out.dim();
    let row = |i: usize| &mask[i * inner + start..i * inner + start + width];
    let mut steps = vec![f64::INFINITY; width];
    // Steps from the last point of the other side, on the way from one row to the next.
    let advance = |steps: &mut [f64], last: &[bool], next: &[bool]| {
        for ((step, last), next) in steps.iter_mut().zip(last).zip(next) {
            *step = if last == next { *step + 1.0 } else { 1.0 };
        }
    };
    for (i, mut to) in out.outer_iter_mut().enumerate() {
        if i > 0 {
            advance(&mut steps, row(i - 1), row(i));
        }
        to.iter_mut().zip(&steps).for_each(|(to, step)| *to = *step);
    }
    steps.fill(f64::INFINITY);
    for i in (0..height).rev() {
        if i + 1 < height {
            advance(&mut steps, row(i + 1), row(i));
        }
        for ((to, step), inside) in out.row_mut(i).iter_mut().zip(&steps).zip(row(i)) {
            let distance = to.min(*step) * spacing;
            *to = if sides.count(*inside) {
                distance * distance
            } else {
                0.0
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of points.
    fn by_search(mask: &[bool], shape: &[usize], spacing: &[f64]) -> Vec<f64> {
        let position = |mut i: usize| {
            let mut at = vec![0; shape.len()];
            for axis in (0..shape.len()).rev() {
                at[axis] = i % shape[axis];
                i /= shape[axis];
            }
            at
        };
        let distance = |a: usize, b: usize| {
            let (a, b) = (position(a), position(b));
            let mut sum = 0.0;
            for axis in 0..shape.len() {
                let d = (a[axis] as f64 - b[axis] as f64) * spacing[axis];
                sum += d * d;
            }
            sum
        };
        let nearest = |i: usize| {
            let outside = (0..mask.len()).filter(|j| !mask[*j]);
            outside
                .map(|j| distance(i, j))
                .fold(f64::INFINITY, f64::min)
        };
        (0..mask.len())
            .map(|i| if mask[i] { nearest(i).sqrt() } else { 0.0 })
            .collect()
    }

    fn random(count: usize, seed: u64, share: u64) -> Vec<bool> {
        let mut state = seed;
        let mut next = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            state >> 33
        };
        (0..count).map(|_| next() % 100 < share).collect()
    }

    #[test]
    fn equals_a_search_to_the_bit() -> Result<()> {
        let shapes: [&[usize]; 8] = [
            &[1],
            &[17],
            &[1, 9],
            &[9, 1],
            &[13, 11],
            &[5, 6, 7],
            &[1, 4, 1],
            &[3, 1, 5],
        ];
        for (seed, shape) in shapes.iter().enumerate() {
            for share in [10, 60, 95, 99] {
                for spacing in [[1.0, 1.0, 1.0], [0.7, 2.5, 1.3]] {
                    let count = shape.iter().product();
                    let mask = random(count, seed as u64 + share, share);
                    let spacing = &spacing[..shape.len()];
                    let got = distances(&mask, shape, spacing)?;
                    assert_eq!(
                        got,
                        by_search(&mask, shape, spacing),
                        "{shape:?} {spacing:?}"
                    );
                }
            }
        }
        Ok(())
    }

    #[test]
    fn both_sides_are_a_transform_of_each() -> Result<()> {
        for (seed, shape) in [&[40, 30][..], &[12, 9, 14], &[200]].iter().enumerate() {
            for share in [2, 50, 97] {
                let mask = random(shape.iter().product(), seed as u64 + share, share);
                let outside: Vec<bool> = mask.iter().map(|inside| !inside).collect();
                let spacing = &[1.0, 0.8, 2.5][..shape.len()];
                let one = distances(&mask, shape, spacing)?;
                let other = distances(&outside, shape, spacing)?;
                let sum: Vec<f64> = one.iter().zip(other).map(|(a, b)| a + b).collect();
                assert_eq!(surface_distances(&mask, shape, spacing)?, sum, "{shape:?}");
            }
        }
        Ok(())
    }

    #[test]
    fn pieces_equal_the_whole() -> Result<()> {
        // One point outside, at the far corner: large enough for several pieces along every axis.
        let shape = [40, 50, 60];
        let mut mask = vec![true; 40 * 50 * 60];
        mask[0] = false;
        let got = distances(&mask, &shape, &[1.0; 3])?;
        for (i, got) in got.iter().enumerate() {
            let (x, y, z) = (i / 3000, i / 60 % 50, i % 60);
            assert_eq!(*got, ((x * x + y * y + z * z) as f64).sqrt());
        }
        Ok(())
    }

    #[test]
    fn masks_without_a_surface() -> Result<()> {
        for inside in [false, true] {
            let mask = [inside; 12];
            let expected = if inside { f64::INFINITY } else { 0.0 };
            assert_eq!(distances(&mask, &[3, 4], &[1.0; 2])?, [expected; 12]);
            assert_eq!(signed_distances(&mask, &[3, 4], &[1.0; 2])?, [0.0; 12]);
        }
        Ok(())
    }

    #[test]
    fn signs() -> Result<()> {
        let mask = [false, true, true, true, false, false];
        let got = signed_distances(&mask, &[6], &[1.0])?;
        assert_eq!(got, [1.0, 0.0, -1.0, 0.0, 1.0, 2.0]);
        Ok(())
    }

    #[test]
    fn bad_arguments() {
        assert!(distances(&[true; 4], &[2, 2], &[1.0]).is_err());
        assert!(distances(&[true; 4], &[2, 2], &[1.0, 0.0]).is_err());
        assert!(distances(&[true; 4], &[2, 3], &[1.0, 1.0]).is_err());
        assert!(distances(&[true], &[1, 1, 1, 1], &[1.0; 4]).is_err());
    }
}
