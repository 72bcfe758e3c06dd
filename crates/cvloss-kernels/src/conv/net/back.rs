//! The way back: from the gradients of features to that of the image.

use super::super::maps::Maps;
use super::super::pool::l2;
use super::super::product::Panel;
use super::elementwise::apply;
use super::{Kept, Layer, Network, Step, Tap, Trace};
use crate::error::{Error, Result};
use crate::scalar::Prim;

impl<T: Prim> Network<T> {
    /// The gradient of the image, from those of the features, in the order of the taps.
    pub fn backward(&self, trace: Trace<T>, gradients: Vec<Maps<T>>) -> Result<Maps<T>> {
        let Trace {
            graded,
            split,
            mut parts,
            steps,
            taps,
            ..
        } = trace;
        if taps.len() != gradients.len() || graded == 0 {
            let got = format!("{} gradients, {graded} items", gradients.len());
            let expected = format!("{} gradients, and a forward pass that keeps", taps.len());
            return Err(Error::option("gradients", got, expected));
        }
        let mut pending: Vec<_> = taps.into_iter().zip(gradients).collect();
        let in_parts = pending.partition_point(|(tap, _)| tap.layer < split.layers);
        let of_all = pending.split_off(in_parts);
        let mut room = self.take_room();
        let mut current = self.back(split.layers, steps, of_all, None, &mut room)?;
        if split.layers > 0 {
            let mut joined = Maps::default();
            parts.reverse();
            for start in (0..graded).step_by(split.items) {
                let items = split.items.min(graded - start);
                let part =
                    |maps: &Maps<T>| maps.part(start, items, self.memory(items * maps.item_len()));
                let own = pending.iter().map(|(tap, maps)| (*tap, part(maps)));
                let (own, above) = (own.collect(), current.as_ref().map(part));
                let steps = parts.pop().unwrap_or_default();
                if let Some(slopes) = self.back(0, steps, own, above, &mut room)? {
                    joined.append(&slopes, graded);
                    self.reuse(slopes);
                }
            }
            current = Some(joined);
        }
        self.return_room(room);
        current.ok_or_else(|| Error::option("taps", "none", "one at least"))
    }

    /// The way back through the layers from `first` on that left `steps`; `current` is the gradient of the last one's output.
    fn back(
        &self,
        first: usize,
        mut steps: Vec<Step<T>>,
        mut pending: Vec<(Tap, Maps<T>)>,
        mut current: Option<Maps<T>>,
        room: &mut Vec<Panel<T>>,
    ) -> Result<Option<Maps<T>>> {
        // The masks of the layer below are applied where a gradient is computed, unless a feature's gradient joins.
        let mut is_masked = false;
        while let Some(step) = steps.pop() {
            let at = first + steps.len();
            let layer = &self.layers[at];
            let mut take = |before_relu: bool| match pending.last() {
                Some((tap, _))
                    if *tap
                        == (Tap {
                            layer: at,
                            before_relu,
                        }) =>
                {
                    pending.pop().map(|(_, gradient)| gradient)
                }
                _ => None,
            };
            if let Some(own) = take(false) {
                current = Some(match current.take() {
                    None => own,
                    Some(sum) => self.add(sum, own),
                });
                is_masked = false;
            }
            if let (Kept::Mask(Some(mask)), false, Some(gradient)) =
                (&step.kept, is_masked, &mut current)
            {
                apply(gradient, mask);
            }
            if let Some(own) = take(true) {
                current = Some(match current.take() {
                    None => own,
                    Some(sum) => self.add(sum, own),
                });
            }
            let Some(gradient) = current.take() else {
                return Err(Error::option(
                    "taps",
                    "no feature",
                    "one after the last layer",
                ));
            };
            let below = steps.last();
            let is_tapped_below = pending
                .last()
                .is_some_and(|(tap, _)| tap.layer + 1 == at && !tap.before_relu);
            let mask = match below.map(|step| &step.kept) {
                Some(Kept::Mask(mask)) if !is_tapped_below => mask.as_deref(),
                _ => None,
            };
            is_masked = mask.is_some();
            let memory = self.memory(step.input.len());
            let slopes = match (layer, &step.kept) {
                (Layer::Convolution(convolution), _) => {
                    convolution.backward(&gradient, &step.input, mask, memory, room)
                }
                (Layer::MaxPool(pool), Kept::Places(places)) => {
                    pool.backward(&gradient, places, &step.input, mask, memory)
                }
                (_, Kept::Output(output)) => {
                    l2::backward(&gradient, (&step.input, output), mask, memory)
                }
                _ => return Err(Error::option("trace", "another's", "one of this network")),
            };
            self.reuse(gradient);
            current = Some(slopes);
        }
        Ok(current)
    }
}
