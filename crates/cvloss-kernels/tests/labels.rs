//! Class indices that the first sweep of a region loss checks as it reads them.

use cvloss_kernels::region::{self, Extra, Operands, Options, Pooling, Score};
use cvloss_kernels::{Error, Gradient, Reduction, Result, Scalar, View, ViewMut};
use ndarray::ArrayView3;

const CLASSES: usize = 3;
/// Several tiles and pieces, the last of them cut.
const SPACE: usize = 40_001;
const SHAPE: [usize; 3] = [2, CLASSES, SPACE];
const PIXELS: [usize; 3] = [2, 1, SPACE];
const POINTS: usize = 2 * SPACE;

fn losses() -> [Options; 3] {
    let dice = Options::new(Score::DICE);
    [
        Options {
            reduction: Reduction::Sum,
            ..dice.clone()
        },
        Options {
            pooling: Pooling::Batch,
            ..dice.clone()
        },
        Options {
            extra: Extra::CrossEntropy {
                weight: 1.0,
                class_weights: Some(vec![1.0, 2.0, 3.0]),
                label_smoothing: 0.0,
            },
            ..dice
        },
    ]
}

fn logits() -> Vec<f32> {
    (0..CLASSES * POINTS)
        .map(|i| (i * 31 % 101) as f32 / 20.0 - 2.5)
        .collect()
}

/// Value and gradient, which is 7 where nothing was written.
fn evaluate(
    options: &Options,
    target: View<'_>,
    weight: Option<&[f32]>,
    ignore: Option<i64>,
) -> (Result<f64>, Vec<f32>) {
    let logits = logits();
    let mut gradient = vec![7.0; logits.len()];
    let value = (|| {
        let operands = Operands {
            input: View::new(&logits, SHAPE)?,
            target,
            weight: match weight {
                Some(weight) => Some(View::new(weight, PIXELS)?),
                None => None,
            },
            ignore,
        };
        let gradient = Gradient::new(ViewMut::new(&mut gradient, SHAPE)?);
        region::evaluate(options, &operands, None, Some(gradient))
    })();
    (value, gradient)
}

/// Whether a label is refused by name wherever it stands, and nothing is written.
fn refuses<T: Scalar + Into<i64>>(good: T, bad: T) -> Result<()>
where
    for<'a> View<'a>: From<ArrayView3<'a, T>>,
{
    for options in losses() {
        for place in [0, 511, 512, SPACE, POINTS - 1] {
            let mut labels = vec![good; POINTS];
            labels[place] = bad;
            // Nor is one behind it named.
            if let Some(last) = labels.last_mut().filter(|_| place == 0) {
                *last = bad;
            }
            let target = View::new(&labels, PIXELS)?;
            let (value, gradient) = evaluate(&options, target, None, Some(254));
            let Err(Error::Class { class, classes }) = value else {
                assert!(value.is_err(), "{} at {place}", bad.into());
                return value.map(drop);
            };
            assert_eq!((class, classes), (bad.into(), CLASSES), "at {place}");
            assert!(gradient.iter().all(|slope| *slope == 7.0));
        }
    }
    Ok(())
}

#[test]
fn what_is_no_class_is_refused() -> Result<()> {
    for bad in [
        3,
        -1,
        255,
        1 << 31,
        1 << 32,
        (1 << 32) + 1,
        i64::MAX,
        i64::MIN,
    ] {
        refuses(1i64, bad)?;
    }
    for bad in [3, 255, 1 << 31, u32::MAX] {
        refuses(1u32, bad)?;
    }
    refuses(1u8, 3)?;
    refuses(1u8, 255)
}

/// Ignored points are as points of weight 0, be they in each tile, in one, or in none, and whatever weights there are.
#[test]
fn ignored_where_they_occur() -> Result<()> {
    let places: [&dyn Fn(usize) -> bool; 4] = [
        &|_| false,
        &|i| (600..700).contains(&i),
        &|i| i % 5 == 0,
        &|i| i == POINTS - 1,
    ];
    let weights: Vec<_> = (0..POINTS).map(|i| (i % 3 + 1) as f32).collect();
    for ignore in [255, i64::MIN, 1 << 33, 2] {
        for (is_ignored, weights) in places
            .into_iter()
            .flat_map(|of| [(of, None), (of, Some(&weights))])
        {
            for options in losses() {
                compare(&options, ignore, is_ignored, weights.map(Vec::as_slice))?;
            }
        }
    }
    Ok(())
}

fn compare(
    options: &Options,
    ignore: i64,
    is_ignored: &dyn Fn(usize) -> bool,
    weights: Option<&[f32]>,
) -> Result<()> {
    let classes: Vec<_> = (0..POINTS).map(|i| (i / 7 % 2) as i64).collect();
    let mut labels = classes.clone();
    let mut masked = weights.map_or_else(|| vec![1.0; POINTS], <[f32]>::to_vec);
    for i in (0..POINTS).filter(|i| is_ignored(*i)) {
        (labels[i], masked[i]) = (ignore, 0.0);
    }
    let target = View::new(&labels, PIXELS)?;
    let (value, gradient) = evaluate(options, target, weights, Some(ignore));
    let target = View::new(&classes, PIXELS)?;
    let (expected, slopes) = evaluate(options, target, Some(&masked), None);
    let (value, expected) = (value?, expected?);
    for (i, slopes) in gradient.chunks(SPACE).enumerate() {
        let first = i / CLASSES * SPACE;
        for (at, slope) in slopes.iter().enumerate() {
            assert_eq!(*slope == 0.0, is_ignored(first + at), "{i} {at}");
        }
    }
    // A mean of cross-entropy is over points that are not ignored, whatever their weight: it differs.
    if options.extra == Extra::None {
        assert!((value - expected).abs() < 1e-6, "{value} {expected}");
        let mut pairs = gradient.iter().zip(&slopes);
        assert!(pairs.all(|(a, b)| (a - b).abs() < 1e-9));
    }
    Ok(())
}
