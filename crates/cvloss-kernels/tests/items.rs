//! Both sweeps item by item, as a value with its gradient is taken where no item needs another's sums, give the same bits as
//! the sums of all items first.

use cvloss_kernels::region::{self, Activation, Average, Options, Score};
use cvloss_kernels::{Gradient, Reduction, Result, View, ViewMut};

/// Each item is cut into several pieces.
const SHAPE: [usize; 3] = [3, 2, 40_003];
const COUNT: usize = 3 * 2 * 40_003;

fn noise(i: usize) -> f64 {
    ((i * 7919 + i * i % 613) % 1009) as f64 / 1009.0
}

fn check(options: &Options, target: View<'_>, ignore: Option<i64>, accumulate: bool) -> Result<()> {
    let [items, _, space] = SHAPE;
    // Unlike each other, or slopes might be swapped.
    let logits: Vec<f64> = (0..COUNT)
        .map(|i| 8.0 * noise(i) - 4.0 + (i / (2 * space)) as f64)
        .collect();
    let operands = region::Operands {
        input: View::new(&logits, SHAPE)?,
        target,
        weight: None,
        ignore,
    };
    let run = |is_whole: bool| -> Result<(f64, Vec<f64>, Vec<f64>)> {
        let (mut values, mut memory) = (vec![0.0; items], vec![0.5; COUNT]);
        let gradient = Gradient {
            accumulate,
            scale: 3.0,
            ..Gradient::new(ViewMut::new(&mut memory, SHAPE)?)
        };
        let each = Some(ViewMut::new(&mut values, [items, 1, 1])?);
        let value = if is_whole {
            region::evaluate(options, &operands, each, Some(gradient))?
        } else {
            let sums = region::statistics(options, &operands)?;
            region::value_and_grad(options, &operands, &sums, each, Some(gradient))?
        };
        Ok((value, values, memory))
    };
    let (whole, halves) = (run(true)?, run(false)?);
    assert!(whole.2.iter().any(|slope| *slope != 0.5));
    assert!(whole == halves, "{options:?}");
    Ok(())
}

#[test]
fn item_by_item_or_all_at_once() -> Result<()> {
    let space = SHAPE[2];
    let soft: Vec<f64> = (0..COUNT).map(|i| noise(i + 7)).collect();
    let labels: Vec<u8> = (0..3 * space).map(|i| [0, 1, 255][i % 7 % 3]).collect();
    for reduction in [Reduction::None, Reduction::Sum, Reduction::Mean] {
        for activation in [Activation::Sigmoid, Activation::Softmax] {
            for (average, power) in [(Average::Macro, 1.0), (Average::Micro, 0.75)] {
                let options = Options {
                    reduction,
                    activation,
                    average,
                    power,
                    ..Options::new(Score::tversky(0.3, 0.7))
                };
                for accumulate in [false, true] {
                    check(&options, View::new(&soft, SHAPE)?, None, accumulate)?;
                    let labels = View::new(&labels, [SHAPE[0], 1, space])?;
                    check(&options, labels, Some(255), accumulate)?;
                }
            }
        }
    }
    Ok(())
}

/// Nothing is written if a label is out of range, be it in the last item.
#[test]
fn a_bad_label_leaves_the_gradient_alone() -> Result<()> {
    let [items, _, space] = SHAPE;
    let mut labels = vec![1u8; items * space];
    labels[items * space - 1] = 2;
    let logits = vec![0.5f32; COUNT];
    let operands = region::Operands {
        input: View::new(&logits, SHAPE)?,
        target: View::new(&labels, [items, 1, space])?,
        weight: None,
        ignore: None,
    };
    let mut memory = vec![7.0f32; COUNT];
    let options = Options::new(Score::DICE);
    let gradient = Gradient::new(ViewMut::new(&mut memory, SHAPE)?);
    assert!(region::evaluate(&options, &operands, None, Some(gradient)).is_err());
    assert!(memory.iter().all(|x| *x == 7.0));
    Ok(())
}
