"""cvloss for PyTorch on the CPU, through the C ABI and ctypes alone.

Tensors are lent to the library where they lie, in both directions: a loss reads your logits and writes its gradient into
the tensor that autograd passes on. Value and gradient come from one call in the forward pass.

    import cvloss_torch as cv
    loss = cv.DiceCE(activation="sigmoid")
    loss(logits, masks).backward()

A new gradient of many megabytes costs page faults, which may take longer than the loss. With `keep_gradient=True`,
which every loss takes, a loss object writes each gradient into the memory of the one before. Then its backward must
come before its next call (else autograd says that a variable was modified in place), at most one backward may scale
the gradient, and what `torch.autograd.grad` or a hook hands out changes with the next call. `tensor.grad` is a copy.

Build the library with `cargo build --release -p cvloss-capi`; CVLOSS_LIBRARY names another place for it. Options are those
of cvloss.h, enums as words in small letters ("none", "after_mean"), lists as Python lists.
"""

import ctypes as c
import math
import os
import pathlib
import sys

import torch
from torch.autograd.function import once_differentiable

SUFFIX = {"darwin": "dylib", "win32": "dll"}.get(sys.platform, "so")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def _load():
    names = [os.environ.get("CVLOSS_LIBRARY"), ROOT / f"target/release/libcvloss_capi.{SUFFIX}", f"libcvloss.{SUFFIX}"]
    for name in filter(None, names):
        try:
            return c.CDLL(str(name))
        except OSError:
            continue
    raise OSError("no cvloss library: run cargo build --release -p cvloss-capi, or set CVLOSS_LIBRARY")


class _Tensor(c.Structure):
    """cvl_tensor, which is DLPack's DLTensor."""

    _fields_ = [
        ("data", c.c_void_p),
        ("device_type", c.c_int32),
        ("device_id", c.c_int32),
        ("ndim", c.c_int32),
        ("code", c.c_uint8),
        ("bits", c.c_uint8),
        ("lanes", c.c_uint16),
        ("shape", c.POINTER(c.c_int64)),
        ("strides", c.POINTER(c.c_int64)),
        ("byte_offset", c.c_uint64),
    ]


_Tensors = c.POINTER(c.POINTER(_Tensor))


class _Args(c.Structure):
    """cvl_eval_args."""

    _fields_ = [
        ("struct_size", c.c_size_t),
        ("inputs", _Tensors),
        ("grads", _Tensors),
        ("num_inputs", c.c_uint32),
        ("flags", c.c_uint32),
        ("value", c.POINTER(_Tensor)),
        ("upstream", c.POINTER(_Tensor)),
        ("grad_scale", c.c_double),
        ("stream", c.c_void_p),
        ("workspace", c.c_void_p),
        ("workspace_size", c.c_size_t),
    ]


_lib = _load()
_lib.cvl_last_error.restype = c.c_char_p
_lib.cvl_status_name.restype = c.c_char_p
_lib.cvl_loss_free.argtypes = [c.c_void_p]
_lib.cvl_loss_eval.argtypes = [c.c_void_p, c.POINTER(_Args)]
_lib.cvl_loss_value_shape.argtypes = [c.c_void_p, c.POINTER(_Args), c.POINTER(c.c_int64), c.POINTER(c.c_int32)]
_lib.cvl_eval_args_init.argtypes = [c.POINTER(_Args), c.c_size_t]

# DLPack's code and bits.
_DTYPES = {
    torch.float32: (2, 32),
    torch.float64: (2, 64),
    torch.float16: (2, 16),
    torch.bfloat16: (4, 16),
    torch.uint8: (1, 8),
    torch.bool: (6, 8),
    torch.int64: (0, 64),
}


class Error(RuntimeError):
    """What the library says is wrong with a call."""


def _check(status):
    if status:
        name = _lib.cvl_status_name(status).decode()
        raise Error(f"{_lib.cvl_last_error().decode()} ({name})")


def _lend(tensor):
    """A descriptor of a tensor, and the memory that it points to."""
    if tensor is None:
        return None
    if tensor.dtype not in _DTYPES:
        raise Error(f"no cvloss type for {tensor.dtype}")
    code, bits = _DTYPES[tensor.dtype]
    rank = tensor.dim()
    numbers = c.c_int64 * max(rank, 1)
    device = 1 if tensor.device.type == "cpu" else 2
    return _Tensor(
        tensor.data_ptr() or None, device, 0, rank, code, bits, 1, numbers(*tensor.shape), numbers(*tensor.stride()), 0
    )


def _list(tensors):
    """Descriptors as the library takes them; NULL for None."""
    lent = [_lend(tensor) for tensor in tensors]
    pointers = (c.POINTER(_Tensor) * len(lent))(*[c.pointer(one) if one else None for one in lent])
    return pointers


