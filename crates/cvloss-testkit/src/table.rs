//! README's table of losses, made of what the code says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Var};
use cvloss::Loss;

use crate::cases::{Case, cases, network_cases};
use crate::coverage::{losses, rust_files};

/// What losses are for, in the order of the rows. Only this column is written by hand.
const PURPOSES: [(&str, &[&str]); 19] = [
    ("binary, multilabel", &["BceLoss", "FocalLoss"]),
    ("multiclass", &["CrossEntropyLoss", "SoftmaxFocalLoss"]),
    (
        "regions: binary, multiclass, multilabel",
        &[
            "DiceLoss",
            "JaccardLoss",
            "TverskyLoss",
            "FocalTverskyLoss",
            "MccLoss",
            "SoftF1Loss",
            "GeneralizedWassersteinDiceLoss",
        ],
    ),
    (
        "regions and points together",
        &[
            "DiceCeLoss",
            "DiceFocalLoss",
            "ComboLoss",
            "UnifiedFocalLoss",
            "ExpLogLoss",
        ],
    ),
    (
        "the last percent of IoU",
        &["LovaszSoftmaxLoss", "LovaszHingeLoss"],
    ),
    (
        "surfaces, borders",
        &[
            "BoundaryLoss",
            "HausdorffLoss",
            "HausdorffErosionLoss",
            "DistanceCrossEntropyLoss",
        ],
    ),
    ("vessels, roads, nerves", &["ClDiceLoss", "DiceClDiceLoss"]),
    (
        "unequal classes: multilabel, binary",
        &[
            "AsymmetricLoss",
            "PolyFocalLoss",
            "ReducedFocalLoss",
            "BalancedBceLoss",
        ],
    ),
    (
        "multiclass: unequal, hard, wrongly labelled",
        &[
            "AsymmetricSoftmaxLoss",
            "PolyCrossEntropyLoss",
            "OhemCrossEntropyLoss",
            "TopKCrossEntropyLoss",
            "SeesawLoss",
            "BiTemperedLoss",
        ],
    ),
    (
        "detectors: scores, heat maps, offsets",
        &[
            "QualityFocalLoss",
            "VarifocalLoss",
            "GaussianFocalLoss",
            "GhmLoss",
            "GhmRegressionLoss",
            "DistributionFocalLoss",
            "BalancedL1Loss",
        ],
    ),
    (
        "boxes",
        &[
            "IouLoss",
            "GiouLoss",
            "DiouLoss",
            "CiouLoss",
            "EfficientIouLoss",
            "ExtendedIouLoss",
            "SiouLoss",
            "MpdiouLoss",
            "WiseIouLoss",
            "BoundedIouLoss",
            "NwdLoss",
        ],
    ),
    (
        "rotated boxes",
        &[
            "RotatedIouLoss",
            "GwdLoss",
            "KldLoss",
            "KfiouLoss",
            "ProbIouLoss",
        ],
    ),
    (
        "images, landmarks, any two tensors",
        &[
            "L1Loss",
            "MseLoss",
            "HuberLoss",
            "SmoothL1Loss",
            "CharbonnierLoss",
            "RobustLoss",
            "LogCoshLoss",
            "WingLoss",
        ],
    ),
    (
        "images: error, edges, spectra, smoothness",
        &[
            "PsnrLoss",
            "EdgeLoss",
            "FocalFrequencyLoss",
            "FftL1Loss",
            "TotalVariation",
        ],
    ),
    (
        "structural similarity of images, volumes",
        &["SsimLoss", "MsSsimLoss", "L1SsimLoss", "MsSsimL1Loss"],
    ),
    (
        "images by features of frozen networks",
        &[
            "PerceptualLoss",
            "StyleLoss",
            "ContextualLoss",
            "LpipsLoss",
            "DistsLoss",
            "FeatureContextualLoss",
        ],
    ),
    (
        "GANs",
        &[
            "DiscriminatorLoss",
            "GeneratorLoss",
            "LecamLoss",
            "FeatureMatchingLoss",
        ],
    ),
    ("one loss at several scales", &["MultiScale"]),
    ("weighted sums with named terms", &["LossSum"]),
];

/// Public types beside the losses of the table, which README has to explain in words.
pub const BESIDE: [&str; 4] = [
    "AdversarialLoss",
    "DeepSupervision",
    "GradientPenalty",
    "PathLengthPenalty",
];

