//! Every loss equals the peers that `golden/README.md` names, value and gradient.

use anyhow::Result;
use cvloss_testkit::golden::check;

macro_rules! golden {
    ($($name:ident: $loss:ty, $least:expr;)*) => {$(
        #[test]
        fn $name() -> Result<()> {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/", stringify!($name), ".safetensors");
            let cases = check::<$loss>(path)?;
            anyhow::ensure!(cases >= $least, "only {cases} cases");
            Ok(())
        }
    )*};
}

golden! {
    balanced_l1: cvloss::BalancedL1Loss, 4;
    bounded_iou: cvloss::BoundedIouLoss, 5;
    ciou: cvloss::CiouLoss, 20;
    diou: cvloss::DiouLoss, 20;
    distribution_focal: cvloss::DistributionFocalLoss, 5;
    efficient_iou: cvloss::EfficientIouLoss, 10;
    extended_iou: cvloss::ExtendedIouLoss, 5;
    giou: cvloss::GiouLoss, 20;
    gwd: cvloss::GwdLoss, 5;
    iou: cvloss::IouLoss, 10;
    kfiou: cvloss::KfiouLoss, 5;
    kld: cvloss::KldLoss, 5;
    lovasz_hinge: cvloss::LovaszHingeLoss, 8;
    lovasz_softmax: cvloss::LovaszSoftmaxLoss, 10;
    mpdiou: cvloss::MpdiouLoss, 10;
    nwd: cvloss::NwdLoss, 5;
    probiou: cvloss::ProbIouLoss, 5;
    rotated_iou: cvloss::RotatedIouLoss, 5;
    siou: cvloss::SiouLoss, 10;
    wise_iou: cvloss::WiseIouLoss, 10;
    asymmetric: cvloss::AsymmetricLoss, 10;
    asymmetric_softmax: cvloss::AsymmetricSoftmaxLoss, 9;
    bi_tempered: cvloss::BiTemperedLoss, 20;
    balanced_bce: cvloss::BalancedBceLoss, 5;
    gaussian_focal: cvloss::GaussianFocalLoss, 5;
    ghm: cvloss::GhmLoss, 6;
    ghm_regression: cvloss::GhmRegressionLoss, 8;
    exp_log: cvloss::ExpLogLoss, 5;
    mcc: cvloss::MccLoss, 8;
    ohem_cross_entropy: cvloss::OhemCrossEntropyLoss, 8;
    poly_cross_entropy: cvloss::PolyCrossEntropyLoss, 5;
    poly_focal: cvloss::PolyFocalLoss, 8;
    soft_f1: cvloss::SoftF1Loss, 4;
    top_k_cross_entropy: cvloss::TopKCrossEntropyLoss, 5;
    unified_focal: cvloss::UnifiedFocalLoss, 5;
    seesaw: cvloss::SeesawLoss, 10;
    quality_focal: cvloss::QualityFocalLoss, 5;
    reduced_focal: cvloss::ReducedFocalLoss, 8;
    varifocal: cvloss::VarifocalLoss, 5;
    boundary: cvloss::BoundaryLoss, 9;
    cl_dice: cvloss::ClDiceLoss, 8;
    dice_cl_dice: cvloss::DiceClDiceLoss, 8;
    generalized_wasserstein_dice: cvloss::GeneralizedWassersteinDiceLoss, 20;
    distance_cross_entropy: cvloss::DistanceCrossEntropyLoss, 12;
    hausdorff_erosion: cvloss::HausdorffErosionLoss, 10;
    hausdorff: cvloss::HausdorffLoss, 10;
    bce: cvloss::BceLoss, 10;
    charbonnier: cvloss::CharbonnierLoss, 4;
    combo: cvloss::ComboLoss, 4;
    cross_entropy: cvloss::CrossEntropyLoss, 10;
    dice: cvloss::DiceLoss, 20;
    discriminator: cvloss::DiscriminatorLoss, 100;
    dice_ce: cvloss::DiceCeLoss, 5;
    dice_focal: cvloss::DiceFocalLoss, 5;
    edge: cvloss::EdgeLoss, 8;
    fft_l1: cvloss::FftL1Loss, 4;
    feature_matching: cvloss::FeatureMatchingLoss, 20;
    focal: cvloss::FocalLoss, 10;
    focal_frequency: cvloss::FocalFrequencyLoss, 6;
    focal_tversky: cvloss::FocalTverskyLoss, 5;
    generator: cvloss::GeneratorLoss, 100;
    huber: cvloss::HuberLoss, 5;
    jaccard: cvloss::JaccardLoss, 5;
    l1: cvloss::L1Loss, 5;
    l1_ssim: cvloss::L1SsimLoss, 5;
    lecam: cvloss::LecamLoss, 8;
    log_cosh: cvloss::LogCoshLoss, 3;
    ms_ssim: cvloss::MsSsimLoss, 10;
    ms_ssim_l1: cvloss::MsSsimL1Loss, 5;
    mse: cvloss::MseLoss, 5;
    multi_scale: cvloss::MultiScale<cvloss::CrossEntropyLoss>, 10;
    psnr: cvloss::PsnrLoss, 6;
    robust: cvloss::RobustLoss, 8;
    smooth_l1: cvloss::SmoothL1Loss, 5;
    softmax_focal: cvloss::SoftmaxFocalLoss, 5;
    ssim: cvloss::SsimLoss, 40;
    total_variation: cvloss::OfInput<cvloss::TotalVariation>, 8;
    tversky: cvloss::TverskyLoss, 5;
    wing: cvloss::WingLoss, 3;
}
