//! From `--loss l1,gradient=0.5` to a [`LossSum`] of losses of images.

use std::str::FromStr;

use clap::ValueEnum;
use cvloss::{
    CharbonnierLoss, EdgeLoss, FftL1Loss, FocalFrequencyLoss, HuberLoss, L1Loss, L1SsimLoss,
    LogCoshLoss, LossSum, MsSsimL1Loss, MsSsimLoss, MseLoss, PsnrLoss, Regularizer, RobustLoss,
    SmallImage, SsimLoss, TotalVariation,
};

/// The losses by their names on the command line.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    L1,
    L2,
    Charbonnier,
    Huber,
    LogCosh,
    Cauchy,
    Psnr,
    Edge,
    FocalFrequency,
    FftL1,
    Tv,
    Ssim,
    L1Ssim,
    MsSsim,
    MsSsimL1,
}

/// One wanted term of the loss: `name` or `name=weight`.
#[derive(Clone)]
pub(crate) struct Choice {
    kind: Kind,
    name: String,
    weight: f64,
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, weight) = text.split_once('=').unwrap_or((text, "1"));
        let kind = Kind::from_str(name, false).map_err(|_| {
            let known = Kind::value_variants().iter();
            let names: Vec<_> = known.filter_map(Kind::to_possible_value).collect();
            let names: Vec<_> = names.iter().map(|value| value.get_name()).collect();
            format!("no loss `{name}`; there are {}", names.join(", "))
        })?;
        let weight = weight
            .parse()
            .ok()
            .filter(|weight: &f64| weight.is_finite())
            .ok_or_else(|| format!("`{weight}` is no weight"))?;
        Ok(Self {
            kind,
            name: name.to_owned(),
            weight,
        })
    }
}

/// The weighted sum of all that is wanted.
pub(crate) fn objective(choices: &[Choice]) -> LossSum {
    choices.iter().fold(LossSum::new(), add_term)
}

fn add_term(sum: LossSum, choice: &Choice) -> LossSum {
    let (name, weight) = (choice.name.as_str(), choice.weight);
    match choice.kind {
        Kind::L1 => sum.term(name, weight, L1Loss::default()),
        Kind::L2 => sum.term(name, weight, MseLoss::default()),
        Kind::Charbonnier => sum.term(name, weight, CharbonnierLoss::default()),
        // Differences of pictures are small: 1, the default, would leave a parabola.
        Kind::Huber => sum.term(
            name,
            weight,
            HuberLoss {
                delta: 0.02,
                ..HuberLoss::default()
            },
        ),
        Kind::LogCosh => sum.term(name, weight, LogCoshLoss::default()),
        Kind::Cauchy => sum.term(
            name,
            weight,
            RobustLoss {
                scale: 0.05,
                ..RobustLoss::cauchy()
            },
        ),
        Kind::Psnr => sum.term(name, weight, PsnrLoss::default()),
        Kind::Edge => sum.term(name, weight, EdgeLoss::default()),
        Kind::FocalFrequency => sum.term(name, weight, FocalFrequencyLoss::default()),
        Kind::FftL1 => sum.term(name, weight, FftL1Loss::default()),
        Kind::Tv => sum.term(name, weight, TotalVariation::default().into_loss()),
        Kind::Ssim => sum.term(name, weight, SsimLoss::new(1.0)),
        Kind::L1Ssim => sum.term(name, weight, L1SsimLoss::new(1.0)),
        // Crops are smaller than five scales ask for.
        Kind::MsSsim => sum.term(
            name,
            weight,
            MsSsimLoss {
                small: SmallImage::FewerLevels,
                ..MsSsimLoss::new(1.0)
            },
        ),
        // The paper's mix.
        Kind::MsSsimL1 => sum.term(
            name,
            weight,
            MsSsimL1Loss {
                alpha: 0.84,
                scale: 1.0,
                ..MsSsimL1Loss::new(1.0)
            },
        ),
    }
}
