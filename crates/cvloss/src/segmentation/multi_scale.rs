//! One loss at several scales of one prediction.

use candle_core::{DType, Device, Shape, Tensor};
use cvloss_kernels as kernels;
use kernels::scales::{Cells, Grid, ScalePooling, ScaleWeights, Scaled, UnevenScale};

use crate::error::{Error, Result};
use crate::host::{self, Axes};
use crate::loss::{Accumulator, Gradients, Inputs, Loss, Value, no_target_gradient, value_dtype};

/// One loss at several scales of a prediction and its target: a weighted sum.
///
/// ```text
/// L = Σ_k w_k loss(input at scale k, target at scale k)
/// ```
///
/// A scale is the length of the cells, along every axis of space, that become a point; 1 is the tensors as they are.
/// Inputs are averaged over cells. Soft targets, images and weight maps are averaged too, or taken from the middle of
/// cells, as `pooling` says. Class indices are always those in the middle: of the cell that begins at `i f` and has
/// `s` points, `s` being `f` unless it is a smaller last one, the point `i f + ⌊s/2⌋`. That is torch's
/// `"nearest-exact"` where cells divide the axis.
///
/// Gradients of all scales add up in one buffer of the input's size. For predictions at several scales that the
/// network makes itself, there is [`DeepSupervision`](crate::DeepSupervision).
///
/// # Shapes
/// - input: `(N, C, *)` with one to three axes of space
/// - target, weight: as the loss takes them, with the input's extents of space; a weight may be broadcast where the
///   loss broadcasts it
/// - value: `[]`; the loss must reduce its values
///
/// # Edge cases
/// An ignored point at a coarse scale is one in the middle of its cell. What lies at ignored or masked points enters
/// the means of their cells: NaN there is NaN. Class indices that no scale reads are not checked. Scaled halves are
/// `f32`.
///
/// # Errors
/// Without a factor, or with one that is 0 or has no cell along some axis; with one that does not divide an axis,
/// unless `uneven` says what to do; and what the loss refuses.
///
/// # Agrees with
/// The sum over `torch.nn.functional.avg_pool2d` (`avg_pool3d`) of the input; no peer has it as one loss.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use cvloss::{L1Loss, Loss, MultiScale};
///
/// let input = Tensor::new(&[[[[1f32, -1.], [1., 1.]]]], &Device::Cpu)?;
/// let target = input.zeros_like()?;
/// let loss = MultiScale { factors: vec![1, 2], ..MultiScale::new(L1Loss::default()) };
/// let (value, gradient) = loss.value_and_grad(&input, &target)?;
/// // The mean of all is ½: 1 + ½ · ½.
/// assert!((value.to_scalar::<f32>()? - 1.25).abs() < 1e-6);
/// let slopes = [0.25 + 0.125, -0.25 + 0.125, 0.375, 0.375];
/// assert_eq!(gradient.flatten_all()?.to_vec1::<f32>()?, slopes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MultiScale<L> {
    /// The loss of each scale.
    pub loss: L,
    /// The length of each scale's cells, at least 1. Default of [`new`](Self::new): 1, 2, 4.
    pub factors: Vec<usize>,
    /// The weight of each scale. Default: each half of the one before.
    pub weights: ScaleWeights,
    /// What becomes of axes that cells do not divide. Default: an error.
    pub uneven: UnevenScale,
    /// How soft targets, images and weight maps are brought to a scale. Default: averaged.
    pub pooling: ScalePooling,
}

const NAME: &str = "multi_scale";

/// A tensor's last axes, cut into cells.
struct Scale<'a> {
    factor: usize,
    space: &'a [usize],
    uneven: UnevenScale,
}

impl<L: Loss> MultiScale<L> {
    /// At scales 1, 2 and 4, with weights that halve.
    pub fn new(loss: L) -> Self {
        Self {
            loss,
            factors: vec![1, 2, 4],
            weights: ScaleWeights::default(),
            uneven: UnevenScale::default(),
            pooling: ScalePooling::default(),
        }
    }

    /// Checks what no scale can, and says the weight of each.
    fn check(&self, inputs: &Inputs<'_>) -> Result<Vec<f64>> {
        let input = inputs.input;
        if !(3..=5).contains(&input.rank()) {
            return Err(self.shape_error("input", input, "(N, C, *) with 1 to 3 axes of space"));
        }
        if !input.dtype().is_float() {
            return Err(Error::DType {
                loss: NAME,
                argument: "input",
                expected: "F32, F64, F16 or BF16".into(),
                got: input.dtype(),
            });
        }
        let space = &input.dims()[2..];
        for (argument, tensor) in [("target", Some(inputs.target)), ("weight", inputs.weight)] {
            let Some(tensor) = tensor else { continue };
            let fits =
                |(dim, to): (&usize, &usize)| dim == to || (*dim == 1 && argument == "weight");
            let mut last = tensor.dims().iter().rev().zip(space.iter().rev());
            let is_long = tensor.rank() >= space.len() || argument == "weight";
            if !(is_long && last.all(fits)) {
                let expected = format!("one with the input's extents of space, {space:?}");
                return Err(self.shape_error(argument, tensor, &expected));
            }
        }
        for factor in &self.factors {
            Grid::new(space, *factor, self.uneven).map_err(Error::kernel(NAME))?;
        }
        let scales = self.factors.len();
        if scales == 0 {
            return Err(Error::Option {
                loss: NAME,
                message: "factors is empty, expected one per scale".into(),
            });
        }
        self.weights.of(scales).map_err(Error::kernel(NAME))
    }

