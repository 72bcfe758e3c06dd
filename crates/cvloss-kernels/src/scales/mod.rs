//! Smaller scales of a tensor: means of cells along the axes of space, points in the middle of cells, and the way back.

#![forbid(unsafe_code)]

mod rows;

use crate::error::{Error, Result, check_shape};
use crate::options::Gradient;
use crate::scalar::{Prim, Scalar, in_precision};
use crate::view::{View, ViewMut};

/// What becomes of an axis that cells do not divide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum UnevenScale {
    /// It is an error.
    #[default]
    Refuse,
    /// What is left at its end is dropped: torch's `avg_pool2d`.
    DropRest,
    /// What is left at its end is a smaller cell: torch's `ceil_mode=True, count_include_pad=False`.
    SmallCell,
}

/// How soft targets, images and weight maps are brought to a scale. Class indices are always taken from the middle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ScalePooling {
    /// The mean of each cell.
    #[default]
    Average,
    /// The point in the middle of each cell.
    Nearest,
}

/// The weight of each scale, the first being the finest.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ScaleWeights {
    /// 1, ½, ¼, …, at least 1/16: MONAI's `"exp"`.
    #[default]
    Halving,
    /// 1 for all: MONAI's `"same"`.
    Same,
    /// 1 for the first, ½ for the others: MONAI's `"two"`.
    Half,
    /// These, at least as many as there are scales.
    Listed(Vec<f64>),
}

impl ScaleWeights {
    /// The weights of so many scales; fails if there are not as many finite numbers.
    pub fn of(&self, scales: usize) -> Result<Vec<f64>> {
        let weight = |k: usize| match self {
            Self::Halving => 0.5f64.powi(k.min(4) as i32),
            Self::Same => 1.0,
            Self::Half if k == 0 => 1.0,
            Self::Half => 0.5,
            Self::Listed(weights) => weights.get(k).copied().unwrap_or(f64::NAN),
        };
        let weights: Vec<_> = (0..scales).map(weight).collect();
        match weights.iter().all(|weight| weight.is_finite()) {
            true => Ok(weights),
            false => {
                let expected = format!("{scales} finite numbers");
                Err(Error::option("weights", format!("{self:?}"), expected))
            }
        }
    }
}

/// An axis cut into cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cells {
    /// The length of the axis.
    pub len: usize,
    /// The length of a cell.
    pub factor: usize,
    /// How many cells there are.
    pub count: usize,
}

impl Cells {
    /// Cells of `factor` along an axis of `len`; fails if they do not fit it.
    pub fn new(len: usize, factor: usize, uneven: UnevenScale) -> Result<Self> {
        let error = |got: String, expected: &str| Err(Error::option("factors", got, expected));
        if factor == 0 {
            return error("0".into(), "at least 1");
        }
        let count = match uneven {
            UnevenScale::Refuse if !len.is_multiple_of(factor) => {
                let got = format!("{factor} along an axis of {len}");
                return error(got, "a divisor, or another policy for uneven scales");
            }
            UnevenScale::Refuse | UnevenScale::DropRest => len / factor,
            UnevenScale::SmallCell => len.div_ceil(factor),
        };
        if count == 0 && len > 0 {
            let got = format!("{factor} along an axis of {len}");
            return error(got, "a cell at least along each axis");
        }
        Ok(Self { len, factor, count })
    }

    /// An axis that stays as it is.
    fn whole(len: usize) -> Self {
        let (factor, count) = (1, len);
        Self { len, factor, count }
    }

    /// How many points a cell has.
    pub fn size(&self, cell: usize) -> usize {
        self.factor.min(self.len - cell * self.factor)
    }

    /// The point in the middle of a cell, the later of two: `i f + ⌊size/2⌋`, torch's `"nearest-exact"` where cells
    /// divide the axis.
    pub fn middle(&self, cell: usize) -> usize {
        cell * self.factor + self.size(cell) / 2
    }
}

/// Up to three axes of space, cut into cells.
#[derive(Clone, Copy, Debug)]
pub struct Grid([Cells; 3]);

