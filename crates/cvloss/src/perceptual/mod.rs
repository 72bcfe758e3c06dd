//! Losses that compare images through a frozen network.

pub mod weights;
