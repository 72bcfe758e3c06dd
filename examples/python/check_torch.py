"""cvloss_torch against torch, torchvision, kornia and MONAI: values, gradients, and with --time milliseconds.

    python3 examples/python/check_torch.py [--time] [--threads N]
"""

import argparse
import statistics
import sys
import time

import torch
import torch.nn.functional as F

import cvloss_torch as cv

torch.manual_seed(0)

# In float32 whatever the input: MONAI's focal term, and the window of pytorch_msssim.
SINGLE = {"dice_focal", "ssim"}
# With gradients of the second argument too.
BOTH = set(
    "l1 mse huber smooth_l1 charbonnier robust ssim edge giou distribution_focal hinge feature_matching".split()
) | {"ciou none"}


def peers():
    """Name, our loss, the peer's loss, and small and large inputs."""
    import kornia.losses as kl
    import monai.losses as ml
    import pytorch_msssim
    import kornia.filters as kf
    import torchvision.ops as tv

    def pictures(n, ch, side):
        return torch.randn(n, ch, side, side)

    def classes(x):
        return torch.randint(0, x.shape[1], x.shape[:1] + x.shape[2:])

    def masks(x):
        return (torch.rand(x.shape) < 0.4).to(x.dtype)

    def images(x):
        return torch.rand_like(x)

    def hot(t, x):
        return F.one_hot(t, x.shape[1]).movedim(-1, 1).to(x.dtype)

    def boxes(n):
        low = 500 * torch.rand(n, 2)
        return torch.cat([low, low + 8 + 100 * torch.rand(n, 2)], 1)

    def moved(x):
        return x + 4 * torch.rand_like(x)

    def logits(x):
        return torch.randn_like(x)

    def positions(x):
        return (x.shape[1] - 1) * torch.rand(x.shape[:1] + x.shape[2:], dtype=x.dtype)

    def between(x, t):
        low = t.floor().long().clamp(max=x.shape[1] - 2)
        share = t - low
        of = lambda bin, weight: weight * F.cross_entropy(x, bin, reduction="none")  # noqa: E731
        return of(low, 1 - share) + of(low + 1, share)

    variation, generator = cv.TotalVariation(), cv.Generator(form="hinge")
    rows = [
        ("bce", cv.BCE(), F.binary_cross_entropy_with_logits, (2, 3, 16), (2, 80, 277), masks),
        (
            "focal",
            cv.Focal(),
            lambda x, t: tv.sigmoid_focal_loss(x, t, reduction="mean"),
            (2, 3, 16),
            (2, 80, 277),
            masks,
        ),
        ("focal none", cv.Focal(reduction="none"), tv.sigmoid_focal_loss, (2, 3, 16), None, masks),
        ("cross_entropy", cv.CrossEntropy(), F.cross_entropy, (2, 5, 16), (4, 21, 256), classes),
        (
            "cross_entropy none",
            cv.CrossEntropy(reduction="none", label_smoothing=0.1),
            lambda x, t: F.cross_entropy(x, t, reduction="none", label_smoothing=0.1),
            (2, 5, 16),
            None,
            classes,
        ),
        (
            "softmax_focal",
            cv.SoftmaxFocal(class_alpha="background", alpha=0.25),
            lambda x, t: kl.focal_loss(x, t, alpha=0.25, gamma=2.0, reduction="none").sum() / t.numel(),
            (2, 5, 16),
            (4, 21, 256),
            classes,
        ),
        (
            "dice",
            cv.Dice(),
            lambda x, t: ml.DiceLoss(softmax=True, smooth_nr=1e-5, smooth_dr=1e-5)(x, hot(t, x)),
            (2, 5, 16),
            (4, 21, 256),
            classes,
        ),
        (
            "dice sigmoid",
            cv.Dice(activation="sigmoid"),
            ml.DiceLoss(sigmoid=True, smooth_nr=1e-5, smooth_dr=1e-5),
            (2, 3, 16),
            None,
            masks,
        ),
        (
            "jaccard",
            cv.Jaccard(activation="sigmoid"),
            ml.DiceLoss(sigmoid=True, jaccard=True, smooth_nr=2e-5, smooth_dr=2e-5),
            (2, 3, 16),
            None,
            masks,
        ),
        (
            "tversky",
            cv.Tversky(activation="sigmoid", alpha=0.3, beta=0.7),
            ml.TverskyLoss(sigmoid=True, alpha=0.3, beta=0.7, smooth_nr=1e-5, smooth_dr=1e-5),
            (2, 3, 16),
            None,
            masks,
        ),
        (
            "dice_ce",
            cv.DiceCE(),
            lambda x, t: ml.DiceCELoss(softmax=True, to_onehot_y=True)(x, t.unsqueeze(1)),
            (2, 5, 16),
            (4, 21, 256),
            classes,
        ),
        (
            "dice_focal",
            cv.DiceFocal(activation="sigmoid"),
            ml.DiceFocalLoss(sigmoid=True),
            (2, 3, 16),
            None,
            masks,
        ),
        ("l1", cv.L1(), F.l1_loss, (2, 3, 16), (4, 3, 256), images),
        ("mse", cv.MSE(), F.mse_loss, (2, 3, 16), None, images),
        ("huber", cv.Huber(delta=0.5), lambda x, t: F.huber_loss(x, t, delta=0.5), (2, 3, 16), None, images),
        ("smooth_l1", cv.SmoothL1(beta=0.3), lambda x, t: F.smooth_l1_loss(x, t, beta=0.3), (2, 3, 16), None, images),
        (
            "charbonnier",
            cv.Charbonnier(eps=1e-3),
            lambda x, t: ((x - t).square() + 1e-6).sqrt().mean(),
            (2, 3, 16),
            (4, 3, 256),
            images,
        ),
        (
            "robust",
            cv.Robust(shape="welsch"),
            lambda x, t: kl.welsch_loss(x, t, reduction="mean"),
            (2, 3, 16),
            None,
            images,
        ),
        (
            "ssim",
            cv.SSIM(data_range=1.0, variance="plain"),
            lambda x, t: 1 - pytorch_msssim.ssim(x, t, data_range=1.0),
            (2, 3, 24),
            (4, 3, 256),
            images,
        ),
        (
            "edge",
            cv.Edge(),
            lambda x, t: kf.spatial_gradient(x - t).abs().sum(2).mean(),
            (2, 3, 16),
            (4, 3, 256),
            images,
        ),
        (
            "total_variation",
            lambda x, _: variation(x),
            lambda x, _: kl.total_variation(x, "mean").mean(),
            (2, 3, 16),
            (4, 3, 256),
            images,
        ),
        (
            "giou",
            cv.GIoU(),
            lambda x, t: tv.generalized_box_iou_loss(x, t, reduction="mean"),
            lambda: boxes(13),
            lambda: boxes(200_000),
            moved,
        ),
        (
            "ciou none",
            cv.CIoU(reduction="none"),
            tv.complete_box_iou_loss,
            lambda: boxes(13),
            None,
            moved,
        ),
        (
            "distribution_focal",
            cv.DistributionFocal(reduction="none"),
            between,
            lambda: torch.randn(13, 17),
            None,
            positions,
        ),
        (
            "hinge",
            cv.Discriminator(form="hinge"),
            lambda x, t: F.relu(1 - x).mean() + F.relu(1 + t).mean(),
            (2, 1, 16),
            (16, 1, 126),
            logits,
        ),
        (
            "hinge generator",
            lambda x, _: generator(x),
            lambda x, _: -x.mean(),
            (2, 1, 16),
            None,
            logits,
        ),
        (
            "feature_matching",
            cv.FeatureMatching(),
            F.l1_loss,
            (2, 3, 16),
            None,
            logits,
        ),
    ]
    for name, ours, theirs, small, large, target in rows:
        make = lambda size: size if callable(size) else (lambda: pictures(*size))  # noqa: E731
        yield name, ours, theirs, make(small), large and make(large), target


