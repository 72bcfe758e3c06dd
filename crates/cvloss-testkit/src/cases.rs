//! The list: every loss with every option, and inputs for each.

mod adversarial;
mod boxes;
mod distance;
mod elements;
mod imbalance;
mod imbalance_sites;
mod lovasz;
mod multi_scale;
mod offsets;
mod perceptual;
mod pixels;
mod points;
mod regions;
mod rotated;
mod similarity;
mod spatial;
mod sums;
mod topology;
mod wasserstein;

use std::sync::Arc;

use anyhow::{Result, ensure};
use candle_core::{DType, Tensor, Var};
use cvloss::{Accumulator, Activation, Gradients, Inputs, Loss, LossSum, PooledLoss, Value};
use serde::Serialize;

use crate::sample::{Sample, Spec};

pub use adversarial::configurations;
pub use perceptual::network_cases;

/// A configured loss and inputs for it.
#[derive(Clone)]
pub struct Case {
    /// The loss's name, a slash, and what is special about its options or inputs.
    pub name: String,
    /// The type of the loss.
    pub type_name: &'static str,
    /// The loss.
    pub loss: Shared,
    /// The loss cut at its sums, where it can be.
    pub pooled: Option<Arc<dyn PooledLoss + Send + Sync>>,
    /// Its options, as serialized.
    pub options: serde_json::Value,
    /// What to expect of it.
    pub family: Family,
    /// How to draw inputs.
    pub spec: Spec,
}

/// Losses whose edge cases are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// One value per element, over sigmoids.
    Elements,
    /// One value per point, over a softmax.
    Points,
    /// Two images, or two other tensors that are alike.
    Image,
    /// Two images, compared in windows.
    Windows,
    /// Sums over regions.
    Region {
        /// How the input becomes probabilities.
        activation: Activation,
        /// Whether a loss of points or elements is added.
        has_extra: bool,
    },
    /// One value per pair of logits, real and fake, or less.
    Adversarial,
    /// Distances of features (N, C, *).
    Features,
    /// One value per pair of boxes.
    Boxes,
    /// Two images, compared by the features of a network.
    Network,
    /// A weighted sum of losses.
    Sum,
}

/// A loss that several owners hold.
#[derive(Clone)]
pub struct Shared(Arc<dyn Loss + Send + Sync>);

impl Shared {
    /// Shares a loss.
    pub fn new(loss: impl Loss + Send + Sync + 'static) -> Self {
        Self(Arc::new(loss))
    }
}

impl Loss for Shared {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn evaluate(
        &self,
        inputs: &Inputs<'_>,
        gradient: Option<&mut Accumulator>,
    ) -> cvloss::Result<Value> {
        self.0.evaluate(inputs, gradient)
    }

    fn has_kernel(&self, inputs: &Inputs<'_>) -> bool {
        self.0.has_kernel(inputs)
    }

    fn has_device_kernel(&self, inputs: &Inputs<'_>) -> bool {
        self.0.has_device_kernel(inputs)
    }

    fn differentiates_target(&self) -> bool {
        self.0.differentiates_target()
    }

    fn evaluate_both(
        &self,
        inputs: &Inputs<'_>,
        gradients: Gradients<'_>,
    ) -> cvloss::Result<Value> {
        self.0.evaluate_both(inputs, gradients)
    }

    fn composed(&self, inputs: &Inputs<'_>) -> cvloss::Result<Tensor> {
        self.0.composed(inputs)
    }
}

/// What the suite must know of a loss beyond [`Loss`].
pub trait Known: Loss + Serialize + Send + Sync + 'static {
    /// Losses that are like it.
    fn family(&self) -> Family;

    /// The loss cut at its sums, where it can be.
    fn pooled(self: Arc<Self>) -> Option<Arc<dyn PooledLoss + Send + Sync>> {
        None
    }
}

/// Cases as they are added.
#[derive(Default)]
struct List(Vec<Case>);

impl List {
    fn add<L: Known>(&mut self, name: &str, spec: Spec, loss: L) {
        self.0.push(Case::new(name, spec, loss));
    }