    fn shape_error(&self, argument: &'static str, tensor: &Tensor, expected: &str) -> Error {
        Error::Shape {
            loss: NAME,
            argument,
            expected: expected.into(),
            got: tensor.shape().clone(),
        }
    }

    fn scale<'a>(&self, factor: usize, input: &'a Tensor) -> Scale<'a> {
        Scale {
            factor,
            space: &input.dims()[2..],
            uneven: self.uneven,
        }
    }

    fn scalar(&self, value: &Tensor) -> Result<()> {
        match value.rank() {
            0 => Ok(()),
            _ => Err(Error::Option {
                loss: NAME,
                message:
                    "values of items do not add up over scales: the reduction must not be None"
                        .into(),
            }),
        }
    }

    /// Evaluates one scale, and adds its gradients, which `gradients` has scaled.
    fn at_scale(
        &self,
        factor: usize,
        inputs: &Inputs<'_>,
        gradients: Gradients<'_>,
    ) -> Result<Tensor> {
        let scale = self.scale(factor, inputs.input);
        let input = scale.pooled(inputs.input, ScalePooling::Average)?;
        let target = scale.pooled(inputs.target, self.pooling)?;
        let weight = inputs
            .weight
            .map(|weight| scale.pooled(weight, self.pooling))
            .transpose()?;
        let small = Inputs {
            input: &input,
            target: &target,
            weight: weight.as_ref(),
        };
        let of = |large: &Option<&mut Accumulator>, small: &Tensor| {
            large.as_ref().map(|_| Accumulator::new(small))
        };
        let (mut of_input, mut of_target) =
            (of(&gradients.input, &input), of(&gradients.target, &target));
        let value = self.loss.evaluate_both(
            &small,
            Gradients {
                input: of_input.as_mut(),
                target: of_target.as_mut(),
            },
        )?;
        for (large, small) in [(gradients.input, of_input), (gradients.target, of_target)] {
            if let (Some(large), Some(small)) = (large, small) {
                scale.spread(&small.into_tensor()?, large)?;
            }
        }
        Ok(value.tensor)
    }
}

impl Scale<'_> {
    fn grid(&self) -> Result<Grid> {
        Grid::new(self.space, self.factor, self.uneven).map_err(Error::kernel(NAME))
    }

    /// (…, *) as (…, 1, points), and the axes before space.
    fn flat(&self, tensor: &Tensor) -> candle_core::Result<(Tensor, Vec<usize>)> {
        let before = tensor.dims()[..tensor.rank() - self.space.len()].to_vec();
        let points: usize = self.space.iter().product();
        let shape = (before.iter().product::<usize>(), 1, points);
        Ok((tensor.contiguous()?.reshape(shape)?, before))
    }

    /// A tensor in host memory at this scale.
    fn pooled(&self, tensor: &Tensor, pooling: ScalePooling) -> Result<Tensor> {
        // Where an axis is broadcast, there is no point to pool.
        if !tensor.dims().ends_with(self.space) {
            return Ok(self.pooled_on_tape(&wide(tensor)?, pooling)?);
        }
        let grid = self.grid()?;
        let (flat, mut dims) = self.flat(tensor)?;
        let scaled = host::with_view(&flat, &Axes::sites(3), |view| {
            kernels::scales::scaled(&grid, &view, pooling).map_err(Error::kernel(NAME))
        })?;
        dims.extend(grid.extents(self.space.len()));
        let (shape, device) = (Shape::from(dims), &Device::Cpu);
        let pooled = match scaled {
            Scaled::F32(data) => Tensor::from_vec(data, shape, device),
            Scaled::F64(data) => Tensor::from_vec(data, shape, device),
            Scaled::U8(data) => Tensor::from_vec(data, shape, device),
            Scaled::U32(data) => Tensor::from_vec(data, shape, device),
            Scaled::I64(data) => Tensor::from_vec(data, shape, device),
        };
        Ok(pooled?)
    }

    /// Adds a gradient of this scale to one of the full size.
    fn spread(&self, slopes: &Tensor, into: &mut Accumulator) -> Result<()> {
        let grid = self.grid()?;
        let points: usize = self.space.iter().product();
        let before = &slopes.dims()[..slopes.rank() - self.space.len()];
        let rows: usize = before.iter().product();
        let slopes = slopes.contiguous()?.reshape((rows, 1, grid.cells()))?;
        let named = Error::kernel(NAME);
        let gradient = into.gradient([rows, 1, points]).map_err(named)?;
        host::with_view(&slopes, &Axes::sites(3), |view| {
            kernels::scales::spread(&grid, &view, gradient).map_err(named)
        })
    }

    /// The same of candle operations.
    fn pooled_on_tape(
        &self,
        tensor: &Tensor,
        pooling: ScalePooling,
    ) -> candle_core::Result<Tensor> {
        let mut pooled = tensor.clone();
        let axes = tensor.rank().min(self.space.len());
        for (axis, len) in (tensor.rank() - axes..).zip(&self.space[self.space.len() - axes..]) {
            if pooled.dim(axis)? != *len {
                continue;
            }
            let cells = Cells::new(*len, self.factor, self.uneven);
            let cells = cells.map_err(candle_core::Error::msg)?;
            pooled = match (pooling, tensor.dtype().is_float()) {
                (ScalePooling::Average, true) => means(&pooled, axis, cells)?,
                _ => {
                    let middles = (0..cells.count).map(|cell| cells.middle(cell) as u32);
                    let middles: Vec<u32> = middles.collect();
                    let middles = Tensor::from_vec(middles, cells.count, tensor.device())?;
                    pooled.contiguous()?.index_select(&middles, axis)?
                }
            };
        }
        Ok(pooled)
    }
}