def value_and_grad(loss, x, t):
    x = x.detach().requires_grad_()
    value = loss(x, t)
    upstream = torch.linspace(-1, 2, value.numel(), dtype=value.dtype).reshape(value.shape) if value.dim() else None
    (gradient,) = torch.autograd.grad(value, x, upstream)
    return value.detach(), gradient


def kept(loss):
    """The same loss with `keep_gradient`."""

    def keeping(x, t):
        loss.keep_gradient = True
        try:
            return loss(x, t)
        finally:
            loss.keep_gradient = False

    return keeping


def distance(ours, theirs):
    """Of values and gradients."""
    (value, gradient), (expected, slope) = ours, theirs
    of_value = ((value - expected).abs() / (1 + expected.abs())).max().item()
    return max(of_value, ((gradient - slope).abs().max() / slope.abs().max()).item())


def check():
    worst = 0.0
    for name, ours, theirs, small, _, make_target in peers():
        for dtype, tolerance in ((torch.float64, 2e-5 if name in SINGLE else 1e-9), (torch.float32, 2e-5)):
            layouts = (torch.contiguous_format, torch.channels_last)
            for layout in layouts if small().dim() == 4 else layouts[:1]:
                x = small().to(dtype).to(memory_format=layout)
                t = make_target(x)
                t = t.contiguous(memory_format=layout) if t.dim() == 4 else t
                (value, gradient), expected = value_and_grad(ours, x, t), value_and_grad(theirs, x, t)
                error = distance((value, gradient), expected)
                if name in BOTH:
                    second = (value_and_grad(lambda t, x, f=f: f(x, t), t, x) for f in (ours, theirs))
                    error = max(error, distance(*second))
                print(f"{name:20} {str(dtype):14} {str(layout):28} {error:.1e}")
                if not error < tolerance:
                    sys.exit(f"{name}: off by {error}")
                if tolerance == 1e-9:
                    worst = max(worst, error)
                # Twice: into new memory, and into memory that is kept.
                for _ in range(2 if isinstance(ours, cv.Loss) else 0):
                    again, same = value_and_grad(kept(ours), x, t)
                    if not (torch.equal(again, value) and torch.equal(same, gradient)):
                        sys.exit(f"{name}: other bits with keep_gradient")
    check_kept()
    try:
        cv.CrossEntropy()(torch.zeros(2, 3, 4), torch.full((2, 4), 7))
        sys.exit("a class out of range was accepted")
    except cv.Error as error:
        print(error)
    print(f"all agree, in float64 to {worst:.1e}")


