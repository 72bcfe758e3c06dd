//! What every loss is to the C ABI: names, shapes, one run.

use std::ffi::{CStr, c_char};
use std::sync::Arc;

use cvloss_kernels::device::Kernel;
use cvloss_kernels::{self as kernels, Geometry, Gradient, View, ViewMut};

use crate::config::{self, Versioned};
use crate::shape::Shape;
use crate::status::{Error, Result, cvl_status, guard};

/// A loss: its configuration and constants. Immutable; usable from any number of threads at once.
pub struct cvl_loss {
    /// Shared with losses that are made of it.
    pub(crate) inner: Arc<dyn Loss>,
}

/// The most tensors that a loss reads.
pub(crate) const MAX_INPUTS: usize = 3;

/// Whether a tensor is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// NULL is refused.
    Required,
    /// NULL is allowed.
    Optional,
    /// Only NULL is allowed: the place is kept, so that a weight is always the third input.
    Absent,
}

/// A tensor that a loss reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input {
    pub(crate) name: &'static str,
    /// The name of its gradient.
    pub(crate) gradient: &'static str,
    /// Whether it must be there.
    pub(crate) presence: Presence,
    /// It has a gradient.
    pub(crate) is_differentiable: bool,
}

/// The inputs of most losses.
pub(crate) const INPUT_TARGET_WEIGHT: &[Input] = &[
    Input {
        name: "input",
        gradient: "the gradient of input",
        presence: Presence::Required,
        is_differentiable: true,
    },
    Input {
        name: "target",
        gradient: "the gradient of target",
        presence: Presence::Required,
        is_differentiable: false,
    },
    Input {
        name: "weight",
        gradient: "the gradient of weight",
        presence: Presence::Optional,
        is_differentiable: false,
    },
];

/// The inputs of losses of one tensor.
pub(crate) const INPUT_ALONE: &[Input] = &[
    INPUT_TARGET_WEIGHT[0],
    Input {
        presence: Presence::Absent,
        ..INPUT_TARGET_WEIGHT[1]
    },
    INPUT_TARGET_WEIGHT[2],
];

/// The inputs of losses of two alike tensors.
pub(crate) const PAIR_WEIGHT: &[Input] = &[
    INPUT_TARGET_WEIGHT[0],
    Input {
        is_differentiable: true,
        ..INPUT_TARGET_WEIGHT[1]
    },
    INPUT_TARGET_WEIGHT[2],
];

/// The inputs of losses of two images, without a weight.
pub(crate) const PAIR: &[Input] = &[
    PAIR_WEIGHT[0],
    PAIR_WEIGHT[1],
    Input {
        presence: Presence::Absent,
        ..PAIR_WEIGHT[2]
    },
];

/// What there is one value of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Items {
    /// All.
    One,
    /// Each element.
    Elements,
    /// Each point: (N, *).
    Points,
    /// Each image or row of the batch: (N).
    Images,
    /// Each channel of each image: (N, C).
    Planes,
    /// Each pair of boxes: all axes but the last.
    Pairs,
}

impl Items {
    /// The shape of the values for an input of `dims`.
    pub(crate) fn dims(self, dims: &[usize]) -> Shape {
        let of = |dims: &mut dyn Iterator<Item = usize>| Shape::new(dims.map(|dim| (dim, 0)));
        let all = dims.iter().copied();
        match self {
            Self::One => Shape::default(),
            Self::Elements => of(&mut all.clone()),
            Self::Points => of(&mut all.clone().take(1).chain(all.skip(2))),
            Self::Images => of(&mut all.take(1)),
            Self::Planes => of(&mut all.take(2)),
            Self::Pairs => of(&mut all.take(dims.len().saturating_sub(1))),
        }
    }

    /// Values, upstream gradients, of those dimensions, with the rank of the input.
    pub(crate) fn widen(self, values: &Shape, rank: usize) -> Shape {
        match self {
            Self::Points => values.with_axis(1),
            _ => values.padded(rank),
        }
    }
}

