"""Wrapped normal on the circle: score and expected squared score.

The published tables are replaced by the exact function at the cell that the table lookup would pick (`snap`), so the
values equal the table's without building it.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from jaxtyping import Float, Float64
from torch import Tensor

GRID = 5000  # cells of both published grids
SIGMA_RANGE = (3e-3 * math.pi, 2 * math.pi)
X_RANGE = (1e-5 * math.pi, math.pi)
IMAGES = 100  # wrapped images on either side in the published sum; those that matter are far fewer
QUADRATURE = 500  # points of the midpoint rule for the expected squared score; it converges exponentially


def wrap(angle: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Angles in radians moved to [-pi, pi)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


def _snap(value: Tensor, bounds: tuple[float, float]) -> Tensor:
    """(...) int64 cell of a positive value on a logarithmic grid of GRID + 1 points, nearest in the logarithm."""
    low, high = math.log(bounds[0] / math.pi), math.log(bounds[1] / math.pi)
    cell = (torch.log(value / math.pi) - low) / (high - low) * GRID
    return torch.round(cell.clamp(0, GRID)).long()


def _grid_value(cell: Tensor, bounds: tuple[float, float]) -> Tensor:
    """The grid point of a cell, float64."""
    low, high = math.log10(bounds[0] / math.pi), math.log10(bounds[1] / math.pi)
    return 10.0 ** (low + (high - low) / GRID * cell.double()) * math.pi


def exact_score(x: Float[Tensor, "*batch"], sigma: Float[Tensor, ...]) -> Float[Tensor, "*batch"]:
    """d/dx log p(x) of the wrapped normal with standard deviation sigma, evaluated stably.

    Args:
        x: (...) radians.
        sigma: broadcasts to x, radians.
    """
    x = wrap(x)
    reach = int(min(IMAGES, math.ceil(float(sigma.max()) * 7 / (2 * math.pi)) + 1))
    shift = 2 * math.pi * torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    images = x[..., None] + shift
    weight = torch.softmax(-(images**2) / (2 * sigma[..., None] ** 2), -1)
    return -(weight * images).sum(-1) / sigma**2


def score(x: Float[Tensor, "*batch"], sigma: Float[Tensor, ...]) -> Float64[Tensor, "*batch"]:
    """Score at x (radians) for noise level sigma, as the published table gives it.

    Args:
        x: (...) radians, wrapped here.
        sigma: broadcasts to x, radians.
    """
    x = wrap(x.double())
    size = _grid_value(_snap(x.abs().clamp_min(X_RANGE[0]), X_RANGE), X_RANGE)
    level = _grid_value(_snap(sigma.double(), SIGMA_RANGE), SIGMA_RANGE)
    return torch.sign(x) * exact_score(size, level.expand_as(size))


@lru_cache(maxsize=1)
def _norm_table() -> Tensor:
    """(GRID + 1,) E[score^2] at each grid sigma, float64, by quadrature.

    Below sigma = 0.5 the wrapped normal is a normal to 1e-8, where E[score^2] = 1 / sigma^2.
    """
    sigma = _grid_value(torch.arange(GRID + 1), SIGMA_RANGE)
    table = 1 / sigma**2
    wide = sigma > 0.5
    x = (torch.arange(QUADRATURE, dtype=torch.float64) + 0.5) / QUADRATURE * math.pi
    level = sigma[wide][:, None]
    shift = 2 * math.pi * torch.arange(-8, 9, dtype=torch.float64)
    density = torch.zeros(len(level), QUADRATURE, dtype=torch.float64)
    slope = torch.zeros_like(density)
    for image in shift:
        part = torch.exp(-((x + image) ** 2) / (2 * level**2))
        density += part
        slope -= part * (x + image) / level**2
    table[wide] = (slope**2 / density).sum(1) / density.sum(1)
    return table


def score_norm(sigma: Float[Tensor, "*batch"]) -> Float64[Tensor, "*batch"]:
    """E[score^2] (...) at noise level sigma (...), float64, nearest grid cell as published but exact, not sampled."""
    cell = _snap(sigma.double(), SIGMA_RANGE)
    return _norm_table().to(sigma.device)[cell]
