//! Structural similarity: in a window, over a pyramid, in several windows, and with L1.

use cvloss::{
    Border, ChannelProduct, Channels, Covariance, L1SsimLoss, MsSsimL1Loss, MsSsimLoss,
    NegativeContrast, OddPooling, Reduction, Similarity, SmallImage, SsimForm, SsimLoss, Taps,
    Variance, Window,
};

use super::{Family, Known, List};
use crate::sample::{Kind, Spec};

const PLANE: &[usize] = &[2, 3, 13, 12];
const SMALL: &[usize] = &[2, 2, 7, 6];
const TINY: &[usize] = &[1, 2, 4, 6];
const SQUARE: &[usize] = &[1, 1, 11, 11];
const BLURRED: &[usize] = &[1, 1, 18, 19];
const VOLUME: &[usize] = &[1, 2, 6, 7, 8];
const ROWS: &[usize] = &[2, 3, 20];
const WIDE: &[usize] = &[1, 1, 30, 720];
const DEEP: &[usize] = &[1, 1, 14, 58, 56];
const PYRAMID: &[usize] = &[2, 2, 40, 36];
const ODD: &[usize] = &[1, 2, 37, 35];
const FLAT: &[usize] = &[1, 2, 22, 21];

const BORDERS: [Border; 4] = [
    Border::Valid,
    Border::Reflect,
    Border::Replicate,
    Border::Zero,
];

macro_rules! windows {
    ($($loss:ty)*) => {$(
        impl Known for $loss {
            fn family(&self) -> Family {
                Family::Windows
            }
        }
    )*};
}
windows!(SsimLoss L1SsimLoss MsSsimLoss MsSsimL1Loss);

/// Images hold numbers in [0, 1].
fn images(shape: &[usize]) -> Spec {
    Spec::new(Kind::Image, shape).probabilities()
}

pub(super) fn add(list: &mut List) {
    ssim(list);
    ssim_windows(list);
    ssim_options(list);
    l1_ssim(list);
    ms_ssim(list);
    ms_ssim_options(list);
    ms_ssim_l1(list);
}

/// A small window, so that small images have borders and insides.
fn small(border: Border) -> Similarity {
    Similarity {
        window: Window::gaussian(5, 1.2),
        border,
        ..Similarity::new(1.0)
    }
}

fn of(similarity: Similarity) -> SsimLoss {
    SsimLoss {
        similarity,
        ..SsimLoss::new(1.0)
    }
}

fn ssim(list: &mut List) {
    list.add("mean", images(PLANE), SsimLoss::new(1.0));
    list.add("exact", images(SQUARE), SsimLoss::new(1.0));
    list.add("kornia", images(PLANE), SsimLoss::kornia(1.0));
    list.add("fused-ssim", images(TINY), SsimLoss::fused_ssim());
    for border in BORDERS {
        let name = |what: &str| format!("{border:?}-{what}").to_lowercase();
        let loss = of(small(border));
        list.add(&name("plane"), images(SMALL), loss.clone());
        list.add(&name("volume"), images(VOLUME), loss.clone());
        list.add(&name("rows"), images(ROWS), loss.clone());
        list.add(&name("wide"), images(WIDE), loss.clone());
        list.add(&name("weighted"), images(SMALL).weighted(), loss.clone());
        let weighted = images(VOLUME).weighted().keeping_axis();
        list.add(&name("weighted-volume"), weighted, loss);
        let large = Similarity {
            border,
            ..Similarity::new(1.0)
        };
        list.add(&name("large"), images(PLANE), of(large));
    }
    let eleven = Similarity {
        border: Border::Reflect,
        ..Similarity::new(1.0)
    };
    list.add("deep", images(DEEP), of(eleven.clone()));
    list.add("wide", images(WIDE).weighted(), of(eleven));
}

