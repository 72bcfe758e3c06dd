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
        (
            "cvl_balanced_l1_config",
            size_of::<cvl_balanced_l1_config>(),
            40,
        ),
        (
            "cvl_bounded_iou_config",
            size_of::<cvl_bounded_iou_config>(),
            24,
        ),
        ("cvl_boxes_config", size_of::<cvl_boxes_config>(), 40),
        ("cvl_overlap_config", size_of::<cvl_overlap_config>(), 40),
        ("cvl_ciou_config", size_of::<cvl_ciou_config>(), 24),
        ("cvl_diou_config", size_of::<cvl_diou_config>(), 24),
        (
            "cvl_distribution_focal_config",
            size_of::<cvl_distribution_focal_config>(),
            32,
        ),
        (
            "cvl_efficient_iou_config",
            size_of::<cvl_efficient_iou_config>(),
            40,
        ),
        (
            "cvl_extended_iou_config",
            size_of::<cvl_extended_iou_config>(),
            24,
        ),
        ("cvl_giou_config", size_of::<cvl_giou_config>(), 24),
        ("cvl_gwd_config", size_of::<cvl_gwd_config>(), 40),
        ("cvl_iou_config", size_of::<cvl_iou_config>(), 32),
        ("cvl_kfiou_config", size_of::<cvl_kfiou_config>(), 32),
        ("cvl_kld_config", size_of::<cvl_kld_config>(), 48),
        ("cvl_mpdiou_config", size_of::<cvl_mpdiou_config>(), 40),
        ("cvl_nwd_config", size_of::<cvl_nwd_config>(), 24),
        ("cvl_probiou_config", size_of::<cvl_probiou_config>(), 16),
        (
            "cvl_rotated_boxes_config",
            size_of::<cvl_rotated_boxes_config>(),
            32,
        ),
        (
            "cvl_rotated_iou_config",
            size_of::<cvl_rotated_iou_config>(),
            24,
        ),
        ("cvl_siou_config", size_of::<cvl_siou_config>(), 40),
        ("cvl_wise_iou_config", size_of::<cvl_wise_iou_config>(), 64),
        ("cvl_edge_config", size_of::<cvl_edge_config>(), 40),
        ("cvl_fft_l1_config", size_of::<cvl_fft_l1_config>(), 24),
        (
            "cvl_focal_frequency_config",
            size_of::<cvl_focal_frequency_config>(),
            40,
        ),
        (
            "cvl_total_variation_config",
            size_of::<cvl_total_variation_config>(),
            32,
        ),
        (
            "cvl_feature_matching_config",
            size_of::<cvl_feature_matching_config>(),
            24,
        ),
        (
            "cvl_adversarial_config",
            size_of::<cvl_adversarial_config>(),
            56,
        ),
        ("cvl_lecam_config", size_of::<cvl_lecam_config>(), 32),
        (
            "cvl_asymmetric_config",
            size_of::<cvl_asymmetric_config>(),
            56,
        ),
        (
            "cvl_asymmetric_softmax_config",
            size_of::<cvl_asymmetric_softmax_config>(),
            64,
        ),
        (
            "cvl_balanced_bce_config",
            size_of::<cvl_balanced_bce_config>(),
            32,
        ),
        ("cvl_boundary_config", size_of::<cvl_boundary_config>(), 64),
        ("cvl_cl_dice_config", size_of::<cvl_cl_dice_config>(), 80),
        (
            "cvl_dice_cl_dice_config",
            size_of::<cvl_dice_cl_dice_config>(),
            24,
        ),
        ("cvl_exp_log_config", size_of::<cvl_exp_log_config>(), 64),
        (
            "cvl_gaussian_focal_config",
            size_of::<cvl_gaussian_focal_config>(),
            40,
        ),
        (
            "cvl_generalized_wasserstein_dice_config",
            size_of::<cvl_generalized_wasserstein_dice_config>(),
            56,
        ),
        ("cvl_ghm_config", size_of::<cvl_ghm_config>(), 48),
        (
            "cvl_ghm_regression_config",
            size_of::<cvl_ghm_regression_config>(),
            48,
        ),
        (
            "cvl_hausdorff_config",
            size_of::<cvl_hausdorff_config>(),
            72,
        ),
        (
            "cvl_lovasz_hinge_config",
            size_of::<cvl_lovasz_hinge_config>(),
            48,
        ),
        (
            "cvl_lovasz_softmax_config",
            size_of::<cvl_lovasz_softmax_config>(),
            48,
        ),
        ("cvl_mcc_config", size_of::<cvl_mcc_config>(), 24),
        (
            "cvl_multi_scale_config",
            size_of::<cvl_multi_scale_config>(),
            64,
        ),
        (
            "cvl_ohem_cross_entropy_config",
            size_of::<cvl_ohem_cross_entropy_config>(),
            56,
        ),
        (
            "cvl_bi_tempered_config",
            size_of::<cvl_bi_tempered_config>(),
            64,
        ),
        (
            "cvl_distance_cross_entropy_config",
            size_of::<cvl_distance_cross_entropy_config>(),
            80,
        ),
        (
            "cvl_hausdorff_erosion_config",
            size_of::<cvl_hausdorff_erosion_config>(),
            64,
        ),
        ("cvl_seesaw_config", size_of::<cvl_seesaw_config>(), 80),
        (
            "cvl_poly_cross_entropy_config",
            size_of::<cvl_poly_cross_entropy_config>(),
            48,
        ),
        (
            "cvl_poly_focal_config",
            size_of::<cvl_poly_focal_config>(),
            56,
        ),
        (
            "cvl_quality_focal_config",
            size_of::<cvl_quality_focal_config>(),
            32,
        ),
        (
            "cvl_reduced_focal_config",
            size_of::<cvl_reduced_focal_config>(),
            56,
        ),
        ("cvl_soft_f1_config", size_of::<cvl_soft_f1_config>(), 24),
        (
            "cvl_top_k_cross_entropy_config",
            size_of::<cvl_top_k_cross_entropy_config>(),
            48,
        ),
        (
            "cvl_unified_focal_config",
            size_of::<cvl_unified_focal_config>(),
            48,
        ),
        (
            "cvl_varifocal_config",
            size_of::<cvl_varifocal_config>(),
            48,
        ),
        ("cvl_weights_config", size_of::<cvl_weights_config>(), 40),
        (
            "cvl_perceptual_config",
            size_of::<cvl_perceptual_config>(),
            80,
        ),
        (
            "cvl_contextual_config",
            size_of::<cvl_contextual_config>(),
            80,
        ),
        (
            "cvl_feature_contextual_config",
            size_of::<cvl_feature_contextual_config>(),
            24,
        ),
        ("cvl_style_config", size_of::<cvl_style_config>(), 80),
        ("cvl_lpips_config", size_of::<cvl_lpips_config>(), 40),
        ("cvl_dists_config", size_of::<cvl_dists_config>(), 32),
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
    assert_eq!(cvl_status::Unsupported as i32, 13);
}