impl Grid {
    /// Cells of `factor` along each axis of `space`.
    pub fn new(space: &[usize], factor: usize, uneven: UnevenScale) -> Result<Self> {
        let mut axes = [Cells::whole(1); 3];
        if !(1..=3).contains(&space.len()) {
            let got = format!("{} axes", space.len());
            return Err(Error::option("shape", got, "1 to 3 axes of space"));
        }
        let first = 3 - space.len();
        for (axis, len) in axes[first..].iter_mut().zip(space) {
            *axis = Cells::new(*len, factor, uneven)?;
        }
        Ok(Self(axes))
    }

    /// How many points the axes have.
    pub fn points(&self) -> usize {
        self.0.iter().map(|axis| axis.len).product()
    }

    /// How many cells.
    pub fn cells(&self) -> usize {
        self.0.iter().map(|axis| axis.count).product()
    }

    /// The extents of as many axes of cells.
    pub fn extents(&self, axes: usize) -> Vec<usize> {
        let first = 3 - axes.min(3);
        self.0[first..].iter().map(|axis| axis.count).collect()
    }
}

/// A tensor at a smaller scale, (N, C, cells): floats in the type that kernels compute in, indices as they were.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Scaled {
    F32(Vec<f32>),
    F64(Vec<f64>),
    U8(Vec<u8>),
    U32(Vec<u32>),
    I64(Vec<i64>),
}

impl Scaled {
    /// A view of it, (N, C, cells).
    pub fn view(&self, shape: [usize; 3]) -> Result<View<'_>> {
        match self {
            Self::F32(data) => View::new(data, shape),
            Self::F64(data) => View::new(data, shape),
            Self::U8(data) => View::new(data, shape),
            Self::U32(data) => View::new(data, shape),
            Self::I64(data) => View::new(data, shape),
        }
    }
}

/// Brings (N, C, points) to the scale of the cells; class indices are those in the middle of their cells.
pub fn scaled(grid: &Grid, from: &View<'_>, pooling: ScalePooling) -> Result<Scaled> {
    let [items, channels, _] = from.shape();
    check_shape("input", [items, channels, grid.points()], from.shape())?;
    macro_rules! pick {
        ($array:expr) => {
            rows::pick(&grid.0, $array, |x| x)
        };
    }
    Ok(match (from, pooling) {
        (View::U8(array), _) => Scaled::U8(pick!(array)),
        (View::U32(array), _) => Scaled::U32(pick!(array)),
        (View::I64(array), _) => Scaled::I64(pick!(array)),
        (View::F64(_), ScalePooling::Average) => Scaled::F64(average(grid, from)?),
        (_, ScalePooling::Average) => Scaled::F32(average(grid, from)?),
        (View::F64(array), ScalePooling::Nearest) => Scaled::F64(pick!(array)),
        (View::F32(array), ScalePooling::Nearest) => Scaled::F32(pick!(array)),
        (View::F16(array), ScalePooling::Nearest) => {
            Scaled::F32(rows::pick(&grid.0, array, Scalar::read))
        }
        (View::BF16(array), ScalePooling::Nearest) => {
            Scaled::F32(rows::pick(&grid.0, array, Scalar::read))
        }
    })
}

/// The mean of each cell.
fn average<P: Prim>(grid: &Grid, from: &View<'_>) -> Result<Vec<P>> {
    let [items, channels, _] = from.shape();
    let mut means = vec![P::default(); items * channels * grid.cells()];
    let into = ViewMut::of(&mut means, [items, channels, grid.cells()])?;
    rows::average::<P>(&grid.0, from, into);
    Ok(means)
}

/// The gradient with respect to what [`ScalePooling::Average`] read, of one with respect to its means, (N, C, cells).
pub fn spread(grid: &Grid, slopes: &View<'_>, gradient: Gradient<'_>) -> Result<()> {
    let [items, channels, _] = slopes.shape();
    check_shape("scale", [items, channels, grid.cells()], slopes.shape())?;
    let shape = [items, channels, grid.points()];
    check_shape("gradient", shape, gradient.view.shape())?;
    in_precision!(slopes.dtype(), P => {
        rows::spread::<P>(&grid.0, slopes, gradient);
        Ok(())
    })
}
