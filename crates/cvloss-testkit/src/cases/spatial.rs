//! Losses of images that look at neighbours or spectra: total variation, edges, frequencies; and sums with them.

use cvloss::{
    EdgeBorder, EdgeFilter, EdgeLoss, EdgePenalty, EdgeScale, FftForm, FftL1Loss, FftNorm,
    FocalFrequencyLoss, L1Loss, LossSum, OfInput, PsnrLoss, Reduction, Regularizer, SpectrumPeak,
    SpectrumPooling, SpectrumWeight, TotalVariation, VariationNorm, VariationScale,
};

use super::{Family, Known, List};
use crate::sample::{Kind, Spec};

const LINE: &[usize] = &[2, 3, 11];
const FLAT: &[usize] = &[2, 3, 5, 7];
const EVEN: &[usize] = &[2, 2, 6, 8];
const VOLUME: &[usize] = &[2, 2, 3, 4, 5];
const LONG: &[usize] = &[1, 2, 61, 37];
const ROW: &[usize] = &[1, 2, 1, 9];
const COLUMN: &[usize] = &[2, 1, 6, 1];

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
    EdgeLoss,
    FftL1Loss,
    FocalFrequencyLoss,
    OfInput<TotalVariation>
);

pub(super) fn add(list: &mut List) {
    total_variation(list);
    edge(list);
    focal_frequency(list);
    fft_l1(list);
    sums(list);
}

fn image(shape: &[usize]) -> Spec {
    Spec::new(Kind::Image, shape)
}

fn total_variation(list: &mut List) {
    for norm in [
        VariationNorm::Anisotropic,
        VariationNorm::Isotropic,
        VariationNorm::Squared,
        VariationNorm::Root,
    ] {
        let of = |scale, reduction| {
            let norm = TotalVariation {
                norm,
                scale,
                reduction,
                ..TotalVariation::default()
            };
            norm.into_loss()
        };
        let (total, mean) = (VariationScale::Total, VariationScale::Differences);
        let mut add =
            |name: &str, spec: Spec, loss| list.add(&format!("{norm:?}-{name}"), spec, loss);
        add("mean", image(FLAT), of(mean, Reduction::Mean));
        add("sum", image(FLAT), of(mean, Reduction::Sum));
        add("none", image(FLAT), of(mean, Reduction::None));
        add("total", image(FLAT), of(total, Reduction::Mean));
        add("line", image(LINE), of(mean, Reduction::Mean));
        add("volume", image(VOLUME), of(mean, Reduction::Mean));
        add("total-volume", image(VOLUME), of(total, Reduction::None));
        add("long", image(LONG), of(mean, Reduction::Mean));
        add("column", image(COLUMN), of(mean, Reduction::Mean));
        let weighted = image(FLAT).weighted();
        add("weighted", weighted, of(mean, Reduction::Mean));
        let weighted = image(VOLUME).weighted_elements();
        add("weighted-volume", weighted, of(mean, Reduction::None));
    }
    let smooth = TotalVariation {
        norm: VariationNorm::Isotropic,
        eps: 0.1,
        ..TotalVariation::default()
    };
    list.add("eps", image(FLAT), smooth.clone().into_loss());
    list.add("eps-volume", image(VOLUME), smooth.into_loss());
}

fn edge(list: &mut List) {
    let borders = [
        EdgeBorder::Replicate,
        EdgeBorder::Reflect,
        EdgeBorder::Zero,
        EdgeBorder::Valid,
    ];
    for filter in [
        EdgeFilter::Sobel,
        EdgeFilter::Scharr,
        EdgeFilter::Laplacian4,
        EdgeFilter::Laplacian8,
    ] {
        for border in borders {
            let loss = EdgeLoss {
                filter,
                border,
                ..EdgeLoss::default()
            };
            list.add(&format!("{filter:?}-{border:?}"), image(FLAT), loss.clone());
            let smooth = EdgeLoss {
                penalty: EdgePenalty::Charbonnier(0.05),
                scale: EdgeScale::Integer,
                reduction: Reduction::None,
                ..loss
            };
            list.add(
                &format!("{filter:?}-{border:?}-smooth"),
                image(FLAT).weighted(),
                smooth,
            );
        }
    }
    let square = |border| EdgeLoss {
        penalty: EdgePenalty::Square,
        border,
        ..EdgeLoss::default()
    };
    for border in borders {
        list.add(&format!("square-{border:?}"), image(LONG), square(border));
        let weighted = image(LONG).weighted_elements();
        let sum = EdgeLoss {
            reduction: Reduction::Sum,
            ..square(border)
        };
        list.add(&format!("square-{border:?}-weighted"), weighted, sum);
        let two = image(&[1, 2, 2, 3]);
        // No filter fits inside.
        let two = match border {
            EdgeBorder::Valid => two.counting_nothing(),
            _ => two,
        };
        list.add(&format!("two-{border:?}"), two, square(border));
    }
    for border in [EdgeBorder::Replicate, EdgeBorder::Zero] {
        list.add(&format!("row-{border:?}"), image(ROW), square(border));
        list.add(&format!("column-{border:?}"), image(COLUMN), square(border));
    }
}

