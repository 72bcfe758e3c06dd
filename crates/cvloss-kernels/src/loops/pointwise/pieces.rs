//! Blocks of elements, tile by tile.

use crate::loops::sum::Total;
use crate::math::{Logistic, Real};
use crate::parallel::{self, parts};
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};
use crate::view::{View, ViewMut};

use super::{Kernel, Operands, Pointwise};

/// Elements that a formula sees at a time; the working set of a tile stays in the first-level cache.
const TILE: usize = 512;
/// A tile's elements are evaluated in chunks: loops of a length that the compiler knows have no rest, which would be compiled
/// once more, for every formula. The last chunk of a piece may have less that counts.
const CHUNK: usize = 64;
/// The least number of elements worth a thread.
const LEAST: usize = 16 * 1024;

/// A block of elements and where their results go.
pub(super) struct Piece<'i, 'v, 'g> {
    pub(super) operands: Operands<'i>,
    pub(super) values: Option<ViewMut<'v>>,
    pub(super) gradient: Option<ViewMut<'g>>,
    /// Of the target; only with a gradient of the input.
    pub(super) target_gradient: Option<ViewMut<'g>>,
}

/// What happens to slopes on their way to the gradients of input and target.
#[derive(Clone, Copy)]
pub(super) struct Scales {
    pub(super) scale: [f64; 2],
    pub(super) accumulate: [bool; 2],
}

impl<'i> Piece<'i, '_, '_> {
    /// One long row, if every tensor is contiguous.
    pub(super) fn flatten(self) -> Self {
        let contiguous = self.operands.input.is_contiguous()
            && self.operands.target.is_contiguous()
            && self
                .operands
                .auxiliary
                .as_ref()
                .is_none_or(View::is_contiguous)
            && self
                .operands
                .weight
                .as_ref()
                .is_none_or(View::is_contiguous)
            && self.values.as_ref().is_none_or(ViewMut::is_contiguous)
            && self.gradient.as_ref().is_none_or(ViewMut::is_contiguous)
            && self
                .target_gradient
                .as_ref()
                .is_none_or(ViewMut::is_contiguous);
        if !contiguous {
            return self;
        }
        let Operands {
            input,
            target,
            auxiliary,
            weight,
            ignore,
        } = self.operands;
        Self {
            operands: Operands {
                input: input.flatten(),
                target: target.flatten(),
                auxiliary: auxiliary.map(View::flatten),
                weight: weight.map(View::flatten),
                ignore,
            },
            // `flatten` returns nothing only for views that are not contiguous.
            values: self.values.and_then(ViewMut::flatten),
            gradient: self.gradient.and_then(ViewMut::flatten),
            target_gradient: self.target_gradient.and_then(ViewMut::flatten),
        }
    }

    /// Pieces along the longest axis.
    pub(super) fn split(self) -> Vec<Self> {
        let shape = self.operands.input.shape();
        let axis = (0..3).max_by_key(|axis| (shape[*axis], *axis)).unwrap_or(2);
        let len = shape[axis];
        let across = (shape.iter().product::<usize>() / len.max(1)).max(1);
        let unit = if axis == 2 { TILE } else { 1 };
        let piece = parallel::piece_len(len, unit, LEAST.div_ceil(across));
        if piece >= len {
            return vec![self];
        }
        let split = |view: Option<View<'i>>| parts(view.map(|view| view.split(axis, piece)));
        let mut input = self.operands.input.split(axis, piece).into_iter();
        let mut target = self.operands.target.split(axis, piece).into_iter();
        let mut auxiliary = split(self.operands.auxiliary);
        let mut weight = split(self.operands.weight);
        let mut values = parts(self.values.map(|view| view.split(axis, piece)));
        let mut gradient = parts(self.gradient.map(|view| view.split(axis, piece)));
        let mut target_gradient = parts(self.target_gradient.map(|view| view.split(axis, piece)));
        let mut pieces = Vec::new();
        while let (Some(input), Some(target)) = (input.next(), target.next()) {
            pieces.push(Piece {
                operands: Operands {
                    input,
                    target,
                    auxiliary: auxiliary.next(),
                    weight: weight.next(),
                    ignore: self.operands.ignore,
                },
                values: values.next(),
                gradient: gradient.next(),
                target_gradient: target_gradient.next(),
            });
        }
        pieces
    }

