//! Losses of the difference of two tensors, and the peak signal-to-noise ratio.

use cvloss::{
    CharbonnierEps, CharbonnierLoss, HuberLoss, L1Loss, LogCoshLoss, MseLoss, Normalizer, PsnrLoss,
    PsnrPooling, Reduction, RobustLoss, RobustShape, SmoothL1Loss, WingLoss,
};

use super::{Family, Known, List};
use crate::sample::{Kind, Spec};

const SCALAR: &[usize] = &[];
const VECTOR: &[usize] = &[13];
const MATRIX: &[usize] = &[7, 5];
const FLAT: &[usize] = &[2, 3, 5, 7];
const VOLUME: &[usize] = &[1, 3, 3, 4, 5];
const LONG: &[usize] = &[1, 2, 61, 37];

macro_rules! image_losses {
    ($($loss:ty),*) => {$(
        impl Known for $loss {
            fn family(&self) -> Family {
                Family::Image
            }
        }
    )*};
}
image_losses!(
    CharbonnierLoss,
    HuberLoss,
    L1Loss,
    LogCoshLoss,
    MseLoss,
    PsnrLoss,
    RobustLoss,
    SmoothL1Loss,
    WingLoss
);

pub(super) fn add(list: &mut List) {
    macro_rules! shared {
        ($($loss:ty),*) => {$(
            reductions(list, |normalizer, reduction| <$loss>::from_options(normalizer, reduction));
        )*};
    }
    shared!(
        CharbonnierLoss,
        HuberLoss,
        L1Loss,
        LogCoshLoss,
        MseLoss,
        RobustLoss,
        SmoothL1Loss,
        WingLoss
    );
    huber(list);
    charbonnier(list);
    robust(list);
    wing(list);
    psnr(list);
}

fn image(shape: &[usize]) -> Spec {
    Spec::new(Kind::Image, shape)
}

/// A loss by the options that all losses of differences have.
trait FromOptions {
    fn from_options(normalizer: Normalizer, reduction: Reduction) -> Self;
}
macro_rules! from_options {
    ($($loss:ident $(.. $rest:expr)?;)*) => {$(
        impl FromOptions for $loss {
            fn from_options(normalizer: Normalizer, reduction: Reduction) -> Self {
                Self { normalizer, reduction, $(..$rest)? }
            }
        }
    )*};
}
from_options! {
    CharbonnierLoss .. Self::default();
    HuberLoss .. Self::default();
    L1Loss;
    LogCoshLoss;
    MseLoss;
    RobustLoss .. Self::default();
    SmoothL1Loss .. Self::default();
    WingLoss .. Self::default();
}

/// Every shape, reduction and denominator.
fn reductions<L: Known>(list: &mut List, loss: impl Fn(Normalizer, Reduction) -> L) {
    let mean = |normalizer| loss(normalizer, Reduction::Mean);
    let plain = || mean(Normalizer::Elements);
    let none = || loss(Normalizer::Elements, Reduction::None);
    list.add("mean", image(FLAT), plain());
    list.add("scalar", image(SCALAR), plain());
    list.add("vector", image(VECTOR), plain());
    list.add("matrix", image(MATRIX), none());
    list.add("volume", image(VOLUME), plain());
    list.add("long", image(LONG), plain());
    list.add("none", image(FLAT), none());
    list.add("none-long", image(LONG).weighted_elements(), none());
    list.add(
        "sum",
        image(FLAT).weighted_elements(),
        loss(Normalizer::Elements, Reduction::Sum),
    );
    list.add("weighted", image(FLAT).weighted(), plain());
    list.add("weighted-channels", image(FLAT).channel_weighted(), plain());
    list.add("weights", image(FLAT).weighted(), mean(Normalizer::Weights));
    list.add(
        "weights-long",
        image(LONG).weighted_elements(),
        mean(Normalizer::Weights),
    );
    list.add("positives", image(FLAT), mean(Normalizer::Positives));
}