/// Means of cells along an axis.
fn means(x: &Tensor, axis: usize, cells: Cells) -> candle_core::Result<Tensor> {
    let whole = cells.len / cells.factor;
    let mut dims = x.dims().to_vec();
    dims.splice(axis..=axis, [whole, cells.factor]);
    let inside = || x.narrow(axis, 0, whole * cells.factor)?.contiguous();
    let means = || inside()?.reshape(dims)?.mean(axis + 1);
    if whole == cells.count {
        return means();
    }
    let rest = x.narrow(axis, whole * cells.factor, cells.size(whole))?;
    let rest = rest.mean_keepdim(axis)?;
    match whole {
        0 => Ok(rest),
        _ => Tensor::cat(&[means()?, rest], axis),
    }
}

/// Floats in the type that values have.
fn wide(tensor: &Tensor) -> candle_core::Result<Tensor> {
    match tensor.dtype().is_float() {
        true => tensor.to_dtype(value_dtype(tensor.dtype())),
        false => Ok(tensor.clone()),
    }
}

impl<L: Loss> Loss for MultiScale<L> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn evaluate(&self, inputs: &Inputs<'_>, gradient: Option<&mut Accumulator>) -> Result<Value> {
        let target = None;
        let input = gradient;
        self.evaluate_both(inputs, Gradients { input, target })
    }

    /// If the loss does, and targets are averaged.
    fn differentiates_target(&self) -> bool {
        self.loss.differentiates_target() && self.pooling == ScalePooling::Average
    }

    fn evaluate_both(&self, inputs: &Inputs<'_>, mut gradients: Gradients<'_>) -> Result<Value> {
        if gradients.target.is_some() && !self.differentiates_target() {
            return Err(no_target_gradient(NAME));
        }
        let weights = self.check(inputs)?;
        let scale_of = |gradient: &Option<&mut Accumulator>| gradient.as_ref().map(|g| g.scale);
        let outer = [scale_of(&gradients.input), scale_of(&gradients.target)];
        let mut total = 0.0;
        for (factor, weight) in self.factors.iter().zip(weights) {
            gradients.scale(outer, weight);
            let value = match factor {
                1 => {
                    self.loss
                        .evaluate_both(inputs, gradients.reborrow())?
                        .tensor
                }
                factor => self.at_scale(*factor, inputs, gradients.reborrow())?,
            };
            self.scalar(&value)?;
            total += weight * value.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        }
        gradients.scale(outer, 1.0);
        Value::scalar(total, inputs.input)
    }

    fn composed(&self, inputs: &Inputs<'_>) -> Result<Tensor> {
        let weights = self.check(inputs)?;
        let dtype = value_dtype(inputs.input.dtype());
        let mut total = Tensor::zeros((), dtype, inputs.input.device())?;
        for (factor, weight) in self.factors.iter().zip(weights) {
            let scale = self.scale(*factor, inputs.input);
            let pooled = |tensor: &Tensor, pooling| match factor {
                1 => Ok(tensor.clone()),
                _ => scale.pooled_on_tape(&wide(tensor)?, pooling),
            };
            let input = pooled(inputs.input, ScalePooling::Average)?;
            let target = pooled(inputs.target, self.pooling)?;
            let of_weight = inputs
                .weight
                .map(|weight| pooled(weight, self.pooling))
                .transpose()?;
            let value = self.loss.composed(&Inputs {
                input: &input,
                target: &target,
                weight: of_weight.as_ref(),
            })?;
            self.scalar(&value)?;
            total = (total + (value * weight)?)?;
        }
        Ok(total)
    }
}
