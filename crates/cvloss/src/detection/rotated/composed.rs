//! Losses of rotated boxes composed of candle operations.

use candle_core::{D, Result, Tensor};
use cvloss_kernels::boxes::IouForm;
use cvloss_kernels::rotated::{Divergence, KfForm, Kind, Scale};

use crate::loss::Inputs;
use crate::ops;

struct Rotated {
    centre: [Tensor; 2],
    size: [Tensor; 2],
    cos: Tensor,
    sin: Tensor,
}

fn rotated(boxes: &Tensor) -> Result<Rotated> {
    let number = |at| boxes.narrow(D::Minus1, at, 1)?.squeeze(D::Minus1);
    let angle = number(4)?;
    Ok(Rotated {
        centre: [number(0)?, number(1)?],
        size: [number(2)?, number(3)?],
        cos: angle.cos()?,
        sin: angle.sin()?,
    })
}

/// One value per pair.
pub(super) fn values(kind: Kind, eps: f64, inputs: &Inputs<'_>) -> Result<Tensor> {
    if inputs.input.elem_count() == 0 {
        // candle panics on parts of empty tensors.
        let dims = inputs.input.dims();
        return Tensor::zeros(
            &dims[..dims.len() - 1],
            inputs.input.dtype(),
            inputs.input.device(),
        );
    }
    let (p, t) = (rotated(inputs.input)?, rotated(inputs.target)?);
    match kind {
        Kind::Iou { form } => {
            let iou = iou(&p, &t, eps)?;
            match form {
                IouForm::Linear => iou.affine(-1.0, 1.0),
                IouForm::Square => iou.sqr()?.affine(-1.0, 1.0),
                IouForm::Log => iou.maximum(eps)?.log()?.neg(),
            }
        }
        _ => gaussian(kind, eps, &p, &t),
    }
}

/// The edges of `p` in the frame of `t`, and Green's theorem.
fn iou(p: &Rotated, t: &Rotated, eps: f64) -> Result<Tensor> {
    let size = |x: &Rotated| -> Result<[Tensor; 2]> {
        Ok([x.size[0].maximum(0.0)?, x.size[1].maximum(0.0)?])
    };
    let ([w, h], [wt, ht]) = (size(p)?, size(t)?);
    let offset = [
        (&p.centre[0] - &t.centre[0])?,
        (&p.centre[1] - &t.centre[1])?,
    ];
    let x = ((&offset[0] * &t.cos)? + (&offset[1] * &t.sin)?)?;
    let y = ((&offset[1] * &t.cos)? - (&offset[0] * &t.sin)?)?;
    let cos = ((&p.cos * &t.cos)? + (&p.sin * &t.sin)?)?;
    let sin = ((&p.sin * &t.cos)? - (&p.cos * &t.sin)?)?;
    let corner = |sw: f64, sh: f64| -> Result<[Tensor; 2]> {
        let (a, b) = ((&w * (0.5 * sw))?, (&h * (0.5 * sh))?);
        Ok([
            (&x + ((&a * &cos)? - (&b * &sin)?)?)?,
            (&y + ((&a * &sin)? + (&b * &cos)?)?)?,
        ])
    };
    let corners = [
        corner(1.0, -1.0)?,
        corner(1.0, 1.0)?,
        corner(-1.0, 1.0)?,
        corner(-1.0, -1.0)?,
    ];
    let mut area = x.zeros_like()?;
    for k in 0..4 {
        let (from, to) = (&corners[k], &corners[(k + 1) % 4]);
        area = (area + under(from, to, &wt, &ht)?)?;
    }
    let areas = ((&w * &h)?, (&wt * &ht)?);
    let area = area.maximum(0.0)?.minimum(&areas.0.minimum(&areas.1)?)?;
    let union = ((areas.0 + areas.1)? - &area)?;
    area / (union + eps)?
}

/// A number that may be divided by: 1 where it is nearly 0.
fn divisor(x: &Tensor) -> Result<Tensor> {
    x.abs()?.lt(1e-12)?.where_cond(&x.ones_like()?, x)
}