fn ssim_windows(list: &mut List) {
    let window = |window: Window, border: Border| {
        of(Similarity {
            window,
            border,
            ..Similarity::new(1.0)
        })
    };
    let pixel = window(Window::gaussian(1, 1.0), Border::Valid);
    list.add("window-1", images(TINY), pixel);
    for border in [Border::Reflect, Border::Replicate, Border::Zero] {
        let name = format!("window-33-{border:?}").to_lowercase();
        list.add(
            &name,
            images(BLURRED),
            window(Window::gaussian(33, 6.0), border),
        );
        let each = Window {
            size: vec![3, 7],
            taps: Taps::Gaussian(vec![0.8, 2.0]),
        };
        let name = format!("window-3-7-{border:?}").to_lowercase();
        list.add(&name, images(SMALL), window(each, border));
    }
    let flat = Window {
        size: vec![1, 5],
        taps: Taps::Uniform,
    };
    list.add(
        "window-1-5",
        images(SMALL).weighted(),
        window(flat, Border::Valid),
    );
    let each = Window {
        size: vec![3, 1, 5],
        taps: Taps::Uniform,
    };
    list.add(
        "window-3-1-5",
        images(VOLUME),
        window(each.clone(), Border::Reflect),
    );
    list.add(
        "window-3-1-5-zero",
        images(VOLUME),
        window(each, Border::Zero),
    );
    let seven = window(Window::uniform(7), Border::Valid);
    list.add("uniform", images(PLANE), seven.clone());
    let mut sample = seven;
    sample.similarity.covariance = Covariance::Sample;
    list.add("sample", images(PLANE), sample.clone());
    list.add("sample-weighted", images(PLANE).weighted(), sample);
}

fn ssim_options(list: &mut List) {
    let plain = of(small(Border::Valid));
    for reduction in [Reduction::None, Reduction::Sum] {
        for channels in [Channels::Average, Channels::Separate] {
            let loss = SsimLoss {
                reduction,
                channels,
                form: SsimForm::Half,
                ..plain.clone()
            };
            let name = format!("{reduction:?}-{channels:?}").to_lowercase();
            list.add(&name, images(SMALL), loss.clone());
            list.add(&format!("{name}-weighted"), images(SMALL).weighted(), loss);
        }
    }
    let separate = SsimLoss {
        channels: Channels::Separate,
        ..plain.clone()
    };
    list.add("separate", images(SMALL), separate);
    let mut loss = plain.clone();
    loss.similarity.variance = Variance::Plain;
    list.add("plain-variance", images(SMALL), loss);
    let mut loss = plain;
    loss.similarity.data_range = 2.0;
    loss.similarity.k1 = 0.05;
    loss.similarity.k2 = 0.2;
    list.add("constants", images(SMALL), loss.clone());
    loss.similarity.k1 = 0.0;
    loss.similarity.k2 = 0.0;
    list.add("no-constants", images(SMALL), loss);
}

fn l1_ssim(list: &mut List) {
    list.add("mean", images(PLANE), L1SsimLoss::new(1.0));
    for border in BORDERS {
        let loss = L1SsimLoss {
            similarity: small(border),
            lambda_l1: 0.3,
            lambda_ssim: 1.7,
            ..L1SsimLoss::new(1.0)
        };
        let name = |what: &str| format!("{border:?}-{what}").to_lowercase();
        list.add(&name("plane"), images(SMALL), loss.clone());
        list.add(&name("weighted"), images(SMALL).weighted(), loss.clone());
        list.add(&name("volume"), images(VOLUME), loss.clone());
        let none = L1SsimLoss {
            reduction: Reduction::None,
            ..loss
        };
        list.add(&name("none"), images(SMALL).weighted(), none);
    }
    let sum = L1SsimLoss {
        reduction: Reduction::Sum,
        ..L1SsimLoss::new(2.0)
    };
    list.add("sum", images(PLANE), sum);
    list.add("wide", images(WIDE), L1SsimLoss::new(1.0));
}

/// Three levels of a small window. The large constant keeps similarities of noise above 0.
fn pyramid() -> MsSsimLoss {
    MsSsimLoss {
        similarity: Similarity {
            window: Window::gaussian(5, 1.2),
            k2: 0.4,
            ..Similarity::new(1.0)
        },
        weights: vec![0.2, 0.3, 0.5],
        ..MsSsimLoss::new(1.0)
    }
}