    /// Evaluates this piece tile by tile; returns the sum of its values.
    pub(super) fn run<P: Prim>(mut self, kernel: Kernel<'_, P>, scales: Scales) -> f64 {
        let [scale, target_scale] = scales.scale.map(P::of);
        let shape = self.operands.input.shape();
        let len: usize = shape.iter().product();
        let ignore = P::of(self.operands.ignore.unwrap_or(f64::NAN));
        let Operands {
            input,
            target,
            auxiliary,
            weight,
            ..
        } = &self.operands;
        let (mut xs, mut ts) = ([P::default(); TILE], [P::default(); TILE]);
        // Ones are written once: an absent operand costs a read from the first-level cache.
        let (mut auxs, mut ws) = ([P::of(1.0); TILE], [P::of(1.0); TILE]);
        let (mut vs, mut gs) = ([P::default(); TILE], [P::default(); TILE]);
        let mut target_gs = [P::default(); TILE];
        let mut total = 0.0;
        let mut position = 0;
        while position < len {
            let tile = Tile::at(shape, position, len);
            let rows = Rows {
                x: tile.read(input, &mut xs),
                t: tile.read(target, &mut ts),
                a: match auxiliary {
                    Some(view) => tile.read(view, &mut auxs),
                    None => &auxs[..tile.padded()],
                },
                w: match weight {
                    Some(view) => tile.read(view, &mut ws),
                    None => &ws[..tile.padded()],
                },
                ignore,
                values: &mut vs[..tile.padded()],
                slopes: None,
            };
            let (gradient, target_gradient) = (&mut self.gradient, &mut self.target_gradient);
            match (gradient, target_gradient) {
                (None, _) => kernel(rows),
                (Some(view), None) => {
                    tile.with_slopes(view, scales.accumulate[0], &mut gs, |slopes| {
                        let slopes = Some((slopes, scale));
                        kernel(Rows { slopes, ..rows })
                    })
                }
                (Some(view), Some(target)) => {
                    tile.with_slopes(view, scales.accumulate[0], &mut gs, |own| {
                        let (add, buffer) = (scales.accumulate[1], &mut target_gs);
                        tile.with_slopes(target, add, buffer, |slopes| {
                            kernel(Rows {
                                slopes: Some((&mut *slopes, P::of(1.0))),
                                ..rows
                            });
                            dispatch(BothSlopes {
                                own,
                                scale,
                                slopes,
                                target_scale,
                            });
                        });
                    });
                }
            }
            total += dispatch(Total(&vs[..tile.len]));
            if let Some(values) = &mut self.values {
                tile.write(values, &vs, false);
            }
            position += tile.len;
        }
        total
    }
}

/// Consecutive elements in (N, C, S) order.
#[derive(Clone, Copy)]
struct Tile {
    shape: [usize; 3],
    start: usize,
    len: usize,
}

/// The part of a tile in one row: row (n, c), where in the row, where in the tile, how many elements.
struct Segment {
    n: usize,
    c: usize,
    start: usize,
    at: usize,
    len: usize,
}

impl Tile {
    /// The tile that begins at `start` of `total` elements.
    fn at(shape: [usize; 3], start: usize, total: usize) -> Self {
        let len = (total - start).min(TILE);
        Self { shape, start, len }
    }

    fn segments(self) -> impl Iterator<Item = Segment> {
        let [_, channels, space] = self.shape;
        let mut at = 0;
        std::iter::from_fn(move || {
            if at == self.len {
                return None;
            }
            let (row, start) = ((self.start + at) / space, (self.start + at) % space);
            let len = (space - start).min(self.len - at);
            let segment = Segment {
                n: row / channels,
                c: row % channels,
                start,
                at,
                len,
            };
            at += len;
            Some(segment)
        })
    }

    /// The only segment, if the tile lies in one row.
    fn whole(self) -> Option<Segment> {
        self.segments().next().filter(|s| s.len == self.len)
    }

    /// The elements that are evaluated: of whole chunks.
    fn padded(self) -> usize {
        self.len.next_multiple_of(CHUNK)
    }

    /// The only segment, if the tile may be evaluated in place.
    fn direct(self) -> Option<Segment> {
        self.whole().filter(|s| s.len.is_multiple_of(CHUNK))
    }

    /// This tile's elements, lent or copied into `buffer`; after them comes what is of no use.
    fn read<'b, P: Prim>(self, view: &'b View<'_>, buffer: &'b mut [P]) -> &'b [P] {
        if let Some(s) = self.direct()
            && let Some(row) = view.row(s.n, s.c, s.start, s.len)
        {
            return row;
        }
        for s in self.segments() {
            view.read_row(s.n, s.c, s.start, &mut buffer[s.at..s.at + s.len]);
        }
        &buffer[..self.padded()]
    }

    /// This tile's memory, where a formula may write it directly.
    fn lend<'b, P: Prim>(self, view: &'b mut ViewMut<'_>) -> Option<&'b mut [P]> {
        let s = self.direct()?;
        view.row(s.n, s.c, s.start, s.len)
    }

    /// Lends memory for this tile's slopes to `work`: that of `view`, or `buffer`, which then goes there.
    fn with_slopes<P: Prim>(
        self,
        view: &mut ViewMut<'_>,
        accumulate: bool,
        buffer: &mut [P],
        work: impl FnOnce(&mut [P]),
    ) {
        if let Some(slopes) = self.lend(view).filter(|_| !accumulate) {
            return work(slopes);
        }
        work(&mut buffer[..self.padded()]);
        self.write(view, buffer, accumulate);
    }

    fn write<P: Prim>(self, view: &mut ViewMut<'_>, buffer: &[P], accumulate: bool) {
        for s in self.segments() {
            let row = &buffer[s.at..s.at + s.len];
            view.write_row(s.n, s.c, s.start, row, accumulate);
        }
    }
}