class _Evaluate(torch.autograd.Function):
    """Value and gradients at once; backward multiplies by the upstream gradient."""

    @staticmethod
    def forward(ctx, loss, tensor, target, weight):
        inputs = [tensor, target, weight]
        args = _Args()
        _lib.cvl_eval_args_init(c.byref(args), c.sizeof(args))
        args.num_inputs = len(inputs)
        lent = _list(inputs)
        args.inputs = c.cast(lent, _Tensors)
        shape, rank = (c.c_int64 * 8)(), c.c_int32()
        _check(_lib.cvl_loss_value_shape(loss.handle, c.byref(args), shape, c.byref(rank)))
        dtype = torch.float64 if tensor.dtype == torch.float64 else torch.float32
        value = torch.empty(shape[: rank.value], dtype=dtype)
        gradients = [loss.memory(i, x) if ctx.needs_input_grad[1 + i] else None for i, x in enumerate(inputs)]
        value_lent, gradients_lent = _lend(value), _list(gradients)
        args.value = c.pointer(value_lent)
        args.grads = c.cast(gradients_lent, _Tensors)
        _check(_lib.cvl_loss_eval(loss.handle, c.byref(args)))
        # Autograd lets go of them before they are handed on, so that a leaf may take one without a copy.
        ctx.save_for_backward(*gradients)
        ctx.is_kept = loss.keep_gradient
        ctx.channel_axis = value.dim() > 0 and value.dim() == tensor.dim() - 1 and loss.drops_channels
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        if upstream.dim() == 0:
            scale = upstream.item()
            factor = lambda _: scale  # noqa: E731
        else:
            scale = None
            factor = lambda gradient: _widen(upstream, gradient.dim(), ctx.channel_axis)  # noqa: E731

        def chain(gradient):
            if gradient is None or scale == 1.0:
                return gradient
            if ctx.is_kept:
                return gradient.mul_(factor(gradient))
            return (gradient * factor(gradient)).to(gradient.dtype)

        return (None, *map(chain, ctx.saved_tensors))


def _widen(upstream, rank, channel_axis):
    """One number per item, with axes of length 1 up to the gradient's rank."""
    if channel_axis and rank > upstream.dim():
        return upstream.unsqueeze(1)
    return upstream.reshape(upstream.shape + (1,) * (rank - upstream.dim()))


_SIZE, _DOUBLE, _INT64, _FLAG = c.c_size_t, c.c_double, c.c_int64, c.c_uint32
_DOUBLES = c.POINTER(c.c_double)

_REDUCTION = ("mean", "sum", "none")
_NORMALIZER = ("elements", "weights", "positives")
_VOLUME = ("square", "simple", "uniform")
_TRANSFORM = ("linear", "log", "log_cosh", "negative", "power")


class _Config(c.Structure):
    """A struct of options: its fields, the words of its enums, and lists with their counts."""

    words = {}

    @classmethod
    def of(cls, options):
        """Takes what it knows out of `options`."""
        config = cls()
        init = getattr(_lib, f"cvl_{cls.__name__}_config_init")
        init.argtypes = [c.POINTER(cls), c.c_size_t]
        init(c.byref(config), c.sizeof(config))
        for name, kind in cls._fields_[1:]:
            if name not in options:
                continue
            value = options.pop(name)
            if name in cls.words:
                if value not in cls.words[name]:
                    raise Error(f"{name} is {value!r}, expected one of {cls.words[name]}")
                value = cls.words[name].index(value)
            elif kind in (_DOUBLES, c.POINTER(_SIZE)):
                value = list(value)
                setattr(config, f"num_{name}", len(value))
                value = (kind._type_ * len(value))(*value)
            elif value is None and f"has_{name}" in dict(cls._fields_):
                setattr(config, f"has_{name}", 0)
                continue
            elif value is None and name == "ignore_index":
                value = -(2**63) if kind is _INT64 else math.nan
            elif f"has_{name}" in dict(cls._fields_):
                setattr(config, f"has_{name}", 1)
            setattr(config, name, value)
        return config


def _config(name, fields, words):
    return type(name, (_Config,), {"_fields_": [("struct_size", _SIZE), *fields], "words": words})


_SHARED = {"normalizer": _NORMALIZER, "reduction": _REDUCTION}

