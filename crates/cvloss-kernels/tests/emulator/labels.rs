//! Class indices of every type.

use cvloss_kernels::View;

use crate::device::Numbers;

/// Class indices as memory holds them.
#[derive(Clone, Debug)]
pub(crate) enum Labels {
    U8(Vec<u8>),
    U32(Vec<u32>),
    I64(Vec<i64>),
}

impl Labels {
    /// In each type that can hold them.
    pub(crate) fn all(labels: &[i64]) -> Vec<Self> {
        let mut all = vec![Self::I64(labels.to_vec())];
        if labels.iter().all(|label| (0..256).contains(label)) {
            all.push(Self::U8(labels.iter().map(|label| *label as u8).collect()));
            all.push(Self::U32(
                labels.iter().map(|label| *label as u32).collect(),
            ));
        }
        all
    }

    pub(crate) fn view(&self, shape: [usize; 3]) -> View<'_> {
        match self {
            Self::U8(labels) => View::new(labels, shape),
            Self::U32(labels) => View::new(labels, shape),
            Self::I64(labels) => View::new(labels, shape),
        }
        .unwrap()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::U8(labels) => labels.clone(),
            Self::U32(labels) => labels.iter().flat_map(|x| x.to_ne_bytes()).collect(),
            Self::I64(labels) => labels.iter().flat_map(|x| x.to_ne_bytes()).collect(),
        }
    }

    fn kind(&self) -> u32 {
        match self {
            Self::U8(_) => 0,
            Self::U32(_) => 1,
            Self::I64(_) => 2,
        }
    }
}

/// The kernel's struct of how to read labels.
pub(crate) fn label_call(
    labels: Option<&Labels>,
    classes: usize,
    ignore: Option<i64>,
    into: Numbers,
) -> Numbers {
    let index = ignore.unwrap_or(0) as u64;
    into.uints(&[labels.map_or(0, Labels::kind), classes as u32])
        .uints(&[
            u32::from(ignore.is_some()),
            index as u32,
            (index >> 32) as u32,
        ])
}
