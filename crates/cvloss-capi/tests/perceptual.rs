//! Losses of feature networks through C: equal to the Rust front bit for bit, and weights from files and from memory.

#![allow(clippy::cast_possible_wrap, reason = "small numbers of tests")]

mod support;

use std::ffi::CString;
use std::os::raw::c_char;
use std::ptr;

use anyhow::{Context, Result, ensure};
use candle_core::DType;
use cvloss::perceptual::networks::Trunk;
use cvloss_capi::*;
use cvloss_testkit::cases::{Case, each};
use support::equality::{chains, equals_rust, inputs, lend, rounds};
use support::networks::{file, in_memory, large_cases, small_cases};
use support::{Handle, Memory, arguments, last_error, pointers};

#[test]
fn small_networks_equal_rust() -> Result<()> {
    each(&small_cases()?, equals_rust)
}

#[test]
fn vgg_equals_rust() -> Result<()> {
    large_cases()
        .into_iter()
        .try_for_each(|case| each(&[case()?], equals_rust))
}

#[test]
fn chain_rule() -> Result<()> {
    each(&small_cases()?, chains)
}

#[test]
fn half_gradients_are_rounded() -> Result<()> {
    each(&small_cases()?, rounds)
}

/// DISTS compares the image itself too, whose slopes add to those that come back through the network.
#[test]
fn half_gradients_of_dists_are_rounded() -> Result<()> {
    let dists: Vec<Case> = large_cases()[4..]
        .iter()
        .map(|case| case())
        .collect::<Result<_>>()?;
    each(&dists, rounds)
}

/// Channels-last images are read and written where they lie.
#[test]
fn channels_last_is_a_view() -> Result<()> {
    let cases = small_cases()?;
    let case = &cases[0];
    let loss = support::entries::create(case.type_name, &case.options)?;
    let sample = case.sample(DType::F32)?;
    let memory = inputs(case, &sample)?;
    let (value, gradients) = loss.evaluate(&lend(&memory), &[0, 1])?;
    let last = |tensor: &candle_core::Tensor| -> Result<Memory> {
        let (n, c, h, w) = tensor.dims4()?;
        let mut memory = Memory::of(&tensor.permute((0, 2, 3, 1))?.contiguous()?)?;
        memory.shape = [n, c, h, w].map(|dim| dim as i64).to_vec();
        memory.strides = Some([h * w * c, 1, w * c, c].map(|step| step as i64).to_vec());
        memory.refresh();
        Ok(memory)
    };
    let images = [last(&sample.input)?, last(&sample.target)?];
    let zeros = sample.input.zeros_like()?;
    let slopes = [last(&zeros)?, last(&zeros)?];
    let result = Memory::zeros(DType::F32, &[])?;
    let pointers = pointers(&[Some(&images[0]), Some(&images[1])]);
    let grads = [slopes[0].descriptor(), slopes[1].descriptor()];
    loss.run(&cvl_eval_args {
        value: result.descriptor(),
        ..arguments(&pointers, &grads)
    })?;
    ensure!(result.numbers() == value.numbers());
    let (n, c, h, w) = sample.input.dims4()?;
    for (own, expected) in slopes.iter().zip(&gradients) {
        let (own, expected) = (own.numbers(), expected.numbers());
        for item in 0..n {
            for channel in 0..c {
                for pixel in 0..h * w {
                    let (dense, at) = (
                        expected[(item * c + channel) * h * w + pixel],
                        own[(item * h * w + pixel) * c + channel],
                    );
                    ensure!(dense == at, "{at} is not {dense}");
                }
            }
        }
    }
    // Rows with gaps are no layout of the kernels.
    let mut gaps = last(&sample.input)?;
    gaps.shape[3] -= 1;
    gaps.refresh();
    let mut other = last(&sample.target)?;
    other.shape[3] -= 1;
    other.refresh();
    let pointers = support::pointers(&[Some(&gaps), Some(&other)]);
    // SAFETY: descriptors of live memory.
    let status = unsafe { cvl_loss_eval(loss.0, &arguments(&pointers, &[])) };
    ensure!(status == cvl_status::Layout, "{status:?}: {}", last_error());
    Ok(())
}

fn lpips(weights: &cvl_weights_config) -> (cvl_status, Option<Handle>) {
    let config = cvl_lpips_config {
        weights,
        network: cvl_lpips_network::Squeeze as u32,
        ..cvl_lpips_config::default()
    };
    let mut loss = ptr::null_mut();
    // SAFETY: a valid configuration, and a place for the handle.
    let status = unsafe { cvl_lpips_new(&config, &mut loss) };
    (status, (!loss.is_null()).then(|| Handle(loss)))
}

fn on_disk(path: *const c_char) -> cvl_weights_config {
    cvl_weights_config {
        path,
        ..cvl_weights_config::default()
    }
}

