//! From `--game wgan+gp` to an [`AdversarialLoss`] and a [`GradientPenalty`].

use std::str::FromStr;

use anyhow::{Context, Result, bail};
use cvloss::{AdversarialLoss, GanForm, GradientPenalty, Pairing};

/// Names of losses, pairings and penalties on the command line.
pub(crate) const HELP: &str = "LOSS[/PAIRING][+PENALTY]: losses logistic, minimax, lsgan, wgan, hinge; \
     pairings paired, average; penalties gp, lp, div, r1, r2, dragan";

/// Who plays for what.
#[derive(Clone, Debug)]
pub(crate) struct Game {
    /// As it was asked for.
    pub(crate) name: String,
    pub(crate) loss: AdversarialLoss,
    pub(crate) penalty: Option<GradientPenalty>,
}

impl FromStr for Game {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (players, penalty) = match text.split_once('+') {
            Some((players, penalty)) => (players, Some(penalty)),
            None => (text, None),
        };
        let (form, pairing) = players.split_once('/').unwrap_or((players, ""));
        let form = match form {
            "logistic" => GanForm::NonSaturating,
            "minimax" => GanForm::Minimax,
            "lsgan" => GanForm::LeastSquares { factor: 0.5 },
            "wgan" => GanForm::Wasserstein,
            "hinge" => GanForm::Hinge,
            other => bail!("no loss {other:?}; {HELP}"),
        };
        let pairing = match pairing {
            "" => Pairing::Standard,
            "paired" => Pairing::Paired,
            "average" => Pairing::Average,
            other => bail!("no pairing {other:?}; {HELP}"),
        };
        let loss = AdversarialLoss {
            form,
            pairing,
            ..AdversarialLoss::default()
        };
        Ok(Self {
            name: text.to_owned(),
            loss,
            penalty: penalty.map(penalty_named).transpose()?,
        })
    }
}

/// A penalty by name, with its usual weight or `NAME=WEIGHT`.
fn penalty_named(text: &str) -> Result<GradientPenalty> {
    let (name, weight) = match text.split_once('=') {
        Some((name, weight)) => (name, Some(weight)),
        None => (text, None),
    };
    let penalty = match name {
        "gp" => GradientPenalty::wgan_gp(),
        "lp" => GradientPenalty::wgan_lp(),
        "div" => GradientPenalty::wgan_div(),
        "r1" => GradientPenalty::r1(1.0),
        "r2" => GradientPenalty::r2(1.0),
        "dragan" => GradientPenalty::dragan(),
        other => bail!("no penalty {other:?}; {HELP}"),
    };
    match weight {
        None => Ok(penalty),
        Some(text) => {
            let weight = text
                .parse()
                .with_context(|| format!("{text:?} is no weight"))?;
            Ok(GradientPenalty { weight, ..penalty })
        }
    }
}
