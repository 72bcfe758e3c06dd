//! A region loss that refuses its arguments leaves the gradient alone, though its first sweep uses that memory.

use cvloss_kernels::region::{self, Operands, Options, Score};
use cvloss_kernels::{Gradient, Reduction, Result, View, ViewMut};

const SHAPE: [usize; 3] = [2, 3, 4];

fn options() -> Options {
    Options {
        reduction: Reduction::None,
        ..Options::new(Score::DICE)
    }
}

/// Evaluates with a last label and a number of values; returns the gradient's memory, 7 where nothing was written.
fn evaluate(label: i64, count: usize) -> Result<(bool, Vec<f32>)> {
    let input: Vec<f32> = (0..24).map(|i| (i % 5) as f32).collect();
    let mut labels = [0, 1, 2, 0, 1, 2, 0, 1];
    labels[7] = label;
    let (mut values, mut gradient) = (vec![0f32; count], vec![7f32; 24]);
    let operands = Operands {
        input: View::new(&input, SHAPE)?,
        target: View::new(&labels, [2, 1, 4])?,
        weight: None,
        ignore: None,
    };
    let result = region::evaluate(
        &options(),
        &operands,
        Some(ViewMut::new(&mut values, [count, 1, 1])?),
        Some(Gradient::new(ViewMut::new(&mut gradient, SHAPE)?)),
    );
    Ok((result.is_ok(), gradient))
}

#[test]
fn refusals_write_nothing() -> Result<()> {
    let untouched = vec![7f32; 24];
    assert_eq!(evaluate(3, 2)?, (false, untouched.clone()));
    assert_eq!(evaluate(1, 3)?, (false, untouched));
    Ok(())
}

#[test]
fn good_arguments_write_all() -> Result<()> {
    let (is_ok, gradient) = evaluate(1, 2)?;
    assert!(is_ok && gradient.iter().all(|slope| *slope != 7.0));
    Ok(())
}
