//! Everything that scores of regions know.

use cvloss_kernels::Reduction;
use cvloss_kernels::region::{
    Absent, Activation, Average, ClassAverage, Classes, Options, Pooling, Score, Smooth, Transform,
    VolumeWeight,
};

use super::{Call, Target, options};
use crate::device::Kind;
use crate::labels::Labels;
use crate::program::has_compiler;

/// Everything that scores know, with a class that is nowhere.
#[test]
fn emulator_region_scores() {
    if !has_compiler() {
        return;
    }
    let plain = options(Activation::Softmax);
    let mut all = vec![
        Options {
            score: Score::JACCARD,
            ..plain.clone()
        },
        Options {
            score: Score::tversky(0.3, 0.7),
            ..plain.clone()
        },
        Options {
            pooling: Pooling::Batch,
            ..plain.clone()
        },
        Options {
            reduction: Reduction::None,
            ..plain.clone()
        },
        Options {
            reduction: Reduction::Sum,
            weight: 0.25,
            ..plain.clone()
        },
        Options {
            classes: Classes::Foreground,
            ..plain.clone()
        },
        Options {
            classes: Classes::Listed(vec![1, 3]),
            ..plain.clone()
        },
        Options {
            power: 0.75,
            ..plain.clone()
        },
        Options {
            class_weights: Some(vec![1.0, 0.5, 2.0, 3.0, 0.25]),
            class_average: ClassAverage::Weights,
            ..plain.clone()
        },
        Options {
            smooth: Smooth {
                numerator: 0.0,
                denominator: 0.0,
                floor: 30.0,
            },
            ..plain.clone()
        },
        Options {
            smooth: Smooth::default(),
            ..plain.clone()
        },
    ];
    for transform in [
        Transform::Log,
        Transform::LogCosh,
        Transform::Negative,
        Transform::Power(0.75),
        Transform::Power(2.0),
        Transform::Power(0.0),
    ] {
        all.push(Options {
            transform,
            ..plain.clone()
        });
    }
    for absent in [Absent::Skip, Absent::Zero] {
        all.push(Options {
            absent,
            ..plain.clone()
        });
        all.push(Options {
            absent,
            average: Average::Micro,
            ..plain.clone()
        });
    }
    for weight in [
        VolumeWeight::Square,
        VolumeWeight::Simple,
        VolumeWeight::Uniform,
    ] {
        let average = Average::Generalized(weight);
        all.push(Options {
            average,
            ..plain.clone()
        });
        all.push(Options {
            average,
            pooling: Pooling::Batch,
            classes: Classes::Foreground,
            class_weights: Some(vec![1.0, 0.5, 2.0, 3.0, 0.25]),
            ..plain.clone()
        });
    }
    for kind in [Kind::F32, Kind::F64] {
        let mut call = Call::new(kind, [3, 5, 40]);
        if let Target::Labels(Labels::I64(labels)) = &mut call.target {
            for label in labels {
                *label = if *label == 4 { 0 } else { *label };
            }
        }
        for options in &all {
            call.check_all(options);
        }
    }
}
