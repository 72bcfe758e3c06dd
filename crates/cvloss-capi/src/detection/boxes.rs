//! What losses of axis-aligned boxes share.

use std::ffi::CStr;

use cvloss_kernels::boxes::{BoxFormat, Combinators, IouForm, Kind, Options, evaluate};
use cvloss_kernels::device::Kernel;
use cvloss_kernels::loops::boxes::{Denominator, Gradients, Operands};
use cvloss_kernels::{Geometry, Reduction, Result as KernelResult, View, ViewMut};

use crate::config::{self, choose, init, unused, versioned};
use crate::loss::{Call, Input, Items, Loss, PAIR_WEIGHT, Target};
use crate::options::{cvl_reduction, reduction};
use crate::status::Result;

/// The four numbers of a box.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_box_format {
    /// Left, top, right, bottom.
    Xyxy = 0,
    /// Left, top, width, height.
    Xywh,
    /// Centre, width, height.
    Cxcywh,
}

/// What the mean over pairs of boxes, or over points, divides by. 0 gives value 0 and gradient 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_denominator {
    /// Their number: torchvision.
    Items = 0,
    /// The sum of their weights.
    Weights,
    /// A given number: the avg_factor of mmdetection.
    AvgFactor,
}

/// What becomes of an intersection over union.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_iou_form {
    /// `1 - IoU`.
    Linear = 0,
    /// `-ln IoU`, of an IoU of at least `eps`.
    Log,
    /// `1 - IoU^2`.
    Square,
}

/// What all losses of axis-aligned boxes share.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_boxes_config {
    /// Set by `cvl_boxes_config_init`.
    pub struct_size: usize,
    /// Added to what is divided by, in 1e-30..=1. Default 1e-7.
    pub eps: f64,
    /// Above 0; what CVL_DENOMINATOR_AVG_FACTOR divides by. Default 1.
    pub avg_factor: f64,
    /// A `cvl_box_format`. Default CVL_BOX_FORMAT_XYXY.
    pub format: u32,
    /// A `cvl_denominator`. Default CVL_DENOMINATOR_ITEMS.
    pub denominator: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_boxes_config {
    struct_size, eps, avg_factor, format, denominator, reduction, reserved;
});

impl Default for cvl_boxes_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            eps: 1e-7,
            avg_factor: 1.0,
            format: cvl_box_format::Xyxy as u32,
            denominator: cvl_denominator::Items as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_boxes_config_init(config: *mut cvl_boxes_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Changes of the overlap term and of the penalties of a loss of boxes.
///
/// `L = 1 - m^alpha + sum_k P_k^alpha`, `m = clamp((IoU_inner - low)/(high - low), 0, 1)`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_overlap_config {
    /// Set by `cvl_overlap_config_init`.
    pub struct_size: usize,
    /// Alpha-IoU: the power of the IoU and of each penalty, above 0. Default 1.
    pub alpha: f64,
    /// Inner-IoU: scale of the boxes whose IoU counts, above 0. Default 1.
    pub inner: f64,
    /// Focaler-IoU: the IoU that counts as 0. Default 0.
    pub focaler_low: f64,
    /// Focaler-IoU: the IoU that counts as 1, above `focaler_low`. Default 1.
    pub focaler_high: f64,
}

versioned!(cvl_overlap_config {
    struct_size, alpha, inner, focaler_low, focaler_high;
});

impl Default for cvl_overlap_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            alpha: 1.0,
            inner: 1.0,
            focaler_low: 0.0,
            focaler_high: 1.0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_overlap_config_init(
    config: *mut cvl_overlap_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

pub(super) fn denominator(number: u32, avg_factor: f64) -> Result<Denominator> {
    use Denominator::{AvgFactor, Items, Weights};
    choose(
        "denominator",
        number,
        &[Items, Weights, AvgFactor(avg_factor)],
    )
}

pub(super) fn iou_form(number: u32) -> Result<IouForm> {
    use IouForm::{Linear, Log, Square};
    choose("form", number, &[Linear, Log, Square])
}

/// A call's tensors as the kernels of boxes take them.
pub(super) fn split<'i, 'o>(
    call: Call<'i, 'o>,
) -> (Operands<'i>, Option<ViewMut<'o>>, Gradients<'o>) {
    let operands = Operands {
        input: call.input,
        target: call.target,
        weight: call.weight,
    };
    let gradients = Gradients {
        input: call.gradient,
        target: call.target_gradient,
    };
    (operands, call.values, gradients)
}

/// No pairs of boxes of so many numbers: the kernels check their options all the same.
pub(super) fn nothing(numbers: usize) -> KernelResult<Operands<'static>> {
    let view = || View::new::<f32>(&[], [0, 1, numbers]);
    Ok(Operands {
        input: view()?,
        target: view()?,
        weight: None,
    })
}

pub(super) fn pair_items(reduction: Reduction) -> Items {
    match reduction {
        Reduction::None => Items::Pairs,
        Reduction::Sum | Reduction::Mean => Items::One,
    }
}

/// A loss of pairs of axis-aligned boxes.
pub(super) struct AlignedBoxes {
    name: &'static CStr,
    options: Options,
}

impl AlignedBoxes {
    /// Reads shared options, checks all, and makes the loss.
    ///
    /// # Safety
    /// `boxes` is NULL, or a struct of the size that it says.
    pub(super) unsafe fn build(
        name: &'static CStr,
        kind: Kind,
        combinators: Combinators,
        boxes: *const cvl_boxes_config,
    ) -> Result<Box<dyn Loss>> {
        // SAFETY: the caller's promise.
        let boxes = unsafe { config::read(boxes) }?;
        unused(boxes.reserved)?;
        let formats = [BoxFormat::Xyxy, BoxFormat::Xywh, BoxFormat::Cxcywh];
        let options = Options {
            kind,
            format: choose("format", boxes.format, &formats)?,
            eps: boxes.eps,
            combinators,
            denominator: denominator(boxes.denominator, boxes.avg_factor)?,
            reduction: reduction(boxes.reduction)?,
        };
        evaluate(&options, &nothing(4)?, None, Gradients::default())?;
        Ok(Box::new(Self { name, options }))
    }
}

/// The combinators that `overlap` points at.
///
/// # Safety
/// `overlap` is NULL, or a struct of the size that it says.
pub(super) unsafe fn combinators(overlap: *const cvl_overlap_config) -> Result<Combinators> {
    // SAFETY: the caller's promise.
    let overlap = unsafe { config::read(overlap) }?;
    Ok(Combinators {
        form: IouForm::Linear,
        alpha: overlap.alpha,
        inner: overlap.inner,
        focaler: (overlap.focaler_low, overlap.focaler_high),
    })
}

impl Loss for AlignedBoxes {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn inputs(&self) -> &'static [Input] {
        PAIR_WEIGHT
    }

    fn geometry(&self) -> Geometry {
        Geometry::Boxes(4)
    }

    fn items(&self) -> Items {
        pair_items(self.options.reduction)
    }

    fn kernel(&self, _: Target) -> KernelResult<Option<Kernel>> {
        Ok(Some(Kernel::Boxes(self.options)))
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let (operands, values, gradients) = split(call);
        evaluate(&self.options, &operands, values, gradients)
    }
}