_bce = _config(
    "bce",
    [
        ("pos_weight", _DOUBLES),
        ("num_pos_weight", _SIZE),
        ("label_smoothing", _DOUBLE),
        ("ignore_index", _DOUBLE),
        ("normalizer", _FLAG),
        ("reduction", _FLAG),
    ],
    _SHARED,
)
_focal = _config(
    "focal",
    [
        ("pos_weight", _DOUBLES),
        ("num_pos_weight", _SIZE),
        ("alpha", _DOUBLE),
        ("gamma", _DOUBLE),
        ("ignore_index", _DOUBLE),
        ("has_alpha", _FLAG),
        ("soft_targets", _FLAG),
        ("normalizer", _FLAG),
        ("reduction", _FLAG),
    ],
    _SHARED | {"soft_targets": ("mixture", "linear")},
)
_cross_entropy = _config(
    "cross_entropy",
    [
        ("class_weights", _DOUBLES),
        ("num_class_weights", _SIZE),
        ("label_smoothing", _DOUBLE),
        ("ignore_index", _INT64),
        ("normalizer", _FLAG),
        ("reduction", _FLAG),
    ],
    _SHARED,
)
_softmax_focal = _config(
    "softmax_focal",
    [
        ("class_weights", _DOUBLES),
        ("num_class_weights", _SIZE),
        ("alpha", _DOUBLE),
        ("gamma", _DOUBLE),
        ("ignore_index", _INT64),
        ("class_alpha", _FLAG),
        ("normalizer", _FLAG),
        ("reduction", _FLAG),
        ("reserved", _FLAG),
    ],
    _SHARED | {"class_alpha": ("none", "uniform", "background", "per_class")},
)
_region = _config(
    "region",
    [
        ("class_weights", _DOUBLES),
        ("num_class_weights", _SIZE),
        ("listed_classes", c.POINTER(_SIZE)),
        ("num_listed_classes", _SIZE),
        ("smooth_numerator", _DOUBLE),
        ("smooth_denominator", _DOUBLE),
        ("smooth_floor", _DOUBLE),
        ("ignore_index", _INT64),
        ("activation", _FLAG),
        ("pooling", _FLAG),
        ("average", _FLAG),
        ("volume_weight", _FLAG),
        ("intersection", _FLAG),
        ("absent", _FLAG),
        ("classes", _FLAG),
        ("class_average", _FLAG),
        ("reduction", _FLAG),
        ("reserved", _FLAG),
    ],
    {
        "activation": ("softmax", "sigmoid", "identity"),
        "pooling": ("image", "batch"),
        "average": ("macro", "micro", "generalized"),
        "volume_weight": _VOLUME,
        "intersection": ("product", "minimum"),
        "absent": ("count", "skip", "zero"),
        "classes": ("all", "foreground", "listed"),
        "class_average": ("count", "weights"),
        "reduction": _REDUCTION,
    },
)
_REGION = ("region", c.POINTER(_region))
_dice = _config(
    "dice",
    [_REGION, ("gamma", _DOUBLE), ("form", _FLAG), ("volume_weight", _FLAG), ("transform", _FLAG), ("reserved", _FLAG)],
    {"form": ("plain", "squared", "generalized"), "volume_weight": _VOLUME, "transform": _TRANSFORM},
)
_jaccard = _config(
    "jaccard",
    [_REGION, ("gamma", _DOUBLE), ("transform", _FLAG), ("reserved", _FLAG)],
    {"transform": _TRANSFORM},
)
_tversky = _config(
    "tversky",
    [
        _REGION,
        ("alpha", _DOUBLE),
        ("beta", _DOUBLE),
        ("gamma", _DOUBLE),
        ("transform", _FLAG),
        ("reserved", _FLAG),
    ],
    {"transform": _TRANSFORM},
)
_focal_tversky = _config(
    "focal_tversky",
    [_REGION, ("alpha", _DOUBLE), ("beta", _DOUBLE), ("gamma", _DOUBLE), ("power", _FLAG), ("reserved", _FLAG)],
    {"power": ("per_class", "after_mean")},
)
_DICE = ("dice", c.POINTER(_dice))
_dice_ce = _config(
    "dice_ce",
    [
        _DICE,
        ("class_weights", _DOUBLES),
        ("num_class_weights", _SIZE),
        ("lambda_dice", _DOUBLE),
        ("lambda_ce", _DOUBLE),
        ("label_smoothing", _DOUBLE),
    ],
    {},
)
_dice_focal = _config(
    "dice_focal",
    [
        _DICE,
        ("lambda_dice", _DOUBLE),
        ("lambda_focal", _DOUBLE),
        ("gamma", _DOUBLE),
        ("alpha", _DOUBLE),
        ("has_alpha", _FLAG),
        ("reserved", _FLAG),
    ],
    {},
)
_combo = _config(
    "combo",
    [
        ("alpha", _DOUBLE),
        ("beta", _DOUBLE),
        ("smooth_numerator", _DOUBLE),
        ("smooth_denominator", _DOUBLE),
        ("smooth_floor", _DOUBLE),
        ("ignore_index", _INT64),
    ],
    {},
)

_ALIKE = [("normalizer", _FLAG), ("reduction", _FLAG)]


def _difference(name, numbers=(), words=None):
    """Options of a loss of single differences."""
    enums = [(word, _FLAG) for word in words or {}]
    odd = [("reserved", _FLAG)] if len(enums) % 2 else []
    return _config(name, [(number, _DOUBLE) for number in numbers] + enums + _ALIKE + odd, _SHARED | (words or {}))


_BORDER = ("valid", "reflect", "replicate", "zero")
_VARIANCE = ("clamped", "plain")
_similarity = _config(
    "similarity",
    [
        ("k1", _DOUBLE),
        ("k2", _DOUBLE),
        ("window_sizes", c.POINTER(_SIZE)),
        ("num_window_sizes", _SIZE),
        ("sigmas", _DOUBLES),
        ("num_sigmas", _SIZE),
        ("taps", _FLAG),
        ("border", _FLAG),
        ("variance", _FLAG),
        ("covariance", _FLAG),
    ],
    {
        "taps": ("gaussian", "uniform"),
        "border": _BORDER,
        "variance": _VARIANCE,
        "covariance": ("population", "sample"),
    },
)
_SIMILARITY = [("data_range", _DOUBLE), ("similarity", c.POINTER(_similarity))]
_ssim = _config(
    "ssim",
    [*_SIMILARITY, ("form", _FLAG), ("channels", _FLAG), ("reduction", _FLAG), ("reserved", _FLAG)],
    {"form": ("whole", "half"), "channels": ("average", "separate"), "reduction": _REDUCTION},
)
_ms_ssim = _config(
    "ms_ssim",
    [
        *_SIMILARITY,
        ("weights", _DOUBLES),
        ("num_weights", _SIZE),
        ("odd", _FLAG),
        ("negative", _FLAG),
        ("product", _FLAG),
        ("small", _FLAG),
        ("reduction", _FLAG),
        ("reserved", _FLAG),
    ],
    {
        "odd": ("drop", "keep_last", "keep_first", "zero_first"),
        "negative": ("clamp", "shift"),
        "product": ("channel", "image"),
        "small": ("refuse", "fewer_levels"),
        "reduction": _REDUCTION,
    },
)
_l1_ssim = _config(
    "l1_ssim",
    [*_SIMILARITY, ("lambda_l1", _DOUBLE), ("lambda_ssim", _DOUBLE), ("reduction", _FLAG), ("reserved", _FLAG)],
    {"reduction": _REDUCTION},
)
_ms_ssim_l1 = _config(
    "ms_ssim_l1",
    [
        ("data_range", _DOUBLE),
        ("k1", _DOUBLE),
        ("k2", _DOUBLE),
        ("sigmas", _DOUBLES),
        ("num_sigmas", _SIZE),
        ("size", _SIZE),
        ("alpha", _DOUBLE),
        ("scale", _DOUBLE),
        ("border", _FLAG),
        ("variance", _FLAG),
        ("reduction", _FLAG),
        ("reserved", _FLAG),
    ],
    {"border": _BORDER, "variance": _VARIANCE, "reduction": _REDUCTION},
)


