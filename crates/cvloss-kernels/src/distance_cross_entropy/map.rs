//! What the points of an image weigh.

#![forbid(unsafe_code)]

use crate::distance_transform::{check_spacing, distances};
use crate::error::{Error, Result};

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
/// However many objects there are, it takes one pass along each axis.
pub fn border_weights(
    objects: &[usize],
    w0: f64,
    sigma: f64,
    space: &[usize],
    spacing: &[f64],
) -> Result<Vec<f64>> {
    check_spacing(spacing, space.len())?;
    if objects.len() != space.iter().product::<usize>() {
        return Err(Error::Layout {
            argument: "objects",
            reason: format!("{} points, expected those of {space:?}", objects.len()),
        });
    }
    let weight = |(near, object): (Nearest, &usize)| match *object {
        0 => {
            let sum = near.first.0.sqrt() + near.second.0.sqrt();
            w0 * (-sum.powi(2) / (2.0 * sigma * sigma)).exp()
        }
        _ => 0.0,
    };
    let near = nearest_two(objects, space, spacing);
    Ok(near.into_iter().zip(objects).map(weight).collect())
}

/// Squared distances to the nearest two objects, and their numbers; infinite where there is none.
#[derive(Clone, Copy)]
struct Nearest {
    first: (f64, usize),
    second: (f64, usize),
}

impl Nearest {
    /// Takes in an object at some distance; one that is known already may come nearer.
    fn offer(&mut self, (distance, object): (f64, usize)) {
        if object == self.first.1 {
            self.first.0 = self.first.0.min(distance);
        } else if distance < self.first.0 {
            self.second = self.first;
            self.first = (distance, object);
        } else if distance < self.second.0 {
            self.second = (distance, object);
        }
    }
}

/// Along one axis after the other. The nearest two of a point are among the nearest two of the points on its line.
fn nearest_two(objects: &[usize], space: &[usize], spacing: &[f64]) -> Vec<Nearest> {
    let none = (f64::INFINITY, 0);
    let own = |object: &usize| Nearest {
        first: if *object > 0 { (0.0, *object) } else { none },
        second: none,
    };
    let mut near: Vec<Nearest> = objects.iter().map(own).collect();
    let mut line = Vec::new();
    for (axis, (len, spacing)) in space.iter().zip(spacing).enumerate() {
        let step: usize = space[axis + 1..].iter().product();
        for start in (0..near.len()).filter(|at| (at / step).is_multiple_of(*len)) {
            line.clear();
            line.extend((0..*len).map(|at| near[start + at * step]));
            for at in 0..*len {
                let best = &mut near[start + at * step];
                for k in 1..*len {
                    let further = (spacing * k as f64).powi(2);
                    // What lies beyond is farther than both.
                    if further >= best.second.0 {
                        break;
                    }
                    let before = at.checked_sub(k);
                    let after = Some(at + k).filter(|after| after < len);
                    for other in [before, after].into_iter().flatten() {
                        let Nearest { first, second } = line[other];
                        for (distance, object) in [first, second] {
                            if object > 0 {
                                best.offer((distance + further, object));
                            }
                        }
                    }
                }
            }
        }
    }
    near
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
