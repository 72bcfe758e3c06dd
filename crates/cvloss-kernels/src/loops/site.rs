//! A softmax over classes at each pixel, and one value per pixel.
//!
//! Two forms: a [`Term`] of the true class's probability, and perhaps of the others', for class indices; and the
//! cross-entropy with a distribution over classes, for soft or smoothed targets.

mod each;
mod hard;
mod soft;

use crate::error::{Error, Result, check_class_weights, check_shape};
use crate::labels::{IGNORED, Target};
use crate::math::Real;
use crate::options::{Gradient, Normalizer, Reduction};
use crate::parallel;
use crate::scalar::{DType, Prim, not_float, with_scratch};
use crate::simd::dispatch;
use crate::view::{View, ViewMut};

use super::softmax::{PIXELS, Row, Sink, Source, cut, cut_mut, pieces, tile_pixels};
use each::Each;
use hard::Hard;
use soft::Soft;

/// The formula of a loss on the probability of the true class.
pub trait Term: Copy + Send + Sync {
    /// Whether the other classes have a part in the value, which is [`other`](Self::other).
    const OTHERS: bool = false;

    /// The value, and `k` such that its derivative with respect to logit `c` is `k (p_c − [c = y])`, from the true
    /// class's `−ln p`, `p` and `1 − p` (each accurate on its own).
    ///
    /// Must be `#[inline(always)]` and branch-free.
    fn eval<R: Real>(&self, minus_ln_p: R, p: R, one_minus_p: R) -> (R, R);

    /// As [`eval`](Self::eval), given the true class, for a formula that depends on it.
    #[inline(always)]
    fn eval_of<R: Real>(&self, _class: R, minus_ln_p: R, p: R, one_minus_p: R) -> (R, R) {
        self.eval(minus_ln_p, p, one_minus_p)
    }

    /// What a class that is not the true one adds to the value, and the derivative of that with respect to `ln p`,
    /// from its `−ln p` and `p`.
    #[inline(always)]
    fn other<R: Real>(&self, _minus_ln_p: R, _p: R) -> (R, R) {
        (R::zero(), R::zero())
    }
}

/// What a site loss reads.
#[derive(Clone, Debug)]
pub struct Operands<'a> {
    /// Logits (N, C, S).
    pub input: View<'a>,
    /// Class indices (N, 1, S), or distributions (N, C, S).
    pub target: View<'a>,
    /// Multiplies value and slope, (N, 1, S); 1 where absent.
    pub weight: Option<View<'a>>,
    /// One weight per class; 1 where absent.
    pub class_weights: Option<&'a [f64]>,
    /// Pixels with this index have value 0, slope 0, and leave every denominator.
    pub ignore: Option<i64>,
}

/// What is evaluated in a tile.
pub(crate) trait Formula: Copy + Send + Sync {
    /// Whether the target may be distributions.
    const TAKES_SOFT: bool;
    /// Rows of work memory per class.
    const ROWS: usize = 1;

    /// Writes values and gradient of some pixels; returns the sum of the values.
    fn tile<P: Prim>(self, tile: Tile<'_, '_, '_, P>) -> f64;
}

/// Some pixels of an item, and where their results go.
pub(crate) struct Tile<'a, 'i, 'o, P> {
    pub(crate) input: Source<'a, 'i>,
    /// Work memory: [`Formula::ROWS`] numbers per class and pixel, of any content.
    pub(crate) memory: &'a mut [P],
    pub(crate) target: &'a Target<'i>,
    pub(crate) class_weights: Option<&'a [f64]>,
    pub(crate) labels: &'a [P],
    /// Whether a label may be [`IGNORED`].
    pub(crate) ignores: bool,
    pub(crate) weights: &'a mut [P],
    /// Multiplies slopes.
    pub(crate) scale: P,
    pub(crate) values: &'a mut [P],
    pub(crate) gradient: Option<Sink<'a, 'o>>,
}

impl<P: Prim> Tile<'_, '_, '_, P> {
    /// Multiplies each pixel's weight by that of its class; the target must be class indices.
    pub(crate) fn weigh_by_class(&mut self) {
        if let Some(class_weights) = self.class_weights {
            for (weight, label) in self.weights.iter_mut().zip(self.labels) {
                let class = label.to_f64().max(0.0) as usize;
                *weight = P::of(weight.to_f64() * class_weights[class]);
            }
        }
    }
}