_DENOMINATOR = ("items", "weights", "avg_factor")
_boxes = _config(
    "boxes",
    [
        ("eps", _DOUBLE),
        ("avg_factor", _DOUBLE),
        ("format", _FLAG),
        ("denominator", _FLAG),
        ("reduction", _FLAG),
        ("reserved", _FLAG),
    ],
    {"format": ("xyxy", "xywh", "cxcywh"), "denominator": _DENOMINATOR, "reduction": _REDUCTION},
)
_overlap = _config(
    "overlap", [(name, _DOUBLE) for name in ("alpha", "inner", "focaler_low", "focaler_high")], {}
)
_rotated_boxes = _config(
    "rotated_boxes",
    [("eps", _DOUBLE), ("avg_factor", _DOUBLE), ("denominator", _FLAG), ("reduction", _FLAG)],
    {"denominator": _DENOMINATOR, "reduction": _REDUCTION},
)


def _options(name, first, numbers=(), words=None):
    """Options: pointers, numbers, enums, and what makes enums even."""
    enums = [(word, _FLAG) for word in words or {}]
    odd = [("reserved", _FLAG)] if len(enums) % 2 else []
    return _config(name, first + [(number, _DOUBLE) for number in numbers] + enums + odd, words or {})


def _pair(name, numbers=(), words=None, overlap=True):
    """Options of a loss of axis-aligned boxes."""
    first = [("boxes", c.POINTER(_boxes))] + ([("overlap", c.POINTER(_overlap))] if overlap else [])
    return _options(name, first, numbers, words)


def _rotated(name, numbers=(), words=None):
    """Options of a loss of rotated boxes."""
    return _options(name, [("boxes", c.POINTER(_rotated_boxes))], numbers, words)


def _elements(name, numbers=(), words=None, alpha=False):
    """Options of a loss of elements for unequal classes."""
    words = dict(words or {}) | _SHARED
    enums = (["has_alpha"] if alpha else []) + list(words)
    odd = ["reserved"] if len(enums) % 2 else []
    return _config(name, [(n, _DOUBLE) for n in (*numbers, "ignore_index")] + [(w, _FLAG) for w in enums + odd], words)


_CLASS_WEIGHTS = [("class_weights", _DOUBLES), ("num_class_weights", _SIZE)]
_LISTED = [("listed_classes", c.POINTER(_SIZE)), ("num_listed_classes", _SIZE)]
_SPACING = [("spacing", _DOUBLES), ("num_spacing", _SIZE)]
_MINED = {"mean": ("selected", "all"), "reduction": _REDUCTION}
_LOVASZ = ("present", "all", "listed")
_ACTIVATION, _CLASSES = _region.words["activation"], _region.words["classes"]


_weights = _config(
    "weights", [("path", c.c_char_p), ("bytes", c.c_char_p), ("num_bytes", _SIZE), ("name", c.c_char_p)], {}
)
_WEIGHTS, _MEMORY = ("weights", c.POINTER(_weights)), ("memory", _SIZE)
_LAYERS = [
    ("layers", c.POINTER(c.c_char_p)),
    ("num_layers", _SIZE),
    ("layer_weights", _DOUBLES),
    ("num_layer_weights", _SIZE),
]
_TRUNK = ("vgg16", "vgg19", "alexnet", "squeezenet")
_RANGE = ("zero_one", "minus_one_one", "bytes")
_IMAGE = ("imagenet", "none", "lpips")


def _points(name, first, numbers=(), words=None):
    """Options of a loss that ignores an index of a class."""
    words = words or {}
    odd = [("reserved", _FLAG)] if len(words) % 2 else []
    numbers = [(number, _DOUBLE) for number in numbers] + [("ignore_index", _INT64)]
    return _config(name, first + numbers + [(word, _FLAG) for word in words] + odd, words)


_cl_dice = _points(
    "cl_dice",
    [*_LISTED, ("iterations", _SIZE)],
    ["smooth_nr", "smooth_dr", "smooth"],
    {"activation": _ACTIVATION, "classes": _CLASSES, "reduction": _REDUCTION},
)

_IOU_FORM = ("linear", "log", "square")
_SCALE = ("linear", "sqrt", "log1p")
_adversarial = _options(
    "adversarial",
    [],
    ["factor", "label_real", "label_fake", "label_generator"],
    {
        "form": ("minimax", "non_saturating", "least_squares", "wasserstein", "hinge"),
        "pairing": ("standard", "paired", "average"),
        "reduction": _REDUCTION,
    },
)


