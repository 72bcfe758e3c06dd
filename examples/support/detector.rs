//! A small detector of one scale: for each cell of 8 × 8 pixels, whether a coin's middle is there, and four distances
//! from the cell's centre to the sides of its box, each a distribution over bins.

use anyhow::Result;
use candle_core::{D, Device, Tensor, Var};
use candle_nn::{Conv2d, Module};
use cvloss::{BoxFormat, expected_bin, pairwise_iou};
use rand::rngs::StdRng;

use crate::coin_boxes::Corners;
use crate::init::Init;

/// Pixels of a cell's side.
pub(crate) const STRIDE: usize = 8;
/// Bins of a distance.
pub(crate) const BINS: usize = 16;
/// Pixels between two bins.
pub(crate) const BIN: f64 = 4.0;
/// The part of a box about its middle whose cells answer for it.
const MIDDLE: f32 = 0.5;

/// The network, from `(n, 1, h, w)` to cells.
pub(crate) struct Detector {
    layers: Vec<Conv2d>,
    head: Conv2d,
    pub(crate) vars: Vec<Var>,
}

/// What the network says of each cell, row by row, items slowest.
pub(crate) struct Cells {
    /// Logits `(cells)`.
    pub(crate) objectness: Tensor,
    /// Logits `(cells, 4, bins)` of the distances to left, top, right, bottom.
    pub(crate) distances: Tensor,
}

/// What the truth says of each cell that answers for a box.
#[derive(Default)]
pub(crate) struct Assigned {
    /// 1 where a cell answers for a box, for every cell.
    pub(crate) objectness: Vec<f32>,
    /// The cells that do.
    pub(crate) cells: Vec<u32>,
    /// Their boxes.
    pub(crate) boxes: Vec<Corners>,
    /// Their centres.
    pub(crate) centres: Vec<[f32; 2]>,
}

impl Detector {
    pub(crate) fn new(rng: &mut StdRng) -> Result<Self> {
        let mut init = Init::new(rng);
        let widths = [1, 8, 16, 32, 48, 48, 48];
        let layers = widths.windows(2).map(|pair| init.conv(pair[0], pair[1], 3));
        let layers = layers.collect::<candle_core::Result<_>>()?;
        let head = init.conv(48, 1 + 4 * BINS, 1)?;
        Ok(Self {
            layers,
            head,
            vars: init.vars,
        })
    }

    pub(crate) fn forward(&self, input: &Tensor) -> Result<Cells> {
        let mut x = input.clone();
        for (index, layer) in self.layers.iter().enumerate() {
            // Averages, because the gradient of candle's `max_pool2d` is wrong.
            if (1..=3).contains(&index) {
                x = x.avg_pool2d(2)?;
            }
            x = layer.forward(&x)?.relu()?;
        }
        let x = self.head.forward(&x)?.permute((0, 2, 3, 1))?.contiguous()?;
        let cells = x.elem_count() / (1 + 4 * BINS);
        let x = x.reshape((cells, 1 + 4 * BINS))?;
        // Most cells are empty, and the network should say so from the start.
        Ok(Cells {
            objectness: (x.narrow(1, 0, 1)?.squeeze(1)? - 3.0)?,
            distances: x
                .narrow(1, 1, 4 * BINS)?
                .contiguous()?
                .reshape((cells, 4, BINS))?,
        })
    }
}

/// The centre of a cell of a row of so many.
fn centre(cell: usize, columns: usize) -> [f32; 2] {
    let middle = |at: usize| (at as f32 + 0.5) * STRIDE as f32;
    [middle(cell % columns), middle(cell / columns)]
}

impl Assigned {
    /// Adds an item of `rows` by `columns` cells.
    pub(crate) fn add(&mut self, boxes: &[Corners], rows: usize, columns: usize) {
        for cell in 0..rows * columns {
            let [x, y] = centre(cell, columns);
            let holds = |&&[x1, y1, x2, y2]: &&Corners| {
                let near = |at: f32, low: f32, high: f32| {
                    (at - (low + high) / 2.0).abs() < MIDDLE * (high - low) / 2.0
                };
                near(x, x1, x2) && near(y, y1, y2)
            };
            let found = boxes.iter().find(holds);
            if let Some(corners) = found {
                self.cells.push(self.objectness.len() as u32);
                self.boxes.push(*corners);
                self.centres.push([x, y]);
            }
            self.objectness
                .push(if found.is_some() { 1.0 } else { 0.0 });
        }
    }

