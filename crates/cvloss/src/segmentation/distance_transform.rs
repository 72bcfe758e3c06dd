//! Distance transforms of masks.

use candle_core::{DType, Device, Tensor};
use cvloss_kernels::distance_transform::{distances, signed_distances};

use crate::error::{Error, Result};

/// How far each point of a mask's inside is from the nearest point outside, exactly; 0 outside.
///
/// # Shapes
/// - mask: `(N, C, *)` with one to three axes of space, any dtype; what is above 0.5 is inside. Each plane of `N` and `C`
///   is a mask of its own
/// - spacing: the distance of neighbours along each axis of space; 1 where absent
/// - result: the mask's shape, f64, on the CPU
///
/// # Edge cases
/// A mask without a point outside: +∞ everywhere.
///
/// # Agrees with
/// `scipy.ndimage.distance_transform_edt(mask, sampling=spacing)`, to the bit.
///
/// # Reference
/// Felzenszwalb and Huttenlocher, *Distance Transforms of Sampled Functions*, 2012.
/// <https://theoryofcomputing.org/articles/v008a019/>
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
///
/// let mask = Tensor::new(&[0u8, 1, 1, 1, 0, 1], &Device::Cpu)?.reshape((1, 1, 6))?;
/// let distances = cvloss::distance_transform(&mask, Some(&[2.0]))?;
/// assert_eq!(distances.flatten_all()?.to_vec1::<f64>()?, [0.0, 2.0, 4.0, 2.0, 0.0, 2.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn distance_transform(mask: &Tensor, spacing: Option<&[f64]>) -> Result<Tensor> {
    each_plane("distance_transform", mask, spacing, distances)
}

/// The signed distance to a mask's surface: `d` outside, `−(d − 1)` inside, as [`BoundaryLoss`](crate::BoundaryLoss) takes
/// it; 0 everywhere for a mask that is empty or full. Shapes as in [`distance_transform`].
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
///
/// let mask = Tensor::new(&[0u8, 1, 1, 1, 0, 0], &Device::Cpu)?.reshape((1, 1, 6))?;
/// let map = cvloss::signed_distance_map(&mask, None)?;
/// assert_eq!(map.flatten_all()?.to_vec1::<f64>()?, [1.0, 0.0, -1.0, 0.0, 1.0, 2.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn signed_distance_map(mask: &Tensor, spacing: Option<&[f64]>) -> Result<Tensor> {
    each_plane("signed_distance_map", mask, spacing, signed_distances)
}

/// A transform of a mask: its points, its shape, its spacing.
type Transform = fn(&[bool], &[usize], &[f64]) -> cvloss_kernels::Result<Vec<f64>>;

/// Applies a transform to each plane.
pub(super) fn each_plane(
    name: &'static str,
    mask: &Tensor,
    spacing: Option<&[f64]>,
    transform: Transform,
) -> Result<Tensor> {
    let space = mask.dims().get(2..).unwrap_or_default();
    if !(1..=3).contains(&space.len()) {
        return Err(Error::Shape {
            loss: name,
            argument: "mask",
            expected: "(N, C, *) with 1 to 3 axes of space".into(),
            got: mask.shape().clone(),
        });
    }
    let ones = vec![1.0; space.len()];
    let spacing = spacing.unwrap_or(&ones);
    let inside: Vec<bool> = mask
        .to_dtype(DType::F64)?
        .flatten_all()?
        .to_vec1::<f64>()?
        .into_iter()
        .map(|x| x > 0.5)
        .collect();
    let mut all = Vec::with_capacity(inside.len());
    for plane in inside.chunks(space.iter().product::<usize>().max(1)) {
        all.extend(transform(plane, space, spacing).map_err(Error::kernel(name))?);
    }
    Ok(Tensor::from_vec(all, mask.shape(), &Device::Cpu)?)
}
