//! How good a picture is: PSNR and SSIM, written out here so that no loss judges itself.

/// The side of the window, its deviation, and the constants of Wang et al. (2004), for values from 0 to 1.
const WINDOW: usize = 11;
const SIGMA: f64 = 1.5;
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;

/// A picture in planes, row by row.
pub(crate) struct Planes {
    pub(crate) width: usize,
    pub(crate) planes: Vec<Vec<f64>>,
}

/// The peak signal-to-noise ratio in decibels, over all planes.
pub(crate) fn psnr(a: &Planes, b: &Planes) -> f64 {
    let pairs = || a.planes.iter().flatten().zip(b.planes.iter().flatten());
    let error: f64 = pairs().map(|(a, b)| (a - b).powi(2)).sum();
    -10.0 * (error / pairs().count() as f64).log10()
}

/// The structural similarity: its mean, and the mean over planes at each pixel that a whole window surrounds.
pub(crate) fn ssim(a: &Planes, b: &Planes) -> (f64, Planes) {
    let (count, width) = (a.planes.len() as f64, a.width);
    let mut map: Vec<f64> = Vec::new();
    for (a, b) in a.planes.iter().zip(&b.planes) {
        let plane = ssim_plane(a, b, a.len() / width, width);
        match map.is_empty() {
            true => map = plane,
            false => map.iter_mut().zip(plane).for_each(|(sum, v)| *sum += v),
        }
    }
    map.iter_mut().for_each(|v| *v /= count);
    let mean = map.iter().sum::<f64>() / map.len() as f64;
    let width = width + 1 - WINDOW;
    let planes = vec![map];
    (mean, Planes { width, planes })
}

/// One plane of the map.
fn ssim_plane(a: &[f64], b: &[f64], height: usize, width: usize) -> Vec<f64> {
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).collect::<Vec<_>>();
    let mean = |x: &[f64]| blurred(x, height, width);
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (aa, bb, ab) = (
        mean(&product(a, a)),
        mean(&product(b, b)),
        mean(&product(a, b)),
    );
    let at = |i: usize| {
        let (ma, mb) = (mean_a[i], mean_b[i]);
        let (va, vb, covariance) = (aa[i] - ma * ma, bb[i] - mb * mb, ab[i] - ma * mb);
        (2.0 * ma * mb + C1) * (2.0 * covariance + C2) / ((ma * ma + mb * mb + C1) * (va + vb + C2))
    };
    (0..mean_a.len()).map(at).collect()
}

/// Weighed with a Gaussian window, where a whole window fits.
fn blurred(x: &[f64], height: usize, width: usize) -> Vec<f64> {
    let centre = (WINDOW / 2) as f64;
    let weights: Vec<f64> = (0..WINDOW)
        .map(|i| (-(i as f64 - centre).powi(2) / (2.0 * SIGMA * SIGMA)).exp())
        .collect();
    let sum: f64 = weights.iter().sum();
    let window = |taps: &dyn Fn(usize) -> f64| -> f64 {
        let terms = weights.iter().enumerate().map(|(i, w)| w * taps(i));
        terms.sum::<f64>() / sum
    };
    let columns = width + 1 - WINDOW;
    let rows: Vec<f64> = (0..height * columns)
        .map(|i| window(&|tap| x[i / columns * width + i % columns + tap]))
        .collect();
    (0..(height + 1 - WINDOW) * columns)
        .map(|i| window(&|tap| rows[i + tap * columns]))
        .collect()
}
