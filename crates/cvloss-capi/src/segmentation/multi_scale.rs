//! One loss at several scales of one prediction.

use std::ffi::CStr;
use std::ptr;
use std::sync::Arc;

use cvloss_kernels::scales::{Grid, ScalePooling, ScaleWeights, UnevenScale, scaled, spread};
use cvloss_kernels::{DType, Geometry, Gradient, Result as KernelResult, View, ViewMut};

use crate::config::{choose, init, list, unused, versioned};
use crate::loss::{Call, Config, INPUT_TARGET_WEIGHT, Input, Items, Loss, create, cvl_loss};
use crate::single::through_single;
use crate::status::{Error, Result, cvl_status};

/// The weight of each scale of `cvl_multi_scale_new`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_scale_weights {
    /// 1, 1/2, 1/4, ..., at least 1/16.
    Halving = 0,
    /// 1 for all.
    Same,
    /// 1 for the first, 1/2 for the others.
    Half,
    /// `weights`.
    Listed,
}

/// What becomes of an axis that cells do not divide.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_uneven_scale {
    /// It is an error.
    Refuse = 0,
    /// What is left at its end is dropped.
    DropRest,
    /// What is left at its end is a smaller cell.
    SmallCell,
}

/// How soft targets, images and weight maps are brought to a scale.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_scale_pooling {
    /// The mean of each cell.
    Average = 0,
    /// The point in the middle of each cell.
    Nearest,
}

/// Options of a loss at several scales.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_multi_scale_config {
    /// Set by `cvl_multi_scale_config_init`.
    pub struct_size: usize,
    /// The loss of each scale, which must reduce its values. It stays yours, and may be freed once the handle is there.
    pub loss: *const cvl_loss,
    /// The length of each scale's cells, at least 1, copied by `cvl_multi_scale_new`. NULL for 1, 2, 4.
    pub factors: *const usize,
    /// How many numbers `factors` has.
    pub num_factors: usize,
    /// The weight of each scale, copied by `cvl_multi_scale_new`; only read for CVL_SCALE_WEIGHTS_LISTED.
    pub weights: *const f64,
    /// How many numbers `weights` has.
    pub num_weights: usize,
    /// A `cvl_scale_weights`. Default CVL_SCALE_WEIGHTS_HALVING.
    pub scale_weights: u32,
    /// A `cvl_uneven_scale`. Default CVL_UNEVEN_SCALE_REFUSE.
    pub uneven: u32,
    /// A `cvl_scale_pooling`. Default CVL_SCALE_POOLING_AVERAGE.
    pub pooling: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_multi_scale_config {
    struct_size, loss, factors, num_factors, weights, num_weights, scale_weights, uneven, pooling, reserved;
});

