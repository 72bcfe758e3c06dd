//! Dimensions and strides without memory of their own.

/// The most axes of a tensor.
pub(crate) const MAX_RANK: usize = 8;

/// Dimensions and strides, in elements.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shape {
    rank: usize,
    dims: [usize; MAX_RANK],
    strides: [usize; MAX_RANK],
}

impl Shape {
    /// The first [`MAX_RANK`] of `axes`: length and stride of each.
    pub(crate) fn new(axes: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut shape = Self::default();
        for (dim, stride) in axes.into_iter().take(MAX_RANK) {
            shape.dims[shape.rank] = dim;
            shape.strides[shape.rank] = stride;
            shape.rank += 1;
        }
        shape
    }

    pub(crate) fn dims(&self) -> &[usize] {
        &self.dims[..self.rank]
    }

    pub(crate) fn strides(&self) -> &[usize] {
        &self.strides[..self.rank]
    }

    pub(crate) fn axes(&self) -> impl DoubleEndedIterator<Item = (usize, usize)> + Clone + '_ {
        self.dims()
            .iter()
            .copied()
            .zip(self.strides().iter().copied())
    }

    /// How many elements; checked when the tensor was read.
    pub(crate) fn len(&self) -> usize {
        self.dims().iter().product()
    }

    /// With an axis of length 1 put in at `at`, at most the rank.
    pub(crate) fn with_axis(&self, at: usize) -> Self {
        let axes = self.axes();
        Self::new(axes.clone().take(at).chain([(1, 0)]).chain(axes.skip(at)))
    }

    /// With axes of length 1 at the end, up to `rank`.
    pub(crate) fn padded(&self, rank: usize) -> Self {
        let missing = rank.saturating_sub(self.rank);
        Self::new(self.axes().chain(std::iter::repeat_n((1, 0), missing)))
    }

    /// Broadcast to `dims`, which it must be able to.
    pub(crate) fn broadcast(&self, dims: &[usize]) -> Self {
        let missing = dims.len().saturating_sub(self.rank);
        let own = std::iter::repeat_n((1, 0), missing).chain(self.axes());
        Self::new(dims.iter().zip(own).map(|(to, (dim, stride))| {
            let stride = if dim == *to { stride } else { 0 };
            (*to, stride)
        }))
    }

    /// Whether no two elements share memory: each axis steps over all that the axes below it span.
    pub(crate) fn is_injective(&self) -> bool {
        if self.dims().contains(&0) {
            return true;
        }
        let mut axes = [(0, 0); MAX_RANK];
        let mut count = 0;
        for (dim, stride) in self.axes().filter(|(dim, _)| *dim > 1) {
            axes[count] = (stride, dim);
            count += 1;
        }
        let axes = &mut axes[..count];
        axes.sort_unstable();
        let mut span = 0;
        axes.iter().all(|(stride, dim)| {
            let is_clear = *stride > span;
            span += stride * (dim - 1);
            is_clear
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_memory_is_seen() {
        let injective = |axes: &[(usize, usize)]| Shape::new(axes.iter().copied()).is_injective();
        assert!(injective(&[]));
        assert!(injective(&[(2, 12), (3, 4), (4, 1)]));
        assert!(injective(&[(2, 12), (3, 1), (4, 3)]));
        assert!(injective(&[(1, 0), (4, 1)]));
        assert!(injective(&[(0, 0), (4, 0)]));
        assert!(!injective(&[(2, 0), (4, 1)]));
        assert!(!injective(&[(2, 3), (4, 1)]));
        assert!(!injective(&[(2, 1), (2, 1)]));
    }
}
