//! Losses of boxes composed of candle operations.

use candle_core::{D, Result, Tensor};
use cvloss_kernels::boxes::{
    BoxFormat, Combinators, IouForm, Kind, SiouSign, WeightSlope, WiseVersion,
};

use crate::loss::Inputs;
use crate::ops;

/// One axis of two boxes.
struct Axis {
    low: [Tensor; 2],
    high: [Tensor; 2],
}

/// What is measured along it: see the kernel.
struct Extent {
    shared: Tensor,
    size: [Tensor; 2],
    hull: Tensor,
    offset: Tensor,
    ends: [Tensor; 2],
}

fn axis(boxes: [&Tensor; 2], format: BoxFormat, at: usize) -> Result<Axis> {
    let ends = |boxes: &Tensor| -> Result<(Tensor, Tensor)> {
        let number = |at| boxes.narrow(D::Minus1, at, 1)?.squeeze(D::Minus1);
        let (a, b) = (number(at)?, number(at + 2)?);
        Ok(match format {
            BoxFormat::Xyxy => (a, b),
            BoxFormat::Xywh => (a.clone(), (a + b)?),
            BoxFormat::Cxcywh => {
                let half = (b * 0.5)?;
                ((&a - &half)?, (a + half)?)
            }
        })
    };
    let ((a, c), (b, d)) = (ends(boxes[0])?, ends(boxes[1])?);
    Ok(Axis {
        low: [a, b],
        high: [c, d],
    })
}

impl Axis {
    fn extent(&self) -> Result<Extent> {
        let ([a, b], [c, d]) = (&self.low, &self.high);
        let ends = [(a - b)?, (c - d)?];
        Ok(Extent {
            shared: (c.minimum(d)? - a.maximum(b)?)?.maximum(0.0)?,
            size: [(c - a)?.maximum(0.0)?, (d - b)?.maximum(0.0)?],
            hull: (c.maximum(d)? - a.minimum(b)?)?.maximum(0.0)?,
            offset: ((&ends[0] + &ends[1])? * 0.5)?,
            ends,
        })
    }

    fn scaled(&self, ratio: f64) -> Result<Self> {
        let scale = |k: usize| -> Result<(Tensor, Tensor)> {
            let centre = ((&self.low[k] + &self.high[k])? * 0.5)?;
            let half = ((&self.high[k] - &self.low[k])? * (0.5 * ratio))?;
            Ok(((&centre - &half)?, (centre + half)?))
        };
        let ((a, c), (b, d)) = (scale(0)?, scale(1)?);
        Ok(Self {
            low: [a, b],
            high: [c, d],
        })
    }
}

/// IoU and union.
fn overlap(x: &Extent, y: &Extent, eps: f64) -> Result<(Tensor, Tensor)> {
    let intersection = (&x.shared * &y.shared)?;
    let areas = ((&x.size[0] * &y.size[0])? + (&x.size[1] * &y.size[1])?)?;
    let union = (areas - &intersection)?;
    Ok(((intersection / (&union + eps)?)?, union))
}

fn less(a: &Tensor) -> Result<Tensor> {
    a.affine(-1.0, 1.0)
}