impl Default for cvl_multi_scale_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            loss: ptr::null(),
            factors: ptr::null(),
            num_factors: 0,
            weights: ptr::null(),
            num_weights: 0,
            scale_weights: cvl_scale_weights::Halving as u32,
            uneven: cvl_uneven_scale::Refuse as u32,
            pooling: cvl_scale_pooling::Average as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults; `loss` is for you to set. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_multi_scale_config_init(
    config: *mut cvl_multi_scale_config,
    struct_size: usize,
) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// One loss at several scales of one prediction and its target: a weighted sum.
///
/// A scale is the length of the cells, along every axis of space, that become a point. Inputs are averaged over cells;
/// class indices are those in the middle of their cells, and so are soft targets, images and weight maps with
/// CVL_SCALE_POOLING_NEAREST. The gradient is that of all scales together.
///
/// Inputs: those of the loss, (N, C, *) with one to three axes of space. Value: [].
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_multi_scale_new(
    config: *const cvl_multi_scale_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

struct MultiScale {
    loss: Arc<dyn Loss>,
    factors: Vec<usize>,
    weights: Vec<f64>,
    uneven: UnevenScale,
    pooling: ScalePooling,
}

impl Config for cvl_multi_scale_config {
    const LOSS: &'static str = "multi_scale";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        use ScalePooling::{Average, Nearest};
        use UnevenScale::{DropRest, Refuse, SmallCell};
        unused(self.reserved)?;
        // SAFETY: NULL or a handle that has not been freed.
        let Some(loss) = (unsafe { self.loss.as_ref() }) else {
            return Err(Error::null("loss"));
        };
        let loss = Arc::clone(&loss.inner);
        if loss.items() != Items::One {
            return Err(Error::invalid(
                "loss has a value per item, expected a reduction other than CVL_REDUCTION_NONE",
            ));
        }
        if matches!(loss.geometry(), Geometry::Boxes(_)) {
            return Err(Error::invalid(
                "loss is one of boxes, expected axes of space",
            ));
        }
        // SAFETY: the caller's promise.
        let factors = unsafe { list("factors", self.factors, self.num_factors) }?;
        let factors = factors.unwrap_or_else(|| vec![1, 2, 4]);
        if factors.contains(&0) {
            return Err(Error::invalid("factors is 0, expected at least 1"));
        }
        // SAFETY: the caller's promise.
        let listed = unsafe { list("weights", self.weights, self.num_weights) }?;
        let weights = match choose("scale_weights", self.scale_weights, &[0, 1, 2, 3])? {
            0 => ScaleWeights::Halving,
            1 => ScaleWeights::Same,
            2 => ScaleWeights::Half,
            _ => ScaleWeights::Listed(listed.unwrap_or_default()),
        };
        Ok(Box::new(MultiScale {
            loss,
            weights: weights.of(factors.len())?,
            factors,
            uneven: choose("uneven", self.uneven, &[Refuse, DropRest, SmallCell])?,
            pooling: choose("pooling", self.pooling, &[Average, Nearest])?,
        }))
    }
}

impl Loss for MultiScale {
    fn name(&self) -> &'static CStr {
        c"multi_scale"
    }

    fn inputs(&self) -> &'static [Input] {
        let inputs = self.loss.inputs();
        let is_pair = inputs.get(1).is_some_and(|target| target.is_differentiable);
        match self.pooling {
            // A target that is picked has no gradient.
            ScalePooling::Nearest if is_pair => INPUT_TARGET_WEIGHT,
            _ => inputs,
        }
    }

    fn geometry(&self) -> Geometry {
        self.loss.geometry()
    }

    fn items(&self) -> Items {
        Items::One
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        if !(3..=5).contains(&dims.len()) {
            let message =
                format!("input has shape {dims:?}, expected (N, C, *) with 1 to 3 axes of space");
            return Err(Error::invalid(message));
        }
        for factor in &self.factors {
            let grid = Grid::new(&dims[2..], *factor, self.uneven)?;
            self.loss.check(&small_dims(dims, &grid))?;
        }
        Ok(())
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let (input, target) = (call.gradient, call.target_gradient);
        let call = Call {
            gradient: None,
            target_gradient: None,
            ..call
        };
        through_single(input, |input| {
            through_single(target, |target| self.scales(&call, [input, target]))
        })
    }
}

