//! The first sweep of a binary region loss in `f32` leaves what the second needs in the gradient's memory, by row or by
//! tile: after targets of 0 and 1 something else than after others. In `f64`, and where a gradient is added to, it does
//! otherwise.

use std::sync::Mutex;

use cvloss_kernels::region::{self, Activation, Intersection, Options, Score};
use cvloss_kernels::simd::{self, Level};
use cvloss_kernels::{Gradient, Result, Scalar, View, ViewMut};
use ndarray::{ArrayView3, ArrayViewMut3};

/// Rows are longer than a tile: a multiple of no vector, which go by tiles, and of all.
const SHAPES: [[usize; 3]; 2] = [[2, 3, 5003], [2, 3, 5024]];

fn noise(i: usize) -> f64 {
    ((i * 7919 + i * i % 613) % 1009) as f64 / 1009.0
}

struct Case<'a> {
    /// In place of what is there.
    logits: &'a [(usize, f32)],
    shape: [usize; 3],
    options: Options,
    target: View<'a>,
    weight: Option<View<'a>>,
    ignore: Option<i64>,
    accumulate: bool,
}

fn gradient<T: Scalar>(case: &Case<'_>, of: fn(f64) -> T) -> Result<(f64, Vec<T>)>
where
    for<'a> View<'a>: From<ArrayView3<'a, T>>,
    for<'a> ViewMut<'a>: From<ArrayViewMut3<'a, T>>,
{
    let count = case.shape.iter().product();
    // Rounded, so that both precisions see the same.
    let logit = |i| of(f64::from((20.0 * noise(i) - 10.0) as f32));
    let mut logits: Vec<T> = (0..count).map(logit).collect();
    for (at, logit) in case.logits {
        logits[*at] = of(f64::from(*logit));
    }
    let mut memory = vec![T::default(); count];
    let operands = region::Operands {
        input: View::new(&logits, case.shape)?,
        target: case.target.reborrow(),
        weight: case.weight.as_ref().map(View::reborrow),
        ignore: case.ignore,
    };
    let gradient = Gradient {
        accumulate: case.accumulate,
        ..Gradient::new(ViewMut::new(&mut memory, case.shape)?)
    };
    let value = region::evaluate(&case.options, &operands, None, Some(gradient))?;
    let alone = region::evaluate(&case.options, &operands, None, None)?;
    assert_eq!(alone.to_bits(), value.to_bits(), "without a gradient");
    Ok((value, memory))
}

/// One at a time sets the instruction set.
static LIMIT: Mutex<()> = Mutex::new(());

fn check(case: &Case<'_>) -> Result<()> {
    let _alone = LIMIT.lock();
    for level in [Level::Portable, Level::Fma, Level::Avx512] {
        simd::limit(level);
        check_here(case)?;
    }
    Ok(())
}

fn check_here(case: &Case<'_>) -> Result<()> {
    let (single_value, single) = gradient(case, |x| x as f32)?;
    let (value, double) = gradient(case, |x| x)?;
    assert!(
        (single_value - value).abs() <= 1e-6,
        "{single_value} {value}"
    );
    let largest = double.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    assert!(largest > 1e-6, "{largest}");
    for (i, (a, b)) in single.iter().zip(&double).enumerate() {
        // Relative to each slope: those of certain pixels are small, and count.
        let allowed = 1e-5 * b.abs() + 1e-7 * largest;
        assert!((f64::from(*a) - b).abs() <= allowed, "{i}: {a} {b}");
    }
    Ok(())
}

fn options(squared: bool, intersection: Intersection) -> Options {
    Options {
        activation: Activation::Sigmoid,
        squared,
        intersection,
        ..Options::new(Score::tversky(0.3, 0.7))
    }
}

/// Targets of 0 and 1, but for some.
fn target(shape: [usize; 3], soft: &[usize]) -> Vec<f32> {
    let count = shape.iter().product();
    let mut target: Vec<f32> = (0..count).map(|i| f32::from(noise(i + 7) > 0.6)).collect();
    for at in soft {
        target[*at] = 0.25;
    }
    target
}

#[test]
fn gradients_are_those_of_double_precision() -> Result<()> {
    SHAPES.into_iter().try_for_each(check_all)
}

fn check_all(shape: [usize; 3]) -> Result<()> {
    let [items, channels, space] = shape;
    let weights: Vec<f32> = (0..items * space).map(|i| (i % 3) as f32).collect();
    // None; in a row's first tile; in the second of another, at its start and its end; in the last, cut tile; in all.
    let all: Vec<usize> = (0..channels * space).step_by(50).collect();
    let softs: [&[usize]; 5] = [
        &[],
        &[5],
        &[space + 2048, 2 * space - 908],
        &[6 * space - 1],
        &all,
    ];
    for soft in softs {
        let target = target(shape, soft);
        for (squared, intersection) in [
            (false, Intersection::Product),
            (true, Intersection::Product),
            (false, Intersection::Minimum),
        ] {
            for weighted in [false, true] {
                for accumulate in [false, true] {
                    check(&Case {
                        logits: &[],
                        shape,
                        options: options(squared, intersection),
                        target: View::new(&target, shape)?,
                        weight: match weighted {
                            true => Some(View::new(&weights, [items, 1, space])?),
                            false => None,
                        },
                        ignore: None,
                        accumulate,
                    })?;
                }
            }
        }
    }
    Ok(())
}

/// Plain sums of hard targets, but for what is named.
fn check_plain(shape: [usize; 3], target: &[f32], logits: &[(usize, f32)]) -> Result<()> {
    check(&Case {
        logits,
        shape,
        options: options(false, Intersection::Product),
        target: View::new(target, shape)?,
        weight: None,
        ignore: None,
        accumulate: false,
    })
}

/// The smallest number that is not 0 is not taken for it, and none beyond 1 for 1.
#[test]
fn targets_next_to_0_and_1_are_soft() -> Result<()> {
    let near = [
        f32::from_bits(1),
        1e-30,
        -1.0,
        2.0,
        1.0 + f32::EPSILON,
        0.5,
        1e30,
    ];
    for shape in SHAPES {
        let mut target = target(shape, &[]);
        for near in near {
            target[100] = near;
            check_plain(shape, &target, &[])?;
        }
    }
    Ok(())
}

/// Each with sums and slopes of its own.
#[test]
fn items_so_small_that_they_share_a_piece() -> Result<()> {
    let shape = [5, 2, 96];
    for soft in [&[] as &[usize], &[500]] {
        check_plain(shape, &target(shape, soft), &[])?;
    }
    Ok(())
}

/// Where exponentials are taken that hold near 0 only.
#[test]
fn logits_far_from_0() -> Result<()> {
    for shape @ [_, _, space] in SHAPES {
        let target = target(shape, &[]);
        for far in [44.5, 60.0, 87.0, 100.0, 2_907_300.0, 1e30, f32::INFINITY] {
            for at in [3, space + 2047, 2 * space - 1] {
                check_plain(shape, &target, &[(at, far), (at - 2, -far)])?;
            }
        }
    }
    Ok(())
}

/// A label per pixel and one channel, with and without an ignored one.
#[test]
fn labels_of_one_channel() -> Result<()> {
    let [items, channels, space] = SHAPES[0];
    let shape = [items * channels, 1, space];
    let count = items * channels * space;
    let labels: Vec<u8> = (0..count).map(|i| [0, 1, 255][i % 7 % 3]).collect();
    let plain: Vec<u8> = labels.iter().map(|label| label % 2).collect();
    for (labels, ignore) in [(&plain, None), (&labels, Some(255))] {
        check(&Case {
            logits: &[],
            shape,
            options: options(false, Intersection::Product),
            target: View::new(labels, shape)?,
            weight: None,
            ignore,
            accumulate: false,
        })?;
    }
    Ok(())
}
