//! The lower envelope of the parabolas of a line.

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
}

impl Line {
    /// Replaces `f(q)` by `min_v f(v) + (spacing (q − v))²`.
    pub(super) fn run(&mut self, line: &mut [f64], spacing: f64) {
        // Nothing inside, a common case.
        if line.iter().all(|f| *f == 0.0) {
            return;
        }
        self.values.clear();
        self.values.extend_from_slice(line);
        self.feet.clear();
        self.starts.clear();
        let square = spacing * spacing;
        for (q, f) in self.values.iter().enumerate() {
            if f.is_infinite() {
                continue;
            }
            // Where this parabola gets below that which stands at `v`.
            let crossing = |v: usize| {
                let height = (f - self.values[v]) / square;
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
        for (q, to) in line.iter_mut().enumerate() {
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
    pub(super) fn run_columns(&mut self, slab: &mut [f64], width: usize, spacing: f64) {
        let height = slab.len() / width.max(1);
        let mut block = std::mem::take(&mut self.block);
        block.resize(height * COLUMNS, 0.0);
        for start in (0..width).step_by(COLUMNS) {
            let count = COLUMNS.min(width - start);
            for (y, row) in slab.chunks(width).enumerate() {
                for (x, value) in row[start..start + count].iter().enumerate() {
                    block[x * height + y] = *value;
                }
            }
            for line in block.chunks_mut(height).take(count) {
                self.run(line, spacing);
            }
            for (y, row) in slab.chunks_mut(width).enumerate() {
                for (x, value) in row[start..start + count].iter_mut().enumerate() {
                    *value = block[x * height + y];
                }
            }
        }
        self.block = block;
    }
}
