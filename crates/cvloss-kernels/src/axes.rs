//! Tensors of any rank as (N, C, S): which axes merge into which, and whether strides allow it.

use std::ops::Range;

/// Which axes of a tensor are items, channels and space.
#[derive(Clone, Debug)]
pub struct Axes {
    items: Range<usize>,
    channels: Range<usize>,
    space: Range<usize>,
}

impl Axes {
    /// (N, C, *) for losses of pixels.
    pub fn sites(rank: usize) -> Self {
        Self {
            items: 0..1,
            channels: 1..2,
            space: 2..rank,
        }
    }

    /// Any shape, for losses of elements. The channels of a matrix are its rows' elements, so that rows are long.
    pub fn elements(rank: usize) -> Self {
        match rank {
            0 | 1 => Self {
                items: 0..0,
                channels: 0..0,
                space: 0..rank,
            },
            2 => Self {
                items: 0..0,
                channels: 0..1,
                space: 1..2,
            },
            _ => Self::sites(rank),
        }
    }

    /// (…, numbers) for losses of boxes.
    pub fn boxes(rank: usize) -> Self {
        let last = rank.saturating_sub(1);
        Self {
            items: 0..last,
            channels: last..last,
            space: last..rank,
        }
    }

    /// (N, C, S) of a tensor's dimensions.
    pub fn shape(&self, dims: &[usize]) -> [usize; 3] {
        [&self.items, &self.channels, &self.space].map(|axes| dims[axes.clone()].iter().product())
    }

    /// One stride per (N, C, S), if the axes of each merge.
    pub fn strides(&self, dims: &[usize], strides: &[usize]) -> Option<[usize; 3]> {
        let merge =
            |axes: &Range<usize>| merged_stride(&dims[axes.clone()], &strides[axes.clone()]);
        Some([
            merge(&self.items)?,
            merge(&self.channels)?,
            merge(&self.space)?,
        ])
    }
}

/// The stride of several axes walked as one, if they can be.
fn merged_stride(dims: &[usize], strides: &[usize]) -> Option<usize> {
    let mut axes = dims.iter().zip(strides).rev().filter(|(dim, _)| **dim != 1);
    let (mut len, stride) = match axes.next() {
        None => return Some(0),
        Some((dim, stride)) => (*dim, *stride),
    };
    for (dim, outer) in axes {
        if *outer != stride * len {
            return None;
        }
        len *= dim;
    }
    Some(stride)
}