fn focal_frequency(list: &mut List) {
    let plain = FocalFrequencyLoss::default();
    let mut add = |name: &str, spec: Spec, loss: &FocalFrequencyLoss| {
        list.add(name, spec.detached(), loss.clone());
    };
    add("mean", image(FLAT), &plain);
    add("even", image(EVEN), &plain);
    add("row", image(ROW), &plain);
    add("column", image(COLUMN), &plain);
    add("long", image(LONG), &plain);
    add("weighted", image(FLAT).weighted(), &plain);
    for (name, reduction) in [("sum", Reduction::Sum), ("none", Reduction::None)] {
        let loss = FocalFrequencyLoss {
            reduction,
            ..plain.clone()
        };
        add(name, image(FLAT).weighted_elements(), &loss);
        add(&format!("{name}-even"), image(EVEN), &loss);
    }
    for alpha in [0.0, 0.5, 2.0] {
        for weighting in [SpectrumWeight::Power, SpectrumWeight::Log] {
            let loss = FocalFrequencyLoss {
                alpha,
                weighting,
                ..plain.clone()
            };
            add(&format!("{weighting:?}-{alpha}"), image(EVEN), &loss);
        }
    }
    let batch = FocalFrequencyLoss {
        peak: SpectrumPeak::Batch,
        ..plain.clone()
    };
    add("peak", image(FLAT), &batch);
    let patches = FocalFrequencyLoss {
        patch_factor: 2,
        ..plain.clone()
    };
    add("patches", image(EVEN), &patches);
    add("patches-weighted", image(EVEN).weighted(), &patches);
    let pooled = FocalFrequencyLoss {
        pooling: SpectrumPooling::Batch,
        ..patches.clone()
    };
    add("pooled", image(EVEN).weighted_elements(), &pooled);
    let everything = FocalFrequencyLoss {
        peak: SpectrumPeak::Batch,
        weighting: SpectrumWeight::Log,
        ..pooled
    };
    add("pooled-peak", image(EVEN), &everything);
    // Without weights, the loss is the squared error, and its gradient shows in differences.
    let square = FocalFrequencyLoss {
        alpha: 0.0,
        ..plain
    };
    list.add("alpha-0", image(FLAT), square.clone());
    let pooled = FocalFrequencyLoss {
        pooling: SpectrumPooling::Batch,
        patch_factor: 2,
        ..square
    };
    list.add("alpha-0-pooled", image(EVEN).weighted(), pooled);
}

fn fft_l1(list: &mut List) {
    for form in [FftForm::Parts, FftForm::Magnitude] {
        for norm in [FftNorm::Backward, FftNorm::Ortho] {
            let loss = FftL1Loss {
                form,
                norm,
                ..FftL1Loss::default()
            };
            let mut add = |name: &str, spec: Spec, loss: &FftL1Loss| {
                list.add(&format!("{form:?}-{norm:?}-{name}"), spec, loss.clone());
            };
            add("mean", image(FLAT), &loss);
            add("even", image(EVEN).weighted(), &loss);
            add("row", image(ROW), &loss);
            let none = FftL1Loss {
                reduction: Reduction::None,
                ..loss.clone()
            };
            let sum = FftL1Loss {
                reduction: Reduction::Sum,
                ..loss
            };
            add("none", image(EVEN), &none);
            add("sum", image(FLAT).weighted_elements(), &sum);
        }
    }
}

fn sums(list: &mut List) {
    let restoration = || {
        LossSum::new()
            .term("l1", 0.8, L1Loss::default())
            .term("psnr", 0.01, PsnrLoss::default())
            .term("edge", 0.5, EdgeLoss::default())
            .term("tv", 0.1, TotalVariation::default().into_loss())
    };
    list.add_sum(
        "images",
        image(FLAT).keeping_axis().nothing(-0.8),
        restoration(),
    );
    list.add_sum(
        "images-weighted",
        image(FLAT).weighted().keeping_axis().nothing(-0.8),
        restoration(),
    );
}