/// One value per pair.
pub(super) fn values(
    kind: Kind,
    combinators: &Combinators,
    format: BoxFormat,
    eps: f64,
    inputs: &Inputs<'_>,
) -> Result<Tensor> {
    let boxes = [inputs.input, inputs.target];
    if inputs.input.elem_count() == 0 {
        // candle panics on parts of empty tensors.
        let dims = inputs.input.dims();
        return Tensor::zeros(
            &dims[..dims.len() - 1],
            inputs.input.dtype(),
            inputs.input.device(),
        );
    }
    let axes = [axis(boxes, format, 0)?, axis(boxes, format, 1)?];
    let (x, y) = (axes[0].extent()?, axes[1].extent()?);
    match kind {
        Kind::Extended { smooth_point } => return extended(&axes, &x, &y, eps, smooth_point),
        Kind::Nwd { constant } => return nwd(&x, &y, constant),
        Kind::Bounded { beta } => return bounded(&x, &y, eps, beta),
        _ => {}
    }
    let (iou, union) = overlap(&x, &y, eps)?;
    let Combinators {
        form,
        alpha,
        inner,
        focaler: (low, high),
    } = *combinators;
    let inner = match inner {
        1.0 => iou.clone(),
        ratio => {
            let (x, y) = (axes[0].scaled(ratio)?, axes[1].scaled(ratio)?);
            overlap(&x.extent()?, &y.extent()?, eps)?.0
        }
    };
    let stretched = ((inner - low)? / (high - low))?.clamp(0.0, 1.0)?;
    let power = |x: &Tensor, alpha: f64| match alpha {
        1.0 => Ok(x.clone()),
        alpha => ops::power(x, alpha),
    };
    let term = match form {
        IouForm::Linear => less(&power(&stretched, alpha)?)?,
        IouForm::Square => less(&power(&stretched, 2.0 * alpha)?)?,
        IouForm::Log => (stretched.maximum(eps)?.log()? * -alpha)?,
    };
    let power = |x: &Tensor| power(x, alpha);
    let diagonal = ((x.hull.sqr()? + y.hull.sqr()?)? + eps)?;
    let distance = (x.offset.sqr()? + y.offset.sqr()?)?;
    match kind {
        Kind::Giou => {
            let hull = (&x.hull * &y.hull)?;
            term + power(&((&hull - union)? / (&hull + eps)?)?)?
        }
        Kind::Diou => term + power(&(distance / diagonal)?)?,
        Kind::Ciou => {
            let v = proportions(&x, &y)?;
            let alpha = (&v / ((less(&iou)? + &v)? + eps)?)?.detach();
            (term + power(&(distance / diagonal)?)?)? + power(&(alpha * v)?)?
        }
        Kind::Efficient { gamma, slope } => {
            let difference =
                |e: &Extent| (&e.size[0] - &e.size[1])?.sqr()? / (e.hull.sqr()? + eps)?;
            let loss = (term + power(&(distance / diagonal)?)?)?;
            let loss = ((loss + power(&difference(&x)?)?)? + power(&difference(&y)?)?)?;
            let focus = ops::power(&iou, gamma)?;
            match slope {
                WeightSlope::Through => focus * loss,
                WeightSlope::Constant => focus.detach() * loss,
            }
        }
        Kind::Siou { theta, sign } => {
            let cost = siou(&x, &y, eps, theta, sign)?;
            match sign {
                SiouSign::Paper => term + power(&cost)?,
                SiouSign::MmDetection => (term + cost)?.clamp(0.0, 2.0),
            }
        }
        Kind::Mpdiou { image: (w, h) } => {
            let square = |e: &Extent| e.ends[0].sqr()? + e.ends[1].sqr()?;
            term + power(&((square(&x)? + square(&y)?)? / (w * w + h * h))?)?
        }
        Kind::Wise { version, mean } => {
            let beta = (less(&iou)?.maximum(0.0)? / mean)?.detach();
            let focus = match version {
                WiseVersion::V1 => beta.ones_like()?,
                WiseVersion::V2 { gamma } => ops::power(&beta, gamma)?,
                WiseVersion::V3 { alpha, delta } => {
                    let scale = (beta.affine(-1.0, delta)? * alpha.ln())?.exp()?;
                    ((beta / delta)? * scale)?
                }
            };
            let ratio = (distance / diagonal.detach())?.minimum(1.0)?;
            (focus * ratio.exp()?)? * term
        }
        _ => Ok(term),
    }
}