/// `∫ clamp(x + w/2, 0, w) dy` along an edge, within `±h/2`.
fn under(from: &[Tensor; 2], to: &[Tensor; 2], w: &Tensor, h: &Tensor) -> Result<Tensor> {
    let half = (h * 0.5)?;
    let by = (&to[1] - &from[1])?;
    let safe = divisor(&by)?;
    let a = ((half.neg()? - &from[1])? / &safe)?;
    let b = ((&half - &from[1])? / &safe)?;
    let first = a.minimum(&b)?.maximum(0.0)?;
    let last = a.maximum(&b)?.minimum(1.0)?;
    let part = (&last - &first)?.maximum(0.0)?;
    let left = (&from[0] + (w * 0.5)?)?;
    let along = (&to[0] - &from[0])?;
    let start = (&left + (&first * &along)?)?;
    let end = (left + (last * along)?)?;
    let clamp = |x: &Tensor| x.maximum(0.0)?.minimum(w);
    let (ca, cb) = (clamp(&start)?, clamp(&end)?);
    let whole = (&end - &start)?;
    let is_short = whole.abs()?.lt(1e-12)?;
    let safe = divisor(&whole)?;
    let within = ((&cb - &ca)? / &safe)?;
    let beyond = ((end.maximum(w)? - start.maximum(w)?)? / &safe)?;
    let mixed = ((((&ca + &cb)? * 0.5)? * within)? + (beyond * w)?)?;
    let mean = is_short.where_cond(&ca, &mixed)?;
    (part * by)? * mean
}

/// `[[xx, xy], [xy, yy]]`, and its determinant's root.
struct Covariance {
    xx: Tensor,
    xy: Tensor,
    yy: Tensor,
    root: Tensor,
}

fn covariance(x: &Rotated) -> Result<Covariance> {
    let clamp = |x: &Tensor| x.maximum(1e-7)?.minimum(1e7);
    let (w, h) = (clamp(&x.size[0])?, clamp(&x.size[1])?);
    let (ww, hh) = ((w.sqr()? * 0.25)?, (h.sqr()? * 0.25)?);
    let (cc, ss) = (x.cos.sqr()?, x.sin.sqr()?);
    Ok(Covariance {
        xx: ((&ww * &cc)? + (&hh * &ss)?)?,
        xy: (((&ww - &hh)? * &x.cos)? * &x.sin)?,
        yy: ((&ww * &ss)? + (&hh * &cc)?)?,
        root: ((w * h)? * 0.25)?,
    })
}

impl Covariance {
    fn adjugate_trace(&self, other: &Self) -> Result<Tensor> {
        let mixed = ((&self.xy * &other.xy)? * 2.0)?;
        ((&self.yy * &other.xx)? + (&self.xx * &other.yy)?)? - mixed
    }

    fn adjugate_square(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        let mixed = (((&self.xy * x)? * y)? * 2.0)?;
        ((&self.yy * x.sqr()?)? + (&self.xx * y.sqr()?)?)? - mixed
    }
}

/// A root with gradient 0 at 0.
fn root(x: &Tensor) -> Result<Tensor> {
    ops::power(&x.maximum(0.0)?, 0.5)
}

fn scaled(distance: Tensor, scale: Scale, tau: f64) -> Result<Tensor> {
    let distance = match scale {
        Scale::Linear => distance,
        Scale::Sqrt => distance.maximum(1e-7)?.sqrt()?,
        Scale::Log1p => (distance + 1.0)?.log()?,
    };
    match tau {
        0.0 => Ok(distance),
        tau => (distance + tau)?.recip()?.affine(-1.0, 1.0),
    }
}

