//! Losses of rotated boxes as Gaussians: centre, and covariance `R diag(w²/4, h²/4) Rᵀ`.
//!
//! Each is a formula of ten numbers (the offset, both covariances, both areas) on [`Dual`]; their slopes go back to the
//! boxes by the covariance's own derivatives, written out.

#![forbid(unsafe_code)]

use super::dual::Dual;
use super::frame::Frame;
use super::{Divergence, KfForm, Scale};
use crate::loops::boxes::Pair;
use crate::math::Real;

type Number<R> = Dual<R, 10>;

/// A covariance `[[xx, xy], [xy, yy]]`, and the area of its box: its determinant is `(area/4)²`.
#[derive(Clone, Copy)]
pub(super) struct Covariance<R> {
    xx: Number<R>,
    xy: Number<R>,
    yy: Number<R>,
    area: Number<R>,
}

impl<R: Real> Covariance<R> {
    /// `tr(Σ₁ Σ₂)`.
    #[inline(always)]
    fn trace(&self, other: &Self) -> Number<R> {
        self.xx * other.xx + (self.xy * other.xy).times(2.0) + self.yy * other.yy
    }

    /// `tr(adj Σ₁ Σ₂)`.
    #[inline(always)]
    fn adjugate_trace(&self, other: &Self) -> Number<R> {
        self.yy * other.xx - (self.xy * other.xy).times(2.0) + self.xx * other.yy
    }

    /// `dᵀ (adj Σ) d`.
    #[inline(always)]
    fn adjugate_square(&self, [x, y]: [Number<R>; 2]) -> Number<R> {
        self.yy * x.square() - (self.xy * x * y).times(2.0) + self.xx * y.square()
    }

    #[inline(always)]
    fn determinant(&self) -> Number<R> {
        self.area.times(0.25).square()
    }

    #[inline(always)]
    fn plus(&self, other: &Self) -> [Number<R>; 3] {
        [self.xx + other.xx, self.xy + other.xy, self.yy + other.yy]
    }
}

/// A distance of two Gaussians.
pub(super) trait Formula: Copy + Send + Sync {
    fn eval<R: Real>(
        &self,
        offset: [Number<R>; 2],
        p: &Covariance<R>,
        t: &Covariance<R>,
    ) -> Number<R>;
}

/// The pairs of a formula.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gaussian<F>(pub(super) F);

impl<F: Formula> Pair<5> for Gaussian<F> {
    #[inline(always)]
    fn eval<R: Real>(&self, a: [R; 5], b: [R; 5]) -> (R, [[R; 5]; 2]) {
        let (least, most) = (R::of(1e-7), R::of(1e7));
        let clamp = |frame: Frame<R>| Frame {
            size: [
                frame.size[0].at_least(least).at_most(most),
                frame.size[1].at_least(least).at_most(most),
            ],
            ..frame
        };
        let (p, t) = (clamp(Frame::new(a)), clamp(Frame::new(b)));
        let quarter = R::of(0.25);
        let covariance = |frame: &Frame<R>, at: usize| {
            let [w, h] = frame.size;
            let (ww, hh) = (quarter * w * w, quarter * h * h);
            let (cc, ss, cs) = (
                frame.cos * frame.cos,
                frame.sin * frame.sin,
                frame.cos * frame.sin,
            );
            Covariance {
                xx: Dual::variable(ww.mul_add(cc, hh * ss), at),
                xy: Dual::variable((ww - hh) * cs, at + 1),
                yy: Dual::variable(ww.mul_add(ss, hh * cc), at + 2),
                area: Dual::variable(w * h, at + 3),
            }
        };
        let offset = [
            Dual::variable(p.centre[0] - t.centre[0], 8),
            Dual::variable(p.centre[1] - t.centre[1], 9),
        ];
        let result = self.0.eval(offset, &covariance(&p, 0), &covariance(&t, 4));

        let slopes = result.slopes;
        let pull = |frame: &Frame<R>, numbers: [R; 5], at: usize, sign: R| {
            let [w, h] = frame.size;
            let (xx, xy, yy, area) = (slopes[at], slopes[at + 1], slopes[at + 2], slopes[at + 3]);
            let (c, s) = (frame.cos, frame.sin);
            let (cc, ss, cs) = (c * c, s * s, c * s);
            let half = R::of(0.5);
            let of_ww = xx * cc + xy * cs + yy * ss;
            let of_hh = xx * ss - xy * cs + yy * cc;
            let excess = quarter * (w * w - h * h);
            let turn = excess * ((yy - xx) * (cs + cs) + xy * (cc - ss));
            let size = |slope: R, number: R| {
                let is_clamped = number < least || number > most;
                R::select(is_clamped, R::zero(), slope)
            };
            [
                sign * slopes[8],
                sign * slopes[9],
                size(half * w * of_ww + area * h, numbers[2]),
                size(half * h * of_hh + area * w, numbers[3]),
                turn,
            ]
        };
        let one = R::one();
        (result.value, [pull(&p, a, 0, one), pull(&t, b, 4, -one)])
    }
}

