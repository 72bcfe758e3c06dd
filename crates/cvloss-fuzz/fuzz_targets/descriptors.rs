//! Descriptors of the C ABI with any contents: no call reads or writes outside of its memory, panics, is refused without
//! a sentence, or writes although it is refused.
#![no_main]

mod descriptors {
    pub mod call;
    pub mod losses;
}

use std::ffi::{CStr, c_void};
use std::ptr;

use cvloss_capi::*;
use descriptors::call::{BYTES, Call, TENSORS};
use descriptors::losses::losses;
use libfuzzer_sys::fuzz_target;

/// The bytes from `data` on that a tensor spans; 0 if it has no elements or must be refused for other reasons.
fn span(tensor: &cvl_tensor, shape: &[i64; 8], strides: Option<&[i64; 8]>) -> i128 {
    if !(0..=8).contains(&tensor.ndim) {
        return 0;
    }
    let (mut last, mut product) = (0i128, 1i128);
    for axis in (0..tensor.ndim as usize).rev() {
        let dim = i128::from(shape[axis]);
        let stride = strides.map_or(product, |strides| i128::from(strides[axis]));
        if dim <= 0 || (dim > 1 && stride < 0) {
            return 0;
        }
        product = product.saturating_mul(dim);
        last = last.saturating_add((dim - 1).saturating_mul(stride));
    }
    let bytes = last
        .saturating_add(1)
        .saturating_mul(i128::from(tensor.dtype.bits / 8));
    bytes.saturating_add(i128::from(tensor.byte_offset))
}

/// Whether the call can only be wrong in ways that a library can see: memory that is addressable but not there is none.
fn is_honest(span: i128) -> bool {
    span <= BYTES as i128 || span > i128::from(i64::MAX)
}

fuzz_target!(|call: Call| {
    let losses = losses();
    let loss = losses[usize::from(call.loss) % losses.len()];
    let mut memory: Vec<Vec<u64>> = (0..=TENSORS).map(|_| vec![0; BYTES / 8]).collect();
    for (contents, words) in call.contents.iter().zip(&mut memory) {
        contents.fill(words);
    }
    let pointers: Vec<*mut c_void> = memory.iter_mut().map(|m| m.as_mut_ptr().cast()).collect();
    let shapes: Vec<_> = (0..TENSORS).map(|at| call.shape(at)).collect();
    let strides = call.tensors.each_ref().map(|tensor| tensor.strides());
    let mut tensors = Vec::new();
    for (at, tensor) in call.tensors.iter().enumerate() {
        let (rank, shape) = &shapes[at];
        let tensor = cvl_tensor {
            data: tensor.memory.of(at, &pointers),
            device: cvl_device {
                r#type: tensor.device.unwrap_or(1),
                id: 0,
            },
            ndim: *rank,
            dtype: tensor.dtype.code(call.dtype),
            shape: shape.as_ptr(),
            strides: strides[at].as_ref().map_or(ptr::null(), |s| s.as_ptr()),
            byte_offset: tensor.offset.unwrap_or(0),
        };
        if !is_honest(span(&tensor, shape, strides[at].as_ref())) {
            return;
        }
        tensors.push(tensor);
    }
    let chosen = |wanted: bool, at: usize| match wanted {
        true => &raw const tensors[at],
        false => ptr::null(),
    };
    let inputs = [0, 1, 2].map(|at| chosen(call.inputs[at], at));
    let gradients = call
        .gradients
        .map(|wanted| [0, 1, 2].map(|at| chosen(wanted[at], 3 + at)));
    let args = cvl_eval_args {
        struct_size: call.struct_size(),
        inputs: inputs.as_ptr(),
        grads: gradients.as_ref().map_or(ptr::null(), |g| g.as_ptr()),
        // More than there are would be a lie.
        num_inputs: call.count.unwrap_or(2).min(3),
        flags: call.flags.unwrap_or(u32::from(call.accumulates)),
        value: chosen(call.has_value, 6),
        upstream: chosen(call.has_upstream, 7),
        grad_scale: call.scale,
        workspace: match call.workspace {
            None => ptr::null_mut(),
            Some(offset) => pointers[TENSORS].wrapping_byte_add(usize::from(offset)),
        },
        workspace_size: BYTES - usize::from(call.workspace.unwrap_or(0)),
        ..cvl_eval_args::default()
    };
    let before = memory.clone();

    let (mut bytes, mut shape, mut rank) = (0, [0; 8], 0);
    // SAFETY: descriptors of live memory, or such as the library must refuse.
    let statuses = unsafe {
        [
            cvl_loss_workspace(loss, &args, &mut bytes),
            cvl_loss_value_shape(loss, &args, shape.as_mut_ptr(), &mut rank),
        ]
    };
    assert!(!statuses.contains(&cvl_status::Panic));
    assert!(memory == before, "a question wrote to a tensor");

    // SAFETY: as above.
    let status = unsafe { cvl_loss_eval(loss, &args) };
    // SAFETY: a string that ends in NUL.
    let sentence = unsafe { CStr::from_ptr(cvl_last_error()) };
    assert!(status != cvl_status::Panic, "{sentence:?}");
    if status != cvl_status::Ok {
        assert!(!sentence.is_empty());
        assert!(memory == before, "refused, but it wrote: {sentence:?}");
        return;
    }
    assert_eq!(statuses, [cvl_status::Ok; 2], "evaluated all the same");
    assert!(
        (0..3).all(|at| memory[at] == before[at] || call.shares_memory()),
        "an input changed"
    );
});
