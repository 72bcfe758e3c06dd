//! Pairs of boxes, away from the kinks of their losses.
//!
//! All numbers are multiples of 1/16 below 8, exact in every floating type.

use cvloss::BoxFormat;
use rand::Rng;
use rand::rngs::StdRng;

/// No two ends, lengths or centres are nearer than this.
const MARGIN: f64 = 0.02;

/// Low and high ends of x, then of y.
pub(super) type Ends = [[f64; 2]; 2];

fn sixteenth(rng: &mut StdRng, from: f64, to: f64) -> f64 {
    (rng.random_range(from..to) * 16.0).round() / 16.0
}

/// Two boxes: most overlap, some lie inside each other, some lie anywhere.
pub(super) fn pair(rng: &mut StdRng, at: usize) -> [Ends; 2] {
    loop {
        let target = [(); 2].map(|()| {
            let low = sixteenth(rng, 0.8, 4.0);
            [low, low + sixteenth(rng, 1.0, 3.0)]
        });
        let input = target.map(|[low, high]| match at % 4 {
            3 => {
                let low = sixteenth(rng, 0.5, 5.0);
                [low, low + sixteenth(rng, 0.4, 2.5)]
            }
            2 => [
                low + sixteenth(rng, 0.1, 0.5),
                high - sixteenth(rng, 0.1, 0.5),
            ],
            _ => [
                low + sixteenth(rng, -0.7, 0.7),
                high + sixteenth(rng, -0.7, 0.7),
            ],
        });
        if (0..2).all(|axis| is_regular(input[axis], target[axis])) {
            return [input, target];
        }
    }
}

fn is_regular([a, c]: [f64; 2], [b, d]: [f64; 2]) -> bool {
    let offset = (a + c - b - d) / 2.0;
    let (size, target) = (c - a, d - b);
    // Where a smooth L1 changes its form, differences of the value have a larger error.
    let distance = 2.0 * offset.abs();
    let losses = [
        1.0 - (size / target).min(target / size),
        1.0 - (target - distance) / (target + distance),
    ];
    let is_smooth = |loss: &f64| [0.2, 0.5].iter().all(|beta| (loss - beta).abs() > 2e-3);
    let differences = [
        a - b,
        c - d,
        a - d,
        b - c,
        size - target,
        offset,
        target - distance,
    ];
    size > 0.3 && losses.iter().all(is_smooth) && differences.iter().all(|x| x.abs() > MARGIN)
}

pub(super) fn numbers([[left, right], [top, bottom]]: Ends, format: BoxFormat) -> Vec<f64> {
    let (w, h) = (right - left, bottom - top);
    match format {
        BoxFormat::Xyxy => vec![left, top, right, bottom],
        BoxFormat::Xywh => vec![left, top, w, h],
        BoxFormat::Cxcywh => vec![(left + right) / 2.0, (top + bottom) / 2.0, w, h],
    }
}

/// Centre, width, height, angle; most overlap.
pub(super) fn rotated_pair(rng: &mut StdRng) -> [Vec<f64>; 2] {
    let target = [(2.0, 6.0), (2.0, 6.0), (1.0, 3.5), (1.0, 3.5), (-1.5, 1.5)];
    let target: Vec<f64> = target
        .iter()
        .map(|(from, to)| sixteenth(rng, *from, *to))
        .collect();
    let jitter = [1.5, 1.5, 0.6, 0.6, 1.2];
    let input = target.iter().zip(jitter);
    let input = input
        .map(|(number, jitter)| number + sixteenth(rng, -jitter, jitter) + 1.0 / 32.0)
        .collect();
    [input, target]
}
