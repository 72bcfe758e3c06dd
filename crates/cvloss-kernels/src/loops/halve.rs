//! Halving planes: each pixel of the smaller one is the mean of 2 along each axis, by weight where there are weights.

use crate::error::Result;
use crate::math::Real;
use crate::options::Gradient;
use crate::parallel;
use crate::scalar::Prim;
use crate::simd::{Isa, Task, dispatch};
use crate::view::{View, ViewMut};

/// What becomes of an axis of odd length when it is halved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum OddPooling {
    /// The last pixel is dropped: torchmetrics, burn.
    #[default]
    Drop,
    /// The last pixel stands for itself: piqa.
    KeepLast,
    /// The first pixel stands for itself: piq, where all axes are odd.
    KeepFirst,
    /// The first pixel is averaged with a zero: pytorch_msssim.
    ZeroFirst,
}

/// An axis that is halved.
#[derive(Clone, Copy, Debug)]
struct Halved {
    len: usize,
    /// The length of the smaller axis.
    out: usize,
    /// Pairs begin one pixel early.
    is_early: bool,
    odd: OddPooling,
    /// Axes that an image lacks stay.
    stays: bool,
}

impl Halved {
    fn new(len: usize, odd: OddPooling, stays: bool) -> Self {
        let is_odd = len % 2 == 1;
        let is_first = matches!(odd, OddPooling::KeepFirst | OddPooling::ZeroFirst);
        let out = match odd {
            _ if stays => len,
            OddPooling::Drop => len / 2,
            OddPooling::KeepLast | OddPooling::KeepFirst | OddPooling::ZeroFirst => len.div_ceil(2),
        };
        Self {
            len,
            out,
            is_early: is_odd && is_first && !stays,
            odd,
            stays,
        }
    }

    /// The pixels that `at` is made of, with their share. What is missing to 1 is the share of zeros.
    fn sources(&self, at: usize) -> [Option<(usize, f64)>; 2] {
        if self.stays {
            return [Some((at, 1.0)), None];
        }
        let second = 2 * at + usize::from(!self.is_early);
        match second.checked_sub(1) {
            Some(first) if second < self.len => [Some((first, 0.5)), Some((second, 0.5))],
            Some(first) => [Some((first, 1.0)), None],
            None if self.odd == OddPooling::ZeroFirst => [None, Some((second, 0.5))],
            None => [None, Some((second, 1.0))],
        }
    }

    /// The pixel of the smaller axis that `at` is part of, with its share.
    fn sink(&self, at: usize) -> Option<(usize, f64)> {
        let to = match (self.stays, self.is_early) {
            (true, _) => at,
            (false, true) => at.div_ceil(2),
            (false, false) => at / 2,
        };
        let sources = (to < self.out).then(|| self.sources(to))?;
        let (_, share) = sources
            .into_iter()
            .flatten()
            .find(|(from, _)| *from == at)?;
        Some((to, share))
    }
}

/// How a space is halved.
#[derive(Clone, Debug)]
pub(crate) struct Halving([Halved; 3]);

/// Smaller images, (N, C, S) without gaps, and their weights, (N, 1, S).
pub(crate) struct Level<P> {
    pub(crate) input: Vec<P>,
    pub(crate) target: Vec<P>,
    pub(crate) weight: Option<Vec<P>>,
    shape: [usize; 3],
}

impl<P: Prim> Level<P> {
    pub(crate) fn input(&self) -> Result<View<'_>> {
        View::of(&self.input, self.shape)
    }

    pub(crate) fn target(&self) -> Result<View<'_>> {
        View::of(&self.target, self.shape)
    }

    pub(crate) fn weight(&self) -> Result<Option<View<'_>>> {
        let [items, _, space] = self.shape;
        let weight = self.weight.as_ref();
        weight
            .map(|weight| View::of(weight, [items, 1, space]))
            .transpose()
    }
}

/// What a plane's pixels are multiplied with and divided by.
#[derive(Clone, Copy)]
enum Kind<'a, P> {
    /// Nothing.
    Plain,
    /// Nothing, but zeros of images weigh 1.
    Weights,
    /// Weights, and the same halved.
    Weighted(&'a View<'a>, &'a [P]),
}

impl Halving {
    /// `axes`: which of the three axes the images have.
    pub(crate) fn new(space: [usize; 3], axes: [bool; 3], odd: OddPooling) -> Self {
        Self([0, 1, 2].map(|axis| Halved::new(space[axis], odd, !axes[axis])))
    }

    pub(crate) fn space(&self) -> [usize; 3] {
        self.0.map(|axis| axis.out)
    }

