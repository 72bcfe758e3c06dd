//! Convolutions and pooling of frozen networks, forward and back to the input, against sums written out in `f64`.

#![allow(clippy::unwrap_used)]

#[path = "conv/batches.rs"]
mod batches;
#[path = "conv/pools.rs"]
mod pools;

use cvloss_kernels::Prim;
use cvloss_kernels::conv::{Convolution, Kernel, Layer, Maps, Network, Tap};

/// Numbers in [−1, 1), by hashing.
fn noise(seed: usize, count: usize) -> Vec<f64> {
    let hash = |i: usize| {
        let mut h = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (seed as u64) << 17;
        h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (h ^ (h >> 31)) as f64 / 2f64.powi(63) - 1.0
    };
    (0..count).map(hash).collect()
}

/// Numbers (N, C, H, W).
#[derive(Clone, Debug)]
struct Planes {
    size: [usize; 4],
    data: Vec<f64>,
}

impl Planes {
    fn zeros(size: [usize; 4]) -> Self {
        let data = vec![0.0; size.iter().product()];
        Self { size, data }
    }

    fn noise(seed: usize, size: [usize; 4]) -> Self {
        let data = noise(seed, size.iter().product());
        Self { size, data }
    }

    fn place(&self, [n, c, y, x]: [usize; 4]) -> usize {
        let [_, channels, height, width] = self.size;
        ((n * channels + c) * height + y) * width + x
    }

    /// 0 outside.
    fn at(&self, n: usize, c: usize, y: isize, x: isize) -> f64 {
        match (usize::try_from(y), usize::try_from(x)) {
            (Ok(y), Ok(x)) if y < self.size[2] && x < self.size[3] => {
                self.data[self.place([n, c, y, x])]
            }
            _ => 0.0,
        }
    }

    fn add(&mut self, n: usize, c: usize, y: isize, x: isize, value: f64) {
        if let (Ok(y), Ok(x)) = (usize::try_from(y), usize::try_from(x))
            && y < self.size[2]
            && x < self.size[3]
        {
            let place = self.place([n, c, y, x]);
            self.data[place] += value;
        }
    }

    fn each(&self, mut visit: impl FnMut([usize; 4])) {
        let [items, channels, height, width] = self.size;
        for n in 0..items {
            for c in 0..channels {
                for y in 0..height {
                    for x in 0..width {
                        visit([n, c, y, x]);
                    }
                }
            }
        }
    }

    /// Channels last, as layers have them; an image's channels are not filled up.
    fn maps<T: Prim>(&self, is_image: bool) -> Maps<T> {
        let [items, channels, height, width] = self.size;
        let mut maps = Maps::<T>::zeros(items, height, width, channels);
        if is_image {
            maps.lanes = channels;
            maps.data.truncate(items * height * width * channels);
        }
        self.each(|[n, c, y, x]| {
            let at = ((n * height + y) * width + x) * maps.lanes + c;
            maps.data[at] = T::of(self.data[self.place([n, c, y, x])]);
        });
        maps
    }

    fn from_maps<T: Prim>(maps: &Maps<T>) -> Self {
        let mut planes = Self::zeros([maps.items, maps.channels, maps.height, maps.width]);
        let all = planes.clone();
        all.each(|[n, c, y, x]| {
            let at = ((n * maps.height + y) * maps.width + x) * maps.lanes + c;
            let place = all.place([n, c, y, x]);
            planes.data[place] = maps.numbers()[at].to_f64();
        });
        // Lanes beyond the channels hold 0, or the root of L2 pooling's ε: weights of the next layer are 0 there.
        for pixel in maps.numbers().chunks(maps.lanes.max(1)) {
            assert!(
                pixel[maps.channels..]
                    .iter()
                    .all(|x| x.to_f64().abs() <= 1.1e-6)
            );
        }
        planes
    }

    /// Relative to the largest.
    fn assert_near(&self, expected: &Self, tolerance: f64, what: &str) {
        assert_eq!(self.size, expected.size, "{what}");
        let largest = expected.data.iter().fold(1e-30, |m: f64, x| m.max(x.abs()));
        for (got, expected) in self.data.iter().zip(&expected.data) {
            let error = (got - expected).abs() / largest;
            assert!(error <= tolerance, "{what}: {got} is not {expected}");
        }
    }
}

