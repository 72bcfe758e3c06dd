//! A tile of either sweep, by what rides along. The sweeps around it are compiled once for all.

use crate::scalar::Prim;

use super::block::{Block, Site, Work};
use super::extras::{Extras, NoExtra, SigmoidExtra, SoftmaxExtra};
use super::hard::{HardGradient, HardStatistics};
use super::rows::{Left, RowGradient, RowStatistics};
use super::soft::{SoftmaxGradient, SoftmaxStatistics};
use super::{Activation, ItemSlopes, ItemSums, Sink};

/// A tile of the first sweep.
pub(super) struct Summed<'a, 'i, 'o, P> {
    pub(super) site: &'a Site<'a, 'i, P>,
    pub(super) tile: &'a mut [P],
    pub(super) work: &'a mut Work<P>,
    pub(super) found: &'a mut ItemSums,
    /// Where what the second sweep needs is to be left, and a note of what it is.
    pub(super) stash: Option<(Sink<'a, 'o>, &'a mut Vec<Left>)>,
}

/// A tile of the second sweep.
pub(super) struct Pulled<'a, 'i, 'o, P> {
    pub(super) site: &'a Site<'a, 'i, P>,
    pub(super) tile: &'a mut [P],
    pub(super) work: &'a mut Work<P>,
    pub(super) slopes: &'a ItemSlopes,
    /// Those of hard targets: `∂L/∂p` of each class, of its own pixels and of the others.
    pub(super) hard_slopes: &'a [[P; 2]],
    pub(super) scale: f64,
    pub(super) into: Sink<'a, 'o>,
    /// What the first sweep left there.
    pub(super) left: Option<&'a mut std::vec::IntoIter<Left>>,
}

/// What rides along, in one precision.
pub(super) trait RidersIn<P>: Sync {
    fn sum(&self, tile: Summed<'_, '_, '_, P>);
    fn pull(&self, tile: Pulled<'_, '_, '_, P>);
}

/// What rides along.
pub(super) trait Riders: RidersIn<f32> + RidersIn<f64> {
    fn are_present(&self) -> bool;
}

impl<M: SoftmaxExtra, S: SigmoidExtra> Riders for Extras<M, S> {
    fn are_present(&self) -> bool {
        M::PRESENT || S::PRESENT
    }
}

impl<M: SoftmaxExtra, S: SigmoidExtra> Extras<M, S> {
    fn hard(&self, block: &Block<'_>) -> Option<M::Hard> {
        self.softmax.hard().filter(|_| block.is_simple())
    }
}

impl<M: SoftmaxExtra, S: SigmoidExtra, P: Prim> RidersIn<P> for Extras<M, S> {
    fn sum(&self, tile: Summed<'_, '_, '_, P>) {
        let Summed {
            site,
            tile,
            work,
            found,
            stash,
        } = tile;
        match site.block.options.activation {
            Activation::Softmax => match self.hard(site.block) {
                Some(extra) => HardStatistics {
                    site,
                    extra,
                    tile,
                    work,
                    found,
                }
                .evaluate(),
                None => SoftmaxStatistics {
                    site,
                    extra: self.softmax,
                    tile,
                    terms: &mut work.terms,
                    found,
                }
                .evaluate(),
            },
            Activation::Sigmoid => RowStatistics {
                site,
                extra: self.sigmoid,
                work,
                found,
                stash,
            }
            .evaluate::<true>(),
            Activation::Identity => RowStatistics {
                site,
                extra: NoExtra,
                work,
                found,
                stash,
            }
            .evaluate::<false>(),
        }
    }

    fn pull(&self, tile: Pulled<'_, '_, '_, P>) {
        let Pulled {
            site,
            tile,
            work,
            slopes,
            hard_slopes,
            scale,
            into,
            left,
        } = tile;
        match site.block.options.activation {
            Activation::Softmax => match self.hard(site.block) {
                Some(extra) => HardGradient {
                    site,
                    extra,
                    tile,
                    work,
                    slopes: hard_slopes,
                    factor: P::of(slopes.extra * scale),
                    into,
                }
                .evaluate(),
                None => SoftmaxGradient {
                    site,
                    extra: self.softmax,
                    tile,
                    slopes,
                    scale,
                    into,
                }
                .evaluate(),
            },
            Activation::Sigmoid => RowGradient {
                site,
                extra: self.sigmoid,
                work,
                slopes,
                hard_slopes,
                scale,
                into,
                left,
            }
            .evaluate::<true>(),
            Activation::Identity => RowGradient {
                site,
                extra: NoExtra,
                work,
                slopes,
                hard_slopes,
                scale,
                into,
                left,
            }
            .evaluate::<false>(),
        }
    }
}
