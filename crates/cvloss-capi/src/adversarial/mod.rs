//! Losses of generators and discriminators.

mod feature_matching;
mod game;
mod lecam;
mod logits;

pub use feature_matching::*;
pub use game::*;
pub use lecam::*;
