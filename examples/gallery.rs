//! Draws what losses look like: value and gradient of each family, on numbers, boxes and photographs.
//!
//! ```text
//! cargo run --release --example gallery
//! cargo run --release --example gallery -- --out docs/images
//! ```
//!
//! The pictures are those of the documentation. Curves show the value on the left and its slope on the right; in maps, blue
//! is where a step against the gradient raises a logit or a pixel, orange where it lowers it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use candle_core::Tensor;
use clap::Parser;
use cvloss::perceptual::FeatureContextualLoss;
use cvloss::{
    AdversarialLoss, AsymmetricLoss, BceLoss, BiTemperedLoss, Border, BoundaryLoss,
    CharbonnierLoss, CiouLoss, ClDiceLoss, CrossEntropyLoss, DiceLoss, DiscriminatorLoss, EdgeLoss,
    FocalLoss, GanForm, GeneratorLoss, GiouLoss, GwdLoss, HausdorffLoss, HuberLoss, IouLoss,
    KfiouLoss, KldLoss, L1Loss, LogCoshLoss, Loss, LovaszHingeLoss, MccLoss, MsSsimLoss, MseLoss,
    NwdLoss, PolyCrossEntropyLoss, PolyFocalLoss, ProbIouLoss, ReducedFocalLoss, RobustLoss,
    RotatedIouLoss, Similarity, SiouLoss, SoftmaxFocalLoss, SsimLoss, TverskyLoss, WingLoss,
    ssim_map,
};
use plotters::chart::SeriesLabelPosition as At;
use plotters::style::RGBColor;

#[path = "support/canvas.rs"]
mod canvas;
#[path = "support/curves.rs"]
mod curves;
#[path = "support/maps.rs"]
mod maps;
#[path = "support/palette.rs"]
mod palette;
#[path = "support/panels.rs"]
mod panels;
#[path = "support/patch.rs"]
mod patch;

use canvas::grey;
use curves::{Axes, Curve, draw, draw_values, first_class, row, span, trace};
use maps::slopes;
use panels::{Panel, draw_panels};
use patch::{Patch, SIDE};

/// Draw value and gradient of each family of losses
#[derive(Parser)]
struct Options {
    /// Folder for the pictures
    #[arg(long, default_value = "out/gallery")]
    out: PathBuf,
}

type Named<'a> = (&'static str, &'a dyn Loss);
/// Input and target.
type Pair = Result<(Tensor, Tensor)>;

fn main() -> Result<()> {
    let Options { out } = Options::parse();
    fs::create_dir_all(&out)
        .with_context(|| format!("cannot make the folder {}", out.display()))?;
    let patch = Patch::load()?;
    elements(&out)?;
    classes(&out)?;
    regions(&out, &patch)?;
    boxes(&out)?;
    rotated_boxes(&out)?;
    differences(&out)?;
    similarity(&out, &patch)?;
    games(&out)?;
    shifts(&out, &patch)?;
    println!("pictures in {}", out.display());
    Ok(())
}

