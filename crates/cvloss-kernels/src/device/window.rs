//! Structural similarity: see `loops/window.h`.

use crate::error::{Error, Result};
use crate::options::Reduction;
use crate::scalar::DType;
use crate::ssim::{Border, Channels, Options, Variance, check, map_space};

use super::sequence::{Numbers, written};
use super::{
    Argument, Destination, Grid, Memory, Module, Sequence, check_memory, number, real, size,
};

pub use super::Results;

const GRADIENT: u32 = 1;
const TARGET_GRADIENT: u32 = 2;
const ADD_GRADIENT: u32 = 4;
const ADD_TARGET_GRADIENT: u32 = 8;

/// The largest window that a tile in shared memory has a margin for.
const MOST: usize = 17;
/// Columns of a tile.
const COLUMNS: usize = 32;

/// A call of structural similarity.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a, M> {
    /// The loss.
    pub options: &'a Options,
    /// Of both images.
    pub dtype: DType,
    /// (N, C, height, width).
    pub shape: [usize; 4],
    /// The first.
    pub input: M,
    /// The second.
    pub target: M,
    /// Where results go.
    pub results: Results<M>,
}

/// Whether there are kernels for these options: similarity alone, of windows of at most 17 pixels a side.
pub fn supports(options: &Options) -> bool {
    let is_small = match options.similarity.taps(2) {
        Ok(taps) => taps.iter().all(|taps| taps.len() <= MOST),
        // An error for whoever evaluates.
        Err(_) => true,
    };
    options.pixel_weight == 0.0 && is_small
}

/// The launches of a call. Fails unless [`supports`] its options.
pub fn sequence<M: Memory>(grid: Grid, call: &Call<'_, M>) -> Result<Sequence<M>> {
    let [items, channels, rows, columns] = call.shape;
    let (planes, elements) = (items * channels, items * channels * rows * columns);
    let similarity = &call.options.similarity;
    if !supports(call.options) {
        let expected = "windows of at most 17 pixels a side, without a loss of pixels";
        return Err(Error::option("window", "another", expected));
    }
    check(similarity, &[rows, columns])?;
    let centres = map_space(similarity, &[rows, columns])?;
    let taps = similarity.taps(2)?;
    let computes = real(call.dtype)?;
    let (c1, c2) = similarity.constants()?;
    check_memory("input", call.input, elements, call.dtype)?;
    check_memory("target", call.target, elements, call.dtype)?;
    let windows = planes * centres.iter().product::<usize>();
    // Four maps of windows have indices of 32 bits together.
    number(elements.max(2 * windows))?;
    let mut sequence = Sequence::new(grid);
    let Results {
        value,
        values,
        gradient,
        target_gradient,
    } = call.results;
    let (count, each) = match call.options.channels {
        Channels::Average => (items, channels),
        Channels::Separate => (planes, 1),
    };
    let of_values = match values {
        None => sequence.scratch(computes, count),
        values => written("values", values, count, computes)?,
    };
    let memory = |destination: Option<Destination<M>>| destination.map(|to| to.memory);
    let of_gradient = written("gradient", memory(gradient), elements, computes)?;
    let of_target = written("gradient", memory(target_gradient), elements, computes)?;
    let has_gradient = gradient.is_some() || target_gradient.is_some();
    let mut flags = 0;
    for (is_so, flag) in [
        (gradient.is_some(), GRADIENT),
        (target_gradient.is_some(), TARGET_GRADIENT),
        (gradient.is_some_and(|to| to.accumulate), ADD_GRADIENT),
        (
            target_gradient.is_some_and(|to| to.accumulate),
            ADD_TARGET_GRADIENT,
        ),
    ] {
        flags |= if is_so { flag } else { 0 };
    }
    let floor = match similarity.variance {
        Variance::Clamped => 0.0,
        Variance::Plain => f64::NEG_INFINITY,
    };
    let border = match similarity.border {
        Border::Valid => 0,
        Border::Reflect => 1,
        Border::Replicate => 2,
        Border::Zero => 3,
    };
    let of_window = call.options.similarity_weight / (windows / planes.max(1) * each).max(1) as f64;
    let of_item = match call.options.reduction {
        Reduction::Mean => 1.0 / count.max(1) as f64,
        Reduction::None | Reduction::Sum => 1.0,
    };
    let scale = |destination: Option<Destination<M>>| destination.map_or(0.0, |to| to.scale);
    let radius = |axis: usize| number(taps[axis].len() / 2);
    let unbias = similarity.unbias(&taps)?;
    let numbers = || {
        let numbers = Numbers::new(computes)
            .reals(&[c1, c2, 1.0, 0.0])
            .reals(&[unbias, floor, of_window * of_item])
            .reals(&[scale(gradient), scale(target_gradient)])
            .uints(&[number(planes)?, border, flags])
            .uints(&[number(rows)?, radius(0)?, number(columns)?, radius(1)?]);
        Ok::<_, Error>(numbers.finish())
    };
    let tile_rows = if size(computes) == 8 { 8 } else { 16 };
    let tiles = |rows: usize, columns: usize| rows.div_ceil(tile_rows) * columns.div_ceil(COLUMNS);
    let of_taps = sequence.numbers(computes, &taps.concat())?;
    let maps = match has_gradient {
        true => sequence.scratch(computes, 4 * windows),
        false => Argument::Absent,
    };
    let images = [
        Argument::Read(call.input),
        Argument::Read(call.target),
        of_taps,
        maps,
    ];
    let all = planes * tiles(centres[0], centres[1]);
    let partial = sequence.scratch(computes, all);
    let arguments = images
        .iter()
        .cloned()
        .chain([partial.clone(), numbers()?])
        .collect();
    let entry = format!("ssim_windows_{}", call.dtype);
    sequence.launch(Module::Ssim, entry, number(all)?, arguments);
    if has_gradient {
        let arguments = images
            .into_iter()
            .chain([of_gradient, of_target, numbers()?])
            .collect();
        let blocks = number(planes * tiles(rows, columns))?;
        let entry = format!("ssim_gradient_{}", call.dtype);
        sequence.launch(Module::Ssim, entry, blocks, arguments);
    }
    let value = sequence.value(computes, value)?;
    let of_value = Numbers::new(computes)
        .reals(&[of_window, of_item])
        .uints(&[number(count)?, number(each)?])
        .uints(&[number(tiles(centres[0], centres[1]))?]);
    let arguments = vec![partial, of_values, value, of_value.finish()];
    let entry = format!("ssim_value_{computes}");
    sequence.launch(Module::Ssim, entry, 1, arguments);
    Ok(sequence)
}