#[test]
fn a_file_is_as_good_as_its_bytes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("squeezenet1_1.safetensors");
    std::fs::write(&path, file(Trunk::SqueezeNet)?)?;
    let name = CString::new(path.to_str().context("path")?)?;
    let (_, from_file) = lpips(&on_disk(name.as_ptr()));
    let from_file = from_file.with_context(last_error)?;
    // The file, and the bytes, may go once the loss is made.
    drop(folder);
    let bytes = file(Trunk::SqueezeNet)?.to_vec();
    let (_, from_bytes) = lpips(&in_memory(&bytes));
    let from_bytes = from_bytes.with_context(last_error)?;
    drop(bytes);
    let cases = small_cases()?;
    let case = cases.last().context("no case")?;
    let memory = inputs(case, &case.sample(DType::F32)?)?;
    let evaluate = |loss: &Handle| -> Result<Vec<f64>> {
        let (value, gradients) = loss.evaluate(&lend(&memory), &[0])?;
        Ok([value.numbers(), gradients[0].numbers()].concat())
    };
    let expected = evaluate(&from_file)?;
    ensure!(expected[0] > 0.0 && expected.iter().all(|x| x.is_finite()));
    ensure!(evaluate(&from_bytes)? == expected, "results differ");
    Ok(())
}

/// Threads that use a new handle at once wait for its weights, and get the same.
#[test]
fn threads_share_a_new_handle() -> Result<()> {
    let cases = small_cases()?;
    let case = &cases[0];
    let memory = inputs(case, &case.sample(DType::F32)?)?;
    let loss = support::entries::create(case.type_name, &case.options)?;
    let evaluate = || -> Result<Vec<f64>> {
        let (value, gradients) = loss.evaluate(&lend(&memory), &[0, 1])?;
        Ok([
            value.numbers(),
            gradients[0].numbers(),
            gradients[1].numbers(),
        ]
        .concat())
    };
    let results = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(evaluate)).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Result<Vec<f64>>>| {
            thread
                .join()
                .map_err(|_| anyhow::anyhow!("a thread panicked"))?
        };
        threads.into_iter().map(join).collect::<Result<Vec<_>>>()
    })?;
    ensure!(results.iter().all(|result| *result == results[0]));
    Ok(())
}

/// Each error of loading has its status, and a sentence that names the tensor and the file.
#[test]
fn wrong_weights_are_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("weights.safetensors");
    let name = CString::new(path.to_str().context("path")?)?;
    let refused = |status: cvl_status, words: &[&str]| -> Result<()> {
        let (got, loss) = lpips(&on_disk(name.as_ptr()));
        let sentence = last_error();
        ensure!(loss.is_none() && got == status, "{got:?}: {sentence}");
        for word in words.iter().chain(&["lpips: ", "weights.safetensors"]) {
            ensure!(sentence.contains(word), "{sentence} lacks {word}");
        }
        Ok(())
    };
    refused(cvl_status::Io, &[])?;
    let good = file(Trunk::SqueezeNet)?;
    let tensor = "features.4.expand3x3.weight";
    for (bytes, words) in [
        (Vec::new(), &[][..]),
        (good[..good.len() - 4].to_vec(), &[]),
        (
            file(Trunk::AlexNet)?.to_vec(),
            &["features.0.weight", "[64, 3, 3, 3]"],
        ),
        (
            edited(good, |data| {
                data.replace(tensor, "features.4.expand3x3.waight")
            })?,
            &[tensor],
        ),
        (
            edited(good, |data| data.replace("[64,16,3,3]", "[16,64,3,3]"))?,
            &["features.3.expand3x3.weight", "[16, 64, 3, 3]"],
        ),
        (
            {
                let mut bytes = good.to_vec();
                // The last tensor ends with the file.
                let end = bytes.len();
                bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
                bytes
            },
            &["features.", "NaN"],
        ),
    ] {
        std::fs::write(&path, bytes)?;
        refused(cvl_status::Weights, words)?;
    }
    // Bytes have the name that the caller gives them.
    let label = CString::new("my weights.safetensors")?;
    let (status, _) = lpips(&cvl_weights_config {
        name: label.as_ptr(),
        ..in_memory(&good[..100])
    });
    ensure!(status == cvl_status::Weights);
    ensure!(
        last_error().contains("my weights.safetensors"),
        "{}",
        last_error()
    );
    let (status, _) = lpips(&in_memory(b"nothing"));
    ensure!(status == cvl_status::Weights);
    ensure!(
        last_error().contains("the weights in memory"),
        "{}",
        last_error()
    );
    // A folder is no file.
    let name = CString::new(folder.path().to_str().context("path")?)?;
    let (status, _) = lpips(&on_disk(name.as_ptr()));
    ensure!(status == cvl_status::Io, "{status:?}: {}", last_error());
    Ok(())
}

/// A file with another header of the same length.
fn edited(file: &[u8], edit: impl FnOnce(&str) -> String) -> Result<Vec<u8>> {
    let len = usize::try_from(u64::from_le_bytes(file[..8].try_into()?))?;
    let header = std::str::from_utf8(&file[8..][..len])?;
    let changed = edit(header);
    ensure!(changed != header && changed.len() == len, "nothing to edit");
    Ok([&file[..8], changed.as_bytes(), &file[8 + len..]].concat())
}
