//! Descriptors of the C ABI with any contents: no call reads or writes outside of its memory, panics, is refused without
//! a sentence, or writes although it is refused.
#![no_main]

use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::OnceLock;

use arbitrary::Arbitrary;
use cvloss_capi::*;
use libfuzzer_sys::fuzz_target;

/// Bytes of a tensor's memory.
const BYTES: usize = 4096;

#[derive(Arbitrary, Debug)]
struct Descriptor {
    memory: Memory,
    device: Option<i32>,
    rank: Option<i32>,
    dtype: DType,
    shape: Option<[Extent; 8]>,
    strides: Option<[Extent; 8]>,
    offset: Option<u64>,
}

#[derive(Arbitrary, Debug)]
enum Memory {
    Own,
    Of(u8),
    Null,
}

#[derive(Arbitrary, Debug)]
enum DType {
    F32,
    F64,
    F16,
    BF16,
    U8,
    U32,
    I64,
    Any(u8, u8, u16),
}

/// Mostly small.
#[derive(Arbitrary, Debug)]
enum Extent {
    Small(u8),
    Any(i64),
}

#[derive(Arbitrary, Debug)]
struct Call {
    loss: u8,
    /// Axes of tensors that have none of their own.
    rank: u8,
    shape: [u8; 8],
    tensors: [Descriptor; 7],
    inputs: [bool; 3],
    gradients: Option<[bool; 3]>,
    count: Option<u32>,
    flags: u32,
    has_value: bool,
    has_upstream: bool,
    scale: f64,
    contents: u64,
}

struct Handles(Vec<*mut cvl_loss>);
// SAFETY: a handle is immutable and may be used by any number of threads.
unsafe impl Send for Handles {}
// SAFETY: as above.
unsafe impl Sync for Handles {}

/// Every loss that has defaults.
fn losses() -> &'static [*mut cvl_loss] {
    static LOSSES: OnceLock<Handles> = OnceLock::new();
    macro_rules! handles {
        ($($new:ident)*) => {{
            let mut all = Vec::new();
            $({
                let mut loss = ptr::null_mut();
                // SAFETY: defaults, and a place for the handle.
                if unsafe { $new(ptr::null(), &mut loss) } == cvl_status::Ok {
                    all.push(loss);
                }
            })*
            all
        }};
    }
    let make = || {
        Handles(handles![
            cvl_asymmetric_new cvl_asymmetric_softmax_new cvl_balanced_bce_new cvl_balanced_l1_new cvl_bce_new
            cvl_bi_tempered_new cvl_boundary_new cvl_bounded_iou_new cvl_charbonnier_new cvl_ciou_new cvl_cl_dice_new
            cvl_combo_new cvl_cross_entropy_new cvl_dice_ce_new cvl_dice_cl_dice_new cvl_dice_focal_new cvl_dice_new
            cvl_diou_new cvl_discriminator_new cvl_distance_cross_entropy_new cvl_distribution_focal_new cvl_edge_new
            cvl_efficient_iou_new cvl_exp_log_new cvl_extended_iou_new cvl_feature_contextual_new
            cvl_feature_matching_new cvl_fft_l1_new cvl_focal_frequency_new cvl_focal_new cvl_focal_tversky_new
            cvl_gaussian_focal_new cvl_generalized_wasserstein_dice_new cvl_generator_new cvl_ghm_new
            cvl_ghm_regression_new cvl_giou_new cvl_gwd_new cvl_hausdorff_erosion_new cvl_hausdorff_new cvl_huber_new
            cvl_iou_new cvl_jaccard_new cvl_kfiou_new cvl_kld_new cvl_l1_new cvl_lecam_new cvl_log_cosh_new
            cvl_lovasz_hinge_new cvl_lovasz_softmax_new cvl_mcc_new cvl_mpdiou_new cvl_mse_new cvl_nwd_new
            cvl_ohem_cross_entropy_new cvl_poly_cross_entropy_new cvl_poly_focal_new cvl_probiou_new
            cvl_quality_focal_new cvl_reduced_focal_new cvl_robust_new cvl_rotated_iou_new cvl_seesaw_new cvl_siou_new
            cvl_smooth_l1_new cvl_soft_f1_new cvl_softmax_focal_new cvl_top_k_cross_entropy_new cvl_total_variation_new
            cvl_tversky_new cvl_unified_focal_new cvl_varifocal_new cvl_wing_new cvl_wise_iou_new
        ])
    };
    &LOSSES.get_or_init(make).0
}

impl Extent {
    fn number(&self) -> i64 {
        match self {
            Self::Small(number) => i64::from(number % 9),
            Self::Any(number) => *number,
        }
    }
}

