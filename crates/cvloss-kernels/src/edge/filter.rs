//! Small filters that respond to edges.

/// A filter, or a pair of filters along width and height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum EdgeFilter {
    /// `[−1 0 1] × [1 2 1]` along both axes.
    #[default]
    Sobel,
    /// `[−1 0 1] × [3 10 3]` along both axes.
    Scharr,
    /// The sum of the four neighbours less four times the pixel.
    Laplacian4,
    /// The sum of the eight neighbours less eight times the pixel, as `kornia.filters.laplacian`.
    Laplacian8,
}

/// Coefficients by row and column.
pub(super) type Kernel = [[f64; 3]; 3];

impl EdgeFilter {
    /// The coefficients of each filter, which do not add up to anything in particular.
    pub fn kernels(self) -> &'static [[[f64; 3]; 3]] {
        const SOBEL: [Kernel; 2] = separable([1.0, 2.0, 1.0]);
        const SCHARR: [Kernel; 2] = separable([3.0, 10.0, 3.0]);
        match self {
            Self::Sobel => &SOBEL,
            Self::Scharr => &SCHARR,
            Self::Laplacian4 => &[[[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]],
            Self::Laplacian8 => &[[[1.0, 1.0, 1.0], [1.0, -8.0, 1.0], [1.0, 1.0, 1.0]]],
        }
    }

    /// The sum of the absolute coefficients of each filter.
    pub fn norm(self) -> f64 {
        let rows = self.kernels().first().into_iter().flatten().flatten();
        rows.map(|coefficient| coefficient.abs()).sum()
    }
}

/// A central difference along one axis, smoothed along the other.
const fn separable(smooth: [f64; 3]) -> [Kernel; 2] {
    let [a, b, c] = smooth;
    [
        [[-a, 0.0, a], [-b, 0.0, b], [-c, 0.0, c]],
        [[-a, -b, -c], [0.0; 3], [a, b, c]],
    ]
}