/// Where a loss runs, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Support {
    cpu: &'static str,
    cuda: &'static str,
    metal: &'static str,
    c: &'static str,
}

/// The table, of the sources under `root`. Fails for a loss without a purpose, and for one that is not there.
pub fn table(root: &Path) -> Result<String> {
    let cases: Vec<Case> = cases().into_iter().chain(network_cases()).collect();
    let mut of_type: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    for case in &cases {
        of_type.entry(case.type_name).or_default().push(case);
    }
    let listed: BTreeSet<String> = PURPOSES
        .iter()
        .flat_map(|(_, names)| names.iter().map(|name| (*name).to_owned()))
        .collect();
    let found = losses(&root.join("crates/cvloss/src"))?;
    ensure!(
        listed == found,
        "losses without a row: {:?}; rows without a loss: {:?}",
        found.difference(&listed).collect::<Vec<_>>(),
        listed.difference(&found).collect::<Vec<_>>()
    );
    let mut text =
        String::from("| for | losses | CPU | CUDA | Metal | C ABI |\n|---|---|---|---|---|---|\n");
    for (purpose, names) in PURPOSES {
        let mut rows: Vec<(Support, Vec<String>)> = Vec::new();
        for name in names {
            let cases = of_type
                .get(name)
                .with_context(|| format!("{name} has no case"))?;
            let support = support(root, cases)?;
            let name = format!("`{name}`");
            match rows.iter_mut().find(|(other, _)| *other == support) {
                Some((_, names)) => names.push(name),
                None => rows.push((support, vec![name])),
            }
        }
        for (
            Support {
                cpu,
                cuda,
                metal,
                c,
            },
            names,
        ) in rows
        {
            let names = names.join(", ");
            text += &format!("| {purpose} | {names} | {cpu} | {cuda} | {metal} | {c} |\n");
        }
    }
    Ok(text)
}

fn support(root: &Path, cases: &[&Case]) -> Result<Support> {
    let name = cases.first().context("no case")?.loss_name();
    // The front reaches a device's kernels through one file, if it does.
    let device = |file: &str| -> Result<&'static str> {
        match root.join("crates/cvloss/src/device").join(file).exists() {
            true => on_devices(cases),
            false => Ok("composed"),
        }
    };
    Ok(Support {
        cpu: on_the_cpu(cases)?,
        cuda: device("cuda.rs")?,
        metal: device("metal.rs")?,
        c: in_c(root, name)?,
    })
}

/// Fused, if candle's tape has one operation from the input to the value, which holds the gradient.
fn on_the_cpu(cases: &[&Case]) -> Result<&'static str> {
    for case in cases {
        let sample = case.sample(DType::F32)?;
        let var = Var::from_tensor(&sample.input)?;
        let value = case.forward(&sample.with_input(var.as_tensor().clone()))?;
        // The value and the variable: nothing of candle's lies between them.
        let ours = value.sorted_nodes().len() == 2;
        if !ours {
            return Ok("composed");
        }
    }
    Ok("fused")
}

fn on_devices(cases: &[&Case]) -> Result<&'static str> {
    let (mut with, mut without) = (0, 0);
    for case in cases {
        let sample = case.sample(DType::F32)?;
        if sample.input.elem_count() == 0 {
            continue;
        }
        match case.loss.has_device_kernel(&sample.inputs()) {
            true => with += 1,
            false => without += 1,
        }
    }
    Ok(match (with, without) {
        (0, _) => "composed",
        (_, 0) => "kernel",
        _ => "kernel \\*",
    })
}

/// Whether the header declares its constructor, and what the constructor needs.
fn in_c(root: &Path, name: &str) -> Result<&'static str> {
    let constructor = format!("cvl_{name}_new(");
    let header = fs::read_to_string(root.join("include/cvloss.h"))?;
    if !header.contains(&constructor) {
        return Ok("no");
    }
    for file in rust_files(&root.join("crates/cvloss-capi/src"))? {
        let source = fs::read_to_string(&file)?;
        if source.contains(&format!("fn {constructor}")) {
            return Ok(match source.contains("feature = \"perceptual\"") {
                true => "with `perceptual`",
                false => "yes",
            });
        }
    }
    anyhow::bail!("no source defines {constructor}")
}
