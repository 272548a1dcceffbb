"""Noise levels as inputs of a network."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from disco_dock.diffusion.schedule import NoiseConfig, Sigmas

WAVES = 3
NOISE_FEATURES = 3 * (1 + 2 * WAVES)


def noise_features(sigma: Sigmas, noise: NoiseConfig) -> Tensor:
    """(rows, NOISE_FEATURES) float: where each level stands between its bounds, and sines and cosines of that.

    Args:
        sigma: noise levels, (rows,) each.
        noise: bounds, at 0 and 1 on a logarithmic scale.
    """
    features = []
    for value, (low, high) in zip(sigma, noise.bounds(), strict=True):
        place = torch.log(torch.as_tensor(value).float() / low) / math.log(high / low)
        angles = place[:, None] * torch.tensor([math.pi * 2.0**k for k in range(WAVES)], device=place.device)
        features += [place[:, None], angles.sin(), angles.cos()]
    return torch.cat(features, -1)
