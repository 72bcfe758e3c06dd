//! Class indices of any dtype: a loss is refused if one is neither a class nor ignored, and has a value otherwise.
#![no_main]

use arbitrary::Arbitrary;
use candle_core::{Device, Tensor};
use cvloss::*;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Call {
    loss: u8,
    classes: u8,
    extents: [u8; 3],
    ignore: Option<i64>,
    labels: Labels,
    logits: Vec<i8>,
}

#[derive(Arbitrary, Debug)]
enum Labels {
    U8(Vec<u8>),
    U32(Vec<u32>),
    I64(Vec<i64>),
}

impl Labels {
    fn numbers(&self) -> Vec<i64> {
        match self {
            Self::U8(labels) => labels.iter().map(|x| i64::from(*x)).collect(),
            Self::U32(labels) => labels.iter().map(|x| i64::from(*x)).collect(),
            Self::I64(labels) => labels.clone(),
        }
    }

    /// So many of them, cyclically: a few bytes fill an image.
    fn tensor(&self, shape: &[usize]) -> candle_core::Result<Tensor> {
        let count = shape.iter().product();
        fn cycle<T: Copy + Default>(labels: &[T], count: usize) -> Vec<T> {
            match labels {
                [] => vec![T::default(); count],
                labels => labels.iter().copied().cycle().take(count).collect(),
            }
        }
        match self {
            Self::U8(labels) => Tensor::from_vec(cycle(labels, count), shape, &Device::Cpu),
            Self::U32(labels) => Tensor::from_vec(cycle(labels, count), shape, &Device::Cpu),
            Self::I64(labels) => Tensor::from_vec(cycle(labels, count), shape, &Device::Cpu),
        }
    }
}

/// One of the losses that take class indices.
fn loss(kind: u8, ignore_index: Option<i64>) -> Box<dyn Loss> {
    let region = Region {
        ignore_index,
        ..Region::default()
    };
    let dice = DiceLoss {
        region: region.clone(),
        ..Default::default()
    };
    macro_rules! boxed {
        ($($option:ident: $value:expr => $($loss:ident)*;)*) => {
            vec![$($(Box::new($loss { $option: $value.clone(), ..Default::default() }) as Box<dyn Loss>),*),*]
        };
    }
    let mut losses = boxed![
        ignore_index: ignore_index =>
            CrossEntropyLoss SoftmaxFocalLoss PolyCrossEntropyLoss AsymmetricSoftmaxLoss BiTemperedLoss SeesawLoss
            OhemCrossEntropyLoss TopKCrossEntropyLoss DistanceCrossEntropyLoss LovaszSoftmaxLoss BoundaryLoss
            HausdorffLoss HausdorffErosionLoss ClDiceLoss GeneralizedWassersteinDiceLoss;
        region: region =>
            DiceLoss JaccardLoss TverskyLoss FocalTverskyLoss MccLoss SoftF1Loss ExpLogLoss UnifiedFocalLoss;
        dice: dice => DiceCeLoss DiceFocalLoss;
    ];
    losses.swap_remove(usize::from(kind) % losses.len())
}

fuzz_target!(|call: Call| {
    let classes = 2 + usize::from(call.classes % 6);
    let [items, height, width] = call.extents.map(|extent| usize::from(extent % 7));
    let count = items * classes * height * width;
    let logits: Vec<f32> = match call.logits.as_slice() {
        [] => vec![0.0; count],
        logits => {
            let scaled = logits.iter().map(|x| f32::from(*x) / 4.0);
            scaled.cycle().take(count).collect()
        }
    };
    let tensors = || -> candle_core::Result<_> {
        let input = Tensor::from_vec(logits, (items, classes, height, width), &Device::Cpu)?;
        Ok((input, call.labels.tensor(&[items, height, width])?))
    };
    let (input, target) = tensors().expect("tensors of these shapes");
    let points = items * height * width;
    let mut numbers = call.labels.numbers();
    if numbers.is_empty() {
        numbers.push(0);
    }
    let is_known = |label: &i64| (0..classes as i64).contains(label) || Some(*label) == call.ignore;
    let all_known = numbers.iter().take(points).all(is_known);
    let loss = loss(call.loss, call.ignore);
    match loss.value_and_grad(&input, &target) {
        Ok((value, gradient)) => {
            assert!(
                all_known,
                "{}: a label that is no class counts",
                loss.name()
            );
            let value = value.to_scalar::<f32>().expect("a scalar");
            assert!(value.is_finite(), "{}: {value}", loss.name());
            let slopes = gradient
                .flatten_all()
                .and_then(|slopes| slopes.to_vec1::<f32>());
            let slopes = slopes.expect("a gradient of f32");
            assert!(slopes.iter().all(|x| x.is_finite()), "{}", loss.name());
        }
        Err(error) => assert!(!all_known, "{}: {error}", loss.name()),
    }
});
