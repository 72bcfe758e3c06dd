//! The loop under sanitizers, and mutated sources, which must be noticed.

use cvloss_kernels::Normalizer;

use super::{Call, Loss};
use crate::device::Kind;
use crate::program::{Build, DIALECTS, Dialect, Kernels, Mutation, has_compiler};

/// Enough to see the loop.
const SANITIZED: Kernels = &["loops/pointwise.inl", "bce/kernel.inl"];

/// The loop under sanitizers: vector and scalar accesses, broadcast operands, sizes that end in the middle.
#[test]
fn emulator_sanitized_pointwise() {
    if !has_compiler() {
        return;
    }
    let loss = Loss::Bce(0.0);
    for dialect in DIALECTS {
        for kind in [Kind::F32, Kind::BF16] {
            let call = Call::new(kind, [3, 2, 523], 7);
            let calls = [
                Call {
                    vector: true,
                    weight: Some(call.operand(call.shape, 1)),
                    ..call.clone()
                },
                Call {
                    auxiliary: Some(call.operand([1, 2, 1], 1)),
                    normalizer: Normalizer::Positives,
                    ..call.clone()
                },
            ];
            let build = Build::sanitized(dialect, SANITIZED);
            for call in calls {
                let found = call.check(build, &loss.on_device(), &call.on_cpu(&loss));
                assert_eq!(found, Ok(()));
            }
        }
    }
}

/// Whether a mutated source is caught; says by what.
fn caught(mutation: Mutation, sanitized: bool, vector: bool) -> Option<String> {
    if !has_compiler() {
        return None;
    }
    let call = Call {
        vector,
        ..Call::new(Kind::F32, [3, 2, 523], 7)
    };
    let build = match sanitized {
        false => Build::plain(Dialect::Cuda, SANITIZED),
        true => Build::sanitized(Dialect::Cuda, SANITIZED),
    };
    let build = build.mutated(mutation);
    let loss = Loss::Bce(0.0);
    match call.check(build, &loss.on_device(), &call.on_cpu(&loss)) {
        Ok(()) => panic!("nobody notices {mutation:?}"),
        Err(message) => Some(message),
    }
}

#[test]
fn emulator_catches_a_removed_barrier() {
    let mutation = Mutation {
        file: "loops/portable.h",
        from: "    CVL_BARRIER();\n    v = place",
        to: "    v = place",
    };
    caught(mutation, false, false);
}

#[test]
fn emulator_catches_a_barrier_that_some_threads_miss() {
    let mutation = Mutation {
        file: "loops/portable.h",
        from: "    CVL_BARRIER();\n    v = place",
        to: "    if (place.index < 32) {\n        CVL_BARRIER();\n    }\n    v = place",
    };
    if let Some(message) = caught(mutation, false, false) {
        let is_named = message.contains("deadlock") || message.contains("barrier");
        assert!(is_named, "{message}");
    }
}

#[test]
fn emulator_catches_a_shifted_index() {
    let mutation = Mutation {
        file: "loops/pointwise.h",
        from: "i < call.elements; i += place.all()) {\n        sum += pointwise_one",
        to: "i <= call.elements; i += place.all()) {\n        sum += pointwise_one",
    };
    if let Some(message) = caught(mutation, true, false) {
        assert!(message.contains("heap-buffer-overflow"), "{message}");
    }
}

#[test]
fn emulator_catches_a_flipped_sign() {
    let mutation = Mutation {
        file: "math.h",
        from: "mul_add(n, odds.p, -(ta * odds.q))",
        to: "mul_add(n, odds.p, ta * odds.q)",
    };
    if let Some(message) = caught(mutation, false, true) {
        assert!(message.contains("gradient"), "{message}");
    }
}
