//! What region losses share.

use std::ffi::CStr;
use std::ptr;

use cvloss_kernels::device::Kernel;
use cvloss_kernels::region::{
    Absent, Activation, Average, ClassAverage, Classes, Intersection, Operands, Options, Pooling,
    Score, Smooth, Transform, VolumeWeight, evaluate,
};
use cvloss_kernels::{Geometry, Reduction, Result as KernelResult};

use crate::config::{self, choose, init, list, unused, versioned};
use crate::loss::{Call, Items, Loss, Target};
use crate::options::{cvl_reduction, ignore_index, reduction};
use crate::status::{Error, Result};

/// How the input becomes probabilities.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_activation {
    /// Over the classes of each point: multiclass.
    Softmax = 0,
    /// Of each channel by itself: binary and multilabel.
    Sigmoid,
    /// The input holds probabilities.
    Identity,
}

/// What one item's sums run over.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_pooling {
    /// Each image by itself: kornia, MONAI.
    Image = 0,
    /// All images together, as one: segmentation_models_pytorch, nnU-Net's batch Dice.
    Batch,
}

/// How the classes of an item are put together.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_average {
    /// One loss per class, then their average.
    Macro = 0,
    /// One loss of the sums over classes, class weights inside.
    Micro,
    /// As CVL_AVERAGE_MICRO, each class also weighted by its volume: generalized Dice.
    Generalized,
}

/// The weight of a class of volume T in generalized Dice.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_volume_weight {
    /// 1/T^2.
    Square = 0,
    /// 1/T.
    Simple,
    /// 1.
    Uniform,
}

/// What the intersection of a soft prediction with a target is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_intersection {
    /// `sum p t`.
    Product = 0,
    /// `sum min(p, t)`: segmentation_models_pytorch, and MONAI's `soft_label`.
    Minimum,
}

/// What a class without target points in an item does.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_absent {
    /// It counts, with the loss that smoothing gives it: MONAI.
    Count = 0,
    /// It leaves the average: kornia.
    Skip,
    /// It has loss 0 and stays in the average: segmentation_models_pytorch.
    Zero,
}

/// Which classes count.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_classes {
    /// All.
    All = 0,
    /// All but class 0, unless it is the only one.
    Foreground,
    /// Those of `listed_classes`.
    Listed,
}

/// What the weighted sum over classes is divided by.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_class_average {
    /// The number of classes that count: MONAI.
    Count = 0,
    /// The sum of their weights: segmentation_models_pytorch.
    Weights,
}

/// From a score `s` to a loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_transform {
    /// `1 - s`.
    Linear = 0,
    /// `-ln max(s, 1e-7)`.
    Log,
    /// `ln cosh (1 - s)`.
    LogCosh,
    /// `-s`.
    Negative,
    /// `(1 - s)^gamma`.
    Power,
    /// `(-ln max(s, 1e-7))^gamma`.
    LogPower,
}

/// Options that Dice, Jaccard, Tversky and their relatives share.
///
/// Inputs of all of them: (N, C, *), logits unless the activation is CVL_ACTIVATION_IDENTITY; class indices (N, *) or
/// (N, 1, *) as uint8, bool, uint32, int64, or one-hot or soft targets (N, C, *) in the input's type (with one channel,
/// index 1 is the foreground, and axis 1 may be left out); optionally a mask or weights (N, *) or (N, 1, *). Value: [],
/// or (N) with CVL_REDUCTION_NONE unless the batch is pooled.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_region_config {
    /// Set by `cvl_region_config_init`.
    pub struct_size: usize,
    /// One weight per class, copied with the struct. NULL for 1.
    pub class_weights: *const f64,
    /// How many numbers `class_weights` has.
    pub num_class_weights: usize,
    /// Class indices, copied with the struct; only read for CVL_CLASSES_LISTED.
    pub listed_classes: *const usize,
    /// How many numbers `listed_classes` has.
    pub num_listed_classes: usize,
    /// Added to the score's numerator. Default 1e-5.
    pub smooth_numerator: f64,
    /// Added to the score's denominator. Default 1e-5.
    pub smooth_denominator: f64,
    /// The denominator is at least this. Default 0.
    pub smooth_floor: f64,
    /// Points with this index leave all sums. Default -100.
    pub ignore_index: i64,
    /// A `cvl_activation`. Default CVL_ACTIVATION_SOFTMAX.
    pub activation: u32,
    /// A `cvl_pooling`. Default CVL_POOLING_IMAGE.
    pub pooling: u32,
    /// A `cvl_average`. Default CVL_AVERAGE_MACRO.
    pub average: u32,
    /// A `cvl_volume_weight`; only read for CVL_AVERAGE_GENERALIZED. Default CVL_VOLUME_WEIGHT_SQUARE.
    pub volume_weight: u32,
    /// A `cvl_intersection`. Default CVL_INTERSECTION_PRODUCT.
    pub intersection: u32,
    /// A `cvl_absent`. Default CVL_ABSENT_COUNT.
    pub absent: u32,
    /// A `cvl_classes`. Default CVL_CLASSES_ALL.
    pub classes: u32,
    /// A `cvl_class_average`. Default CVL_CLASS_AVERAGE_COUNT.
    pub class_average: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_region_config {
    struct_size, class_weights, num_class_weights, listed_classes, num_listed_classes, smooth_numerator,
    smooth_denominator, smooth_floor, ignore_index, activation, pooling, average, volume_weight, intersection, absent,
    classes, class_average, reduction, reserved;
});

