"""The two perturbations: Gaussian (EDM) and the heavier-tailed one of PFGM++."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from disco_dock.runtime.errors import ConfigError

Normal = Callable[[int], Tensor]
"""count -> (rows, count) standard normal numbers, from one stream per row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessConfig:
    """How a datum y becomes x = y + sigma * noise.

    Attributes:
        dimension: D of PFGM++, the number of added dimensions; 0 stands for infinity, which is EDM's Gaussian noise.
        sigma_data: standard deviation of the data, in the units of x.
        sigma_min: smallest noise level of sampling.
        sigma_max: largest noise level of sampling.
    """

    dimension: int = 0
    sigma_data: float = 0.5
    sigma_min: float = 0.002
    sigma_max: float = 80.0

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.dimension < 0:
            raise ConfigError(f"process.dimension must be 0 (Gaussian) or positive, got {self.dimension}")
        if self.sigma_data <= 0 or not 0 < self.sigma_min < self.sigma_max:
            raise ConfigError("process needs sigma_data > 0 and 0 < sigma_min < sigma_max")


def unit_noise(config: ProcessConfig, shape: tuple[int, ...], normal: Normal) -> Tensor:
    """(rows, *shape) noise at sigma = 1.

    With D added dimensions the noise is g sqrt(D) / |h|, with g and h standard normal of N and D dimensions: its
    squared radius over D is the ratio chi2_N / chi2_D, which is R^2 / r^2 = B / (1 - B), B ~ Beta(N/2, D/2), as PFGM++
    draws it.

    Source: Xu et al. 2023 (arXiv:2302.04265), sec. 3.1 and app. B, with r = sigma sqrt(D).
    """
    return TrajectoryNoise(config, shape, normal)()


class TrajectoryNoise:
    """Noise at sigma = 1 of one trajectory per row, one call after another.

    With D added dimensions, every call has the same |h|: noise of level s on top of noise of level t then is noise of
    level sqrt(s^2 + t^2), as a solver that goes back to a higher level needs. Fresh |h| would average out, and the
    radii would vary too little.

    Args:
        config: the process.
        shape: of a row.
        normal: streams of the rows.
    """

    def __init__(self, config: ProcessConfig, shape: tuple[int, ...], normal: Normal) -> None:
        self._dimension, self._shape, self._normal = config.dimension, shape, normal
        self._scale: Tensor | None = None

    def __call__(self) -> Tensor:
        """(rows, *shape) noise."""
        noise = self._normal(math.prod(self._shape))
        if self._dimension:
            if self._scale is None:
                extra = self._normal(self._dimension)
                self._scale = math.sqrt(self._dimension) / extra.norm(dim=1, keepdim=True)
            noise = noise * self._scale
        return noise.view(-1, *self._shape)


def rho_grid(config: ProcessConfig, steps: int, rho: float = 7.0) -> Tensor:
    """(steps + 1,) float64 noise levels from sigma_max to sigma_min, and 0 at the end.

    Source: Karras et al. 2022 (arXiv:2206.00364), eq. 5.

    Raises:
        ConfigError: fewer than two steps.
    """
    if steps < 2:
        raise ConfigError(f"sampling needs at least 2 steps, got {steps}")
    ramp = torch.arange(steps, dtype=torch.float64) / (steps - 1)
    high, low = config.sigma_max ** (1 / rho), config.sigma_min ** (1 / rho)
    levels = (high + ramp * (low - high)) ** rho
    return torch.cat([levels, torch.zeros(1, dtype=torch.float64)])
