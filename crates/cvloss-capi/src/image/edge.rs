//! Losses of image gradients.

use std::ffi::CStr;

use cvloss_kernels::edge::{EdgeBorder, EdgeFilter, EdgePenalty, EdgeScale, Options, evaluate};
use cvloss_kernels::{Geometry, Gradients, Result as KernelResult};

use super::pixel::{check_rank, nothing, per_image, plane, split};
use crate::config::{choose, init, unused, versioned};
use crate::loss::{Call, Config, Input, Items, Loss, PAIR_WEIGHT, create, cvl_loss};
use crate::options::{cvl_reduction, reduction};
use crate::status::{Error, Result, cvl_status};

/// What finds edges.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_edge_filter {
    /// `[-1 0 1] x [1 2 1]` along both axes.
    Sobel = 0,
    /// `[-1 0 1] x [3 10 3]` along both axes.
    Scharr,
    /// The sum of the four neighbours less four times the pixel.
    Laplacian4,
    /// The sum of the eight neighbours less eight times the pixel.
    Laplacian8,
}

/// Whether coefficients are divided by the sum of their absolute values.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_edge_scale {
    /// They are, as by default in kornia.
    Unit = 0,
    /// They are not.
    Integer,
}

/// What a response costs.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_edge_penalty {
    /// `|r|`
    Absolute = 0,
    /// `r^2`
    Square,
    /// `sqrt(r^2 + eps^2)`
    Charbonnier,
}

/// What a filter sees beyond the border.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum cvl_edge_border {
    /// The nearest pixel, as `kornia.filters.sobel`.
    Replicate = 0,
    /// The pixel on the other side of the outermost one, as `kornia.filters.laplacian`.
    Reflect,
    /// 0.
    Zero,
    /// Nothing: no response where the filter leaves the image.
    Valid,
}

/// Options of edge loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cvl_edge_config {
    /// Set by `cvl_edge_config_init`.
    pub struct_size: usize,
    /// Of CVL_EDGE_PENALTY_CHARBONNIER, above 0. Default 1e-3.
    pub eps: f64,
    /// A `cvl_edge_filter`. Default CVL_EDGE_FILTER_SOBEL.
    pub filter: u32,
    /// A `cvl_edge_scale`. Default CVL_EDGE_SCALE_UNIT.
    pub scale: u32,
    /// A `cvl_edge_penalty`. Default CVL_EDGE_PENALTY_ABSOLUTE.
    pub penalty: u32,
    /// A `cvl_edge_border`. Default CVL_EDGE_BORDER_REPLICATE.
    pub border: u32,
    /// A `cvl_reduction`. Default CVL_REDUCTION_MEAN.
    pub reduction: u32,
    /// 0.
    pub reserved: u32,
}

versioned!(cvl_edge_config {
    struct_size, eps, filter, scale, penalty, border, reduction, reserved;
});

impl Default for cvl_edge_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            eps: 1e-3,
            filter: cvl_edge_filter::Sobel as u32,
            scale: cvl_edge_scale::Unit as u32,
            penalty: cvl_edge_penalty::Absolute as u32,
            border: cvl_edge_border::Replicate as u32,
            reduction: cvl_reduction::Mean as u32,
            reserved: 0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof *config`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_edge_config_init(config: *mut cvl_edge_config, struct_size: usize) {
    // SAFETY: NULL or room for `struct_size` bytes.
    unsafe { init(config, struct_size) }
}

/// Edge loss: what an edge filter makes of the difference of two images. NULL `config`: defaults.
///
/// `L` is the mean of `rho(K * (x - t))`, summed over the filters `K`.
///
/// Inputs: two images (N, C, H, W) of the same shape and type, and optionally weights that broadcast to that shape.
/// Both have a gradient. Value: [], or (N).
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cvl_edge_new(
    config: *const cvl_edge_config,
    out: *mut *mut cvl_loss,
) -> cvl_status {
    // SAFETY: NULL or valid, as the header asks of all pointers.
    unsafe { create(config, out) }
}

impl Config for cvl_edge_config {
    const LOSS: &'static str = "edge";

    unsafe fn build(&self) -> Result<Box<dyn Loss>> {
        unused(self.reserved)?;
        use EdgeFilter::{Laplacian4, Laplacian8, Scharr, Sobel};
        let filters = [Sobel, Scharr, Laplacian4, Laplacian8];
        let scales = [EdgeScale::Unit, EdgeScale::Integer];
        let charbonnier = EdgePenalty::Charbonnier(self.eps);
        let penalties = [EdgePenalty::Absolute, EdgePenalty::Square, charbonnier];
        use EdgeBorder::{Reflect, Replicate, Valid, Zero};
        let options = Options {
            filter: choose("filter", self.filter, &filters)?,
            scale: choose("scale", self.scale, &scales)?,
            penalty: choose("penalty", self.penalty, &penalties)?,
            border: choose("border", self.border, &[Replicate, Reflect, Zero, Valid])?,
            reduction: reduction(self.reduction)?,
        };
        let empty = nothing()?;
        evaluate(
            &options,
            [0; 2],
            &empty,
            &empty,
            None,
            None,
            Gradients::default(),
        )?;
        Ok(Box::new(Edge(options)))
    }
}

struct Edge(Options);

impl Loss for Edge {
    fn name(&self) -> &'static CStr {
        c"edge"
    }

    fn inputs(&self) -> &'static [Input] {
        PAIR_WEIGHT
    }

    fn geometry(&self) -> Geometry {
        Geometry::Alike
    }

    fn items(&self) -> Items {
        per_image(self.0.reduction)
    }

    fn check(&self, dims: &[usize]) -> Result<()> {
        check_rank(dims, 4..=4, "(N, C, H, W)")?;
        let has_one_pixel = plane(dims).contains(&1);
        if has_one_pixel && self.0.border == EdgeBorder::Reflect {
            let message = format!(
                "input has shape {dims:?}, expected at least 2 pixels along each axis, to reflect"
            );
            return Err(Error::new(cvl_status::Shape, message));
        }
        Ok(())
    }

    fn run(&self, call: Call<'_, '_>) -> KernelResult<f64> {
        let space = plane(call.dims);
        let (operands, values, gradients) = split(call);
        let (input, target, weight) = (&operands.input, &operands.target, operands.weight.as_ref());
        evaluate(&self.0, space, input, target, weight, values, gradients)
    }
}