class Loss(torch.nn.Module):
    """A loss of the library. Call it with input, target, and optionally a weight map."""

    config = None
    # Of the constructor, where the configuration has another.
    name = None
    # With one value per point, values lack the axis of channels.
    drops_channels = False

    def __init__(self, keep_gradient=False, **options):
        super().__init__()
        self.handle = None
        self.keep_gradient = keep_gradient
        self.kept = {}
        config = self.build(options)
        if options:
            raise Error(f"no such options: {sorted(options)}")
        handle = c.c_void_p()
        create = getattr(_lib, f"cvl_{self.name or self.config.__name__}_new")
        create.argtypes = [c.POINTER(self.config), c.POINTER(c.c_void_p)]
        _check(create(c.byref(config), c.byref(handle)))
        self.handle = handle

    def build(self, options):
        return self.config.of(options)

    def forward(self, tensor, target, weight=None):
        return _Evaluate.apply(self, tensor, target, weight)

    def memory(self, slot, tensor):
        """For the gradient of an input."""
        if not self.keep_gradient:
            return torch.empty_like(tensor)
        layout = (tensor.shape, tensor.stride(), tensor.dtype)
        known, gradient = self.kept.get(slot, (None, None))
        if known != layout:
            gradient = torch.empty_like(tensor)
            self.kept[slot] = (layout, gradient)
        # So that a backward of an earlier call is refused.
        torch.autograd.graph.increment_version(gradient)
        return gradient

    def __del__(self):
        if getattr(self, "handle", None):
            _lib.cvl_loss_free(self.handle)


class BCE(Loss):
    """Binary cross-entropy of logits."""

    config = _bce


class Focal(Loss):
    """Focal loss over sigmoids."""

    config = _focal


class CrossEntropy(Loss):
    """Cross-entropy of a softmax over classes."""

    config = _cross_entropy
    drops_channels = True


class SoftmaxFocal(Loss):
    """Focal loss over a softmax."""

    config = _softmax_focal
    drops_channels = True


class _Region(Loss):
    """A loss of region sums: its own options, and those of cvl_region_config."""

    # What a loss without region options of its own has other than cvl_region_config.
    region_defaults = {}

    def build(self, options):
        config = self.config.of(options)
        for name, value in self.region_defaults.items():
            options.setdefault(name, value)
        # The constructor copies both.
        self.region = _region.of(options)
        config.region = c.pointer(self.region)
        return config


class Dice(_Region):
    """Dice loss in its forms."""

    config = _dice


class Jaccard(_Region):
    """Jaccard loss, also called soft IoU loss."""

    config = _jaccard


class Tversky(_Region):
    """Tversky loss."""

    config = _tversky


class FocalTversky(_Region):
    """Focal Tversky loss."""

    config = _focal_tversky


class _WithDice(Loss):
    """Dice and another loss; options of Dice and of cvl_region_config too."""

    def build(self, options):
        config = self.config.of(options)
        self.dice = _dice.of(options)
        self.region = _region.of(options)
        self.dice.region = c.pointer(self.region)
        config.dice = c.pointer(self.dice)
        return config


class DiceCE(_WithDice):
    """Dice loss plus cross-entropy."""

    config = _dice_ce


class DiceFocal(_WithDice):
    """Dice loss plus focal loss."""

    config = _dice_focal


class Combo(Loss):
    """Combo loss."""

    config = _combo


class MCC(_Region):
    """Loss of Matthews's correlation coefficient."""

    config = _options("mcc", [_REGION], ["counts"])
    region_defaults = {"smooth_numerator": 0.0, "smooth_denominator": 1e-5}


class SoftF1(_Region):
    """Soft F1 loss."""

    config = _options("soft_f1", [_REGION], [], {"sides": ("both", "positives")})
    region_defaults = {"smooth_numerator": 0.0, "smooth_denominator": 1e-6, "pooling": "batch"}


class UnifiedFocal(_Region):
    """Unified focal loss."""

    config = _options("unified_focal", [_REGION], ["weight", "delta", "gamma"], {"form": ("asymmetric", "symmetric")})
    region_defaults = {"smooth_numerator": 1e-7, "smooth_denominator": 1e-7}


class ExpLog(_Region):
    """Exponential logarithmic loss. `class_weights` are those of cross-entropy."""

    config = _options(
        "exp_log", [_REGION, *_CLASS_WEIGHTS], ["lambda_dice", "lambda_ce", "gamma_dice", "gamma_ce"]
    )


class LovaszSoftmax(Loss):
    """Lovasz softmax."""

    config = _points(
        "lovasz_softmax",
        _LISTED,
        [],
        {
            "activation": _ACTIVATION,
            "classes": _LOVASZ,
            "pooling": _region.words["pooling"],
            "reduction": _REDUCTION,
        },
    )


class LovaszHinge(Loss):
    """Lovasz hinge."""

    config = _points(
        "lovasz_hinge",
        _LISTED,
        [],
        {"classes": _LOVASZ, "pooling": _region.words["pooling"], "reduction": _REDUCTION},
    )


class Boundary(Loss):
    """Boundary loss."""

    config = _points(
        "boundary",
        _LISTED + _SPACING,
        [],
        {
            "activation": _ACTIVATION,
            "target": ("mask", "distances"),
            "classes": _CLASSES,
            "reduction": _REDUCTION,
        },
    )


class DistanceCrossEntropy(Loss):
    """Cross-entropy weighted by distances to surfaces in the target."""

    config = _points(
        "distance_cross_entropy",
        _CLASS_WEIGHTS + _SPACING,
        ["w0", "sigma"],
        {"weighting": ("border", "penalty"), **_SHARED},
    )
    drops_channels = True


class Hausdorff(Loss):
    """Hausdorff loss by distance transforms."""

    config = _points(
        "hausdorff",
        _LISTED + _SPACING,
        ["alpha"],
        {
            "activation": _ACTIVATION,
            "transform": ("linear", "log"),
            "classes": _CLASSES,
            "reduction": _REDUCTION,
        },
    )


