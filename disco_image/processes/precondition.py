"""EDM preconditioning: a network of unit-variance input and output becomes a denoiser."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Coefficients(NamedTuple):
    """Scalings at a noise level, each of the shape of sigma; D(x) = skip * x + out * F(c_in * x, noise)."""

    skip: Tensor
    out: Tensor
    c_in: Tensor
    noise: Tensor


def coefficients(sigma: Tensor, sigma_data: float) -> Coefficients:
    """Scalings that give the network's input, target and effective loss unit variance.

    Args:
        sigma: noise levels, > 0.
        sigma_data: standard deviation of the data.

    Source: Karras et al. 2022 (arXiv:2206.00364), table 1, column "Ours".
    """
    total = sigma.square() + sigma_data**2
    return Coefficients(
        skip=sigma_data**2 / total,
        out=sigma * sigma_data / total.sqrt(),
        c_in=total.rsqrt(),
        noise=sigma.log() / 4,
    )


def spread(values: Tensor, like: Tensor) -> Tensor:
    """(batch,) values with trailing dimensions of one, so that they multiply `like` (batch, ...)."""
    return values.view(-1, *([1] * (like.dim() - 1)))


def ode_drift(x: Tensor, denoised: Tensor, sigma: Tensor) -> Tensor:
    """dx / dsigma of the probability-flow ODE, (x - D) / sigma.

    Args:
        x: (batch, ...).
        denoised: D(x, sigma) of the same shape.
        sigma: scalar or (batch,).

    Source: Karras et al. 2022, eq. 1 and 3 with sigma(t) = t.
    """
    return (x - denoised) / (spread(sigma, x) if torch.is_tensor(sigma) and sigma.dim() else sigma)
