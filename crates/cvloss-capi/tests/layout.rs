//! Sizes and offsets that binaries rely on.
#![cfg(target_pointer_width = "64")]

use std::mem::{offset_of, size_of};

use cvloss_capi::*;

/// DLPack's DLTensor on 64-bit machines.
#[test]
fn a_tensor_is_dlpacks() {
    assert_eq!(size_of::<cvl_tensor>(), 48);
    assert_eq!(size_of::<cvl_device>(), 8);
    assert_eq!(size_of::<cvl_dtype>(), 4);
    let offsets = [
        offset_of!(cvl_tensor, data),
        offset_of!(cvl_tensor, device),
        offset_of!(cvl_tensor, ndim),
        offset_of!(cvl_tensor, dtype),
        offset_of!(cvl_tensor, shape),
        offset_of!(cvl_tensor, strides),
        offset_of!(cvl_tensor, byte_offset),
    ];
    assert_eq!(offsets, [0, 8, 16, 20, 24, 32, 40]);
    assert_eq!(offset_of!(cvl_device, id), 4);
    assert_eq!(
        [
            offset_of!(cvl_dtype, code),
            offset_of!(cvl_dtype, bits),
            offset_of!(cvl_dtype, lanes)
        ],
        [0, 1, 2]
    );
}

/// Sizes of the first release. A field may be appended, which changes a size here; nothing else may change one.
#[test]
fn structs_keep_their_sizes() {
    let sizes = [
        ("cvl_eval_args", size_of::<cvl_eval_args>(), 80),
        ("cvl_bce_config", size_of::<cvl_bce_config>(), 48),
        ("cvl_focal_config", size_of::<cvl_focal_config>(), 64),
        (
            "cvl_cross_entropy_config",
            size_of::<cvl_cross_entropy_config>(),
            48,
        ),
        (
            "cvl_softmax_focal_config",
            size_of::<cvl_softmax_focal_config>(),
            64,
        ),
        ("cvl_region_config", size_of::<cvl_region_config>(), 112),
        ("cvl_dice_config", size_of::<cvl_dice_config>(), 40),
        ("cvl_jaccard_config", size_of::<cvl_jaccard_config>(), 32),
        ("cvl_tversky_config", size_of::<cvl_tversky_config>(), 48),
        (
            "cvl_focal_tversky_config",
            size_of::<cvl_focal_tversky_config>(),
            48,
        ),
        ("cvl_dice_ce_config", size_of::<cvl_dice_ce_config>(), 56),
        (
            "cvl_dice_focal_config",
            size_of::<cvl_dice_focal_config>(),
            56,
        ),
        ("cvl_combo_config", size_of::<cvl_combo_config>(), 56),
        ("cvl_l1_config", size_of::<cvl_l1_config>(), 16),
        ("cvl_mse_config", size_of::<cvl_mse_config>(), 16),
        ("cvl_log_cosh_config", size_of::<cvl_log_cosh_config>(), 16),
        ("cvl_huber_config", size_of::<cvl_huber_config>(), 24),
        (
            "cvl_smooth_l1_config",
            size_of::<cvl_smooth_l1_config>(),
            24,
        ),
        (
            "cvl_charbonnier_config",
            size_of::<cvl_charbonnier_config>(),
            32,
        ),
        ("cvl_robust_config", size_of::<cvl_robust_config>(), 40),
        ("cvl_wing_config", size_of::<cvl_wing_config>(), 32),
        ("cvl_psnr_config", size_of::<cvl_psnr_config>(), 40),
        (
            "cvl_similarity_config",
            size_of::<cvl_similarity_config>(),
            72,
        ),
        ("cvl_ssim_config", size_of::<cvl_ssim_config>(), 40),
        ("cvl_l1_ssim_config", size_of::<cvl_l1_ssim_config>(), 48),
        ("cvl_ms_ssim_config", size_of::<cvl_ms_ssim_config>(), 64),
        (
            "cvl_ms_ssim_l1_config",
            size_of::<cvl_ms_ssim_l1_config>(),
            88,
        ),
    ];
    for (name, size, expected) in sizes {
        assert_eq!(size, expected, "{name}");
    }
}

/// Statuses are appended, never renumbered.
#[test]
fn statuses_keep_their_numbers() {
    assert_eq!(cvl_status::Ok as i32, 0);
    assert_eq!(cvl_status::NullPointer as i32, 1);
    assert_eq!(cvl_status::Aliased as i32, 7);
    assert_eq!(cvl_status::Panic as i32, 12);
}
