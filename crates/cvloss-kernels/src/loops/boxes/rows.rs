//! Tensors of boxes as rows of numbers.

use crate::scalar::Prim;
use crate::view::{View, ViewMut};

/// A tensor of (N, 1, width): one long row where it is contiguous.
pub(super) struct Rows<'a> {
    view: View<'a>,
    pub(super) width: usize,
    is_flat: bool,
}

impl<'a> Rows<'a> {
    pub(super) fn new(view: View<'a>, width: usize) -> Self {
        let is_flat = view.is_contiguous();
        let view = if is_flat { view.flatten() } else { view };
        Self {
            view,
            width,
            is_flat,
        }
    }

    /// Parts of `len` pairs.
    pub(super) fn split(self, len: usize) -> impl Iterator<Item = Rows<'a>> {
        let Self {
            view,
            width,
            is_flat,
        } = self;
        let (axis, unit) = if is_flat { (2, width) } else { (0, 1) };
        let views = view.split(axis, len * unit).into_iter();
        views.map(move |view| Self {
            view,
            width,
            is_flat,
        })
    }

    pub(super) fn pairs(&self) -> usize {
        match self.is_flat {
            true => self.view.shape()[2] / self.width,
            false => self.view.shape()[0],
        }
    }

    /// The numbers of `len` pairs from `start` on, lent or copied into `buffer`.
    pub(super) fn read<'b, P: Prim>(
        &'b self,
        start: usize,
        len: usize,
        buffer: &'b mut [P],
    ) -> &'b [P] {
        let width = self.width;
        let buffer = &mut buffer[..len * width];
        if !self.is_flat {
            for (i, row) in buffer.chunks_exact_mut(width).enumerate() {
                self.view.read_row(start + i, 0, 0, row);
            }
            return buffer;
        }
        match self.view.row(0, 0, start * width, len * width) {
            Some(row) => row,
            None => {
                self.view.read_row(0, 0, start * width, buffer);
                buffer
            }
        }
    }
}

/// As [`Rows`], to write.
pub(super) struct RowsMut<'a> {
    view: ViewMut<'a>,
    pub(super) width: usize,
    is_flat: bool,
}

impl<'a> RowsMut<'a> {
    pub(super) fn new(view: ViewMut<'a>, width: usize) -> Self {
        let is_flat = view.is_contiguous();
        Self {
            view,
            width,
            is_flat,
        }
    }

    pub(super) fn split(self, len: usize) -> Vec<RowsMut<'a>> {
        let Self {
            view,
            width,
            is_flat,
        } = self;
        // `flatten` returns nothing only for views that are not contiguous.
        let views = match is_flat {
            true => view.flatten().map(|view| view.split(2, len * width)),
            false => Some(view.split(0, len)),
        };
        let rows = |view| Self {
            view,
            width,
            is_flat,
        };
        views.into_iter().flatten().map(rows).collect()
    }

    /// The memory of `len` pairs from `start` on, where a formula may write it directly.
    pub(super) fn lend<P: Prim>(&mut self, start: usize, len: usize) -> Option<&mut [P]> {
        match self.is_flat {
            true => self.view.row(0, 0, start * self.width, len * self.width),
            false => None,
        }
    }

    pub(super) fn write<P: Prim>(&mut self, start: usize, numbers: &[P], accumulate: bool) {
        if self.is_flat {
            let start = start * self.width;
            self.view.write_row(0, 0, start, numbers, accumulate);
            return;
        }
        for (i, row) in numbers.chunks_exact(self.width).enumerate() {
            self.view.write_row(start + i, 0, 0, row, accumulate);
        }
    }
}
