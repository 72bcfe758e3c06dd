//! What the points of an image weigh.

#![forbid(unsafe_code)]

use crate::distance_transform::distances;
use crate::error::Result;

use super::DistanceWeighting;

/// The weight of each point of an image, of some class or of none; 0 for none.
///
/// `space` has the extents of the axes of space. A class beyond `class_weights` weighs 1.
pub fn point_weights(
    weighting: DistanceWeighting,
    labels: &[Option<usize>],
    class_weights: Option<&[f64]>,
    space: &[usize],
    spacing: &[f64],
) -> Result<Vec<f64>> {
    let own = |class: usize| {
        let weight = class_weights.and_then(|weights| weights.get(class));
        weight.copied().unwrap_or(1.0)
    };
    let mut weights: Vec<f64> = labels.iter().map(|label| label.map_or(0.0, own)).collect();
    match weighting {
        DistanceWeighting::Border { w0, sigma } => {
            let objects = components(labels, space);
            let more = border_weights(&objects, w0, sigma, space, spacing)?;
            for ((weight, label), more) in weights.iter_mut().zip(labels).zip(more) {
                // An ignored point is not background.
                if *label == Some(0) {
                    *weight += more;
                }
            }
        }
        DistanceWeighting::Penalty => {
            let closeness = closeness(labels, space, spacing)?;
            for (weight, closeness) in weights.iter_mut().zip(closeness) {
                *weight *= 1.0 + closeness;
            }
        }
    }
    Ok(weights)
}

/// `w0 exp(−(d1 + d2)² / 2σ²)` at points of object 0, the background, and 0 elsewhere: `d1` and `d2` are the distances
/// to the nearest two of the objects 1, 2 and so on. 0 everywhere unless there are two.
///
/// It takes one distance transform per object.
pub fn border_weights(
    objects: &[usize],
    w0: f64,
    sigma: f64,
    space: &[usize],
    spacing: &[f64],
) -> Result<Vec<f64>> {
    let (mut first, mut second) = (
        vec![f64::INFINITY; objects.len()],
        vec![f64::INFINITY; objects.len()],
    );
    let mut names = objects.to_vec();
    names.sort_unstable();
    names.dedup();
    for object in names.into_iter().filter(|object| *object > 0) {
        let outside: Vec<bool> = objects.iter().map(|other| *other != object).collect();
        let found = distances(&outside, space, spacing)?;
        for ((first, second), found) in first.iter_mut().zip(&mut second).zip(found) {
            *second = second.min(first.max(found));
            *first = first.min(found);
        }
    }
    let weight = |((first, second), object): ((f64, f64), &usize)| match *object {
        0 => w0 * (-(first + second).powi(2) / (2.0 * sigma * sigma)).exp(),
        _ => 0.0,
    };
    let pairs = first.into_iter().zip(second);
    Ok(pairs.zip(objects).map(weight).collect())
}

/// The connected regions of each class but 0, numbered from 1; 0 elsewhere. Neighbours share a face.
fn components(labels: &[Option<usize>], space: &[usize]) -> Vec<usize> {
    // How far apart neighbours along each axis lie.
    let mut steps = vec![1; space.len()];
    for axis in (1..space.len()).rev() {
        steps[axis - 1] = steps[axis] * space[axis];
    }
    let mut objects = vec![0; labels.len()];
    let mut last = 0;
    let mut open = Vec::new();
    for start in 0..labels.len() {
        let class = labels[start];
        if objects[start] > 0 || matches!(class, None | Some(0)) {
            continue;
        }
        last += 1;
        objects[start] = last;
        open.push(start);
        while let Some(at) = open.pop() {
            for (len, step) in space.iter().zip(&steps) {
                let place = at / step % len;
                let before = (place > 0).then(|| at - step);
                let after = (place + 1 < *len).then(|| at + step);
                for next in [before, after].into_iter().flatten() {
                    if objects[next] == 0 && labels[next] == class {
                        objects[next] = last;
                        open.push(next);
                    }
                }
            }
        }
    }
    objects
}

/// `(D − d) / (D − δ)`, 1 next to other classes and 0 farthest inside; 0 in a class whose distances are all alike.
fn closeness(labels: &[Option<usize>], space: &[usize], spacing: &[f64]) -> Result<Vec<f64>> {
    let mut closeness = vec![0.0; labels.len()];
    let mut classes: Vec<_> = labels.iter().flatten().copied().collect();
    classes.sort_unstable();
    classes.dedup();
    for class in classes {
        let inside: Vec<bool> = labels.iter().map(|label| *label == Some(class)).collect();
        if inside.iter().all(|inside| *inside) {
            // No other class is near.
            continue;
        }
        let found = distances(&inside, space, spacing)?;
        let of_class = || found.iter().zip(&inside).filter(|(_, inside)| **inside);
        let largest = of_class().fold(0.0, |largest: f64, (d, _)| largest.max(*d));
        let least = of_class().fold(f64::INFINITY, |least: f64, (d, _)| least.min(*d));
        if largest > least {
            for ((to, d), inside) in closeness.iter_mut().zip(&found).zip(&inside) {
                if *inside {
                    *to = (largest - d) / (largest - least);
                }
            }
        }
    }
    Ok(closeness)
}