    /// `(boxes, 4)`: the true boxes.
    pub(crate) fn target(&self) -> Result<Tensor> {
        Ok(Tensor::from_slice(
            self.boxes.as_flattened(),
            (self.boxes.len(), 4),
            &Device::Cpu,
        )?)
    }

    /// `(boxes, 4)`: the distances to their sides, in bins.
    pub(crate) fn distances(&self) -> Result<Tensor> {
        let distances: Vec<_> = self
            .boxes
            .iter()
            .zip(&self.centres)
            .flat_map(|([x1, y1, x2, y2], [x, y])| [x - x1, y - y1, x2 - x, y2 - y])
            .map(|pixels| pixels / BIN as f32)
            .collect();
        Ok(Tensor::from_vec(
            distances,
            (self.boxes.len(), 4),
            &Device::Cpu,
        )?)
    }
}

/// Boxes `(cells, 4)` from logits of distances `(cells, 4, bins)`, on candle's tape.
pub(crate) fn decode(distances: &Tensor, centres: &[[f32; 2]]) -> Result<Tensor> {
    let pixels = (expected_bin(distances)? * BIN)?;
    let centres = Tensor::from_slice(centres.as_flattened(), (centres.len(), 2), &Device::Cpu)?;
    let low = (&centres - pixels.narrow(1, 0, 2)?)?;
    let high = (centres + pixels.narrow(1, 2, 2)?)?;
    Ok(Tensor::cat(&[low, high], D::Minus1)?)
}

/// The boxes of cells that are surer than all that overlap them, the surest first.
pub(crate) fn detect(cells: &Cells, columns: usize, threshold: f32) -> Result<Vec<Corners>> {
    let sure = candle_nn::ops::sigmoid(&cells.objectness)?.to_vec1::<f32>()?;
    let centres: Vec<_> = (0..sure.len()).map(|cell| centre(cell, columns)).collect();
    let boxes = decode(&cells.distances.detach(), &centres)?;
    let mut order: Vec<usize> = (0..sure.len())
        .filter(|cell| sure[*cell] > threshold)
        .collect();
    order.sort_by(|a, b| sure[*b].total_cmp(&sure[*a]));
    let iou: Vec<Vec<f32>> = pairwise_iou(&boxes, &boxes, BoxFormat::Xyxy)?.to_vec2()?;
    let mut kept: Vec<usize> = Vec::new();
    for cell in order {
        if kept.iter().all(|other| iou[cell][*other] < 0.3) {
            kept.push(cell);
        }
    }
    let rows: Vec<Vec<f32>> = boxes.to_vec2()?;
    Ok(kept
        .iter()
        .map(|cell| {
            [
                rows[*cell][0],
                rows[*cell][1],
                rows[*cell][2],
                rows[*cell][3],
            ]
        })
        .collect())
}

/// The IoU of each true box with its own prediction: the best pairs first, each box once; 0 without one.
pub(crate) fn matched(predicted: &[Corners], truth: &[Corners]) -> Result<Vec<f32>> {
    let tensor = |boxes: &[Corners]| {
        Tensor::from_slice(boxes.as_flattened(), (boxes.len(), 4), &Device::Cpu)
    };
    let mut best = vec![0.0; truth.len()];
    if predicted.is_empty() || truth.is_empty() {
        return Ok(best);
    }
    let iou = pairwise_iou(&tensor(predicted)?, &tensor(truth)?, BoxFormat::Xyxy)?;
    let iou: Vec<Vec<f32>> = iou.to_vec2()?;
    let mut pairs: Vec<_> = (0..predicted.len())
        .flat_map(|p| (0..truth.len()).map(move |t| (p, t)))
        .collect();
    pairs.sort_by(|(p, t), (q, u)| iou[*q][*u].total_cmp(&iou[*p][*t]));
    let (mut used, mut found) = (vec![false; predicted.len()], vec![false; truth.len()]);
    for (p, t) in pairs {
        if !used[p] && !found[t] {
            (used[p], found[t], best[t]) = (true, true, iou[p][t]);
        }
    }
    Ok(best)
}