def check_kept():
    """What memory that is kept must refuse, and what it must leave alone."""
    loss = cv.MSE(reduction="sum", keep_gradient=True)
    x, ones = torch.zeros(4, requires_grad=True), torch.ones(4)

    def refused(what, call):
        try:
            call()
        except RuntimeError as error:
            if "modified by an inplace operation" in str(error):
                return
            raise
        sys.exit(f"keep_gradient: {what} was accepted")

    early = loss(x, ones)
    loss(x, 3 * ones).backward()
    refused("a backward after a later call", early.backward)
    first, x.grad = x.grad, None
    scaled = 2 * loss(x, ones)
    scaled.backward(retain_graph=True)
    refused("a second scaled backward", lambda: scaled.backward(retain_graph=True))
    if not (torch.equal(first, -6 * ones) and torch.equal(x.grad, -4 * ones)):
        sys.exit(f"keep_gradient: gradients of a leaf are {first} and {x.grad}")


def milliseconds(call):
    for _ in range(3):
        call()
    times = []
    end = time.perf_counter() + 1.5
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def measure(only):
    print("| loss | shape | eager ms | torch.compile ms | cvloss_torch ms | keep_gradient ms | to eager | to compile |")
    print("|---|---|---|---|---|---|---|---|")
    for name, ours, theirs, _, large, make_target in peers():
        if large is None or (only and name not in only):
            continue
        x = large()
        t = make_target(x)
        compiled = torch.compile(theirs)
        calls = [theirs, compiled, ours] + ([kept(ours)] if isinstance(ours, cv.Loss) else [])
        eager, fused, mine, *keeping = (milliseconds(lambda f=f: value_and_grad(f, x, t)) for f in calls)
        last = f"{keeping[0]:.3g}" if keeping else ""
        shape = "×".join(map(str, x.shape))
        print(
            f"| {name} | {shape} | {eager:.3g} | {fused:.3g} | {mine:.3g} | {last} "
            f"| {eager / mine:.1f} | {fused / mine:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    measure(options.only) if options.time else check()
