//! Options out of range of generalised Wasserstein Dice.

use cvloss::GeneralizedWassersteinDiceLoss;

use super::options::List;
use crate::sample::Kind;

/// What is wrong, the distances, and words of the message.
type Bad = (&'static str, Vec<Vec<f64>>, &'static [&'static str]);

pub(super) fn add(list: &mut List) {
    let row = |a: f64, b: f64, c: f64| vec![a, b, c];
    let zeros = row(0.0, 0.0, 0.0);
    let plain = vec![row(0.0, 1.0, 1.0), row(1.0, 0.0, 1.0), row(1.0, 1.0, 0.0)];
    let with = |y: usize, numbers: Vec<f64>| {
        let mut rows = plain.clone();
        rows[y] = numbers;
        rows
    };
    let bad: [Bad; 8] = [
        (
            "two rows",
            plain[..2].to_vec(),
            &["distances is", "3 rows of 3"],
        ),
        (
            "a short row",
            with(1, vec![1.0, 0.0]),
            &["distances is", "rows of [3, 2, 3]"],
        ),
        ("no rows", Vec::new(), &["distances is", "rows of []"]),
        (
            "negative",
            with(0, row(0.0, -1.0, 1.0)),
            &["distances is", "is -1"],
        ),
        (
            "NaN",
            with(0, row(0.0, f64::NAN, 1.0)),
            &["distances is", "is NaN"],
        ),
        (
            "infinite",
            with(2, row(f64::INFINITY, 1.0, 0.0)),
            &["distances is", "is inf"],
        ),
        (
            "diagonal",
            with(2, row(1.0, 1.0, 0.5)),
            &["distances is", "0.5 from class 2 to itself"],
        ),
        (
            "no distance",
            vec![zeros.clone(), zeros.clone(), zeros],
            &["distances is", "0 everywhere"],
        ),
    ];
    for (name, distances, words) in bad {
        let loss = GeneralizedWassersteinDiceLoss {
            distances: Some(distances),
            ..Default::default()
        };
        list.add(name, Kind::Classes, loss, words);
    }
    for number in [-0.5, f64::NAN, f64::INFINITY] {
        let loss = GeneralizedWassersteinDiceLoss {
            smooth_nr: number,
            ..Default::default()
        };
        list.add("smooth_nr", Kind::Classes, loss, &["smooth_nr is"]);
        let loss = GeneralizedWassersteinDiceLoss {
            smooth_dr: number,
            ..Default::default()
        };
        list.add("smooth_dr", Kind::Classes, loss, &["smooth_dr is"]);
    }
    let words: &[&str] = &["target has dtype", "class indices"];
    let loss = GeneralizedWassersteinDiceLoss::default();
    list.add("soft", Kind::Distribution, loss, words);
}