class HausdorffErosion(Loss):
    """Hausdorff loss by erosion."""

    config = _points(
        "hausdorff_erosion",
        [*_LISTED, ("erosions", _SIZE)],
        ["alpha"],
        {"activation": _ACTIVATION, "classes": _CLASSES, "reduction": _REDUCTION},
    )


class ClDice(Loss):
    """Centreline Dice."""

    config = _cl_dice


class DiceClDice(Loss):
    """Dice and centreline Dice; options of ClDice too."""

    config = _options("dice_cl_dice", [("cl_dice", c.POINTER(_cl_dice))], ["alpha"])

    def build(self, options):
        config = self.config.of(options)
        self.cl_dice = _cl_dice.of(options)
        config.cl_dice = c.pointer(self.cl_dice)
        return config


class Asymmetric(Loss):
    """Asymmetric loss of many labels."""

    config = _elements(
        "asymmetric", ["gamma_positive", "gamma_negative", "clip"], {"focus": ("included", "ignored")}
    )


class BalancedBCE(Loss):
    """Class-balanced binary cross-entropy."""

    config = _elements("balanced_bce", [], {"balance": ("batch", "image")})


class PolyFocal(Loss):
    """Poly-1 focal loss."""

    config = _elements("poly_focal", ["epsilon", "alpha", "gamma"], alpha=True)


class ReducedFocal(Loss):
    """Reduced focal loss."""

    config = _elements(
        "reduced_focal", ["alpha", "gamma", "threshold"], {"scale": ("threshold", "continuous")}, alpha=True
    )


class BiTempered(Loss):
    """Bi-tempered logistic loss."""

    config = _points("bi_tempered", _CLASS_WEIGHTS, ["t1", "t2", "label_smoothing"], _SHARED)
    drops_channels = True


class Seesaw(Loss):
    """Seesaw loss; the counts of classes are yours."""

    config = _points(
        "seesaw", [*_CLASS_WEIGHTS, ("counts", _DOUBLES), ("num_counts", _SIZE)], ["p", "q", "eps"], _SHARED
    )
    drops_channels = True


class PolyCrossEntropy(Loss):
    """Poly-1 cross-entropy."""

    config = _points("poly_cross_entropy", _CLASS_WEIGHTS, ["epsilon"], _SHARED)
    drops_channels = True


class AsymmetricSoftmax(Loss):
    """Asymmetric loss of one label."""

    config = _points(
        "asymmetric_softmax", _CLASS_WEIGHTS, ["gamma_positive", "gamma_negative", "label_smoothing"], _SHARED
    )
    drops_channels = True


class GeneralizedWassersteinDice(Loss):
    """Generalised Wasserstein Dice; distances row by row, one row for each true class."""

    config = _points(
        "generalized_wasserstein_dice",
        [("distances", _DOUBLES), ("num_distances", _SIZE)],
        ["smooth_nr", "smooth_dr"],
        {"weighting": ("foreground", "volume"), "reduction": _REDUCTION},
    )
    drops_channels = True


class MultiScale(Loss):
    """One loss, the first argument, at several scales of one prediction."""

    config = _options(
        "multi_scale",
        [
            ("loss", c.c_void_p),
            ("factors", c.POINTER(_SIZE)),
            ("num_factors", _SIZE),
            ("weights", _DOUBLES),
            ("num_weights", _SIZE),
        ],
        [],
        {
            "scale_weights": ("halving", "same", "half", "listed"),
            "uneven": ("refuse", "drop_rest", "small_cell"),
            "pooling": ("average", "nearest"),
        },
    )

    def __init__(self, loss, **options):
        # Modules take members once they are built, and the handle is needed before.
        self._loss = [loss]
        super().__init__(**options)

    def build(self, options):
        config = self.config.of(options)
        config.loss = self._loss[0].handle
        return config


class OhemCrossEntropy(Loss):
    """Cross-entropy of hard points alone."""

    config = _points("ohem_cross_entropy", [*_CLASS_WEIGHTS, ("min_kept", _SIZE)], ["threshold"], _MINED)
    drops_channels = True


class TopKCrossEntropy(Loss):
    """Cross-entropy of the hardest share of points."""

    config = _points("top_k_cross_entropy", _CLASS_WEIGHTS, ["share"], _MINED)
    drops_channels = True


class L1(Loss):
    """Mean absolute error."""

    config = _difference("l1")


class MSE(Loss):
    """Mean squared error."""

    config = _difference("mse")


class Huber(Loss):
    """Huber loss."""

    config = _difference("huber", ["delta"])


class SmoothL1(Loss):
    """Smooth L1 loss."""

    config = _difference("smooth_l1", ["beta"])


class Charbonnier(Loss):
    """Charbonnier loss."""

    config = _difference("charbonnier", ["eps"], {"form": ("squared", "plain")})


class LogCosh(Loss):
    """Log-cosh loss."""

    config = _difference("log_cosh")


class Robust(Loss):
    """General robust loss of Barron."""

    config = _difference("robust", ["alpha", "scale"], {"shape": ("alpha", "cauchy", "geman_mcclure", "welsch")})


class Wing(Loss):
    """Wing loss."""

    config = _difference("wing", ["width", "curvature"])


class PSNR(Loss):
    """The negative peak signal-to-noise ratio."""

    config = _difference("psnr", ["data_range", "eps"], {"pooling": ("image", "batch")})


class _Windows(Loss):
    """A loss of windows: its own options, and those of cvl_similarity_config."""

    def build(self, options):
        config = self.config.of(options)
        # Without options of its own, the loss has its own default.
        if options:
            self.similarity = _similarity.of(options)
            config.similarity = c.pointer(self.similarity)
        return config


