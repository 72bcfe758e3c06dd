//! Gradients so large that they are written past the caches: the same bits as in parts, which are not, wherever in a cache
//! line memory and rows begin, on every instruction set of this machine. A binary of its own: the limit holds for the
//! whole process.

use cvloss_kernels::loops::site;
use cvloss_kernels::region::{self, Score};
use cvloss_kernels::simd::{Level, level, limit};
use cvloss_kernels::{
    Gradient, Normalizer, Reduction, Result, Scalar, View, ViewMut, cross_entropy,
};
use ndarray::{ArrayView3, ArrayViewMut3};

const CLASSES: usize = 3;
/// Above 2 Mi elements in all. Rows of an odd length begin anywhere in a cache line.
const SPACE: usize = 700_037;
const PART: usize = 100_000;
const STRIDES: [usize; 3] = [CLASSES * SPACE, SPACE, 1];

type Loss<'a> = &'a dyn Fn(View<'_>, View<'_>, Gradient<'_>) -> Result<f64>;

/// The gradient, in memory that begins `skip` elements after some other, part by part.
fn gradient<T: Scalar>(
    loss: Loss<'_>,
    [skip, part]: [usize; 2],
    of: fn(usize) -> T,
) -> Result<Vec<T>>
where
    for<'a> View<'a>: From<ArrayView3<'a, T>>,
    for<'a> ViewMut<'a>: From<ArrayViewMut3<'a, T>>,
{
    let logits: Vec<T> = (0..CLASSES * SPACE).map(of).collect();
    let labels: Vec<u8> = (0..SPACE).map(|i| (i * 5 % CLASSES) as u8).collect();
    let mut memory = vec![T::default(); skip + logits.len()];
    for start in (0..SPACE).step_by(part) {
        let shape = [1, CLASSES, part.min(SPACE - start)];
        let end = start + (CLASSES - 1) * SPACE + shape[2];
        let input = View::with_strides(&logits[start..end], shape, STRIDES)?;
        let target = indices(&labels[start..start + shape[2]])?;
        let view = ViewMut::with_strides(&mut memory[skip..][start..end], shape, STRIDES)?;
        loss(input, target, Gradient::new(view))?;
    }
    Ok(memory.split_off(skip))
}

fn indices(labels: &[u8]) -> Result<View<'_>> {
    View::new(labels, [1, 1, labels.len()])
}

fn cross_entropy_loss(input: View<'_>, target: View<'_>, gradient: Gradient<'_>) -> Result<f64> {
    let options = cross_entropy::Options {
        label_smoothing: 0.0,
        normalizer: Normalizer::Elements,
        reduction: Reduction::Sum,
    };
    let operands = site::Operands {
        input,
        target,
        weight: None,
        class_weights: None,
        ignore: Some(2),
    };
    cross_entropy::evaluate(&options, &operands, None, Some(gradient))
}

/// Dice loss as if the whole image had these sums.
fn dice_loss(input: View<'_>, target: View<'_>, gradient: Gradient<'_>) -> Result<f64> {
    let statistics = [region::ItemStatistics {
        classes: vec![[5e4, 2e5, 1e5], [1e5, 3e5, 2e5], [9e4, 2e5, 2e5]],
        extra: 0.0,
        mass: SPACE as f64,
        points: SPACE as f64,
    }];
    let operands = region::Operands {
        input,
        target,
        weight: None,
        ignore: None,
    };
    let options = region::Options::new(Score::DICE);
    region::value_and_grad(&options, &operands, &statistics, None, Some(gradient))
}

fn compare<T: Scalar + PartialEq>(of: fn(usize) -> T) -> Result<()>
where
    for<'a> View<'a>: From<ArrayView3<'a, T>>,
    for<'a> ViewMut<'a>: From<ArrayViewMut3<'a, T>>,
{
    for loss in [&cross_entropy_loss as Loss<'_>, &dice_loss] {
        let parts = gradient(loss, [0, PART], of)?;
        let zeros = parts.iter().filter(|slope| **slope == T::default());
        assert!(zeros.count() < parts.len() / 2, "mostly zeros");
        for skip in [0, 1, 7] {
            let whole = gradient(loss, [skip, SPACE], of)?;
            let differ = whole.iter().zip(&parts).position(|(a, b)| a != b);
            assert_eq!(differ, None, "{:?}, skip {skip}", level());
        }
    }
    Ok(())
}

#[test]
fn large_gradients_are_those_of_their_parts() -> Result<()> {
    fn number(i: usize) -> f64 {
        ((i * 7919 + 13) % 4099) as f64 / 512.0 - 4.0
    }
    let best = level();
    for most in [Level::Portable, Level::Fma, Level::Avx512] {
        if most <= best {
            limit(most);
            compare::<f32>(|i| number(i) as f32)?;
            compare::<f64>(number)?;
        }
    }
    Ok(())
}
