//! What adversarial losses share.

use cvloss_kernels::ViewMut;
use cvloss_kernels::adversarial::{LogitGradients, Logits};

use crate::loss::{Call, Input, PAIR_WEIGHT, Presence};

/// Real and fake logits, in this order.
pub(super) const REAL_FAKE: &[Input] = &[
    Input {
        name: "real",
        gradient: "the gradient of real",
        ..PAIR_WEIGHT[0]
    },
    Input {
        name: "fake",
        gradient: "the gradient of fake",
        ..PAIR_WEIGHT[1]
    },
    PAIR_WEIGHT[2],
];

/// Fake and real logits, in this order.
pub(super) const FAKE_REAL: &[Input] = &[
    Input {
        name: "fake",
        gradient: "the gradient of fake",
        ..PAIR_WEIGHT[0]
    },
    Input {
        name: "real",
        gradient: "the gradient of real",
        ..PAIR_WEIGHT[1]
    },
    PAIR_WEIGHT[2],
];

/// Fake logits, and real ones that are not looked at.
pub(super) const FAKE: &[Input] = &[
    FAKE_REAL[0],
    Input {
        presence: Presence::Optional,
        ..FAKE_REAL[1]
    },
    FAKE_REAL[2],
];

/// A call's tensors as the kernels of logits take them, the real ones first.
pub(super) fn split<'i, 'o>(
    call: Call<'i, 'o>,
) -> (Logits<'i>, Option<ViewMut<'o>>, LogitGradients<'o>) {
    let logits = Logits {
        real: call.input,
        fake: call.target,
        weight: call.weight,
    };
    let gradients = LogitGradients {
        real: call.gradient,
        fake: call.target_gradient,
    };
    (logits, call.values, gradients)
}

/// With the fake ones first.
pub(super) fn swap<'i, 'o>(call: Call<'i, 'o>) -> Call<'i, 'o> {
    Call {
        input: call.target,
        target: call.input,
        gradient: call.target_gradient,
        target_gradient: call.gradient,
        ..call
    }
}
