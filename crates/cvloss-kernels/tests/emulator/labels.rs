//! Class indices of every type.

use cvloss_kernels::{DType, View, device};

use crate::device::{Buffer, Device};

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

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::U8(labels) => labels.clone(),
            Self::U32(labels) => labels.iter().flat_map(|x| x.to_ne_bytes()).collect(),
            Self::I64(labels) => labels.iter().flat_map(|x| x.to_ne_bytes()).collect(),
        }
    }

    pub(crate) fn dtype(&self) -> DType {
        match self {
            Self::U8(_) => DType::U8,
            Self::U32(_) => DType::U32,
            Self::I64(_) => DType::I64,
        }
    }

    /// Put on a device.
    pub(crate) fn on(&self, device: &mut Device, ignore: Option<i64>) -> device::Labels<Buffer> {
        device::Labels {
            memory: device.bytes(self.bytes()),
            dtype: self.dtype(),
            ignore,
        }
    }
}
