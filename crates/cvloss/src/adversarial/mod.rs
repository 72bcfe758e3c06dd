//! Adversarial losses: both sides of the game, regularisers of the discriminator, and gradient penalties.

mod composed;
mod critic;
mod feature_matching;
mod gan;
mod lecam;
mod path_length;
mod penalty;
mod points;

pub use critic::{Derivative, Penalty};
pub use feature_matching::FeatureMatchingLoss;
pub use gan::{AdversarialLoss, DiscriminatorLoss, GeneratorLoss, Scales};
pub use lecam::{LecamLoss, RunningMeans};
pub use path_length::PathLengthPenalty;
pub use penalty::{GradientPenalty, PenaltyForm};
pub use points::PenaltyPoints;