/// Features of a layer, and the gradient of its input for these slopes of the features.
fn run<T: Prim>(
    layer: Layer<T>,
    input: &Planes,
    is_image: bool,
    before_relu: bool,
    slopes: impl FnOnce([usize; 4]) -> Planes,
) -> (Planes, Planes) {
    let network = Network::new(vec![layer]);
    let taps = [Tap {
        layer: 0,
        before_relu,
    }];
    let mut trace = network
        .forward(input.maps(is_image), &taps, input.size[0])
        .unwrap();
    let output = Planes::from_maps(&std::mem::take(&mut trace.features)[0]);
    let slopes = slopes(output.size).maps(false);
    let gradient = network.backward(trace, vec![slopes]).unwrap();
    (output, Planes::from_maps(&gradient))
}

#[derive(Clone, Copy, Debug)]
struct Case {
    /// Side, stride and border.
    window: [usize; 3],
    /// Input and output channels.
    channels: [usize; 2],
    /// Height and width.
    space: [usize; 2],
    is_image: bool,
}

const fn case(window: [usize; 3], channels: [usize; 2], space: [usize; 2], is_image: bool) -> Case {
    Case {
        window,
        channels,
        space,
        is_image,
    }
}

const CASES: [Case; 19] = [
    // Winograd: tiles that are cut, a single pixel, channels that fill no chunk, no panel, and more than one.
    case([3, 1, 1], [5, 7], [9, 11], false),
    case([3, 1, 1], [16, 70], [4, 4], false),
    case([3, 1, 1], [17, 33], [1, 1], false),
    case([3, 1, 1], [33, 129], [5, 2], false),
    case([3, 1, 1], [3, 2], [13, 6], false),
    case([3, 1, 1], [150, 16], [6, 5], false),
    case([5, 1, 2], [4, 9], [8, 7], false),
    case([5, 1, 2], [17, 70], [1, 3], false),
    case([5, 1, 2], [80, 33], [5, 4], false),
    // Patches.
    case([5, 1, 1], [4, 9], [8, 7], false),
    case([1, 1, 0], [20, 3], [5, 3], false),
    case([3, 1, 0], [6, 65], [7, 5], false),
    case([3, 1, 2], [6, 5], [4, 9], false),
    case([2, 1, 1], [3, 4], [5, 6], false),
    // An image, or a stride: the way back is a sum of patches.
    case([3, 1, 1], [3, 6], [7, 9], true),
    case([11, 4, 2], [3, 20], [31, 34], true),
    case([3, 2, 0], [3, 8], [10, 11], true),
    case([3, 2, 1], [6, 5], [7, 8], false),
    case([2, 3, 0], [4, 5], [9, 7], false),
];

const ITEMS: usize = 2;

/// Sums, and what they say of the input's gradient.
fn naive(case: Case, weight: &[f32], bias: &[f32], input: &Planes, slopes: &Planes) -> [Planes; 2] {
    let [side, stride, border] = case.window;
    let [inputs, _] = case.channels;
    let (mut output, mut gradient) = (Planes::zeros(slopes.size), Planes::zeros(input.size));
    slopes.each(|[n, o, y, x]| {
        let place = output.place([n, o, y, x]);
        output.data[place] = f64::from(bias[o]);
        for i in 0..inputs {
            for (tap, w) in weight[(o * inputs + i) * side * side..][..side * side]
                .iter()
                .enumerate()
            {
                let w = f64::from(*w);
                let at =
                    |start: usize, tap: usize| (start * stride + tap) as isize - border as isize;
                let (row, column) = (at(y, tap / side), at(x, tap % side));
                output.data[place] += w * input.at(n, i, row, column);
                gradient.add(
                    n,
                    i,
                    row,
                    column,
                    w * slopes.data[slopes.place([n, o, y, x])],
                );
            }
        }
    });
    [output, gradient]
}