fn huber(list: &mut List) {
    // Differences lie within 1.
    for delta in [0.1, 0.3] {
        let loss = HuberLoss {
            delta,
            ..HuberLoss::default()
        };
        list.add(&format!("delta-{delta}"), image(FLAT), loss.clone());
        let smooth = SmoothL1Loss {
            beta: delta,
            ..SmoothL1Loss::default()
        };
        list.add(&format!("beta-{delta}"), image(FLAT), smooth);
    }
    let smooth = SmoothL1Loss {
        beta: 0.0,
        ..SmoothL1Loss::default()
    };
    list.add("beta-0", image(FLAT), smooth);
}

fn charbonnier(list: &mut List) {
    for form in [CharbonnierEps::Squared, CharbonnierEps::Plain] {
        for eps in [0.01, 0.5] {
            let loss = CharbonnierLoss {
                eps,
                form,
                ..CharbonnierLoss::default()
            };
            list.add(&format!("{form:?}-{eps}"), image(FLAT).weighted(), loss);
        }
    }
}

fn robust(list: &mut List) {
    let of = |shape, scale| RobustLoss {
        shape,
        scale,
        ..RobustLoss::default()
    };
    for alpha in [-7.0, -2.0, -0.5, 0.0, 0.01, 0.5, 1.0, 1.5, 2.0, 3.0] {
        for scale in [0.2, 1.0] {
            let spec = match alpha < 0.0 {
                true => image(FLAT).bounded(),
                false => image(FLAT),
            };
            let loss = of(RobustShape::Alpha(alpha), scale);
            list.add(&format!("alpha-{alpha}-{scale}"), spec, loss);
        }
    }
    for (name, loss) in [
        ("geman-mcclure", RobustLoss::geman_mcclure()),
        ("welsch", RobustLoss::welsch()),
    ] {
        list.add(name, image(FLAT).bounded(), loss.clone());
        let narrow = RobustLoss { scale: 0.1, ..loss };
        let name = format!("{name}-0.1");
        list.add(&name, image(LONG).bounded(), narrow);
    }
    list.add("cauchy", image(FLAT).weighted(), RobustLoss::cauchy());
    list.add("cauchy-0.1", image(LONG), of(RobustShape::Cauchy, 0.1));
}

fn wing(list: &mut List) {
    for (width, curvature) in [(0.25, 0.05), (0.4375, 2.0)] {
        let loss = WingLoss {
            width,
            curvature,
            ..WingLoss::default()
        };
        list.add(&format!("width-{width}"), image(FLAT), loss);
    }
}

fn psnr(list: &mut List) {
    let plain = PsnrLoss::default();
    let nothing = -80.0;
    let add = |list: &mut List, name: &str, spec: Spec, loss: &PsnrLoss| {
        let batch = PsnrLoss {
            pooling: PsnrPooling::Batch,
            ..loss.clone()
        };
        list.add(name, spec.clone(), loss.clone());
        list.add(&format!("{name}-batch"), spec, batch);
    };
    let none = PsnrLoss {
        reduction: Reduction::None,
        ..plain.clone()
    };
    let sum = PsnrLoss {
        reduction: Reduction::Sum,
        ..plain.clone()
    };
    let weights = PsnrLoss {
        normalizer: Normalizer::Weights,
        ..plain.clone()
    };
    let positives = PsnrLoss {
        normalizer: Normalizer::Positives,
        ..plain.clone()
    };
    let range = PsnrLoss {
        data_range: 255.0,
        eps: 0.01,
        ..plain.clone()
    };
    let image = |shape| image(shape).nothing(nothing);
    add(list, "mean", image(FLAT), &plain);
    add(list, "rows", image(&[3, 2, 11]), &plain);
    add(list, "volume", image(VOLUME), &plain);
    add(list, "long", image(LONG), &none);
    add(list, "none", image(FLAT).weighted(), &none);
    add(list, "channels", image(FLAT).channel_weighted(), &plain);
    add(list, "weights", image(FLAT).weighted_elements(), &weights);
    add(list, "positives", image(FLAT), &positives);
    add(list, "range", image(FLAT).nothing(-20.0), &range);
    // Two images.
    let batch = PsnrLoss {
        pooling: PsnrPooling::Batch,
        ..sum.clone()
    };
    list.add("sum", image(&[1, 3, 5, 7]), sum);
    list.add("sum-batch", image(FLAT), batch);
}
