//! Calls on Metal buffers, of a library without the feature `metal`.

use crate::eval::cvl_eval_args;
use crate::loss::Loss;
use crate::plan::Plan;
use crate::status::{Error, Result, cvl_status};

fn refuse<T>() -> Result<T> {
    Err(Error::new(
        cvl_status::Unsupported,
        "tensors are in Metal buffers, and this library was built without the feature `metal`",
    ))
}

/// Always fails.
pub(crate) fn work_memory(_: &dyn Loss, _: &Plan, _: &cvl_eval_args) -> Result<usize> {
    refuse()
}

/// Always fails.
///
/// # Safety
/// None is needed; with the feature it is.
pub(crate) unsafe fn evaluate(_: &dyn Loss, _: &Plan, _: &cvl_eval_args) -> Result<()> {
    refuse()
}