/// Losses of one logit whose target is 1.
fn elements(out: &Path) -> Result<()> {
    let alpha = None;
    let losses: [Named<'_>; 4] = [
        ("BceLoss", &BceLoss::default()),
        (
            "FocalLoss, γ 2",
            &FocalLoss {
                alpha,
                ..FocalLoss::default()
            },
        ),
        (
            "PolyFocalLoss",
            &PolyFocalLoss {
                alpha,
                ..PolyFocalLoss::default()
            },
        ),
        (
            "ReducedFocalLoss",
            &ReducedFocalLoss {
                alpha,
                ..ReducedFocalLoss::default()
            },
        ),
    ];
    let of = |target: f64| move |x: f64| -> Pair { Ok((row(&[x])?, row(&[target])?)) };
    let numbers = span(-5.0, 5.0, 301);
    let mut curves = traces(&losses, &numbers, of(1.0), |g| g[0])?;
    let negative: [Named<'_>; 1] = [("AsymmetricLoss, target 0", &AsymmetricLoss::default())];
    curves.extend(traces(&negative, &numbers, of(0.0), |g| g[0])?);
    let axes = Axes {
        title: "one logit, target 1",
        x: "logit",
        names: At::UpperMiddle,
    };
    draw(&out.join("elements.png"), &axes, &curves)
}

/// Losses of a softmax over two classes.
fn classes(out: &Path) -> Result<()> {
    let smooth = CrossEntropyLoss {
        label_smoothing: 0.1,
        ..CrossEntropyLoss::default()
    };
    let tempered = BiTemperedLoss {
        t1: 0.5,
        t2: 1.5,
        ..BiTemperedLoss::default()
    };
    let losses: [Named<'_>; 5] = [
        ("CrossEntropyLoss", &CrossEntropyLoss::default()),
        ("with label_smoothing 0.1", &smooth),
        ("SoftmaxFocalLoss, γ 2", &SoftmaxFocalLoss::default()),
        ("PolyCrossEntropyLoss", &PolyCrossEntropyLoss::default()),
        ("BiTemperedLoss, 0.5, 1.5", &tempered),
    ];
    let pair = |x: f64| -> Pair { Ok((row(&[x, 0.0])?, first_class()?)) };
    let curves = traces(&losses, &span(-5.0, 5.0, 301), pair, |g| g[0])?;
    let axes = Axes {
        title: "two classes, the true one ahead by x",
        x: "x",
        names: At::UpperRight,
    };
    draw(&out.join("classes.png"), &axes, &curves)
}

/// Gradients of a prediction that is right in parts.
fn regions(out: &Path, patch: &Patch) -> Result<()> {
    let (logits, truth) = (patch.logits()?, patch.truth()?);
    let probabilities: Vec<f32> = candle_nn::ops::sigmoid(&logits)?.flatten_all()?.to_vec1()?;
    let shades = |values: &[f32]| values.iter().map(|v| grey(*v)).collect();
    let mut panels = vec![
        panel("photograph", String::new(), shades(&patch.grey)),
        panel(
            "prediction",
            "by brightness alone".into(),
            shades(&probabilities),
        ),
        panel("truth", String::new(), shades(&patch.truth)),
    ];
    let tversky = TverskyLoss {
        alpha: 0.1,
        beta: 0.9,
        ..TverskyLoss::binary()
    };
    let losses: [Named<'_>; 9] = [
        ("BceLoss", &BceLoss::default()),
        ("FocalLoss", &FocalLoss::default()),
        ("DiceLoss", &DiceLoss::binary()),
        ("TverskyLoss, 0.1, 0.9", &tversky),
        ("LovaszHingeLoss", &LovaszHingeLoss::default()),
        ("BoundaryLoss", &BoundaryLoss::binary()),
        ("HausdorffLoss", &HausdorffLoss::binary()),
        ("ClDiceLoss", &ClDiceLoss::binary()),
        ("MccLoss", &MccLoss::binary()),
    ];
    for (name, loss) in losses {
        panels.push(gradient(name, loss, &logits, &truth)?);
    }
    draw_panels(&out.join("regions.png"), SIDE, 4, &panels)
}

/// A box that is a little wider than its target, so that CIoU and SIoU have something to say of its shape.
fn boxes(out: &Path) -> Result<()> {
    let nwd = NwdLoss {
        constant: 1.0,
        ..NwdLoss::default()
    };
    let losses: [Named<'_>; 5] = [
        ("IouLoss", &IouLoss::default()),
        ("GiouLoss", &GiouLoss::default()),
        ("CiouLoss", &CiouLoss::default()),
        ("SiouLoss", &SiouLoss::default()),
        ("NwdLoss, constant 1", &nwd),
    ];
    let pair = |x: f64| -> Pair {
        Ok((
            row(&[x - 0.1, 0.0, x + 1.1, 1.0])?,
            row(&[0.0, 0.0, 1.0, 1.0])?,
        ))
    };
    let curves = traces(&losses, &span(-2.5, 2.5, 301), pair, |g| g[0] + g[2])?;
    let axes = Axes {
        title: "a box that is moved to the right",
        x: "offset in widths of the target",
        names: At::LowerRight,
    };
    draw(&out.join("boxes.png"), &axes, &curves)
}

/// A box of 3 by 1 that is turned about its centre.
fn rotated_boxes(out: &Path) -> Result<()> {
    let losses: [Named<'_>; 5] = [
        ("RotatedIouLoss", &RotatedIouLoss::default()),
        ("GwdLoss", &GwdLoss::default()),
        ("KldLoss", &KldLoss::default()),
        ("KfiouLoss", &KfiouLoss::default()),
        ("ProbIouLoss", &ProbIouLoss::default()),
    ];
    let turned = |degrees: f64| row(&[0.0, 0.0, 3.0, 1.0, degrees.to_radians()]);
    let pair = |degrees: f64| -> Pair { Ok((turned(degrees)?, turned(0.0)?)) };
    let curves = traces(&losses, &span(-90.0, 90.0, 301), pair, |g| g[4])?;
    let axes = Axes {
        title: "a box of 3 × 1 that is turned",
        x: "degrees; slopes are per radian",
        names: At::LowerLeft,
    };
    draw(&out.join("rotated_boxes.png"), &axes, &curves)
}

/// Losses of one difference.
fn differences(out: &Path) -> Result<()> {
    let wing = WingLoss {
        width: 2.0,
        ..WingLoss::default()
    };
    let charbonnier = CharbonnierLoss {
        eps: 0.5,
        ..CharbonnierLoss::default()
    };
    let losses: [Named<'_>; 6] = [
        ("L1Loss", &L1Loss::default()),
        ("HuberLoss", &HuberLoss::default()),
        ("CharbonnierLoss, ε 0.5", &charbonnier),
        ("LogCoshLoss", &LogCoshLoss::default()),
        ("WingLoss, ω 2", &wing),
        ("RobustLoss, Welsch", &RobustLoss::welsch()),
    ];
    let pair = |x: f64| -> Pair { Ok((row(&[x])?, row(&[0.0])?)) };
    let curves = traces(&losses, &span(-4.0, 4.0, 301), pair, |g| g[0])?;
    let axes = Axes {
        title: "one difference",
        x: "x − t",
        names: At::UpperMiddle,
    };
    draw(&out.join("differences.png"), &axes, &curves)
}

/// Gradients of a photograph that is blurred on the left, noisy in the middle and darker on the right.
fn similarity(out: &Path, patch: &Patch) -> Result<()> {
    let (image, truth) = (patch.damaged()?, patch.photograph()?);
    let colours = |tensor: &Tensor| -> Result<Vec<RGBColor>> {
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        Ok(values.into_iter().map(grey).collect())
    };
    let same_size = Similarity {
        border: Border::Reflect,
        ..Similarity::new(1.0)
    };
    let map = ssim_map(&same_size, &image, &truth)?;
    let mut panels = vec![
        panel("photograph", String::new(), colours(&truth)?),
        panel("damaged", "blur, noise, darker".into(), colours(&image)?),
        panel("ssim_map", "white: the same".into(), colours(&map)?),
    ];
    // Two scales: the fifth of the paper's would be smaller than the window.
    let ms_ssim = MsSsimLoss {
        weights: vec![0.5, 0.5],
        ..MsSsimLoss::new(1.0)
    };
    let losses: [Named<'_>; 5] = [
        ("MseLoss", &MseLoss::default()),
        ("L1Loss", &L1Loss::default()),
        ("SsimLoss", &SsimLoss::new(1.0)),
        ("MsSsimLoss", &ms_ssim),
        ("EdgeLoss", &EdgeLoss::default()),
    ];
    for (name, loss) in losses {
        panels.push(gradient(name, loss, &image, &truth)?);
    }
    draw_panels(&out.join("similarity.png"), SIDE, 4, &panels)
}

/// What both sides lose by a logit.
fn games(out: &Path) -> Result<()> {
    let game = |form| AdversarialLoss {
        form,
        ..AdversarialLoss::default()
    };
    let squares = GanForm::LeastSquares { factor: 0.5 };
    let pair = |x: f64| -> Pair { Ok((row(&[x])?, row(&[0.0])?)) };
    let numbers = span(-4.0, 4.0, 301);

    let generator = |form| GeneratorLoss(game(form));
    let losses: [Named<'_>; 4] = [
        ("non-saturating", &generator(GanForm::NonSaturating)),
        ("minimax", &generator(GanForm::Minimax)),
        ("least squares, ½", &generator(squares)),
        ("Wasserstein, hinge", &generator(GanForm::Wasserstein)),
    ];
    let axes = Axes {
        title: "generator",
        x: "logit of a fake item",
        names: At::UpperRight,
    };
    let curves = traces(&losses, &numbers, pair, |g| g[0])?;
    draw(&out.join("generator.png"), &axes, &curves)?;

    let discriminator = |form| DiscriminatorLoss(game(form));
    let losses: [Named<'_>; 4] = [
        (
            "non-saturating, minimax",
            &discriminator(GanForm::NonSaturating),
        ),
        ("least squares, ½", &discriminator(squares)),
        ("Wasserstein", &discriminator(GanForm::Wasserstein)),
        ("hinge", &discriminator(GanForm::Hinge)),
    ];
    let axes = Axes {
        title: "discriminator, a fake item's logit at 0",
        x: "logit of a real item",
        names: At::UpperRight,
    };
    draw(
        &out.join("discriminator.png"),
        &axes,
        &traces(&losses, &numbers, pair, |g| g[0])?,
    )
}

/// A photograph against itself, shifted: features that are searched for, and pixels that are not.
fn shifts(out: &Path, patch: &Patch) -> Result<()> {
    let shift = |x: f64| -> Pair { Ok((patch.shifted(x as usize)?, patch.shifted(0)?)) };
    let features = |x: f64| -> Pair {
        let (moved, still) = shift(x)?;
        Ok((patch::features(&moved)?, patch::features(&still)?))
    };
    let pixels: [Named<'_>; 2] = [
        ("L1Loss", &L1Loss::default()),
        ("SsimLoss", &SsimLoss::new(1.0)),
    ];
    let searched: [Named<'_>; 1] = [("FeatureContextualLoss", &FeatureContextualLoss::default())];
    let numbers = span(0.0, 12.0, 13);
    let mut curves = traces(&pixels, &numbers, shift, |_| 0.0)?;
    curves.extend(traces(&searched, &numbers, features, |_| 0.0)?);
    let curves: Vec<Curve> = curves.into_iter().map(Curve::relative).collect();
    let axes = Axes {
        title: "a photograph against itself, shifted",
        x: "pixels; values relative to the last",
        names: At::LowerRight,
    };
    draw_values(&out.join("shifts.png"), &axes, &curves)
}

/// The curves of several losses of the same numbers.
fn traces(
    losses: &[Named<'_>],
    numbers: &[f64],
    inputs: impl Fn(f64) -> Pair + Copy,
    slope: impl Fn(&[f64]) -> f64 + Copy,
) -> Result<Vec<Curve>> {
    let one = |(name, loss): &Named<'_>| trace(name, numbers, *loss, inputs, slope);
    losses.iter().map(one).collect()
}

fn panel(title: &'static str, note: String, colours: Vec<RGBColor>) -> Panel {
    Panel {
        title,
        note,
        colours,
    }
}

/// A loss's gradient with respect to the input.
fn gradient(name: &'static str, loss: &dyn Loss, input: &Tensor, target: &Tensor) -> Result<Panel> {
    let (value, gradient) = loss.value_and_grad(input, target)?;
    let note = format!("value {:.3}", value.to_scalar::<f32>()?);
    Ok(panel(name, note, slopes(&gradient)?))
}