/// The operands of whole chunks, and where results go.
pub(super) struct Rows<'a, P> {
    x: &'a [P],
    t: &'a [P],
    a: &'a [P],
    w: &'a [P],
    ignore: P,
    values: &'a mut [P],
    /// With what they are multiplied by.
    slopes: Option<(&'a mut [P], P)>,
}

impl<P: Prim> Rows<'_, P> {
    pub(super) fn evaluate<F: Pointwise>(mut self, formula: F) {
        let slopes = self.slopes.take();
        let task = Eval {
            formula,
            rows: self,
        };
        match slopes {
            None if P::IS_WIDE => dispatch(task),
            // No copy for values alone.
            None => dispatch(WithSlopes {
                slopes: &mut [P::default(); TILE],
                scale: P::default(),
                task,
            }),
            Some((slopes, scale)) => dispatch(WithSlopes {
                task,
                slopes,
                scale,
            }),
        }
    }
}

/// Values.
struct Eval<'a, F, P> {
    formula: F,
    rows: Rows<'a, P>,
}

/// Values and slopes.
struct WithSlopes<'a, 's, F, P> {
    task: Eval<'a, F, P>,
    slopes: &'s mut [P],
    scale: P,
}

impl<F: Pointwise, P: Prim> Task for Eval<'_, F, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let Self { formula, rows } = self;
        let one = <P::Lane<I>>::one();
        let mut unread = [P::default(); CHUNK];
        let operands = operands([rows.x, rows.t, rows.a, rows.w]);
        let values = rows.values.as_chunks_mut().0;
        for (operands, values) in operands.zip(values) {
            chunk(formula, rows.ignore, one, operands, values, &mut unread);
        }
    }
}

impl<F: Pointwise, P: Prim> Task for WithSlopes<'_, '_, F, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let Eval { formula, rows } = self.task;
        let scale = <P::Lane<I>>::new(self.scale);
        let operands = operands([rows.x, rows.t, rows.a, rows.w]);
        let values = rows.values.as_chunks_mut().0;
        let slopes = self.slopes.as_chunks_mut().0;
        for ((operands, values), slopes) in operands.zip(values).zip(slopes) {
            chunk(formula, rows.ignore, scale, operands, values, slopes);
        }
    }
}

/// The chunks of each operand.
#[inline(always)]
fn operands<P>(rows: [&[P]; 4]) -> impl Iterator<Item = [&[P; CHUNK]; 4]> {
    let [x, t, a, w] = rows.map(|row| row.as_chunks().0);
    let chunks = x.iter().zip(t).zip(a).zip(w);
    chunks.map(|(((x, t), a), w)| [x, t, a, w])
}

/// Values, and slopes times their weights, 0 where ignored. Results are arguments of their own, so that the compiler need
/// not ask whether they overlap with operands.
#[inline(always)]
fn chunk<F: Pointwise, R: Real>(
    formula: F,
    ignore: R::Prim,
    scale: R,
    [x, t, a, w]: [&[R::Prim; CHUNK]; 4],
    values: &mut [R::Prim; CHUNK],
    slopes: &mut [R::Prim; CHUNK],
) {
    // In loops of their own: the constants of one loop would not fit the registers, and it would wait for each of its steps.
    let is_staged = F::LOGISTIC && R::Prim::IS_WIDE;
    let (mut e, mut l) = ([R::Prim::default(); CHUNK], [R::Prim::default(); CHUNK]);
    if is_staged {
        for k in 0..CHUNK {
            e[k] = R::new(x[k]).exp_minus_abs().get();
        }
        for k in 0..CHUNK {
            l[k] = R::new(e[k]).ln_1p_unit().get();
        }
    }
    for k in 0..CHUNK {
        let [x, t, a, w, e, l] = [x[k], t[k], a[k], w[k], e[k], l[k]].map(R::new);
        let keep = t != R::new(ignore);
        let (value, slope) = if is_staged {
            formula.eval_at(Logistic::with(x, e, l), x, t, a)
        } else {
            formula.eval(x, t, a)
        };
        values[k] = R::select(keep, value * w, R::zero()).get();
        let w = R::select(keep, w, R::zero());
        slopes[k] = (R::select(keep, slope, R::zero()) * (w * scale)).get();
    }
}

/// The slopes of a formula of the difference, to input and target. A pass of its own: the formula is compiled once less.
struct BothSlopes<'a, P> {
    own: &'a mut [P],
    scale: P,
    /// Before they are scaled, and then the target's.
    slopes: &'a mut [P],
    target_scale: P,
}

impl<P: Prim> Task for BothSlopes<'_, P> {
    type Prim = P;
    type Output = ();
    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.slopes.len();
        let (own, slopes) = (&mut self.own[..n], &mut self.slopes[..n]);
        let scale = <P::Lane<I>>::new(self.scale);
        let target_scale = <P::Lane<I>>::new(self.target_scale);
        for i in 0..n {
            let slope = <P::Lane<I>>::new(slopes[i]);
            own[i] = (slope * scale).get();
            slopes[i] = (slope * target_scale).get();
        }
    }
}