impl MultiScale {
    fn scales(
        &self,
        call: &Call<'_, '_>,
        mut gradients: [Option<Gradient<'_>>; 2],
    ) -> KernelResult<f64> {
        let mut total = 0.0;
        for (k, (factor, weight)) in self.factors.iter().zip(&self.weights).enumerate() {
            let parts = gradients
                .each_mut()
                .map(|gradient| part(gradient, *weight, k > 0));
            let value = match factor {
                1 => {
                    let [gradient, target_gradient] = parts;
                    self.loss.run(Call {
                        input: call.input.reborrow(),
                        target: call.target.reborrow(),
                        weight: call.weight.as_ref().map(View::reborrow),
                        values: None,
                        gradient,
                        target_gradient,
                        ..*call
                    })?
                }
                factor => self.scale(call, *factor, parts)?,
            };
            // As values are, before they are added.
            #[expect(clippy::cast_possible_truncation, reason = "values are float32")]
            let value = match call.input.dtype() {
                DType::F64 => value,
                _ => f64::from(value as f32),
            };
            total += weight * value;
        }
        Ok(total)
    }

    /// Evaluates one scale, and adds its gradients.
    fn scale(
        &self,
        call: &Call<'_, '_>,
        factor: usize,
        [gradient, target_gradient]: [Option<Gradient<'_>>; 2],
    ) -> KernelResult<f64> {
        let grid = Grid::new(&call.dims[2..], factor, self.uneven)?;
        let shape_of = |view: &View<'_>| {
            let [items, channels, _] = view.shape();
            [items, channels, grid.cells()]
        };
        let input = scaled(&grid, &call.input, ScalePooling::Average)?;
        let target = scaled(&grid, &call.target, self.pooling)?;
        let weight = call.weight.as_ref();
        let weight = weight
            .map(|weight| scaled(&grid, weight, self.pooling).map(|of| (of, shape_of(weight))));
        let weight = weight.transpose()?;
        let (of_input, of_target) = (shape_of(&call.input), shape_of(&call.target));
        let dtype = call.input.dtype();
        let mut slopes = gradient.is_some().then(|| Slopes::new(dtype, of_input));
        let mut target_slopes = target_gradient
            .is_some()
            .then(|| Slopes::new(dtype, of_target));
        let value = self.loss.run(Call {
            input: input.view(of_input)?,
            target: target.view(of_target)?,
            weight: weight
                .as_ref()
                .map(|(weight, shape)| weight.view(*shape))
                .transpose()?,
            values: None,
            gradient: slopes.as_mut().map(Slopes::gradient).transpose()?,
            target_gradient: target_slopes.as_mut().map(Slopes::gradient).transpose()?,
            channel_axis: call.channel_axis,
            dims: &small_dims(call.dims, &grid),
        })?;
        for (gradient, slopes) in [(gradient, slopes), (target_gradient, target_slopes)] {
            if let (Some(gradient), Some(slopes)) = (gradient, slopes) {
                spread(&grid, &slopes.view()?, gradient)?;
            }
        }
        Ok(value)
    }
}

/// The dimensions of a scale.
fn small_dims(dims: &[usize], grid: &Grid) -> Vec<usize> {
    let mut small = dims[..2].to_vec();
    small.extend(grid.extents(dims.len() - 2));
    small
}

/// The gradient's memory for a scale of this weight.
fn part<'g>(
    gradient: &'g mut Option<Gradient<'_>>,
    weight: f64,
    accumulate: bool,
) -> Option<Gradient<'g>> {
    let mut part = gradient.as_mut()?.reborrow();
    part.scale *= weight;
    part.accumulate |= accumulate;
    Some(part)
}

/// The gradient of a scale, in the type that kernels compute in.
struct Slopes {
    data: Numbers,
    shape: [usize; 3],
}

enum Numbers {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Slopes {
    fn new(input: DType, shape: [usize; 3]) -> Self {
        let len = shape.iter().product();
        let data = match input {
            DType::F64 => Numbers::F64(vec![0.0; len]),
            _ => Numbers::F32(vec![0.0; len]),
        };
        Self { data, shape }
    }

    fn gradient(&mut self) -> KernelResult<Gradient<'_>> {
        Ok(Gradient::new(match &mut self.data {
            Numbers::F32(data) => ViewMut::new(data, self.shape),
            Numbers::F64(data) => ViewMut::new(data, self.shape),
        }?))
    }

    fn view(&self) -> KernelResult<View<'_>> {
        match &self.data {
            Numbers::F32(data) => View::new(data, self.shape),
            Numbers::F64(data) => View::new(data, self.shape),
        }
    }
}
