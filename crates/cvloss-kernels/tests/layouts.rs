//! Logits whose channels lie side by side, (N, C) rows and channels-last images, and tiles that are not full: the same
//! values and gradients as of logits whose pixels do.

use cvloss_kernels::loops::{boxes::Gradients, site};
use cvloss_kernels::region::{self, Activation, Score};
use cvloss_kernels::{
    Gradient, Normalizer, Reduction, Result, View, ViewMut, cross_entropy, distribution_focal,
};

/// Items, channels, pixels: full tiles and cut ones, more and fewer channels than are turned round at a time, N×C rows.
const SHAPES: [[usize; 3]; 7] = [
    [2, 3, 1025],
    [1, 21, 384],
    [2, 70, 100],
    [1, 130, 33],
    [77, 200, 1],
    [5, 2, 1],
    [3, 17, 7],
];

/// How elements of (N, C, S) lie.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Layout {
    Planes,
    ChannelsLast,
}

impl Layout {
    fn strides(self, [_, channels, space]: [usize; 3]) -> [usize; 3] {
        match self {
            Self::Planes => [channels * space, space, 1],
            Self::ChannelsLast => [channels * space, 1, channels],
        }
    }

    /// What lies in (N, C, S) order, in this one.
    fn lay(self, shape @ [items, channels, space]: [usize; 3], planes: &[f32]) -> Vec<f32> {
        let strides = self.strides(shape);
        let mut laid = vec![0.0; planes.len()];
        for n in 0..items {
            for c in 0..channels {
                for s in 0..space {
                    let at = n * strides[0] + c * strides[1] + s * strides[2];
                    laid[at] = planes[(n * channels + c) * space + s];
                }
            }
        }
        laid
    }
}

fn numbers(count: usize, spread: f32) -> Vec<f32> {
    let number = |i: usize| ((i * 7919 + 13) % 1009) as f32 / 1009.0;
    (0..count).map(|i| spread * (number(i) - 0.5)).collect()
}

/// Runs a loss with logits and gradient in the given layouts; the gradient comes in (N, C, S) order.
fn run(
    shape: [usize; 3],
    [of_input, of_gradient]: [Layout; 2],
    accumulate: bool,
    loss: &dyn Fn(View<'_>, Gradient<'_>) -> Result<f64>,
) -> Result<(f64, Vec<f32>)> {
    let count = shape.iter().product();
    let input = of_input.lay(shape, &numbers(count, 12.0));
    let mut gradient = of_gradient.lay(shape, &numbers(count, 1.0));
    let input = View::with_strides(&input, shape, of_input.strides(shape))?;
    let view = ViewMut::with_strides(&mut gradient, shape, of_gradient.strides(shape))?;
    let value = loss(
        input,
        Gradient {
            view,
            scale: 3.0,
            accumulate,
        },
    )?;
    let strides = of_gradient.strides(shape);
    let mut planes = Vec::with_capacity(count);
    for n in 0..shape[0] {
        for c in 0..shape[1] {
            for s in 0..shape[2] {
                planes.push(gradient[n * strides[0] + c * strides[1] + s * strides[2]]);
            }
        }
    }
    Ok((value, planes))
}

/// The largest difference between layouts must not be above `tolerance`.
fn compare(
    tolerance: f64,
    shape: [usize; 3],
    loss: &dyn Fn(View<'_>, Gradient<'_>) -> Result<f64>,
) -> Result<()> {
    use Layout::{ChannelsLast, Planes};
    for accumulate in [false, true] {
        let (value, gradient) = run(shape, [Planes, Planes], accumulate, loss)?;
        assert!(value.is_finite() && value != 0.0, "{shape:?}: {value}");
        assert!(gradient.iter().any(|g| *g != 0.0), "{shape:?}");
        for layouts in [
            [ChannelsLast, ChannelsLast],
            [ChannelsLast, Planes],
            [Planes, ChannelsLast],
        ] {
            let (other, slopes) = run(shape, layouts, accumulate, loss)?;
            let context = format!("{shape:?} {layouts:?} {accumulate}");
            assert!((value - other).abs() <= tolerance, "{context}");
            for (a, b) in gradient.iter().zip(&slopes) {
                assert!(f64::from((a - b).abs()) <= tolerance, "{context}: {a} {b}");
            }
        }
    }
    Ok(())
}

fn labels([items, channels, space]: [usize; 3]) -> Vec<i64> {
    (0..items * space)
        .map(|i| (i * 5 % channels) as i64)
        .collect()
}

#[test]
fn cross_entropy_is_the_same() -> Result<()> {
    for (shape, label_smoothing) in SHAPES.into_iter().flat_map(|s| [(s, 0.0), (s, 0.1)]) {
        let [items, _, space] = shape;
        let labels = labels(shape);
        let options = cross_entropy::Options {
            label_smoothing,
            normalizer: Normalizer::Weights,
            reduction: Reduction::Mean,
        };
        compare(0.0, shape, &|input, gradient| {
            let operands = site::Operands {
                input,
                target: View::new(&labels, [items, 1, space])?,
                weight: None,
                class_weights: None,
                ignore: Some(1),
            };
            cross_entropy::evaluate(&options, &operands, None, Some(gradient))
        })?;
    }
    Ok(())
}

#[test]
fn dice_is_the_same() -> Result<()> {
    for (shape, activation) in SHAPES
        .into_iter()
        .flat_map(|s| [(s, Activation::Softmax), (s, Activation::Sigmoid)])
    {
        let [items, _, space] = shape;
        let labels = labels(shape);
        let options = region::Options {
            activation,
            ..region::Options::new(Score::DICE)
        };
        // One layout has probabilities left by the first sweep, another evaluates them again.
        compare(1e-6, shape, &|input, gradient| {
            let operands = region::Operands {
                input,
                target: View::new(&labels, [items, 1, space])?,
                weight: None,
                ignore: None,
            };
            region::evaluate(&options, &operands, None, Some(gradient))
        })?;
    }
    Ok(())
}

#[test]
fn distribution_focal_is_the_same() -> Result<()> {
    for shape in SHAPES {
        let [items, bins, space] = shape;
        let targets: Vec<f32> = (0..items * space)
            .map(|i| (i * 3 % (2 * bins)) as f32 / 2.0)
            .collect();
        let options = distribution_focal::Options {
            margin: 0.0,
            denominator: Default::default(),
            reduction: Reduction::Mean,
        };
        compare(0.0, shape, &|input, gradient| {
            let operands = distribution_focal::Operands {
                input,
                target: View::new(&targets, [items, 1, space])?,
                weight: None,
            };
            let gradients = Gradients {
                input: Some(gradient),
                target: None,
            };
            distribution_focal::evaluate(&options, &operands, None, gradients)
        })?;
    }
    Ok(())
}