impl DType {
    fn code(&self) -> cvl_dtype {
        let (code, bits, lanes) = match *self {
            Self::F32 => (2, 32, 1),
            Self::F64 => (2, 64, 1),
            Self::F16 => (2, 16, 1),
            Self::BF16 => (4, 16, 1),
            Self::U8 => (1, 8, 1),
            Self::U32 => (1, 32, 1),
            Self::I64 => (0, 64, 1),
            Self::Any(code, bits, lanes) => (code, bits, lanes),
        };
        cvl_dtype { code, bits, lanes }
    }
}

/// The bytes from `data` on that a tensor spans, as `None` if numbers leave `i128`; 0 if it must be refused.
fn span(tensor: &cvl_tensor, shape: &[i64; 8], strides: Option<&[i64; 8]>) -> Option<i128> {
    if tensor.ndim < 0 || tensor.ndim > 8 || tensor.shape.is_null() {
        return Some(0);
    }
    let (mut last, mut product) = (0i128, 1i128);
    for axis in (0..tensor.ndim as usize).rev() {
        let dim = i128::from(shape[axis]);
        let stride = strides.map_or(product, |strides| i128::from(strides[axis]));
        if dim <= 0 || (dim > 1 && stride < 0) {
            return Some(0);
        }
        product = product.checked_mul(dim)?;
        last = last.checked_add((dim - 1).checked_mul(stride)?)?;
    }
    let bytes = (last + 1).checked_mul(i128::from(tensor.dtype.bits / 8))?;
    bytes.checked_add(i128::from(tensor.byte_offset))
}

fuzz_target!(|call: Call| {
    let losses = losses();
    let loss = losses[usize::from(call.loss) % losses.len()];
    let mut memory: Vec<Vec<u64>> = (0..7).map(|_| vec![0; BYTES / 8]).collect();
    let mut state = call.contents | 1;
    for word in memory[0].iter_mut().chain(&mut *memory[6].to_vec()) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *word = state;
    }
    let pointers: Vec<*mut c_void> = memory.iter_mut().map(|m| m.as_mut_ptr().cast()).collect();
    let base = call.shape.map(|dim| i64::from(dim % 6));
    let shapes = call.tensors.each_ref().map(|d| match &d.shape {
        Some(shape) => shape.each_ref().map(Extent::number),
        None => base,
    });
    let strides = call
        .tensors
        .each_ref()
        .map(|d| Some(d.strides.as_ref()?.each_ref().map(Extent::number)));
    let mut tensors = Vec::new();
    for (at, d) in call.tensors.iter().enumerate() {
        let tensor = cvl_tensor {
            data: match d.memory {
                Memory::Own => pointers[at],
                Memory::Of(other) => pointers[usize::from(other) % 7],
                Memory::Null => ptr::null_mut(),
            },
            device: cvl_device {
                r#type: d.device.unwrap_or(1),
                id: 0,
            },
            ndim: d.rank.unwrap_or(i32::from(call.rank % 6)),
            dtype: d.dtype.code(),
            shape: shapes[at].as_ptr(),
            strides: strides[at].as_ref().map_or(ptr::null(), |s| s.as_ptr()),
            byte_offset: d.offset.unwrap_or(0),
        };
        // A descriptor of more memory than there is: no library can know.
        if !span(&tensor, &shapes[at], strides[at].as_ref()).is_none_or(|s| s <= BYTES as i128) {
            let is_absurd = span(&tensor, &shapes[at], strides[at].as_ref())
                .is_none_or(|span| span > i128::from(i64::MAX));
            if !is_absurd {
                return;
            }
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
        .map(|wanted| [(0, 3), (1, 6), (2, 5)].map(|(k, at)| chosen(wanted[k], at)));
    let args = cvl_eval_args {
        inputs: inputs.as_ptr(),
        grads: gradients.as_ref().map_or(ptr::null(), |g| g.as_ptr()),
        // More than there are would be a lie.
        num_inputs: call.count.unwrap_or(2).min(3),
        flags: call.flags,
        value: chosen(call.has_value, 4),
        upstream: chosen(call.has_upstream, 5),
        grad_scale: call.scale,
        ..cvl_eval_args::default()
    };
    let before = memory.clone();
    // SAFETY: descriptors of live memory, or such as the library must refuse.
    let status = unsafe { cvl_loss_eval(loss, &args) };
    // SAFETY: a string that ends in NUL.
    let sentence = unsafe { CStr::from_ptr(cvl_last_error()) };
    assert!(status != cvl_status::Panic, "{sentence:?}");
    if status != cvl_status::Ok {
        assert!(!sentence.is_empty());
        assert!(memory == before, "refused, but it wrote: {sentence:?}");
    }
});
