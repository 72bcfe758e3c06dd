//! From sums of items to values and factors: see `loops/items.h`.

use crate::error::Result;
use crate::options::Reduction;
use crate::scalar::DType;

use super::sequence::{Numbers, written};
use super::{Argument, Memory, Module, Results, Sequence, number};

/// What becomes of an item's mean.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Mean,
    Root,
    /// `10 log₁₀(inner · mean + eps)`.
    Decibels {
        inner: f64,
        eps: f64,
    },
}

/// What a sum divides by.
#[derive(Clone, Debug)]
pub(super) enum Divisor<M> {
    Given(f64),
    /// Partial sums, as many as of the items.
    Counted {
        partial: Argument<M>,
        at_least_one: bool,
    },
}

/// Partial sums of items: so many of each.
#[derive(Clone, Debug)]
pub(super) struct Sums<M> {
    pub(super) items: usize,
    pub(super) parts: usize,
    pub(super) partial: Argument<M>,
    pub(super) divisor: Divisor<M>,
}

impl<M: Memory> Sequence<M> {
    /// Writes values, and the factors of the items' gradients, which it returns.
    pub(super) fn items(
        &mut self,
        computes: DType,
        sums: Sums<M>,
        form: Form,
        reduction: Reduction,
        results: &Results<M>,
    ) -> Result<Argument<M>> {
        let Sums {
            items,
            parts,
            partial,
            divisor,
        } = sums;
        let values = match results.values {
            None => self.scratch(computes, items),
            values => written("values", values, items, computes)?,
        };
        let value = self.value(computes, results.value)?;
        let factors = self.scratch(computes, items);
        let (form, inner, eps) = match form {
            Form::Mean => (0, 0.0, 0.0),
            Form::Root => (1, 0.0, 0.0),
            Form::Decibels { inner, eps } => (2, inner, eps),
        };
        let outer = match reduction {
            Reduction::Mean => 1.0 / items.max(1) as f64,
            Reduction::None | Reduction::Sum => 1.0,
        };
        let (counts, given, has_counts, at_least_one) = match divisor {
            Divisor::Given(given) => (Argument::Absent, given, 0, 0),
            Divisor::Counted {
                partial,
                at_least_one,
            } => (partial, 0.0, 1, u32::from(at_least_one)),
        };
        let numbers = Numbers::new(computes)
            .reals(&[given, inner, eps, outer])
            .uints(&[number(items)?, number(parts)?, form])
            .uints(&[has_counts, at_least_one]);
        let arguments = vec![
            partial,
            counts,
            values,
            factors.clone(),
            value,
            numbers.finish(),
        ];
        let entry = format!("items_values_{computes}");
        self.launch(Module::Items, entry, 1, arguments);
        Ok(factors)
    }
}