/// A term of the true class.
#[derive(Clone, Copy)]
struct OfTrueClass<T>(T);

impl<T: Term> Formula for OfTrueClass<T> {
    const TAKES_SOFT: bool = false;

    fn tile<P: Prim>(self, mut tile: Tile<'_, '_, '_, P>) -> f64 {
        tile.weigh_by_class();
        if T::OTHERS {
            return Each {
                term: self.0,
                input: tile.input,
                tile: tile.memory,
                labels: tile.labels,
                weights: tile.weights,
                scale: tile.scale,
                values: tile.values,
                gradient: tile.gradient,
            }
            .evaluate();
        }
        Hard {
            term: self.0,
            input: tile.input,
            tile: tile.memory,
            labels: tile.labels,
            ignores: tile.ignores,
            weights: tile.weights,
            scale: tile.scale,
            values: tile.values,
            gradient: tile.gradient,
        }
        .evaluate()
    }
}

/// Cross-entropy with `(1 − smoothing)·target + smoothing / C`, each class times its weight.
#[derive(Clone, Copy)]
struct Smoothed {
    smoothing: f64,
}

impl Formula for Smoothed {
    const TAKES_SOFT: bool = true;

    fn tile<P: Prim>(self, tile: Tile<'_, '_, '_, P>) -> f64 {
        dispatch(Soft {
            smoothing: self.smoothing,
            input: tile.input,
            tile: tile.memory,
            target: tile.target,
            class_weights: tile.class_weights,
            labels: tile.labels,
            ignores: tile.ignores,
            weights: tile.weights,
            scale: tile.scale,
            values: tile.values,
            gradient: tile.gradient,
        })
    }
}

/// Evaluates `term` at every pixel; the target must be class indices.
///
/// Returns the reduced value; with [`Reduction::None`] it writes one value per pixel to `values`, (N, 1, S), and
/// returns their sum. The gradient is that of the reduced value, or with [`Reduction::None`] of each pixel's own value.
pub fn evaluate<T: Term>(
    term: T,
    operands: &Operands<'_>,
    reduction: Reduction,
    normalizer: Normalizer,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    start(
        OfTrueClass(term),
        operands,
        reduction,
        normalizer,
        values,
        gradient,
    )
}

/// Evaluates cross-entropy with smoothed class indices or distributions; otherwise as [`evaluate`].
pub fn evaluate_soft(
    smoothing: f64,
    operands: &Operands<'_>,
    reduction: Reduction,
    normalizer: Normalizer,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let formula = Smoothed { smoothing };
    start(formula, operands, reduction, normalizer, values, gradient)
}

/// Evaluates a formula of whole tiles; otherwise as [`evaluate`].
pub(crate) fn start<F: Formula>(
    formula: F,
    operands: &Operands<'_>,
    reduction: Reduction,
    normalizer: Normalizer,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let kernels = Kernels {
        single: &|tile| formula.tile(tile),
        double: &|tile| formula.tile(tile),
        rows: F::ROWS,
        takes_soft: F::TAKES_SOFT,
    };
    check_and_reduce(&kernels, operands, reduction, normalizer, values, gradient)
}