impl Scale {
    /// The end of mmrotate's losses: a function of the distance, and `1 − 1/(τ + ·)` if `τ ≥ 1`.
    #[inline(always)]
    fn apply<R: Real>(self, distance: Number<R>, tau: f64) -> Number<R> {
        // All of them, of which one is chosen: branches would keep pairs from vectors.
        let root = distance.at_least(1e-7).sqrt();
        let log = distance.plus(1.0).ln();
        let distance = Dual::select(self == Self::Sqrt, root, distance);
        let distance = Dual::select(self == Self::Log1p, log, distance);
        let bounded = (-distance.plus(tau).recip()).plus(1.0);
        Dual::select(tau >= 1.0, bounded, distance)
    }
}

/// Gaussian Wasserstein distance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gwd {
    pub(super) scale: Scale,
    pub(super) tau: f64,
    pub(super) alpha: f64,
    pub(super) is_normalized: bool,
}

impl Formula for Gwd {
    #[inline(always)]
    fn eval<R: Real>(
        &self,
        [x, y]: [Number<R>; 2],
        p: &Covariance<R>,
        t: &Covariance<R>,
    ) -> Number<R> {
        // √(det Σ₁ det Σ₂)
        let mixed = (p.area * t.area).times(1.0 / 16.0);
        let root = (p.trace(t) + mixed.times(2.0)).sqrt();
        let shape = p.xx + p.yy + t.xx + t.yy - root.times(2.0);
        let square = x.square() + y.square() + shape.times(self.alpha * self.alpha);
        let distance = square.at_least(0.0).sqrt();
        let size = mixed.sqrt().sqrt().at_least(1e-7);
        let normalized = distance * size.times(2.0).recip();
        let distance = Dual::select(self.is_normalized, normalized, distance);
        self.scale.apply(distance, self.tau)
    }
}

/// Kullback-Leibler divergence of the target from the prediction, and its symmetric relatives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kld {
    pub(super) divergence: Divergence,
    pub(super) has_root: bool,
    pub(super) scale: Scale,
    pub(super) tau: f64,
    pub(super) alpha: f64,
}

impl Kld {
    /// `KL(N_t ‖ N_p)`.
    #[inline(always)]
    fn one<R: Real>(
        &self,
        offset: [Number<R>; 2],
        p: &Covariance<R>,
        t: &Covariance<R>,
    ) -> Number<R> {
        // The determinant's root, twice: the square of its inverse would overflow.
        let per = p.area.times(0.25).recip();
        let centre = (p.adjugate_square(offset) * per * per).times(0.5 / (self.alpha * self.alpha));
        let shape = (p.adjugate_trace(t) * per * per).times(0.5);
        // ½ ln(det Σ_p / det Σ_t)
        (centre + shape + p.area.ln() - t.area.ln()).plus(-1.0)
    }
}

