//! Options that losses share.

/// How the values of independent items become the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Reduction {
    /// One value per item.
    None,
    /// The sum over items.
    Sum,
    /// The mean over items, as the loss documents its denominator.
    #[default]
    Mean,
}

/// What [`Reduction::Mean`] divides by.
///
/// Ignored points never count. An empty denominator (0) gives value 0 and gradient 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Normalizer {
    /// The number of points.
    #[default]
    Elements,
    /// The sum of the weights of the points (class weight times weight map), as `torch.nn.CrossEntropyLoss` does.
    Weights,
    /// The number of points with a positive target, at least 1, as RetinaNet does.
    Positives,
}

/// Where a gradient goes.
#[derive(Debug)]
pub struct Gradient<'a> {
    /// The memory, in the input's shape.
    pub view: crate::ViewMut<'a>,
    /// Multiplies the gradient, not the value: the upstream gradient of a scalar value, or a loss scale.
    pub scale: f64,
    /// Adds to what is there instead of overwriting it.
    pub accumulate: bool,
}

impl<'a> Gradient<'a> {
    /// Overwrites `view` with the unscaled gradient.
    pub fn new(view: crate::ViewMut<'a>) -> Self {
        Self {
            view,
            scale: 1.0,
            accumulate: false,
        }
    }

    /// The same memory, borrowed for less long.
    pub fn reborrow(&mut self) -> Gradient<'_> {
        Gradient {
            view: self.view.reborrow(),
            scale: self.scale,
            accumulate: self.accumulate,
        }
    }
}

/// Where the gradients of a loss of two alike tensors go.
#[derive(Debug, Default)]
pub struct Gradients<'a> {
    /// With respect to the input.
    pub input: Option<Gradient<'a>>,
    /// With respect to the target.
    pub target: Option<Gradient<'a>>,
}

impl<'a> Gradients<'a> {
    /// Multiplies both gradients by `factor`.
    pub(crate) fn scaled(self, factor: f64) -> Self {
        let scaled = |gradient: Option<Gradient<'a>>| {
            gradient.map(|gradient| Gradient {
                scale: gradient.scale * factor,
                ..gradient
            })
        };
        Self {
            input: scaled(self.input),
            target: scaled(self.target),
        }
    }
}