    fn add_sum(&mut self, name: &str, spec: Spec, loss: LossSum) {
        self.0.push(Case::of_sum(name, spec, loss));
    }
}

/// A type's name without its path.
fn short_name<T>() -> &'static str {
    let path = std::any::type_name::<T>();
    let last = |path: &'static str| path.rsplit("::").next().unwrap_or(path);
    match path.split_once('<') {
        // A regularizer is known by its own name.
        Some((wrapper, inner)) if last(wrapper) == "OfInput" => last(inner).trim_end_matches('>'),
        Some((wrapper, _)) => last(wrapper),
        None => last(path),
    }
}

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut list = List::default();
    adversarial::add(&mut list);
    boxes::add(&mut list);
    rotated::add(&mut list);
    offsets::add(&mut list);
    elements::add(&mut list);
    imbalance::add(&mut list);
    imbalance_sites::add(&mut list);
    pixels::add(&mut list);
    spatial::add(&mut list);
    points::add(&mut list);
    regions::add(&mut list);
    lovasz::add(&mut list);
    distance::add(&mut list);
    topology::add(&mut list);
    wasserstein::add(&mut list);
    similarity::add(&mut list);
    multi_scale::add(&mut list);
    sums::add(&mut list);
    list.0
}

/// One case of each loss and family, with inputs large enough that threads share the work.
pub fn large_cases() -> Vec<Case> {
    let mut chosen: Vec<Case> = Vec::new();
    for mut case in cases() {
        let is_first =
            |other: &Case| other.type_name != case.type_name || other.family != case.family;
        if case.spec.shape.len() == 4 && chosen.iter().all(is_first) {
            case.spec.shape = vec![2, case.spec.channels(), 300, 300];
            chosen.push(case);
        } else if case.family == Family::Boxes
            && case.spec.shape.len() == 2
            && chosen.iter().all(is_first)
        {
            case.spec.shape = vec![9001, case.spec.shape[1]];
            chosen.push(case);
        }
    }
    chosen
}

/// Runs `check` on every case, and fails with the names of all that fail.
///
/// With `CVLOSS_CASES=focal` in the environment, only those of the loss of that name.
pub fn each(cases: &[Case], check: impl Fn(&Case) -> Result<()>) -> Result<()> {
    let cases = chosen(cases)?;
    let report = |case: &&Case| {
        check(case)
            .err()
            .map(|error| format!("{}: {error:#}", case.name))
    };
    let failures: Vec<_> = cases.iter().filter_map(report).collect();
    let (failed, total) = (failures.len(), cases.len());
    ensure!(
        failures.is_empty(),
        "{failed} of {total} cases fail\n{}",
        failures.join("\n")
    );
    Ok(())
}

fn chosen(cases: &[Case]) -> Result<Vec<&Case>> {
    let Ok(name) = std::env::var("CVLOSS_CASES") else {
        return Ok(cases.iter().collect());
    };
    let chosen: Vec<_> = cases
        .iter()
        .filter(|case| case.loss_name() == name)
        .collect();
    ensure!(!chosen.is_empty(), "CVLOSS_CASES: no case of {name}");
    Ok(chosen)
}

impl Case {
    /// Whether rounding decides which points count. Among halves, losses of several points are equal but for it.
    pub fn is_mined(&self, dtype: DType) -> bool {
        dtype == DType::BF16
            && ["TopKCrossEntropyLoss", "OhemCrossEntropyLoss"].contains(&self.type_name)
    }

    /// A loss with inputs; the loss's name comes before `name`.
    pub fn new<L: Known>(name: &str, spec: Spec, loss: L) -> Self {
        let family = loss.family();
        let loss = Arc::new(loss);
        Self {
            name: format!("{}/{name}", loss.name()),
            type_name: short_name::<L>(),
            // A configuration that does not serialize fails the test of coverage.
            options: serde_json::to_value(&*loss).unwrap_or_default(),
            pooled: Arc::clone(&loss).pooled(),
            loss: Shared(loss),
            family,
            spec: Spec {
                is_elementwise: spec.is_elementwise
                    || matches!(family, Family::Elements | Family::Adversarial),
                keeps_axis: spec.keeps_axis || family == Family::Image,
                ..spec
            },
        }
    }