    /// Halves two images and their weights.
    pub(crate) fn level<P: Prim>(
        &self,
        input: &View<'_>,
        target: &View<'_>,
        weight: Option<&View<'_>>,
    ) -> Level<P> {
        let [items, channels, _] = input.shape();
        let shape = [items, channels, self.space().iter().product()];
        let halved = weight.map(|weight| self.halve(weight, Kind::<P>::Weights));
        let kind = match (weight, &halved) {
            (Some(weight), Some(halved)) => Kind::Weighted(weight, halved),
            _ => Kind::Plain,
        };
        Level {
            input: self.halve(input, kind),
            target: self.halve(target, kind),
            weight: halved,
            shape,
        }
    }

    fn halve<P: Prim>(&self, view: &View<'_>, kind: Kind<'_, P>) -> Vec<P> {
        let [items, channels, _] = view.shape();
        let space: usize = self.space().iter().product();
        let mut halved = vec![P::default(); items * channels * space];
        if space > 0 {
            let planes: Vec<_> = halved.chunks_exact_mut(space).enumerate().collect();
            parallel::map(planes, |(plane, to)| {
                self.halve_plane(view, plane / channels, plane % channels, kind, to);
            });
        }
        halved
    }

    fn halve_plane<P: Prim>(
        &self,
        view: &View<'_>,
        n: usize,
        c: usize,
        kind: Kind<'_, P>,
        to: &mut [P],
    ) {
        let [slices, rows, columns] = self.0;
        let mut buffers = [(); 3].map(|()| vec![P::default(); columns.len]);
        let [sums, xs, ws] = &mut buffers;
        for (at, to) in to.chunks_exact_mut(columns.out).enumerate() {
            sums.fill(P::default());
            let mut share = 0.0;
            for (slice, slice_share) in slices.sources(at / rows.out).into_iter().flatten() {
                for (row, row_share) in rows.sources(at % rows.out).into_iter().flatten() {
                    let start = (slice * rows.len + row) * columns.len;
                    share += slice_share * row_share;
                    dispatch(AddRow {
                        share: P::of(slice_share * row_share),
                        x: view.lend(n, c, start, xs),
                        w: match kind {
                            Kind::Weighted(weight, _) => Some(weight.lend(n, 0, start, ws)),
                            Kind::Plain | Kind::Weights => None,
                        },
                        to: &mut *sums,
                    });
                }
            }
            let (first, inner) = columns.halve_row(sums, to, share);
            match kind {
                Kind::Plain => {}
                Kind::Weights => {
                    for (at, to) in to.iter_mut().enumerate() {
                        let zeros = 1.0 - if at == 0 { first } else { inner };
                        *to = P::of(to.to_f64() + zeros);
                    }
                }
                Kind::Weighted(_, means) => {
                    let start = n * self.space().iter().product::<usize>() + at * columns.out;
                    for (to, mean) in to.iter_mut().zip(&means[start..]) {
                        let none = *mean == P::default();
                        *to = if none {
                            P::default()
                        } else {
                            P::of(to.to_f64() / mean.to_f64())
                        };
                    }
                }
            }
        }
    }