impl Formula for Kld {
    #[inline(always)]
    fn eval<R: Real>(
        &self,
        offset: [Number<R>; 2],
        p: &Covariance<R>,
        t: &Covariance<R>,
    ) -> Number<R> {
        let forward = self.one(offset, p, t);
        let back = self.one(offset, t, p);
        let is_larger = back.value > forward.value;
        let is_smaller = back.value < forward.value;
        let is_back = ((self.divergence == Divergence::Largest) & is_larger)
            | ((self.divergence == Divergence::Smallest) & is_smaller);
        let mean = (forward + back).times(0.5);
        let distance = Dual::select(is_back, back, forward);
        let is_mean = self.divergence == Divergence::Jeffreys;
        let distance = Dual::select(is_mean, mean, distance);
        let root = distance.at_least(1e-7).sqrt();
        let distance = Dual::select(self.has_root, root, distance.at_least(0.0));
        self.scale.apply(distance, self.tau)
    }
}

/// The IoU of the Kalman-fused Gaussian, and a smooth L1 of the centres.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kfiou {
    pub(super) form: KfForm,
    pub(super) beta: f64,
    pub(super) eps: f64,
}

impl Formula for Kfiou {
    #[inline(always)]
    fn eval<R: Real>(
        &self,
        offset: [Number<R>; 2],
        p: &Covariance<R>,
        t: &Covariance<R>,
    ) -> Number<R> {
        // det(Σ_p + Σ_t), of which both determinants are known better than by subtraction.
        let sum = p.determinant() + t.determinant() + p.adjugate_trace(t);
        let shared = p.area * t.area * sum.sqrt().recip().times(0.25);
        let union = (p.area + t.area - shared).plus(self.eps);
        let iou = shared * union.recip();
        let loss = (-iou).plus(1.0);
        let log = -iou.plus(self.eps).ln();
        let exp = loss.exp().plus(-1.0);
        let overlap = Dual::select(self.form == KfForm::Log, log, loss);
        let overlap = Dual::select(self.form == KfForm::Exp, exp, overlap);
        let smooth = |x: Number<R>| {
            let (zero, one, beta) = (R::zero(), R::one(), R::of(self.beta));
            let sign = R::select(x.value < zero, -one, one);
            let d = x.map(x.value * sign, sign);
            let small = d.square().times(0.5 / self.beta);
            Dual::select(d.value < beta, small, d.plus(-0.5 * self.beta))
        };
        (smooth(offset[0]) + smooth(offset[1]) + overlap).at_least(0.0)
    }
}

/// Hellinger distance of Gaussians of variance `w²/12`, `h²/12`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProbIou {
    pub(super) eps: f64,
}

impl Formula for ProbIou {
    #[inline(always)]
    fn eval<R: Real>(
        &self,
        offset: [Number<R>; 2],
        p: &Covariance<R>,
        t: &Covariance<R>,
    ) -> Number<R> {
        // A third of the covariances here, so a ninth of the determinants.
        let [xx, xy, yy] = p.plus(t);
        let sum = (p.determinant() + t.determinant() + p.adjugate_trace(t)).times(1.0 / 9.0);
        let total = Covariance {
            xx: xx.times(1.0 / 3.0),
            xy: xy.times(1.0 / 3.0),
            yy: yy.times(1.0 / 3.0),
            area: p.area,
        };
        let centre = total.adjugate_square(offset) * sum.plus(self.eps).recip();
        let mixed = (p.area * t.area).times(4.0 / 144.0).plus(self.eps);
        let shape = (sum * mixed.recip()).plus(self.eps).ln();
        let distance = centre.times(0.25) + shape.times(0.5);
        let distance = distance.at_least(self.eps).at_most(100.0);
        (-(-distance).exp()).plus(1.0 + self.eps).sqrt()
    }
}