/// CIoU's `v`.
fn proportions(x: &Extent, y: &Extent) -> Result<Tensor> {
    let ([w, wt], [h, ht]) = (&x.size, &y.size);
    let sine = ((w * ht)? - (wt * h)?)?;
    let cosine = ((w * wt)? + (h * ht)?)?;
    let angle = ops::atan2_right(&sine, &cosine)?;
    angle.sqr()? * (4.0 / std::f64::consts::PI.powi(2))
}

fn siou(x: &Extent, y: &Extent, eps: f64, theta: f64, sign: SiouSign) -> Result<Tensor> {
    let (ax, ay) = (x.offset.abs()?, y.offset.abs()?);
    // Its square, which the gradient of the division has, must not be 0 in f32.
    let square = (ax.sqr()? + ay.sqr()?)?.maximum(1e-18)?;
    let lambda = (((ax * ay)? * 2.0)? / square)?;
    let gamma = match sign {
        SiouSign::Paper => (lambda - 2.0)?,
        SiouSign::MmDetection => lambda.affine(-1.0, 2.0)?,
    };
    let cost = |e: &Extent| -> Result<Tensor> {
        let r = (&e.offset / (&e.hull + eps)?)?.sqr()?.minimum(1.0)?;
        let distance = less(&(&gamma * r)?.exp()?)?;
        let [a, b] = &e.size;
        let omega = ((a - b)?.abs()? / (a.maximum(b)? + eps)?)?;
        distance + ops::power(&less(&omega.neg()?.exp()?)?, theta)?
    };
    (cost(x)? + cost(y)?)? * 0.5
}

/// `½ l²/β` below `β`, `l − ½ β` above.
fn smooth(l: &Tensor, beta: f64) -> Result<Tensor> {
    let square = (l.sqr()? * (0.5 / beta))?;
    l.lt(beta)?.where_cond(&square, &(l - 0.5 * beta)?)
}

fn extended(axes: &[Axis; 2], x: &Extent, y: &Extent, eps: f64, point: f64) -> Result<Tensor> {
    let start =
        |axis: &Axis| axis.low[0].maximum(&axis.low[1])? - axis.low[0].minimum(&axis.low[1])?;
    let end =
        |axis: &Axis| axis.high[0].minimum(&axis.high[1])? - axis.low[0].minimum(&axis.low[1])?;
    let (a, c) = (start(&axes[0])?, start(&axes[1])?);
    let (b, d) = (end(&axes[0])?, end(&axes[1])?);
    let corners = ((&b * &d)? + (a.minimum(&b)? * c.minimum(&d)?)?)?;
    let sides = ((&a * c.maximum(&d)?)? + (a.maximum(&b)? * &c)?)?;
    let intersection = (corners - sides)?;
    let areas = ((&x.size[0] * &y.size[0])? + (&x.size[1] * &y.size[1])?)?;
    let union = ((areas - &intersection)? + eps)?;
    smooth(&less(&(intersection / union)?)?, point)
}

fn nwd(x: &Extent, y: &Extent, constant: f64) -> Result<Tensor> {
    let size = |e: &Extent| (&e.size[0] - &e.size[1])?.sqr();
    let sizes = ((size(x)? + size(y)?)? * 0.25)?;
    let square = ((x.offset.sqr()? + y.offset.sqr()?)? + sizes)?;
    // The gradient of a root at 0 is NaN.
    let distance = ops::power(&square, 0.5)?;
    less(&(distance / -constant)?.exp()?)
}

fn bounded(x: &Extent, y: &Extent, eps: f64, beta: f64) -> Result<Tensor> {
    let cost = |e: &Extent| -> Result<Tensor> {
        let [size, target] = &e.size;
        let distance = (e.offset.abs()? * 2.0)?;
        let ratio = ((target - &distance)? / ((target + &distance)? + eps)?)?;
        let of_offset = smooth(&less(&ratio.maximum(0.0)?)?, beta)?;
        let down = (target / (size + eps)?)?;
        let up = (size / (target + eps)?)?;
        of_offset + smooth(&less(&down.minimum(&up)?)?, beta)?
    };
    cost(x)? + cost(y)?
}
