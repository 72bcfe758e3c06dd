"""Networks of full width whose weights are hashes of their names, as `Weights::random` has them with seed 1."""

from __future__ import annotations

import lpips
import numpy as np
import torch
import torchvision
from torch import nn


def hashed(name: str, seed: int, count: int) -> np.ndarray:
    """`count` numbers in [-1, 1)."""
    start = 0x811C9DC5
    for byte in name.encode():
        start = ((start ^ byte) * 0x01000193) & 0xFFFFFFFF
    start ^= (seed * 0x9E3779B9) & 0xFFFFFFFF
    h = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9) + np.uint32(start)
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return h.astype(np.float64) / 2.0**31 - 1.0


def fill(features: nn.Sequential, seed: int) -> nn.Sequential:
    """The same network with hashed weights."""
    for name, parameter in features.named_parameters():
        fan = parameter[0].numel()
        bound = (6 / fan) ** 0.5 if name.endswith("weight") else 0.1
        numbers = hashed(f"features.{name}", seed, parameter.numel()) * bound
        single = torch.from_numpy(numbers.astype(np.float32))
        parameter.data = single.to(parameter.dtype).reshape(parameter.shape)
    for module in features.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    return features.eval().requires_grad_(False)


def trunk(name: str, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    """The convolution layers of a torchvision network."""
    return fill(getattr(torchvision.models, name)(weights=None).features.to(dtype), seed=1)


def hashed_lpips(net: str, name: str, dtype: torch.dtype = torch.float64) -> nn.Module:
    """LPIPS with its own heads and a hashed network."""
    peer = lpips.LPIPS(net=net, version="0.1", pnet_rand=True, verbose=False)
    features = trunk(name, dtype)
    for child in peer.net.children():
        for part in child if isinstance(child, nn.ModuleList) else [child]:
            for index, _ in part.named_children():
                setattr(part, index, features[int(index)])
    return peer.eval().requires_grad_(False)
