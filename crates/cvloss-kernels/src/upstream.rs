//! The chain rule at a value per item: a gradient times the upstream gradient of its item.

use crate::error::{Result, check_shape};
use crate::parallel;
use crate::scalar::{DType, Prim};
use crate::view::{View, ViewMut};

/// Elements converted at a time.
const TILE: usize = 512;
/// The least number of elements worth a thread.
const LEAST: usize = 64 * 1024;

/// `gradient = gradient · upstream`; an axis of length 1 of `upstream` is repeated.
pub fn multiply(gradient: ViewMut<'_>, upstream: &View<'_>) -> Result<()> {
    run(gradient, None, upstream)
}

/// `into = into + gradient · upstream`; an axis of length 1 of `upstream` is repeated.
pub fn multiply_add(into: ViewMut<'_>, gradient: &View<'_>, upstream: &View<'_>) -> Result<()> {
    check_shape("gradient", into.shape(), gradient.shape())?;
    run(into, Some(gradient.reborrow()), upstream)
}

/// Writes one value per item, (N, 1, 1).
pub fn store(values: &mut ViewMut<'_>, numbers: &[f64]) -> Result<()> {
    check_shape("values", [numbers.len(), 1, 1], values.shape())?;
    for (n, number) in numbers.iter().enumerate() {
        values.write_row(n, 0, 0, &[*number], false);
    }
    Ok(())
}

fn run(into: ViewMut<'_>, gradient: Option<View<'_>>, upstream: &View<'_>) -> Result<()> {
    let shape = into.shape();
    let upstream = upstream.broadcast("upstream", shape)?;
    let (axis, len) = match shape {
        [items, channels, space] if items > 1 => (0, len_of(items, channels * space)),
        [_, channels, space] if channels > 1 => (1, len_of(channels, space)),
        [_, _, space] => (2, len_of(space, 1)),
    };
    let is_wide = upstream.dtype() == DType::F64;
    let mut gradient = gradient.map(|view| view.split(axis, len).into_iter());
    let pieces = into.split(axis, len).into_iter();
    let pieces = pieces
        .zip(upstream.split(axis, len))
        .map(|(into, upstream)| (into, gradient.as_mut().and_then(Iterator::next), upstream));
    parallel::map(pieces, |(into, gradient, upstream)| match is_wide {
        true => piece::<f64>(into, gradient, &upstream),
        false => piece::<f32>(into, gradient, &upstream),
    });
    Ok(())
}

/// Entries of an axis per piece, if each is worth `size` elements.
fn len_of(entries: usize, size: usize) -> usize {
    parallel::piece_len(entries, 1, LEAST.div_ceil(size.max(1)))
}

fn piece<P: Prim>(mut into: ViewMut<'_>, gradient: Option<View<'_>>, upstream: &View<'_>) {
    let [items, channels, space] = into.shape();
    let (mut factors, mut slopes) = ([P::default(); TILE], [P::default(); TILE]);
    for n in 0..items {
        for c in 0..channels {
            for start in (0..space).step_by(TILE) {
                let len = TILE.min(space - start);
                let factors = &mut factors[..len];
                upstream.read_row(n, c, start, factors);
                let Some(gradient) = &gradient else {
                    into.multiply_row(n, c, start, factors);
                    continue;
                };
                let slopes = &mut slopes[..len];
                gradient.read_row(n, c, start, slopes);
                for (slope, factor) in slopes.iter_mut().zip(&*factors) {
                    *slope = P::of(slope.to_f64() * factor.to_f64());
                }
                into.write_row(n, c, start, slopes, true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_repeat_along_axes_of_length_one() -> Result<()> {
        let mut gradient = [1f32, 2., 3., 4.];
        let upstream = [10f32, 100.];
        let upstream = View::new(&upstream, [2, 1, 1])?;
        multiply(ViewMut::new(&mut gradient, [2, 1, 2])?, &upstream)?;
        assert_eq!(gradient, [10., 20., 300., 400.]);
        let slopes = [1f64, 1., 1., 1.];
        let slopes = View::new(&slopes, [2, 1, 2])?;
        multiply_add(ViewMut::new(&mut gradient, [2, 1, 2])?, &slopes, &upstream)?;
        assert_eq!(gradient, [20., 30., 400., 500.]);
        Ok(())
    }

    #[test]
    fn pieces_cover_every_axis() -> Result<()> {
        for shape in [[1, 1, 300_000], [1, 300, 1000], [300, 1, 1000]] {
            let mut gradient = vec![2f32; shape.iter().product()];
            let upstream = vec![3f32; gradient.len()];
            multiply(
                ViewMut::new(&mut gradient, shape)?,
                &View::new(&upstream, shape)?,
            )?;
            assert!(gradient.iter().all(|x| *x == 6.0));
        }
        Ok(())
    }
}
