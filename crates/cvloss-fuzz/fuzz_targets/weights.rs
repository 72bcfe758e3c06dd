//! Weights of a network from bytes that anybody may have written: refused with a sentence, or tensors of the right shapes.
#![no_main]

use arbitrary::Arbitrary;
use cvloss::perceptual::networks::Trunk;
use cvloss::perceptual::weights::{Weights, digest_of_tensors};
use libfuzzer_sys::fuzz_target;

/// A header is interesting, its data is not: zeros, so many that small networks are whole.
#[derive(Arbitrary, Debug)]
struct File<'a> {
    trunk: u8,
    length: Length,
    zeros: u32,
    header: &'a [u8],
}

#[derive(Arbitrary, Debug)]
enum Length {
    Right,
    Given(u64),
    /// The header is the whole file.
    None,
}

/// SqueezeNet has 3 MB.
const MOST: usize = 4 << 20;

fuzz_target!(|file: File<'_>| {
    let trunk = [
        Trunk::SqueezeNet,
        Trunk::AlexNet,
        Trunk::Vgg16,
        Trunk::Vgg19,
    ][usize::from(file.trunk % 4)];
    let mut bytes = Vec::new();
    match file.length {
        Length::Right => bytes.extend((file.header.len() as u64).to_le_bytes()),
        Length::Given(length) => bytes.extend(length.to_le_bytes()),
        Length::None => {}
    }
    bytes.extend(file.header);
    bytes.resize(bytes.len() + file.zeros as usize % MOST, 0);
    let _ = digest_of_tensors(trunk, &bytes);
    match Weights::from_bytes(trunk, &bytes, "fuzz") {
        Ok(weights) => {
            for spec in trunk.tensors() {
                let tensor = weights.tensor(&spec.name).expect("a checked tensor");
                assert_eq!(tensor.dims(), spec.shape);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