fn ms_ssim(list: &mut List) {
    list.add("plane", images(PYRAMID), pyramid());
    list.add("weighted", images(PYRAMID).weighted(), pyramid());
    for odd in [
        OddPooling::Drop,
        OddPooling::KeepLast,
        OddPooling::KeepFirst,
        OddPooling::ZeroFirst,
    ] {
        let loss = MsSsimLoss { odd, ..pyramid() };
        let name = |what: &str| format!("{odd:?}-{what}").to_lowercase();
        list.add(&name("odd"), images(ODD), loss.clone());
        list.add(&name("odd-weighted"), images(ODD).weighted(), loss.clone());
        list.add(&name("flat"), images(FLAT), loss.clone());
        let mut zero = loss;
        zero.similarity.border = Border::Zero;
        zero.similarity.window = Window::gaussian(3, 0.9);
        list.add(&name("volume"), images(&[1, 1, 7, 9, 10]), zero.clone());
        list.add(&name("rows"), images(&[2, 2, 23]), zero);
    }
    let mut default = MsSsimLoss::new(1.0);
    default.similarity.k2 = 0.4;
    list.add("default", images(&[1, 1, 179, 176]), default);
}

fn ms_ssim_options(list: &mut List) {
    for reduction in [Reduction::None, Reduction::Sum] {
        for product in [ChannelProduct::Channel, ChannelProduct::Image] {
            let loss = MsSsimLoss {
                reduction,
                product,
                ..pyramid()
            };
            let name = format!("{reduction:?}-{product:?}").to_lowercase();
            list.add(&name, images(PYRAMID), loss.clone());
            list.add(&format!("{name}-weighted"), images(ODD).weighted(), loss);
        }
    }
    let shift = MsSsimLoss {
        negative: NegativeContrast::Shift,
        ..pyramid()
    };
    list.add("shift", images(PYRAMID), shift.clone());
    let mut noise = shift;
    noise.similarity.k2 = 0.03;
    list.add("shift-noise", images(PYRAMID), noise.clone());
    noise.negative = NegativeContrast::Clamp;
    list.add("clamp-noise", images(PYRAMID), noise);
    let few = MsSsimLoss {
        small: SmallImage::FewerLevels,
        ..pyramid()
    };
    list.add("few", images(SMALL), few.clone());
    list.add("few-two", images(&[1, 3, 12, 10]), few);
    let zeros = MsSsimLoss {
        weights: vec![0.0, 1.0, 0.5],
        ..pyramid()
    };
    list.add("weight-0", images(PYRAMID), zeros);
    let mut border = pyramid();
    border.similarity.border = Border::Reflect;
    list.add("reflect", images(FLAT), border);
    let single = MsSsimLoss {
        weights: vec![1.0],
        ..pyramid()
    };
    list.add("single", images(SMALL), single);
}

fn ms_ssim_l1(list: &mut List) {
    let small = MsSsimL1Loss {
        sigmas: vec![0.5, 1.0, 2.0],
        size: 5,
        ..MsSsimL1Loss::new(1.0)
    };
    list.add("mean", images(BLURRED), MsSsimL1Loss::new(1.0));
    for border in BORDERS {
        let loss = MsSsimL1Loss {
            border,
            alpha: 0.84,
            scale: 1.0,
            ..small.clone()
        };
        let name = |what: &str| format!("{border:?}-{what}").to_lowercase();
        list.add(&name("plane"), images(SMALL), loss.clone());
        list.add(&name("weighted"), images(SMALL).weighted(), loss.clone());
        list.add(&name("volume"), images(VOLUME), loss.clone());
        let none = MsSsimL1Loss {
            reduction: Reduction::None,
            ..loss
        };
        list.add(&name("none"), images(SMALL).weighted(), none);
    }
    let sum = MsSsimL1Loss {
        data_range: 2.0,
        k1: 0.02,
        k2: 0.1,
        variance: Variance::Plain,
        reduction: Reduction::Sum,
        ..small.clone()
    };
    list.add("sum", images(SMALL), sum);
    let single = MsSsimL1Loss {
        sigmas: vec![1.5],
        alpha: 1.0,
        ..small.clone()
    };
    list.add("single", images(SMALL), single);
    let wide = MsSsimL1Loss {
        sigmas: vec![0.5, 4.0],
        size: 17,
        ..small
    };
    list.add("wide", images(WIDE), wide);
}