fn check_convolution<T: Prim>(case: Case, tolerance: f64) {
    let [side, stride, border] = case.window;
    let [inputs, outputs] = case.channels;
    let single = |numbers: Vec<f64>| numbers.into_iter().map(|x| x as f32).collect::<Vec<_>>();
    let weight = single(noise(1, outputs * inputs * side * side));
    let bias = single(noise(2, outputs));
    let input = Planes::noise(3, [ITEMS, inputs, case.space[0], case.space[1]]);
    let kernel = || Kernel {
        weight: Box::new(weight.clone()),
        bias: bias.clone(),
        outputs,
        inputs,
        side,
        stride,
        border,
    };
    for before_relu in [true, false] {
        let convolution = Convolution::<T>::new(kernel(), case.is_image).unwrap();
        let what = format!("{case:?}, before the ReLU: {before_relu}");
        let mut slopes = Planes::zeros([0; 4]);
        let layer = Layer::Convolution(convolution);
        let (output, gradient) = run(layer, &input, case.is_image, before_relu, |size| {
            slopes = Planes::noise(4, size);
            slopes.clone()
        });
        let [height, width] = case.space.map(|len| (len + 2 * border - side) / stride + 1);
        assert_eq!(output.size, [ITEMS, outputs, height, width], "{what}");
        let mut expected = naive(case, &weight, &bias, &input, &slopes);
        if !before_relu {
            for (slope, sum) in slopes.data.iter_mut().zip(&mut expected[0].data) {
                *slope = if *sum > 0.0 { *slope } else { 0.0 };
                *sum = sum.max(0.0);
            }
            expected[1] = naive(case, &weight, &bias, &input, &slopes)[1].clone();
        }
        output.assert_near(&expected[0], tolerance, &format!("{what}: value"));
        gradient.assert_near(&expected[1], tolerance, &format!("{what}: gradient"));
    }
}

#[test]
fn convolutions_in_f64() {
    CASES
        .into_iter()
        .for_each(|case| check_convolution::<f64>(case, 1e-13));
}

#[test]
fn convolutions_in_f32() {
    CASES
        .into_iter()
        .for_each(|case| check_convolution::<f32>(case, 1e-5));
}

/// What docs/perceptual.md says of the accuracy of Winograd's convolutions, against sums in `f64`.
#[test]
fn winograd_in_f32_loses_little() {
    for (side, border) in [(3, 1), (5, 2)] {
        let case = case([side, 1, border], [256, 8], [24, 24], false);
        let input = Planes::noise(11, [1, 256, 24, 24]);
        let weight: Vec<f32> = noise(12, 8 * 256 * side * side)
            .into_iter()
            .map(|x| x as f32)
            .collect();
        // What enters is what f32 holds.
        let input = Planes {
            data: input.data.iter().map(|x| f64::from(*x as f32)).collect(),
            ..input
        };
        let kernel = Kernel {
            weight: Box::new(weight.clone()),
            bias: vec![0.0; 8],
            outputs: 8,
            inputs: 256,
            side,
            stride: 1,
            border,
        };
        let layer = Layer::Convolution(Convolution::<f32>::new(kernel, false).unwrap());
        let (got, _) = run(layer, &input, false, true, Planes::zeros);
        let [expected, _] = naive(case, &weight, &[0.0; 8], &input, &Planes::zeros(got.size));
        // The largest error of a tile of outputs, relative to its largest output.
        let out = 7 - side;
        let mut errors = Vec::new();
        for o in 0..8 {
            for (y, x) in (0..24 * 24).map(|at| (at / 24, at % 24)) {
                if y % out == 0 && x % out == 0 {
                    let (mut error, mut largest) = (0.0f64, 0.0f64);
                    for at in 0..out * out {
                        let place = got.place([0, o, y + at / out, x + at % out]);
                        error = error.max((got.data[place] - expected.data[place]).abs());
                        largest = largest.max(expected.data[place].abs());
                    }
                    errors.push(error / largest);
                }
            }
        }
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        println!("{side} x {side}: {mean:.2e}");
        assert!(mean > 1e-8 && mean < 2.5e-6, "{side} x {side}: {mean:e}");
    }
}
