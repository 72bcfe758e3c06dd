//! Gradients times a large loss scale, of logits whose exponentials are large but need no shift: as in `f64`.

use cvloss_kernels::region::{self, Extra, Score};
use cvloss_kernels::{Gradient, Result, Scalar, View, ViewMut};
use ndarray::{ArrayView3, ArrayViewMut3};

const SHAPE: [usize; 3] = [2, 3, 700];
const SCALE: f64 = 1e14;

fn gradient<T: Scalar>(
    options: &region::Options,
    target: View<'_>,
    of: fn(f64) -> T,
) -> Result<Vec<T>>
where
    for<'a> View<'a>: From<ArrayView3<'a, T>>,
    for<'a> ViewMut<'a>: From<ArrayViewMut3<'a, T>>,
{
    let number = |i: usize| f64::from(((i * 7919 + 13) % 509) as u16) / 64.0 + 57.0;
    let count = SHAPE.iter().product();
    let logits: Vec<T> = (0..count).map(|i| of(number(i))).collect();
    let mut memory = vec![T::default(); count];
    let operands = region::Operands {
        input: View::new(&logits, SHAPE)?,
        target,
        weight: None,
        ignore: None,
    };
    let gradient = Gradient {
        scale: SCALE,
        ..Gradient::new(ViewMut::new(&mut memory, SHAPE)?)
    };
    region::evaluate(options, &operands, None, Some(gradient))?;
    Ok(memory)
}

fn compare(extra: Extra) -> Result<()> {
    let [items, classes, space] = SHAPE;
    let labels: Vec<u8> = (0..items * space)
        .map(|i| (i * 5 % classes) as u8)
        .collect();
    let target = View::new(&labels, [items, 1, space])?;
    let options = region::Options {
        extra,
        ..region::Options::new(Score::DICE)
    };
    let single = gradient(&options, target.reborrow(), |x| x as f32)?;
    let double = gradient(&options, target, |x| x)?;
    let largest = double.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    assert!(largest > 1e-5 * SCALE, "{largest}");
    for (a, b) in single.iter().zip(&double) {
        assert!((f64::from(*a) - b).abs() <= 1e-5 * largest, "{a} {b}");
    }
    Ok(())
}

#[test]
fn dice_keeps_a_large_loss_scale() -> Result<()> {
    compare(Extra::None)
}

#[test]
fn dice_and_focal_keep_a_large_loss_scale() -> Result<()> {
    compare(Extra::Focal {
        weight: 1.0,
        alpha: None,
        gamma: 2.0,
    })
}
