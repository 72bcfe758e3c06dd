"""Golden values of gradient penalties: `torch.autograd.grad(create_graph=True)` on StudioGAN's and StyleGAN3's formulas.

Each network has its parameters in `NET.0`, `NET.1`, …, and its points in `NET.points`. A case `NET/PENALTY` has `value`,
`norms`, and the gradients `grad.0`, `grad.1`, … with respect to the parameters.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import conv2d, relu, silu

torch.set_num_threads(1)
rng = torch.Generator().manual_seed(20)
tensors: dict[str, Tensor] = {}
cases: dict[str, str] = {}
Network = Callable[[Tensor, list[Tensor]], Tensor]


def normal(*shape: int, scale: float = 1.0) -> Tensor:
    """Rounded to f32, so that f32 tests start from the same numbers."""
    return (torch.randn(shape, generator=rng, dtype=torch.float64) * scale).float().double()


def mlp(activation: Callable[[Tensor], Tensor]) -> Network:
    def run(x: Tensor, p: list[Tensor]) -> Tensor:
        x = activation(x @ p[0] + p[1])
        x = activation(x @ p[2] + p[3])
        return x @ p[4]

    return run


def conv(x: Tensor, p: list[Tensor]) -> Tensor:
    x = silu(conv2d(x, p[0], stride=2, padding=1) + p[1])
    x = silu(conv2d(x, p[2], stride=2, padding=1) + p[3])
    return x.flatten(1) @ p[4]


def generator(w: Tensor, p: list[Tensor]) -> Tensor:
    x = torch.tanh(w.flatten(1) @ p[0])
    return (x @ p[1]).view(-1, 2, 4, 4)


MLP = [normal(6, 16, scale=0.6), normal(16, scale=0.2), normal(16, 16, scale=0.4), normal(16, scale=0.2)]
MLP.append(normal(16, 1, scale=0.5))
CONV = [normal(6, 2, 3, 3, scale=0.4), normal(1, 6, 1, 1, scale=0.2), normal(8, 6, 3, 3, scale=0.3)]
CONV += [normal(1, 8, 1, 1, scale=0.2), normal(32, 1, scale=0.4)]
CRITICS = {
    "mlp": (mlp(torch.tanh), MLP, normal(12, 6)),
    "conv": (conv, CONV, normal(5, 2, 8, 8)),
    "relu": (mlp(relu), MLP, normal(12, 6)),
}
PENALTIES = {
    "wgan_gp": lambda n: 10 * ((n - 1) ** 2).mean(),
    "wgan_lp": lambda n: 10 * (relu(n - 1) ** 2).mean(),
    "wgan_div": lambda n: 2 * (n**6).mean(),
    "r1": lambda n: 0.5 * 3 * (n**2).mean(),
}


def record(name: str, value: Tensor, norms: Tensor, parameters: list[Tensor]) -> None:
    grads = torch.autograd.grad(value, parameters)
    tensors[f"{name}.value"], tensors[f"{name}.norms"] = value.detach(), norms.detach()
    for i, grad in enumerate(grads):
        tensors[f"{name}.grad.{i}"] = grad
    cases[name] = json.dumps({"torch": torch.__version__, "parameters": len(parameters)})


for net, (run, start, points) in CRITICS.items():
    for i, parameter in enumerate(start):
        tensors[f"{net}.{i}"] = parameter
    tensors[f"{net}.points"] = points
    for name, penalty in PENALTIES.items():
        parameters = [p.clone().requires_grad_() for p in start]
        x = points.clone().requires_grad_()
        (grad,) = torch.autograd.grad(run(x, parameters).sum(), x, create_graph=True)
        norms = grad.flatten(1).norm(2, dim=1)
        record(f"{net}/{name}", penalty(norms), norms, parameters)

# StyleGAN3's pl_penalty: pl_mean = pl_mean.lerp(pl_lengths.mean(), pl_decay) stays attached.
start, latents, noise = [normal(15, 24, scale=0.3), normal(24, 32, scale=0.3)], normal(6, 3, 5), normal(6, 2, 4, 4)
noise = (noise / 4).float().double()
tensors["generator.points"], tensors["generator.noise"] = latents, noise
for i, parameter in enumerate(start):
    tensors[f"generator.{i}"] = parameter
parameters = [p.clone().requires_grad_() for p in start]
w = latents.clone().requires_grad_()
(grad,) = torch.autograd.grad((generator(w, parameters) * noise).sum(), w, create_graph=True)
lengths = grad.square().sum(2).mean(1).sqrt()
old, decay = 0.3, 0.1
mean = torch.tensor(old, dtype=torch.float64).lerp(lengths.mean(), decay)
record("generator/path_length", 2 * (lengths - mean).square().mean(), lengths, parameters)
tensors["generator/path_length.mean"] = mean.detach()

path = Path(__file__).with_suffix(".safetensors")
save_file({k: v.clone().contiguous() for k, v in tensors.items()}, path, metadata=None)
print(f"{path.name}: {len(cases)} cases, {path.stat().st_size} bytes")
