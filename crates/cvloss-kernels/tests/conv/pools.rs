//! Pooling: the largest of windows, and L2 pooling.

use cvloss_kernels::conv::{Layer, MaxPool, Network, Tap};

use super::{ITEMS, Planes, run};

/// As PyTorch counts windows: with `ceil`, a last one may be cut, but must begin inside.
fn windows(pool: MaxPool, len: usize) -> usize {
    let count = (0..len).step_by(pool.stride);
    count
        .filter(|start| match pool.ceil {
            false => start + pool.side <= len,
            // The one before it did not reach the end.
            true => *start == 0 || start + pool.side < len + pool.stride,
        })
        .count()
}

#[test]
fn largest_of_windows() {
    for (side, stride) in [(2, 2), (3, 2), (3, 1), (2, 3), (3, 3), (5, 2)] {
        for ceil in [false, true] {
            for (height, width) in [(5, 5), (6, 9), (7, 8), (11, 6)] {
                let pool = MaxPool { side, stride, ceil };
                let mut input = Planes::noise(5, [ITEMS, 18, height, width]);
                // Equal numbers: the first has the gradient.
                for x in input.data.iter_mut().step_by(3) {
                    *x = 0.75;
                }
                let what = format!("{pool:?} of {height} x {width}");
                let mut slopes = Planes::zeros([0; 4]);
                let layer = Layer::<f64>::MaxPool(pool);
                let (output, gradient) = run(layer, &input, false, false, |size| {
                    slopes = Planes::noise(6, size);
                    slopes.clone()
                });
                let size = [ITEMS, 18, windows(pool, height), windows(pool, width)];
                assert_eq!(output.size, size, "{what}");
                let (mut expected, mut back) = (Planes::zeros(size), Planes::zeros(input.size));
                slopes.each(|[n, c, y, x]| {
                    let mut best = (f64::NEG_INFINITY, 0, 0);
                    for i in y * stride..(y * stride + side).min(height) {
                        for j in x * stride..(x * stride + side).min(width) {
                            let value = input.data[input.place([n, c, i, j])];
                            if value > best.0 {
                                best = (value, i, j);
                            }
                        }
                    }
                    let place = expected.place([n, c, y, x]);
                    expected.data[place] = best.0;
                    back.add(n, c, best.1 as isize, best.2 as isize, slopes.data[place]);
                });
                output.assert_near(&expected, 0.0, &what);
                gradient.assert_near(&back, 1e-15, &what);
            }
        }
    }
}

#[test]
fn largest_is_nan_where_a_window_has_one() {
    let pool = MaxPool {
        side: 3,
        stride: 2,
        ceil: true,
    };
    let mut input = Planes::noise(7, [1, 3, 7, 7]);
    let place = input.place([0, 1, 2, 2]);
    input.data[place] = f64::NAN;
    let ones = |size: [usize; 4]| Planes {
        size,
        data: vec![1.0; size.iter().product()],
    };
    let (output, gradient) = run(Layer::<f32>::MaxPool(pool), &input, false, false, ones);
    for (y, x) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        assert!(output.data[output.place([0, 1, y, x])].is_nan(), "{y}, {x}");
    }
    assert_eq!(output.data.iter().filter(|x| x.is_nan()).count(), 4);
    assert_eq!(gradient.data[place], 4.0);
}

#[test]
fn a_window_larger_than_the_image_is_an_error() {
    let pool = MaxPool {
        side: 3,
        stride: 2,
        ceil: true,
    };
    let network = Network::<f32>::new(vec![Layer::MaxPool(pool)]);
    let taps = [Tap {
        layer: 0,
        before_relu: false,
    }];
    let input = Planes::noise(8, [1, 2, 2, 9]);
    let error = network.forward(input.maps(false), &taps, 1).unwrap_err();
    assert!(
        error.to_string().contains("2 x 9, expected at least 3 x 3"),
        "{error}"
    );
}

#[test]
fn roots_of_blurred_squares() {
    for (height, width) in [(1, 1), (4, 6), (5, 7), (9, 2)] {
        let input = Planes::noise(9, [ITEMS, 19, height, width]);
        let mut slopes = Planes::zeros([0; 4]);
        let (output, gradient) = run(Layer::<f64>::L2Pool, &input, false, false, |size| {
            slopes = Planes::noise(10, size);
            slopes.clone()
        });
        let what = format!("{height} x {width}");
        let size = [ITEMS, 19, height.div_ceil(2), width.div_ceil(2)];
        assert_eq!(output.size, size, "{what}");
        let (mut expected, mut back) = (Planes::zeros(size), Planes::zeros(input.size));
        let taps = [0.25, 0.5, 0.25];
        slopes.each(|[n, c, y, x]| {
            let at = |start: usize, tap: usize| (2 * start + tap) as isize - 1;
            let mut sum = 1e-12;
            for i in 0..3 {
                for j in 0..3 {
                    let value = input.at(n, c, at(y, i), at(x, j));
                    sum += taps[i] * taps[j] * value * value;
                }
            }
            let place = expected.place([n, c, y, x]);
            expected.data[place] = sum.sqrt();
            for i in 0..3 {
                for j in 0..3 {
                    let value = input.at(n, c, at(y, i), at(x, j));
                    let slope = slopes.data[place] * taps[i] * taps[j] * value / sum.sqrt();
                    back.add(n, c, at(y, i), at(x, j), slope);
                }
            }
        });
        output.assert_near(&expected, 1e-14, &what);
        gradient.assert_near(&back, 1e-13, &what);
    }
}
