//! The lower envelope of the parabolas of a line.

use super::Sides;

/// Columns that are read together: strided lines come in whole cache lines.
const COLUMNS: usize = 8;

/// Work memory of a line.
#[derive(Default)]
pub(super) struct Line {
    values: Vec<f64>,
    /// Where the parabolas of the envelope stand.
    feet: Vec<usize>,
    /// From where on each is the lowest.
    starts: Vec<f64>,
    block: Vec<f64>,
    block_inside: Vec<bool>,
}

impl Line {
    /// Replaces `f(q)` by `min_v f(v) + (spacing (q − v))²` at points of these sides, `f` being 0 on the other side.
    ///
    /// A point of the other side hides all beyond it, so that every run of one side is a line of its own.
    pub(super) fn run(&mut self, line: &mut [f64], inside: &[bool], sides: Sides, spacing: f64) {
        let (mut rest, mut is_first) = (line, true);
        for run in inside.chunk_by(|a, b| a == b) {
            let (here, after) = std::mem::take(&mut rest).split_at_mut(run.len());
            if sides.count(run[0]) {
                self.segment(here, !is_first, !after.is_empty(), spacing);
            }
            (rest, is_first) = (after, false);
        }
    }

    /// As [`run`](Self::run), for a line of one side, with a point of the other before and after it or without.
    fn segment(&mut self, line: &mut [f64], before: bool, after: bool, spacing: f64) {
        let square = spacing * spacing;
        if line.len() == 1 || (line.len() == 2 && before && after) {
            // All have a neighbour on the other side, if there is any.
            if before || after {
                line.iter_mut().for_each(|f| *f = f.min(square));
            }
            return;
        }
        let bound = |is_there: bool| is_there.then_some(0.0);
        self.values.clear();
        self.values.extend(bound(before));
        self.values.extend_from_slice(line);
        self.values.extend(bound(after));
        self.feet.clear();
        self.starts.clear();
        for (q, f) in self.values.iter().enumerate() {
            if f.is_infinite() {
                continue;
            }
            // Where this parabola gets below that which stands at `v`.
            let crossing = |v: usize| {
                let mut height = f - self.values[v];
                if square != 1.0 {
                    height /= square;
                }
                (height + (q * q) as f64 - (v * v) as f64) / (2 * (q - v)) as f64
            };
            let mut start = f64::NEG_INFINITY;
            while let (Some(v), Some(begin)) = (self.feet.last(), self.starts.last()) {
                start = crossing(*v);
                if start > *begin {
                    break;
                }
                self.feet.pop();
                self.starts.pop();
                start = f64::NEG_INFINITY;
            }
            self.feet.push(q);
            self.starts.push(start);
        }
        let mut k = 0;
        for (q, to) in (usize::from(before)..).zip(line) {
            while self
                .starts
                .get(k + 1)
                .is_some_and(|start| *start < q as f64)
            {
                k += 1;
            }
            if let Some(v) = self.feet.get(k) {
                let distance = (q as f64 - *v as f64) * spacing;
                *to = self.values[*v] + distance * distance;
            }
        }
    }

    /// As [`run`](Self::run), for every column of a slab with rows of `width`.
    pub(super) fn run_columns(
        &mut self,
        slab: &mut [f64],
        inside: &[bool],
        width: usize,
        sides: Sides,
        spacing: f64,
    ) {
        let height = slab.len() / width.max(1);
        let mut block = std::mem::take(&mut self.block);
        let mut block_inside = std::mem::take(&mut self.block_inside);
        block.resize(height * COLUMNS, 0.0);
        block_inside.resize(height * COLUMNS, false);
        for start in (0..width).step_by(COLUMNS) {
            let count = COLUMNS.min(width - start);
            let rows = slab.chunks(width).zip(inside.chunks(width));
            for (y, (row, inside)) in rows.enumerate() {
                for x in 0..count {
                    block[x * height + y] = row[start + x];
                    block_inside[x * height + y] = inside[start + x];
                }
            }
            let lines = block.chunks_mut(height).zip(block_inside.chunks(height));
            for (line, inside) in lines.take(count) {
                self.run(line, inside, sides, spacing);
            }
            for (y, row) in slab.chunks_mut(width).enumerate() {
                for (x, value) in row[start..start + count].iter_mut().enumerate() {
                    *value = block[x * height + y];
                }
            }
        }
        self.block = block;
        self.block_inside = block_inside;
    }
}
