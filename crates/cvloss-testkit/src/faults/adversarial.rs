//! Options of adversarial losses that are out of range, or that do not go together.

use cvloss::{
    AdversarialLoss, DiscriminatorLoss, FeatureMatchingLoss, FeaturePooling, GanForm, GanLabels,
    GeneratorLoss, LecamLoss, Pairing, Reduction,
};

use super::options::List;
use crate::sample::Kind;

const NAN: f64 = f64::NAN;

pub(super) fn add(list: &mut List) {
    let plain = AdversarialLoss::default();
    let mut both = |name: &str, loss: AdversarialLoss, words: &'static [&'static str]| {
        list.add(name, Kind::Logits, DiscriminatorLoss(loss.clone()), words);
        list.add(name, Kind::Logits, GeneratorLoss(loss), words);
    };
    for (form, bad) in [
        (GanForm::NonSaturating, vec![-0.1, 1.1, NAN]),
        (GanForm::Minimax, vec![-0.1, 1.1, NAN]),
        (
            GanForm::LeastSquares { factor: 0.5 },
            vec![NAN, f64::INFINITY],
        ),
        (GanForm::Wasserstein, vec![0.9]),
        (GanForm::Hinge, vec![0.9]),
    ] {
        for number in bad {
            let named = |labels, words| {
                let loss = AdversarialLoss {
                    form,
                    labels,
                    ..plain.clone()
                };
                (format!("{form:?} {words:?} {number}"), loss)
            };
            let labels = GanLabels::default();
            let words = &["labels.real is", "expected"];
            let (name, loss) = named(
                GanLabels {
                    real: number,
                    ..labels
                },
                words,
            );
            both(&name, loss, words);
            let words = &["labels.fake is", "expected"];
            let (name, loss) = named(
                GanLabels {
                    fake: number,
                    ..labels
                },
                words,
            );
            both(&name, loss, words);
            let words = &["labels.generator is", "expected"];
            let (name, loss) = named(
                GanLabels {
                    generator: number,
                    ..labels
                },
                words,
            );
            both(&name, loss, words);
        }
    }
    for factor in [0.0, -1.0, NAN, f64::INFINITY] {
        let loss = AdversarialLoss {
            form: GanForm::LeastSquares { factor },
            ..plain.clone()
        };
        both(&format!("factor {factor}"), loss, &["factor is"]);
    }
    let paired = AdversarialLoss {
        pairing: Pairing::Paired,
        labels: GanLabels {
            fake: 0.1,
            ..GanLabels::default()
        },
        ..plain.clone()
    };
    both("fake label of pairs", paired, &["labels.fake is", "pairs"]);
    let items = AdversarialLoss {
        pairing: Pairing::Average,
        reduction: Reduction::None,
        ..plain
    };
    both("items of averages", items, &["reduction is None", "Mean"]);
    for mean in [NAN, f64::INFINITY] {
        let loss = LecamLoss {
            real_mean: mean,
            ..LecamLoss::default()
        };
        let name = format!("real_mean {mean}");
        list.add(&name, Kind::Logits, loss, &["real_mean is"]);
        let loss = LecamLoss {
            fake_mean: mean,
            ..LecamLoss::default()
        };
        let name = format!("fake_mean {mean}");
        list.add(&name, Kind::Logits, loss, &["fake_mean is"]);
    }
    let items = FeatureMatchingLoss {
        pooling: FeaturePooling::BatchMeans,
        reduction: Reduction::None,
        ..FeatureMatchingLoss::default()
    };
    let words = &["reduction is None", "Mean"];
    list.add("items of means", Kind::Logits, items, words);
}