fn gaussian(kind: Kind, eps: f64, p: &Rotated, t: &Rotated) -> Result<Tensor> {
    let x = (&p.centre[0] - &t.centre[0])?;
    let y = (&p.centre[1] - &t.centre[1])?;
    let (p, t) = (covariance(p)?, covariance(t)?);
    let determinant = |c: &Covariance| c.root.sqr();
    match kind {
        Kind::Gwd {
            scale,
            tau,
            alpha,
            is_normalized,
        } => {
            let mixed = (&p.root * &t.root)?;
            let trace = (((&p.xx * &t.xx)? + (&p.yy * &t.yy)?)? + ((&p.xy * &t.xy)? * 2.0)?)?;
            let inner = root(&(trace + (&mixed * 2.0)?)?)?;
            let traces = ((&p.xx + &p.yy)? + (&t.xx + &t.yy)?)?;
            let shape = (traces - (inner * 2.0)?)?;
            let square = ((x.sqr()? + y.sqr()?)? + (shape * (alpha * alpha))?)?;
            let distance = root(&square)?;
            let distance = match is_normalized {
                true => (distance / (root(&root(&mixed)?)?.maximum(1e-7)? * 2.0)?)?,
                false => distance,
            };
            scaled(distance, scale, tau)
        }
        Kind::Kld {
            divergence,
            has_root,
            scale,
            tau,
            alpha,
        } => {
            let one = |p: &Covariance, t: &Covariance| -> Result<Tensor> {
                let centre = (p.adjugate_square(&x, &y)? * (0.5 / (alpha * alpha)))?;
                let shape = (p.adjugate_trace(t)? * 0.5)?;
                let ratio = (((centre + shape)? / &p.root)? / &p.root)?;
                ((ratio + (p.root.log()? - t.root.log()?)?)? - 1.0)?.contiguous()
            };
            let (forward, back) = (one(&p, &t)?, one(&t, &p)?);
            let distance = match divergence {
                Divergence::Forward => forward,
                Divergence::Jeffreys => ((forward + back)? * 0.5)?,
                Divergence::Largest => forward.maximum(&back)?,
                Divergence::Smallest => forward.minimum(&back)?,
            };
            let distance = match has_root {
                true => distance.maximum(1e-7)?.sqrt()?,
                false => distance.maximum(0.0)?,
            };
            scaled(distance, scale, tau)
        }
        Kind::Kfiou { form, beta } => {
            let sum = ((determinant(&p)? + determinant(&t)?)? + p.adjugate_trace(&t)?)?;
            let shared = (((&p.root * &t.root)? / sum.sqrt()?)? * 4.0)?;
            let areas = ((&p.root + &t.root)? * 4.0)?;
            let iou = (&shared / ((areas - &shared)? + eps)?)?;
            let overlap = match form {
                KfForm::Linear => iou.affine(-1.0, 1.0)?,
                KfForm::Log => (iou + eps)?.log()?.neg()?,
                KfForm::Exp => (iou.affine(-1.0, 1.0)?.exp()? - 1.0)?,
            };
            let smooth = |x: &Tensor| -> Result<Tensor> {
                let d = x.abs()?;
                let small = (d.sqr()? * (0.5 / beta))?;
                d.lt(beta)?.where_cond(&small, &(&d - 0.5 * beta)?)
            };
            ((smooth(&x)? + smooth(&y)?)? + overlap)?.maximum(0.0)
        }
        _ => {
            let sum = ((determinant(&p)? + determinant(&t)?)? + p.adjugate_trace(&t)?)?;
            let sum = (sum * (1.0 / 9.0))?;
            let centre = ((p.adjugate_square(&x, &y)? + t.adjugate_square(&x, &y)?)? / 3.0)?;
            let centre = (centre / (&sum + eps)?)?;
            let mixed = (((&p.root * &t.root)? * (4.0 / 9.0))? + eps)?;
            let shape = ((sum / mixed)? + eps)?.log()?;
            let distance = ((centre * 0.25)? + (shape * 0.5)?)?;
            let distance = distance.maximum(eps)?.minimum(100.0)?;
            (distance.neg()?.exp()?.affine(-1.0, 1.0 + eps))?.sqrt()
        }
    }
}