    /// A loss that is made of options and more.
    pub fn with_options<L: Loss + Send + Sync + 'static>(
        name: &str,
        spec: Spec,
        loss: L,
        options: &impl Serialize,
        family: Family,
    ) -> Self {
        Self {
            name: format!("{}/{name}", loss.name()),
            type_name: short_name::<L>(),
            options: serde_json::to_value(options).unwrap_or_default(),
            pooled: None,
            loss: Shared::new(loss),
            family,
            spec,
        }
    }

    /// A sum of losses with inputs.
    pub fn of_sum(name: &str, spec: Spec, loss: LossSum) -> Self {
        Self {
            name: format!("{}/{name}", loss.name()),
            type_name: short_name::<LossSum>(),
            loss: Shared::new(loss),
            pooled: None,
            options: serde_json::Value::Null,
            family: Family::Sum,
            spec,
        }
    }

    /// The loss's own name.
    pub fn loss_name(&self) -> &'static str {
        self.loss.name()
    }

    /// Its inputs in `dtype`, always the same.
    pub fn sample(&self, dtype: DType) -> Result<Sample> {
        self.spec.sample(self.seed(), dtype)
    }

    /// A hash of its name (FNV-1a).
    pub fn seed(&self) -> u64 {
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        self.name.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
    }

    /// The value, without a gradient.
    pub fn value(&self, sample: &Sample) -> cvloss::Result<Tensor> {
        Ok(self.loss.evaluate(&sample.inputs(), None)?.tensor)
    }

    /// Value and gradient, without a tape.
    pub fn value_and_grad(&self, sample: &Sample) -> cvloss::Result<(Tensor, Tensor)> {
        match &sample.weight {
            Some(weight) => {
                self.loss
                    .value_and_grad_weighted(&sample.input, &sample.target, weight)
            }
            None => self.loss.value_and_grad(&sample.input, &sample.target),
        }
    }

    /// The value on the tape of the sample's input.
    pub fn forward(&self, sample: &Sample) -> cvloss::Result<Tensor> {
        match &sample.weight {
            Some(weight) => self
                .loss
                .forward_weighted(&sample.input, &sample.target, weight),
            None => self.loss.forward(&sample.input, &sample.target),
        }
    }

    /// Value and gradient by the tape: of `evaluate(..)` times `upstream`, summed.
    pub fn by_tape(
        &self,
        sample: &Sample,
        upstream: Option<&Tensor>,
        evaluate: impl Fn(&Self, &Sample) -> cvloss::Result<Tensor>,
    ) -> Result<(Tensor, Tensor)> {
        let var = Var::from_tensor(&sample.input)?;
        let value = evaluate(self, &sample.with_input(var.as_tensor().clone()))?;
        let total = match upstream {
            Some(upstream) => value.broadcast_mul(upstream)?.sum_all()?,
            None => value.sum_all()?,
        };
        let gradients = total.backward()?;
        let gradient = match gradients.get(&var) {
            Some(gradient) => gradient.clone(),
            None => var.zeros_like()?,
        };
        Ok((value.detach(), gradient))
    }

    /// The composed value, on the tape of the sample's input.
    pub fn composed(&self, sample: &Sample) -> cvloss::Result<Tensor> {
        self.loss.composed(&sample.inputs())
    }

    /// The same case of a loss whose gradient is a thousandth too large.
    pub fn with_wrong_gradient(self) -> Self {
        let loss = Shared::new(Wrong(self.loss.clone()));
        Self {
            name: format!("wrong {}", self.name),
            loss,
            ..self
        }
    }
}

/// A loss with a wrong gradient.
struct Wrong(Shared);

impl Loss for Wrong {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn evaluate(
        &self,
        inputs: &Inputs<'_>,
        gradient: Option<&mut Accumulator>,
    ) -> cvloss::Result<Value> {
        LossSum::new()
            .term("wrong", 1.001, self.0.clone())
            .evaluate(inputs, gradient)?;
        self.0.evaluate(inputs, None)
    }

    fn composed(&self, inputs: &Inputs<'_>) -> cvloss::Result<Tensor> {
        self.0.composed(inputs)
    }
}