impl Default for cvl_region_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            class_weights: ptr::null(),
            num_class_weights: 0,
            listed_classes: ptr::null(),
            num_listed_classes: 0,
            smooth_numerator: 1e-5,
            smooth_denominator: 1e-5,
            smooth_floor: 0.0,
            ignore_index: -100,
            activation: cvl_activation::Softmax as u32,
            pooling: cvl_pooling::Image as u32,
            average: cvl_average::Macro as u32,
            volume_weight: cvl_volume_weight::Square as u32,
            intersection: cvl_intersection::Product as u32,
            absent: cvl_absent::Count as u32,
            classes: cvl_classes::All as u32,
            class_average: cvl_class_average::Count as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_region_config_init(
    config: *mut cvl_region_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// A loss that is a function of region sums.
pub(super) struct RegionLoss {
    pub(super) name: &'static CStr,
    pub(super) ignore: Option<i64>,
    pub(super) options: Options,
}

impl RegionLoss {
    /// A score with the options that `region` points at.
    ///
    /// # Safety
    /// `region` is NULL, or a struct of the size that it says with valid pointers.
    pub(super) unsafe fn new(
        name: &'static CStr,
        score: Score,
        region: *const cvl_region_config,
    ) -> Result<Self> {
        // SAFETY: the caller's promise.
        let region = unsafe { config::read(region) }?;
        unused(region.reserved)?;
        Ok(Self {
            name,
            ignore: ignore_index(region.ignore_index),
            // SAFETY: the caller's promise.
            options: unsafe { region.options(score) }?,
        })
    }

    /// With other options, checked.
    pub(super) fn finish(self, change: impl FnOnce(Options) -> Options) -> Result<Box<dyn Loss>> {
        let options = change(self.options);
        options.check()?;
        Ok(Box::new(Self { options, ..self }))
    }
}

/// The caller's region options, or a loss's own where there are none.
pub(super) fn given_or(
    given: *const cvl_region_config,
    own: &cvl_region_config,
) -> *const cvl_region_config {
    if given.is_null() { own } else { given }
}

pub(super) fn activation(number: u32) -> Result<Activation> {
    use Activation::{Identity, Sigmoid, Softmax};
    choose("activation", number, &[Softmax, Sigmoid, Identity])
}

pub(super) fn pooling(number: u32) -> Result<Pooling> {
    choose("pooling", number, &[Pooling::Image, Pooling::Batch])
}

/// Which classes count.
///
/// # Safety
/// `listed` is NULL or has `count` numbers.
pub(super) unsafe fn classes(number: u32, listed: *const usize, count: usize) -> Result<Classes> {
    match number {
        0 => Ok(Classes::All),
        1 => Ok(Classes::Foreground),
        2 => {
            // SAFETY: the caller's promise.
            let listed = unsafe { list("listed_classes", listed, count) }?;
            Ok(Classes::Listed(listed.unwrap_or_default()))
        }
        other => Err(Error::invalid(format!(
            "classes is {other}, expected 0 to 2"
        ))),
    }
}

/// One value, or one per image.
pub(super) fn region_items(reduction: Reduction, pooling: Pooling) -> Items {
    match (reduction, pooling) {
        (Reduction::None, Pooling::Image) => Items::Images,
        _ => Items::One,
    }
}

pub(super) fn volume_weight(number: u32) -> Result<VolumeWeight> {
    use VolumeWeight::{Simple, Square, Uniform};
    choose("volume_weight", number, &[Square, Simple, Uniform])
}

pub(super) fn transform(number: u32, gamma: f64) -> Result<Transform> {
    use Transform::{Linear, Log, LogCosh, LogPower, Negative, Power};
    let (power, log_power) = (Power(gamma), LogPower(gamma));
    let all = [Linear, Log, LogCosh, Negative, power, log_power];
    choose("transform", number, &all)
}

impl cvl_region_config {
    /// # Safety
    /// Its pointers are NULL or point at lists of the lengths given.
    unsafe fn options(&self, score: Score) -> Result<Options> {
        let (weights, count) = (self.class_weights, self.num_class_weights);
        // SAFETY: the caller's promise.
        let class_weights = unsafe { list("class_weights", weights, count) }?;
        let generalized = Average::Generalized(volume_weight(self.volume_weight)?);
        let averages = [Average::Macro, Average::Micro, generalized];
        let intersections = [Intersection::Product, Intersection::Minimum];
        let absents = [Absent::Count, Absent::Skip, Absent::Zero];
        let class_averages = [ClassAverage::Count, ClassAverage::Weights];
        Ok(Options {
            activation: activation(self.activation)?,
            pooling: pooling(self.pooling)?,
            average: choose("average", self.average, &averages)?,
            intersection: choose("intersection", self.intersection, &intersections)?,
            absent: choose("absent", self.absent, &absents)?,
            // SAFETY: the caller's promise.
            classes: unsafe {
                classes(self.classes, self.listed_classes, self.num_listed_classes)
            }?,
            class_weights,
            class_average: choose("class_average", self.class_average, &class_averages)?,
            smooth: Smooth {
                numerator: self.smooth_numerator,
                denominator: self.smooth_denominator,
                floor: self.smooth_floor,
            },
            reduction: reduction(self.reduction)?,
            ..Options::new(score)
        })
    }
}

impl Loss for RegionLoss {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn geometry(&self) -> Geometry {
        Geometry::Sites
    }

    fn items(&self) -> Items {
        region_items(self.options.reduction, self.options.pooling)
    }

    fn kernel(&self, _: Target) -> KernelResult<Option<Kernel>> {
        Ok(Some(Kernel::Region {
            options: self.options.clone(),
            ignore: self.ignore,
        }))
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let operands = Operands {
            input: call.input,
            target: call.target,
            weight: call.weight,
            ignore: self.ignore,
        };
        evaluate(&self.options, &operands, call.values, call.gradient)
    }
}