class SSIM(_Windows):
    """Structural similarity, as a loss; needs data_range."""

    config = _ssim


class MSSSIM(_Windows):
    """Structural similarity over a pyramid, as a loss; needs data_range."""

    config = _ms_ssim


class L1SSIM(_Windows):
    """L1 and structural similarity in one sweep; needs data_range."""

    config = _l1_ssim


class MSSSIML1(Loss):
    """Structural similarity in several windows plus L1; needs data_range."""

    config = _ms_ssim_l1


class Edge(Loss):
    """What an edge filter makes of the difference of two images."""

    config = _options(
        "edge",
        [],
        ["eps"],
        {
            "filter": ("sobel", "scharr", "laplacian4", "laplacian8"),
            "scale": ("unit", "integer"),
            "penalty": ("absolute", "square", "charbonnier"),
            "border": ("replicate", "reflect", "zero", "valid"),
            "reduction": _REDUCTION,
        },
    )


class FftL1(Loss):
    """L1 of Fourier coefficients."""

    config = _options(
        "fft_l1",
        [],
        [],
        {"form": ("parts", "magnitude"), "norm": ("backward", "ortho"), "reduction": _REDUCTION},
    )


class FocalFrequency(Loss):
    """Focal frequency loss."""

    config = _config(
        "focal_frequency",
        [
            ("alpha", _DOUBLE),
            ("patch_factor", _SIZE),
            ("weighting", _FLAG),
            ("peak", _FLAG),
            ("pooling", _FLAG),
            ("reduction", _FLAG),
        ],
        {
            "weighting": ("power", "log"),
            "peak": ("patch", "batch"),
            "pooling": ("image", "batch"),
            "reduction": _REDUCTION,
        },
    )


class TotalVariation(Loss):
    """Total variation of an image or a volume. Call it with that, and optionally a weight map."""

    config = _options(
        "total_variation",
        [],
        ["eps"],
        {
            "norm": ("anisotropic", "isotropic", "squared", "root"),
            "scale": ("total", "differences"),
            "reduction": _REDUCTION,
        },
    )

    def forward(self, tensor, weight=None):
        return super().forward(tensor, None, weight)


class _Network(Loss):
    """A loss of a frozen network's features. `weights`: the path of a safetensors file, or its bytes.

    `layers`, where there are any: names of features, or a dict with their factors. Needs a library that was built with
    `--features perceptual`.
    """

    def build(self, options):
        self.weights = _weights.of({})
        weights, layers = options.pop("weights"), options.pop("layers", None)
        if isinstance(weights, bytes):
            self.weights.bytes, self.weights.num_bytes = weights, len(weights)
        else:
            self.weights.path = os.fsencode(weights)
        if isinstance(layers, dict):
            options["layer_weights"] = list(layers.values())
        config = self.config.of(options)
        config.weights = c.pointer(self.weights)
        if layers is not None:
            config.num_layers = len(layers)
            config.layers = (c.c_char_p * len(layers))(*[name.encode() for name in layers])
        return config


class Perceptual(_Network):
    """A distance of features; ESRGAN's by default."""

    config = _options(
        "perceptual",
        [_WEIGHTS, *_LAYERS, _MEMORY],
        [],
        {
            "network": _TRUNK,
            "metric": ("l1", "l2", "squared_l2"),
            "range": _RANGE,
            "normalization": _IMAGE,
            "reduction": _REDUCTION,
        },
    )


class Style(_Network):
    """A distance of Gram matrices; that of Johnson et al. by default."""

    config = _options(
        "style",
        [_WEIGHTS, *_LAYERS, _MEMORY],
        [],
        {
            "network": _TRUNK,
            "gram_normalization": ("none", "chw", "gatys"),
            "metric": ("squared_sum", "squared_mean", "absolute_mean"),
            "range": _RANGE,
            "normalization": _IMAGE,
            "reduction": _REDUCTION,
        },
    )


class Contextual(_Network):
    """How well the target's features are found in the input, wherever they are."""

    config = _options(
        "contextual",
        [_WEIGHTS, *_LAYERS, _MEMORY],
        ["bandwidth"],
        {"network": _TRUNK, "range": _RANGE, "normalization": _IMAGE, "reduction": _REDUCTION},
    )


class FeatureContextual(Loss):
    """The same of features that are given, in any library."""

    config = _options("feature_contextual", [], ["bandwidth"], {"reduction": _REDUCTION})


class LPIPS(_Network):
    """Learned perceptual image patch similarity, version 0.1; images in 0 to 1 unless `range` says otherwise."""

    config = _options(
        "lpips",
        [_WEIGHTS, _MEMORY],
        [],
        {"network": ("alex", "vgg", "squeeze"), "range": _RANGE, "reduction": _REDUCTION},
    )


class DISTS(_Network):
    """Deep image structure and texture similarity."""

    config = _options("dists", [_WEIGHTS, _MEMORY], [], {"range": _RANGE, "reduction": _REDUCTION})


class _AlignedBoxes(Loss):
    """A loss of boxes: its own options, those of cvl_boxes_config, and as `overlap` a dict of cvl_overlap_config."""

    def build(self, options):
        overlap = options.pop("overlap", None)
        config = self.config.of(options)
        self.boxes = _boxes.of(options)
        config.boxes = c.pointer(self.boxes)
        if overlap is not None:
            overlap = dict(overlap)
            self.overlap = _overlap.of(overlap)
            if overlap or "overlap" not in dict(config._fields_):
                raise Error(f"no such options: overlap {sorted(overlap)}")
            config.overlap = c.pointer(self.overlap)
        return config