    /// Adds to the gradient of an image what that of the smaller one makes of it. `means` are the smaller weights.
    pub(crate) fn add_gradient<P: Prim>(
        &self,
        smaller: &[P],
        weight: Option<(&View<'_>, &[P])>,
        gradient: &mut Gradient<'_>,
    ) {
        if smaller.is_empty() {
            return;
        }
        let [_, channels, _] = gradient.view.shape();
        let space: usize = self.space().iter().product();
        let scale = gradient.scale;
        let items = gradient.view.reborrow().split(0, 1).into_iter();
        let planes: Vec<_> = items
            .flat_map(|item| item.split(1, 1))
            .enumerate()
            .collect();
        parallel::map(planes, |(plane, view)| {
            let smaller = &smaller[plane * space..][..space];
            let n = plane / channels;
            let weight = weight.map(|(weight, means)| (weight, &means[n * space..][..space]));
            self.add_plane(smaller, n, weight, scale, view);
        });
    }

    fn add_plane<P: Prim>(
        &self,
        smaller: &[P],
        n: usize,
        weight: Option<(&View<'_>, &[P])>,
        scale: f64,
        mut view: ViewMut<'_>,
    ) {
        let [slices, rows, columns] = self.0;
        let across: Vec<_> = (0..columns.len)
            .map(|at| P::of(columns.sink(at).map_or(0.0, |(_, share)| share)))
            .collect();
        let mut row = vec![P::default(); columns.len];
        let mut weights = vec![P::default(); columns.len];
        let mut from = vec![P::default(); columns.out];
        for at in 0..slices.len * rows.len {
            let sink = slices.sink(at / rows.len).zip(rows.sink(at % rows.len));
            let Some(((slice, slice_share), (line, row_share))) = sink else {
                continue;
            };
            let start = (slice * rows.out + line) * columns.out;
            from.copy_from_slice(&smaller[start..][..columns.out]);
            if let Some((weight, means)) = weight {
                for (x, mean) in from.iter_mut().zip(&means[start..]) {
                    let none = *mean == P::default();
                    *x = if none {
                        P::default()
                    } else {
                        P::of(x.to_f64() / mean.to_f64())
                    };
                }
                weight.read_row(n, 0, at * columns.len, &mut weights);
            }
            columns.double_row(&from, &mut row);
            dispatch(ScaleRow {
                scale: P::of(scale * slice_share * row_share),
                across: &across,
                w: weight.is_some().then_some(&*weights),
                x: &mut row,
            });
            view.write_row(0, 0, at * columns.len, &row, true);
        }
    }
}

impl Halved {
    /// Halves a row; returns the share that pixels have in the first number and in the others, times `share`.
    fn halve_row<P: Prim>(&self, from: &[P], to: &mut [P], share: f64) -> (f64, f64) {
        if self.stays {
            to.copy_from_slice(from);
            return (share, share);
        }
        let pairs = match self.is_early {
            false => (from.len() / 2).min(to.len()),
            true => to.len() - 1,
        };
        let skip = usize::from(self.is_early);
        dispatch(Pairs {
            from: &from[skip..],
            to: &mut to[skip..][..pairs],
        });
        let mut of_first = share;
        for at in [0, self.out - 1] {
            let sources = self.sources(at);
            let sum = sources.iter().flatten();
            to[at] = P::of(sum.map(|(from_at, s)| s * from[*from_at].to_f64()).sum());
            if at == 0 {
                of_first *= sources
                    .iter()
                    .flatten()
                    .map(|(_, share)| share)
                    .sum::<f64>();
            }
        }
        (of_first, share)
    }

    /// For every pixel, the number of the smaller row that it is part of; 0 for a pixel that is part of none.
    fn double_row<P: Prim>(&self, from: &[P], to: &mut [P]) {
        if self.stays {
            to.copy_from_slice(from);
            return;
        }
        let skip = usize::from(self.is_early);
        if let Some(last) = to.last_mut() {
            *last = match self.sink(self.len - 1) {
                Some((at, _)) => from[at],
                None => P::default(),
            };
        }
        if self.is_early {
            to[0] = from[0];
        }
        dispatch(Twice {
            from: &from[skip..],
            to: &mut to[skip..],
        });
    }
}

/// `to += share · w · x`; what lies at a weight of 0 does not matter.
struct AddRow<'a, P> {
    share: P,
    x: &'a [P],
    w: Option<&'a [P]>,
    to: &'a mut [P],
}

impl<P: Prim> Task for AddRow<'_, P> {
    type Prim = P;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.to.len();
        let (x, share) = (&self.x[..n], P::Lane::<I>::new(self.share));
        let zero = P::Lane::<I>::zero();
        match self.w {
            None => {
                for i in 0..n {
                    let sum = P::Lane::<I>::new(self.to[i]);
                    self.to[i] = share.mul_add(P::Lane::<I>::new(x[i]), sum).get();
                }
            }
            Some(w) => {
                let w = &w[..n];
                for i in 0..n {
                    let (sum, w) = (P::Lane::<I>::new(self.to[i]), P::Lane::<I>::new(w[i]));
                    let wx = P::Lane::<I>::select(w == zero, zero, w * P::Lane::<I>::new(x[i]));
                    self.to[i] = share.mul_add(wx, sum).get();
                }
            }
        }
    }
}

/// Means of pairs.
struct Pairs<'a, P> {
    from: &'a [P],
    to: &'a mut [P],
}

impl<P: Prim> Task for Pairs<'_, P> {
    type Prim = P;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let half = P::Lane::<I>::of(0.5);
        for (to, pair) in self.to.iter_mut().zip(self.from.chunks_exact(2)) {
            let sum = P::Lane::<I>::new(pair[0]) + P::Lane::<I>::new(pair[1]);
            *to = (half * sum).get();
        }
    }
}

/// Each number for a pair.
struct Twice<'a, P> {
    from: &'a [P],
    to: &'a mut [P],
}

impl<P: Prim> Task for Twice<'_, P> {
    type Prim = P;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for (pair, number) in self.to.chunks_exact_mut(2).zip(self.from) {
            (pair[0], pair[1]) = (*number, *number);
        }
    }
}

/// `x *= scale · across · w`.
struct ScaleRow<'a, P> {
    scale: P,
    across: &'a [P],
    w: Option<&'a [P]>,
    x: &'a mut [P],
}

impl<P: Prim> Task for ScaleRow<'_, P> {
    type Prim = P;
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let n = self.x.len();
        let (across, scale) = (&self.across[..n], P::Lane::<I>::new(self.scale));
        match self.w {
            None => {
                for i in 0..n {
                    let share = scale * P::Lane::<I>::new(across[i]);
                    self.x[i] = (share * P::Lane::<I>::new(self.x[i])).get();
                }
            }
            Some(w) => {
                let w = &w[..n];
                for i in 0..n {
                    let share = scale * P::Lane::<I>::new(across[i]) * P::Lane::<I>::new(w[i]);
                    self.x[i] = (share * P::Lane::<I>::new(self.x[i])).get();
                }
            }
        }
    }
}