/// A formula over a tile. All else is compiled once, not per formula.
type Kernel<'k, P> = &'k (dyn Fn(Tile<'_, '_, '_, P>) -> f64 + Sync);

/// A formula in either precision.
struct Kernels<'k> {
    single: Kernel<'k, f32>,
    double: Kernel<'k, f64>,
    rows: usize,
    takes_soft: bool,
}

fn check_and_reduce(
    kernels: &Kernels<'_>,
    operands: &Operands<'_>,
    reduction: Reduction,
    normalizer: Normalizer,
    values: Option<ViewMut<'_>>,
    gradient: Option<Gradient<'_>>,
) -> Result<f64> {
    let shape @ [items, classes, space] = operands.input.shape();
    if let Some(weights) = operands.class_weights {
        check_class_weights(weights, classes)?;
    }
    if let Some(values) = &values {
        check_shape("values", [items, 1, space], values.shape())?;
    }
    if let Some(gradient) = &gradient {
        check_shape("gradient", shape, gradient.view.shape())?;
    }
    let (target, kept) = Target::new(&operands.target, shape, classes, operands.ignore)?;
    if let (false, Target::Soft(view)) = (kernels.takes_soft, &target) {
        return Err(Error::DType {
            argument: "target",
            expected: "u8, u32 or i64 class indices",
            got: view.dtype(),
        });
    }
    let mut call = Call {
        rows: kernels.rows,
        kept: kept as f64,
        input: operands.input.reborrow(),
        target,
        weight: match &operands.weight {
            Some(weight) => Some(weight.broadcast("weight", [items, 1, space])?),
            None => None,
        },
        class_weights: operands.class_weights,
        values,
        gradient,
    };
    if space == 1 && items > 1 {
        call = call.swap_items_and_space();
    }
    match operands.input.dtype() {
        DType::F64 => Ok(call.reduce(kernels.double, reduction, normalizer)),
        DType::F32 | DType::F16 | DType::BF16 => {
            Ok(call.reduce(kernels.single, reduction, normalizer))
        }
        got => Err(not_float(got)),
    }
}

/// A checked call.
struct Call<'i, 'v, 'g> {
    /// See [`Formula::ROWS`].
    rows: usize,
    /// How many points are not ignored.
    kept: f64,
    input: View<'i>,
    target: Target<'i>,
    weight: Option<View<'i>>,
    class_weights: Option<&'i [f64]>,
    values: Option<ViewMut<'v>>,
    gradient: Option<Gradient<'g>>,
}

impl Call<'_, '_, '_> {
    /// N×C logits as one image of N pixels, so that tiles are full.
    fn swap_items_and_space(self) -> Self {
        Self {
            input: self.input.swap_items_and_space(),
            target: self.target.swap_items_and_space(),
            weight: self.weight.map(View::swap_items_and_space),
            values: self.values.map(ViewMut::swap_items_and_space),
            gradient: self.gradient.map(|gradient| Gradient {
                view: gradient.view.swap_items_and_space(),
                ..gradient
            }),
            ..self
        }
    }

    fn reduce<P: Prim>(
        mut self,
        kernel: Kernel<'_, P>,
        reduction: Reduction,
        normalizer: Normalizer,
    ) -> f64 {
        let denominator = match reduction {
            Reduction::None | Reduction::Sum => 1.0,
            Reduction::Mean => self.denominator::<P>(normalizer),
        };
        let factor = if denominator > 0.0 {
            1.0 / denominator
        } else {
            0.0
        };
        if let Some(gradient) = &mut self.gradient {
            gradient.scale *= factor;
        }
        self.run(kernel) * factor
    }

    fn denominator<P: Prim>(&self, normalizer: Normalizer) -> f64 {
        match normalizer {
            Normalizer::Elements => self.kept,
            Normalizer::Weights if self.is_soft_target() => match self.weight {
                None => self.kept,
                Some(_) => self.count::<P>(|_, weight| weight.to_f64()),
            },
            Normalizer::Weights => match (self.class_weights, &self.weight) {
                (None, None) => self.kept,
                (class_weights, _) => self.count::<P>(|label, weight| {
                    if label == P::of(IGNORED) {
                        return 0.0;
                    }
                    let class = label.to_f64() as usize;
                    weight.to_f64() * class_weights.map_or(1.0, |weights| weights[class])
                }),
            },
            Normalizer::Positives => self
                .count::<P>(|label, _| f64::from(label > P::of(0.0)))
                .max(1.0),
        }
    }

    fn is_soft_target(&self) -> bool {
        matches!(self.target, Target::Soft(_))
    }

    /// Sums `count` of label and weight over all pixels.
    fn count<P: Prim>(&self, count: impl Fn(P, P) -> f64 + Sync + Send) -> f64 {
        let [items, _, space] = self.input.shape();
        let blocks =
            (0..items).flat_map(|n| (0..space).step_by(PIXELS * 32).map(move |start| (n, start)));
        let sums = parallel::map(blocks.collect(), |(n, first)| {
            let mut labels = Row::new();
            let mut weights = Row::filled(P::of(1.0));
            let mut sum = 0.0;
            for start in (first..space.min(first + PIXELS * 32)).step_by(PIXELS) {
                let len = PIXELS.min(space - start);
                self.target.read_labels(n, start, &mut labels[..len]);
                if let Some(weight) = &self.weight {
                    weight.read_row(n, 0, start, &mut weights[..len]);
                }
                let pairs = labels[..len].iter().zip(&weights[..len]);
                sum += pairs
                    .map(|(label, weight)| count(*label, *weight))
                    .sum::<f64>();
            }
            sum
        });
        sums.into_iter().sum()
    }

    fn run<P: Prim>(self, kernel: Kernel<'_, P>) -> f64 {
        let cuts = pieces(self.input.shape());
        let (scale, accumulate) = match &self.gradient {
            Some(gradient) => (gradient.scale, gradient.accumulate),
            None => (0.0, false),
        };
        let mut weight = self.weight.map(|view| cut(view, cuts).into_iter());
        let mut values = self.values.map(|view| cut_mut(view, cuts).into_iter());
        let mut gradient = self.gradient.map(|g| cut_mut(g.view, cuts).into_iter());
        let inputs = cut(self.input, cuts).into_iter().zip(self.target.cut(cuts));
        let pieces: Vec<_> = inputs
            .map(|(input, target)| Piece {
                rows: self.rows,
                input,
                target,
                weight: weight.as_mut().and_then(Iterator::next),
                class_weights: self.class_weights,
                values: values.as_mut().and_then(Iterator::next),
                gradient: gradient.as_mut().and_then(Iterator::next),
                scale,
                accumulate,
            })
            .collect();
        let sums = parallel::map(pieces, |piece| piece.run(kernel));
        sums.into_iter().sum()
    }
}