class IoU(_AlignedBoxes):
    """Intersection over union."""

    config = _pair("iou", [], {"form": _IOU_FORM})


class GIoU(_AlignedBoxes):
    """Generalised IoU."""

    config = _pair("giou")


class DIoU(_AlignedBoxes):
    """Distance IoU."""

    config = _pair("diou")


class CIoU(_AlignedBoxes):
    """Complete IoU."""

    config = _pair("ciou")


class EfficientIoU(_AlignedBoxes):
    """Efficient IoU, and Focal-EIoU with gamma."""

    config = _pair("efficient_iou", ["gamma"], {"focus_slope": ("through", "constant")})


class ExtendedIoU(_AlignedBoxes):
    """Extended IoU."""

    config = _pair("extended_iou", ["smooth_point"], overlap=False)


class SIoU(_AlignedBoxes):
    """SCYLLA-IoU."""

    config = _pair("siou", ["theta"], {"sign": ("paper", "mm_detection")})


class MPDIoU(_AlignedBoxes):
    """Minimum points distance IoU."""

    config = _pair("mpdiou", ["image_width", "image_height"])


class NWD(_AlignedBoxes):
    """Normalised Gaussian Wasserstein distance."""

    config = _pair("nwd", ["constant"], overlap=False)


class WiseIoU(_AlignedBoxes):
    """Wise-IoU; its running mean is yours."""

    config = _pair("wise_iou", ["mean", "gamma", "alpha", "delta"], {"version": ("v1", "v2", "v3")})


class BoundedIoU(_AlignedBoxes):
    """Bounded IoU."""

    config = _pair("bounded_iou", ["beta"], overlap=False)


class _RotatedBoxes(Loss):
    """A loss of rotated boxes: its own options, and those of cvl_rotated_boxes_config."""

    def build(self, options):
        config = self.config.of(options)
        self.boxes = _rotated_boxes.of(options)
        config.boxes = c.pointer(self.boxes)
        return config


class RotatedIoU(_RotatedBoxes):
    """Exact IoU of rotated boxes."""

    config = _rotated("rotated_iou", [], {"form": _IOU_FORM})


class GWD(_RotatedBoxes):
    """Gaussian Wasserstein distance of rotated boxes."""

    config = _rotated("gwd", ["tau", "alpha"], {"scale": _SCALE, "normalize": (False, True)})


class KLD(_RotatedBoxes):
    """Kullback-Leibler divergence of rotated boxes."""

    config = _rotated(
        "kld",
        ["tau", "alpha"],
        {"divergence": ("forward", "jeffreys", "largest", "smallest"), "root": (False, True), "scale": _SCALE},
    )


class KFIoU(_RotatedBoxes):
    """Kalman-filter IoU of rotated boxes."""

    config = _rotated("kfiou", ["beta"], {"form": ("linear", "log", "exp")})


class ProbIoU(_RotatedBoxes):
    """Probabilistic IoU of rotated boxes."""

    config = _rotated("probiou")


class BalancedL1(Loss):
    """Balanced L1 of box offsets."""

    config = _difference("balanced_l1", ["alpha", "gamma", "beta"])


class DistributionFocal(Loss):
    """Distribution focal loss of the sides of boxes."""

    config = _options(
        "distribution_focal",
        [],
        ["margin", "avg_factor"],
        {"denominator": _DENOMINATOR, "reduction": _REDUCTION},
    )
    drops_channels = True


class QualityFocal(Loss):
    """Quality focal loss."""

    config = _elements("quality_focal", ["beta"])


class Varifocal(Loss):
    """Varifocal loss."""

    config = _elements("varifocal", ["alpha", "gamma"], {"positives": ("quality", "one")})


class GaussianFocal(Loss):
    """Gaussian focal loss of heat maps."""

    config = _elements("gaussian_focal", ["alpha", "gamma"])


class GHM(Loss):
    """Gradient harmonised loss; running densities are yours."""

    config = _config(
        "ghm",
        [
            ("densities", _DOUBLES),
            ("num_densities", _SIZE),
            ("bins", _SIZE),
            ("ignore_index", _DOUBLE),
            ("reduction", _FLAG),
            ("reserved", _FLAG),
        ],
        {"reduction": _REDUCTION},
    )


class GHMRegression(Loss):
    """Gradient harmonised regression loss; running densities are yours."""

    config = _config(
        "ghm_regression",
        [
            ("densities", _DOUBLES),
            ("num_densities", _SIZE),
            ("bins", _SIZE),
            ("mu", _DOUBLE),
            ("reduction", _FLAG),
            ("reserved", _FLAG),
        ],
        {"reduction": _REDUCTION},
    )


class Discriminator(Loss):
    """The discriminator's side of an adversarial game. Call it with real and fake logits."""

    config = _adversarial
    name = "discriminator"


class Generator(Loss):
    """The generator's side. Call it with fake logits, and real ones if it compares with them."""

    config = _adversarial
    name = "generator"

    def forward(self, fake, real=None, weight=None):
        return super().forward(fake, real, weight)


class LeCam(Loss):
    """LeCam regularisation of real and fake logits; the running means are yours."""

    config = _options(
        "lecam",
        [],
        ["real_mean", "fake_mean"],
        {"form": ("rectified", "squared"), "reduction": _REDUCTION},
    )


class FeatureMatching(Loss):
    """A distance of features of fake and of real items."""

    config = _options(
        "feature_matching",
        [],
        [],
        {"distance": ("absolute", "squared"), "pooling": ("items", "batch_means"), "reduction": _REDUCTION},
    )
