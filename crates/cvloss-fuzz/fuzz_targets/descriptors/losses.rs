//! Handles of every loss of the C ABI but those of networks, which need weights.

use std::ffi::CStr;
use std::ptr;
use std::sync::OnceLock;

use cvloss_capi::*;

struct Handles(Vec<*mut cvl_loss>);
// SAFETY: a handle is immutable and may be used by any number of threads.
unsafe impl Send for Handles {}
// SAFETY: as above.
unsafe impl Sync for Handles {}

/// What a constructor makes; these options are good.
fn made(new: impl FnOnce(*mut *mut cvl_loss) -> cvl_status) -> *mut cvl_loss {
    let mut loss = ptr::null_mut();
    let status = new(&mut loss);
    // SAFETY: a string that ends in NUL.
    let sentence = unsafe { CStr::from_ptr(cvl_last_error()) };
    assert!(status == cvl_status::Ok, "{sentence:?}");
    loss
}

pub fn losses() -> &'static [*mut cvl_loss] {
    static LOSSES: OnceLock<Handles> = OnceLock::new();
    &LOSSES
        .get_or_init(|| Handles([defaults(), others()].concat()))
        .0
}

fn defaults() -> Vec<*mut cvl_loss> {
    macro_rules! handles {
        ($($new:ident)*) => {
            // SAFETY: defaults, and a place for the handle.
            vec![$(made(|out| unsafe { $new(ptr::null(), out) })),*]
        };
    }
    handles![
        cvl_asymmetric_new cvl_asymmetric_softmax_new cvl_balanced_bce_new cvl_balanced_l1_new cvl_bce_new
        cvl_bi_tempered_new cvl_boundary_new cvl_bounded_iou_new cvl_charbonnier_new cvl_ciou_new
        cvl_cl_dice_new cvl_combo_new cvl_cross_entropy_new cvl_dice_ce_new cvl_dice_cl_dice_new
        cvl_dice_focal_new cvl_dice_new cvl_diou_new cvl_discriminator_new cvl_distance_cross_entropy_new
        cvl_distribution_focal_new cvl_edge_new cvl_efficient_iou_new cvl_exp_log_new cvl_extended_iou_new
        cvl_feature_contextual_new cvl_feature_matching_new cvl_fft_l1_new cvl_focal_frequency_new cvl_focal_new
        cvl_focal_tversky_new cvl_gaussian_focal_new cvl_generalized_wasserstein_dice_new cvl_generator_new
        cvl_ghm_new cvl_ghm_regression_new cvl_giou_new cvl_gwd_new cvl_hausdorff_erosion_new cvl_hausdorff_new
        cvl_huber_new cvl_iou_new cvl_jaccard_new cvl_kfiou_new cvl_kld_new cvl_l1_new cvl_lecam_new
        cvl_log_cosh_new cvl_lovasz_hinge_new cvl_lovasz_softmax_new cvl_mcc_new cvl_mpdiou_new cvl_mse_new
        cvl_nwd_new cvl_ohem_cross_entropy_new cvl_poly_cross_entropy_new cvl_poly_focal_new cvl_probiou_new
        cvl_psnr_new cvl_quality_focal_new cvl_reduced_focal_new cvl_robust_new cvl_rotated_iou_new
        cvl_seesaw_new cvl_siou_new cvl_smooth_l1_new cvl_soft_f1_new cvl_softmax_focal_new
        cvl_top_k_cross_entropy_new cvl_total_variation_new cvl_tversky_new cvl_unified_focal_new
        cvl_varifocal_new cvl_wing_new cvl_wise_iou_new
    ]
}

/// Losses whose data range must be given, one value per item, and several scales.
fn others() -> Vec<*mut cvl_loss> {
    macro_rules! handles {
        ($($new:ident: $config:ident { $($option:ident: $value:expr),* })*) => {
            vec![$({
                let config = $config { $($option: $value,)* ..Default::default() };
                // SAFETY: options whose pointers are live, and a place for the handle.
                made(|out| unsafe { $new(&config, out) })
            }),*]
        };
    }
    let none = cvl_reduction::None as u32;
    let sizes = [3];
    let similarity = cvl_similarity_config {
        window_sizes: sizes.as_ptr(),
        num_window_sizes: 1,
        ..Default::default()
    };
    let weights = [0.5, 0.5];
    let region = cvl_region_config {
        reduction: none,
        ..Default::default()
    };
    let inner = handles![
        cvl_bce_new: cvl_bce_config {}
        cvl_cross_entropy_new: cvl_cross_entropy_config {}
        cvl_dice_new: cvl_dice_config {}
        cvl_charbonnier_new: cvl_charbonnier_config {}
    ];
    let scales = inner.iter().flat_map(|inner| {
        handles![cvl_multi_scale_new: cvl_multi_scale_config { loss: *inner, uneven: cvl_uneven_scale::SmallCell as u32 }]
    });
    let mut all = handles![
        cvl_ssim_new: cvl_ssim_config { data_range: 1.0, similarity: &similarity }
        cvl_ssim_new: cvl_ssim_config { data_range: 1.0, similarity: &similarity, reduction: none }
        cvl_l1_ssim_new: cvl_l1_ssim_config { data_range: 1.0, similarity: &similarity }
        cvl_ms_ssim_new: cvl_ms_ssim_config {
            data_range: 1.0, similarity: &similarity, weights: weights.as_ptr(), num_weights: 2
        }
        cvl_ms_ssim_l1_new: cvl_ms_ssim_l1_config { data_range: 1.0, size: 3 }
        cvl_bce_new: cvl_bce_config { reduction: none }
        cvl_cross_entropy_new: cvl_cross_entropy_config { reduction: none }
        cvl_dice_new: cvl_dice_config { region: &region }
        cvl_lovasz_softmax_new: cvl_lovasz_softmax_config { reduction: none }
        cvl_l1_new: cvl_l1_config { reduction: none }
        cvl_total_variation_new: cvl_total_variation_config { reduction: none }
    ];
    all.extend(scales);
    for inner in inner {
        // SAFETY: a handle that nothing else frees; losses of several scales have what they need of it.
        unsafe { cvl_loss_free(inner) };
    }
    all
}