/// A kernel's arguments.
pub(crate) struct Call<'i, 'o> {
    pub(crate) input: View<'i>,
    /// The input once more, where there is no target.
    pub(crate) target: View<'i>,
    pub(crate) weight: Option<View<'i>>,
    pub(crate) values: Option<ViewMut<'o>>,
    pub(crate) gradient: Option<Gradient<'o>>,
    /// Of a loss whose target is differentiable.
    pub(crate) target_gradient: Option<Gradient<'o>>,
    /// The axis of the views that holds the channels.
    pub(crate) channel_axis: usize,
    /// The input's dimensions, of which the views merge some.
    pub(crate) dims: &'i [usize],
}

/// What the choice of a kernel for devices depends on, beside options.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// Channels of the input.
    pub(crate) channels: usize,
    /// Whether the target is class indices.
    pub(crate) is_index: bool,
}

/// A configured loss.
pub(crate) trait Loss: Send + Sync {
    /// Its name, in errors too.
    fn name(&self) -> &'static CStr;

    /// What it reads, in the caller's order: input, target, weight.
    fn inputs(&self) -> &'static [Input] {
        INPUT_TARGET_WEIGHT
    }

    /// How its tensors are laid out.
    fn geometry(&self) -> Geometry;

    /// What there is one value of.
    fn items(&self) -> Items;

    /// Fails if options do not fit an input of `dims`.
    fn check(&self, _dims: &[usize]) -> Result<()> {
        Ok(())
    }

    /// Runs the kernel; returns the reduced value.
    fn run(&self, call: Call<'_, '_>) -> kernels::Result<f64>;

    /// The kernel for devices, if there is one for these options.
    #[cfg_attr(not(any(feature = "cuda", feature = "metal")), allow(dead_code))]
    fn kernel(&self, _target: Target) -> kernels::Result<Option<Kernel>> {
        Ok(None)
    }
}

/// A configuration as it comes from the caller.
pub(crate) trait Config: Versioned {
    /// The loss's name.
    const LOSS: &'static str;

    /// The loss that it describes; an error if an option is out of range.
    ///
    /// # Safety
    /// The pointers in it are NULL or point at what the header says.
    unsafe fn build(&self) -> Result<Box<dyn Loss>>;
}

/// Reads a configuration, builds the loss and writes its handle to `out`; NULL if that fails.
///
/// # Safety
/// `config` is NULL or points at a struct of the size that it says, with valid pointers; `out` is NULL or a place for a
/// pointer.
pub(crate) unsafe fn create<C: Config>(config: *const C, out: *mut *mut cvl_loss) -> cvl_status {
    let body = || {
        if out.is_null() {
            return Err(Error::null("out"));
        }
        // SAFETY: not NULL, so it is a place for a pointer.
        unsafe { out.write_unaligned(std::ptr::null_mut()) };
        // SAFETY: the caller's promise.
        let inner = Arc::from(unsafe { config::read(config)?.build() }?);
        let handle = Box::into_raw(Box::new(cvl_loss { inner }));
        // SAFETY: as above.
        unsafe { out.write_unaligned(handle) };
        Ok(())
    };
    guard(|| body().map_err(|error| error.of(C::LOSS)))
}

/// The loss's name, such as "focal"; "" for NULL. Valid as long as the library is loaded.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_loss_name(loss: *const cvl_loss) -> *const c_char {
    // SAFETY: NULL or a handle that has not been freed.
    match unsafe { loss.as_ref() } {
        Some(loss) => loss.inner.name().as_ptr(),
        None => c"".as_ptr(),
    }
}

/// Frees a loss. NULL is fine. No call with it may be running, and none may follow.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_loss_free(loss: *mut cvl_loss) {
    let _ = guard(|| {
        if !loss.is_null() {
            // SAFETY: it came from `create`, and the caller gives it back once.
            drop(unsafe { Box::from_raw(loss) });
        }
        Ok(())
    });
}