/// A block of pixels of some items and where their results go.
struct Piece<'i, 'v, 'g> {
    rows: usize,
    input: View<'i>,
    target: Target<'i>,
    weight: Option<View<'i>>,
    class_weights: Option<&'i [f64]>,
    values: Option<ViewMut<'v>>,
    gradient: Option<ViewMut<'g>>,
    scale: f64,
    accumulate: bool,
}

impl Piece<'_, '_, '_> {
    /// Evaluates tile by tile; returns the sum of all values.
    fn run<P: Prim>(mut self, kernel: Kernel<'_, P>) -> f64 {
        let [items, classes, space] = self.input.shape();
        let stride = tile_pixels(classes);
        with_scratch(self.rows * classes * stride, |memory: &mut [P]| {
            let mut total = 0.0;
            for n in 0..items {
                for start in (0..space).step_by(stride) {
                    let pixels = stride.min(space - start);
                    let memory = &mut memory[..self.rows * classes * pixels];
                    total += self.tile(kernel, memory, pixels, (n, start));
                }
            }
            total
        })
    }

    /// Evaluates `pixels` of item `n`.
    fn tile<P: Prim>(
        &mut self,
        kernel: Kernel<'_, P>,
        memory: &mut [P],
        pixels: usize,
        (n, start): (usize, usize),
    ) -> f64 {
        let mut labels = Row::new();
        let mut weights = Row::filled(P::of(1.0));
        let mut values = Row::new();
        let (labels, weights) = (&mut labels[..pixels], &mut weights[..pixels]);
        let values = &mut values[..pixels];
        self.target.read_labels(n, start, labels);
        if let Some(weight) = &self.weight {
            weight.read_row(n, 0, start, weights);
        }
        let input = Source {
            view: &self.input,
            n,
            start,
        };
        let accumulate = self.accumulate;
        let gradient = self.gradient.as_mut().map(|view| Sink {
            view,
            n,
            start,
            accumulate,
        });
        let total = kernel(Tile {
            input,
            memory,
            target: &self.target,
            class_weights: self.class_weights,
            labels,
            ignores: self.target.ignores(),
            weights,
            scale: P::of(self.scale),
            values: &mut *values,
            gradient,
        });
        if let Some(view) = &mut self.values {
            view.write_row(n, 0, start, values, false);
        }
        total
    }
}

/// The target's share of class `c`, as it is or as one-hot of the labels; `buffer`'s length counts.
#[inline(always)]
pub(crate) fn target_row<'b, R: Real>(
    target: &'b Target<'_>,
    (n, start): (usize, usize),
    c: usize,
    labels: &[R::Prim],
    buffer: &'b mut [R::Prim],
) -> &'b [R::Prim] {
    match target {
        Target::Soft(view) => Source { view, n, start }.row(c, buffer),
        Target::Indices(..) => {
            let class = R::Prim::of(c as f64);
            for (t, label) in buffer.iter_mut().zip(labels) {
                *t = R::select(*label == class, R::one(), R::zero()).get();
            }
            buffer
        }
    }
}
