//! Conversions around kernels, in both dialects.

use cvloss_kernels::DType;
use cvloss_kernels::device::Weight;
use cvloss_kernels::device::convert::{self, Narrow};

use crate::device::{Device, GRID, Kind, compare, contents};
use crate::numbers::Source;
use crate::program::{Build, DIALECTS, Dialect, Kernels, has_compiler};

const KERNELS: Kernels = &["loops/convert.inl"];

/// Each dialect and type there is.
fn each(run: impl Fn(Build, Kind)) {
    if !has_compiler() {
        return;
    }
    for dialect in DIALECTS {
        for kind in [Kind::F32, Kind::F16, Kind::BF16, Kind::F64] {
            if dialect == Dialect::Cuda || kind != Kind::F64 {
                run(Build::plain(dialect, KERNELS), kind);
                run(Build::sanitized(dialect, KERNELS), kind);
            }
        }
    }
}

#[test]
fn emulator_indices_become_numbers() {
    let labels: Vec<usize> = (0..613).map(|i| i * 7 % 19).collect();
    let bytes = |dtype| -> Vec<u8> {
        let one = |label: &usize| match dtype {
            DType::U8 => vec![*label as u8],
            DType::U32 => (*label as u32).to_ne_bytes().to_vec(),
            _ => (*label as i64).to_ne_bytes().to_vec(),
        };
        labels.iter().flat_map(one).collect()
    };
    let expected: Vec<f64> = labels.iter().map(|label| *label as f64).collect();
    each(|build, kind| {
        for dtype in [DType::U8, DType::U32, DType::I64] {
            let mut device = Device::new(true);
            let from = device.bytes(bytes(dtype));
            let to = device.output(kind, labels.len());
            let of = ((from, dtype), (to, kind.dtype()));
            device.queue(&convert::indices(GRID, labels.len(), of.0, of.1).unwrap());
            let found = contents(&device.settle(build).unwrap(), to, kind);
            assert_eq!(found, expected);
        }
    });
}

#[test]
fn emulator_halves_are_widened() {
    each(|build, kind| {
        let numbers = kind.rounded(&Source::new(3).many(613, -9.0, 9.0));
        let mut device = Device::new(true);
        let from = device.tensor(kind, &numbers);
        let to = device.output(kind.real(), numbers.len());
        let sequence = convert::widen(GRID, numbers.len(), (from, kind.dtype()), to);
        device.queue(&sequence.unwrap());
        let found = contents(&device.settle(build).unwrap(), to, kind.real());
        assert_eq!(found, numbers);
    });
}

#[test]
fn emulator_gradients_are_chained_and_narrowed() {
    let shape = [3, 2, 101];
    each(|build, kind| {
        let (real, mut source) = (kind.real(), Source::new(4));
        let slopes = real.rounded(&source.many(606, -2.0, 2.0));
        let before = kind.rounded(&source.many(606, -2.0, 2.0));
        for factor_shape in [
            None,
            Some([1; 3]),
            Some([3, 1, 1]),
            Some([3, 1, 101]),
            Some(shape),
        ] {
            let len = factor_shape.map_or(1, |shape| shape.iter().product());
            let factors = real.rounded(&source.many(len, -2.0, 2.0));
            for accumulate in [false, true] {
                for has_slopes in [false, true] {
                    let mut device = Device::new(true);
                    let to = match accumulate {
                        true => device.tensor(kind, &before),
                        false => device.output(kind, 606),
                    };
                    let call = Narrow {
                        shape,
                        slopes: has_slopes.then(|| device.tensor(real, &slopes)),
                        factors: factor_shape.map(|shape| Weight {
                            memory: device.tensor(real, &factors),
                            shape,
                        }),
                        to,
                        dtype: kind.dtype(),
                        accumulate,
                    };
                    device.queue(&convert::narrow(GRID, &call).unwrap());
                    let found = contents(&device.settle(build).unwrap(), to, kind);
                    let at = |i: usize| {
                        let position = [i / 202, i / 101 % 2, i % 101];
                        let factor = factor_shape.map_or(1.0, |shape| {
                            let along = |axis: usize| position[axis] % shape[axis];
                            factors[(along(0) * shape[1] + along(1)) * shape[2] + along(2)]
                        });
                        let slope = if has_slopes { slopes[i] } else { 0.0 };
                        let before = if accumulate { before[i] } else { 0.0 };
                        before + factor * slope
                    };
                    let expected: Vec<f64> = (0..606).map(at).collect();
                    compare("gradient", (real, kind), &found, &expected).unwrap();
                }
            }
        }
    });
}
